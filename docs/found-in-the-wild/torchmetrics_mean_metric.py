"""torchmetrics==1.9.0: torchmetrics/aggregation.py:585, NAN201

What is wrong: The weighted sum is divided by the sum of the weights, which nothing keeps from 0.

May a caller pass it: yes. A mask is the usual weight, and it may be empty in an epoch of a small validation
set. That the mean of nothing is NaN can be defended, so the word for this one is: surprising.
"""

import torch
from torchmetrics.aggregation import MeanMetric

metric = MeanMetric()
metric.update(torch.tensor([1.0, 2.0]), weight=torch.tensor([0.0, 0.0]))

result = metric.compute()
assert result.isfinite(), f"the mean is {result}"
