"""pytorch-metric-learning==2.9.0: pytorch_metric_learning/losses/p2s_grad_loss.py:58, NAN201

What is wrong: Cosines are divided by the norm of the embedding, 0 for one that is 0: the loss and its
gradient are NaN for the whole batch.

May a caller pass it: yes, where embeddings can be 0, as behind a ReLU. Other losses of the package normalise
with `F.normalize`, which has an eps.
"""

import torch
from pytorch_metric_learning.losses import P2SGradLoss

embeddings = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]])

result = P2SGradLoss(descriptors_dim=4, num_classes=3)(embeddings, torch.tensor([0, 1]))
assert result.isfinite(), f"the loss is {result}"
