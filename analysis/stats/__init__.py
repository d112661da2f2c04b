"""Intervals, bootstrap, overdispersion and variance components."""
