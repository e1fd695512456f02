"""What parameters of a name are usually given: a prior, which the search corrects."""

from __future__ import annotations

import math
import re

from nanlint.verify.arguments.specs import Several, Spec, TensorSpec, Written, floats, numbers, plain


def _masks(*shapes: tuple[str, ...]) -> list[Spec]:
    return [TensorSpec("bool", shape) for shape in shapes]


_NORMAL = TensorSpec("float", ("N", "C"), "normal")
_TABLE: tuple[tuple[str, list[Spec]], ...] = (
    (
        (
            r"^(eps|epsilon|tol|delta|jitter|lambd\w*|alpha|beta|gamma|sigma|temperature|tau|margin|lr|smooth\w*|"
            r"momentum|rate|weight_decay|data_range|ratio|scale|base)$"
        ),
        [plain(0.5), floats(), floats("N"), floats("N", "C")],
    ),
    (r"(num_classes|n_classes|num_labels|embedding_size)$", [plain(3), plain(2)]),
    (r"(dim|axis)$", [plain(-1), plain(0), plain(1)]),
    (
        r"^(k|n|num_\w+|n_\w+|size|window_size|kernel_size|order|top_k|patience|steps?|count)$",
        [plain(3), plain(1), plain(4), plain((3, 3))],
    ),
    (r"reduction", [plain("mean"), plain("none"), plain("sum")]),
    (r"^mode$", [plain("multiclass"), plain("binary")]),
    (r"^task$", [plain("binary")]),
    (r"(mask|valid|ignore)\w*$", [*_masks(("N", "C"), ("N",), ("N", "N")), plain(None)]),
    (r"(indices|index|idx|ids)(_tuple)?$", [numbers("N"), plain(None)]),
    (
        r"^(labels?|targets?|y_true|true|gt|ground_truth|tgt)$",
        [
            numbers("N"), floats("N", "C"), TensorSpec("binary", ("N",)), TensorSpec("binary", ("N", "C")),
            floats("N"), numbers("N", "H", "W"), floats("N", "C", "H", "W"), TensorSpec("binary", ("N", 1, "H", "W")),
        ],
    ),
    (r"(embeddings?|feats?|features|queries|query|keys?|reference\w*|ref_emb|codes)$", [_NORMAL]),
    (
        r"(preds?|logits?|y_pred|inputs?|probs?|scores?|output|estimates?|x|x1|x2)$",
        [floats("N", "C"), floats("N"), floats("N", "C", "H", "W"), floats("N", 1, "H", "W"), floats(1, "N")],
    ),
    (r"(img|image|rgb|depth)", [floats("N", "C", "H", "W"), floats("N", 1, "H", "W")]),
    (r"(weights?)$", [floats("N"), floats("N", "C"), plain(None), plain(1.0), plain("uniform")]),
    (
        r"(cov|covar\w*|precision|scale_tril|hessian|mat|matrix|A|K)$",
        [TensorSpec("float", ("N", "N"), "definite"), floats("N", "N")],
    ),
    (r"(name|key|metric)$", [plain("a")]),
    (r"^(is_|use_|normalize|keepdim|inverse|training|return_)", [plain(False), plain(True)]),
    (r"(device)$", [Written("torch.device('cpu')")]),
    (r"dtype$", [Written("torch.float32")]),
    (r"(shape|sizes)$", [plain((4, 3)), Several((plain(4), plain(3)))]),
    (r"(model|module|network|net|encoder|decoder|backbone)$", [Written("torch.nn.Identity()")]),
)  # fmt: skip
# Nobody asks for a gradient of these, and nobody's guard is a zero.
_LABEL = re.compile(r"^(targets?|labels?|y_true|gt|ground_truth|\w*mask|(confmat|confusion_matrix)\w*|\w*counts?)$")
_GUARD = re.compile(r"^(eps\w*|epsilon|tol\w*|jitter|tiny)$")


# What nobody means by a name: a count or a spread below zero, a probability that is none.
_RANGES = (
    (re.compile(r"^((confmat|confusion_matrix)\w*|\w*counts?|histograms?|num_\w+)$"), 0.0, math.inf),
    (re.compile(r"^(var|variances?|std|stddev|standard_deviations?)$"), 0.0, math.inf),
    (re.compile(r"^(probs?|probabilit(y|ies))$"), 0.0, 1.0),
)


def of_name(name: str) -> list[Spec]:
    return next((specs for pattern, specs in _TABLE if re.search(pattern, name)), [])


def is_label(name: str) -> bool:
    """Whether a parameter is compared with, rather than learned through: no gradient of it is wanted."""
    return _LABEL.search(name) is not None


def usual_range(name: str) -> tuple[float, float] | None:
    """The least and the largest number that a parameter of this name can mean; None where any can."""
    return next(((low, high) for pattern, low, high in _RANGES if pattern.search(name)), None)


def is_guard(name: str) -> bool:
    """Whether a parameter is there to keep a quantity from zero."""
    return _GUARD.search(name) is not None
