"""Statistics of a function of a Gaussian, and of its derivative, for one unit and for pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradlint.propagation.quadrature import ORDER

# Beyond this skewness / 6 the series is of no use; that of half a normal distribution is 0.17.
_MOST_SKEWED = 0.25
# The seventh power of a correlation smaller than this is no longer seen.
_SMALL = 0.03
# A correlation that is this small comes of rounding.
_UNCORRELATED = 1e-12


@dataclass(slots=True, eq=False)
class Moments:
    """Statistics of phi(z) for z ~ N(mean, variance).

    `mean` is E[phi], `square` E[phi^2], `chi` E[phi'^2] and `kappa` E[phi'^4] / E[phi'^2]^2, `pull`
    E[z phi phi'] and `lever` E[(z phi')^2], `cube` E[phi^3]; `tilts` are
    E[f He_3] for phi, phi^2, phi'^2 and phi^3, for a deviation of 1 where there is a `scale`. `energies` are
    the squares of the Hermite coefficients of phi, from which a pair of correlation rho has
    E[phi(z) phi(z')] = sum_k energies[k] rho^k (Daniely et al. 2016). What the kept orders miss is lumped
    into `remainder` rho^`exponent`, so that value and slope are exact at rho = 1. `scale` multiplies
    the energies and the remainder; it is the variance of a homogeneous function, 1 for others.
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
        mean = self.mean
        return self.cube - 3.0 * mean * self.square + 2.0 * mean * mean * mean

    def skewed(self, third: float) -> Moments:
        """The moments for z of this third central moment: the first term of the Edgeworth series."""
        if not third or self.variance <= 0.0 or not math.isfinite(self.square):
            return self
        s = third / (6.0 * self.variance**1.5)
        s = min(max(s, -_MOST_SKEWED), _MOST_SKEWED)
        first, second, slopes, cubed = self.tilts
        deviation = math.sqrt(self.scale)
        mean, square = self.mean + s * first * deviation, self.square + s * second * self.scale
        before, after = self.square - self.mean * self.mean, square - mean * mean
        if before <= 0.0 or after <= 0.0:
            return self
        ratio = after / before
        return Moments(
            mean,
            square,
            max(self.chi + s * slopes, 0.0),
            self.kappa,
            (mean * mean / self.scale, *[ratio * energy for energy in self.energies[1:]]),
            self.remainder * ratio,
            self.exponent,
            self.variance,
            self.pull * square / self.square,
            self.lever * square / self.square,
            self.cube + s * cubed * self.scale * deviation,
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
        if r < -1.0:
            r = -1.0
        e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, ea, eb, ec, ed = self.energies
        scale = self.scale
        if not (r > _UNCORRELATED or r < -_UNCORRELATED):
            return e0 * scale, e1 * scale / self.variance
        # Written out for the ORDER coefficients that there are: this is where time goes.
        if -_SMALL <= r <= _SMALL:
            value = e0 + r * (e1 + r * (e2 + r * (e3 + r * (e4 + r * (e5 + r * e6)))))
            slope = e1 + r * (2.0 * e2 + r * (3.0 * e3 + r * (4.0 * e4 + r * (5.0 * e5 + r * 6.0 * e6))))
            return value * scale, slope * scale / self.variance
        tail = steep = 0.0
        if r > 0.0:
            tail = self.remainder * r**self.exponent
            steep = tail * self.exponent / r
        if e3 == e5 == e7 == e9 == 0.0 and eb == ed == 0.0:  # a line and an even function, as of a rectifier
            s = r * r
            value, slope = ec * s + ea, ec
            value, slope = value * s + e8, slope * s + value
            value, slope = value * s + e6, slope * s + value
            value, slope = value * s + e4, slope * s + value
            value, slope = value * s + e2, slope * s + value
            slope = 2.0 * r * (slope * s + value) + e1
            value = value * s + e1 * r
        else:
            value, slope = ed * r + ec, ed
            value, slope = value * r + eb, slope * r + value
            value, slope = value * r + ea, slope * r + value
            value, slope = value * r + e9, slope * r + value
            value, slope = value * r + e8, slope * r + value
            value, slope = value * r + e7, slope * r + value
            value, slope = value * r + e6, slope * r + value
            value, slope = value * r + e5, slope * r + value
            value, slope = value * r + e4, slope * r + value
            value, slope = value * r + e3, slope * r + value
            value, slope = value * r + e2, slope * r + value
            value, slope = value * r + e1, slope * r + value
            slope = slope * r + value
            value = value * r
        return (value + e0 + tail) * scale, (slope + steep) * scale / self.variance

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


OVERFLOW = Moments(
    math.inf, math.inf, math.inf, 1.0, (math.inf,) * ORDER, 0.0, float(ORDER), math.inf, 0.0, 0.0, 0.0, (0.0,) * 4
)
"""What is beyond all numbers."""
