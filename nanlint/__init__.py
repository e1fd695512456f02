"""nanlint points at the lines of PyTorch code that can produce NaN or Inf."""

__version__ = "0.1.0"
