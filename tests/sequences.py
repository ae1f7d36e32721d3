"""Recurrent layers as graphs and in PyTorch, and how far back their gradients reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gradlint.network import ZEROS, Distribution, Framework, Kind, Network, Parameter
from gradlint.propagation import propagate
from tests.graphs import Graph

HIDDEN = 128
STEPS = 250
GATES = {"rnn": "n", "lstm": "ifgo", "gru": "rzn"}


@dataclass(frozen=True)
class Cell:
    """A recurrent layer: its kind, the framework's default weights, and what differs from them."""

    kind: str
    framework: Framework = Framework.TORCH
    forget_bias: float | None = None
    orthogonal: bool = False
    activation: str = "tanh"
    layers: int = 1
    distributions: dict[str, Distribution] = field(default_factory=dict, compare=False)


CELLS = {
    "nn.RNN": Cell("rnn"),
    "nn.RNN with ReLU": Cell("rnn", activation="relu"),
    "nn.LSTM": Cell("lstm"),
    "nn.GRU": Cell("gru"),
    "nn.LSTM, two layers": Cell("lstm", layers=2),
    "nn.RNN, orthogonal": Cell("rnn", orthogonal=True),
    "nn.LSTM, orthogonal": Cell("lstm", orthogonal=True),
    "nn.GRU, orthogonal": Cell("gru", orthogonal=True),
    "nn.LSTM, forget bias 1": Cell("lstm", forget_bias=1.0),
    "nn.LSTM, forget bias 3": Cell("lstm", forget_bias=3.0),
    "Keras SimpleRNN": Cell("rnn", Framework.KERAS),
    "Keras LSTM": Cell("lstm", Framework.KERAS, forget_bias=1.0),
    "Keras GRU": Cell("gru", Framework.KERAS),
}


def network(cell: Cell, inputs: int, steps: int = 20, batch: int = 8) -> Network:
    """An input sequence, the layer, and a linear layer on its last output."""
    g = Graph("torch", cell.framework)
    gates = GATES[cell.kind]
    count = len(gates)
    keras = cell.framework is Framework.KERAS
    parameters = {}
    for layer in range(cell.layers):
        width = HIDDEN if layer else inputs
        shapes = {"weight_ih": (count * HIDDEN, width), "weight_hh": (count * HIDDEN, HIDDEN)}
        for role, shape in shapes.items():
            parameters[f"{role}_l{layer}"] = Parameter(shape, _kernel(cell, role, shape))
        for role in ("bias_ih", "bias_hh"):
            distribution = ZEROS if keras else Distribution("uniform", 0.0, 1 / math.sqrt(3 * HIDDEN), "torch")
            if cell.forget_bias is not None:
                value = cell.forget_bias if role == "bias_ih" else 0.0
                part = Distribution("constant", value, 0.0, "constant")
                distribution = Distribution(
                    distribution.family, 0.0, distribution.std, parts=(((0, HIDDEN, 2 * HIDDEN), part),)
                )
            parameters[f"{role}_l{layer}"] = Parameter((count * HIDDEN,), distribution)
    x = g.input(batch, steps, inputs)
    y = g.node(
        Kind.RECURRENT,
        x,
        shape=(batch, steps, HIDDEN),
        cell=cell.kind,
        input_size=inputs,
        hidden_size=HIDDEN,
        num_layers=cell.layers,
        bidirectional=False,
        activation=cell.activation,
        return_sequences=True,
        time_axis=1,
        steps=steps,
        gates=gates,
        parameters=parameters,
    )
    g.linear(g.select(y, 1, steps - 1), 10)
    return g.network()


def _kernel(cell: Cell, role: str, shape: tuple[int, int]) -> Distribution:
    rows, columns = shape
    if cell.framework is Framework.KERAS:
        if role == "weight_hh":
            return Distribution("orthogonal", 0.0, 1 / math.sqrt(max(shape)), "orthogonal")
        return Distribution("uniform", 0.0, math.sqrt(2 / (rows + columns)), "keras")
    if cell.orthogonal and role == "weight_hh":
        return Distribution("orthogonal", 0.0, 1 / math.sqrt(columns), "orthogonal")
    return Distribution("uniform", 0.0, 1 / math.sqrt(3 * HIDDEN), "torch")


def predicted_horizon(cell: Cell, inputs: int) -> float:
    """Steps, as predicted."""
    return propagate(network(cell, inputs)).horizons[0].steps


def module(cell: Cell, inputs: int) -> nn.RNNBase:
    """The layer in PyTorch, with the weights that the cell says."""
    classes: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    options = {"nonlinearity": cell.activation} if cell.kind == "rnn" else {}
    layer = classes[cell.kind](inputs, HIDDEN, cell.layers, **options).double()
    with torch.no_grad():
        for name, value in layer.named_parameters():
            gates = value.split(HIDDEN)
            if cell.framework is Framework.KERAS:
                _keras(name, value)
            elif cell.orthogonal and name.startswith("weight_hh"):
                for gate in gates:
                    nn.init.orthogonal_(gate)
            if cell.forget_bias is not None and name.startswith("bias"):
                gates[1].fill_(cell.forget_bias if name.startswith("bias_ih") else 0.0)
    return layer


def _keras(name: str, value: Tensor) -> None:
    if name.startswith("weight_ih"):
        nn.init.xavier_uniform_(value)
    elif name.startswith("weight_hh"):
        value.copy_(nn.init.orthogonal_(torch.empty(value.shape[1], value.shape[0], dtype=value.dtype)).t())
    else:
        value.zero_()


def measured_horizon(cell: Cell, inputs: int, seed: int, steps: int = STEPS) -> float:
    """Steps until the gradient of a random function of the last output has fallen to 1 %; inf beyond `steps`."""
    torch.manual_seed(seed)
    layer = module(cell, inputs)
    x = torch.randn(steps, 8, inputs, dtype=torch.float64, requires_grad=True)
    last = layer(x)[0][-1]
    (torch.randn_like(last) * last).sum().backward()
    assert x.grad is not None
    norms = x.grad.flatten(1).norm(dim=1).flip(0)
    below = (norms < 0.01 * norms[0]).nonzero()
    return float(below[0]) if len(below) else math.inf
