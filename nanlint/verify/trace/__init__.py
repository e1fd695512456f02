"""Which operation of a training step made the first non-finite value that reached the loss or a gradient."""
