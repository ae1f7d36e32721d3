"""Which axis of each tensor counts the samples, so that a network can run on another batch than its shapes say.

A graph carries one concrete size for the batch, often 1 or 2, while statistics need more samples. The batch
is followed from the inputs through every node. It may be merged with other axes by a view (windows of an
image, steps of a sequence); a view keeps the order of the entries, so that the number of entries before
the batch in that order (`outer`) stays what it was and tells where it is in the new shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradlint.probe.network_spec import CONVOLUTIONAL, NetworkSpec, NodeSpec

Sizes = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The batch is within `axis`, as the factor behind the first `before` entries of that axis."""

    axis: int
    before: int = 1


class Lost(Exception):
    """The batch cannot be followed through some node."""


def batch_size(network: NetworkSpec) -> int | None:
    """The number of samples that the network's own shapes speak of; None if there is no such number."""
    shapes = [network.nodes[position].shape for position in network.inputs]
    sizes = {shape[0] for shape in shapes if shape}
    return sizes.pop() if len(sizes) == 1 else None


def shapes_for(network: NetworkSpec, batch: int) -> tuple[tuple[int | None, ...] | None, ...] | None:
    """The shape of every node for `batch` samples; None if the batch cannot be followed through the network."""
    size = batch_size(network)
    if size is None or any(node.shape is None or None in node.shape for node in network.nodes):
        return None
    if batch == size:
        return tuple(node.shape for node in network.nodes)
    try:
        places = _Follower(network, size).places()
    except Lost:
        return None
    result = []
    for node, place in zip(network.nodes, places, strict=True):
        sizes = list(node.shape or ())
        if place is not None:
            sizes[place.axis] = (sizes[place.axis] or 0) // size * batch
        result.append(tuple(sizes))
    return tuple(result)


