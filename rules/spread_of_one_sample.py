from collections.abc import Iterator
from math import prod

from nanlint.api import (
    CERTAIN,
    LIKELY,
    POSSIBLE,
    Application,
    Confidence,
    Report,
    Site,
    Value,
    ancestry,
    first_arg,
    rule,
    same,
    strip_views,
)

SIZES = frozenset({"unbiased", "correction", "ddof"})
LITERAL = frozenset({"tensor", "as_tensor"})
MADE = frozenset({"zeros", "ones", "full", "rand", "randn"})
ELEMENTWISE = frozenset(
    """add sub mul div neg abs exp log log1p sqrt square pow clamp clamp_min clamp_max tanh relu sigmoid detach float
    double to clone contiguous cpu nan_to_num""".split()
)
# as many elements, at other places
RESHAPED = frozenset({"reshape", "view", "flatten", "ravel", "squeeze", "unsqueeze", "transpose", "permute", "t"})
SCALARS = frozenset({"mean", "sum", "nanmean", "nansum", "norm", "vector_norm", "mse_loss", "l1_loss", "cross_entropy"})
ARRAYS = frozenset({"numpy", "pandas"})
DEPTH = 6
ONE = "for a single sample, eps or not: give `correction=0`, or test that there are several"


@rule("NAN204", at="std var std_mean var_mean div", kind="division")
def spread_of_one_sample(site: Site) -> Iterator[Report]:
    """
    Standard deviation or variance over what can be a single sample.

    ## Why is this bad?

    torch divides by `n - 1` unless told otherwise, so the spread of one sample is `0 / 0 = nan`, and so is its
    gradient. An eps that is added to it changes nothing. A batch of one, an episode of one step, or a mask that selects
    one element are enough.

    ## Bad

    ```python
    def normalised(advantages: torch.Tensor):
        return (advantages - advantages.mean()) / (advantages.std() + 1e-8)  # flagged


    # run: normalised(torch.ones(1, requires_grad=True))
    ```

    ## Good

    ```python
    def normalised(advantages: torch.Tensor):
        if advantages.numel() > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        return advantages


    def always(advantages: torch.Tensor):
        return (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)


    # run: normalised(torch.ones(1, requires_grad=True)) + always(torch.ones(1, requires_grad=True))
    ```

    ## Known limits

    By default the rule speaks of all elements or of the first dimension of an argument, a list or a selection, and of
    groups whose size is a setting. Other dimensions are features and pixels as a rule, and give a `possible` finding,
    as does what may be a numpy array.
    """
    if site.op == "div":
        yield from _normalised(site)
        return
    x = site.input
    spread = site.result.made_by
    if spread is None or x.value.maybe_empty or site.is_repaired or _divides_by_count(spread) or _is_array(x.value):
        return
    over = _dimensions(spread.args.get("dim"))
    shape = _shape(x.value)
    if shape is not None:
        if _count(shape, over) != 1:
            return
        confidence: Confidence | None = CERTAIN
    else:
        in_rows = over in ((), (0,))
        confidence = _doubt(site, x.value, over == (0,), DEPTH) if in_rows else _group_doubt(site, x.value, over)
    if confidence is None:
        return
    if confidence is LIKELY and not _speaks_for_one(site, x.value, over):
        confidence = POSSIBLE
    yield site.report(confidence, f"`{site.op}` of `{site.show(x)}` is nan {ONE}", at=site.place)


def _normalised(site: Site) -> Iterator[Report]:
    """`(a - a.mean()) / (a.std() + eps)` of what comes from elsewhere: what is normalised as a whole is a batch."""
    above, below = site.value("input"), site.value("other")
    if above is None or below is None or site.is_repaired:
        return
    made = strip_views(below)
    inner = strip_views(first_arg(made) or made) if made.op in ("add", "clamp", "clamp_min", "clamp_max") else made
    of, centred = first_arg(inner), first_arg(strip_views(above))
    if inner.op != "std" or inner.made_by is None or of is None or not same(of, centred) or _is_array(of):
        return
    over = _dimensions(inner.arg("dim"))
    whole = not over and not _divides_by_count(inner.made_by) and _shape(of) is None and not of.maybe_empty
    if whole and site.is_foreign(of) and not site.marked("several", of) and _speaks_for_one(site, of, over):
        yield site.report(
            LIKELY,
            f"`{site.show(site.operands['other'])}` is nan {ONE}",
            at=inner.made_by.place,
        )


def _speaks_for_one(site: Site, value: Value, over: tuple[float | None, ...]) -> bool:
    """It is no helper's, no array, and no tensor of which other dimensions than the first are asked for."""
    return not site.is_private and _is_torch(site, value) and (bool(over) or not _has_sides(site, value))


def _has_sides(site: Site, value: Value) -> bool:
    interned = site.session.interned
    shape, first = interned.get(("shape", value.ident)), interned.get(("const", "0"), 0)
    return shape is not None and any(
        isinstance(key, tuple) and key[:2] == ("size", shape) and key[2] not in (0, first) for key in interned
    )


