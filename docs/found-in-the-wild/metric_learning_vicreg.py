"""pytorch-metric-learning==2.9.0: pytorch_metric_learning/losses/vicreg_loss.py:64, NAN204

What is wrong: `var` of a batch of one embedding is NaN; the eps that is added to it changes nothing.

May a caller pass it: yes. It is the last batch of an epoch whose length leaves a remainder of 1, without
`drop_last`. The loss means nothing for one sample, but an error, or 0, would not end the training.
"""

import torch
from pytorch_metric_learning.losses import VICRegLoss

one, other = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.5, 2.0]])

result = VICRegLoss()(one, ref_emb=other)
assert result.isfinite(), f"the loss is {result}"
