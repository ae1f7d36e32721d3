"""The prediction for whole networks: ratio, verdict, and what is said when there is no number."""

from __future__ import annotations

import math

import pytest
import torch

from gradlint.propagation import Settings, propagate
from tests.graphs import Graph, mlp
from tests.measuring import log10_ratio

torch.set_num_threads(1)


@pytest.mark.parametrize("depth", [5, 10, 20])
@pytest.mark.parametrize(
    ("function", "init"),
    [("sigmoid", "torch"), ("tanh", "torch"), ("tanh", "keras"), ("relu", "torch"), ("relu", "he_normal")],
)
def test_the_ratio_is_the_one_that_pytorch_measures(function: str, init: str, depth: int) -> None:
    network = mlp(depth, 128, function, init)
    predicted = propagate(network, Settings(dtype="float64")).log10_gradient_ratio
    assert predicted == pytest.approx(log10_ratio(network, 5), abs=0.12)


def test_ten_default_sigmoid_layers_vanish() -> None:
    profile = propagate(mlp(10, 128, "sigmoid", "torch"))
    assert profile.verdict == "vanishing"
    assert len(profile.layers) == 10
    gradients = [layer.log10_gradient for layer in profile.layers]
    assert gradients == sorted(gradients)  # type: ignore[type-var]


def test_a_gradient_below_the_smallest_number_is_dead_in_float32_only() -> None:
    network = mlp(50, 128, "sigmoid", "torch")
    single, double = propagate(network), propagate(network, Settings(dtype="float64"))
    assert (single.verdict, single.log10_gradient_ratio) == ("dead", -math.inf)
    assert double.verdict == "vanishing"
    assert double.log10_gradient_ratio == pytest.approx(-41.7, abs=0.3)


def test_an_operation_that_is_not_understood_on_the_path_leaves_no_number() -> None:
    g = Graph()
    x = g.linear(g.input(32, 20), 64)
    g.linear(g.opaque(x, "torch.linalg.qr is not known"), 10)
    profile = propagate(g.network())
    assert profile.verdict == "unknown"
    assert profile.log10_gradient_ratio is None
    assert "torch.linalg.qr" in profile.reason


def test_an_operation_that_is_not_understood_behind_the_last_layer_does_not_matter() -> None:
    g = Graph("he_normal")
    x = g.activation(g.linear(g.input(32, 20), 64), "relu")
    g.opaque(g.linear(x, 10), "nms")
    assert propagate(g.network()).verdict == "healthy"


def test_an_unknown_depth_leaves_no_number() -> None:
    network = mlp(5)
    network.depth_known = False
    assert propagate(network).verdict == "unknown"


def test_a_zero_initialized_output_layer_is_looked_past() -> None:
    g = Graph("he_normal")
    x = g.input(32, 20)
    for _ in range(5):
        x = g.activation(g.linear(x, 64), "relu")
    g.linear(x, 10, init="zeros")
    profile = propagate(g.network())
    assert profile.verdict == "healthy"
    assert profile.layers[0].zero_initialized
    assert not profile.layers[-1].zero_initialized


def test_zero_weights_that_other_layers_build_on_kill_the_gradient() -> None:
    g = Graph("he_normal")
    x = g.activation(g.linear(g.input(32, 20), 64), "relu")
    x = g.activation(g.linear(x, 64, init="zeros"), "relu")
    g.linear(x, 10)
    assert propagate(g.network()).verdict == "dead"


def test_exponentials_overflow() -> None:
    profile = propagate(mlp(8, 128, "exp", "he_normal"))
    assert profile.verdict == "exploding"
    assert "overflow" in profile.reason
