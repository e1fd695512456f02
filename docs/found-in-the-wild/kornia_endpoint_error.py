"""kornia==0.9.0: kornia/metrics/endpoint_error.py:74, NAN401

What is wrong: The root of a sum of squares has an infinite slope at 0: where one pixel of a flow field is
predicted exactly, its gradient is NaN, and by the mean that of all weights. The value is right.

May a caller pass it: as a loss, yes: the average endpoint error is what networks for optical flow are trained
on, and masked or constant regions are predicted exactly. The page calls it a metric, and as one it does no
harm.
"""

import torch
from kornia.metrics import AEPE

target = torch.zeros(1, 2, 2, 2)
flow = torch.ones(1, 2, 2, 2)
flow[0, 0, 0] = 0.0
flow.requires_grad_()

AEPE()(flow, target).backward()
assert flow.grad.isfinite().all(), f"the gradient is {flow.grad.flatten().tolist()}"
