from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from gradlint.network import ONES, ZEROS, Distribution, Framework, Kind, Network, Parameter  # noqa: E402
from gradlint.probe.measure import measure  # noqa: E402
from gradlint.probe.measurement import Measurement, middle  # noqa: E402
from gradlint.probe.network_spec import describe  # noqa: E402
from gradlint.probe.request import Request, StepRequest  # noqa: E402
from tests.graphs import Graph, mlp, variance_scaling  # noqa: E402


def figures(network: Network, **settings: Any) -> Measurement:
    return measure(describe(network)[0], Request(**{"seeds": 3, **settings}))


def test_the_same_seeds_give_the_same_figures_twice() -> None:
    network = mlp(5, norm="batch")
    assert figures(network) == figures(network)


def test_figures_survive_the_trip_as_plain_data() -> None:
    found = figures(mlp(4, norm="batch"), steps=1, step=StepRequest())
    assert Measurement.from_plain(found.to_plain()) == found


def test_signal_and_weight_norm_are_those_of_the_distribution() -> None:
    found = figures(mlp(2, width=400, init=variance_scaling(2.0), inputs=100))
    first = found.layers[0]
    assert middle(first.signal) == pytest.approx(2.0, rel=0.1)  # inputs have mean square 1
    weight_norm = middle(first.weight_norm)
    assert weight_norm is not None
    assert 10**weight_norm == pytest.approx(math.sqrt(2.0 * 400), rel=0.05)
    assert first.units == 400


def test_signals_of_different_inputs_are_told_from_collapsed_ones() -> None:
    straight = figures(mlp(2, init=variance_scaling(1.0))).layers[0]
    biased = figures(mlp(2, init=variance_scaling(1e-6, 1.0))).layers[0]
    assert abs(middle(straight.correlation) or 1.0) < 0.2
    assert middle(biased.correlation) == pytest.approx(1.0, abs=1e-3)


def test_dead_units_are_counted() -> None:
    below = Distribution("constant", -1000.0, 0.0, "constant")
    half = Distribution("constant", 0.0, 0.0, "constant", parts=(((0, 0, 8), below),))
    g = Graph(lambda i, o: (Distribution("normal", 0.0, 1.0, "explicit"), half))
    g.linear(g.activation(g.linear(g.input(4, 8), 16), "relu"), 3, init="torch")
    found = figures(g.network())
    assert [activity.dead for activity in found.activities] == [(0.5,) * 3]
    assert found.activities[0].layer == found.layers[0].node


def test_saturated_entries_are_counted() -> None:
    flat = figures(mlp(2, function="tanh", init=variance_scaling(1e4)))
    fine = figures(mlp(2, function="tanh", init=variance_scaling(0.01)))
    assert (middle(flat.activities[0].saturated) or 0.0) > 0.9
    assert middle(fine.activities[0].saturated) == 0.0


def test_equal_weights_give_equal_gradients() -> None:
    constant = Distribution("constant", 0.5, 0.0, "constant")
    found = figures(mlp(3, function="tanh", init=lambda i, o: (constant, ZEROS)))
    assert (middle(found.layers[1].difference) or 0.0) < 1e-6
    assert (middle(figures(mlp(3, function="tanh")).layers[1].difference) or 0.0) > 0.5


def zero_headed() -> Network:
    g = Graph("he_normal")
    x = g.activation(g.linear(g.input(4, 20), 64), "relu")
    g.linear(x, 10, init="zeros")
    return g.network()


def test_a_zero_initialized_output_layer_is_looked_past() -> None:
    found = figures(zero_headed())
    assert found.layers[0].awakened
    assert not found.layers[1].awakened
    ratio = found.log10_ratio()
    assert ratio is not None
    assert abs(ratio) < 1
    assert "zero-initialized" in found.assumptions[0]
    assert not any(p.blocked for p in found.parameters)


def test_a_zero_initialized_residual_branch_is_looked_past() -> None:
    g = Graph("he_normal")
    x = g.activation(g.linear(g.input(4, 20), 64), "relu")
    y = g.norm(g.linear(g.activation(g.linear(x, 64), "relu"), 64), weight=ZEROS)
    g.linear(g.add(x, y), 10)
    found = figures(g.network())
    assert [layer.awakened for layer in found.layers] == [False, True, True, False]


