"""Expected costs and duration of runs, computed before any of them starts."""
