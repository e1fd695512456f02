"""gpytorch==1.15.2: gpytorch/utils/grid.py:53, NAN201

What is wrong: Features are scaled by their range, max - min, which is 0 where all are equal.

May a caller pass it: yes. It stands between a network and a Gaussian process in deep kernel learning, where a
ReLU that is off for the whole batch gives all zeros. With several features that vary it cannot happen.
"""

import torch
from gpytorch.utils.grid import ScaleToBounds

result = ScaleToBounds(-1.0, 1.0)(torch.zeros(4, 2))
assert result.isfinite().all(), f"the scaled features are {result.flatten().tolist()}"
