"""Recurrent layers: gradient horizons, and gradients through a network that has them."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from torch import nn

from gradlint.network import Distribution, Kind, Network, Parameter
from gradlint.propagation import Settings, propagate
from tests.graphs import Graph
from tests.sequences import CELLS, GATES, HIDDEN, Cell, measured_horizon, module, network, predicted_horizon

torch.set_num_threads(1)

SHORT = [name for name in CELLS if "bias 3" not in name]


@pytest.mark.slow
@pytest.mark.parametrize("inputs", [8, 32])
@pytest.mark.parametrize("name", SHORT)
def test_the_horizon_is_the_measured_one(name: str, inputs: int) -> None:
    cell = CELLS[name]
    measured = statistics.median(measured_horizon(cell, inputs, seed, 80) for seed in range(3))
    assert predicted_horizon(cell, inputs) == pytest.approx(measured, rel=0.2, abs=1.0)


@pytest.mark.parametrize(("name", "steps"), [("nn.RNN", 7), ("nn.LSTM", 9), ("nn.GRU", 9), ("Keras SimpleRNN", 14)])
def test_horizons_of_the_defaults(name: str, steps: int) -> None:
    assert predicted_horizon(CELLS[name], 32) == pytest.approx(steps, abs=1)


def test_a_large_forget_bias_reaches_over_two_hundred_steps() -> None:
    assert predicted_horizon(CELLS["nn.LSTM, forget bias 3"], 32) > 200


def test_a_recurrence_that_keeps_norms_has_no_horizon() -> None:
    linear = Cell("rnn", orthogonal=True, activation="linear")
    assert predicted_horizon(linear, 8) == math.inf


def measured_ratio(cell: Cell, inputs: int, steps: int, seed: int) -> float:
    """Gradient at the embedding in front of a recurrent layer over that at the layer behind it."""
    torch.manual_seed(seed)
    layer, head = module(cell, inputs), nn.Linear(HIDDEN, 10).double()
    x = torch.randn(8, steps, inputs, dtype=torch.float64, requires_grad=True)
    z = head(layer(x.transpose(0, 1))[0][-1])
    z.retain_grad()
    (torch.randn_like(z) * z).sum().backward()
    assert x.grad is not None
    assert z.grad is not None
    return math.log10(float(x.grad.norm() / z.grad.norm()))


@pytest.mark.parametrize("name", ["nn.RNN", "nn.LSTM", "nn.GRU", "Keras LSTM"])
def test_the_gradient_in_front_of_a_recurrent_layer(name: str) -> None:
    cell = CELLS[name]
    g = Graph()
    x = g.embedding(g.input(8, 20, dtype="int"), 1000, 32)
    inner = network(cell, 32)
    recurrent = next(n for n in inner.nodes if n.kind is Kind.RECURRENT)
    y = g.node(Kind.RECURRENT, x, shape=recurrent.shape, parameters=dict(recurrent.parameters), **recurrent.attributes)
    g.linear(g.select(y, 1, 19), 10)
    predicted = propagate(g.network(), Settings(dtype="float64")).log10_gradient_ratio
    measured = statistics.median(measured_ratio(cell, 32, 20, seed) for seed in range(5))
    assert predicted == pytest.approx(measured, abs=0.15)


def test_the_length_of_the_sequence_is_told_where_it_is_known() -> None:
    assert propagate(network(CELLS["nn.LSTM"], 8, steps=400)).horizons[0].length == 400


def test_a_cell_of_unknown_weights_leaves_no_number() -> None:
    g = Graph()
    x = g.linear(g.input(8, 20, 16), 16)
    y = g.node(Kind.RECURRENT, x, shape=(8, 20, 32), cell="lstm", hidden_size=32, name="cell")
    g.linear(y, 4)
    profile = propagate(g.network())
    assert profile.verdict == "unknown"
    assert "cell" in profile.reason


def stacked(kind: str, layers: int, bidirectional: bool, head: str, steps: int = 20, width: int = 64) -> Network:
    """An embedding, torch's default recurrent stack, and a linear layer on its last, mean or every output."""
    g = Graph()
    x = g.embedding(g.input(8, steps, dtype="int"), 1000, 32)
    gates, directions = GATES[kind], 2 if bidirectional else 1
    drawn = Distribution("uniform", 0.0, 1 / math.sqrt(3 * width), "torch")
    parameters = {}
    for layer in range(layers):
        inputs = width * directions if layer else 32
        for suffix in ("", "_reverse")[:directions]:
            shapes = {"weight_ih": (inputs,), "weight_hh": (width,), "bias_ih": (), "bias_hh": ()}
            for role, rest in shapes.items():
                parameters[f"{role}_l{layer}{suffix}"] = Parameter((len(gates) * width, *rest), drawn)
    y = g.node(
        Kind.RECURRENT, x, shape=(8, steps, width * directions), parameters=parameters, cell=kind, input_size=32,
        hidden_size=width, num_layers=layers, bidirectional=bidirectional, activation="tanh",
        return_sequences=True, time_axis=1, steps=steps, gates=gates,
    )  # fmt: skip
    z = {"last": lambda: g.select(y, 1, steps - 1), "mean": lambda: g.reduce(y, (1,)), "all": lambda: y}[head]()
    g.linear(z, 10)
    return g.network()


def stacked_in_torch(kind: str, layers: int, bidirectional: bool, head: str, seed: int, width: int = 64) -> float:
    torch.manual_seed(seed)
    make = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind]
    layer = make(32, width, layers, batch_first=True, bidirectional=bidirectional).double()
    linear = nn.Linear(width * (2 if bidirectional else 1), 10).double()
    x = torch.randn(8, 20, 32, dtype=torch.float64, requires_grad=True)
    y = layer(x)[0]
    z = linear({"last": y[:, -1], "mean": y.mean(1), "all": y}[head])
    z.retain_grad()
    (torch.randn_like(z) * z).sum().backward()
    assert x.grad is not None
    assert z.grad is not None
    return math.log10(float(x.grad.norm() / z.grad.norm()))


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (2, False), (2, True)])
@pytest.mark.parametrize("head", ["last", "mean", "all"])
def test_stacks_in_both_directions(kind: str, layers: int, bidirectional: bool, head: str) -> None:
    predicted = propagate(stacked(kind, layers, bidirectional, head), Settings(dtype="float64")).log10_gradient_ratio
    measured = statistics.median(stacked_in_torch(kind, layers, bidirectional, head, seed) for seed in range(3))
    assert predicted == pytest.approx(measured, abs=0.2)
