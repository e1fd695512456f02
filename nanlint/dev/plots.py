"""The plots on the pages of rules: what fails, what does not, and the gradient of both, as torch computes them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nanlint.dev.svg import Curve, Panel, draw

STEPS = 160
Limits = tuple[float, float]


@dataclass(frozen=True)
class Plot:
    """Expressions of `x`, a float32 tensor over `span`; `value` and `slope` are the limits of the two panels.

    A gradient that shows nothing is left out. Nothing stands here whose shape hangs on the last bit of an `exp` or a
    `cos`, which is not the same on all machines.
    """

    bad: str
    good: str
    span: Limits
    value: Limits
    slope: Limits | None = None


PLOTS = {
    "atan-of-quotient": Plot(
        "torch.atan(1 / x)", "torch.atan2(torch.ones_like(x), x)", (-2, 2), (-2, 3.5), (-1.4, 0.4)
    ),
    "entropy-gradient-at-zero": Plot(
        "torch.special.entr(x)", "torch.special.entr(x.clamp_min(0.01))", (0, 0.2), (0, 0.4), (-1, 6)
    ),
    "eps-on-signed-divisor": Plot("1 / (x + 0.01)", "x / (x * x + 0.01 ** 2)", (-0.08, 0.08), (-200, 200)),
    "gamma-at-pole": Plot("torch.lgamma(x)", "torch.lgamma(x.clamp_min(0.05))", (-0.5, 2), (-0.5, 5), (-12, 4)),
    "inverse-out-of-domain": Plot(
        "torch.acos(x)", "torch.acos(x.clamp(-1 + 1e-6, 1 - 1e-6))", (-1.6, 1.6), (-0.2, 3.4), (-8, 1)
    ),
    "log-of-one-plus": Plot("torch.log(1 + x) / x", "torch.log1p(x) / x", (5e-8, 2.05e-6), (0, 2)),
    "log-of-sigmoid": Plot(
        "torch.log(torch.sigmoid(x))", "F.logsigmoid(x)", (-120, 40), (-120, 5), (-0.2, 1.4)
    ),
    "log-of-softmax": Plot(
        "torch.softmax(torch.stack([x, 0 * x]), 0)[0].log()", "torch.log_softmax(torch.stack([x, 0 * x]), 0)[0]",
        (-130, 30), (-130, 5), (-0.2, 1.4),
    ),
    "log-of-tanh-derivative": Plot(
        "torch.log(1 - torch.tanh(x) ** 2)", "2 * (math.log(2) - x - F.softplus(-2 * x))",
        (-12, 12), (-24, 1), (-3, 3),
    ),
    "manual-entropy": Plot(
        "-x * torch.log(x)", "torch.special.entr(x.clamp_min(1e-12))", (-0.05, 0.75), (-0.1, 0.5), (-1.5, 5)
    ),
    "manual-gaussian-nll": Plot(
        "torch.log(x) + 0.01 / x", "torch.log(x.clamp_min(0.01)) + 0.01 / x.clamp_min(0.01)",
        (0, 0.08), (-5, 2), (-600, 100),
    ),
    "manual-logit": Plot("torch.log(x / (1 - x))", "torch.logit(x, eps=0.02)", (0, 1), (-6, 6), (0, 60)),
    "removable-singularity": Plot(
        "torch.sin(x) / x", "torch.sinc(x / math.pi)", (-4, 4), (-0.3, 1.2), (-0.6, 0.6)
    ),
    "sqrt-gradient-at-zero": Plot(
        "torch.sqrt(x ** 2)", "torch.sqrt(x ** 2 + 1e-4)", (-0.08, 0.08), (-0.01, 0.1), (-1.5, 1.5)
    ),
    "where-gradient-trap": Plot(
        "torch.where(x > 0, torch.sqrt(x), 0.0)", "torch.where(x > 0, torch.sqrt(torch.where(x > 0, x, 1.0)), 0.0)",
        (-0.6, 1), (-0.1, 1.1), (-0.5, 4),
    ),
}  # fmt: skip
"""By rule; those whose page a picture helps."""


def render(plot: Plot) -> str:
    """The plot as SVG, computed with the installed torch. Raises ModuleNotFoundError without one."""
    import torch

    low, high = plot.span
    # exact in the middle, where the zero is
    xs = [(low * (STEPS - i) + high * i) / STEPS for i in range(STEPS + 1)]
    values: list[Curve] = []
    slopes: list[Curve] = []
    for expression, good in ((plot.bad, False), (plot.good, True)):
        x = torch.tensor(xs, requires_grad=True)
        names = {"torch": torch, "F": torch.nn.functional, "math": math, "x": x}
        result = eval(expression, names)  # noqa: S307
        result.sum().backward()
        assert x.grad is not None
        values.append(Curve(expression, result.detach().tolist(), good))
        slopes.append(Curve(expression, x.grad.tolist(), good))
    panels = [Panel("value", xs, plot.value, tuple(values))]
    if plot.slope is not None:
        panels.append(Panel("gradient", xs, plot.slope, tuple(slopes)))
    return draw(panels)
