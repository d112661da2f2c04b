"""Recommendations: what to buy for a budget or a target, and which run to do next."""
