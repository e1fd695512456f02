"""Arguments for a function of which only the source is known."""
