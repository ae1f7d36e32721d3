"""Recurrent cells at initialization and the stationary signal of their hidden states.

The mean-field equations of Chen, Pennington and Schoenholz 2018 (*Dynamical Isometry and a Mean Field Theory
of RNNs*) and of Gilboa et al. 2019 for gated cells.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from gradlint.propagation.functions import Key
from gradlint.propagation.moments import Moments, moments

# Steps until the stationary signal is taken as reached.
_SETTLING = 40
_CLOSE = 1e-6


class Cell(NamedTuple):
    """A recurrent layer of one direction, as far as the theory needs it.

    `input_gain` and `hidden_gain` are fan-in times weight variance of the two kernels (per gate),
    `bias_variance` that of a gate's biases, `biases` the mean bias by the letter of the gate. `square`,
    `samples` and `steps` are the input's mean square, and what it shares between samples and between steps.
    """

    kind: str
    input_gain: float
    hidden_gain: float
    bias_variance: float
    biases: tuple[tuple[str, float], ...]
    activation: Key
    gate: Key
    square: float
    samples: float
    steps: float

    def bias(self, gate: str) -> float:
        """The mean bias of a gate."""
        return dict(self.biases).get(gate, 0.0)


class State(NamedTuple):
    """The stationary hidden state: mean, mean square, and what it shares between samples and between steps."""

    mean: float
    square: float
    samples: float
    steps: float


def rho(covariance: float, variance: float) -> float:
    """The correlation for a covariance; 1 where nothing varies."""
    return min(max(covariance / variance, -1.0), 1.0) if variance > 0.0 else 1.0


def settle(cell: Cell) -> State:
    """The stationary hidden state, by running the mean-field recursion from a zero state."""
    return settled(cell)[0]


@lru_cache(maxsize=512)
def settled(cell: Cell) -> tuple[State, State]:
    """The stationary hidden state, and the memory of an LSTM."""
    step = {"lstm": lstm_step, "gru": _gru_step}.get(cell.kind, _rnn_step)
    state, memory = State(0.0, 0.0, 0.0, 0.0), State(0.0, 0.0, 0.0, 0.0)
    for _ in range(_SETTLING):
        new, memory = step(cell, state, memory)
        done = abs(new.square - state.square) <= _CLOSE * new.square
        state = new
        if done or not math.isfinite(state.square):
            break
    return state, memory


def drive(cell: Cell, state: State) -> tuple[float, float, float]:
    """Variance of a gate's argument, and what it shares between samples and between steps."""
    return (
        cell.input_gain * cell.square + cell.hidden_gain * state.square + cell.bias_variance,
        cell.input_gain * cell.samples + cell.hidden_gain * state.samples + cell.bias_variance,
        cell.input_gain * cell.steps + cell.hidden_gain * state.steps + cell.bias_variance,
    )


def _rnn_step(cell: Cell, state: State, memory: State) -> tuple[State, State]:
    variance, samples, steps = drive(cell, state)
    result = moments(cell.activation, cell.bias("n"), variance)
    return (
        State(
            result.mean,
            result.square,
            result.pair(rho(samples, variance)),
            result.pair(rho(steps, variance)),
        ),
        memory,
    )


def lstm_step(cell: Cell, state: State, memory: State) -> tuple[State, State]:
    """The next hidden state and memory of an LSTM."""
    variance, samples, steps = drive(cell, state)
    across, along = rho(samples, variance), rho(steps, variance)
    i, f, o = (moments(cell.gate, cell.bias(gate), variance) for gate in "ifo")
    g = moments(cell.activation, cell.bias("g"), variance)
    persistent = i.pair(along) * g.pair(along) / max(1.0 - f.mean, _CLOSE)
    square = i.square * g.square + 2.0 * f.mean * persistent + f.square * memory.square
    common = i.pair(across) * g.pair(across) + f.pair(across) * memory.samples
    lasting = min(persistent / max(1.0 - f.mean, _CLOSE), square)
    new = State(0.0, square, min(common, square), lasting)
    out = moments(cell.activation, 0.0, square)
    return (
        State(
            0.0,
            o.square * out.square,
            o.pair(across) * out.pair(rho(new.samples, square)),
            o.pair(along) * out.pair(rho(lasting, square)),
        ),
        new,
    )


def gru_parts(cell: Cell, state: State) -> tuple[Moments, Moments, Moments, float, float, float]:
    """Update and reset gates and candidate; correlations over steps of gates and candidate; recurrent drive."""
    variance, _, steps = drive(cell, state)
    update = moments(cell.gate, cell.bias("z"), variance)
    reset = moments(cell.gate, cell.bias("r"), variance)
    recurrent = cell.hidden_gain * state.square + 0.5 * cell.bias_variance
    own = cell.input_gain * cell.square + 0.5 * cell.bias_variance + reset.square * recurrent
    lasting = cell.input_gain * cell.steps + 0.5 * cell.bias_variance
    along = rho(steps, variance)
    lasting += reset.pair(along) * (cell.hidden_gain * state.steps + 0.5 * cell.bias_variance)
    candidate = moments(cell.activation, cell.bias("n"), own)
    return update, reset, candidate, along, rho(lasting, own), recurrent


def _gru_step(cell: Cell, state: State, memory: State) -> tuple[State, State]:
    update, reset, candidate, _, along, _ = gru_parts(cell, state)
    variance, samples, _ = drive(cell, state)
    across = rho(samples, variance)
    lasting = candidate.pair(along)
    fresh = 1.0 - 2.0 * update.mean + update.square
    mixed = update.mean - update.square
    square = fresh * candidate.square + 2.0 * mixed * lasting + update.square * state.square
    own = cell.input_gain * cell.samples + cell.bias_variance + reset.pair(across) * cell.hidden_gain * state.samples
    total = cell.input_gain * cell.square + cell.bias_variance + reset.square * cell.hidden_gain * state.square
    shared = candidate.pair(rho(own, total))
    paired = update.pair(across)
    common = (1.0 - 2.0 * update.mean + paired) * shared + paired * state.samples
    return State(candidate.mean, square, min(common, square), lasting), memory
