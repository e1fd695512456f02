from collections.abc import Iterator

from nanlint.api import CERTAIN, LIKELY, LOSSES, Operand, Report, Site, complex_origin, rule

# the magnitude of the difference is all that these look at
DISTANCES = frozenset({"l1_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss"})
COMPLEX_RESULT = frozenset({"poisson_nll_loss", "gaussian_nll_loss", "soft_margin_loss"})
COMPLEX_TARGET = frozenset({"binary_cross_entropy_with_logits", "multilabel_soft_margin_loss"})
REAL_INPUT = frozenset({"hinge_embedding_loss"})
CURES = {
    "mse_loss": "take (z - t).abs().square().mean()",
    "smooth_l1_loss": "take it of (z - t).abs() and zeros",
    "huber_loss": "take it of (z - t).abs() and zeros",
}


@rule(
    "NAN802", at=" ".join(sorted(LOSSES - DISTANCES | {"complex-backward"})), kind="complex",
    mentions="complex Complex cfloat cdouble chalf fft polar stft hilbert .eig( eigvals 0j 1j 2j 5j 0J 1J",
)  # fmt: skip
def real_loss_on_complex(site: Site) -> Iterator[Report]:
    """
    A loss of real numbers gets complex tensors, or a complex loss is to be differentiated.

    ## Why is this bad?

    A loss is a real number. torch 2.13 raises for complex tensors in `mse_loss`, `smooth_l1_loss`, `huber_loss`, the
    cross entropies and most other losses; the Poisson, Gaussian and soft margin losses go on and return a complex
    number, and so does a hand-written `((z - t) ** 2).mean()`, which is not the squared distance. `backward()` of a
    complex number raises.

    ## Bad

    ```python
    def loss(z, target):
        return F.mse_loss(torch.fft.fft(z), torch.fft.fft(target))  # flagged


    # run: loss(torch.ones(4, requires_grad=True), torch.zeros(4))
    # raises: NotImplementedError
    ```

    ## Good

    ```python
    def loss(z, target):
        difference = torch.fft.fft(z) - torch.fft.fft(target)
        return (difference.real**2 + difference.imag**2).mean()


    # run: loss(torch.ones(4, requires_grad=True), torch.zeros(4))
    ```

    ## Known limits

    `l1_loss` and the triplet losses take the magnitude of the difference, which is right, and are left alone. Tensors
    are complex by what made them; a parameter without an annotation is not taken for complex.
    """
    z = next((o for o in site.operands.values() if o.value.is_complex and o.value.kind in ("tensor", "unknown")), None)
    if z is None:
        return
    is_ = f"`{site.show(z)}` is {z.value.dtype}{_origin(site, z)}"
    if site.op == "complex-backward":
        message = f"backward() raises in torch 2.13 because {is_}: make the loss real, as (z - t).abs().square().mean()"
        yield site.report(CERTAIN, message, at=site.place)
        return
    first = site.input.value
    if site.op in REAL_INPUT and not first.is_complex:
        return
    certain = CERTAIN if site.is_tensor(z.value) else LIKELY
    if (site.op in COMPLEX_RESULT and first.is_complex) or (site.op in COMPLEX_TARGET and not first.is_complex):
        wrong, cure = "gives a complex loss, whose backward() raises,", "make it of z.abs(), z.real or z.imag"
    else:
        wrong, cure = "raises in torch 2.13", CURES.get(site.op, "take it of z.abs(), or of z.real and of z.imag")
    yield site.report(certain, f"`{site.op}` {wrong} because {is_}: {cure}", at=site.place)


def _origin(site: Site, z: Operand) -> str:
    made = complex_origin(z.value)
    return f" (from {made.op} on line {site.row(made.place)})" if made is not None else ""
