"""Other shapes for an input that an operation of the forward pass cannot take: what it asked for is tried next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gradlint.evaluation.errors import Demand
from gradlint.evaluation.inputs import STEPS, InputShape
from gradlint.evaluation.values import Tensor
from gradlint.network import Kind, Node, Shape

_FRAMES = 5
"""Assumed length of a video."""
_SIDE = 8
"""Assumed height and width of a map of features."""
_OF_TOKENS = 2
"""Axes of a batch of sequences of indices."""
_ROWS = 2
"""Axes of a batch of vectors."""
_TOKENS = 196
"""Assumed number of patches of an image, a square."""


_SAME_ENTRIES = frozenset(
    {Kind.ACTIVATION, Kind.NORMALIZATION, Kind.DROPOUT, Kind.ADD, Kind.MULTIPLY, Kind.RESHAPE, Kind.STOP}
)
_SAME_RANK = _SAME_ENTRIES | {Kind.LINEAR, Kind.CONVOLUTION, Kind.RECURRENT, Kind.POOLING}
_SEQUENCES = ("states", "context", "embeds", "sequence", "tokens", "memory", "features", "query", "key", "value")
"""How the names of inputs end that are sequences of vectors, where others of a layer on vectors are one vector each."""


def asked_of(demand: Demand, inputs: Mapping[str, Tensor], nodes: Sequence[Node]) -> tuple[str, Demand] | None:
    """Which of the `inputs` of a pass would have to be another one for a demand to be met, and what it means for it.

    `nodes` are those of the pass, in order.
    """
    node = next((node for node in reversed(nodes) if node.shape is demand.shape), None)
    if node is not None and demand.size is not None and demand.rank == _ROWS and len(node.shape or ()) > _ROWS:
        return _sides_asked(node, demand.size, inputs)
    while node is not None and node.kind is not Kind.INPUT and node.inputs:
        if node.kind is Kind.EMBEDDING and demand.size is None and demand.rank is not None:
            demand = replace(demand, rank=demand.rank - 1)
            node = node.inputs[0]
        elif _is_flattened(node) and demand.size is not None:
            return _sides_asked(node.inputs[0], demand.size, inputs)
        elif node.kind in (_SAME_RANK if demand.size is None else _SAME_ENTRIES):
            node = next((source for source in node.inputs if _is_alike(source, node, demand)), None)
        else:
            return None
    name = next((name for name, tensor in inputs.items() if tensor.node is node), None)
    return None if name is None else (name, demand)


def _is_flattened(node: Node) -> bool:
    """Whether the channels and the map of a convolution were merged into one axis."""
    if node.kind is not Kind.RESHAPE or node.shape is None or len(node.shape) != _ROWS:
        return False
    shape = node.inputs[0].shape
    return shape is not None and len(shape) > 2 and node.shape == (shape[0], math.prod(shape[1:]))


def _sides_asked(map_: Node, size: int, inputs: Mapping[str, Tensor]) -> tuple[str, Demand] | None:
    """The sides that the main input would need for a map of its convolutions to have `size` entries in all.

    A map that is `n` smaller belongs to an image that is `n` times the stride smaller, with padding or without.
    """
    name, tensor = next(iter(inputs.items()))
    shape, known = map_.shape, tensor.shape
    if shape is None or known is None or len(shape) != len(known) or size % shape[1]:
        return None
    sides, area = shape[2:], size // shape[1]
    wanted = round(area ** (1 / len(sides)))
    if len(set(sides)) > 1 or wanted ** len(sides) != area:
        return None
    strides = [max(round(whole / side), 1) for whole, side in zip(known[2:], sides, strict=True)]
    changed = tuple(
        whole + (wanted - side) * stride for whole, side, stride in zip(known[2:], sides, strides, strict=True)
    )
    return (name, Demand(known, sides=changed)) if min(changed) > 0 else None


def _is_alike(source: Node, node: Node, demand: Demand) -> bool:
    if source.shape is None or node.shape is None or source.kind in (Kind.CONSTANT, Kind.PARAMETER):
        return False
    return source.shape == node.shape if demand.size is not None else len(source.shape) == len(node.shape)


def refined(shape: InputShape, demand: Demand, name: str, main: bool) -> Iterator[InputShape]:
    """Shapes to try in place of `shape`, of the input `name`, which an operation refused; likelier ones first."""
    known = shape.shape
    if not known:
        return
    if demand.sides is not None:
        yield replace(shape, shape=(*known[:2], *demand.sides))
        return
    if demand.indices:
        length = known[1] if len(known) == _OF_TOKENS else STEPS
        yield replace(shape, shape=(known[0], length), dtype="int64")
        yield replace(shape, shape=(known[0],), dtype="int64")
        return
    if demand.size is None:
        others = _of_rank(known, demand.rank or 0, shape.dtype)
    elif demand.rank is not None:
        bases = iter([known]) if len(known) == demand.rank else _of_rank(known, demand.rank, shape.dtype)
        others = (_resized(base, demand.axis, demand.size) for base in bases)
    elif main and len(known) < 4:
        others = iter([_resized(known, -1, demand.size)])
    else:
        vector, sequence = (known[0], demand.size), (known[0], STEPS, demand.size)
        ordered = (sequence, vector) if name.endswith(_SEQUENCES) else (vector, sequence)
        others = iter((*ordered, _resized(known, -1, demand.size)))
    for other in others:
        if other != known:
            yield replace(shape, shape=other)


def _resized(shape: Shape, axis: int, size: int) -> Shape:
    sizes = list(shape)
    sizes[axis] = size
    return tuple(sizes)


def _of_rank(shape: Shape, rank: int, dtype: str) -> Iterator[Shape]:
    """The same entries with more or fewer axes around them."""
    batch, width, known = shape[0], shape[-1], len(shape)
    if rank == 1:
        yield (batch,)
    elif rank == 2:
        yield (batch, STEPS if dtype.startswith("int") else shape[1] if known > 3 else width)
    elif rank == 3 and known > 3:
        if shape[1] == 1:  # a map of one channel, which the network itself adds
            yield (batch, *shape[-2:])
        yield (batch, _TOKENS, shape[1])
    elif rank == 3:
        yield (batch, STEPS, width)
        yield (batch, width, STEPS)
    elif rank == 4 and known > 4:
        yield (batch, shape[1], *shape[-2:])
    elif rank == 4:
        yield (batch, width, _SIDE, _SIDE)
        yield (batch, _SIDE, _SIDE, width)
    elif rank == 5 and known == 4:
        yield (batch, _FRAMES, *shape[1:])
        yield (batch, shape[1], _FRAMES, *shape[2:])
    elif rank == 5:
        yield (batch, width, _FRAMES, _SIDE, _SIDE)
