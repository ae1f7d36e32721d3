"""Integrals of a function against a normal density: closed forms for pieces of lines and wide waves, else points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

from gradlint.propagation.expectations import OVERFLOW, Moments
from gradlint.propagation.functions import Form, Pieces, Smooth
from gradlint.propagation.quadrature import FINEST, ORDER, cumulative, density, hermite, rule

# A jump smaller than this is rounding; a steeper last power than this is a jump.
_JUMP = 1e-9
_STEEPEST = 1e4
# Variance from which on a Gaussian spans so many waves that a quadrature would need very many points.
_MANY_WAVES = 64.0
_ORDERS = tuple(map(float, range(ORDER)))
_SQRT6 = math.sqrt(6.0)


class _Integrals(NamedTuple):
    """What is integrated besides the Hermite coefficients; names as in `Moments`."""

    square: float
    chi: float
    fourth: float
    pull: float
    lever: float
    cube: float
    tilts: tuple[float, float, float, float]


def at_point(form: Form, mean: float, variance: float) -> Moments:
    """The limit of no spread, or of a spread beyond all numbers."""
    if variance == math.inf or not math.isfinite(mean):
        return OVERFLOW
    if isinstance(form, Pieces):
        slope, offset = _piece(form, mean)
        value = slope * mean + offset
    else:
        values, slopes = _evaluate(form, (mean,))
        value, slope = values[0], slopes[0]
    if not math.isfinite(value * value) or not math.isfinite(slope * slope):
        return OVERFLOW
    chi = slope * slope
    spread = chi * variance
    z_square = mean * mean + variance
    pull = mean * value * slope + chi * variance
    energies = (value * value, spread) + (0.0,) * (ORDER - 2)
    return Moments(
        value,
        value * value + spread,
        chi,
        1.0,
        energies,
        0.0,
        float(ORDER),
        variance,
        pull,
        chi * z_square,
        value**3,
        (0.0,) * 4,
    )


def _piece(form: Pieces, x: float) -> tuple[float, float]:
    index = sum(1 for limit in form.breaks if x > limit)
    return form.slopes[index], form.offsets[index]


def compute(form: Form, mean: float, variance: float) -> Moments:
    """The moments of a function on N(mean, variance), for a variance that is a number."""
    if isinstance(form, Pieces):
        return _closed_form(form, mean, variance)
    if form.phase is not None and variance > _MANY_WAVES:
        return _wave(form.phase, mean, variance)
    return _quadrature(form, mean, variance)


def _evaluate(form: Smooth, points: tuple[float, ...]) -> tuple[list[float], list[float]]:
    try:
        return [form.value(x) for x in points], [form.slope(x) for x in points]
    except OverflowError:
        return [math.inf], [math.inf]


def _quadrature(form: Smooth, mean: float, variance: float) -> Moments:
    deviation = math.sqrt(variance)
    refinement = 4 if form.kinked else 1
    while refinement < deviation and refinement < FINEST:
        refinement *= 2
    nodes, weights, rows = rule(refinement)
    points = _spread(form, mean, deviation, nodes)
    values, slopes = _evaluate(form, points)
    if len(values) != len(nodes):
        return OVERFLOW
    coefficients = [sum(map(mul, row, values)) for row in rows]
    weighted, doubled = list(map(mul, weights, values)), list(map(mul, values, values))
    squares, reached = list(map(mul, slopes, slopes)), list(map(mul, points, slopes))
    thirds = rows[3]
    integrals = _Integrals(
        square=sum(map(mul, weighted, values)),
        chi=sum(map(mul, weights, squares)),
        fourth=sum(map(mul, map(mul, weights, squares), squares)),
        pull=sum(map(mul, weighted, reached)),
        lever=sum(map(mul, weights, map(mul, reached, reached))),
        cube=sum(map(mul, weighted, doubled)),
        tilts=(
            _SQRT6 * coefficients[3],
            _SQRT6 * sum(map(mul, thirds, doubled)),
            _SQRT6 * sum(map(mul, thirds, squares)),
            _SQRT6 * sum(map(mul, map(mul, thirds, values), doubled)),
        ),
    )
    if not (math.isfinite(integrals.square) and math.isfinite(integrals.fourth)):
        return OVERFLOW
    return _assembled(coefficients, integrals, variance)


def _spread(form: Smooth, mean: float, deviation: float, nodes: tuple[float, ...]) -> tuple[float, ...]:
    """Values of the argument: normal, or log-normal of the same mean and variance where it has to be positive."""
    if not form.singular or mean <= 0.0:
        return tuple([mean + deviation * t for t in nodes])
    width = math.sqrt(math.log1p((deviation / mean) ** 2))
    middle = math.log(mean) - 0.5 * width * width
    return tuple([math.exp(middle + width * t) for t in nodes])


def _partial_moments(low: float, high: float) -> list[float]:
    """Integrals of t^k against the standard normal density from `low` to `high`, k from 0 to 6."""
    at_low = density(low) if low > -math.inf else 0.0
    at_high = density(high) if high < math.inf else 0.0
    found = [cumulative(high) - cumulative(low), at_low - at_high]
    for k in range(2, 7):
        edge = (low ** (k - 1) * at_low if at_low else 0.0) - (high ** (k - 1) * at_high if at_high else 0.0)
        found.append((k - 1) * found[k - 2] + edge)
    return found


def _closed_form(form: Pieces, mean: float, variance: float) -> Moments:
    """Integrals of a piecewise linear function; its Hermite coefficients come from its kinks and jumps alone."""
    deviation = math.sqrt(variance)
    edges = [(b - mean) / deviation for b in form.breaks]
    lower = [-math.inf, *edges]
    upper = [*edges, math.inf]
    first = square = slope = chi = fourth = pull = lever = cube = first3 = square3 = chi3 = cube3 = 0.0
    for a, b, low, high in zip(form.slopes, form.offsets, lower, upper, strict=True):
        j0, j1, j2, j3, j4, j5, j6 = _partial_moments(low, high)
        level, gain = a * mean + b, a * deviation
        first += level * j0 + gain * j1
        square += level * level * j0 + 2.0 * level * gain * j1 + gain * gain * j2
        cube += level**3 * j0 + 3.0 * level**2 * gain * j1 + 3.0 * level * gain**2 * j2 + gain**3 * j3
        slope += a * j0
        chi += a * a * j0
        fourth += a**4 * j0
        line = mean * j0 + deviation * j1
        quadratic = mean * mean * j0 + 2.0 * mean * deviation * j1 + variance * j2
        pull += a * (a * quadratic + b * line)
        lever += a * a * quadratic
        third, third1, third2 = j3 - 3.0 * j1, j4 - 3.0 * j2, j5 - 3.0 * j3
        first3 += level * third + gain * third1
        square3 += level * level * third + 2.0 * level * gain * third1 + gain * gain * third2
        chi3 += a * a * third
        third3 = j6 - 3.0 * j4
        cube3 += level**3 * third + 3.0 * level**2 * gain * third1 + 3.0 * level * gain**2 * third2 + gain**3 * third3
    square = max(square, first * first)  # far out in the tail, rounding leaves less
    integrals = _Integrals(square, chi, fourth, pull, lever, cube, (first3, square3, chi3, cube3))
    coefficients = [first, slope * deviation] + [0.0] * (ORDER - 2)
    for i, (edge, break_) in enumerate(zip(edges, form.breaks, strict=True)):
        bend = (form.slopes[i + 1] - form.slopes[i]) * deviation
        jump = (form.slopes[i + 1] - form.slopes[i]) * break_ + form.offsets[i + 1] - form.offsets[i]
        weight = density(edge)
        polynomials = hermite(edge, ORDER)
        for k in range(2, ORDER):
            coefficients[k] += bend * polynomials[k - 2] * weight / math.sqrt(k * (k - 1))
        if abs(jump) > _JUMP:
            for k in range(1, ORDER):
                coefficients[k] += jump * polynomials[k - 1] * weight / math.sqrt(k)
    return _assembled(coefficients, integrals, variance)


def _wave(phase: float, mean: float, variance: float) -> Moments:
    """Integrals of sin(z + phase), which no fixed step of a quadrature follows at every variance.

    All follow from E[exp(i n z)] = exp(i n mean - n^2 variance / 2) and Stein's lemma: the k-th Hermite coefficient is
    deviation^k E[f^(k)] / sqrt(k!), and E[z g] = mean E[g] + variance E[g'].
    """
    angle, width = mean + phase, 0.5 * math.log(variance)

    def damped(frequency: int, power: float) -> float:
        """What is left of a wave, times a power of the deviation."""
        return math.exp(power * width - 0.5 * frequency * frequency * variance)

    sine, cosine = math.sin(angle), math.cos(angle)
    sine2, cosine2 = math.sin(2.0 * angle), math.cos(2.0 * angle)
    sine3, cosine3 = math.sin(3.0 * angle), math.cos(3.0 * angle)
    derivatives = (sine, cosine, -sine, -cosine)
    doubled, tripled = damped(2, 0.0) * cosine2, damped(3, 3.0) * cosine3
    bent = 4.0 * damped(2, 3.0) * sine2
    integrals = _Integrals(
        square=0.5 * (1.0 - doubled),
        chi=0.5 * (1.0 + doubled),
        fourth=0.375 + 0.5 * doubled + 0.125 * damped(4, 0.0) * math.cos(4.0 * angle),
        pull=0.5 * mean * damped(2, 0.0) * sine2 + damped(2, 2.0) * cosine2,
        lever=0.5 * (mean * mean + variance) * (1.0 + doubled)
        - 2.0 * (mean * damped(2, 2.0) * sine2 + damped(2, 4.0) * cosine2),
        cube=0.75 * damped(1, 0.0) * sine - 0.25 * damped(3, 0.0) * sine3,
        tilts=(-damped(1, 3.0) * cosine, -bent, bent, 6.75 * tripled - 0.75 * damped(1, 3.0) * cosine),
    )
    coefficients = [damped(1, k) / math.sqrt(math.factorial(k)) * derivatives[k % 4] for k in range(ORDER)]
    return _assembled(coefficients, integrals, variance)


def _assembled(coefficients: list[float], integrals: _Integrals, variance: float) -> Moments:
    energies = tuple([a * a for a in coefficients])
    chi = integrals.chi
    remainder, exponent = tail(energies, integrals.square, chi * variance)
    return Moments(
        coefficients[0],
        integrals.square,
        chi,
        integrals.fourth / (chi * chi) if chi else 1.0,
        energies,
        remainder,
        exponent,
        variance,
        integrals.pull,
        integrals.lever,
        integrals.cube,
        integrals.tilts,
    )


def tail(energies: Sequence[float], square: float, slope_energy: float) -> tuple[float, float]:
    """The energy that the kept orders miss, and the one power that gives the right slope at correlation 1."""
    remainder = square - sum(energies)
    if remainder <= 1e-12 * square:
        return 0.0, float(ORDER)
    missing = slope_energy - sum(map(mul, _ORDERS, energies))
    return remainder, min(max(missing / remainder, float(ORDER)), _STEEPEST)
