"""pytorch-metric-learning==2.9.0: pytorch_metric_learning/distances/snr_distance.py:16, NAN201

What is wrong: The variance of a difference is divided by that of an embedding, which is 0 where all of its
components are equal.

May a caller pass it: yes, where embeddings can be 0, as behind a ReLU; normalising them, which is the
default, leaves 0 as it is. In general position it does not happen.
"""

import torch
from pytorch_metric_learning.distances import SNRDistance

embeddings = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])

result = SNRDistance()(embeddings, torch.tensor([[1.0, 2.0, 4.0]]))
assert result.isfinite().all(), f"the distances are {result.flatten().tolist()}"
