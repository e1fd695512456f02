"""Losses, as functions and as modules."""

from __future__ import annotations

from nanlint.interval import FINITE, FINITE_NONNEGATIVE, INF, NONNEGATIVE, UNIT, ZERO, Interval
from nanlint.ops.define import op
from nanlint.ops.op import Call, Need, OnComplex, Op, Shape, Singular
from nanlint.slotted import replace


def loss(call: Call) -> Interval | None:
    """Not negative; not finite if an input is not."""
    return _with_inputs(call, FINITE_NONNEGATIVE)


def probable_loss(call: Call) -> Interval | None:
    """Not negative for targets that are probabilities."""
    target = call.range("target")
    return _with_inputs(call, FINITE_NONNEGATIVE if target is None or target.within(UNIT) else FINITE)


def poisson_loss(call: Call) -> Interval | None:
    return _with_inputs(call, Interval(lo_open=True))


def divergence(call: Call) -> Interval | None:
    """kl_div: NaN for a negative target, unless it is given as a logarithm."""
    target, result = call.range("target"), _with_inputs(call, FINITE)
    negative = target is not None and target.lo < 0 and call.const("log_target") is not True
    return replace(result, nan=result.nan or negative)


def signed_loss(call: Call) -> Interval | None:
    return _with_inputs(call, FINITE)


def overflowing_loss(call: Call) -> Interval | None:
    """Not negative, with an exponential inside that overflows."""
    return _with_inputs(call, NONNEGATIVE)


def _with_inputs(call: Call, result: Interval) -> Interval:
    for parameter in ("input", "target"):
        x = call.range(parameter)
        if x is not None and (INF in x or -INF in x or x.nan):
            return Interval(result.lo, INF, False, False, False, True)
    return result


def criterion(name: str, shape: Shape, module: str, parameters: str = "input target", *, constructor: str = "",
              needs: tuple[Need, ...] = (), singular: tuple[Singular, ...] = (), complex: OnComplex = "raises",
              places: str = "F") -> Op:  # fmt: skip
    return op(name, places, shape, parameters, nn=module, constructor=constructor, needs=needs,
              singular=singular, complex=complex, reduces=True, dtype="real")  # fmt: skip


PROBABILITY = (Need("input", UNIT, "an error outside of [0, 1]"),)

OPS: tuple[Op, ...] = (
    criterion("mse_loss", loss, "MSELoss"),
    criterion("l1_loss", loss, "L1Loss", complex="fine"),
    criterion("smooth_l1_loss", loss, "SmoothL1Loss", constructor="size_average reduce reduction beta"),
    criterion("huber_loss", loss, "HuberLoss", constructor="reduction delta"),
    criterion("cross_entropy", loss, "CrossEntropyLoss", "input target weight", constructor="weight"),
    criterion("nll_loss", signed_loss, "NLLLoss NLLLoss2d", "input target weight", constructor="weight"),
    criterion("binary_cross_entropy", loss, "BCELoss", "input target weight", constructor="weight", needs=PROBABILITY),
    criterion("binary_cross_entropy_with_logits", probable_loss, "BCEWithLogitsLoss", "input target weight",
              constructor="weight"),
    criterion("kl_div", divergence, "KLDivLoss", "input target",
              constructor="size_average reduce reduction log_target",
              singular=(Singular("target", ZERO, "nan"),)),
    criterion("poisson_nll_loss", poisson_loss, "PoissonNLLLoss", "input target log_input full",
              constructor="log_input full", complex="fine"),
    criterion("gaussian_nll_loss", signed_loss, "GaussianNLLLoss", "input target var full eps", constructor="full eps",
              complex="fine"),
    criterion("cosine_embedding_loss", loss, "CosineEmbeddingLoss", "input input2 target", constructor="margin"),
    criterion("hinge_embedding_loss", signed_loss, "HingeEmbeddingLoss", constructor="margin"),
    criterion("margin_ranking_loss", loss, "MarginRankingLoss", "input input2 target", constructor="margin"),
    criterion("multi_margin_loss", loss, "MultiMarginLoss", constructor="p margin"),
    criterion("multilabel_margin_loss", loss, "MultiLabelMarginLoss"),
    criterion("multilabel_soft_margin_loss", probable_loss, "MultiLabelSoftMarginLoss"),
    criterion("soft_margin_loss", overflowing_loss, "SoftMarginLoss", complex="fine"),
    criterion("triplet_margin_loss", loss, "TripletMarginLoss", "input positive negative", constructor="margin p eps",
              complex="fine"),
    criterion("triplet_margin_with_distance_loss", signed_loss, "TripletMarginWithDistanceLoss",
              "input positive negative", complex="fine"),
    criterion("ctc_loss", overflowing_loss, "CTCLoss", "input target input_lengths target_lengths",
              constructor="blank reduction zero_infinity"),
)  # fmt: skip
