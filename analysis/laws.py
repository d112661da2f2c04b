"""Laws of test error against training problems."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """error(N) = amplitude * N ** -exponent, with N in problems and error as a fraction.

    A negative exponent, error that rises with N, is allowed: positive-only data may do that.
    """

    amplitude: float
    exponent: float

    def predict(self, size: npt.ArrayLike) -> Floats:
        """Error as a fraction at sizes N, of any shape; may pass 1 outside the range that was fitted."""
        log_error = np.log(self.amplitude) - self.exponent * np.log(np.asarray(size, dtype=float))
        return np.asarray(np.exp(log_error))

    def invert(self, error: npt.ArrayLike) -> Floats:
        """The size N at which the law reaches an error, of any shape; infinite for an error of 0.

        Raises:
            ValueError: the exponent is not positive, so that no size stands for an error.
        """
        if self.exponent <= 0:
            raise ValueError(f"a law with exponent {self.exponent:.3g} does not fall with N and cannot be inverted")
        with np.errstate(divide="ignore"):
            log_error = np.log(np.asarray(error, dtype=float))
        return np.asarray(np.exp((np.log(self.amplitude) - log_error) / self.exponent))
