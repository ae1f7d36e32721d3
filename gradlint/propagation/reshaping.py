"""Moving, cutting, repeating and mixing entries of tensors, forward and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gradlint.network import Node, Shape
from gradlint.propagation.combining import gathered
from gradlint.propagation.context import Context
from gradlint.propagation.geometry import axis_size, broadcast, entries
from gradlint.propagation.signal import NONE, Gradient, Signal


def forward(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Entries are moved, not changed; padding adds zeros."""
    signal = inputs[0]
    old, new = node.inputs[0].shape, node.shape
    if old is None or new is None:
        return signal
    operation = node.attributes.get("operation", "view")
    if old == new and operation not in _CHANGING:
        return signal
    if operation == "where" and len(inputs) > 1:
        return _blended(node, inputs)
    before = signal.channel
    channel = before if old == new and operation != "transpose" else _moved(node, str(operation), old, new, before)
    if operation == "pad" and not _repeats(node):
        share = math.prod(old) / max(math.prod(new), 1)
        return Signal(
            signal.mean * share,
            signal.square * share,
            signal.samples * share,
            signal.positions * share * share,
            signal.apart * share * share,
            signal.units * share,
            channel,
        )
    if operation == "expand":
        signal = signal.repeated(*broadcast(old, new, channel))
    mixed = signal.mixed
    if channel == before and (not mixed or operation not in ("view", "slice", "split")):
        return signal
    if mixed and axis_size(old, before) != axis_size(new, channel):
        mixed = ()
    return signal.moved(channel, mixed, signal.latent)


_CHANGING = frozenset({"transpose", "pad", "where"})
"""Operations that are something to the signal even if they leave the shape as it was."""


def _repeats(node: Node) -> bool:
    """Whether padding repeats entries of the tensor: each gets the gradients of its copies, and none is cut off."""
    return str(node.get("mode", "constant")) != "constant"


def where_shares(node: Node) -> list[float]:
    """What part of the entries of a "where" comes from each of its inputs."""
    total = max(entries(node), 1)
    sizes = [min(entries(operand) / total, 1.0) for operand in node.inputs[1:]]
    others = [min(size, 1.0 / len(node.inputs)) if size >= 1.0 else size for size in sizes]
    return [max(1.0 - sum(others), 0.0), *others]


def _blended(node: Node, inputs: Sequence[Signal]) -> Signal:
    """Some entries of each of several tensors."""
    shares = where_shares(node)
    pairs = list(zip(shares, inputs, strict=True))
    return Signal(
        sum(share * s.mean for share, s in pairs),
        sum(share * s.square for share, s in pairs),
        sum(share * s.samples for share, s in pairs),
        sum(share * s.positions for share, s in pairs),
        sum(share * s.apart for share, s in pairs),
        sum(share * s.units for share, s in pairs),
        inputs[0].channel,
    )


def _moved(node: Node, operation: str, old: Shape, new: Shape, channel: int) -> int:
    """Where the axis of the units is after a reshape; the last one where that cannot be told."""
    if operation == "transpose":
        order = permutation(node, len(old))
        return order.index(channel) if channel in order else len(new) - 1
    if operation == "view" and old != new:
        if channel == len(old) - 1:
            return len(new) - 1
        # A leading run of equal axes stays where it is; what is behind it is folded together.
        if channel < len(new) and old[: channel + 1] == new[: channel + 1]:
            return channel
        return min(channel, len(new) - 1)
    return min(channel, len(new) - 1)


def permutation(node: Node, rank: int) -> tuple[int, ...]:
    """The order of axes that a transpose makes; two axes mean that they change places."""
    axes = node.get("axes")
    if axes is None:
        return (*range(rank - 2), rank - 1, rank - 2) if rank >= 2 else tuple(range(rank))
    axes = tuple([axis + rank if axis < 0 else axis for axis in map(int, axes)])
    if len(axes) == 2:
        order = list(range(rank))
        order[axes[0]], order[axes[1]] = axes[1], axes[0]
        return tuple(order)
    return axes


def backward(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Entries go back to where they came from; copies are added up, padding is cut off."""
    operands, operation = node.inputs, node.attributes.get("operation", "view")
    if operation == "where" and len(operands) > 1:
        return [gradient.times(share) for share in where_shares(node)]
    source, first = operands[0], gradient
    if operation in _SCALING and source.shape is not None and node.shape is not None:
        first = _scaled(node, source, str(operation), gradient, context)
    return [first] if len(operands) == 1 else [first] + [NONE] * (len(operands) - 1)


_SCALING = frozenset({"view", "pad", "expand", "interpolate"})
"""Operations that are something to a gradient."""


def _scaled(node: Node, source: Node, operation: str, gradient: Gradient, context: Context) -> Gradient:
    """The gradient of the entries before they were rearranged, padded or copied."""
    if operation == "view":
        ends = gradient.selected is not None or gradient.shares
        if not ends or context.signals[node].channel == context.signals[source].channel:
            return gradient
        return replace(gradient, selected=None, shares=())
    if operation == "expand":
        return gradient.times(gathered(node, source, gradient, context.signal(node).channel, (1.0, 1.0)))
    old, new = entries(source), entries(node)
    if operation == "pad" and new and not _repeats(node):
        return gradient.times(min(old / new, 1.0))
    if operation == "interpolate" and new > old:
        copies = new / max(old, 1)
        return gradient.times(1.0 + (copies - 1.0) * max(gradient.positions, 0.0))
    return gradient
