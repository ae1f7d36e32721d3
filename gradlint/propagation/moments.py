"""Moments of an elementwise function of a Gaussian, and of its derivative, for one unit and for pairs."""

from __future__ import annotations

import math
from functools import lru_cache
from operator import mul
from typing import NamedTuple

from gradlint.propagation.functions import Form, Key, Pieces, Smooth, form_of
from gradlint.propagation.quadrature import FINEST, ORDER, cumulative, density, hermite, rule

# Moments are tabulated on a grid of the logarithm of the variance and interpolated quadratically between.
_GRID = 8.0
_STEEP = 10.0
_TINY = 1e-280
# Means further from zero than so many standard deviations leave no spread to speak of.
_FARTHEST = 1e4
# A jump smaller than this is rounding; a steeper last power than this is a jump.
_JUMP = 1e-9
_STEEPEST = 1e4
# Beyond this skewness / 6 the series is of no use; that of half a normal distribution is 0.17.
_MOST_SKEWED = 0.25
_SQRT6 = math.sqrt(6.0)
# The seventh power of a correlation smaller than this is no longer seen.
_SMALL = 0.03


class Moments(NamedTuple):
    """Statistics of phi(z) for z ~ N(mean, variance).

    `mean` is E[phi], `square` E[phi^2], `chi` E[phi'^2] and `kappa` E[phi'^4] / E[phi'^2]^2, `pull`
    E[z phi phi'] and `lever` E[(z phi')^2], `cube` E[phi^3]; `tilts` are
    E[f He_3] for phi, phi^2, phi'^2 and phi^3. `energies` are
    the squares of the Hermite coefficients of phi, from which a pair of correlation rho has
    E[phi(z) phi(z')] = sum_k energies[k] rho^k (Daniely et al. 2016). What the kept orders miss is lumped
    into `remainder` rho^`exponent`, so that value and slope are exact at rho = 1. `scale` multiplies
    the energies and the remainder.
    """

    mean: float
    square: float
    chi: float
    kappa: float
    energies: tuple[float, ...]
    remainder: float
    exponent: float
    variance: float
    pull: float
    lever: float
    cube: float
    tilts: tuple[float, float, float, float]
    scale: float = 1.0

    @property
    def third(self) -> float:
        """The third central moment of phi(z)."""
        return self.cube - 3.0 * self.mean * self.square + 2.0 * self.mean**3

    def skewed(self, third: float) -> Moments:
        """The moments for z of this third central moment: the first term of the Edgeworth series."""
        if not third or self.variance <= 0.0 or not math.isfinite(self.square):
            return self
        s = third / (6.0 * self.variance**1.5)
        s = min(max(s, -_MOST_SKEWED), _MOST_SKEWED)
        mean, square = self.mean + s * self.tilts[0], self.square + s * self.tilts[1]
        before, after = self.square - self.mean * self.mean, square - mean * mean
        if before <= 0.0 or after <= 0.0:
            return self
        ratio = after / before
        return Moments(
            mean,
            square,
            max(self.chi + s * self.tilts[2], 0.0),
            self.kappa,
            (mean * mean / self.scale, *[ratio * energy for energy in self.energies[1:]]),
            self.remainder * ratio,
            self.exponent,
            self.variance,
            self.pull * square / self.square,
            self.lever * square / self.square,
            self.cube + s * self.tilts[3],
            self.tilts,
            self.scale,
        )

    def pair(self, correlation: float) -> float:
        """E[phi(z) phi(z')] for z and z' of this correlation."""
        if correlation >= 1.0:
            return self.square
        if correlation == 0.0:
            return self.energies[0] * self.scale
        r = correlation
        # Horner's rule, written out for the ORDER coefficients that there are: this is where time goes.
        e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, ea, eb, ec, ed = self.energies
        low = e6 + r * (e7 + r * (e8 + r * (e9 + r * (ea + r * (eb + r * (ec + r * ed)))))) if abs(r) > _SMALL else e6
        total = e0 + r * (e1 + r * (e2 + r * (e3 + r * (e4 + r * (e5 + r * low)))))
        if r > _SMALL:
            total += self.remainder * r**self.exponent
        return total * self.scale

    def both(self, correlation: float) -> tuple[float, float]:
        """`pair` and `slope_pair` at once, by Horner's rule for a polynomial and its derivative."""
        r = correlation
        if r >= 1.0 or self.variance <= 0.0:
            return self.pair(r), self.chi
        energies = self.energies
        value = slope = tail = steep = 0.0
        if abs(r) > _SMALL:
            for energy in energies[:5:-1]:
                slope = slope * r + value
                value = value * r + energy
            if r > 0.0:
                tail = self.remainder * r**self.exponent
                steep = tail * self.exponent / r
        else:
            value = energies[6]
        e0, e1, e2, e3, e4, e5 = energies[:6]
        slope = slope * r + value
        value = value * r + e5
        slope = slope * r + value
        value = value * r + e4
        slope = slope * r + value
        value = value * r + e3
        slope = slope * r + value
        value = value * r + e2
        slope = slope * r + value
        value = value * r + e1
        slope = slope * r + value
        return (value * r + e0 + tail) * self.scale, (slope + steep) * self.scale / self.variance

    def slope_pair(self, correlation: float) -> float:
        """E[phi'(z) phi'(z')] for z and z' of this correlation: the derivative of `pair` by the covariance."""
        if correlation >= 1.0 or self.variance <= 0.0:
            return self.chi
        r = correlation
        _, e1, e2, e3, e4, e5, e6, e7, e8, e9, ea, eb, ec, ed = self.energies
        low = 6.0 * e6
        if abs(r) > _SMALL:
            low += r * (
                7 * e7 + r * (8 * e8 + r * (9 * e9 + r * (10 * ea + r * (11 * eb + r * (12 * ec + r * 13 * ed)))))
            )
        total = e1 + r * (2 * e2 + r * (3 * e3 + r * (4 * e4 + r * (5 * e5 + r * low))))
        if r > _SMALL:
            total += self.remainder * self.exponent * r ** (self.exponent - 1.0)
        return total * self.scale / self.variance


