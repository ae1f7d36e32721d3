"""Graphs of functional models: which nodes and layers lie between inputs and outputs, and running them on new input."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.keras.state import KerasState
from gradlint.network import Kind, Node, Shape

_SAME_SHAPE = frozenset({Kind.ACTIVATION, Kind.NORMALIZATION, Kind.DROPOUT, Kind.STOP})
_ELEMENTWISE = frozenset({Kind.ADD, Kind.MULTIPLY})


def between(inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> list[Node]:
    """The nodes that `outputs` depend on, down to `inputs` and including them, in the order in which they run."""
    stops = {id(tensor.node) for tensor in inputs}
    seen: dict[int, Node] = {}
    stack = [tensor.node for tensor in outputs]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            if id(node) not in stops:
                stack.extend(node.inputs)
    return sorted(seen.values(), key=lambda node: node.order)


def layers_of(state: KerasState, nodes: Iterable[Node]) -> list[Instance]:
    """The outermost layers that made these nodes, each once, in order."""
    found: dict[int, Instance] = {}
    for node in nodes:
        owner = state.owners.get(id(node))
        if owner is not None:
            found[id(owner[1])] = owner[1]
    return list(found.values())


def by_name(layers: Iterable[Instance]) -> dict[str, Instance]:
    """Layers under their names; a name that occurs twice gets a number."""
    named: dict[str, Instance] = {}
    for layer in layers:
        name = layer.attrs.get("name")
        stem = name if isinstance(name, str) and name else "layer"
        key, count = stem, 1
        while key in named:
            key, count = f"{stem}_{count}", count + 1
        named[key] = layer
    return named


def replay(ctx: Context, nodes: Sequence[Node], inputs: Sequence[Tensor], given: Sequence[Tensor]) -> dict[int, Tensor]:
    """Run the graph `nodes` with `given` in the place of `inputs`: new nodes with the same layers and parameters.

    The result maps the identity of an old node to the tensor that takes its place.
    """
    made = {id(old.node): new for old, new in zip(inputs, given, strict=False)}
    same = all(old.shape == new.shape for old, new in zip(inputs, given, strict=False))
    for node in nodes:
        if id(node) in made or not any(id(source) in made for source in node.inputs):
            continue
        sources = [made[id(source)] if id(source) in made else Tensor(source) for source in node.inputs]
        shape = node.shape if same else shape_after(node, [source.shape for source in sources])
        tensor = ctx.emit(
            node.kind,
            sources,
            shape,
            attributes=node.attributes,
            parameters=node.parameters,
            class_name=node.class_name,
            layer=node.layer if isinstance(node.layer, Instance) else None,
        )
        tensor.node.origin = node.origin
        made[id(node)] = tensor
    return made


def substituted(value: Value, made: dict[int, Tensor]) -> Value:
    """A structure of tensors with each replaced by what was made in its place."""
    if isinstance(value, Tensor):
        return made.get(id(value.node), value)
    if isinstance(value, (list, tuple)):
        return type(value)(substituted(item, made) for item in value)
    if isinstance(value, dict):
        return {key: substituted(item, made) for key, item in value.items()}
    return value


def shape_after(node: Node, inputs: Sequence[Shape | None]) -> Shape | None:
    """The shape of `node` for inputs of other sizes than those it was made with; None where that cannot be told."""
    before, first = node.inputs[0].shape, inputs[0]
    if node.shape is None or first is None or before is None:
        return None
    if [source.shape for source in node.inputs] == list(inputs):
        return node.shape
    if node.kind in _SAME_SHAPE:
        return first
    if node.kind in _ELEMENTWISE:
        return shapes.broadcast(*inputs)
    if node.kind is Kind.CONCATENATE and isinstance(axis := node.get("axis"), int) and not node.get("stacked"):
        return shapes.concatenated(inputs, axis)
    if len(first) != len(before):
        return None
    if node.kind is Kind.LINEAR:
        return (*first[:-1], node.shape[-1])
    if node.kind is Kind.EMBEDDING:
        return (*first, node.shape[-1])
    if node.kind is Kind.POOLING and node.get("global"):
        return shapes.reduced(first, node.get("axes"), bool(node.get("keepdims")))
    if node.kind in (Kind.CONVOLUTION, Kind.POOLING) and not node.get("transposed") and node.get("kernel_size"):
        return _windowed(node, first)
    return _scaled(node.shape, before, first)


def _windowed(node: Node, first: Shape) -> Shape | None:
    assert node.shape is not None
    kernel, stride, padding = node.get("kernel_size"), node.get("stride"), node.get("padding")
    dilation = node.get("dilation", (1,) * len(kernel))
    last = node.get("channel_axis", -1) == -1
    spatial = first[1:-1] if last else first[2:]
    if padding is None or len(spatial) != len(kernel):
        return None
    if node.get("padding_mode") == "same":
        after = tuple(math.ceil(size / step) for size, step in zip(spatial, stride, strict=True))
    else:
        after = shapes.convolved(spatial, kernel, stride, padding, dilation)
    channels = node.shape[-1] if last else node.shape[1]
    return (first[0], *after, channels) if last else (first[0], channels, *after)


def _scaled(shape: Shape, before: Shape, first: Shape) -> Shape | None:
    """The shape of a rearrangement when only sizes that it keeps have changed; None when that is not so."""
    changed = {old: new for old, new in zip(before, first, strict=True) if old != new}
    if len(shape) == len(before):
        result = tuple(
            changed.get(size, size) if size == old else size for size, old in zip(shape, before, strict=True)
        )
    else:
        result = (first[0], *shape[1:]) if shape and shape[0] == before[0] else shape
    if math.prod(shape) == math.prod(before) and math.prod(result) != math.prod(first):
        if len(result) != 2 or math.prod(first) % max(first[0], 1):
            return None
        result = (first[0], math.prod(first) // max(first[0], 1))
    return result
