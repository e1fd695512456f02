"""monai==1.6.1: monai/apps/reconstruction/mri_utils.py:38, NAN401

What is wrong: The power 0.5 has an infinite slope at 0: a pixel that is 0 in every coil has a NaN gradient.
The value is right.

May a caller pass it: yes. `VariationalNetworkModel` ends with it and is trained through it, and zero-filled
or masked data are exactly 0. A network with biases seldom gives exact zeros, so that it takes such data at
the end.
"""

import torch
from monai.apps.reconstruction.mri_utils import root_sum_of_squares

coils = torch.ones(1, 4, 2, 2)
coils[..., 0, 0] = 0.0
coils.requires_grad_()

root_sum_of_squares(coils, spatial_dim=1).sum().backward()
assert coils.grad.isfinite().all(), f"the gradient of the first coil is {coils.grad[0, 0].tolist()}"
