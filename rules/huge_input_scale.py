from collections.abc import Iterator

from nanlint.api import LIKELY, Application, Report, Site, Value, rule

HUGE = 1e4
RANDOM = frozenset({"rand", "randn", "rand_like", "randn_like"})
# they leave the scale of their (first) operand as it is
KEEPS = frozenset(
    """view reshape transpose permute squeeze unsqueeze expand flatten contiguous clone detach repeat repeat_interleave
    t movedim swapaxes broadcast_to narrow unflatten ravel float double to type type_as index cpu cuda requires_grad_
    neg abs real imag conj relu leaky_relu complex view_as_real view_as_complex cat stack pad flip roll select chunk
    split add sub nan_to_num""".split()
)
LAYERS = """linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d rnn rnn_cell
lstm_cell"""


@rule(
    "NAN901", at=f"{LAYERS} model-call", kind="data",
)  # fmt: skip
def huge_input_scale(site: Site) -> Iterator[Report]:
    """
    Random data is multiplied by a huge number and goes into a network as it is.

    ## Why is this bad?

    Layers are initialised for inputs of the order of one. With inputs of 10,000 the activations are as large, a squared
    loss is of the order of 1e8, and so are its gradients: the first steps throw the weights far away, and exp and
    float16 overflow at once.

    ## Bad

    ```python
    def first_loss():
        net = nn.Linear(8, 1)
        x = torch.randn(64, 8) * 10000  # flagged
        return net(x).square().mean()


    # run: first_loss()
    # effect: result > 1e6
    ```

    ## Good

    ```python
    def first_loss():
        net = nn.Linear(8, 1)
        x = torch.randn(64, 8) * 10000
        x = (x - x.mean(dim=0)) / (x.std(dim=0) + 1e-6)
        return net(x).square().mean()


    # run: first_loss()
    ```

    ## Known limits

    Only `rand`, `randn` and their like times literal factors of 10,000 or more, on their way to a linear, convolutional
    or recurrent layer or into a model, past nothing that changes their scale. Data from files is of unknown scale.
    """
    if site.op == "model-call" and not site.is_model(site.payload):
        return
    for operand in site.operands.values():
        scaled = _scaled(operand.value, 1.0)
        if scaled is None:
            continue
        product, factor = scaled
        node = product.place.node
        into = f"`{site.op}`" if site.op != "model-call" else f"`{site.show(site.node)}`"
        size = f"is of the order of {factor:g} where it enters {into} on line {site.row(site.place)}"
        harm = "losses and gradients overflow; bring the data to mean 0 and standard deviation 1"
        yield site.report(LIKELY, f"`{site.show(node)}` {size}: {harm}", at=product.place)
        return


def _scaled(
    value: Value, factor: float, product: Application | None = None, largest: float = 1.0, depth: int = 0
) -> tuple[Application, float] | None:
    """The product with the largest factor that `value` comes from, and the whole factor, if its scale is still huge."""
    made = value.made_by
    if made is None or depth > 20 or value.is_integral:
        return None
    if made.op in RANDOM:
        return (product, factor) if product is not None and factor >= HUGE else None
    args = [v for v in made.args.values() if v.kind in ("tensor", "unknown", "number")]
    if made.op in KEEPS:
        candidates = args[:2] if made.op in ("add", "sub", "complex") else args[:1]
        found = (_scaled(v, factor, product, largest, depth + 1) for v in candidates if v.kind != "number")
        return next((scaled for scaled in found if scaled is not None), None)
    if made.op in ("mul", "div") and len(args) == 2:
        left, right = args
        if right.number is not None and right.number != 0:
            change, other = abs(right.number), left
        elif left.number is not None and made.op == "mul":
            change, other = abs(left.number), right
        else:
            return None
        if made.op == "div":
            return _scaled(other, factor / change, product, largest, depth + 1)
        if change > largest:
            product, largest = made, change
        return _scaled(other, factor * change, product, largest, depth + 1)
    return None
