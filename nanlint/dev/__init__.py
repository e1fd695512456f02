"""Verbs for maintainers, used from a checkout: `python -m nanlint.dev`. No wheel holds them."""
