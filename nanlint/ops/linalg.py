"""Linear algebra, distances and Fourier transforms."""

from __future__ import annotations

from nanlint.interval import FINITE_NONNEGATIVE, INF, Interval
from nanlint.ops.define import op
from nanlint.ops.op import Op
from nanlint.ops.reductions import layer, norm_like, spread_like, sum_like
from nanlint.ops.shapes import always, nothing, same

MIXED = layer("input")
LOG = Interval(-INF, INF, hi_open=True)

OPS: tuple[Op, ...] = (
    op("vector_norm", "L", norm_like, "input ord dim keepdim", reduces=True, dtype="real"),
    op("matrix_norm", "L", spread_like, "input ord dim keepdim", reduces=True, dtype="real"),
    op("linalg_norm", "", spread_like, "input ord dim keepdim", also="L.norm", reduces=True, dtype="real"),
    op("dist", "TM", spread_like, "input other p", reduces=True, dtype="real"),
    op("cdist", "T", spread_like, "input x2 p", complex="raises"),
    op("pdist", "TF", spread_like, "input p", complex="raises"),
    op("pairwise_distance", "F", spread_like, "input x2 p eps", nn="PairwiseDistance", constructor="p eps",
       reduces=True,
       dtype="real"),
    op("det", "TML", MIXED, reduces=True),
    op("slogdet", "TML", nothing, returns="tuple", reduces=True),
    op("logdet", "TM", lambda call: LOG.with_nan(), reduces=True),
    op("inv", "L", MIXED, also="T.inverse M.inverse"),
    op("pinv", "L", MIXED, also="T.pinverse M.pinverse"),
    op("cholesky", "TML", MIXED),
    op("eigh", "L", MIXED, returns="tuple"),
    op("eigvalsh", "L", MIXED, dtype="real"),
    op("eig", "L", MIXED, returns="tuple", dtype="complex"),
    op("eigvals", "L", MIXED, dtype="complex"),
    op("svd", "TML", MIXED, returns="tuple"),
    op("svdvals", "L", always(FINITE_NONNEGATIVE, "input"), dtype="real"),
    op("qr", "TML", MIXED, returns="tuple"),
    op("solve", "L", MIXED, "input other"),
    op("lstsq", "L", MIXED, "input other", returns="tuple"),
    op("matrix_exp", "TML", MIXED),
    op("matrix_power", "TML", MIXED, "input n"),
    op("cond", "L", always(Interval(1.0, INF), "input"), "input p", reduces=True, dtype="real"),
    op("trace", "TMN", sum_like, reduces=True),
    op("cross", "TML", layer("input", "other"), "input other dim"),
    op("kron", "TM", nothing, "input other"),
    op("fft", "Q", MIXED, also="Q.ifft Q.fft2 Q.ifft2 Q.fftn Q.ifftn Q.rfft Q.rfft2 Q.rfftn", dtype="complex"),
    op("irfft", "Q", MIXED, also="Q.irfft2 Q.irfftn Q.hfft", dtype="real"),
    op("cholesky_ex", "L", MIXED, returns="tuple"),
    op("inv_ex", "L", MIXED, returns="tuple"),
    op("solve_ex", "L", MIXED, "input other", returns="tuple"),
    op("solve_triangular", "L", layer("input", "other"), "input other"),
    op("triangular_solve", "TM", layer("input", "other"), "input other", returns="tuple"),
    op("cholesky_solve", "TM", layer("input", "other"), "input other"),
    op("cholesky_inverse", "TM", MIXED),
    op("lu", "L", MIXED, returns="tuple"),
    op("lu_factor", "L", MIXED, returns="tuple"),
    op("lu_solve", "L", MIXED, "input pivots other"),
    op("svd_lowrank", "T", MIXED, returns="tuple", also="T.pca_lowrank"),
    op("matrix_rank", "L", always(FINITE_NONNEGATIVE), dtype="integer", reduces=True, differentiable=False),
    op("multi_dot", "L", nothing, also="T.chain_matmul"),
    op("tensordot", "T", layer("input", "other"), "input other dims"),
    op("cov", "TM", MIXED),
    op("corrcoef", "TM", always(Interval(-1.0, 1.0, nan=True))),
    op("renorm", "TMI", MIXED, "input p dim maxnorm"),
    op("fftshift", "Q", same, also="Q.ifftshift"),
    op("stft", "TM", MIXED, "input n_fft", dtype="complex"),
    op("istft", "TM", MIXED, "input n_fft", dtype="real"),
)  # fmt: skip
