"""Runs training that somebody else wrote, and says what spoiled it."""
