"""The analysis of one study: curves, the baseline law, multipliers and differences."""
