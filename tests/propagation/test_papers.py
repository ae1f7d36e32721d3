"""What the theory is known to say, from the papers that it comes from."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from gradlint.propagation import Settings, propagate
from gradlint.propagation.functions import Key
from gradlint.propagation.moments import moments
from tests.graphs import Graph, mlp, variance_scaling

TANH: Key = ("tanh", ())
RELU: Key = ("relu", (0.0, math.inf, 0.0))
DOUBLE = Settings(dtype="float64")


def fixed_point(key: Key, weight: float, bias: float) -> float:
    """q* of q = weight E[phi^2] + bias."""
    q = 1.0
    for _ in range(4000):
        q = weight * moments(key, 0.0, q).square + bias
    return q


def critical(q: float) -> tuple[float, float]:
    """The point of tanh's critical line whose fixed point is q, by integration on a fine grid."""
    t = np.linspace(-10.0, 10.0, 100_001)
    density = np.exp(-0.5 * t**2) / math.sqrt(2 * math.pi) * (t[1] - t[0])
    value = np.tanh(math.sqrt(q) * t)
    weight = 1.0 / float(density @ (1.0 - value**2) ** 2)
    return weight, q - weight * float(density @ value**2)


# Weight and bias variance where chi_1 = 1 at the fixed point (Poole et al. 2016; Schoenholz et al. 2017).
CRITICAL = [critical(q) for q in (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)]


def test_a_published_point_of_the_critical_line() -> None:
    """(1.76, 0.05) in Schoenholz et al. 2017 and in Xiao et al. 2018."""
    q = fixed_point(TANH, 1.76, 0.05)
    assert 1.76 * moments(TANH, 0.0, q).chi == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("weight", "bias"), CRITICAL)
def test_the_edge_of_chaos_of_tanh(weight: float, bias: float) -> None:
    q = fixed_point(TANH, weight, bias)
    assert weight * moments(TANH, 0.0, q).chi == pytest.approx(1.0, abs=0.003)


@pytest.mark.parametrize(("weight", "bias"), CRITICAL)
def test_gradients_keep_their_norm_at_the_edge_of_chaos_and_only_there(weight: float, bias: float) -> None:
    def slope(w: float) -> float:
        network = mlp(60, 4000, "tanh", variance_scaling(w, bias), inputs=4000, outputs=4000)
        layers = propagate(network, DOUBLE).layers
        return (layers[10].log10_gradient - layers[50].log10_gradient) / 40  # type: ignore[operator]

    assert slope(weight) == pytest.approx(0.0, abs=0.005)
    assert slope(weight * 1.25) > 0.003
    assert slope(weight / 1.25) < -0.003


def test_the_critical_point_of_relu_is_two_and_zero() -> None:
    """He et al. 2015; Hayou et al. 2019."""
    chi = moments(RELU, 0.0, 3.7).chi
    assert 2.0 * chi == pytest.approx(1.0)
    assert 2.0 * moments(RELU, 0.0, 3.7).square == pytest.approx(3.7)
    wide = mlp(50, 100_000, "relu", variance_scaling(2.0), inputs=100_000, outputs=100_000)
    profile = propagate(wide, DOUBLE)
    assert profile.log10_gradient_ratio == pytest.approx(0.0, abs=0.02)
    assert {round(layer.signal or 0.0, 3) for layer in profile.layers} == {2.0}


@pytest.mark.parametrize(("weight", "bias"), [(1.5, 0.05), (1.5, 0.3), (2.0, 0.5), (1.0, 0.1)])
def test_correlations_converge_with_the_depth_scale_of_the_ordered_phase(weight: float, bias: float) -> None:
    """Schoenholz et al. 2017, equation 9: 1/xi_c = -log chi_1 where all inputs end up the same."""
    network = mlp(40, 4000, "tanh", variance_scaling(weight, bias), inputs=4000, outputs=4000)
    layers = propagate(network, DOUBLE).layers
    missing = [1.0 - layer.covariance / layer.signal for layer in layers]  # type: ignore[operator]
    q = fixed_point(TANH, weight, bias)
    chi = weight * moments(TANH, 0.0, q).chi
    assert chi < 1.0
    found = [later / earlier for earlier, later in itertools.pairwise(missing[20:]) if later > 1e-9]
    assert found[0] == pytest.approx(chi, rel=0.02)


