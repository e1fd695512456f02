"""What the text of a whole file tells spares taking it apart, and never hides a definition that is worth a look."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

from nanlint.following import follows
from nanlint.mentions import mentioned
from nanlint.rule import Rule
from nanlint.source import Source, glance
from nanlint.triggers import Triggers

FILES = [path for folder in ("fixtures", "nanlint", "tests", "rules") for path in sorted((ROOT / folder).rglob("*.py"))]

IMPORTS = """import torch, os.path
import torch.nn.functional as F
from torch import (  # the usual
    log as ln,

    exp,
)
try:
    from .shapes import \\
        sizes
except ImportError:
    from . import sizes as others
text = "import nothing"
import_path = importlib.import_module("x")
def f():
    import math
    from numpy import *
    return math
"""
# of the first, an annotation in one definition says nothing of another
PASSING = {
    "division": "import torch\ndef f(n: int):\n    return 1\ndef g(x, n):\n    return x / n\n",
    "power": "import torch\ndef f(n: int):\n    return n\ndef g(n):\n    return n ** 0.5\n",
    "growth over a blank row": "import torch\ndef f(x):\n    for i in x:\n        x = (x\n\n             * x)\n",
    "absent": "import torch\nfrom torch.nn import Nothing\n",
    "called": "import torch\ndef mean(x):\n    return x.mean()\ndef f(x):\n    return mean(x[x > 0])\n",
    "driven": "import torch\n# backward()\ndef step(o):\n    o.step()\ndef f(o):\n    step(o)\n",
}


def is_quiet(source: Source, rules: tuple[Rule, ...]) -> bool:
    listened = frozenset(op for rule in mentioned(rules, source) for op in rule.at)
    seen = glance(source)
    return seen is not None and not Triggers(listened, source).in_file(*seen) and not follows(listened, source, seen[1])


def test_imports() -> None:
    seen = glance(Source(IMPORTS.encode(), "m.py"))
    assert seen is not None
    index, code = seen
    assert index.imports == {
        "torch": "torch", "os": "os", "F": "torch.nn.functional", "ln": "torch.log", "exp": "torch.exp",
        "sizes": ".shapes.sizes", "others": ".sizes", "math": "math",
    }  # fmt: skip
    assert code.strip().startswith("try:\n")
    assert "import math" in code


def test_import_below_its_module() -> None:
    assert glance(Source(b"import torch\nfrom math \\\n    import log\n", "m.py")) is None


def test_name_with_two_meanings() -> None:
    assert glance(Source(b"from math import log\ndef f():\n    from torch import log\n", "m.py")) is None


@pytest.mark.parametrize("text", PASSING.values(), ids=PASSING.keys())
def test_what_one_definition_shows(rules: tuple[Rule, ...], text: str) -> None:
    assert not is_quiet(Source(text.encode(), "m.py"), rules)


def test_no_definition_is_hidden(rules: tuple[Rule, ...]) -> None:
    quiet: list[Path] = []
    for path in FILES:
        source = Source(path.read_bytes(), str(path))
        if is_quiet(source, rules):
            quiet.append(path)
            listened = frozenset(op for rule in mentioned(rules, source) for op in rule.at)
            shows = Triggers(listened, source).of(source.index)
            assert not [definition for definition in source.index.definitions if shows(definition.code)], path
    assert 50 < len(quiet) < len(FILES) - 50


@pytest.mark.parametrize("text", ["def f(:\n", "def f():\n    return\n  x = 1\n", "x = (1,\n", "print 'x'\n"])
def test_quiet_file_that_is_no_python(check, text: str) -> None:
    found = check(f"import torch\n{text}").findings
    assert [finding.code for finding in found] == ["NAN000"]
