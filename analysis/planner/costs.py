"""FLOPs as GPU hours and money."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """FLOPs of training per second of one GPU, and the price of a GPU hour; None where not given."""

    flops_per_second: float | None = None
    money_per_hour: float | None = None

    def hours(self, spent: float) -> float | None:
        """GPU hours of `spent` FLOPs."""
        return spent / (3600 * self.flops_per_second) if self.flops_per_second else None

    def money(self, spent: float) -> float | None:
        """Price of `spent` FLOPs."""
        hours = self.hours(spent)
        return hours * self.money_per_hour if hours is not None and self.money_per_hour else None
