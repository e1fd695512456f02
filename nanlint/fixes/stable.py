"""Stable forms of expressions that fail: a line for each, read by `nanlint.fixes.matching`.

`->` gives the same value and gradient wherever the pattern itself is finite and well conditioned; `~>` changes them
near the border. `F`, `torch` and `math` stand for these modules under whatever name the file has for them.
"""

from __future__ import annotations

import functools

from nanlint.fixes.matching import roots
from nanlint.fixes.rewriting import Rewriting, read_all

LOGARITHMS = """
log(softmax(x, dim=D)) -> F.log_softmax(x, dim=D)
log(sigmoid(x)) -> F.logsigmoid(x)
log(1 - sigmoid(x)) -> F.logsigmoid(-x)
log1p(-sigmoid(x)) -> F.logsigmoid(-x)
log(1 + exp(x)) -> F.softplus(x)
log1p(exp(x)) -> F.softplus(x)
log(sum(exp(x), dim=d, keepdim=K)) -> torch.logsumexp(x, dim=d, keepdim=K)
log(mean(exp(x), dim=literal(d), keepdim=K)) -> torch.logsumexp(x, dim=d, keepdim=K) - math.log(x.size(d))
log(sum(w * exp(x), dim=d, keepdim=K)) -> torch.logsumexp(torch.log(w) + x, dim=d, keepdim=K)
log(exp(x) / sum(exp(x), dim=d, keepdim=True)) -> F.log_softmax(x, dim=d)
log(cumsum(exp(x), dim=d)) -> torch.logcumsumexp(x, dim=d)
log(exp(x)) -> x
log(1 - exp(-x)) -> torch.log(-torch.expm1(-x))
log(exp(x) - 1) -> x + torch.log(-torch.expm1(-x))
log(prod(x, dim=d, keepdim=K)) -> torch.log(x).sum(dim=d, keepdim=K)
log(prod(x)) -> torch.log(x).sum()
log(cumprod(x, dim=d)) -> torch.cumsum(torch.log(x), dim=d)
log(det(x)) -> torch.linalg.slogdet(x)[1]
log(ndtr(x)) -> torch.special.log_ndtr(x)
log(erfc(x)) -> torch.log(torch.special.erfcx(x)) - x**2
log(1 - square(tanh(x))) -> 2 * (math.log(2) - x - F.softplus(-2 * x))
log(cosh(x)) -> x + F.softplus(-2 * x) - math.log(2)
log(i0(x)) -> torch.log(torch.special.i0e(x)) + x.abs()
log(nonnegative(x) / nonnegative(y)) -> torch.log(x) - torch.log(y)
logdet(x) ~> torch.linalg.slogdet(x)[1]
"""
EXPONENTIALS = """
exp(x) / sum(exp(x), dim=d, keepdim=True) -> torch.softmax(x, dim=d)
inverse(1 + exp(-x)) -> torch.sigmoid(x)
inverse(1 + exp(x)) -> torch.sigmoid(-x)
exp(x) / (1 + exp(x)) -> torch.sigmoid(x)
(exp(x) - exp(-x)) / (exp(x) + exp(-x)) -> torch.tanh(x)
where(x > 0, x, exp(x) - 1) -> F.elu(x)
x * tanh(log(1 + exp(x))) -> F.mish(x)
x * tanh(softplus(x)) -> F.mish(x)
exp(x) - 1 -> torch.expm1(x)
"""
ROOTS = """
root(sum(square(x), dim=d, keepdim=K)) -> torch.linalg.vector_norm(x, dim=d, keepdim=K)
root(sum(square(x))) -> torch.linalg.vector_norm(x)
root(square(x) + square(y)) -> torch.hypot(x, y)
root(mean(square(x)) - square(mean(x))) -> torch.std(x, correction=0)
root(var(x, dim=D, unbiased=U, keepdim=K)) -> torch.std(x, dim=D, unbiased=U, keepdim=K)
"""
QUOTIENTS = """
x / norm(x, dim=d, keepdim=True) -> F.normalize(x, dim=d)
x / norm(x, p=2, dim=d, keepdim=True) -> F.normalize(x, dim=d)
x / vector_norm(x, dim=d, keepdim=True) -> F.normalize(x, dim=d)
sum(x * y, dim=d) / (norm(x, dim=d) * norm(y, dim=d)) -> F.cosine_similarity(x, y, dim=d)
sin(x) / x -> torch.sinc(x / math.pi)
(1 - cos(x)) / square(x) -> 0.5 * torch.sinc(x / (2 * math.pi))**2
atan(y / x) ~> torch.atan2(y, x)
x * y / y ~> x
"""
LOSSES = """
-sum(x * log(x), dim=D) -> torch.special.entr(x).sum(dim=D)
-mean(y * log(p) + (1 - y) * log(1 - p)) ~> F.binary_cross_entropy(p, y)
-mean(y * log(sigmoid(x)) + (1 - y) * log(1 - sigmoid(x))) ~> F.binary_cross_entropy_with_logits(x, y)
cross_entropy(softmax(x), target, weight=W) ~> F.cross_entropy(x, target, weight=W)
binary_cross_entropy(sigmoid(x), target, weight=W) -> F.binary_cross_entropy_with_logits(x, target, weight=W)
x * log(x) -> torch.xlogy(x, x)
"""
TRAPS = """
where(c, log(x), y) -> torch.where(c, torch.log(torch.where(c, x, 1)), y)
where(c, sqrt(x), y) -> torch.where(c, torch.sqrt(torch.where(c, x, 1)), y)
where(c, y / x, z) -> torch.where(c, y / torch.where(c, x, 1), z)
where(c, exp(x), y) -> torch.where(c, torch.exp(torch.where(c, x, 0)), y)
"""


@functools.cache
def _by_root() -> dict[str, list[Rewriting]]:
    found: dict[str, list[Rewriting]] = {}
    for table in (LOGARITHMS, EXPONENTIALS, ROOTS, QUOTIENTS, LOSSES, TRAPS):
        for rewriting in read_all(table.splitlines()):
            for op in roots(rewriting.pattern):
                found.setdefault(op, []).append(rewriting)
    return found


def rewritings(op: str) -> list[Rewriting]:
    """Those of which the value to replace is made by that operation."""
    return _by_root().get(op, [])
