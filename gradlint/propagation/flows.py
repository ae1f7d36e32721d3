"""How a gradient flows back through the steps of a recurrent layer, and how soon it has faded.

Weights are the same at every step, so gradients of different steps are correlated, and a slowly forgetting cell
adds them up coherently. The two-time correlations of the gradient are followed for that (dynamical mean-field
theory); one-time equations miss the gradient of an LSTM with a large forget bias by decades.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from gradlint.propagation.cells import Cell, State, drive, gru_parts, rho, settled
from gradlint.propagation.moments import moments

# Steps until the decay of a gradient is taken as geometric; steps that are followed in any case.
FOLLOWED = 48
_LEAST = 4
_CLOSE = 1e-6
# Gradients of different steps that are less correlated than this are taken as uncorrelated.
_APART = 0.05
# What is left of the gradient at its horizon.
HORIZON = 0.01

Lags = tuple[float, ...]


class Flow(NamedTuple):
    """How a gradient flows back one step; tuples are by the distance in steps of the two that are multiplied.

    The carried gradient D (of an LSTM's memory, of a GRU's state) obeys D_k = keep D_(k-1) + open m_k, and the
    gradient of the hidden state m_(k+1) = W^T (a D_k + b m_k). `keep` and `open` are means; `keeps`, `opens`,
    `through` and `beside` the second moments of keep, open, a and b. `to_input` and `to_input_beside` are
    those of a and b for the input's kernel.
    """

    keep: float
    open: float
    keeps: Lags
    opens: Lags
    through: Lags
    beside: Lags
    to_input: Lags
    to_input_beside: Lags


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


@lru_cache(maxsize=512)
def response(cells: tuple[Cell, ...]) -> Response:
    """How the gradient of one output of a stack of layers spreads over the inputs before it.

    `cells` are the layers, the first one first.
    """
    seeds: list[list[float]] | None = None
    found = Response((1.0,), 0.0)
    for index, cell in enumerate(reversed(cells)):
        state, memory = settled(cell)
        if not math.isfinite(state.square):
            return Response((math.inf,), 1.0)
        if cell.kind == "rnn" and len(cells) == 1:
            result = moments(cell.activation, cell.bias("n"), drive(cell, state)[0])
            return Response((cell.input_gain * result.chi,), cell.hidden_gain * result.chi)
        found, seeds = _followed(cell, _flow(cell, state, memory), seeds, index < len(cells) - 1)
    return found


@lru_cache(maxsize=512)
def total_response(cells: tuple[Cell, ...], steps: int, together: float) -> float:
    """Squared norm of the gradient of the whole input over that of the whole output.

    `together` is the correlation of the output's gradients of different steps.
    """
    if together < _APART:
        return response(cells).total(steps)
    count = min(steps, FOLLOWED)
    seeds: list[list[float]] = [[together] * last + [1.0] for last in range(count)]
    found = Response((1.0,), 0.0)
    for cell in reversed(cells):
        state, memory = settled(cell)
        if not math.isfinite(state.square):
            return math.inf
        found, seeds = _followed(cell, _flow(cell, state, memory), seeds, True)
    return sum(found.norms[:count]) / count


def _flow(cell: Cell, state: State, memory: State) -> Flow:
    if cell.kind == "lstm":
        return _lstm_flow(cell, state, memory)
    return _gru_flow(cell, state) if cell.kind == "gru" else _rnn_flow(cell, state)


def _constant(value: float, first: float | None = None) -> Lags:
    return (value if first is None else first,) + (value,) * (FOLLOWED - 1)


def _rnn_flow(cell: Cell, state: State) -> Flow:
    variance, _, steps = drive(cell, state)
    result = moments(cell.activation, cell.bias("n"), variance)
    through = _constant(result.slope_pair(rho(steps, variance)), result.chi)
    nothing = _constant(0.0)
    return Flow(0.0, 1.0, nothing, _constant(1.0), through, nothing, through, nothing)


def _lstm_flow(cell: Cell, state: State, memory: State) -> Flow:
    variance, _, lasting = drive(cell, state)
    i, f, o = (moments(cell.gate, cell.bias(gate), variance) for gate in "ifo")
    g = moments(cell.activation, cell.bias("g"), variance)
    out = moments(cell.activation, 0.0, memory.square)
    keeps, opens = [f.square], [o.square * out.chi]
    through, beside = [i.chi * g.square + f.chi * memory.square + i.square * g.chi], [o.chi * out.square]
    for distance in range(1, FOLLOWED):
        # Covariance of the memory with itself so many steps apart; that of the gates follows from it.
        lag = memory.steps + (memory.square - memory.steps) * f.mean**distance
        apart = rho(lag, memory.square)
        hidden = o.pair(rho(lasting, variance)) * out.pair(apart)
        along = rho(lasting + cell.hidden_gain * (hidden - state.steps), variance)
        keeps.append(f.pair(along))
        opens.append(o.pair(along) * out.slope_pair(apart))
        gates = i.slope_pair(along) * g.pair(along) + f.slope_pair(along) * lag + i.pair(along) * g.slope_pair(along)
        through.append(gates)
        beside.append(o.slope_pair(along) * out.pair(apart))
    slope = math.sqrt(max(out.slope_pair(0.0), 0.0))
    a, b = tuple(through), tuple(beside)
    return Flow(f.mean, o.mean * slope, tuple(keeps), tuple(opens), a, b, a, b)


def _gru_flow(cell: Cell, state: State) -> Flow:
    update, reset, candidate, along, own, recurrent = gru_parts(cell, state)
    z, dz = update.pair(along), update.slope_pair(along)
    r, dr = reset.pair(along), reset.slope_pair(along)
    dn = candidate.slope_pair(own)
    fresh = 1.0 - 2.0 * update.mean + z
    # The update gate weighs the state against the candidate.
    difference = state.square + candidate.square - 2.0 * state.steps
    candidates = (1.0 - 2.0 * update.mean + update.square) * candidate.chi
    through = [update.chi * difference + candidates * (reset.square + recurrent * reset.chi)]
    to_input = [update.chi * difference + candidates * (1.0 + recurrent * reset.chi)]
    for distance in range(1, FOLLOWED):
        fading = (state.square - state.steps) * update.mean**distance
        drawn = cell.hidden_gain * (state.steps + fading) * dr
        gates = dz * max(fading, 0.0)
        through.append(gates + fresh * dn * (r + drawn))
        to_input.append(gates + fresh * dn * (1.0 + drawn))
    nothing = _constant(0.0)
    keeps = _constant(z, update.square)
    return Flow(update.mean, 1.0, keeps, _constant(1.0), tuple(through), nothing, tuple(to_input), nothing)


def _followed(
    cell: Cell, flow: Flow, seeds: Sequence[Sequence[float]] | None, pass_on: bool
) -> tuple[Response, list[list[float]]]:
    """Follow the two-time correlations of carried and hidden gradients back, step by step.

    `seeds` are those of the gradient that comes in at each step, by columns: one unit at the last step where
    they are None. The second result are those of the input's gradient, wanted if `pass_on`.
    """
    through = [cell.hidden_gain * value for value in flow.through]
    beside = [cell.hidden_gain * value for value in flow.beside]
    keep, open_, keeps, opens = flow.keep, flow.open, flow.keeps, flow.opens
    to_input = [cell.input_gain * value for value in flow.to_input]
    to_beside = [cell.input_gain * value for value in flow.to_input_beside]
    # E[D_k D_last] and E[m_k m_last] for k up to last; E[D_last m_k] for k up to last.
    first = seeds[0][0] if seeds is not None else 1.0
    carried, hidden, crossed = [opens[0] * first], [first], [open_ * first]
    norms = [to_input[0] * carried[0] + to_beside[0] * first]
    columns = [[norms[0]]]
    for last in range(1, FOLLOWED):
        m = [0.0] + [through[last - k] * carried[k - 1] + beside[last - k] * hidden[k - 1] for k in range(1, last + 1)]
        if seeds is not None and last < len(seeds):
            m = [a + b for a, b in zip(m, seeds[last], strict=True)]
        newest, running = [], 0.0  # E[D_k m_last]
        for value in m:
            running = keep * running + open_ * value
            newest.append(running)
        older = [*crossed, newest[last - 1]]  # E[D_(last-1) m_k]
        d = [keep * open_ * older[0] + opens[last] * m[0]]
        for k in range(1, last + 1):
            both = keep * open_ * (newest[k - 1] + older[k])
            d.append(keeps[last - k] * carried[k - 1] + both + opens[last - k] * m[k])
        crossed = [keep * x + open_ * value for x, value in zip(crossed, m, strict=False)] + [newest[last]]
        carried, hidden = d, m
        norms.append(to_input[0] * d[last] + to_beside[0] * m[last])
        if pass_on:
            columns.append([to_input[last - k] * d[k] + to_beside[last - k] * m[k] for k in range(last + 1)])
        elif norms[-1] < HORIZON * HORIZON * norms[0] and last > _LEAST:
            break
    rate = (norms[-1] / norms[-4]) ** (1.0 / 3.0) if len(norms) >= _LEAST and norms[-4] > 0.0 else 0.0
    return Response(tuple(norms), rate), columns