def test_gradients_cut_off_for_good_stay_blocked() -> None:
    g = Graph("zeros")
    x = g.linear(g.input(4, 8), 8)
    g.linear(g.node(Kind.STOP, x, shape=(4, 8), operation="detach"), 3)
    found = figures(g.network())
    assert [p.blocked for p in found.parameters] == [True, True, False, False]


def test_a_softmax_over_one_unit_blocks_every_parameter() -> None:
    g = Graph()
    g.activation(g.linear(g.activation(g.linear(g.input(4, 8), 8), "relu"), 1), "softmax", axis=-1)
    assert all(p.blocked for p in figures(g.network()).parameters)


def test_an_overflow_is_told() -> None:
    found = figures(mlp(8, function="exp"))
    assert not found.finite
    assert figures(mlp(8)).finite


def test_half_precision_overflows_earlier() -> None:
    network = mlp(3, init=variance_scaling(1e5))
    assert figures(network).finite
    network.dtype = "float16"
    assert not figures(network).finite


def test_a_slope_at_zero_that_is_not_a_number_is_told() -> None:
    g = Graph(lambda i, o: (Distribution("normal", 0.0, 1.0, "explicit"), ZEROS))
    x = g.activation(g.linear(g.input(4, 8), 8), "square")
    g.activation(g.reduce(x, (1,), "sum"), "sqrt")
    network = g.network()
    assert figures(network).finite
    at_zero = figures(network, inputs="zero")
    assert not at_zero.finite
    assert not at_zero.parameters[1].finite


def test_small_gradients_are_lost_in_half_precision() -> None:
    network = mlp(11, function="sigmoid")
    found = figures(network, loss="cross_entropy")
    assert (middle(found.layers[0].lost) or 0.0) > 0.9
    assert (middle(found.layers[-1].lost) or 0.0) < 0.1


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        ("cross_entropy", 10), ("nll", 10), ("mse", 10), ("l1", 10), ("huber", 10), ("hinge", 1), ("poisson", 3),
        ("binary_cross_entropy_with_logits", 1), ("smooth_l1", 2), ("kl_div", 5), ("mae", 2),
        ("sparse_categorical_cross_entropy", 10), ("categorical_cross_entropy", 10),
    ],
)  # fmt: skip
def test_every_loss_reaches_every_layer(loss: str, outputs: int) -> None:
    found = figures(mlp(3, outputs=outputs), loss=loss)
    assert all(math.isfinite(figure) for layer in found.layers for figure in layer.gradient)


def test_a_loss_of_probabilities_takes_them() -> None:
    g = Graph()
    g.activation(g.linear(g.input(4, 8), 1), "sigmoid")
    found = figures(g.network(), loss="binary_cross_entropy", from_logits=False)
    assert math.isfinite(found.layers[0].gradient[0])


def test_a_loss_in_the_graph_is_the_loss() -> None:
    g = Graph()
    x = g.linear(g.input(4, 8), 5)
    g.node(Kind.LOSS, x, shape=(), function="cross_entropy", from_logits=True)
    assert figures(g.network()).layers[0].gradient == pytest.approx(
        figures(_without_loss(), loss="cross_entropy").layers[0].gradient, abs=0.2
    )


def _without_loss() -> Network:
    g = Graph()
    g.linear(g.input(4, 8), 5)
    return g.network()


