"""Classes that extend torch.distributions: what they say of their parameters and of the values that they take.

The constructor checks `arg_constraints`, and `_validate_sample` checks `support`, unless the caller turns that off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nanlint.facts import distributions
from nanlint.facts.apply import apply
from nanlint.facts.frame import Env, Frame
from nanlint.facts.functions import ClassRef, FunctionRef, Instance, invoke
from nanlint.facts.value import Operand, Value, literal
from nanlint.interval import FINITE, FINITE_NONNEGATIVE, FINITE_POSITIVE, UNIT, Interval, at_least
from nanlint.ops import DTYPES, TABLE, by_spelling
from nanlint.source import nodes as cst

Function = Callable[[Frame, Sequence[Operand], Mapping[str, Operand], cst.Node], Value]
MODULE = "constraints."
OWN = "__init__ log_prob sample rsample entropy mean variance stddev cdf icdf".split()
WITHIN = {
    "positive": FINITE_POSITIVE, "nonnegative": FINITE_NONNEGATIVE, "nonnegative_integer": FINITE_NONNEGATIVE,
    "positive_integer": at_least(1.0).meet(FINITE_POSITIVE), "unit_interval": UNIT, "simplex": UNIT, "boolean": UNIT,
    "one_hot": UNIT, "real": FINITE, "real_vector": FINITE,
}  # fmt: skip
NONE: Mapping[str, Interval] = {}


def of_attribute(cls: ClassRef, name: str) -> Interval | None:
    """Where the parameter of that name lies in every object of the class; None where nothing is said of it."""
    if cls.constraints is None:
        cls.constraints = NONE
        cls.relates_parameters = cls.method("arg_constraints") is not None
        said = cls.attribute("arg_constraints")
        if said is not None and isinstance(said.ref, dict):
            known = {str(key): _within(value) for key, value in said.ref.items() if isinstance(value, Value)}
            cls.constraints = {key: range_ for key, range_ in known.items() if range_ is not None}
    return cls.constraints.get(name)


def order(frame: Frame, owner: Value, cls: ClassRef, name: str, value: Value, node: cst.Node) -> None:
    """Learn what a property `arg_constraints` says of the parameter: `{"low": constraints.less_than(self.high)}`."""
    said = cls.method("arg_constraints")
    if said is None or "property" not in said.decorators:
        return
    all_of_them = invoke(frame, said.bind(owner), (), {}, node).ref
    constraint = all_of_them.get(name) if isinstance(all_of_them, dict) else None
    if isinstance(constraint, Value) and constraint.items and constraint.kind == "name":
        less = str(constraint.ref).endswith(".less_than")
        low, high = (value, constraint.items[0]) if less else (constraint.items[0], value)
        frame.env.relate("gt", high.ident, low.ident)


def bounded(name: str) -> Function:
    """`constraints.less_than(x)` and the like: a constraint that holds its bound."""
    return lambda frame, positional, keywords, node: Value(
        "name", ident=frame.session.fresh(), ref=f"torch.distributions.{MODULE}{name}",
        items=tuple(operand.value for operand in positional[:1]),
    )  # fmt: skip


def is_distribution(cls: ClassRef) -> bool:
    """It extends one of torch.distributions, or a class of another package that is named like one."""
    return any(name.startswith("torch.distributions.") or name.endswith("Distribution") for name in cls.ancestors)


def base_of(cls: ClassRef | None) -> str | None:
    """The distribution of torch that a class in view extends, by its full name."""
    for base in cls.bases if cls is not None else ():
        found = base if isinstance(base, str) else base_of(base)
        op = by_spelling(found) if found is not None else None
        if op is not None and op.returns == "distribution":
            return found
    return None


def is_inherited(cls: ClassRef) -> bool:
    """How an object is made and what it gives is as in that distribution."""
    return not any(cls.method(name) is not None for name in OWN)


def _within(constraint: Value) -> Interval | None:
    module, _, name = str(constraint.ref).rpartition(".") if constraint.kind == "name" else ("", "", "")
    return WITHIN.get(name) if f"{module}.".endswith(MODULE) else None


def independent(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    """`constraints.independent(positive, 1)`: of each element what is said of one."""
    return positional[0].value if positional else frame.unknown()


def clamp_probs(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    """`torch.distributions.utils.clamp_probs`: at least eps and at most 1 - eps."""
    if not positional:
        return frame.unknown(kind="tensor")
    eps = DTYPES.get(positional[0].value.dtype or "", DTYPES["float32"]).eps
    ends = {"min": eps, "max": 1 - eps}
    limits = {
        name: Operand(literal(end, frame.session.intern(("const", repr(end)))), node) for name, end in ends.items()
    }
    return apply(frame, TABLE["clamp"], {"input": positional[0], **limits}, node)


def validate_sample(
    frame: Frame, base: Operand, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value | None:
    """`self._validate_sample(value)`, which raises where the value is not in the support."""
    instance = base.value.ref
    if not positional or not isinstance(instance, Instance):
        return None
    value, support = positional[0].value, instance.cls.attribute("support")
    within = _within(support) if support is not None else None
    if within is not None:
        frame.env.learn(value.ident, within)
    else:
        frame.env.mark("tested", value.ident)
    return frame.unknown(kind="none")


def registered(frame: Frame, ref: FunctionRef) -> dict[str, Value]:
    """What `@register_kl(Gamma, Normal)` says that the parameters are."""
    found: dict[str, Value] = {}
    if isinstance(ref.node, cst.Lambda) or not any(name.endswith("register_kl") for name in ref.decorators):
        return found
    for decorator in ref.node.decorators:
        call = decorator.decorator
        if isinstance(call, cst.Call) and not found:
            home = Frame(frame.session, ref.where, Env(), ref.closure)
            for parameter, argument in zip(ref.node.params.params, call.args, strict=False):
                found[parameter.name.value] = _object(frame, home.evaluate(argument.value))
        else:
            return {}  # registered for several pairs
    return found


def _object(frame: Frame, cls: Value) -> Value:
    if isinstance(cls.ref, ClassRef):
        return Value("instance", ident=frame.session.fresh(), ref=Instance(cls.ref))
    return (distributions.of_class(frame, str(cls.ref)) if cls.kind == "name" else None) or frame.unknown()
