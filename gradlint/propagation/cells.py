"""Recurrent cells at initialization: their stationary signal, and how a gradient flows back through time.

The mean-field equations of Chen, Pennington and Schoenholz 2018 (*Dynamical Isometry and a Mean Field Theory
of RNNs*) and Gilboa et al. 2019 for gated cells, with one refinement: weights are the same at every step, so
gradients of different steps are correlated, and a slowly forgetting cell adds them up coherently. The
two-time correlations of the gradient are followed for that (dynamical mean-field theory); one-time
equations miss the gradient of an LSTM with a large forget bias by decades.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from gradlint.propagation.functions import Key
from gradlint.propagation.moments import Moments, moments

# Steps until the stationary signal is taken as reached; until the decay of a gradient is taken as geometric.
_SETTLING = 40
_FOLLOWED = 40
_LEAST = 4
_CLOSE = 1e-6
# What is left of the gradient at its horizon.
HORIZON = 0.01


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


class Flow(NamedTuple):
    """How a gradient flows back one step, by the distance in time of the two gradients that are multiplied.

    The carried gradient D (of an LSTM's memory, of a GRU's state) obeys D_k = keep D_(k-1) + open m_k, and the
    gradient of the hidden state m_(k+1) = W^T (a D_k + b m_k). `keep` and `open` are means; `keeps`, `opens`,
    `through` and `beside` the second moments of keep, open, a and b. `to_input` and `to_input_beside` are
    those of a and b for the input's kernel.
    """

    keep: float
    open: float
    keeps: tuple[float, float]
    opens: Callable[[int], float]
    through: Callable[[int], float]
    beside: Callable[[int], float]
    to_input: float
    to_input_beside: float


class Response(NamedTuple):
    """Squared norm of the input's gradient k steps before, over that of the hidden state's where it enters.

    `norms` are followed step by step; after that every step multiplies by `rate`.
    """

    norms: tuple[float, ...]
    rate: float

    def at(self, distance: int) -> float:
        """The squared norm at a distance in steps."""
        if distance < len(self.norms):
            return self.norms[distance]
        return self.norms[-1] * self.rate ** min(distance - len(self.norms) + 1, 10_000)

    def total(self, steps: int) -> float:
        """The sum over the distances below `steps`."""
        head = sum(self.norms[:steps])
        rest = steps - len(self.norms)
        if rest <= 0 or self.norms[-1] == 0.0:
            return head
        if abs(self.rate - 1.0) < _CLOSE:
            return head + self.norms[-1] * rest
        try:
            return head + self.norms[-1] * self.rate * (self.rate**rest - 1.0) / (self.rate - 1.0)
        except OverflowError:
            return math.inf

    def horizon(self) -> float:
        """Steps until the norm (not its square) has fallen to 1 % of where it starts; inf if it never does."""
        if not self.norms or self.norms[0] <= 0.0:
            return 0.0
        limit = HORIZON * HORIZON * self.norms[0]
        for distance, norm in enumerate(self.norms):
            if norm < limit:
                before = self.norms[distance - 1]
                return distance - 1 + math.log(before / limit) / math.log(before / norm) if norm > 0.0 else distance
        if self.rate >= 1.0:
            return math.inf
        return len(self.norms) - 1 + math.log(self.norms[-1] / limit) / -math.log(self.rate)


def _rho(covariance: float, variance: float) -> float:
    return min(max(covariance / variance, -1.0), 1.0) if variance > 0.0 else 1.0


@lru_cache(maxsize=512)
def settle(cell: Cell) -> State:
    """The stationary state, by running the mean-field recursion from a zero state."""
    step = {"lstm": _lstm_step, "gru": _gru_step}.get(cell.kind, _rnn_step)
    state, memory = State(0.0, 0.0, 0.0, 0.0), State(0.0, 0.0, 0.0, 0.0)
    for _ in range(_SETTLING):
        new, memory = step(cell, state, memory)
        done = abs(new.square - state.square) <= _CLOSE * new.square
        state = new
        if done or not math.isfinite(state.square):
            break
    return state


def _drive(cell: Cell, state: State) -> tuple[float, float, float]:
    """Variance of a gate's argument, and what it shares between samples and between steps."""
    return (
        cell.input_gain * cell.square + cell.hidden_gain * state.square + cell.bias_variance,
        cell.input_gain * cell.samples + cell.hidden_gain * state.samples + cell.bias_variance,
        cell.input_gain * cell.steps + cell.hidden_gain * state.steps + cell.bias_variance,
    )