@pytest.mark.parametrize(
    "optimizer", ["SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "keras.Lion"]
)
def test_a_small_step_of_every_optimizer_lowers_the_loss(optimizer: str) -> None:
    rate = 1.0 if optimizer == "Adadelta" else 1e-3
    step = StepRequest(optimizer, rate, {"momentum": 0.9, "weight_decay": 0.0})
    found = figures(mlp(3, init="he_normal"), steps=3, step=step, loss="cross_entropy")
    assert all(after < before for before, after in found.losses)


def test_a_step_that_is_far_too_long_raises_the_loss() -> None:
    step = StepRequest("SGD", 1000.0)
    found = figures(mlp(3, init="he_normal"), steps=1, step=step, loss="mse")
    assert all(not after <= before for before, after in found.losses)


def test_only_the_parameters_that_the_optimizer_holds_move() -> None:
    found = figures(mlp(3), steps=1, step=StepRequest("Adam", 0.1, {}, held=(0, 1)), loss="cross_entropy")
    assert [p.still for p in found.parameters] == [False, False, True, True, True, True]


def recurrent(framework: Framework, cell: str, kernel: Distribution, bias: Distribution, hidden: int = 128) -> Network:
    """One layer over 20 steps with these recurrent weights and input biases; the rest as the framework draws it."""
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell]
    torch_like = framework is Framework.TORCH
    usual = Distribution("uniform", 0.0, (3 * hidden) ** -0.5, "torch")
    glorot = Distribution("uniform", 0.0, math.sqrt(2.0 / (hidden + gates * hidden)), "keras")
    shape = (gates * hidden, hidden) if torch_like else (hidden, gates * hidden)
    weights = {
        "weight_ih_l0": Parameter(shape, usual if torch_like else glorot),
        "weight_hh_l0": Parameter(shape, kernel),
        "bias_ih_l0": Parameter((gates * hidden,), bias),
    }
    g = Graph(framework=framework)
    order = {"rnn": "n", "lstm": "ifgo", "gru": "rzn"}[cell]
    g.node(
        Kind.RECURRENT, g.input(4, 20, hidden), shape=(4, 20, hidden), parameters=weights, cell=cell, gates=order,
        input_size=hidden, hidden_size=hidden, time_axis=1, layout=str(framework),
    )  # fmt: skip
    return g.network()


_USUAL = Distribution("uniform", 0.0, (3 * 128) ** -0.5, "torch")
_ORTHOGONAL = Distribution("orthogonal", 0.0, 128**-0.5, "orthogonal")


def _forget(value: float, rest: Distribution = ZEROS) -> Distribution:
    gate = Distribution("constant", value, 0.0, "constant")
    return Distribution(rest.family, rest.mean, rest.std, rest.scheme, parts=(((0, 128, 256), gate),))


@pytest.mark.parametrize(
    ("framework", "cell", "kernel", "bias", "low", "high"),
    [
        (Framework.TORCH, "rnn", _USUAL, _USUAL, 6, 8),
        (Framework.TORCH, "lstm", _USUAL, _USUAL, 8, 10),
        (Framework.TORCH, "gru", _USUAL, _USUAL, 8, 10),
        (Framework.KERAS, "lstm", _ORTHOGONAL, _forget(1.0), 16, 22),
        (Framework.TORCH, "lstm", _USUAL, _forget(3.0), 200, math.inf),
    ],
)
def test_horizons_of_recurrent_layers(
    framework: Framework, cell: str, kernel: Distribution, bias: Distribution, low: float, high: float
) -> None:
    (horizon,) = figures(recurrent(framework, cell, kernel, bias)).horizons
    steps = middle(horizon.steps)
    assert steps is not None
    assert low <= steps <= high


def test_a_large_network_is_measured_with_fewer_samples() -> None:
    g = Graph()
    x = g.input(4, 3, 64, 64)
    for _ in range(4):
        x = g.conv(x, 192)
    g.linear(g.global_pool(x), 10)
    spec, _ = describe(g.network())
    from gradlint.probe.plan import BATCH, plan

    chosen = plan(spec, Request())
    assert chosen.batch < BATCH
    assert plan(spec, Request()) == chosen


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"memory_limit": 1 << 20}, "GiB of memory"), ({"time_limit": 1e-6}, "it would take about")],
)
def test_what_exceeds_the_limits_is_not_started(settings: dict[str, Any], reason: str) -> None:
    from gradlint.probe.errors import NotMeasurable

    with pytest.raises(NotMeasurable, match=reason):
        figures(mlp(4, width=512), **settings)


def test_ones_are_no_reason_to_draw_anew() -> None:
    found = figures(mlp(3, init=lambda i, o: (ONES, ZEROS), function="tanh"))
    assert not any(layer.awakened for layer in found.layers)


@pytest.mark.parametrize(("factor", "signal"), [(1 / 255, 1 / 3), (1 / 127.5, 4 / 3), (0.5, 0.25)])
def test_an_input_that_is_scaled_down_first_holds_pixels(factor: float, signal: float) -> None:
    g = Graph(variance_scaling(1.0))
    g.linear(g.add(g.input(4, 400), coefficients=(factor,)), 400)
    assert middle(figures(g.network()).layers[0].signal) == pytest.approx(signal, rel=0.15)
