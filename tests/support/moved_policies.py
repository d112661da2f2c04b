"""Policies that have moved away from where their training starts."""

from __future__ import annotations

import torch


def move(model: torch.nn.Module) -> None:
    """Add the same small noise to all weights in every test."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