def _rnn_step(cell: Cell, state: State, memory: State) -> tuple[State, State]:
    variance, samples, steps = _drive(cell, state)
    result = moments(cell.activation, cell.bias("n"), variance)
    return (
        State(
            result.mean,
            result.square,
            result.pair(_rho(samples, variance)),
            result.pair(_rho(steps, variance)),
        ),
        memory,
    )


def _lstm_step(cell: Cell, state: State, memory: State) -> tuple[State, State]:
    variance, samples, steps = _drive(cell, state)
    across, along = _rho(samples, variance), _rho(steps, variance)
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
            o.pair(across) * out.pair(_rho(new.samples, square)),
            o.pair(along) * out.pair(_rho(lasting, square)),
        ),
        new,
    )


def _gru_parts(cell: Cell, state: State) -> tuple[Moments, Moments, Moments, float, float, float]:
    """Update and reset gates and candidate; correlations over steps of gates and candidate; recurrent drive."""
    variance, _, steps = _drive(cell, state)
    update = moments(cell.gate, cell.bias("z"), variance)
    reset = moments(cell.gate, cell.bias("r"), variance)
    recurrent = cell.hidden_gain * state.square + 0.5 * cell.bias_variance
    own = cell.input_gain * cell.square + 0.5 * cell.bias_variance + reset.square * recurrent
    lasting = cell.input_gain * cell.steps + 0.5 * cell.bias_variance
    along = _rho(steps, variance)
    lasting += reset.pair(along) * (cell.hidden_gain * state.steps + 0.5 * cell.bias_variance)
    candidate = moments(cell.activation, cell.bias("n"), own)
    return update, reset, candidate, along, _rho(lasting, own), recurrent


def _gru_step(cell: Cell, state: State, memory: State) -> tuple[State, State]:
    update, reset, candidate, _, along, _ = _gru_parts(cell, state)
    variance, samples, _ = _drive(cell, state)
    across = _rho(samples, variance)
    lasting = candidate.pair(along)
    fresh = 1.0 - 2.0 * update.mean + update.square
    mixed = update.mean - update.square
    square = fresh * candidate.square + 2.0 * mixed * lasting + update.square * state.square
    own = cell.input_gain * cell.samples + cell.bias_variance + reset.pair(across) * cell.hidden_gain * state.samples
    total = cell.input_gain * cell.square + cell.bias_variance + reset.square * cell.hidden_gain * state.square
    shared = candidate.pair(_rho(own, total))
    paired = update.pair(across)
    common = (1.0 - 2.0 * update.mean + paired) * shared + paired * state.samples
    return State(candidate.mean, square, min(common, square), lasting), memory


@lru_cache(maxsize=512)
def response(cell: Cell) -> Response:
    """How the gradient of one hidden state spreads over the inputs before it."""
    state = settle(cell)
    if not math.isfinite(state.square):
        return Response((math.inf,), 1.0)
    if cell.kind == "rnn":
        result = moments(cell.activation, cell.bias("n"), _drive(cell, state)[0])
        return Response((cell.input_gain * result.chi,), cell.hidden_gain * result.chi)
    return _followed(cell, _lstm_flow(cell, state) if cell.kind == "lstm" else _gru_flow(cell, state))


