"""The share of units of a bounded activation that sit where it has no slope."""

from __future__ import annotations

import math

import pytest

from gradlint.network import Kind, Node
from gradlint.propagation.functions import form_of
from gradlint.propagation.quadrature import density
from gradlint.propagation.saturation import _KNEES, saturated_share


@pytest.mark.parametrize("function", sorted(_KNEES))
@pytest.mark.parametrize("mean_square", [0.5, 4.0, 30.0, 200.0])
def test_it_is_the_part_of_the_normal_distribution_beyond_one_percent_of_the_slope(
    function: str, mean_square: float
) -> None:
    form = form_of((function, (-1.0, 1.0) if function == "hard_tanh" else ()))
    deviation, step = math.sqrt(mean_square), 0.002
    points = [step * (index + 0.5) for index in range(round(8 / step))]

    def slope(x: float) -> float:
        if hasattr(form, "slope"):
            return float(form.slope(x))
        return float(next((s for s, b in zip(form.slopes, form.breaks, strict=False) if x <= b), form.slopes[-1]))

    flat = 2 * step * sum(density(t) for t in points if slope(deviation * t) < 0.01 * slope(0.0))
    assert saturated_share(Node(Kind.ACTIVATION, attributes={"function": function}), mean_square) == pytest.approx(
        flat, abs=0.01
    )


@pytest.mark.parametrize("function", ["relu", "gelu", "softplus", "linear"])
def test_what_is_not_bounded_does_not_saturate(function: str) -> None:
    assert saturated_share(Node(Kind.ACTIVATION, attributes={"function": function}), 1e6) == 0.0


def test_no_signal_saturates_nothing() -> None:
    assert saturated_share(Node(Kind.ACTIVATION, attributes={"function": "tanh"}), 0.0) == 0.0
