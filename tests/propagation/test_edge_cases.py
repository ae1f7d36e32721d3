"""What is known only in part, cut off, frozen, too large or too small for its type, or dead."""

from __future__ import annotations

import math

import pytest
import torch

from gradlint.network import ZEROS, Distribution, Kind, Node, Parameter
from gradlint.propagation import Settings, propagate
from tests.graphs import Graph, mlp, variance_scaling
from tests.measuring import Run, log10_ratio

torch.set_num_threads(1)
DOUBLE = Settings(dtype="float64")


def without_shapes(network: object) -> None:
    for node in network.nodes:  # type: ignore[attr-defined]
        node.shape = None


def test_unknown_shapes_leave_the_number_of_a_plain_network_as_it_is() -> None:
    known, unknown = mlp(12, 64, "relu", "keras"), mlp(12, 64, "relu", "keras")
    without_shapes(unknown)
    first, second = propagate(known, DOUBLE), propagate(unknown, DOUBLE)
    assert second.log10_gradient_ratio == pytest.approx(first.log10_gradient_ratio, abs=0.5)
    assert any("sizes" in sentence for sentence in second.assumptions)


@pytest.mark.parametrize("norm", [None, "batch", "layer", "rms"])
@pytest.mark.parametrize("skip", [False, True])
def test_nothing_breaks_without_shapes(norm: str | None, skip: bool) -> None:
    network = mlp(8, 32, "gelu", "he_normal", norm, skip)
    without_shapes(network)
    assert propagate(network).known


def test_missing_attributes_have_their_usual_defaults() -> None:
    g = Graph("he_normal")
    x = g.conv(g.input(4, 3, 16, 16), 16)
    for name in ("stride", "dilation", "padding_mode", "groups", "transposed"):
        del x.attributes[name]  # type: ignore[attr-defined]
    y = g.node(Kind.NORMALIZATION, x, shape=x.shape)
    z = g.node(Kind.POOLING, y, shape=(4, 16), **{"global": True})
    g.linear(g.node(Kind.DROPOUT, z, shape=z.shape), 10)
    assert propagate(g.network()).verdict == "healthy"


def test_weights_of_unknown_distribution_leave_no_number() -> None:
    network = mlp(5, 32)
    network.weighted[2].parameters["weight"].distribution = Distribution("unknown", math.nan, math.nan, "unknown")
    profile = propagate(network)
    assert profile.verdict == "unknown"
    assert len(profile.layers) == 5
    assert profile.layers[0].log10_gradient is None


def test_an_unknown_operation_before_the_first_layer_is_taken_as_input() -> None:
    g = Graph("he_normal")
    x = g.opaque(g.input(32, 20), "torch.fft.rfft is not known")
    g.linear(g.activation(g.linear(x, 64), "relu"), 10)
    profile = propagate(g.network())
    assert profile.verdict == "healthy"
    assert any("unit scale" in sentence for sentence in profile.assumptions)


def test_layers_behind_a_stop_have_no_gradient_and_are_no_cause_for_alarm() -> None:
    g = Graph("he_normal")
    x = g.linear(g.input(32, 20), 64)
    x = g.node(Kind.STOP, x, shape=x.shape, operation="detach")
    g.linear(g.activation(g.linear(x, 64), "relu"), 10)
    profile = propagate(g.network())
    assert profile.verdict == "healthy"
    assert [layer.log10_gradient is None for layer in profile.layers] == [True, False, False]


def test_a_straight_through_estimator_passes_the_gradient() -> None:
    g = Graph("he_normal")
    x = g.linear(g.input(32, 20), 64)
    rounded = g.node(Kind.STOP, x, shape=x.shape, operation="round")
    difference = g.add(rounded, x, coefficients=(1.0, -1.0))
    stopped = g.node(Kind.STOP, difference, shape=x.shape, operation="detach")
    g.linear(g.add(x, stopped), 10)
    assert propagate(g.network()).verdict == "healthy"


