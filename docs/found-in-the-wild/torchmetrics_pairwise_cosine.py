"""torchmetrics==1.9.0: torchmetrics/functional/pairwise/cosine.py:38, NAN203

What is wrong: Each row is divided by its own norm, without the eps that `F.cosine_similarity` has: a row of
zeros is NaN against every other.

May a caller pass it: yes. Rows of zeros come from padding and from units that are off after a ReLU;
scikit-learn's `cosine_similarity` gives 0 for them.
"""

import torch
from torchmetrics.functional.pairwise import pairwise_cosine_similarity

rows = torch.tensor([[0.0, 0.0], [1.0, 0.0]])

result = pairwise_cosine_similarity(rows, torch.tensor([[1.0, 1.0]]))
assert result.isfinite().all(), f"the similarities are {result.flatten().tolist()}"
