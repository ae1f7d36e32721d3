"""What spectral normalization divides by: the largest singular value of a random matrix, by power iterations."""

from __future__ import annotations

import math

_MOST_ITERATIONS = 40
"""Power iterations from which on the largest singular value is taken as found."""


def _moment(k: int, aspect: float) -> float:
    """The k-th moment of the Marchenko-Pastur law: sum over r of aspect^r N(k, r + 1), N the Narayana numbers."""
    return sum(aspect**r / (r + 1) * math.comb(k, r) * math.comb(k - 1, r) for r in range(k))


def largest_singular_value(rows: int, columns: int, iterations: int) -> float:
    """What power iterations find for the largest singular value of a matrix of independent entries of deviation 1.

    From a random vector, k of them give the square root of M_2k / M_(2k-1), M the moments of the eigenvalues of the
    squared matrix: sqrt(rows + columns) for the first, sqrt(rows) + sqrt(columns) in the end (Marchenko and Pastur
    1967).
    """
    if iterations > _MOST_ITERATIONS:
        return math.sqrt(rows) + math.sqrt(columns)
    large, small = max(rows, columns), min(rows, columns)
    aspect = small / large
    k = max(iterations, 1)
    return math.sqrt(large * _moment(2 * k, aspect) / _moment(2 * k - 1, aspect))