def test_a_zero_initialized_branch_is_looked_past() -> None:
    g = Graph("he_normal")
    x = g.linear(g.input(32, 64), 64)
    for _ in range(4):
        y = g.linear(g.activation(g.linear(x, 64), "relu"), 64, init="zeros")
        x = g.add(x, y)
    g.linear(x, 10)
    profile = propagate(g.network(), DOUBLE)
    assert profile.verdict == "healthy"
    marked = [layer.zero_initialized for layer in profile.layers]
    assert marked == [False, *[True, False] * 4, False]
    measured = log10_ratio(g.network(), 5)
    assert profile.log10_gradient_ratio == pytest.approx(measured, abs=0.1)


def test_a_zero_scale_of_the_last_normalization_in_a_branch_is_looked_past() -> None:
    g = Graph("he_normal")
    x = g.conv(g.input(8, 3, 8, 8), 16, bias=False)
    for _ in range(3):
        y = g.activation(g.norm(g.conv(x, 16, bias=False)), "relu")
        y = g.norm(g.conv(y, 16, bias=False), weight=ZEROS)
        x = g.activation(g.add(x, y), "relu")
    g.linear(g.global_pool(x), 10)
    profile = propagate(g.network())
    assert profile.verdict == "healthy"
    assert all(layer.log10_gradient is not None and layer.log10_gradient > -5 for layer in profile.layers)


def test_a_learned_scale_of_zero_is_looked_past() -> None:
    g = Graph("he_normal")
    x = g.linear(g.input(32, 64), 64)
    for _ in range(3):
        y = g.activation(g.linear(x, 64), "relu")
        x = g.add(x, g.multiply(y, g.parameter((1, 1), ZEROS)))
    g.linear(x, 10)
    assert propagate(g.network()).verdict == "healthy"


def test_half_precision_overflows_where_single_precision_does_not() -> None:
    network = mlp(30, 128, "relu", variance_scaling(8.0))
    assert propagate(network, DOUBLE).log10_gradient_ratio == pytest.approx(29 * math.log10(2.0), abs=1.0)
    half = propagate(network, Settings(dtype="float16"))
    assert half.verdict == "exploding"
    assert half.log10_gradient_ratio == math.inf
    assert "overflow" in half.reason


def test_half_precision_gradients_are_zero_where_single_precision_ones_are_small() -> None:
    network = mlp(16, 64, "sigmoid", "he_normal")
    assert propagate(network).verdict == "vanishing"
    assert propagate(network, Settings(dtype="float16")).verdict == "dead"


def test_the_dtype_of_the_network_counts_where_none_is_set() -> None:
    network = mlp(16, 64, "sigmoid", "he_normal")
    network.dtype = "float16"
    assert propagate(network).verdict == "dead"


def test_the_layers_of_a_dead_network_die_one_after_the_other() -> None:
    layers = propagate(mlp(50, 64, "sigmoid", "torch")).layers
    values = [layer.log10_gradient for layer in layers]
    assert values[0] == -math.inf
    assert values[-1] == 0.0
    assert values == sorted(values)  # type: ignore[type-var]


@pytest.mark.parametrize("offset", [-6.0, -2.0, 0.0])
def test_dead_units_are_those_that_no_sample_activates(offset: float) -> None:
    g = Graph("he_normal")
    x = g.linear(g.input(512, 20), 200)
    x.parameters["bias"].distribution = Distribution("normal", offset, 1.0)
    g.linear(g.activation(x, "relu"), 10)
    network = g.network()
    run = Run(network, 0)
    z = run.values[id(x)].detach()
    measured = float((z > 0).any(0).logical_not().double().mean())
    assert propagate(network).layers[0].dead == pytest.approx(measured, abs=0.1)


def test_collapse_is_what_all_inputs_have_in_common() -> None:
    network = mlp(30, 256, "relu", "keras", inputs=256)
    runs = [Run(network, seed) for seed in range(5)]
    measured = sum(r.covariances()[-2] / r.signals()[-2] for r in runs) / 5
    assert propagate(network).layers[-2].covariance / propagate(network).layers[-2].signal == pytest.approx(  # type: ignore[operator]
        measured, abs=0.08
    )
    assert propagate(mlp(30, 128, "tanh", "he_normal", "batch")).collapse == pytest.approx(0.0, abs=0.1)


