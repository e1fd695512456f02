"""Runs what `nanlint check` only reads; this folder alone imports torch, and only explicit commands import it."""
