"""Recurrent layers in a network: their output, the gradient to their input, and their gradient horizon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from gradlint.network import Distribution, Node, Parameter
from gradlint.propagation.cells import Cell, settle
from gradlint.propagation.context import Context, NotModelled, describe
from gradlint.propagation.flows import response, total_response
from gradlint.propagation.functions import FORMS, Key
from gradlint.propagation.geometry import axis_size, pairs_along
from gradlint.propagation.signal import Gradient, Signal

GATES = {"rnn": "n", "lstm": "ifgo", "gru": "rzn"}
_DIGITS = 5
# Steps that are taken where the length of the sequence is not known.
_STEPS = 32


class Horizon(NamedTuple):
    """A recurrent layer and its gradient horizon.

    `steps` is how far back the gradient of the last output, with respect to a standard normal input, has
    fallen to 1 %; inf where it never does. `length` is the length of the sequence where that is known.
    """

    node: Node
    steps: float
    length: int | None


class Input(NamedTuple):
    """What a layer of the stack gets: mean square, and what is shared between samples and between steps."""

    square: float
    samples: float
    steps: float


def _key(name: str | None, default: str) -> Key:
    name = name or default
    if name not in FORMS:
        raise NotModelled(f"the function {name!r} of a recurrent cell is not known")
    return name, tuple(value for _, value in FORMS[name][0])


def _known(node: Node, role: str) -> tuple[Parameter, Distribution]:
    parameter = node.parameters.get(role)
    if parameter is None or not parameter.distribution.known:
        raise NotModelled(f"the initial distribution of {describe(node)} is not known")
    return parameter, parameter.distribution


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def cell_of(node: Node, layer: int, given: Input, suffix: str = "") -> Cell:
    """One layer of a stack in one direction, as the theory needs it.

    Raises:
        NotModelled: when its weights are not known.
    """
    kind = str(node.get("cell", "rnn")).removeprefix("conv_")
    if kind not in GATES:
        raise NotModelled(f"recurrent cells of kind {kind!r} are not known")
    role = f"_l{layer}{suffix}"
    _, input_kernel = _known(node, f"weight_ih{role}")
    _, hidden_kernel = _known(node, f"weight_hh{role}")
    hidden = int(node.get("hidden_size") or 64)
    inside, around = _areas(node)
    directions = 2 if node.get("bidirectional") else 1
    width = hidden * directions if layer else int(node.get("input_size") or axis_size(node.inputs[0].shape, -1))
    gates = node.get("gates") or GATES[kind]
    variance, means = 0.0, dict.fromkeys(gates, 0.0)
    for name in ("bias_ih", "bias_hh"):
        parameter = node.parameters.get(f"{name}{role}")
        if parameter is not None and parameter.distribution.known:
            variance += parameter.distribution.variance
            for gate, mean in _gate_means(parameter, gates).items():
                means[gate] += mean
    return Cell(
        kind,
        _rounded(width * inside * input_kernel.mean_square),
        _rounded(hidden * around * hidden_kernel.mean_square),
        _rounded(variance),
        tuple((gate, _rounded(mean)) for gate, mean in means.items()),
        _key(node.get("activation"), "tanh"),
        _key(node.get("recurrent_activation"), "sigmoid"),
        _rounded(given.square),
        _rounded(given.samples),
        _rounded(given.steps),
    )


def _areas(node: Node) -> tuple[float, float]:
    """Kernel taps that a unit of a convolutional cell sees of the input, and of its state inside the padding."""
    kernel = node.get("kernel_size")
    if not kernel:
        return 1.0, 1.0
    around = 1.0
    for axis, size in enumerate(kernel):
        length = axis_size(node.shape, axis - len(kernel) - 1)
        around *= pairs_along(length, size, 1, 1, (size - 1) // 2, length) / length
    return float(math.prod(kernel)), around


def _gate_means(parameter: Parameter, gates: str) -> dict[str, float]:
    """The mean of a bias by gate: of the whole, but for the parts that were overwritten."""
    distribution = parameter.distribution
    means = dict.fromkeys(gates, distribution.mean)
    if parameter.shape is None or not distribution.parts:
        return means
    size = parameter.shape[-1] / len(gates)
    for window, part in distribution.parts:
        if window is None or not part.known:
            continue
        _, start, stop = window
        for index, gate in enumerate(gates):
            covered = min(stop, (index + 1) * size) - max(start, index * size)
            if covered > 0.0:
                means[gate] += covered / size * (part.mean - means[gate])
    return means


def _layers(node: Node) -> int:
    layers = node.get("num_layers", 1)
    if layers is None:
        raise NotModelled(f"the number of layers of {describe(node)} is not known")
    return int(layers)


def _stack(node: Node, given: Input) -> list[Cell]:
    """The forward cells of a stack, each fed by the one before."""
    cells = []
    for layer in range(_layers(node)):
        cells.append(cell_of(node, layer, given))
        state = settle(cells[-1])
        given = Input(state.square, state.samples, state.steps)
    return cells


def _given(signal: Signal, node: Node) -> Input:
    return Input(signal.square, signal.samples, 0.0 if node.get("unrolled") else signal.positions)


def forward(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """The hidden states of the last layer."""
    state = settle(_stack(node, _given(inputs[0], node))[-1])
    channel = len(node.shape) - 1 if node.shape is not None else 2
    return Signal(
        state.mean, state.square, state.samples, state.steps, min(state.steps, state.samples), state.mean**2, channel
    )


def steps_of(node: Node) -> int | None:
    """Length of the sequence, where known."""
    if node.get("unrolled"):
        return 1
    steps = node.get("steps")
    return int(steps) if isinstance(steps, int) else None


def backward(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """The gradient to the input sequence, and to the states that were given."""
    cells = _stack(node, _given(context.signal(node.inputs[0]), node))
    steps = steps_of(node) or _STEPS
    factor = total_response(tuple(cells), steps, round(max(gradient.positions, 0.0), 2))
    result = [replace(gradient.times(factor), positions=0.0, units=0.0, work=0.0)]
    flow = response((cells[0],))
    share = max(cells[0].hidden_gain / cells[0].input_gain, 0.0) if cells[0].input_gain else 0.0
    carried = replace(gradient.times(flow.at(steps - 1) * share), positions=0.0, units=0.0, work=0.0)
    return result + [carried] * (len(node.inputs) - 1)


def horizon(node: Node) -> Horizon:
    """The gradient horizon of a recurrent layer or stack.

    Raises:
        NotModelled: when its weights are not known.
    """
    length = node.get("steps")
    known = int(length) if isinstance(length, int) and not node.get("unrolled") else None
    reached = response(tuple(_stack(node, Input(1.0, 0.0, 0.0)))).horizon()
    return Horizon(node, float(math.ceil(reached)) if math.isfinite(reached) else reached, known)
