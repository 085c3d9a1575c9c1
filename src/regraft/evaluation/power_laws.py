"""Power laws of the error against the number of training images, fitted to many sets of errors at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from regraft.errors import InputError

Floats = npt.NDArray[np.float64]

FEWEST = 3
"""Numbers of images that a law is fitted to, at least; one more where it has a floor."""

_EXPONENTS = (0.01, 4.0)
_STEPS, _ZOOMS = 31, 4


@dataclass(frozen=True, eq=False)
class PowerLaws:
    """B laws of the error: `error(n) = scale · (n / unit)^(-exponent) + floor`.

    Attributes:
        scale, exponent, floor: float64 (B,), none below 0.
        unit: images; `scale` is what can still be gained there.
    """

    scale: Floats
    exponent: Floats
    floor: Floats
    unit: float

    def errors(self, images: npt.ArrayLike) -> Floats:
        """The errors (B, Q) with so many images (Q,)."""
        ratio = np.asarray(images, np.float64)[None, :] / self.unit
        errors: Floats = self.scale[:, None] * ratio ** -self.exponent[:, None] + self.floor[:, None]
        return errors

    def images_for(self, errors: Floats) -> Floats:
        """The images (B,) with which each law reaches an error (B,); infinite where it never does."""
        above = errors - self.floor
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = (self.scale / above) ** (1 / self.exponent)
        return np.where((above > 0) & np.isfinite(ratio), self.unit * ratio, np.inf)


def fit_power_laws(images: npt.ArrayLike, errors: Floats, weights: Floats, *, floor: bool) -> PowerLaws:
    """Laws of the error, `a · n^(-b) + c`, by weighted least squares, for many sets of errors at once.

    With b given, a and c are the solution of a linear problem, held at or above 0; so the best b alone is searched
    for, from 0.01 to 4 (separable least squares). No start value is needed, and no law rises.

    Args:
        images: (P,) numbers of training images, above 0.
        errors: (B, P), 1 - accuracy.
        weights: (P,), 1 / variance of each error.
        floor: whether there is a c; it is 0 if not.

    Raises:
        InputError: there are too few numbers of images.

    Source: Cortes et al. 1993, "Learning curves: asymptotic values and rate of convergence"; Hestness et al. 2017,
    "Deep learning scaling is predictable, empirically"; Golub and Pereyra 1973, "The differentiation of
    pseudo-inverses and nonlinear least squares problems whose variables separate".
    """
    counts = np.asarray(images, np.float64)
    if len(counts) < FEWEST + floor:
        raise InputError(
            "There is no law through so few points.",
            expected=f"at least {FEWEST + floor} numbers of images",
            received=str(len(counts)),
        )
    unit = float(counts.max())
    shares = weights / weights.sum()
    low, high = (np.full(len(errors), bound) for bound in _EXPONENTS)
    steps = np.linspace(0, 1, _STEPS)[:, None]
    columns = np.arange(len(errors))
    for _ in range(_ZOOMS):
        tried = low * (high / low) ** steps
        best = _linear_part(counts / unit, errors, shares, tried, floor)[2].argmin(axis=0)
        low, high = tried[np.maximum(best - 1, 0), columns], tried[np.minimum(best + 1, _STEPS - 1), columns]
    exponent = tried[best, columns]
    scale, rest, _ = _linear_part(counts / unit, errors, shares, exponent, floor)
    return PowerLaws(scale, exponent, rest, unit)


def _linear_part(
    ratio: Floats, errors: Floats, shares: Floats, exponent: Floats, floor: bool
) -> tuple[Floats, Floats, Floats]:
    """The best scale and floor for exponents (..., B), and their loss, all of that shape; `shares` add up to 1."""
    x = ratio ** -exponent[..., None]
    alone = np.asarray((x * errors) @ shares / ((x * x) @ shares), np.float64)
    scale, rest = alone, np.zeros_like(alone)
    if floor:
        mean_x, mean_error = x @ shares, errors @ shares
        centred = x - mean_x[..., None]
        # Where the error does not fall, the floor is its mean.
        scale = np.maximum((centred * errors) @ shares / ((centred * centred) @ shares), 0)
        rest = mean_error - scale * mean_x
        scale, rest = np.where(rest < 0, alone, scale), np.maximum(rest, 0)
    loss = (errors - scale[..., None] * x - rest[..., None]) ** 2 @ shares
    return scale, rest, loss
