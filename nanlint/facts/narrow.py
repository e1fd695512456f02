"""What a condition teaches: the ranges of the values that it compares, in each of its two branches."""

from __future__ import annotations

from nanlint.facts import emptiness
from nanlint.facts.dtypes import of_argument
from nanlint.facts.frame import Env, Frame
from nanlint.facts.guarded import narrowed, narrowed_range, without_nan
from nanlint.facts.joined import join
from nanlint.facts.operators import comparisons
from nanlint.facts.relations import LARGEST, NOT, SMALLEST, VIEWS, first_arg, strip_views
from nanlint.facts.value import Value
from nanlint.interval import FINITE, INF, NONNEGATIVE, NONZERO, POSITIVE, ZERO, Interval, at_least, at_most
from nanlint.source import nodes as cst

NEGATED = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
MIRRORED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
AND = frozenset({"logical_and", "bitwise_and"})
OR = frozenset({"logical_or", "bitwise_or"})
COUNTS = frozenset({"numel", "len", "size", "count_nonzero"})
MAGNITUDES = frozenset({"abs", "norm", "vector_norm", "square", "std", "var"})
BOUNDING = frozenset({"abs", "norm", "vector_norm"})


def split(frame: Frame, test: cst.BaseExpression) -> tuple[Env | None, Env | None]:
    """Evaluate a test; the environments in which it is true and false, None where that cannot happen."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        yes, no = split(frame, test.expression)
        return no, yes
    if isinstance(test, cst.BooleanOperation):
        conjunction = isinstance(test.operator, cst.And)
        yes, no = split(frame, test.left)
        go_on, done = (yes, no) if conjunction else (no, yes)
        if go_on is None:
            return (None, done) if conjunction else (done, None)
        with frame.branch(go_on):
            yes, no = split(frame, test.right)
        if conjunction:
            no = join_envs(frame, [e for e in (done, no) if e is not None])
            _mark_not_all_zero(no, _all_zero(frame, test))
            return yes, no
        return join_envs(frame, [e for e in (done, yes) if e is not None]), no
    if isinstance(test, cst.Comparison) and len(test.comparisons) > 1:
        yes, no = frame.env.copy(), frame.env.copy()
        for link in comparisons(frame, test):
            teach(yes, link, True)
        _mark_not_all_zero(no, _all_zero(frame, test))
        return yes, no
    value = frame.evaluate(test)
    if value.is_literal and not isinstance(value.const, str):
        return (frame.env.copy(), None) if value.const else (None, frame.env.copy())
    if value.kind == "none":
        return None, frame.env.copy()
    yes, no = frame.env.copy(), frame.env.copy()
    teach(yes, value, True)
    teach(no, value, False)
    return yes, no


def _all_zero(frame: Frame, test: cst.BaseExpression) -> list[Value]:
    """What `a == b == 0`, `a == 0 and b == 0` or `not a and not b` says to be zero; empty where it says more."""
    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        left = _all_zero(frame, test.left)
        right = _all_zero(frame, test.right) if left else []
        return [*left, *right] if right else []
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return [frame.evaluate(test.expression)] if isinstance(test.expression, cst.Name) else []
    if not isinstance(test, cst.Comparison) or not all(isinstance(c.operator, cst.Equal) for c in test.comparisons):
        return []
    sides = [test.left, *(c.comparator for c in test.comparisons)]
    if not all(isinstance(side, (cst.Name, cst.Integer, cst.Float)) for side in sides):
        return []
    values = [frame.evaluate(side) for side in sides]
    return [v for v in values if not v.is_literal] if any(v.number == 0 for v in values) else []


def _mark_not_all_zero(env: Env | None, values: list[Value]) -> None:
    if env is not None and len(values) == 2:
        one, other = (value.ident for value in values)
        env.relate("or", other, one)
        env.relate("or", one, other)


def join_envs(frame: Frame, envs: list[Env]) -> Env | None:
    """The environment where several paths meet: None when there is no path."""
    if not envs:
        return None
    if len(envs) == 1:
        return envs[0]
    first, *others = envs
    # what no path has changed and no guard speaks of is as it was, which is nearly all
    told = set(first.facts).union(*[env.facts for env in others])
    before, unsure = first.vars, any(env.marks != first.marks for env in others)
    moved: dict[str, None] = {}
    for after in [env.vars for env in others]:
        for name, value in before.items():
            if after.get(name) is not value or value.ident in told or (unsure and value.maybe_empty):
                moved[name] = None
    vars_ = dict(before)
    for name in moved:
        vars_[name] = _joined(frame, name, envs)
    for env in others:
        for name in env.vars:
            if name not in vars_:
                vars_[name] = _joined(frame, name, envs)
    facts: dict[int, Interval] = {}
    for ident, range_ in first.facts.items():
        learned: Interval | None = range_
        for env in others:
            also = env.facts.get(ident)
            learned = learned.join(also) if learned is not None and also is not None else None
        if learned is not None:
            facts[ident] = learned
    marks, relations = first.marks, first.relations
    for env in others:
        marks &= env.marks
        relations &= env.relations
    return Env(vars_, facts, marks, relations)


def _joined(frame: Frame, name: str, envs: list[Env]) -> Value:
    """One variable where the paths meet, each of which may have narrowed it in its own way."""
    values: list[Value] = []
    holding: list[Env] = []
    moved = marked = False
    for env in envs:
        value = env.vars.get(name)
        if value is not None:
            values.append(value)
            holding.append(env)
            moved, marked = moved or value is not values[0], marked or bool(env.marks)
    if moved and marked:
        # where it has no element there is nothing to be joined
        some = [env for env, value in zip(holding, values, strict=True) if not emptiness.is_empty(env, value)]
        if 0 < len(some) < len(values):
            return _joined(frame, name, some)
    if moved:
        return join(frame, list(map(_seen, values, holding)))
    value = values[0]
    if value.hazards:
        for env in holding:
            without_nan(env, value)
    if len(holding) == 1:
        return value
    merged: Interval | None = None
    for env in holding:
        learned = env.facts.get(value.ident)
        range_ = narrowed_range(value, learned) if learned is not None else value.range
        if range_ is None:
            return value
        merged = merged.join(range_) if merged is not None else range_
    return value.but(range=merged) if merged != value.range else value


def _seen(value: Value, env: Env) -> Value:
    """The value with what its path has taught."""
    if value.ident in env.facts:
        value = narrowed(value, env.facts[value.ident])
    if value.maybe_empty and emptiness.known_nonempty(env, value):
        value = value.but(maybe_empty=False)
    return without_nan(env, value) if value.hazards else value


def teach(env: Env, condition: Value, truth: bool) -> None:
    """Put into `env` what follows from `condition` being true (or false), for each element of it."""
    op = condition.op
    inner = first_arg(condition)
    if op in NOT and inner is not None:
        teach(env, inner, not truth)
    elif op in AND or op in OR:
        if truth == (op in AND):
            for part in ("input", "other"):
                arg = condition.arg(part)
                if arg is not None:
                    teach(env, arg, truth)
        else:
            parts = [_nonzero_if(condition.arg(part), truth) for part in ("input", "other")]
            _mark_not_all_zero(env, [part for part in parts if part is not None])
    elif op in NEGATED:
        left, right = condition.arg("input"), condition.arg("other")
        if left is not None and left.op == "dtype" and right is not None:
            _learn_dtype(env, left, right, (op == "eq") == truth)
        elif left is not None and right is not None:
            _compare(env, op if truth else NEGATED[op], left, right)
    elif op == "all" and inner is not None:
        if truth:
            teach(env, inner, True)
        else:
            _mark(env, "not all", inner)
    elif op == "isclose" and inner is not None:
        other = condition.arg("other")
        if other is not None and not truth:
            _compare(env, "ne", inner, other)
    elif op == "any" and inner is not None:
        if truth:
            _mark(env, "some", inner)
        else:
            teach(env, inner, False)
    elif op == "isfinite" and inner is not None:
        _ask(inner)
        if truth:
            env.learn(inner.ident, FINITE)
            env.mark("finite", inner.ident)
    elif op in ("isnan", "isinf") and inner is not None:
        _ask(inner)
        if not truth:
            env.mark("finite" if op == "isnan" else "not infinite", inner.ident)
    elif op == "is_tensor" and inner is not None:
        if truth:
            env.mark("tensor", inner.ident)
    elif condition.kind in ("number", "tensor", "unknown"):
        if op in VIEWS and inner is not None:
            teach(env, inner, truth)
        _learn(env, condition, NONZERO if truth else ZERO)


def _learn_dtype(env: Env, of: Value, name: Value, equal: bool) -> None:
    """`x.dtype == torch.float16`: the variables that hold the tensor have that dtype."""
    tensor, dtype = first_arg(of), of_argument(name)
    if not equal or tensor is None or dtype is None:
        return
    for variable, held in env.vars.items():
        if held.ident == tensor.ident and held.dtype is None:
            env.vars[variable] = held.but(dtype=dtype)


def _ask(value: Value) -> None:
    """Whether it is finite is asked: what is wrong inside does no harm unless it gets out all the same."""
    for site in value.hazards:
        site.guarded = True


def _nonzero_if(condition: Value | None, truth: bool) -> Value | None:
    """What is not zero where the condition, a comparison with 0, is true (or false)."""
    if condition is None or condition.op not in NEGATED:
        return None
    compared, other = condition.arg("input"), condition.arg("other")
    holds = condition.op if truth else NEGATED[condition.op]
    return compared if holds in ("ne", "gt", "lt") and other is not None and other.number == 0 else None


def _mark(env: Env, word: str, value: Value) -> None:
    env.mark(word, value.ident)
    env.mark(word, strip_views(value).ident)


def _compare(env: Env, op: str, left: Value, right: Value) -> None:
    for one, how, other in ((left, op, right), (right, MIRRORED[op], left)):
        if how in ("gt", "ge", "ne") and other.kind != "number":
            env.relate(how, one.ident, other.ident)
        elif how == "ne" and other.number:
            env.relate("is not", one.ident, other.number)
        if other.range is None:
            if how != "eq" and other.kind in ("number", "unknown"):
                # a limit that is not known is taken for the guard that it nearly always is
                _mark_tested(env, one)
                counted = first_arg(one) if how in ("gt", "ge") and one.op in COUNTS else None
                if counted is not None:
                    _mark(env, "several", counted)
            continue
        range_: Interval | None = None
        if how == "lt":
            range_ = Interval(-INF, other.range.hi, hi_open=True)
        elif how == "le":
            range_ = at_most(other.range.hi)
        elif how == "gt":
            range_ = Interval(other.range.lo, INF, lo_open=True)
        elif how == "ge":
            range_ = at_least(other.range.lo)
        elif how == "eq":
            range_ = other.range
        elif how == "ne" and other.range.point is not None:
            point = other.range.point
            if point == 0:
                range_ = NONZERO
            elif one.range is not None and one.range.lo == point:
                range_ = Interval(point, INF, lo_open=True)
            elif one.range is not None and one.range.hi == point:
                range_ = Interval(-INF, point, hi_open=True)
        if range_ is not None:
            _learn(env, one, range_)
            inner = first_arg(one)
            if one.op in BOUNDING and other.number is not None and range_.hi < INF and inner is not None:
                env.learn(inner.ident, Interval(-range_.hi, range_.hi, range_.hi_open, range_.hi_open))


def _mark_tested(env: Env, value: Value) -> None:
    """A test of the smallest element, or of the magnitude, is one of all elements."""
    env.mark("tested", value.ident)
    inner = first_arg(value)
    if inner is not None and value.op in SMALLEST | VIEWS | {"abs", "square"}:
        _mark_tested(env, inner)


def _learn(env: Env, value: Value, range_: Interval) -> None:
    env.learn(value.ident, range_)
    inner = first_arg(value)
    if value.range is not None:
        range_ = range_.meet(value.range)
    if range_.hi <= 0 and (value.kind in ("number", "unknown") or value.op in COUNTS):
        env.mark("none", inner.ident if inner is not None and value.op in COUNTS else value.ident)
    if inner is None:
        if value.kind == "unknown" and range_.within(NONZERO):
            env.mark("nonempty", value.ident)
        return
    op = value.op
    if op in VIEWS:
        _learn(env, inner, range_)
    if range_.hi == 0 and op in ("sum", "count_nonzero", "numel", "len"):
        # `x[isnan(x)].numel()` and `isnan(x).sum()` that are 0
        mask = inner if op in ("sum", "count_nonzero") else inner.arg("mask")
        if mask is not None and mask.op == "isnan":
            teach(env, mask, False)
    if op in COUNTS and range_.meet(NONNEGATIVE).within(POSITIVE):
        # a tensor of some elements is a mask that selects some only where its true ones were counted
        _mark(env, "some" if op == "count_nonzero" else "nonempty", inner)
        if range_.meet(NONNEGATIVE).lo > 1 or (range_.lo == 1 and range_.lo_open):
            _mark(env, "several", inner)
    if op == "sum" and range_.meet(NONNEGATIVE).within(POSITIVE) and 0 not in range_:
        _mark(env, "some", inner)
        if range_.lo > 1 or (range_.lo == 1 and range_.lo_open):
            _mark(env, "several", inner)
    if op in SMALLEST or op in LARGEST:
        _learn_extremum(env, value, inner, range_)
    if op in LARGEST and 0 not in range_.meet(NONNEGATIVE) and emptiness.is_mask(inner):
        _mark(env, "some", inner)
    if op in MAGNITUDES and 0 not in range_:
        env.learn(inner.ident, NONZERO)
    if op == "neg":
        _learn(env, inner, -range_)
    if op in ("add", "sub"):
        other = value.arg("other")
        if other is not None and other.number is not None:
            shift = Interval(other.number, other.number)
            _learn(env, inner, range_ - shift if op == "add" else range_ + shift)


def _learn_extremum(env: Env, value: Value, inner: Value, range_: Interval) -> None:
    """What bounds the smallest element from below bounds them all, and so the largest from above."""
    other = value.arg("other")
    if other is not None and other.kind != "number":
        return
    if value.op in SMALLEST:
        env.learn(inner.ident, Interval(range_.lo, INF, range_.lo_open))
    else:
        env.learn(inner.ident, Interval(-INF, range_.hi, False, range_.hi_open))
