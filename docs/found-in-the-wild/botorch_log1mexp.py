"""botorch==0.18.1: botorch/utils/safe_math.py:80, NAN402

What is wrong: `where` picks the branch that is accurate near 0, but the gradient flows through the other one,
too: there `log1p(-exp(x))` is -inf at a small `x`, and 0 times its slope is NaN. The value is right.
`log1pexp` below masks its input first.

May a caller pass it: yes. Negative numbers close to 0 are the very case that the function is written for; the
gradient is NaN from -3e-8 on in float32, from -5.5e-17 on in float64.
"""

import torch
from botorch.utils.safe_math import log1mexp

x = torch.tensor([-1e-8], requires_grad=True)

log1mexp(x).backward()
assert x.grad.isfinite().all(), f"the gradient is {x.grad.item()}, and should be -1e8"
