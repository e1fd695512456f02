"""The list of torch's public names that nanlint ships, from the installed torch."""

from __future__ import annotations

import subprocess
import sys

from nanlint.ops.names import NAMESPACES

LIST = """
import pkgutil, sys, torch
for name in sys.argv[1:]:
    holder = eval(name)
    modules = [module.name for module in pkgutil.iter_modules(getattr(holder, "__path__", ()))]
    print(*(f"{name}.{x}" for x in [*dir(holder), *modules] if x[0] != "_"), sep="\\n")
"""


def render() -> str:
    """One dotted name per line, sorted; read in a fresh process, because imports add names to torch.

    The modules that an import would add to their package are names of it too. Raises CalledProcessError without torch.
    """
    command = [sys.executable, "-c", LIST, *NAMESPACES]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return "\n".join(sorted(set(done.stdout.split()))) + "\n"
