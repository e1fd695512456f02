"""monai==1.6.1: monai/losses/spectral_loss.py:86, NAN401

What is wrong: The amplitude of a Fourier component is a root, with an infinite slope at 0. In an image of one
value all components but one are exactly 0, and the whole gradient is NaN.

May a caller pass it: yes. A decoder that gives one value at first, or a saturated patch, is no misuse of a
loss for reconstructions.
"""

import torch
from monai.losses import JukeboxLoss

image = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
target = torch.linspace(0, 1, 64).view(1, 1, 8, 8)

JukeboxLoss(spatial_dims=2)(image, target).backward()
assert image.grad.isfinite().all(), f"the gradient begins with {image.grad.flatten()[0]}"
