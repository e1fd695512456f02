"""torchmetrics==1.9.0: torchmetrics/functional/text/perplexity.py:111, NAN201

What is wrong: The mean log-probability is divided by the number of tokens that count, which is 0 where each
target is `ignore_index`.

May a caller pass it: yes, though rarely: a batch that is padding or prompt alone is what `ignore_index` is
for, and nothing refuses it. What the right answer would be is open; a NaN that a logger averages into its
epoch is not it.
"""

import torch
from torchmetrics.functional.text import perplexity

logits = torch.zeros(1, 2, 3)
targets = torch.full((1, 2), -100)

result = perplexity(logits, targets, ignore_index=-100)
assert result.isfinite(), f"the perplexity is {result}"
