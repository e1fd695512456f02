"""Objects of torch.distributions: what their methods and attributes give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts.apply import Operands, apply, know_tensor
from nanlint.facts.binding import bind_op
from nanlint.facts.joined import join
from nanlint.facts.value import ABSENT, Application, Operand, Value
from nanlint.finding import Confidence
from nanlint.interval import FINITE_NONNEGATIVE, FINITE_NONPOSITIVE, FINITE_POSITIVE, UNIT
from nanlint.ops import TABLE, by_spelling
from nanlint.ops.distributions import DISTRIBUTIONS, Family

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.source import nodes as cst

# the same distribution for other shapes
SHAPED = frozenset({"expand", "to_event", "expand_by"})
WRAPPERS = frozenset({"Independent", "TransformedDistribution", "MixtureSameFamily"})
SAMPLES = frozenset({"sample", "rsample", "sample_n", "enumerate_support"})
MOMENTS = frozenset({"mean", "mode", "median"})
SPREADS = frozenset({"stddev", "variance"})
# whose mean is infinite or not a number for some parameters
HEAVY = frozenset({"Cauchy", "HalfCauchy", "StudentT", "Pareto", "InverseGamma", "FisherSnedecor"})
DEPTH = 8
NOTHING = Family()


def method(
    frame: Frame,
    base: Operand,
    name: str,
    positional: Sequence[Operand],
    keywords: Mapping[str, Operand],
    node: cst.Node,
) -> Value | None:
    """The result of `distribution.name(...)`; None for a method that is not known."""
    value = base.value
    if len(value.alternatives) > 1:
        parts = [
            method(frame, Operand(v, base.node), name, positional, keywords, node)
            for v in value.alternatives
            if v.kind == "distribution"
        ]
        return join(frame, [p for p in parts if p is not None]) if None not in parts and parts else None
    if name in SHAPED:
        return value
    op = by_spelling(f"torch.distributions.Distribution.{name}")
    if op is None:
        return None
    if positional and name in ("log_prob", "cdf", "icdf"):
        know_tensor(frame, positional[0].value)
    result = apply(frame, op, bind_op(frame, op, [base, *positional], keywords), node)
    family = _family(value)
    if name in SAMPLES:
        source = drawn_by(value)
        dtype = "int64" if _name(source) == "Categorical" else value.dtype
        return result.but(range=source.range, reach=source.reach, dtype=dtype)
    result = result.but(dtype=value.dtype)
    if name == "log_prob" and family.discrete:
        return result.but(range=FINITE_NONPOSITIVE, reach=Confidence.POSSIBLE)
    if name == "entropy" and family.discrete:
        return result.but(range=FINITE_NONNEGATIVE, reach=Confidence.POSSIBLE)
    return result


def attribute(frame: Frame, base: Operand, name: str, node: cst.Node) -> Value | None:
    """The value of `distribution.name`; None for an attribute that is not known."""
    value = base.value
    if len(value.alternatives) > 1:
        parts = [attribute(frame, Operand(v, base.node), name, node) for v in value.alternatives]
        return join(frame, [p for p in parts if p is not None]) if None not in parts else None
    if name == "base_dist":
        return inner_distribution(value)
    family = _family(value)
    if name in ("probs", "logits") and family.probs:
        return _probabilities(frame, value, family, name, node)
    held = value.arg(name) or value.arg(getattr(family, name) if name in ("mean", "stddev") else "")
    if held is not None and held.kind in ("tensor", "unknown", "number"):
        return held.but(kind="tensor", const=ABSENT)
    if held is not None and held.kind == "distribution":
        return held
    needed = next((need.domain for need in family.needs if need.parameter == name), None)
    if held is None and needed is not None:
        return frame.session.once(
            ("attr", value.ident, name),
            lambda ident: Value("tensor", needed, Confidence.LIKELY, ident, value.dtype, value.grad),
        )
    if name == "variance" and family.stddev and (scale := value.arg(family.stddev)) is not None:
        return apply(frame, TABLE["square"], {"input": Operand(scale.but(kind="tensor", const=ABSENT), node)}, node)
    if name not in MOMENTS | SPREADS:
        return None
    source = drawn_by(value)
    known = source.range if _name(source) not in HEAVY else None
    reach = Confidence.POSSIBLE
    if name in SPREADS and known is not None:
        known = FINITE_NONNEGATIVE if family.discrete else FINITE_POSITIVE
    ident = frame.session.intern((name, value.ident))
    return Value(
        "tensor", known, reach, ident, value.dtype, value.grad, Application(name, {"input": value}, frame.place(node)),
        hazards=value.hazards, slopes=value.slopes,
    )  # fmt: skip


def of_annotation(frame: Frame, text: str) -> Value | None:
    """An argument whose annotation says that it is a distribution of torch; None for any other."""
    head, _, rest = text.partition(".")
    imported = frame.session.source.index.imports.get(head, "")
    dotted = f"{imported}.{rest}" if rest else imported
    if dotted.startswith("torch.distributions.") and dotted.endswith(".Distribution"):
        return frame.unknown(kind="distribution", ref="Distribution")
    return of_class(frame, dotted)


def of_class(frame: Frame, dotted: str) -> Value | None:
    """Any object of a distribution of torch, by the full name of its class; None for any other class."""
    op = by_spelling(dotted)
    if op is None or op.returns != "distribution":
        return None
    return frame.unknown(kind="distribution", ref=op.name, range=op.shape(Operands({})), reach=op.attains)


def _name(value: Value) -> str:
    """The class of the distribution, by what has made it or by its annotation."""
    return value.op or (value.ref if isinstance(value.ref, str) else "")


def drawn_by(value: Value) -> Value:
    """Whose range the samples have: the innermost distribution, or the transform that is applied last."""
    for _ in range(DEPTH):
        inner = inner_distribution(value)
        if inner is None:
            break
        value = last_transform(value) or inner
    return value


def inner_distribution(value: Value) -> Value | None:
    """What `Independent` and the like wrap."""
    if value.op not in WRAPPERS:
        return None
    return value.arg("base_distribution") or value.arg("component_distribution")


def last_transform(value: Value) -> Value | None:
    """The transform by which `TransformedDistribution` makes its samples; an unknown one if it is not in view."""
    if value.op != "TransformedDistribution":
        return None
    transforms = value.arg("transforms")
    if transforms is None:
        return Value()
    if transforms.items is not None:
        return transforms.items[-1] if transforms.items else None
    return transforms if transforms.op in DISTRIBUTIONS else Value()


def family_of(value: Value) -> tuple[Value, Family]:
    """The distribution or transform that decides where log_prob and icdf are finite, and what is known of it."""
    made = drawn_by(value)
    return made, DISTRIBUTIONS.get(_name(made), NOTHING)


def _family(value: Value) -> Family:
    """What is known of the distribution itself, seen through `Independent`."""
    while value.op == "Independent" and (inner := inner_distribution(value)) is not None:
        value = inner
    return DISTRIBUTIONS.get(_name(value), NOTHING)


def _probabilities(frame: Frame, value: Value, family: Family, name: str, node: cst.Node) -> Value | None:
    while value.op == "Independent" and (inner := inner_distribution(value)) is not None:
        value = inner
    probs, logits = value.arg("probs"), value.arg("logits")
    given = probs if probs is not None and probs.kind != "none" else None
    if name == "probs" and given is not None:
        # normalised: what softmax has made stays as it is
        kept = given.but(kind="tensor", const=ABSENT)
        return kept if family.probs == "sigmoid" or given.op == "softmax" else kept.but(
            range=UNIT, reach=Confidence.LIKELY, ident=frame.session.intern(("probs", value.ident)),
            made_by=Application("probs", {"input": value}, frame.place(node)),
        )  # fmt: skip
    if name == "probs" and logits is None:
        return frame.session.once(
            ("probs", value.ident), lambda ident: Value("tensor", UNIT, Confidence.LIKELY, ident, grad=value.grad)
        )
    if given is not None or logits is None or logits.kind not in ("tensor", "unknown"):
        return None
    if name == "logits" and family.probs == "sigmoid":
        return logits.but(kind="tensor")
    op = TABLE[family.probs if name == "probs" else "log_softmax"]
    return apply(frame, op, {"input": Operand(logits.but(kind="tensor"), node)}, node)
