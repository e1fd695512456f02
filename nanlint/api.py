"""What a rule may import."""

from __future__ import annotations

from nanlint.facts.distributions import family_of
from nanlint.facts.dtypes import complex_origin
from nanlint.facts.evidence import is_stand_in, is_told_nothing
from nanlint.facts.frame import Place
from nanlint.facts.growth import exp_limit
from nanlint.facts.guarded import OVERFLOWING
from nanlint.facts.masking import COMPARISONS, Fill, covered, fills, lowest
from nanlint.facts.precision import lost_eps, vanishes
from nanlint.facts.probabilities import complement_of, is_one, picked, sigmoid_of, softmax_of, unguarded
from nanlint.facts.relations import (
    ancestry,
    are_slices_of_one,
    first_arg,
    have_common_origin,
    is_filled,
    is_flat_at,
    is_part_of_sum,
    is_reshaped,
    is_shielded_at_zero,
    is_square,
    reduction_of,
    same,
    strip_shapes,
    strip_views,
)
from nanlint.facts.training import Event
from nanlint.facts.training_loops import Loop, Training, is_of_test
from nanlint.facts.value import Application, Operand, Value
from nanlint.facts.variances import moments_of
from nanlint.finding import Confidence, Finding
from nanlint.interval import (
    ABOVE_MINUS_ONE,
    FINITE,
    FINITE_NONNEGATIVE,
    INF,
    NONNEGATIVE,
    NONZERO,
    ONE,
    POSITIVE,
    REAL,
    SYMMETRIC_UNIT,
    UNIT,
    ZERO,
    Interval,
)
from nanlint.ops import DTYPES, LOSSES, ops_on_complex
from nanlint.ops.names import torch_names
from nanlint.rule import rule
from nanlint.site import Proposal, Report, Site

CERTAIN, LIKELY, POSSIBLE = Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE

__all__ = [
    "ABOVE_MINUS_ONE", "CERTAIN", "COMPARISONS", "DTYPES", "FINITE", "FINITE_NONNEGATIVE", "INF", "LIKELY",
    "LOSSES", "NONNEGATIVE", "NONZERO", "ONE", "OVERFLOWING", "POSITIVE", "POSSIBLE", "REAL", "SYMMETRIC_UNIT",
    "UNIT", "ZERO", "Application", "Confidence", "Event", "Fill", "Finding", "Interval", "Loop", "Operand", "Place",
    "Proposal", "Report", "Site", "Training", "Value", "ancestry", "are_slices_of_one", "complement_of",
    "complex_origin", "covered", "exp_limit", "family_of", "fills", "first_arg", "have_common_origin", "is_filled",
    "is_flat_at", "is_of_test", "is_one", "is_part_of_sum", "is_reshaped", "is_shielded_at_zero", "is_square",
    "is_stand_in", "is_told_nothing", "lost_eps", "lowest", "moments_of", "ops_on_complex", "picked", "reduction_of",
    "rule", "same", "sigmoid_of", "softmax_of", "strip_shapes", "strip_views", "torch_names", "unguarded", "vanishes",
]  # fmt: skip
