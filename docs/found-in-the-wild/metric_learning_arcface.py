"""pytorch-metric-learning==2.9.0: pytorch_metric_learning/losses/large_margin_softmax_loss.py:60, NAN104

What is wrong: The cosine between an embedding and the weights of its class is clamped to [-1, 1], where the
slope of `acos` is infinite: the gradient is NaN at a cosine of exactly 1. `ArcFaceLoss` inherits it.

May a caller pass it: yes, and the loss drives every cosine there. That one rounds to exactly 1 in float32
takes an angle below 3e-4, so it is rare with many dimensions, and less so in half precision.
"""

import torch
from pytorch_metric_learning.losses import ArcFaceLoss

loss = ArcFaceLoss(num_classes=2, embedding_size=2)
loss.W.data = torch.eye(2)
embeddings = torch.eye(2, requires_grad=True)

loss(embeddings, torch.tensor([0, 1])).backward()
assert embeddings.grad.isfinite().all(), f"the gradient is {embeddings.grad.tolist()}"
