"""How gradients flow back through a graph: what they reach, and where they are cut off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradlint.network import Kind, Node, Parameter, topological

_VIEWS = frozenset(
    {"view", "transpose", "slice", "split", "expand", "gather", "identity", "flip", "cast", "roll", "pixel_shuffle"}
)


def passes_gradient(node: Node) -> bool:
    """Whether the gradient at the output of `node` goes on to its inputs and parameters."""
    return node.kind is not Kind.STOP and node.gradient


@dataclass(frozen=True, slots=True)
class Flow:
    """What happens to the gradient on its way back from one tensor.

    `reached` are the nodes that it gets to, the tensor itself first, and `cuts` the nodes at which it ends though
    something lies behind them.
    """

    reached: tuple[Node, ...]
    cuts: tuple[Node, ...]

    @property
    def parameters(self) -> frozenset[int]:
        """Identities of the parameters that get a gradient."""
        return frozenset(
            [id(parameter) for node in self.reached if node.parameters for parameter in node.parameters.values()]
        )


def flow(tensor: Node, around: Node | None = None) -> Flow:
    """Follow the gradient back from `tensor`, on ways that do not lead through `around`."""
    seen = {tensor, around}
    reached: list[Node] = []
    cuts: list[Node] = []
    stack = [tensor]
    stop = Kind.STOP
    while stack:
        node = stack.pop()
        if node.kind is stop or node.gradients_off is not None:
            if node.inputs or node.parameters:
                cuts.append(node)
            continue
        reached.append(node)
        for source in node.inputs:
            if source not in seen:
                seen.add(source)
                stack.append(source)
    return Flow(tuple(reached), tuple(sorted(cuts, key=lambda node: node.order)))


def is_unknown(loss: Node) -> bool:
    """Whether a loss comes out of code that is not analysed, so that nothing is known of what its gradient reaches."""
    found = flow(loss)
    return not found.parameters and not found.cuts and any(node.kind is Kind.OPAQUE for node in found.reached)


def parameters_behind(*nodes: Node) -> dict[int, Parameter]:
    """All parameters that `nodes` are computed from, by identity, whether or not a gradient gets there."""
    return {id(p): p for node in topological(nodes) if node.parameters for p in node.parameters.values()}


def source_of(node: Node, extra: Iterable[Kind] = ()) -> Node:
    """What made the entries of `node`: looks back through rearrangements and dropout, and through `extra` kinds."""
    passing = {Kind.DROPOUT, *extra}
    while len(node.inputs) >= 1:
        rearranged = node.kind is Kind.RESHAPE and node.get("operation") in _VIEWS
        if not rearranged and node.kind not in passing:
            break
        node = node.inputs[0]
    return node


def feeds_weights(nodes: Iterable[Node], start: Node) -> bool:
    """Whether a weighted layer comes after `start` among `nodes`, which are in the order in which they run."""
    after = {start}
    for node in nodes:
        if not after.isdisjoint(node.inputs):
            if node.weighted:
                return True
            after.add(node)
    return False
