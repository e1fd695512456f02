"""timm==1.0.31: timm/layers/attention.py:135, NAN305

What is wrong: A boolean mask that hides all keys from a query gives a row of -inf, of which the softmax is
NaN. The fused path beside it gives 0 for the same mask.

May a caller pass it: yes. Padded tokens in a batch of sequences of different length are such rows. Which path
runs depends on the device and on `TIMM_FUSED_ATTN`, and so does the result.
"""

import torch
from timm.layers import Attention

attention = Attention(dim=8, num_heads=2)
attention.fused_attn = False
mask = torch.tensor([[True, True, False], [True, True, False], [False, False, False]])[None, None]

result = attention(torch.ones(1, 3, 8), attn_mask=mask)
assert result.isfinite().all(), f"the padded row begins with {result[0, 2, 0].item()}"