class _Follower:
    """Follows the batch; one method per kind of node that does more than keep its first input's axes."""

    def __init__(self, network: NetworkSpec, size: int) -> None:
        self.network = network
        self.size = size
        self.found: list[Place | None] = []

    def places(self) -> list[Place | None]:
        self.found = []
        for position, node in enumerate(self.network.nodes):
            place = self.place(position, node)
            if place is not None and self.shape(position)[place.axis] % (self.size * place.before):
                raise Lost
            self.found.append(place)
        return self.found

    def shape(self, position: int) -> Sizes:
        return tuple(size or 0 for size in self.network.nodes[position].shape or ())

    def place(self, position: int, node: NodeSpec) -> Place | None:
        if node.kind == "input":
            return Place(0) if self.shape(position) else None
        if not any(self.found[source] for source in node.inputs):
            return None
        method: Callable[[int, NodeSpec], Place | None] = getattr(self, f"_{node.kind}", self._same)
        return method(position, node)

    def _first(self, node: NodeSpec) -> tuple[Sizes, Place]:
        place = self.found[node.inputs[0]]
        if place is None:
            raise Lost
        return self.shape(node.inputs[0]), place

    def _same(self, position: int, node: NodeSpec) -> Place:
        before, place = self._first(node)
        after = self.shape(position)
        if place.axis >= len(after) or after[place.axis] != before[place.axis]:
            raise Lost
        return place

    def _loss(self, position: int, node: NodeSpec) -> Place | None:
        return self._same(position, node) if self.shape(position) else None

    def _attention(self, position: int, node: NodeSpec) -> Place:
        _, place = self._first(node)
        if len(self.shape(position)) == 3 and node.get("sequence_axis", node.get("time_axis", 1)) == place.axis:
            raise Lost  # time first
        return self._same(position, node)

    def _recurrent(self, position: int, node: NodeSpec) -> Place:
        before, place = self._first(node)
        if node.get("cell") == CONVOLUTIONAL:
            return place
        default = 0 if self.network.framework == "torch" else 1
        if len(before) == 2 and not node.get("unrolled", False):
            raise Lost  # one sequence without a batch
        if node.get("time_axis", default) == place.axis and not node.get("unrolled", False):
            raise Lost  # the inputs are time first, so that the batch is not what it seemed
        for source in node.inputs[1:]:  # initial states: (layers, batch, features) or (batch, features)
            if self.found[source] is None:
                self._adopt(source, Place(len(self.shape(source)) - 2))
        return place if len(self.shape(position)) == 3 else Place(0)

    def _pooling(self, position: int, node: NodeSpec) -> Place | None:
        before, place = self._first(node)
        after = self.shape(position)
        if len(after) == len(before):
            return place if after[place.axis] == before[place.axis] else None
        axes = node.get("axes", ())
        gone = {int(axis) % len(before) for axis in ((axes,) if isinstance(axes, int) else axes)}
        if len(before) - len(gone) != len(after):
            raise Lost
        if place.axis in gone:
            return None
        return Place(place.axis - sum(axis < place.axis for axis in gone), place.before)

    def _reshape(self, position: int, node: NodeSpec) -> Place:
        before, place = self._first(node)
        after = self.shape(position)
        operation = node.get("operation", "view")
        if node.get("last_step", False) or node.get("state") is not None:  # (layers, batch, features) or without
            return Place(len(after) - 2)
        if operation == "transpose":
            return Place(_permutation(node, before, after).index(place.axis), place.before)
        if operation == "expand":
            return Place(place.axis + len(after) - len(before), place.before)
        if math.prod(before) == math.prod(after) and operation in ("view", "identity", "cast"):
            return _through_view(before, place, after, self.size)
        if len(before) == len(after):
            return self._same(position, node)
        return self._dropped(before, place, after)

    def _dropped(self, before: Sizes, place: Place, after: Sizes) -> Place:
        """An index takes axes away: the batch stays if the axes before it stay, or as many behind it do."""
        if before[: place.axis + 1] == after[: place.axis + 1]:
            return place
        axis = place.axis + len(after) - len(before)
        if axis >= 0 and before[place.axis :] == after[axis:]:
            return Place(axis, place.before)
        raise Lost

    def _broadcast(self, position: int, node: NodeSpec) -> Place:
        after = self.shape(position)
        if node.get("outer", False):
            raise Lost
        found: Place | None = None
        for source in node.inputs:
            place = self.found[source]
            if place is None:
                continue
            here = Place(place.axis + len(after) - len(self.shape(source)), place.before)
            if found not in (None, here):
                raise Lost
            found = here
        if found is None:
            raise Lost
        for source in node.inputs:  # something of the batch's size that does not come from the input
            shape = self.shape(source)
            axis = found.axis - len(after) + len(shape)
            if self.found[source] is None and axis >= 0 and shape[axis] != 1:
                self._adopt(source, Place(axis, found.before))
        return found

    _add = _multiply = _broadcast

    def _adopt(self, position: int, place: Place) -> None:
        """Give the batch to a constant, or to the expansion of a parameter, that was made to fit the input."""
        node = self.network.nodes[position]
        expanded = node.kind == "reshape" and node.get("operation") == "expand"
        if node.kind != "constant" and not expanded:
            raise Lost
        self.found[position] = place

    def _concatenate(self, position: int, node: NodeSpec) -> Place:
        rank = len(self.shape(position))
        axis = int(node.get("axis", 0)) % rank
        stacked = bool(node.get("stacked", False))
        place = next(place for place in map(self.found.__getitem__, node.inputs) if place is not None)
        if not stacked and axis == place.axis:
            raise Lost
        for source in node.inputs:
            if self.found[source] is None:
                self._adopt(source, place)
            elif self.found[source] != place:
                raise Lost
        return Place(place.axis + 1, place.before) if stacked and axis <= place.axis else place

    def _matmul(self, position: int, node: NodeSpec) -> Place | None:
        after = self.shape(position)
        if node.get("equation"):
            return self._einsum(node)
        for which, source in enumerate(node.inputs):
            place, rank = self.found[source], len(self.shape(source))
            if place is None:
                continue
            contracted = rank - 1 if which == 0 else max(rank - 2, 0)
            if place.axis == contracted:
                return None
            return Place(place.axis + len(after) - rank, place.before)
        raise Lost

    def _einsum(self, node: NodeSpec) -> Place | None:
        terms, _, result = str(node.get("equation")).replace(" ", "").partition("->")
        for term, source in zip(terms.split(","), node.inputs, strict=False):
            place = self.found[source]
            if place is not None:
                if "." in term or not result:
                    raise Lost
                letter = term[place.axis]
                return Place(result.index(letter), place.before) if letter in result else None
        raise Lost


def _through_view(before: Sizes, place: Place, after: Sizes, size: int) -> Place:
    outer = math.prod(before[: place.axis]) * place.before
    passed = 1
    for axis, length in enumerate(after):
        if passed * length >= outer * size and outer % passed == 0:
            if (passed * length) % (outer * size):
                raise Lost
            return Place(axis, outer // passed)
        passed *= length
    raise Lost


def _permutation(node: NodeSpec, before: Sequence[int], after: Sequence[int]) -> tuple[int, ...]:
    """The order of the old axes in the new shape."""
    order = permutation(node.attributes, len(before))
    if order is None or tuple(before[axis] for axis in order) != tuple(after):
        raise Lost
    return order


def permutation(attributes: Mapping[str, object], rank: int) -> tuple[int, ...] | None:
    """The order of the old axes after a transposition, from a pair of axes or all of them; None if not known."""
    axes = attributes.get("axes")
    if not isinstance(axes, tuple) or not all(isinstance(axis, int) for axis in axes):
        return None
    given = tuple(int(axis) % rank for axis in axes)
    if sorted(given) == list(range(rank)) and rank != 2:
        return given
    if len(given) != 2:
        return None
    order = list(range(rank))
    order[given[0]], order[given[1]] = order[given[1]], order[given[0]]
    return tuple(order)