_OVERFLOW = Moments(
    math.inf, math.inf, math.inf, 1.0, (math.inf,) * ORDER, 0.0, float(ORDER), math.inf, 0.0, 0.0, 0.0, (0.0,) * 4
)


def moments(key: Key, mean: float, variance: float) -> Moments:
    """The moments of the function `key` on N(mean, variance)."""
    if _TINY < variance < math.inf and _homogeneous(key):
        deviation = math.sqrt(variance)
        offset = mean / deviation
        if abs(offset) <= _FARTHEST:
            return _scaled(_unit(key, round(offset, 3)), deviation, variance)
    return _moments(key, mean, variance if variance > 0.0 else 0.0)


@lru_cache(maxsize=512)
def _homogeneous(key: Key) -> bool:
    form = form_of(key)
    return isinstance(form, Pieces) and form.homogeneous


@lru_cache(maxsize=8192)
def _moments(key: Key, mean: float, variance: float) -> Moments:
    form = form_of(key)
    if variance <= _TINY or variance == math.inf:
        return _at_point(form, mean, variance)
    deviation = math.sqrt(variance)
    offset = mean / deviation
    if abs(offset) > _FARTHEST:
        return _at_point(form, mean, variance)
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
        (unit.tilts[0] * deviation, unit.tilts[1] * variance, unit.tilts[2], unit.tilts[3] * variance * deviation),
        variance,
    )


class _Integrals(NamedTuple):
    """What is integrated besides the Hermite coefficients; names as in `Moments`."""

    square: float
    chi: float
    fourth: float
    pull: float
    lever: float
    cube: float
    tilts: tuple[float, float, float, float]


@lru_cache(maxsize=4096)
def _unit(key: Key, offset: float) -> Moments:
    return _compute(form_of(key), offset, 1.0)


@lru_cache(maxsize=4096)
def _direct(key: Key, mean: float, variance: float) -> Moments:
    return _compute(form_of(key), mean, variance)


