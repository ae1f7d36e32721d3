"""Integrals against a normal density: nodes, weights and normalized Hermite polynomials, without numpy."""

from __future__ import annotations

import math
from functools import lru_cache

# Hermite coefficients kept of a function; the rest of its energy is lumped into one last power (see `moments`).
ORDER = 14
_REACH = 6.75
_STEP = 0.25
FINEST = 64
_ROOTS = tuple([math.sqrt(k) for k in range(ORDER)])
_SQRT_2PI = math.sqrt(2.0 * math.pi)


def density(x: float) -> float:
    """Density of the standard normal distribution."""
    return math.exp(-0.5 * x * x) / _SQRT_2PI


def cumulative(x: float) -> float:
    """Distribution function of the standard normal distribution."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def hermite(x: float, order: int) -> list[float]:
    """He_k(x) / sqrt(k!) for k below `order`: orthonormal under the standard normal density."""
    before, last = 1.0, x
    values = [before, last]
    for k in range(2, order):
        before, last = last, (x * last - _ROOTS[k - 1] * before) / _ROOTS[k]
        values.append(last)
    return values[:order]


@lru_cache(maxsize=16)
def rule(refinement: int) -> tuple[tuple[float, ...], tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Nodes t, weights w, and for each k below ORDER the row w * He_k(t) / sqrt(k!).

    The midpoint rule on the line, of step 0.25 / `refinement`: exponentially accurate for functions analytic
    in a strip (Trefethen and Weideman 2014), second order in the step for a kink, which lies between nodes
    when it is at zero.
    """
    step = _STEP / refinement
    half = round(_REACH / step)
    nodes = tuple(step * (i + 0.5) for i in range(-half, half))
    weights = tuple(step * density(t) for t in nodes)
    polynomials = [hermite(t, ORDER) for t in nodes]
    rows = tuple(tuple(w * p[k] for w, p in zip(weights, polynomials, strict=True)) for k in range(ORDER))
    return nodes, weights, rows