def test_tanh_in_the_chaotic_phase_keeps_inputs_apart() -> None:
    """Poole et al. 2016."""
    profile = propagate(mlp(60, 4000, "tanh", variance_scaling(6.0, 0.05), inputs=4000, outputs=4000), DOUBLE)
    assert profile.collapse == pytest.approx(0.03, abs=0.05)
    assert profile.verdict == "exploding"


def test_batch_normalization_multiplies_the_gradient_of_relu_by_pi_over_pi_minus_one() -> None:
    """Yang et al. 2019, for large batches; squared norms."""
    network = mlp(40, 4000, "relu", variance_scaling(2.0), "batch", inputs=4000, outputs=4000, batch=4000)
    layers = propagate(network, Settings(dtype="float64", batch=4000)).layers
    slope = (layers[5].log10_gradient - layers[35].log10_gradient) / 30  # type: ignore[operator]
    assert 10 ** (2 * slope) == pytest.approx(math.pi / (math.pi - 1), rel=0.01)


@pytest.mark.parametrize("batch", [8, 16, 64])
def test_batch_normalization_without_activation(batch: int) -> None:
    """Yang et al. 2019: (B - 2) / (B - 3) per layer."""
    network = mlp(40, 100_000, "linear", variance_scaling(1.0), "batch", inputs=100_000, outputs=100_000, batch=batch)
    layers = propagate(network, Settings(dtype="float64", batch=batch)).layers
    slope = (layers[5].log10_gradient - layers[35].log10_gradient) / 30  # type: ignore[operator]
    assert 10 ** (2 * slope) == pytest.approx((batch - 2) / (batch - 3), rel=0.01)


def test_the_fixed_point_of_selu() -> None:
    """Klambauer et al. 2017: mean 0 and variance 1 under weights of variance 1 / n, and attracting."""
    key: Key = ("selu", ())
    found = moments(key, 0.0, 1.0)
    assert found.mean == pytest.approx(0.0, abs=1e-3)
    assert found.square == pytest.approx(1.0, abs=1e-3)
    signals = [layer.signal for layer in propagate(mlp(40, 1000, "selu", variance_scaling(1.0))).layers]
    assert signals[-1] == pytest.approx(1.0, abs=0.01)
    assert fixed_point(key, 1.0, 0.0) == pytest.approx(1.0, abs=0.01)


def residual(blocks: int, width: int, function: str, weight: float) -> Graph:
    g = Graph(variance_scaling(weight))
    x = g.linear(g.input(32, width), width, init=variance_scaling(1.0))
    for _ in range(blocks):
        x = g.add(x, g.linear(g.activation(g.linear(x, width), function), width))
    g.linear(x, width, init=variance_scaling(1.0))
    return g


def test_residual_relu_networks_grow_exponentially() -> None:
    """Yang and Schoenholz 2017, theorem 5 (full residual networks): q multiplies by 1 + v^2 / 2 a block."""
    layers = propagate(residual(30, 100_000, "relu", 1.0).network(), DOUBLE).layers
    signals = [layer.signal for layer in layers[1:-1:2]]
    growth = [b / a for a, b in itertools.pairwise(signals)]  # type: ignore[operator]
    assert growth[5:] == pytest.approx([1.5] * len(growth[5:]), rel=1e-3)
    gradients = [layer.log10_gradient for layer in layers]
    assert gradients[0] - gradients[-1] == pytest.approx(30 * 0.5 * math.log10(1.5), abs=0.1)  # type: ignore[operator]


def test_residual_tanh_networks_grow_polynomially() -> None:
    """Yang and Schoenholz 2017, theorem 4: q grows by nearly the same amount a block, for ever."""
    layers = propagate(residual(100, 100_000, "tanh", 1.0).network(), DOUBLE).layers
    signals = [layer.signal for layer in layers[1:-1:2]]
    early, late = signals[20] - signals[10], signals[-1] - signals[-11]  # type: ignore[operator]
    assert 0.9 * early < late < 1.5 * early


def test_finite_width_lowers_a_typical_gradient() -> None:
    """Hanin and Nica 2020: a log-normal whose variance is sum (3 kappa - 1) / n; 5 / n for one output and ReLU."""
    profile = propagate(mlp(50, 64, "relu", "he_normal", outputs=1, batch=1), Settings(dtype="float64", batch=1))
    variance = 49 * 5 / 64
    assert profile.spread == pytest.approx(math.sqrt(variance) / (2 * math.log(10)), rel=0.1)
