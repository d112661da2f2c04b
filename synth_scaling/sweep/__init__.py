"""Sweeps: grids of runs, their plan and status, workers and launchers."""
