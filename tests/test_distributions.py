"""Every distribution of the table against the installed torch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from op_recipes import resolve

from nanlint.interval import UNIT, Interval
from nanlint.ops import LINES, Op
from nanlint.ops.distributions import DISTRIBUTIONS

SIZES = (0.02, 0.5, 1.0, 20.0)
COUNTS = {"total_count": 7}
WRAPPERS = ("Independent", "TransformedDistribution", "MixtureSameFamily")
LINE = [op for op in LINES if op.name in DISTRIBUTIONS and op.name not in WRAPPERS]
MADE = [op for op in LINE if not op.name.endswith("Transform")]
TRANSFORMS = [op for op in LINE if op.name.endswith("Transform") and op.name != "AffineTransform"]


def each(ops: list[Op]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", ops, ids=[op.name for op in ops])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def parameters(case: Op) -> Iterator[dict[str, Any]]:
    """Some that torch accepts."""
    if case.name == "MultivariateNormal":
        yield {"loc": torch.zeros(2), "scale_tril": torch.eye(2)}
        return
    chosen = [p for p in case.parameters if p not in COUNTS and p not in ("logits", "cov_factor")]
    positive = {need.parameter for need in case.needs if need.domain.lo == 0 and need.domain.hi > 1}
    choices = [SIZES if p in positive and p != "probs" or p == "temperature" else (0.2, 0.7) for p in chosen]
    for numbers in itertools.product(*choices):
        values: dict[str, Any] = {
            p: torch.tensor(x) if p == "temperature" else torch.full((2,), x)
            for p, x in zip(chosen, numbers, strict=True)
        }
        if "low" in values:
            values["high"] = values["low"] + values["high"]
        if "cov_factor" in case.parameters:
            values["cov_factor"] = torch.eye(2)
        yield {**{p: n for p, n in COUNTS.items() if p in case.parameters}, **values}


class Given:
    """The call that a shape function sees."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def range(self, parameter: str) -> Interval | None:
        x = self.values.get(parameter)
        return None if x is None else Interval(float(torch.as_tensor(x).min()), float(torch.as_tensor(x).max()))

    def const(self, parameter: str) -> object:
        return None

    def given(self, parameter: str) -> bool:
        return parameter in self.values


@each(MADE)
def test_samples_lie_in_the_range(case: Op) -> None:
    for values in parameters(case):
        drawn = resolve(f"torch.distributions.{case.name}")(**values).sample((2000,))
        range_ = case.shape(Given(values))
        assert range_ is not None
        for x in (drawn.min().item(), drawn.max().item()):
            assert x in range_, (values, x)


@each(MADE)
def test_methods_give_what_is_said(case: Op) -> None:
    family = DISTRIBUTIONS[case.name]
    for values in parameters(case):
        made = resolve(f"torch.distributions.{case.name}")(**values)
        for name, parameter in (("mean", family.mean), ("stddev", family.stddev)):
            if parameter:
                assert torch.allclose(getattr(made, name), made.probs if parameter == "probs" else values[parameter])
        if family.discrete:
            assert (made.log_prob(made.sample()) <= 1e-6).all()
        if family.probs and "logits" in case.parameters:
            function = torch.sigmoid if family.probs == "sigmoid" else torch.softmax
            logits = torch.tensor([0.3, -2.0])
            given = {**{k: v for k, v in values.items() if k != "probs"}, "logits": logits}
            probs = resolve(f"torch.distributions.{case.name}")(**given).probs
            assert torch.allclose(probs, function(logits) if family.probs == "sigmoid" else function(logits, dim=-1))


@each([op for op in MADE if DISTRIBUTIONS[op.name].quantiles is not None])
def test_quantiles_are_finite_where_declared(case: Op) -> None:
    for values in parameters(case):
        made = resolve(f"torch.distributions.{case.name}")(**values)
        for p in (0.0, 0.5, 1.0):
            finite = bool(made.icdf(torch.full((2,), p)).isfinite().all())
            assert finite == (p in (DISTRIBUTIONS[case.name].quantiles or UNIT)), (values, p)


@each([op for op in LINE if DISTRIBUTIONS[op.name].density is not None])
def test_densities_are_finite_where_declared(case: Op) -> None:
    """At the border of the support log_prob is not finite, or torch raises, for some parameters."""
    density = DISTRIBUTIONS[case.name].density
    assert density is not None
    for point in (-1.0, 0.0, 1.0):
        if density.lo <= point <= density.hi:
            results = []
            for made in distributions_of(case):
                try:
                    point_or_row = torch.tensor([point, 1 - point]) if case.name == "Dirichlet" else torch.tensor(point)
                    results.append(bool(made.log_prob(point_or_row).isfinite().all()))
                except ValueError:
                    results.append(False)
            inside = point in density and (case.name != "Dirichlet" or 1 - point in density)
            assert all(results) == inside, point


def distributions_of(case: Op) -> list[Any]:
    made = resolve(f"torch.distributions.{case.name}")
    if case in TRANSFORMS:
        normal = torch.distributions.Normal(torch.tensor(0.0), torch.tensor(1.0))
        return [torch.distributions.TransformedDistribution(normal, [made()])]
    return [made(**values) for values in parameters(case)]


@each(TRANSFORMS)
def test_transforms_map_into_their_range(case: Op) -> None:
    x = torch.tensor([-1e4, -200.0, -50.0, -1.0, 0.0, 1.0, 50.0, 200.0, 1e4])
    image = case.shape(Given({}))
    assert image is not None
    mapped = resolve(f"torch.distributions.{case.name}")()(x)
    assert all(y in image for y in mapped.tolist())
