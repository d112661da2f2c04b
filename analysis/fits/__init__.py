"""Fits of laws: to counts, to values, of one size or of two, and the optimiser under them. Arrays in, a `Fit` out."""
