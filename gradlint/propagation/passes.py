"""The two passes over a network: signals forward, gradients back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from gradlint.network import Network, Node
from gradlint.propagation import backward, forward
from gradlint.propagation.composites import composites
from gradlint.propagation.context import Context, NotModelled, describe
from gradlint.propagation.geometry import axis_size, entries
from gradlint.propagation.outline import Outline, carrying
from gradlint.propagation.precision import Precision
from gradlint.propagation.signal import Gradient, Signal, ln, merge, strength
from gradlint.propagation.zeros import zeros_of


def forward_pass(network: Network, context: Context, precision: Precision) -> tuple[tuple[Node, ...], Node | None]:
    """Fill in the signals; the nodes that the gradient starts from, and the first node that overflows.

    What comes after the last weighted layer only shapes the first gradient, which cancels in every ratio:
    where it is not understood, the gradient starts before it.
    """
    context.composites = composites(network)
    signals, whole, rules = context.signals, context.composites, forward.RULES
    largest, smallest = precision.largest_square, precision.smallest_square
    cut: set[Node] = set()
    starts: dict[Node, None] = {}
    followed: AbstractSet[Node] = frozenset()
    for node in network.nodes:
        operands = node.inputs
        if cut and not cut.isdisjoint(operands):
            cut.add(node)
            starts.update(dict.fromkeys(n for n in operands if n not in cut))
            continue
        inputs = (signals[operands[0]],) if len(operands) == 1 else tuple([signals[n] for n in operands])
        try:
            if whole and node in whole:
                root, key = whole[node]
                signal = forward.composite(node, root, key, context)
            else:
                signal = rules[node.kind](node, inputs, context)
        except NotModelled:
            if node not in context.outline.leading:
                context.assumptions.add(f"unit scale assumed for {describe(node)}")
                signal = forward.source(node, inputs, context)
            elif node in (followed := followed or _followed_by_weights(network.nodes, context.outline)):
                raise
            else:
                cut.add(node)
                starts.update(dict.fromkeys(n for n in operands if n not in cut))
                continue
        square = signal.square
        if not square <= largest:
            return (), node
        if 0.0 < square < smallest:
            signal = Signal(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, signal.channel)
        signals[node] = signal
    outputs = [n for n in network.outputs if n not in cut] + list(starts)
    return tuple(outputs), None


def connected(network: Network, outputs: tuple[Node, ...], outline: Outline) -> AbstractSet[Node]:
    """The nodes that gradients reach: not those behind a stop.

    Where gradients are off for the whole network (it is only evaluated), they are taken as on.
    """
    if outline.open and outputs == network.outputs:
        return set(network.nodes)
    evaluated = all(node.gradients_off is not None for node in outline.weighted)
    found = set(outputs)
    for node in reversed(network.nodes):
        if node in found and (evaluated or node.gradients_off is None):
            found.update(carrying(node))
    return found


def _followed_by_weights(nodes: Sequence[Node], outline: Outline) -> AbstractSet[Node]:
    """Nodes that are, or come before, a weighted layer."""
    found = set(outline.weighted)
    for node in reversed(nodes):
        if node in found:
            found.update(node.inputs)
    return found


def backward_pass(
    network: Network, outputs: Sequence[Node], reached: AbstractSet[Node], context: Context
) -> tuple[dict[Node, Gradient], frozenset[Node]]:
    """Gradients at all nodes, and the weighted layers that were reached only by looking past zeros.

    `reached` are the nodes that gradients reach (see `connected`).
    """
    weighted = context.outline.weighted
    gradients = _backward(network, outputs, reached, context)
    missing = [node for node in weighted if log_norm(gradients, node) == -math.inf]
    if not missing:
        return gradients, frozenset()
    zeros = zeros_of(network)
    looked_past: set[Node] = set()
    for standing_in in (zeros.outputs, zeros.outputs | zeros.branches):
        if not standing_in or not missing:
            continue
        second = replace(context, standing_in=standing_in)
        found = _backward(network, outputs, reached, second)
        mended = [node for node in missing if log_norm(found, node) > -math.inf]
        if all(log_norm(gradients, node) == -math.inf for node in weighted[:-1]):
            gradients = found
        else:
            gradients.update((node, found[node]) for node in mended)
        looked_past.update(mended)
        missing = [node for node in missing if node not in looked_past]
    return gradients, frozenset(looked_past)


def log_norm(gradients: dict[Node, Gradient], node: Node) -> float:
    """Logarithm of the squared norm of the gradient at a node; -inf where there is none."""
    found = gradients.get(node)
    return found.log if found is not None else -math.inf


def _backward(
    network: Network, outputs: Sequence[Node], reached: AbstractSet[Node], context: Context
) -> dict[Node, Gradient]:
    gradients: dict[Node, Gradient] = {}
    for node in outputs:
        seed = _seed(node, context)
        gradients[node] = _merged(gradients[node], seed, node, context) if node in gradients else seed
    leading = context.outline.leading
    if not leading <= reached:
        leading = leading & reached
    rules, whole = backward.RULES, context.composites
    nothing = -math.inf
    for node in reversed(network.nodes):
        gradient = gradients.get(node)
        if gradient is None or gradient.log == nothing or node not in leading:
            continue
        operands = node.inputs
        if whole and node in whole:
            root, key = whole[node]
            operands, parts = (root,), [backward.through_function(node, root, key, gradient, context)]
        elif leading.isdisjoint(operands):
            continue
        else:
            parts = rules[node.kind](node, gradient, context)
        for operand, part in zip(operands, parts, strict=False):
            if part.log != nothing and operand in leading:
                known = gradients.get(operand)
                gradients[operand] = part if known is None else _merged(known, part, operand, context)
    return gradients


def _merged(first: Gradient, second: Gradient, node: Node, context: Context) -> Gradient:
    return merge(first, second, strength(node, context.signals[node]))


def _seed(node: Node, context: Context) -> Gradient:
    """Independent unit gradients on every entry of an output."""
    signal = context.signal(node)
    units = float(axis_size(node.shape, signal.channel))
    return Gradient(ln(float(entries(node))), overlap=1.0 / units, local=1.0 / units, work=math.sqrt(signal.square))
