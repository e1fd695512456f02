"""kornia==0.9.0: kornia/feature/loftr/loftr_module/linear_attention.py:166, NAN305

What is wrong: Scores of padded queries are -inf in the whole row, of which the softmax is NaN. The linear
attention in the same file multiplies by the mask and has no such rows.

May a caller pass it: yes. `q_mask` and `kv_mask` are documented arguments that mark padding, and a padded
query is such a row. LoFTR takes these masks for images of different sizes, with linear attention by default.
"""

import torch
from kornia.feature.loftr.loftr_module.linear_attention import FullAttention

features = torch.ones(1, 3, 1, 4)
mask = torch.tensor([[True, True, False]])

result = FullAttention()(features, features, features, q_mask=mask, kv_mask=mask)
assert result.isfinite().all(), f"the padded row is {result[0, 2, 0].tolist()}"
