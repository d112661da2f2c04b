"""Exports of finished runs: training rows, step values, rollouts and policies, in formats that other programs read."""
