"""Moments of activations of Gaussians, against integration by hand and closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from gradlint.propagation.functions import SELU_ALPHA, SELU_SCALE, Key, Smooth, form_of
from gradlint.propagation.integrals import compute
from gradlint.propagation.moments import moments

RELU: Key = ("relu", (0.0, math.inf, 0.0))
TANH: Key = ("tanh", ())
GRID = np.linspace(-9.0, 9.0, 200_001)
WEIGHTS = np.exp(-0.5 * GRID**2) / math.sqrt(2 * math.pi) * (GRID[1] - GRID[0])
IN_NUMPY = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x / (1 + np.exp(-x)),
}
KEYS: dict[str, Key] = {
    "relu": RELU, "tanh": TANH, "relu6": ("relu6", ()), "hard_shrink": ("hard_shrink", (0.5,)),
    "selu": ("selu", ()), "silu": ("silu", (1.0,)),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_NUMPY)
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.0, 0.03), (0.0, 37.0), (0.7, 1.9), (-1.5, 0.8)])
def test_mean_and_square_are_the_integrals(name: str, mean: float, variance: float) -> None:
    values = IN_NUMPY[name](mean + math.sqrt(variance) * GRID)
    found = moments(KEYS[name], mean, variance)
    assert found.mean == pytest.approx(float(WEIGHTS @ values), rel=3e-3, abs=2e-4)
    assert found.square == pytest.approx(float(WEIGHTS @ values**2), rel=3e-3, abs=2e-4)


@pytest.mark.parametrize("name", ["relu", "tanh", "relu6", "silu"])
@pytest.mark.parametrize("variance", [0.2, 1.0, 6.0])
def test_chi_is_the_mean_square_of_the_slope(name: str, variance: float) -> None:
    x = math.sqrt(variance) * GRID
    slopes = np.gradient(IN_NUMPY[name](x), x)
    assert moments(KEYS[name], 0.0, variance).chi == pytest.approx(float(WEIGHTS @ slopes**2), rel=2e-3)


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.2, 0.5, 0.8, 0.95])
def test_pairs_of_rectified_units_are_the_arc_cosine_kernel(rho: float) -> None:
    """Cho and Saul 2009."""
    angle = math.acos(rho)
    found = moments(RELU, 0.0, 3.0)
    assert found.pair(rho) == pytest.approx(3.0 * (math.sin(angle) + (math.pi - angle) * rho) / (2 * math.pi), rel=2e-3)
    assert found.slope_pair(rho) == pytest.approx((math.pi - angle) / (2 * math.pi), abs=5e-3)


@pytest.mark.parametrize("rho", [0.1, 0.6, 0.9])
def test_pairs_of_erf_units_are_the_arc_sine_kernel(rho: float) -> None:
    """Williams 1997, with variance q on both sides."""
    q = 0.8
    expected = 2 / math.pi * math.asin(2 * rho * q / (1 + 2 * q))
    assert moments(("erf", ()), 0.0, q).pair(rho) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("key", KEYS.values())
def test_a_pair_of_equal_units_is_the_square(key: Key) -> None:
    found = moments(key, 0.0, 1.7)
    assert found.pair(1.0) == found.square
    assert found.pair(0.0) == pytest.approx(found.mean**2, abs=1e-9)
    assert found.slope_pair(1.0) == found.chi


def test_skewness_corrects_a_rectified_random_walk() -> None:
    """X = max(0, n1), Y = X + n2, Z = max(0, Y): E[Z] and P(Y > 0) by Spitzer's identity."""
    first = moments(RELU, 0.0, 1.0)
    variance = first.square - first.mean**2 + 1.0
    second = moments(RELU, first.mean, variance).skewed(first.third)
    assert second.mean == pytest.approx((1 + 1 / math.sqrt(2)) / math.sqrt(2 * math.pi), rel=5e-3)
    assert second.square == pytest.approx(1.0 + 1.0 / (2 * math.pi), rel=5e-3)
    assert second.chi == pytest.approx(5 / 8, abs=5e-3)


def test_exponentials_beyond_all_numbers_are_infinite() -> None:
    assert moments(("exp", ()), 0.0, 1e6).square == math.inf
    assert moments(TANH, 0.0, math.inf).square == math.inf


def test_no_variance_is_a_point() -> None:
    found = moments(("sigmoid", ()), 2.0, 0.0)
    assert found.mean == pytest.approx(1 / (1 + math.exp(-2)))
    assert found.square == pytest.approx(found.mean**2)


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("correlation", [-1.0, -0.8, -0.02, 0.0, 1e-4, 0.029, 0.031, 0.4, 0.95, 1.0])
def test_value_and_slope_at_once_are_those_one_by_one(name: str, correlation: float) -> None:
    for found in (moments(KEYS[name], 0.0, 0.9), moments(KEYS[name], 0.4, 1.7).skewed(0.3)):
        value, slope = found.both(correlation)
        assert value == pytest.approx(found.pair(correlation), rel=1e-9, abs=1e-12)
        assert slope == pytest.approx(found.slope_pair(correlation), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", KEYS)
def test_the_slope_of_a_pair_is_its_derivative_by_the_covariance(name: str) -> None:
    found = moments(KEYS[name], 0.3, 1.3)
    for correlation in (-0.5, 0.01, 0.2, 0.7):
        step = 1e-5
        difference = found.pair(correlation + step) - found.pair(correlation - step)
        assert found.slope_pair(correlation) == pytest.approx(difference / (2 * step * 1.3), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("name", ["sin", "cos"])
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 64.5), (-0.6, 70.0), (1.3, 300.0)])
def test_the_closed_form_of_a_wave_is_what_quadrature_finds(name: str, mean: float, variance: float) -> None:
    form = form_of((name, ()))
    assert isinstance(form, Smooth)
    by_points = compute(replace(form, phase=None), mean, variance)
    found = compute(form, mean, variance)
    for field in ("mean", "square", "chi", "kappa", "energies", "pull", "lever", "cube", "tilts"):
        assert getattr(found, field) == pytest.approx(getattr(by_points, field), rel=1e-9, abs=1e-8), field


@pytest.mark.parametrize("variance", [1e8, 1e40, 1e300])
def test_a_wave_of_what_spans_many_waves_is_evenly_spread(variance: float) -> None:
    found = moments(("sin", ()), 0.0, variance)
    assert (found.mean, found.square, found.chi, found.kappa) == pytest.approx((0.0, 0.5, 0.5, 1.5))
    assert found.pair(0.9) < 1e-9
