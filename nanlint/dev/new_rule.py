"""The two files that a new rule starts from."""

from __future__ import annotations

import re
from pathlib import Path

RULE = '''\
from __future__ import annotations

from collections.abc import Iterator

from nanlint.api import LIKELY, Report, Site, rule


@rule("{code}", at="{at}", kind="{kind}")
def {function}(site: Site) -> Iterator[Report]:
    """
    One line that says the defect.

    ## Why is this bad?

    What torch gives, measured, and what it does to a loss and its gradient.

    ## Bad

    ```python
    def f(x):
        return x  # flagged


    # run: f(torch.tensor([0.0], requires_grad=True))
    ```

    ## Good

    ```python
    def f(x):
        return x


    # run: f(torch.tensor([0.0], requires_grad=True))
    ```

    ## Known limits

    What it misses, and why.
    """
    x = site.input
    message = f"`{{site.show(x)}}` lies in {{x.value.range}}{{site.because(x.value)}}: say the cure"
    yield site.report(LIKELY, message, at=x)
'''

CASES = """\
import torch


def bad(x):
    return x  # flagged: {name}


def good(x):
    return x
"""


def write(root: Path, name: str, *, code: str, at: str, kind: str) -> tuple[Path, Path]:
    """Write `rules/<name>.py` and `fixtures/<name>/cases.py` below `root` and return them.

    Raises ValueError for a name or code that is not well formed, FileExistsError rather than overwrite.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ValueError(f"{name!r} is not in kebab case, such as log-of-nonpositive")
    if not re.fullmatch(r"[A-Z]{3}\d{3}", code):
        raise ValueError(f"{code!r} is not three capitals and three digits, such as NAN101")
    function = name.replace("-", "_")
    texts = {
        root / "rules" / f"{function}.py": RULE.format(code=code, at=at, kind=kind, function=function),
        root / "fixtures" / function / "cases.py": CASES.format(name=name),
    }
    if taken := [path for path in texts if path.exists()]:
        raise FileExistsError(f"{taken[0]} exists")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    rule_file, cases = texts
    return rule_file, cases
