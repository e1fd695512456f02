"""monai==1.6.1: monai/losses/perceptual.py:325, NAN203

What is wrong: A volume is divided by its own standard deviation, which is 0 where all of it has one value.

May a caller pass it: yes. `PerceptualLoss` normalises what a decoder makes and what it should have made in
this way, and a patch of background is constant. It takes a patch without any noise.
"""

import torch
from monai.losses.perceptual import medicalnet_intensity_normalisation

background = torch.zeros(1, 1, 4, 4, 4)

result = medicalnet_intensity_normalisation(background)
assert result.isfinite().all(), f"the normalised volume begins with {result.flatten()[0]}"
