"""The abstract interpreter: what every expression of a definition can be, before any rule looks at it."""
