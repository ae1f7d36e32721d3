"""The largest and the smallest numbers of a floating-point type."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Precision:
    """Limits of a type: squares of its largest and smallest numbers, logarithm of the smallest square."""

    largest_square: float
    smallest_square: float
    smallest_log: float


def _limits(largest: float, smallest: float) -> Precision:
    square = largest * largest if largest < 1e150 else 1e300
    low = smallest * smallest if smallest > 1e-150 else 1e-300
    return Precision(square, low, 2.0 * math.log(smallest))


# Largest and smallest normal numbers (IEEE 754; bfloat16 has the exponents of float32).
LIMITS: Mapping[str, Precision] = {
    "float16": _limits(65504.0, 6.1e-5),
    "bfloat16": _limits(3.39e38, 1.18e-38),
    "float32": _limits(3.4e38, 1.18e-38),
    "float64": _limits(1.8e308, 2.2e-308),
}


def precision_of(dtype: str) -> Precision:
    """The limits of a type by its name in torch or Keras; those of float32 where it has none here."""
    name = dtype.rsplit(".", 1)[-1]
    aliases = {"half": "float16", "float": "float32", "double": "float64", "mixed_float16": "float16"}
    return LIMITS.get(aliases.get(name, name), LIMITS["float32"])
