"""Recommendations: the best use of a budget, the cheapest way to a target, and the most informative next run."""
