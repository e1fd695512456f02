"""monai==1.6.1: monai/apps/reconstruction/networks/nets/utils.py:149, NAN203

What is wrong: Real and imaginary part are divided by their standard deviations, which are 0 for an image of
one value; `ComplexUnet` does this to each input.

May a caller pass it: yes. The first and the last slices of a scan hold nothing, and where the imaginary part
of an image is 0 everywhere, as in one that was real, half of the result is NaN.
"""

import torch
from monai.apps.reconstruction.networks.nets.utils import complex_normalize

image = torch.rand(1, 2, 4, 4)
image[:, 1] = 0.0  # no imaginary part

result, _, _ = complex_normalize(image)
assert result.isfinite().all(), f"the imaginary part begins with {result[0, 1, 0, 0]}"
