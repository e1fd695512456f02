"""torchmetrics==1.9.0: torchmetrics/functional/image/sam.py:77, NAN104

What is wrong: The cosine is clamped to [-1, 1], both of which `acos` takes but where its slope is infinite:
the gradient of each pixel that is predicted up to a factor is NaN. The value is right.

May a caller pass it: yes. The class says `is_differentiable = True`, and a prediction that is right somewhere
is what training leads to. Used as a metric without a gradient it does no harm.
"""

import torch
from torchmetrics.functional.image import spectral_angle_mapper

target = torch.full((1, 3, 2, 2), 0.5)
image = target.clone().requires_grad_()

spectral_angle_mapper(image, target).backward()
assert image.grad.isfinite().all(), f"the gradient is {image.grad.flatten().tolist()}"
