"""Moments of an elementwise function of a Gaussian, looked up: tabulated, scaled and interpolated."""

from __future__ import annotations

import math
from functools import lru_cache

from gradlint.propagation.expectations import Moments
from gradlint.propagation.functions import Key, Pieces, form_of
from gradlint.propagation.integrals import at_point, compute, tail

# Moments are tabulated on a grid of the logarithm of the variance and interpolated quadratically between.
_GRID = 8.0
_STEEP = 10.0
_TINY = 1e-280
# The moments of a homogeneous function are computed at means of so many steps a standard deviation.
_STEPS = 1000.0
# Means further from zero than so many standard deviations leave no spread to speak of.
_FARTHEST = 1e4

__all__ = ["Moments", "moments"]


def moments(key: Key, mean: float, variance: float) -> Moments:
    """The moments of the function `key` on N(mean, variance)."""
    if _TINY < variance < math.inf and _homogeneous(key):
        deviation = math.sqrt(variance)
        offset = mean / deviation
        if -_FARTHEST <= offset <= _FARTHEST:
            return _scaled(_unit(key, round(offset * _STEPS)), deviation, variance)
    return _moments(key, mean, variance if variance > 0.0 else 0.0)


@lru_cache(maxsize=512)
def _homogeneous(key: Key) -> bool:
    form = form_of(key)
    return isinstance(form, Pieces) and form.homogeneous


@lru_cache(maxsize=8192)
def _moments(key: Key, mean: float, variance: float) -> Moments:
    form = form_of(key)
    if variance <= _TINY or variance == math.inf:
        return at_point(form, mean, variance)
    deviation = math.sqrt(variance)
    offset = mean / deviation
    if abs(offset) > _FARTHEST:
        return at_point(form, mean, variance)
    if abs(offset) < 1e-4:
        return _interpolated(key, variance)
    return _direct(key, _rounded(mean), _rounded(variance))


def _rounded(x: float) -> float:
    return float(f"{x:.4g}")


def _scaled(unit: Moments, deviation: float, variance: float) -> Moments:
    return Moments(
        unit.mean * deviation,
        unit.square * variance,
        unit.chi,
        unit.kappa,
        unit.energies,
        unit.remainder,
        unit.exponent,
        variance,
        unit.pull * variance,
        unit.lever * variance,
        unit.cube * variance * deviation,
        unit.tilts,
        variance,
    )


@lru_cache(maxsize=4096)
def _unit(key: Key, steps: int) -> Moments:
    return compute(form_of(key), steps / _STEPS, 1.0)


@lru_cache(maxsize=4096)
def _direct(key: Key, mean: float, variance: float) -> Moments:
    return compute(form_of(key), mean, variance)


@lru_cache(maxsize=4096)
def _on_grid(key: Key, index: int) -> Moments:
    return compute(form_of(key), 0.0, math.exp(index / _GRID))


def _interpolated(key: Key, variance: float) -> Moments:
    position = math.log(variance) * _GRID
    index = round(position)
    t = position - index
    below, here, above = _on_grid(key, index - 1), _on_grid(key, index), _on_grid(key, index + 1)
    if not (math.isfinite(above.square) and math.isfinite(above.chi)):
        return here
    if above.square > _STEEP * below.square:  # an exponential: no parabola follows it
        return _direct(key, 0.0, _rounded(variance))
    a, b, c = 0.5 * t * (t - 1.0), 1.0 - t * t, 0.5 * t * (t + 1.0)
    square = a * below.square + b * here.square + c * above.square
    chi = a * below.chi + b * here.chi + c * above.chi
    mean = a * below.mean + b * here.mean + c * above.mean
    energies = [a * x + b * y + c * z for x, y, z in zip(below.energies, here.energies, above.energies, strict=True)]
    energies[0] = mean * mean
    remainder, exponent = tail(energies, square, chi * variance)
    return Moments(
        mean,
        square,
        chi,
        a * below.kappa + b * here.kappa + c * above.kappa,
        tuple(energies),
        remainder,
        exponent,
        variance,
        a * below.pull + b * here.pull + c * above.pull,
        a * below.lever + b * here.lever + c * above.lever,
        a * below.cube + b * here.cube + c * above.cube,
        here.tilts,
    )
