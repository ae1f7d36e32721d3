"""Softmax, gated linear units and scaled dot-product attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gradlint.network import Node
from gradlint.propagation.context import Context
from gradlint.propagation.functions import Key
from gradlint.propagation.geometry import axis_size, normalized
from gradlint.propagation.moments import moments
from gradlint.propagation.signal import Gradient, Signal

_SIGMOID: Key = ("sigmoid", ())
# What is left of a squared norm where theory leaves nothing: a softmax in which one logit wins for certain.
_LEAST = 1e-12


def participation(count: float, spread: float) -> float:
    """E[sum p^2] of a softmax over `count` logits of variance `spread`: 1/count when flat, 1 when one wins."""
    if count <= 1.0:
        return 1.0
    return 1.0 / (1.0 + (count - 1.0) * math.exp(-min(spread, 700.0)))


def _logits(node: Node, signal: Signal) -> tuple[float, float, bool]:
    """Number of logits, their variance within one softmax, and whether its axis is that of the units."""
    shape = node.shape or node.inputs[0].shape
    axis = node.get("axis", -1)
    rank = len(shape) if shape is not None else 2
    axis = normalized(int(axis if axis is not None else -1), rank)
    along_units = axis == signal.channel
    covariance = signal.units if along_units else signal.positions
    return float(axis_size(shape, axis)), max(signal.square - covariance, 0.0), along_units


def softmax(node: Node, signal: Signal) -> Signal:
    """Probabilities of mean 1/n; the wider the logits, the fewer take part."""
    count, spread, along_units = _logits(node, signal)
    flat = 1.0 / count
    square = participation(count, spread) / count

    def across(covariance: float) -> float:
        share = covariance / signal.square if signal.square > 0.0 else 0.0
        return max(participation(count, max(spread * share, 0.0)) / count, flat * flat)

    rest = (flat - square) / (count - 1.0) if count > 1.0 else square
    positions, units = (across(signal.positions), rest) if along_units else (rest, across(signal.units))
    samples = across(signal.samples)
    return Signal(flat, square, samples, positions, min(positions, samples), units, signal.channel)


def log_softmax(node: Node, signal: Signal) -> Signal:
    """Logits less their log-sum-exp, which hardly varies."""
    count, spread, _ = _logits(node, signal)
    level = -math.log(count) - 0.5 * spread
    common = level * level
    return Signal(
        level,
        signal.square + common,
        signal.samples + common,
        signal.positions + common,
        signal.apart + common,
        signal.units + common,
        signal.channel,
    )


def _softmax_back(node: Node, signal: Signal, gradient: Gradient) -> Gradient:
    count, spread, along_units = _logits(node, signal)
    share = participation(count, spread)
    uniform = gradient.units if along_units else gradient.positions
    moved = gradient.times(max(share * (1.0 - share), _LEAST) / count * max(1.0 - uniform, _LEAST))
    return replace(moved, work=math.sqrt(spread))


def _log_softmax_back(node: Node, signal: Signal, gradient: Gradient) -> Gradient:
    count, spread, _ = _logits(node, signal)
    moved = gradient.times(max(1.0 + participation(count, spread) - 2.0 / count, _LEAST))
    return replace(moved, work=math.sqrt(spread))


def glu(node: Node, signal: Signal) -> Signal:
    """One half of the units, gated by the sigmoid of the other."""
    gate = moments(_SIGMOID, signal.mean, signal.variance)
    variance = signal.variance or 1.0

    def product(covariance: float) -> float:
        return covariance * gate.pair(min(max((covariance - signal.mean**2) / variance, 0.0), 1.0))

    return Signal(
        signal.mean * gate.mean,
        signal.square * gate.square,
        product(signal.samples),
        product(signal.positions),
        product(signal.apart),
        product(signal.units),
        signal.channel,
    )


def _glu_back(node: Node, signal: Signal, gradient: Gradient) -> Gradient:
    gate = moments(_SIGMOID, signal.mean, signal.variance)
    return gradient.times(gate.square + signal.square * gate.chi)


SOFTMAX_LIKE: Mapping[str, Callable[[Node, Signal], Signal]] = {
    "softmax": softmax,
    "softmin": softmax,
    "gumbel_softmax": softmax,
    "sparsemax": softmax,
    "log_softmax": log_softmax,
    "glu": glu,
}
SOFTMAX_LIKE_BACK: Mapping[str, Callable[[Node, Signal, Gradient], Gradient]] = {
    "softmax": _softmax_back,
    "softmin": _softmax_back,
    "gumbel_softmax": _softmax_back,
    "sparsemax": _softmax_back,
    "log_softmax": _log_softmax_back,
    "glu": _glu_back,
}


class _Scores:
    """What the attention weights of one node look like on average."""

    __slots__ = ("count", "gain", "row", "spread", "weight")

    def __init__(self, node: Node, query: Signal, key: Signal) -> None:
        heads = max(int(node.get("heads", 1) or 1), 1)
        shape = node.inputs[0].shape
        width = axis_size(shape, -1)
        width = max(width // heads, 1)
        scale = node.get("scale")
        self.gain = (float(scale) ** 2 if isinstance(scale, (int, float)) else 1.0 / width) * width
        self.count = float(axis_size(node.inputs[1].shape, -2))
        self.spread = self.gain * query.square * max(key.square - key.positions, 0.0)
        alike = query.positions / query.square if query.square > 0.0 else 1.0
        self.weight = self._average(node, self.spread)
        self.row = self._average(node, self.spread * min(max(alike, 0.0), 1.0))

    def _average(self, node: Node, spread: float) -> float:
        count = self.count
        if not node.get("causal") or count <= 1.0:
            return participation(count, spread)
        # Row t attends to t entries; the mean over rows by the integral of its participation.
        flat = math.exp(-min(spread, 700.0))
        return min((1.0 + math.log1p(flat * (count - 1.0)) / max(flat, 1e-300)) / count, 1.0)


def forward(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Averages of the values, weighted by a softmax of independent queries and keys."""
    query, key, value = inputs[:3]
    scores = _Scores(node, query, key)
    r, row = scores.weight, scores.row
    return Signal(
        value.mean,
        value.square * r + value.positions * (1.0 - r),
        value.samples * row + value.apart * (1.0 - row),
        value.square * row + value.positions * (1.0 - row),
        value.samples * row + value.apart * (1.0 - row),
        value.units * r + value.elsewhere(value.positions) * (1.0 - r),
        value.channel,
    )


def backward(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """The gradient to query, key and value: through the values, and through the weights' softmax."""
    query, key, value = (context.signal(n) for n in node.inputs[:3])
    scores = _Scores(node, query, key)
    r, row, rows = scores.weight, scores.row, float(axis_size(node.inputs[0].shape, -2))
    count = scores.count
    together = max(gradient.positions, 0.0)
    to_value = r + (rows - 1.0) * together * row
    alike = (1.0 - r + together * (rows - 1.0) * (1.0 - row)) / (max(count - 1.0, 1.0) * to_value)
    alike = min(alike, 1.0)
    local = alike * alike + (1.0 - alike * alike) * gradient.local
    values = gradient.changed(to_value, gradient.samples, alike, gradient.units, gradient.overlap, local)
    logits = r * (1.0 - r) * max(value.square - value.positions, 0.0) * scores.gain
    to_query = logits * max(key.square - key.positions, 0.0)
    share = query.positions / query.square if query.square > 0.0 else 0.0
    to_key = logits * query.square * (1.0 + (rows - 1.0) * together * max(share, 0.0))
    return [gradient.times(to_query), gradient.times(to_key), values]
