"""Recurrent layers step by step, in both frameworks' layouts and gate orders. Runs in the child."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody uses
from torch import Tensor

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.functions import FUNCTIONS
from gradlint.probe.network_spec import NodeSpec

GATES = {"rnn": "n", "lstm": "ifgo", "gru": "rzn"}

Weights = Mapping[str, Tensor]
Activation = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Cell:
    """One layer in one direction, in torch's layout: kernels are (gates * hidden, inputs).

    `order` is the order of the gates in the kernels; `project` is the projection of an LSTM's output.
    """

    kind: str
    order: str
    input_kernel: Tensor
    hidden_kernel: Tensor
    input_bias: Tensor | None
    hidden_bias: Tensor | None
    activation: Activation
    gate: Activation
    reset_after: bool
    project: Tensor | None = None

    @property
    def hidden_size(self) -> int:
        """Entries of the cell's state."""
        return int(self.hidden_kernel.shape[0]) // len(self.order)

    def run(self, x: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs at each step, last hidden state and last memory for an input of (time, batch, features)."""
        driven = F.linear(x, self.input_kernel, self.input_bias)
        outputs = []
        for step in driven.unbind(0):
            hidden, memory = self.step(step, hidden, memory)
            outputs.append(hidden)
        return torch.stack(outputs), hidden, memory

    def step(self, driven: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The next hidden state and memory; `driven` is what the input contributes to the gates."""
        if self.kind == "gru":
            return self._gru(driven, hidden), memory
        gates = driven + F.linear(hidden, self.hidden_kernel, self.hidden_bias)
        if self.kind == "rnn":
            return self.activation(gates), memory
        part = dict(zip(self.order, gates.chunk(4, -1), strict=True))
        memory = self.gate(part["f"]) * memory + self.gate(part["i"]) * self.activation(part["g"])
        hidden = self.gate(part["o"]) * self.activation(memory)
        return (hidden if self.project is None else F.linear(hidden, self.project)), memory

    def _gru(self, driven: Tensor, hidden: Tensor) -> Tensor:
        from_input = dict(zip(self.order, driven.chunk(3, -1), strict=True))
        kernels = dict(zip(self.order, self.hidden_kernel.chunk(3), strict=True))
        biases: dict[str, Tensor | None] = dict.fromkeys(self.order)
        if self.hidden_bias is not None:
            biases.update(zip(self.order, self.hidden_bias.chunk(3), strict=True))
        reset, update = (
            self.gate(from_input[name] + F.linear(hidden, kernels[name], biases[name])) for name in ("r", "z")
        )
        if self.reset_after:
            drive = from_input["n"] + reset * F.linear(hidden, kernels["n"], biases["n"])
        else:
            drive = from_input["n"] + F.linear(reset * hidden, kernels["n"], biases["n"])
        return update * hidden + (1 - update) * self.activation(drive)


def cells(weights: Weights, node: NodeSpec, layout: str) -> list[list[Cell]]:
    """The cells of a stack: one list per layer, with one entry per direction."""
    layers = int(node.get("num_layers", 1))
    suffixes = ("", "_reverse") if node.get("bidirectional", False) else ("",)
    return [[_cell(weights, node, layout, f"_l{layer}{suffix}") for suffix in suffixes] for layer in range(layers)]


def _cell(weights: Weights, node: NodeSpec, layout: str, suffix: str) -> Cell:
    kind = node.get("cell", "rnn")
    if kind not in GATES:
        raise NotMeasurable(f"no such recurrent cell in PyTorch: {kind}")
    layout = node.get("layout", layout)
    try:
        kernels = weights[f"weight_ih{suffix}"], weights[f"weight_hh{suffix}"]
    except KeyError as error:
        raise NotMeasurable(f"`{node.label}` has no {error.args[0]}") from error
    input_kernel, hidden_kernel = kernels if layout == "torch" else (kernels[0].t(), kernels[1].t())
    input_bias, hidden_bias = weights.get(f"bias_ih{suffix}"), weights.get(f"bias_hh{suffix}")
    if input_bias is not None and input_bias.dim() == 2:  # a Keras GRU keeps both in one
        input_bias, hidden_bias = input_bias[0], input_bias[1]
    return Cell(
        kind,
        node.get("gates") or GATES[kind],
        input_kernel,
        hidden_kernel,
        input_bias,
        hidden_bias,
        activation_of(node, "activation", "tanh"),
        activation_of(node, "recurrent_activation", "sigmoid"),
        bool(node.get("reset_after", True)),
        weights.get(f"weight_hr{suffix}"),
    )


def activation_of(node: NodeSpec, key: str, default: str) -> Activation:
    """The activation that an attribute of a recurrent layer names."""
    name = node.get(key, default)
    function = FUNCTIONS.get(name)
    if function is None:
        raise NotMeasurable(f"no such activation in PyTorch: {name}")
    bare = NodeSpec("activation", (), None, {}, {})
    return lambda x: function(x, bare)


def recurrent(
    x: Tensor, states: Sequence[Tensor], weights: Weights, node: NodeSpec, layout: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The outputs of a recurrent stack, of every step or of the last (`return_sequences` false), and its end.

    `states` are initial states where they are given: hidden state and memory, (layers * directions, batch,
    features) or (batch, features).

    Returns:
        The outputs; the last hidden states and memories, (layers * directions, batch, features).
    """
    stack = cells(weights, node, layout)
    if node.get("unrolled", False) and x.dim() == 2:
        cell = stack[0][0]
        hidden, memory = _initial(x, states, [[cell]])[0]
        driven = F.linear(x, cell.input_kernel, cell.input_bias)
        hidden, memory = cell.step(driven, hidden, memory)
        return hidden, hidden[None], memory[None]
    time_axis = int(node.get("time_axis", 0 if layout == "torch" else 1))
    alone = x.dim() == 2  # a single sequence without a batch
    x = x.unsqueeze(1) if alone else x.movedim(time_axis, 0)
    if node.get("go_backwards", False):
        x = x.flip(0)
    sequence, last, ends, memories = run_stack(x, states, stack, node)
    if alone:
        return sequence.squeeze(1) if node.get("return_sequences", True) else last.squeeze(0), ends, memories
    return sequence.movedim(0, time_axis) if node.get("return_sequences", True) else last, ends, memories


def run_stack(
    x: Tensor, states: Sequence[Tensor], stack: list[list[Cell]], node: NodeSpec
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The outputs of the last layer (time, batch, features), and how all cells end.

    Returns:
        The outputs; the last output of each direction of the last layer, joined; the hidden states and the
        memories of all cells after the last step.
    """
    initial = _initial(x[0], states, stack)
    rate, merge = float(node.get("dropout", 0.0)), node.get("merge_mode", "concat")
    last = x[-1]
    hiddens: list[Tensor] = []
    memories: list[Tensor] = []
    for depth, layer in enumerate(stack):
        if depth and rate:
            x = F.dropout(x, rate, training=True)
        outputs, ends = [], []
        for direction, cell in enumerate(layer):
            hidden, memory = initial[depth * len(layer) + direction]
            y, end, memory = cell.run(x.flip(0) if direction else x, hidden, memory)
            outputs.append(y.flip(0) if direction else y)
            ends.append(end)
            memories.append(memory)
        hiddens += ends
        x, last = _merge(outputs, merge), _merge(ends, merge)
    return x, last, torch.stack(hiddens), torch.stack(memories)


def _merge(parts: list[Tensor], mode: str) -> Tensor:
    if len(parts) == 1:
        return parts[0]
    if mode == "sum":
        return parts[0] + parts[1]
    if mode == "mul":
        return parts[0] * parts[1]
    if mode == "ave":
        return (parts[0] + parts[1]) / 2
    return torch.cat(parts, -1)


def _initial(x: Tensor, states: Sequence[Tensor], stack: list[list[Cell]]) -> list[tuple[Tensor, Tensor]]:
    """Hidden state and memory of each cell before the first step; zero where not given."""
    result = []
    flat = [cell for layer in stack for cell in layer]
    for position, cell in enumerate(flat):
        width = cell.hidden_size if cell.project is None else cell.project.shape[0]
        pair = [x.new_zeros(x.shape[0], width), x.new_zeros(x.shape[0], cell.hidden_size)]
        for which, state in enumerate(states[:2]):
            given = state[position] if state.dim() == 3 else state
            pair[which] = given.expand_as(pair[which])
        result.append((pair[0], pair[1]))
    return result


def gradient_by_distance(stack: list[list[Cell]], node: NodeSpec, steps: int, batch: int, features: int) -> Tensor:
    """L2 norm of the gradient of a random functional of the last output, with respect to the input k steps before.

    One entry per distance k, from 0 to `steps` - 1. The input is random and normal.
    """
    forward_only = [[layer[0]] for layer in stack]
    if len(stack[0]) > 1 and len(stack) > 1:
        forward_only = [[stack[0][0]]]  # later layers take both directions: their input does not fit one
    kernel = forward_only[0][0].input_kernel
    x = torch.randn(steps, batch, features, dtype=kernel.dtype, device=kernel.device, requires_grad=True)
    last = run_stack(x, (), forward_only, node)[1]
    (gradient,) = torch.autograd.grad((last * torch.randn_like(last)).sum(), x)
    return torch.linalg.vector_norm(gradient.cpu().double().flatten(1), dim=1).flip(0)
