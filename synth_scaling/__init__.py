"""Scaling laws of test error against positive and negative synthetic reasoning data."""

__version__ = "0.1.0"
