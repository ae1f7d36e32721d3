"""The two passes over a network: signals forward, gradients back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gradlint.network import Kind, Network, Node
from gradlint.propagation import backward, forward
from gradlint.propagation.composites import composites
from gradlint.propagation.context import Context, NotModelled, describe
from gradlint.propagation.geometry import axis_size, entries
from gradlint.propagation.precision import Precision
from gradlint.propagation.signal import Gradient, Signal, ln, merge, strength
from gradlint.propagation.zeros import zeros_of


def forward_pass(network: Network, context: Context, precision: Precision) -> tuple[tuple[Node, ...], Node | None]:
    """Fill in the signals; the nodes that the gradient starts from, and the first node that overflows.

    What comes after the last weighted layer only shapes the first gradient, which cancels in every ratio:
    where it is not understood, the gradient starts before it.
    """
    context.pixels = forward.pixels(network.nodes)
    context.composites = composites(network)
    context.leading = _leading(network.nodes)
    signals, whole = context.signals, context.composites
    largest, smallest = precision.largest_square, precision.smallest_square
    cut: set[int] = set()
    starts: dict[int, Node] = {}
    for node in network.nodes:
        if cut and any(id(n) in cut for n in node.inputs):
            cut.add(id(node))
            starts.update((id(n), n) for n in node.inputs if id(n) not in cut)
            continue
        inputs = [signals[id(n)] for n in node.inputs]
        try:
            if id(node) in whole:
                signal = forward.composite(node, whole[id(node)].root, whole[id(node)].key, context)
            else:
                signal = forward.RULES[node.kind](node, inputs, context)
        except NotModelled:
            if id(node) not in context.leading:
                context.assumptions.add(f"unit scale assumed for {describe(node)}")
                signal = forward.source(node, inputs, context)
            elif id(node) in _followed_by_weights(network.nodes):
                raise
            else:
                cut.add(id(node))
                starts.update((id(n), n) for n in node.inputs if id(n) not in cut)
                continue
        square = signal.square
        if not square <= largest:
            return (), node
        if 0.0 < square < smallest:
            signal = Signal(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, signal.channel)
        signals[id(node)] = signal
    outputs = [n for n in network.outputs if id(n) not in cut] + list(starts.values())
    return tuple(outputs), None


def connected(network: Network, outputs: Sequence[Node]) -> frozenset[int]:
    """Identities of the nodes that gradients reach: not those behind a stop.

    Where gradients are off for the whole network (it is only evaluated), they are taken as on.
    """
    evaluated = all(node.gradients_off is not None for node in network.nodes if node.parameters and node.weighted)
    found = {id(node) for node in outputs}
    for node in reversed(network.nodes):
        if id(node) in found and node.kind is not Kind.STOP and (evaluated or node.gradients_off is None):
            for operand in _carrying(node) if node.kind in _CHOOSING else node.inputs:
                found.add(id(operand))
    return frozenset(found)


_CHOOSING = frozenset({Kind.LOSS, Kind.RESHAPE, Kind.EMBEDDING})
"""Nodes whose inputs are not all alike to a gradient."""


def _carrying(node: Node) -> tuple[Node, ...]:
    """The inputs that a gradient goes on to: not indices, masks and targets."""
    if node.kind is Kind.EMBEDDING:
        return ()
    several = len(node.inputs) > 1 and (node.kind is Kind.LOSS or node.attributes.get("operation") != "where")
    return node.inputs[:1] if several else node.inputs


def _leading(nodes: Iterable[Node]) -> frozenset[int]:
    """Nodes that are, or come after, a weighted layer."""
    found: set[int] = set()
    for node in nodes:
        if node.parameters and node.weighted:
            found.add(id(node))
            continue
        for operand in node.inputs:
            if id(operand) in found:
                found.add(id(node))
                break
    return frozenset(found)


def _followed_by_weights(nodes: Sequence[Node]) -> frozenset[int]:
    """Nodes that are, or come before, a weighted layer."""
    found: set[int] = set()
    for node in reversed(nodes):
        if node.weighted or id(node) in found:
            found.add(id(node))
            found.update(id(n) for n in node.inputs)
    return frozenset(found)


def backward_pass(
    network: Network, outputs: Sequence[Node], weighted: Sequence[Node], reached: frozenset[int], context: Context
) -> tuple[dict[int, Gradient], frozenset[int]]:
    """Gradients at all nodes, and the weighted layers that were reached only by looking past zeros.

    `reached` are the nodes that gradients reach (see `connected`).
    """
    gradients = _backward(network, outputs, reached, context)
    missing = [node for node in weighted if log_norm(gradients, node) == -math.inf]
    if not missing:
        return gradients, frozenset()
    zeros = zeros_of(network)
    looked_past: set[int] = set()
    for standing_in in (zeros.outputs, zeros.outputs | zeros.branches):
        if not standing_in or not missing:
            continue
        second = replace(context, standing_in=standing_in)
        found = _backward(network, outputs, reached, second)
        mended = [node for node in missing if log_norm(found, node) > -math.inf]
        if all(log_norm(gradients, node) == -math.inf for node in weighted[:-1]):
            gradients = found
        else:
            gradients.update((id(node), found[id(node)]) for node in mended)
        looked_past.update(id(node) for node in mended)
        missing = [node for node in missing if id(node) not in looked_past]
    return gradients, frozenset(looked_past)


def log_norm(gradients: dict[int, Gradient], node: Node) -> float:
    """Logarithm of the squared norm of the gradient at a node; -inf where there is none."""
    found = gradients.get(id(node))
    return found.log if found is not None else -math.inf


def _backward(
    network: Network, outputs: Sequence[Node], reached: frozenset[int], context: Context
) -> dict[int, Gradient]:
    gradients: dict[int, Gradient] = {}
    for node in outputs:
        seed = _seed(node, context)
        gradients[id(node)] = _merged(gradients[id(node)], seed, node, context) if id(node) in gradients else seed
    leading = context.leading & reached
    signals, rules, whole = context.signals, backward.RULES, context.composites
    for node in reversed(network.nodes):
        key = id(node)
        gradient = gradients.get(key)
        if gradient is None or gradient.log == -math.inf or key not in leading or key not in signals:
            continue
        if not node.inputs:
            continue
        if key in whole:
            operands: tuple[Node, ...] = (whole[key].root,)
            parts = [backward.through_function(node, whole[key].root, whole[key].key, gradient, context)]
        else:
            operands = node.inputs
            parts = rules[node.kind](node, gradient, context)
        for operand, part in zip(operands, parts, strict=False):
            if id(operand) in leading and part.log != -math.inf:
                known = gradients.get(id(operand))
                gradients[id(operand)] = part if known is None else _merged(known, part, operand, context)
    return gradients


def _merged(first: Gradient, second: Gradient, node: Node, context: Context) -> Gradient:
    return merge(first, second, strength(node, context.signal(node)))


def _seed(node: Node, context: Context) -> Gradient:
    """Independent unit gradients on every entry of an output."""
    signal = context.signal(node)
    units = float(axis_size(node.shape, signal.channel))
    return Gradient(ln(float(entries(node))), overlap=1.0 / units, local=1.0 / units, work=math.sqrt(signal.square))
