"""Stable forms of expressions that fail: a line for each, read by `nanlint.fixes.matching`.

`->` gives the same value and gradient wherever the pattern itself is finite and well conditioned; `~>` changes them
near the border. What follows `for` is the rule whose findings alone it answers. `F`, `torch` and `math` stand for
these modules under whatever name the file has for them.
"""

from __future__ import annotations

import functools

from nanlint.fixes.matching import roots
from nanlint.fixes.rewriting import Rewriting, read_all

LOGARITHMS = """
log(softmax(x, dim=D)) -> F.log_softmax(x, dim=D)
log(softmin(x, dim=D)) -> F.log_softmax(-x, dim=D)
log2(softmax(x, dim=D)) -> F.log_softmax(x, dim=D) / math.log(2)
log10(softmax(x, dim=D)) -> F.log_softmax(x, dim=D) / math.log(10)
log(sigmoid(x)) -> F.logsigmoid(x)
log(1 - sigmoid(x)) -> F.logsigmoid(-x)
log1p(-sigmoid(x)) -> F.logsigmoid(-x)
log(1 + exp(x)) -> F.softplus(x)
log1p(exp(x)) -> F.softplus(x)
log(sum(exp(x), dim=d, keepdim=K)) -> torch.logsumexp(x, dim=d, keepdim=K)
log(mean(exp(x), dim=literal(d), keepdim=K)) -> torch.logsumexp(x, dim=d, keepdim=K) - math.log(x.size(d))
log(sum(w * exp(x), dim=d, keepdim=K)) -> torch.logsumexp(torch.log(w) + x, dim=d, keepdim=K)
log(exp(x) / sum(exp(x), dim=d, keepdim=True)) -> F.log_softmax(x, dim=d)
log(exp(y) / sum(exp(x), dim=d)) ~> -torch.logsumexp(x - y.unsqueeze(d), dim=d)
log(cumsum(exp(x), dim=d)) -> torch.logcumsumexp(x, dim=d)
log(exp(x)) -> x
log(1 - exp(-x)) -> torch.log(-torch.expm1(-x))
log(exp(x) - 1) -> x + torch.log(-torch.expm1(-x))
log(prod(x, dim=d, keepdim=K)) -> torch.log(x).sum(dim=d, keepdim=K)
log(prod(x)) -> torch.log(x).sum()
log(cumprod(x, dim=d)) -> torch.cumsum(torch.log(x), dim=d)
log(prod(x, dim=d, keepdim=K)) ~> torch.log(x.clamp_min(tiny(x))).sum(dim=d, keepdim=K)
log(prod(x)) ~> torch.log(x.clamp_min(tiny(x))).sum()
log(cumprod(x, dim=d)) ~> torch.cumsum(torch.log(x.clamp_min(tiny(x))), dim=d)
log(det(x)) -> torch.linalg.slogdet(x)[1]
log(ndtr(x)) -> torch.special.log_ndtr(x)
log(erfc(x)) -> torch.log(torch.special.erfcx(x)) - x**2
log(1 - square(tanh(x))) -> 2 * (math.log(2) - x - F.softplus(-2 * x))
log(cosh(x)) -> x + F.softplus(-2 * x) - math.log(2)
log(i0(x)) -> torch.log(torch.special.i0e(x)) + x.abs()
log(nonnegative(x) / nonnegative(y)) ~> torch.log(x) - torch.log(y)
log(1 + x) -> torch.log1p(x) for log-of-one-plus
log(x / (1 - x)) ~> torch.logit(x, eps=eps(x))
atanh(tanh(x)) -> x
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
exp(x - amax(x, dim=d, keepdim=K)) ~> torch.exp(x - x.amax(dim=d, keepdim=K).clamp_min(lowest(x)))
soft_margin_loss(x, y) -> F.softplus(-x * y).mean()
"""
ROOTS = """
root(sum(square(x), dim=d, keepdim=True) + sum(square(y), dim=e) - 2 * matmul(x, t(y))) ~> torch.cdist(x, y)
root(sum(square(x), dim=d, keepdim=True) + sum(square(y), dim=e) - matmul(2 * x, t(y))) ~> torch.cdist(x, y)
root(sum(square(x), dim=d, keepdim=True) + sum(square(y), dim=e) - 2 * mm(x, t(y))) ~> torch.cdist(x, y)
root(sum(square(x), dim=d, keepdim=K)) -> torch.linalg.vector_norm(x, dim=d, keepdim=K)
root(sum(square(x))) -> torch.linalg.vector_norm(x)
root(square(x) + square(y)) ~> torch.hypot(x, y.abs().clamp_min(tiny(y)))
root(mean(square(x)) - square(mean(x))) -> torch.std(x, correction=0)
mean(square(x)) - square(mean(x)) -> torch.var(x, correction=0)
mean(square(x), dim=d, keepdim=K) - square(mean(x, dim=d, keepdim=K)) -> torch.var(x, dim=d, correction=0, keepdim=K)
root(mean(square(x), dim=d) - square(mean(x, dim=d))) -> torch.std(x, dim=d, correction=0)
root(x + number(c)) - root(x) -> c / (torch.sqrt(x + c) + torch.sqrt(x))
root(var(x, dim=D, unbiased=U, keepdim=K)) -> torch.std(x, dim=D, unbiased=U, keepdim=K)
"""
QUOTIENTS = """
x / norm(x, dim=d, keepdim=True) -> F.normalize(x, dim=d)
x / norm(x, p=2, dim=d, keepdim=True) -> F.normalize(x, dim=d)
x / vector_norm(x, dim=d, keepdim=True) -> F.normalize(x, dim=d)
sum(x * y, dim=d) / (norm(x, dim=d) * norm(y, dim=d)) -> F.cosine_similarity(x, y, dim=d)
sin(x) / x -> torch.sinc(x / math.pi)
(1 - cos(x)) / square(x) -> 0.5 * torch.sinc(x / (2 * math.pi))**2
1 - cos(x) -> 2 * torch.sin(x / 2)**2
x / abs(x) -> torch.sgn(x)
matmul(x, y) / number(c) ~> (x / c) @ y
matmul(inv(x), y) ~> torch.linalg.solve(x, y)
atan(y / x) ~> torch.atan2(y, x)
x * y / y ~> x
"""
LOSSES = """
-sum(x * log(x), dim=D) -> torch.special.entr(x).sum(dim=D)
-sum(x * log(x), dim=D) ~> torch.special.entr(x.clamp_min(tiny(x))).sum(dim=D)
sum(p * (log(p) - log(q)), dim=D) ~> (p * (p.clamp_min(tiny(p)).log() - q.clamp_min(tiny(q)).log())).sum(dim=D)
sum(p * log(p / q), dim=D) ~> (p * (p.clamp_min(tiny(p)).log() - q.clamp_min(tiny(q)).log())).sum(dim=D)
log(v) + square(d) / v ~> torch.log(v.clamp_min(eps(v))) + d**2 / v.clamp_min(eps(v))
-mean(y * log(wide(p)) + (1 - y) * log(1 - p)) ~> F.binary_cross_entropy(p, y)
-mean(y * log(sigmoid(x)) + (1 - y) * log(1 - sigmoid(x))) ~> F.binary_cross_entropy_with_logits(x, y)
binary_cross_entropy(sigmoid(x), target, weight=W) -> F.binary_cross_entropy_with_logits(x, target, weight=W)
x * log(x) ~> torch.xlogy(x, x.clamp_min(tiny(x)))
log_softmax(masked_fill(x, m, masking(c)), dim=D) * y ~> F.log_softmax(x.masked_fill(m, lowest(x)), dim=D) * y
cross_entropy(x, y) -> F.cross_entropy(x, y, reduction="sum") / (y != -100).sum().clamp(min=1)
"""
TRAPS = """
where(c, log(x), y) -> torch.where(c, torch.log(torch.where(c, x, 1)), y)
where(c, sqrt(x), y) -> torch.where(c, torch.sqrt(torch.where(c, x, 1)), y)
where(c, y / x, z) -> torch.where(c, y / torch.where(c, x, 1), z)
clamp(log(x), min=literal(c)) ~> torch.log(x.clamp_min(tiny(x))).clamp(min=c)
nan_to_num(log(x), nan=A, posinf=B, neginf=C) ~> torch.log(x.clamp_min(tiny(x)))
x + (1 - m) * masking(c) ~> x.masked_fill(m == 0, lowest(x))
masked_fill(x, m, masking(c)) ~> x.masked_fill(m, lowest(x))
normalize(x, p=P, dim=D) ~> F.normalize(x, p=P, dim=D, eps=eps(x))
log(x)[m] -> torch.log(x[m])
sqrt(x)[m] -> torch.sqrt(x[m])
mean(x[m]) ~> x[m].sum() / max(x[m].numel(), 1)
sum(square(x), dim=D, keepdim=K) ~> x.float().square().sum(dim=D, keepdim=K)
mean(square(x), dim=D, keepdim=K) ~> x.float().square().mean(dim=D, keepdim=K)
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