def _divides_by_count(spread: Application) -> bool:
    """`correction=0`, `unbiased=False`, the same at the place of `dim`, or a correction that is not known."""
    given = [spread.args.get(name) for name in SIZES]
    dim = spread.args.get("dim")
    if dim is not None and isinstance(dim.const, bool):
        given.append(dim)
    return any(v is not None and (not v.is_literal or not v.const) for v in given)


def _dimensions(dim: Value | None) -> tuple[float | None, ...]:
    """The reduced dimensions, empty for all, None for one that is not known."""
    if dim is None or dim.kind == "none" or isinstance(dim.const, bool):
        return ()
    return tuple(item.number for item in dim.items) if dim.items is not None else (dim.number,)


def _shape(value: Value) -> tuple[int, ...] | None:
    """The shape of a tensor that is written out, or made with a tuple of literal sizes."""
    if value.op in LITERAL:
        rows = first_arg(value)
        return None if rows is None else _nested(rows)
    size = value.arg("size") if value.op in MADE else None
    if size is None or size.items is None or not all(isinstance(item.const, int) for item in size.items):
        return None
    return tuple(item.const for item in size.items)


def _nested(rows: Value) -> tuple[int, ...] | None:
    if rows.items is None:
        return () if rows.kind == "number" and rows.is_literal else None
    inner = {_nested(item) for item in rows.items}
    only = inner.pop() if len(inner) == 1 else None
    return None if only is None else (len(rows.items), *only)


def _count(shape: tuple[int, ...], over: tuple[float | None, ...]) -> int | None:
    """How many elements are reduced to one; None where that is not known."""
    if any(dim is None or not -len(shape) <= dim < len(shape) for dim in over):
        return None
    return prod(shape[int(dim)] for dim in over if dim is not None) if over else prod(shape)


def _doubt(site: Site, value: Value, rows: bool, depth: int) -> Confidence | None:
    """How sure it is that there can be one sample, or one of dimension 0; None behind a test that there are several."""
    if site.marked("several", value):
        return None
    made = value.made_by
    mask = value.arg("mask")
    if mask is not None and site.marked("several", mask):
        return None
    if made is None:
        return LIKELY if site.session.arguments.get(value.ident) == "public" else POSSIBLE
    if mask is not None and value.op in ("index", "masked_select"):
        return LIKELY
    if value.op in LITERAL:
        inner = first_arg(value)
        return None if inner is not None and site.marked("several", inner) else LIKELY
    if value.op == "stack":
        inner = first_arg(value)
        return LIKELY if rows or (inner is not None and inner.op in SCALARS and inner.arg("dim") is None) else POSSIBLE
    if depth == 0 or not (value.op in ELEMENTWISE or (value.op in RESHAPED and not rows)):
        return POSSIBLE
    parts = [v for v in made.args.values() if v.kind in ("tensor", "unknown")]
    doubts = [_doubt(site, part, rows, depth - 1) for part in parts]
    known = [doubt for doubt in doubts if doubt is not None]
    return max(known) if len(known) == len(doubts) and known else None


def _group_doubt(site: Site, value: Value, over: tuple[float | None, ...]) -> Confidence:
    """Groups whose size is a setting, `x.view(-1, n).std(1)`, may be of one; other dimensions seldom are."""
    sizes = value.arg("shape")
    size = sizes.items[-1] if sizes is not None and sizes.items is not None and len(sizes.items) == 2 else None
    if size is None or value.op not in ("view", "reshape") or over not in ((1,), (-1,)):
        return POSSIBLE
    is_setting = size.number is None and size.made_by is None and (size.range is None or 1 in size.range)
    return LIKELY if is_setting else POSSIBLE


def _is_array(value: Value) -> bool:
    """A numpy array, whose spread divides by n."""
    return any(v.op == "numpy" or (v.kind == "tensor" and v.grad is False and _is_numpy(v)) for v in ancestry(value, 4))


def _is_numpy(value: Value) -> bool:
    """What numpy has made is of its format, and what is annotated as an array has none that is known."""
    return value.dtype == "float64" or (value.dtype is None and value.made_by is None and value.items is None)


def _is_torch(site: Site, value: Value) -> bool:
    """No array or table, as far as one can see: those have the same methods."""
    imports = site.session.source.index.imports.values()
    if ARRAYS.isdisjoint(target.partition(".")[0] for target in imports):
        return True
    roots = [v for v in ancestry(value, DEPTH) if v.made_by is None and v.kind in ("tensor", "unknown")]
    if any(v.kind == "tensor" and v.grad is False for v in roots):
        return False
    return any(v.op in LITERAL or v.op == "stack" for v in ancestry(value, DEPTH)) or all(
        v.kind == "tensor" for v in roots
    )
