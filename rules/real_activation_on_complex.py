from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, POSSIBLE, Operand, Report, Site, complex_origin, ops_on_complex, rule

ACTIVATIONS = frozenset(
    """relu relu6 leaky_relu prelu rrelu elu celu selu gelu mish hardswish softplus softshrink hardshrink hardtanh
    hardsigmoid logsigmoid threshold glu""".split()
)
ORDERED = frozenset(
    """lt le gt ge max min amax amin aminmax argmax argmin argsort maximum minimum fmax fmin sort msort topk kthvalue
    median nanmedian mode cummax cummin clamp clamp_min clamp_max quantile nanquantile""".split()
)
POLES = {"tanh": "pi/2 i", "sigmoid": "pi i", "silu": "pi i", "tanhshrink": "pi/2 i"}
MANGLED = {
    "rms_norm": (LIKELY, "divides by the root of the mean of z * z, which can be 0: take that of z.abs().square()"),
    "nan_to_num": (POSSIBLE, "fills the two parts apart and leaves half of a bad number: use torch.where"),
}
# it takes the mean of complex numbers only where the output has one element
AVERAGED = frozenset({"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"})
AT = ops_on_complex("raises", "mangles") | AVERAGED | frozenset(POLES)
PARTS = "apply it to z.real and z.imag and join them with torch.complex"


@rule(
    "NAN801", at=" ".join(sorted(AT)), kind="complex",
    mentions="complex Complex cfloat cdouble chalf fft polar stft hilbert .eig( eigvals 0j 1j 2j 5j 0J 1J",
)  # fmt: skip
def real_activation_on_complex(site: Site) -> Iterator[Report]:
    """
    An activation, or another function of real numbers alone, gets a complex tensor.

    ## Why is this bad?

    Complex numbers have no order, so nothing that cuts, compares or sorts is defined on them. torch 2.13 raises for
    relu and most other activations, for softmax, dropout, pooling, batch, layer and group normalisation, clamp, max
    and sort. It goes on with a wrong result for RMSNorm, which takes the mean of `z * z` instead of `|z| ** 2`, and
    for `nan_to_num`, which treats the two parts apart. tanh, sigmoid and SiLU are computed as complex functions, which
    are not bounded: near their poles they give inf.

    ## Bad

    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3, dtype=torch.complex64)
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(self.conv(x))  # flagged


    # run: Net()(torch.randn(1, 1, 8, 8, dtype=torch.complex64))
    # raises: NotImplementedError
    ```

    ## Good

    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3, dtype=torch.complex64)
            self.act = nn.ReLU()

        def forward(self, x):
            z = self.conv(x)
            return torch.complex(self.act(z.real), self.act(z.imag)).abs()


    # run: Net()(torch.randn(1, 1, 8, 8, dtype=torch.complex64))
    ```

    ## Known limits

    Tensors are complex by what made them: a dtype, a complex factor, `torch.complex`, `polar`, the fft, a layer with
    complex weights. A parameter without an annotation is not taken for complex. tanh, sigmoid and SiLU give a
    `possible` finding. numpy, which does sort and clip complex arrays, is left alone.
    """
    z = next((o for o in site.operands.values() if o.value.is_complex and o.value.kind in ("tensor", "unknown")), None)
    if z is None or _does_nothing(site):
        return
    what = f"`{site.op}` of `{site.show(z)}`, which is {z.value.dtype}{_origin(site, z)}"
    if site.op in POLES:
        poles = f"it gives inf near its poles, such as {POLES[site.op]}"
        yield site.report(POSSIBLE, f"{what}, is not bounded: {poles}; {PARTS}, or bound z.abs()", at=site.place)
    elif site.op in MANGLED:
        confidence, wrong = MANGLED[site.op]
        yield site.report(confidence, f"{what}, {wrong}", at=site.place)
    else:
        certain = site.is_tensor(z.value) or site.op in ORDERED
        message = f"{what}, raises in torch 2.13: {_cure(site.op)}"
        yield site.report(CERTAIN if certain else LIKELY, message, at=site.place)


def _does_nothing(site: Site) -> bool:
    """Dropout that is switched off, and a mean over everything, take complex numbers as they are."""
    if "dropout" in site.op:
        p, training = site.value("p"), site.value("training")
        return (p is not None and p.number == 0) or (training is not None and training.const is False)
    if site.op in AVERAGED:
        size = site.value("output_size")
        sizes = size.items if size is not None and size.items is not None else (size,)
        return all(s is not None and s.const == 1 for s in sizes)
    return False


def _origin(site: Site, z: Operand) -> str:
    made = complex_origin(z.value)
    return f" (from {made.op} on line {site.row(made.place)})" if made is not None else ""


def _cure(op: str) -> str:
    if op in ACTIVATIONS:
        return PARTS
    if op in ORDERED:
        return "take z.abs() or z.real"
    if "dropout" in op:
        return "multiply by the dropout of torch.ones_like(z.real)"
    if "pool" in op or op == "interpolate":
        return PARTS
    if op.endswith("softmax") or op == "softmin":
        return "take it of z.abs() or z.real"
    if op.endswith("_norm"):
        return "normalise z.real and z.imag, or divide by z.abs()"
    return "take z.abs(), z.real or z.imag"
