"""Weights & Biases, or no tracking at all."""