def _lstm_flow(cell: Cell, state: State) -> Flow:
    variance, _, steps = _drive(cell, state)
    along = _rho(steps, variance)
    i, f, o = (moments(cell.gate, cell.bias(gate), variance) for gate in "ifo")
    g = moments(cell.activation, cell.bias("g"), variance)
    memory = State(0.0, 0.0, 0.0, 0.0)
    for _ in range(_SETTLING):
        _, memory = _lstm_step(cell, state, memory)
    out = moments(cell.activation, 0.0, memory.square)
    paired = [(m.pair(along), m.slope_pair(along)) for m in (i, f, o, g)]
    (i1, di1), (f1, df1), (o1, do1), (g1, dg1) = paired

    def lag(distance: int) -> float:
        """Covariance of the memory with itself."""
        return memory.steps + (memory.square - memory.steps) * f.mean**distance

    def through(distance: int) -> float:
        if distance == 0:
            return i.chi * g.square + f.chi * memory.square + i.square * g.chi
        return di1 * g1 + df1 * lag(distance) + i1 * dg1

    def beside(distance: int) -> float:
        pair = out.pair(_rho(lag(distance), memory.square))
        return (o.chi if distance == 0 else do1) * pair

    def opens(distance: int) -> float:
        pair = out.slope_pair(_rho(lag(distance), memory.square))
        return (o.square if distance == 0 else o1) * pair

    slope = math.sqrt(max(out.slope_pair(0.0), 0.0))
    return Flow(f.mean, o.mean * slope, (f.square, f1), opens, through, beside, through(0), beside(0))


def _gru_flow(cell: Cell, state: State) -> Flow:
    update, reset, candidate, along, own, recurrent = _gru_parts(cell, state)
    z1, dz1 = update.pair(along), update.slope_pair(along)
    r1, dr1 = reset.pair(along), reset.slope_pair(along)
    dn1 = candidate.slope_pair(own)
    fresh = (1.0 - 2.0 * update.mean + update.square, 1.0 - 2.0 * update.mean + z1)

    def difference(distance: int) -> float:
        """Covariance of state minus candidate, which the update gate weighs."""
        if distance == 0:
            return state.square + candidate.square - 2.0 * state.steps
        return max((state.square - state.steps) * update.mean**distance, 0.0)

    def gates(distance: int, at_reset: float) -> float:
        if distance == 0:
            return update.chi * difference(0) + fresh[0] * candidate.chi * (at_reset + recurrent * reset.chi)
        lasting = cell.hidden_gain * (state.steps + (state.square - state.steps) * update.mean**distance)
        return dz1 * difference(distance) + fresh[1] * dn1 * (at_reset + lasting * dr1)

    return Flow(
        update.mean,
        1.0,
        (update.square, z1),
        lambda distance: 1.0,
        lambda distance: gates(distance, reset.square if distance == 0 else r1),
        lambda distance: 0.0,
        gates(0, 1.0),
        0.0,
    )


def _followed(cell: Cell, flow: Flow) -> Response:
    """Follow the two-time correlations of carried and hidden gradients back, step by step."""
    opens = [flow.opens(d) for d in range(_FOLLOWED)]
    through = [cell.hidden_gain * flow.through(d) for d in range(_FOLLOWED)]
    beside = [cell.hidden_gain * flow.beside(d) for d in range(_FOLLOWED)]
    keep, open_ = flow.keep, flow.open
    keeps = [flow.keeps[0]] + [flow.keeps[1]] * (_FOLLOWED - 1)
    to_input, to_beside = cell.input_gain * flow.to_input, cell.input_gain * flow.to_input_beside
    # E[D_k D_last] and E[m_k m_last] for k up to last; E[D_last m_k] for k up to last.
    carried, hidden, crossed = [opens[0]], [1.0], [open_]
    norms = [to_input * carried[0] + to_beside]
    for last in range(1, _FOLLOWED):
        m = [0.0] + [through[last - k] * carried[k - 1] + beside[last - k] * hidden[k - 1] for k in range(1, last + 1)]
        newest, running = [], 0.0  # E[D_k m_last]
        for value in m:
            running = keep * running + open_ * value
            newest.append(running)
        older = [*crossed, newest[last - 1]]  # E[D_(last-1) m_k]
        d = [keep * open_ * older[0]]
        for k in range(1, last + 1):
            both = keep * open_ * (newest[k - 1] + older[k])
            d.append(keeps[last - k] * carried[k - 1] + both + opens[last - k] * m[k])
        crossed = [keep * x + open_ * value for x, value in zip(crossed, m, strict=False)] + [newest[last]]
        carried, hidden = d, m
        norms.append(to_input * d[last] + to_beside * m[last])
        if norms[-1] < HORIZON * HORIZON * norms[0] and last > _LEAST:
            break
    if len(norms) < 4 or norms[-4] <= 0.0:
        return Response(tuple(norms), 0.0)
    return Response(tuple(norms), (norms[-1] / norms[-4]) ** (1.0 / 3.0))
