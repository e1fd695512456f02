from __future__ import annotations

import difflib
from collections.abc import Iterator

from nanlint.api import CERTAIN, Report, Site, rule, torch_names


@rule("NAN803", at="unknown-name", kind="complex")
def unknown_torch_function(site: Site) -> Iterator[Report]:
    """
    A name that torch does not have.

    ## Why is this bad?

    `F.complex_relu` and other plausible names exist nowhere in torch. Python finds out when the line runs: in the
    forward pass, in the branch of a loss that is taken late, after hours of training.

    ## Bad

    ```python
    def forward(z):
        return F.complex_relu(z)  # flagged


    # run: forward(torch.randn(4, dtype=torch.complex64))
    # raises: AttributeError
    ```

    ## Good

    ```python
    def complex_relu(z):
        return torch.complex(F.relu(z.real), F.relu(z.imag))


    def forward(z):
        return complex_relu(z).abs()


    # run: forward(torch.randn(4, dtype=torch.complex64))
    ```

    ## Known limits

    The names are the public ones of torch 2.13 in torch, torch.nn, torch.nn.functional, torch.optim, torch.special,
    torch.linalg, torch.fft, torch.distributions and torch.Tensor; a newer torch may have more. Silent within code that
    asks first (`hasattr`, `getattr` with a default, a test of the version, `try` with a handler that catches it),
    in a file that sets the attribute itself, and for modules that packages for other devices add (`torch.npu.x`).
    """
    name: str = site.payload
    raises = "ImportError" if "import" in type(site.node).__name__.lower() else "AttributeError"
    nearest = _nearest(name)
    cure = f"; the nearest name is `{nearest}`" if nearest else ""
    yield site.report(CERTAIN, f"torch 2.13 has no `{name}`, which raises {raises}{cure}", at=site.place)


def _nearest(name: str) -> str | None:
    """The same name elsewhere in torch, or the most similar one in the same place."""
    known = torch_names()
    place, _, last = name.rpartition(".")
    for elsewhere in ("torch", "torch.nn.functional", "torch.nn", "torch.special", "torch.linalg", "torch.optim"):
        if f"{elsewhere}.{last}" in known:
            return f"{elsewhere}.{last}"
    beside = {n.rpartition(".")[2].lower(): n for n in sorted(known) if n.rpartition(".")[0] == place}
    close = difflib.get_close_matches(last.lower(), beside, n=1, cutoff=0.7)
    # the end of complex_relu is a name by itself
    ends = [n for n in beside if last.lower().endswith(n) and len(n) > 3]
    return beside[close[0] if close else max(ends, key=len)] if close or ends else None
