"""torchmetrics==1.9.0: torchmetrics/functional/text/perplexity.py:95, NAN310

What is wrong: The softmax of the logits is taken first and its logarithm afterwards. The probability of a
token whose logit lies 104 below the largest is 0 in float32, so that one such token makes the perplexity of
the whole corpus Inf.

May a caller pass it: yes. The documentation asks for logits or unnormalised scores, and these have no bound;
a confident language model that is wrong once is what the metric is for. In float16 a gap of 18 is enough.
"""

import torch
from torchmetrics.functional.text import perplexity

logits = torch.zeros(1, 8, 2)
logits[0, 0] = torch.tensor([-60.0, 60.0])
targets = torch.zeros(1, 8, dtype=torch.int64)

result = perplexity(logits, targets)
assert result.isfinite(), f"the perplexity of eight tokens is {result}, and should be 6.0e6"