def test_signals_and_covariances_are_those_of_pytorch() -> None:
    network = mlp(8, 256, "gelu", "he_normal", outputs=256)
    runs = [Run(network, seed) for seed in range(5)]
    for index, layer in enumerate(propagate(network, DOUBLE).layers):
        assert layer.signal == pytest.approx(sum(r.signals()[index] for r in runs) / 5, rel=0.25)
        assert layer.covariance == pytest.approx(sum(r.covariances()[index] for r in runs) / 5, abs=0.15)


def test_two_outputs_both_send_gradients_back() -> None:
    g = Graph("he_normal")
    x = g.activation(g.linear(g.input(32, 20), 64), "relu")
    first, second = g.linear(x, 10), g.linear(x, 10)
    both = propagate(g.network(first, second), DOUBLE).layers[0].log10_gradient
    assert both == pytest.approx(log10_ratio(g.network(first, second), 7), abs=0.1)
    assert both == pytest.approx(0.5 * math.log10(2), abs=0.1)


def test_the_largest_of_layers_side_by_side_is_the_first() -> None:
    g = Graph("keras")
    x = g.input(8, 24, 32)
    q, k, v = (g.linear(x, 32) for _ in range(3))
    g.linear(g.attention(q, k, v), 32)
    profile = propagate(g.network())
    assert profile.first is v
    assert profile.last is profile.layers[-1].node


def test_shared_layers_are_profiled_once_for_each_call() -> None:
    g = Graph("he_normal")
    x = g.linear(g.input(32, 64), 64)
    for _ in range(3):
        x = g.node(
            Kind.LINEAR, g.activation(x, "relu"), shape=x.shape, parameters=dict(x.parameters),
            in_features=64, out_features=64,
        )  # fmt: skip
    network = g.network()
    assert len(propagate(network).layers) == 4
    assert network.parameter_count == 64 * 64 + 64


def test_weights_that_are_all_the_same_make_all_units_the_same() -> None:
    g = Graph("he_normal")
    same = variance_scaling(1.0)
    x = g.activation(g.linear(g.input(32, 64), 64), "relu")
    x = g.linear(x, 64, init=lambda i, o: (Distribution("constant", 0.02, 0.0, "constant"), ZEROS))
    g.linear(g.activation(x, "relu"), 10, init=same)
    network = g.network()
    measured = log10_ratio(network, 7)
    assert propagate(network, DOUBLE).log10_gradient_ratio == pytest.approx(measured, abs=0.2)


def test_an_overwritten_part_of_a_weight_counts_by_its_size() -> None:
    network = mlp(3, 64, "linear", variance_scaling(1.0))
    weight = network.weighted[1].parameters["weight"]
    zeros = (((0, 0, 32), ZEROS),)
    weight.distribution = Distribution("normal", 0.0, 1 / 8, parts=zeros)
    assert propagate(network, DOUBLE).layers[1].signal == pytest.approx(0.5, rel=0.01)


def test_pixels_are_scaled_to_unit_range() -> None:
    g = Graph("he_normal")
    x = g.conv(g.multiply(g.input(4, 3, 8, 8), constant=1 / 255), 16, bias=False)
    g.linear(g.global_pool(x), 10)
    assert propagate(g.network()).layers[0].signal == pytest.approx(2 * (1 / 4 + 1 / 12) * 0.84, rel=0.05)


def test_an_empty_network_says_so() -> None:
    g = Graph()
    x = g.input(4, 4)
    profile = propagate(g.network(g.activation(x, "relu")))
    assert (profile.verdict, profile.layers) == ("unknown", ())


def test_a_parameter_with_no_shape_is_no_obstacle() -> None:
    g = Graph()
    x = g.input(8, 16)
    parameters = {"weight": Parameter(None, Distribution("normal", 0.0, 0.1))}
    y = Node(Kind.LINEAR, (x,), None, {"in_features": 16}, parameters, name="open", order=1)
    g.nodes.append(y)
    assert propagate(g.network(y)).known
