"""The tracer as a callback of the training frameworks that have them."""