@lru_cache(maxsize=4096)
def _on_grid(key: Key, index: int) -> Moments:
    return _compute(form_of(key), 0.0, math.exp(index / _GRID))


def _interpolated(key: Key, variance: float) -> Moments:
    position = math.log(variance) * _GRID
    index = round(position)
    t = position - index
    below, here, above = (_on_grid(key, index + i) for i in (-1, 0, 1))
    if not (math.isfinite(above.square) and math.isfinite(above.chi)):
        return here
    if above.square > _STEEP * below.square:  # an exponential: no parabola follows it
        return _direct(key, 0.0, _rounded(variance))
    a, b, c = 0.5 * t * (t - 1.0), 1.0 - t * t, 0.5 * t * (t + 1.0)
    energies = tuple(
        [a * x + b * y + c * z for x, y, z in zip(below.energies, here.energies, above.energies, strict=True)]
    )
    square = a * below.square + b * here.square + c * above.square
    chi = a * below.chi + b * here.chi + c * above.chi
    mean = a * below.mean + b * here.mean + c * above.mean
    energies = (mean * mean, *energies[1:])
    remainder, exponent = _tail(energies, square, chi * variance)
    return Moments(
        mean,
        square,
        chi,
        a * below.kappa + b * here.kappa + c * above.kappa,
        energies,
        remainder,
        exponent,
        variance,
        a * below.pull + b * here.pull + c * above.pull,
        a * below.lever + b * here.lever + c * above.lever,
        a * below.cube + b * here.cube + c * above.cube,
        here.tilts,
    )


def _at_point(form: Form, mean: float, variance: float) -> Moments:
    """The limit of no spread, or of a spread beyond all numbers."""
    if variance == math.inf or not math.isfinite(mean):
        return _OVERFLOW
    if isinstance(form, Pieces):
        slope, offset = _piece(form, mean)
        value = slope * mean + offset
    else:
        values, slopes = _evaluate(form, (mean,))
        value, slope = values[0], slopes[0]
    if not math.isfinite(value * value) or not math.isfinite(slope * slope):
        return _OVERFLOW
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


def _compute(form: Form, mean: float, variance: float) -> Moments:
    if isinstance(form, Pieces):
        return _closed_form(form, mean, variance)
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
        return _OVERFLOW
    coefficients = [sum(map(mul, row, values)) for row in rows]
    weighted = list(map(mul, weights, values))
    squares = [s * s for s in slopes]
    thirds = [_SQRT6 * w for w in rows[3]]
    integrals = _Integrals(
        square=sum(map(mul, weighted, values)),
        chi=sum(map(mul, weights, squares)),
        fourth=sum(w * s * s for w, s in zip(weights, squares, strict=True)),
        pull=sum(w * x * s for w, x, s in zip(weighted, points, slopes, strict=True)),
        lever=sum(w * x * x * s for w, x, s in zip(weights, points, squares, strict=True)),
        cube=sum(w * f * f for w, f in zip(weighted, values, strict=True)),
        tilts=(
            _SQRT6 * coefficients[3],
            sum(w * f * f for w, f in zip(thirds, values, strict=True)),
            sum(map(mul, thirds, squares)),
            sum(w * f * f * f for w, f in zip(thirds, values, strict=True)),
        ),
    )
    if not (math.isfinite(integrals.square) and math.isfinite(integrals.fourth)):
        return _OVERFLOW
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


def _assembled(coefficients: list[float], integrals: _Integrals, variance: float) -> Moments:
    energies = tuple([a * a for a in coefficients])
    chi = integrals.chi
    remainder, exponent = _tail(energies, integrals.square, chi * variance)
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


def _tail(energies: tuple[float, ...], square: float, slope_energy: float) -> tuple[float, float]:
    """The energy that the kept orders miss, and the one power that gives the right slope at correlation 1."""
    remainder = square - sum(energies)
    if remainder <= 1e-12 * square:
        return 0.0, float(ORDER)
    missing = slope_energy - sum(k * energy for k, energy in enumerate(energies))
    return remainder, min(max(missing / remainder, float(ORDER)), _STEEPEST)
