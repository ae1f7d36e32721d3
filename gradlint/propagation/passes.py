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
    leading = _leading(network.nodes)
    following = _followed_by_weights(network.nodes)
    cut: set[int] = set()
    starts: dict[int, Node] = {}
    for node in network.nodes:
        if any(id(n) in cut for n in node.inputs):
            cut.add(id(node))
            starts.update((id(n), n) for n in node.inputs if id(n) not in cut)
            continue
        inputs = [context.signals[id(n)] for n in node.inputs]
        whole = context.composites.get(id(node))
        try:
            if whole is not None:
                signal = forward.composite(whole.root, whole.key, context)
            else:
                signal = forward.RULES[node.kind](node, inputs, context)
        except NotModelled:
            if id(node) not in leading:
                context.assumptions.add(f"unit scale assumed for {describe(node)}")
                signal = forward.source(node, inputs, context)
            elif id(node) in following:
                raise
            else:
                cut.add(id(node))
                starts.update((id(n), n) for n in node.inputs if id(n) not in cut)
                continue
        if not signal.square <= precision.largest_square:
            return (), node
        if 0.0 < signal.square < precision.smallest_square:
            signal = Signal(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, signal.channel)
        context.signals[id(node)] = signal
    outputs = [n for n in network.outputs if id(n) not in cut] + list(starts.values())
    return tuple(outputs), None


def connected(network: Network, outputs: Sequence[Node]) -> frozenset[int]:
    """Identities of the nodes that gradients reach: not those behind a stop.

    Where gradients are off for the whole network (it is only evaluated), they are taken as on.
    """
    evaluated = all(node.gradients_off is not None for node in network.nodes if node.weighted)
    found = {id(node) for node in outputs}
    for node in reversed(network.nodes):
        if id(node) in found and node.kind is not Kind.STOP and (evaluated or node.gradients_off is None):
            found.update(id(operand) for operand in _carrying(node))
    return frozenset(found)


def _carrying(node: Node) -> tuple[Node, ...]:
    """The inputs that a gradient goes on to: not indices, masks and targets."""
    if node.kind is Kind.LOSS or (node.kind is Kind.RESHAPE and node.get("operation") != "where"):
        return node.inputs[:1]
    return () if node.kind is Kind.EMBEDDING else node.inputs


def _leading(nodes: Iterable[Node]) -> frozenset[int]:
    """Nodes that are, or come after, a weighted layer."""
    found: set[int] = set()
    for node in nodes:
        if node.weighted or any(id(n) in found for n in node.inputs):
            found.add(id(node))
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
    network: Network, outputs: Sequence[Node], weighted: Sequence[Node], context: Context
) -> tuple[dict[int, Gradient], frozenset[int]]:
    """Gradients at all nodes, and the weighted layers that were reached only by looking past zeros."""
    gradients = _backward(network, outputs, context)
    missing = [node for node in weighted if log_norm(gradients, node) == -math.inf]
    if not missing:
        return gradients, frozenset()
    zeros = zeros_of(network)
    looked_past: set[int] = set()
    for standing_in in (zeros.outputs, zeros.outputs | zeros.branches):
        if not standing_in or not missing:
            continue
        second = replace(context, standing_in=standing_in)
        found = _backward(network, outputs, second)
        reached = [node for node in missing if log_norm(found, node) > -math.inf]
        if all(log_norm(gradients, node) == -math.inf for node in weighted[:-1]):
            gradients = found
        else:
            gradients.update((id(node), found[id(node)]) for node in reached)
        looked_past.update(id(node) for node in reached)
        missing = [node for node in missing if id(node) not in looked_past]
    return gradients, frozenset(looked_past)


def log_norm(gradients: dict[int, Gradient], node: Node) -> float:
    """Logarithm of the squared norm of the gradient at a node; -inf where there is none."""
    found = gradients.get(id(node))
    return found.log if found is not None else -math.inf


def _backward(network: Network, outputs: Sequence[Node], context: Context) -> dict[int, Gradient]:
    gradients: dict[int, Gradient] = {}
    for node in outputs:
        seed = _seed(node, context)
        gradients[id(node)] = _merged(gradients[id(node)], seed, node, context) if id(node) in gradients else seed
    leading = _leading(network.nodes) & connected(network, outputs)
    for node in reversed(network.nodes):
        gradient = gradients.get(id(node))
        if gradient is None or gradient.log == -math.inf or not node.inputs or id(node) not in leading:
            continue
        if id(node) not in context.signals:
            continue
        for operand, part in _parts(node, gradient, context):
            if part.log == -math.inf or id(operand) not in leading:
                continue
            known = gradients.get(id(operand))
            gradients[id(operand)] = part if known is None else _merged(known, part, operand, context)
    return gradients


def _parts(node: Node, gradient: Gradient, context: Context) -> Iterable[tuple[Node, Gradient]]:
    """The nodes that a gradient goes on to, each with its part."""
    whole = context.composites.get(id(node))
    if whole is not None:
        return [(whole.root, backward.through_function(node, whole.root, whole.key, gradient, context))]
    return zip(node.inputs, backward.RULES[node.kind](node, gradient, context), strict=False)


def _merged(first: Gradient, second: Gradient, node: Node, context: Context) -> Gradient:
    return merge(first, second, strength(node, context.signal(node)))


def _seed(node: Node, context: Context) -> Gradient:
    """Independent unit gradients on every entry of an output."""
    signal = context.signal(node)
    units = float(axis_size(node.shape, signal.channel))
    return Gradient(ln(float(entries(node))), overlap=1.0 / units, local=1.0 / units, work=math.sqrt(signal.square))
