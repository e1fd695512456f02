"""Functions and classes of torch that are no line of the table: optimizers, scalers, finfo, parameters, contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from nanlint.facts import autocast, narrow
from nanlint.facts.apply import apply, escape, record
from nanlint.facts.binding import gathered
from nanlint.facts.constraints import bounded, clamp_probs, independent
from nanlint.facts.dtypes import dtype_name
from nanlint.facts.fixed import made_from, reads
from nanlint.facts.functions import FunctionRef, invoke
from nanlint.facts.modules import construct
from nanlint.facts.operators import binary
from nanlint.facts.value import Application, Operand, Reason, Value, literal
from nanlint.facts.writes import written
from nanlint.finding import Confidence
from nanlint.interval import FINITE
from nanlint.ops import TABLE

if TYPE_CHECKING:
    from nanlint.facts.frame import Frame
    from nanlint.source import nodes as cst

Function = Callable[["Frame", Sequence[Operand], Mapping[str, Operand], "cst.Node"], Value]


def _finfo(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    given = positional[0].value if positional else None
    dtype = "float32"
    if given is not None:
        named = dtype_name(given.ref) if isinstance(given.ref, str) else None
        source = given.arg("input") if given.op == "dtype" else None
        dtype = named or (source.dtype if source is not None and source.dtype else None) or "float32"
    return Value("instance", ident=frame.session.intern(("finfo", dtype)), ref=("finfo", dtype))


def _parameter(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    first = positional[0].value if positional else None
    session = frame.session
    if "uninitialised-parameter" in session.listened and frame.is_here:
        from nanlint.facts.uninitialised import parameters

        empty = parameters(session.source.text)
        if (row := session.span(frame.place(node))[0].row) in empty:
            record(frame, "uninitialised-parameter", {}, node, frame.unknown(), empty[row])
    trained = keywords.get("requires_grad")
    frozen = trained is not None and trained.value.is_literal and not trained.value.const
    if frozen and first is not None:
        return first.but(grad=False)
    reason = Reason("the parameter of line {row} is trained without a bound", frame.place(node))
    return Value(
        "tensor", FINITE, Confidence.LIKELY, frame.session.fresh(), first.dtype if first else None, True,
        because=reason,
        made_by=Application("parameter", {"input": first} if first is not None else {}, frame.place(node)),
    )  # fmt: skip


def _scaler(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    made = Application("scaler", {k: o.value for k, o in keywords.items()}, frame.place(node))
    return Value("scaler", ident=frame.session.fresh(), made_by=made)


def _optimizer(name: str) -> Function:
    def make(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
        operands = dict(zip(("params", "lr"), positional, strict=False))
        operands.update(keywords)
        made = Value("optimizer", ident=frame.session.fresh(), ref=name, made_by=Application(
            "optimizer", {k: o.value for k, o in operands.items()}, frame.place(node)))  # fmt: skip
        record(frame, "optimizer", operands, node, made, name)
        return made

    return make


def _is_none(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    return frame.unknown(kind="number", dtype="bool")


def _is_complex(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    value = positional[0].value if positional else frame.unknown()
    if value.kind != "tensor" or value.dtype is None:
        return _is_none(frame, positional, keywords, node)
    return literal(value.is_complex, frame.session.intern(("const", repr(value.is_complex))))


def _tensor_dataset(
    frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value:
    """Rows of the tensors, side by side."""
    place = frame.place(node)
    rows = tuple(
        o.value.but(
            ident=frame.session.fresh(),
            made_by=Application("index", {"input": o.value}, place),
            items=None,
            alternatives=(),
        )
        for o in positional
    )
    return Value(
        "tuple", ident=frame.session.fresh(), ref=("each", Value("tuple", ident=frame.session.fresh(), items=rows))
    )


def _data_loader(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    """Batches of what a data set of known tensors holds."""
    given = positional[0] if positional else keywords.get("dataset")
    if (
        given is not None
        and given.value.kind == "tuple"
        and isinstance(given.value.ref, tuple)
        and "collate_fn" not in keywords
    ):
        return given.value
    return Value("unknown", ident=frame.session.fresh(), ref=("foreign", "torch.utils.data.DataLoader"))


def _partial(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    if not positional or not isinstance(positional[0].value.ref, FunctionRef):
        return frame.unknown()
    ref: FunctionRef = positional[0].value.ref
    made = FunctionRef(
        ref.definition, ref.inner, ref.name, ref.unit, ref.closure, ref.owner, ref.bound,
        (*ref.given, *positional[1:]), {**ref.given_by_name, **keywords},
    )  # fmt: skip
    return Value("function", ident=frame.session.fresh(), ref=made)


def _deepcopy(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    return positional[0].value if positional else frame.unknown()


def _accumulate_gradients(
    frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value:
    for operand in positional:
        escape(operand.value)
    graph = keywords.get("create_graph")
    kept = graph is not None and graph.value.is_literal and bool(graph.value.const)
    if kept and "graph-of-gradient" in frame.session.listened:
        record(
            frame,
            "graph-of-gradient",
            dict(zip(("outputs", "inputs"), positional, strict=False)) | dict(keywords),
            node,
            frame.unknown(),
        )
    return frame.unknown(kind="tensor", reach=Confidence.POSSIBLE, grad=True if kept else None)


def _autocast(name: str) -> Function:
    return lambda frame, positional, keywords, node: autocast.make(frame, name, positional, keywords)


def _custom_forward(
    frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value:
    return autocast.make_fixed(frame, keywords)


def _of_type(frame: Frame, dtype: str, positional: Sequence[Operand], node: cst.Node) -> Value:
    """`torch.FloatTensor([1, 2])`, or `torch.FloatTensor(3, 4)` with whatever was in memory."""
    op = TABLE["tensor"]
    if len(positional) == 1 and positional[0].value.kind == "tuple":
        return apply(frame, op, gathered(frame, op, {"input": positional[0]}), node).but(dtype=dtype)
    sizes = {str(i): operand.value for i, operand in enumerate(positional)}
    of_numbers = bool(sizes) and all(v.kind == "number" for v in sizes.values())
    made = Application("empty", sizes, frame.place(node)) if of_numbers else None
    return frame.unknown(kind="tensor", dtype=dtype, reach=Confidence.POSSIBLE, grad=False, made_by=made)


def _operator(name: str) -> Function:
    """A function of the module operator, which is what its sign is."""

    def function(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
        if len(positional) != 2:
            return frame.unknown()
        left, right = positional
        return binary(frame, name, left, right, node)

    return function


def _assert(frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node) -> Value:
    """The `assert` that can be traced."""
    condition = keywords.get("condition") or (positional[0] if positional else None)
    if condition is not None:
        narrow.teach(frame.env, condition.value, True)
    return frame.unknown(kind="none", const=None)


OPTIMIZERS = (
    "SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD", "LBFGS",
    "SparseAdam", "Adafactor", "Muon",
)  # fmt: skip

OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "matmul": "matmul", "lt": "lt",
    "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne",
}  # fmt: skip
SPECIAL_FUNCTIONS: dict[str, Function] = {
    **{f"operator.{sign}": _operator(name) for sign, name in OPERATORS.items()},
    "torch._assert": _assert, "torch._assert_async": _assert,
    "torch.finfo": _finfo, "torch.iinfo": _finfo, "numpy.finfo": _finfo,
    "torch.nn.Parameter": _parameter, "torch.nn.parameter.Parameter": _parameter,
    "torch.cuda.amp.GradScaler": _scaler, "torch.amp.GradScaler": _scaler, "torch.amp.grad_scaler.GradScaler": _scaler,
    "functools.partial": _partial, "copy.deepcopy": _deepcopy, "copy.copy": _deepcopy,
    "torch.utils.data.TensorDataset": _tensor_dataset, "torch.utils.data.DataLoader": _data_loader,
    "torch.distributions.constraints.independent": independent,
    **{f"torch.distributions.constraints.{name}": bounded(name) for name in ("less_than", "greater_than")},
    "torch.distributions.utils.clamp_probs": clamp_probs,
    "torch.is_complex": _is_complex, "torch.is_tensor": _is_none, "torch.autograd.grad": _accumulate_gradients,
    **{f"torch.optim.{name}": _optimizer(name) for name in OPTIMIZERS},
    **{name: _autocast(name) for name in autocast.NAMES}, **dict.fromkeys(autocast.FIXED, _custom_forward),
}  # fmt: skip


def _first_factors(
    frame: Frame, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> None:
    """Record what the functions of a schedule do when they are called with 0, as they are at once."""
    given = keywords.get("lr_lambda") or (positional[1] if len(positional) > 1 else None)
    if given is None or "schedule" not in frame.session.listened:
        return
    sites = frame.session.sites
    step = literal(0, frame.session.intern(("const", "0")))
    for function in given.value.items or (given.value,):
        if isinstance(function.ref, FunctionRef):
            before = len(sites)
            invoke(frame, function.ref, (Operand(step, given.node),), {}, node)
            made = sites[before:]
            # of other steps they are told elsewhere
            del sites[before:]
            record(frame, "schedule", {}, node, frame.unknown(), tuple(made))


def foreign(
    frame: Frame, name: str, positional: Sequence[Operand], keywords: Mapping[str, Operand], node: cst.Node
) -> Value:
    """A call of something imported that the table does not know."""
    harmless = name.startswith(("logging.", "warnings.")) or name.rsplit(".", 1)[-1] in ("isnan", "isfinite", "isinf")
    if not harmless:
        for operand in (*positional, *keywords.values()):
            escape(operand.value)
        written(frame, [operand.value for operand in (*positional, *keywords.values())])
    last = name.rsplit(".", 1)[-1]
    dtype = frame.session.default_dtype if name == "torch.Tensor" else dtype_name(name)
    if last.endswith("Tensor") and dtype is not None:
        return _of_type(frame, dtype, positional, node)
    if last == "GradScaler":
        return _scaler(frame, positional, keywords, node)
    is_class = last[:1].isupper() and ".lr_scheduler." not in name
    takes_rate = "lr" in keywords and (positional or "params" in keywords)
    if is_class and (name.startswith("torch.optim.") or last in OPTIMIZERS or takes_rate):
        return _optimizer(last)(frame, positional, keywords, node)
    if name == "torch.optim.lr_scheduler.LambdaLR":
        _first_factors(frame, positional, keywords, node)
    if name.startswith(
        ("torch.optim.lr_scheduler.", "torch.utils.", "torch.distributed.", "torch.cuda.", "torch.backends.")
    ):
        return Value("unknown" if "utils" in name else "instance", ident=frame.session.fresh(), ref=("foreign", name))
    if name.startswith("torch.nn.") and last[:1].isupper():
        return construct(frame, name, None, positional, keywords)
    if name.startswith("torch.") and last[:1].islower() and name.count(".") <= 3:
        return frame.unknown(kind="tensor", reach=Confidence.POSSIBLE)
    result = made_from(frame.session, frame.unknown(), (o.value for o in (*positional, *keywords.values())))
    if reads(last):
        frame.session.read.add(result.ident)
    return result
