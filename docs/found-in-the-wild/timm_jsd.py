"""timm==1.0.31: timm/loss/jsd.py:38, NAN404

What is wrong: `kl_div` is given the probabilities of a softmax as targets that want a gradient: at a
probability that underflows to 0 its gradient is NaN. The value is right.

May a caller pass it: yes. It takes logits that differ by 104 in float32, or by 18 in float16, so a very easy
image.
"""

import torch
from timm.loss import JsdCrossEntropy

logits = torch.tensor([[120.0, 0.0], [0.0, 0.0], [0.0, 1.0]], requires_grad=True)

JsdCrossEntropy(num_splits=3)(logits, torch.tensor([0])).backward()
assert logits.grad.isfinite().all(), f"the gradient is {logits.grad.tolist()}"
