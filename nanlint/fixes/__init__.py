"""Fixes: stable forms of expressions, written as edits of the source text, and their application to files."""
