"""Bounded activations whose units sit where the slope is next to nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradlint.network import Node

# |z| from which the slope is below 1 % of its greatest: solutions of tanh'(z) = 0.01, sigmoid'(z) = 0.0025 and so on.
_KNEES: Mapping[str, float] = {
    "sigmoid": 5.99,
    "hard_sigmoid": 3.0,
    "tanh": 2.99,
    "hard_tanh": 1.0,
    "softsign": 9.0,
    "arctan": 9.95,
    "erf": 2.15,
}


def saturated_share(activation: Node, mean_square: float) -> float:
    """The share of entries at which a bounded activation passes less than 1 % of the gradient.

    `mean_square` is that of its Gaussian input. Functions that do not saturate on both sides have share 0.
    """
    knee = _KNEES.get(activation.get("function"))
    if knee is None or mean_square <= 0.0:
        return 0.0
    return math.erfc(knee / math.sqrt(2.0 * mean_square))
