"""Layers as trees: the sub-layers and parameters of a torch module or a Keras layer, found in its attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.evaluation.values import Class, DefaultDict, Instance, Tensor, Value
from gradlint.network import Kind, Parameter

_ROOTS = frozenset({"torch.nn.Module", "keras.Layer"})
_FLAG = "__gradlint_is_layer__"
_KERAS_FLAG = "__gradlint_is_keras__"


def is_layer(value: Value) -> bool:
    """Whether `value` is a torch module or a Keras layer.

    An object whose class has an ancestor that is not known counts as one if it has a `forward` or `call`.
    """
    if type(value) is not Instance:
        return False
    known = value.cls.namespace.get(_FLAG)
    if known is None:
        known = value.cls.namespace[_FLAG] = _is_layer_class(value.cls)
    return bool(known)


def _is_layer_class(cls: Class) -> bool:
    opaque = False
    for ancestor in cls.mro:
        if not isinstance(ancestor, Class):
            opaque = True
        elif ancestor.name in _ROOTS and ancestor.syntax is None:
            return True
    return opaque and any(bool(cls.find(name)) for name in ("forward", "call"))


def is_parameter(value: Value) -> bool:
    """Whether `value` is a parameter itself, which is registered on assignment, and not a view of one."""
    return (
        type(value) is Tensor
        and value.parameter is not None
        and value.node.kind is Kind.PARAMETER
        and not value.partial
    )


def children(instance: Instance) -> dict[str, Instance]:
    """The sub-layers of a layer by name, in the order of registration; a shared one under each of its names.

    `hidden["children"]` takes the place of the attributes where a framework keeps its own list.
    """
    own: dict[str, Instance] | None = instance.hidden.get("children")
    if own is not None:
        return own
    attrs = instance.attrs
    if not _is_keras(instance.cls):
        return {name: value for name, value in attrs.items() if type(value) is Instance and is_layer(value)}
    return {
        name: layer
        for key, value in attrs.items()
        if type(value) is Instance or may_hold(value)
        for name, layer in _tracked(key, value, 4)
    }


_CONTAINERS = frozenset({list, tuple, dict, DefaultDict})
_HOLDERS = frozenset({*_CONTAINERS, Instance})


def may_hold(value: Value) -> bool:
    """Whether there may be objects in `value`, a container."""
    if type(value) not in _CONTAINERS:
        return False
    return not _HOLDERS.isdisjoint(map(type, value.values() if isinstance(value, dict) else value))


def _is_keras(cls: Class) -> bool:
    known = cls.namespace.get(_KERAS_FLAG)
    if known is None:
        known = cls.namespace[_KERAS_FLAG] = cls.derives_from("keras.Layer")
    return bool(known)


def _tracked(name: str, value: Value, depth: int) -> Iterator[tuple[str, Instance]]:
    """The layers that Keras tracks in an attribute: itself, or inside lists, tuples and dicts."""
    if isinstance(value, Instance):
        if is_layer(value):
            yield name, value
        return
    if depth and isinstance(value, (list, tuple, dict)):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in entries:
            yield from _tracked(f"{name}.{key}", item, depth - 1)


def own_parameter_tensors(instance: Instance) -> dict[str, Tensor]:
    """The parameters of a layer without those of its sub-layers, as tensors.

    `hidden["parameters"]` takes the place of the attributes; `hidden["weights"]` (Keras's `add_weight`) adds to them.
    """
    own: dict[str, Tensor] | None = instance.hidden.get("parameters")
    if own is not None:
        return own
    found = {name: value for name, value in instance.attrs.items() if type(value) is Tensor and is_parameter(value)}
    added: dict[str, Tensor] | None = instance.hidden.get("weights")
    return {**added, **found} if added else found


def own_parameters(instance: Instance) -> dict[str, Parameter]:
    """The parameters of a layer without those of its sub-layers, by name."""
    return {
        name: tensor.parameter
        for name, tensor in own_parameter_tensors(instance).items()
        if tensor.parameter is not None
    }


def named_modules(instance: Instance, prefix: str = "") -> Iterator[tuple[str, Instance]]:
    """The layer and all layers below it with their dotted paths, parents first, each layer once."""
    seen: set[int] = set()
    stack = [(prefix, instance)]
    while stack:
        path, layer = stack.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield path, layer
        below = children(layer)
        if below:
            start = f"{path}." if path else ""
            stack.extend([(start + name, child) for name, child in reversed(below.items())])


def named_parameters(instance: Instance, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """The parameters of a layer and of all layers below it with their dotted names, each parameter once."""
    yield from parameters_of(named_modules(instance, prefix))


def parameters_of(layers: Iterable[tuple[str, Instance]]) -> Iterator[tuple[str, Tensor]]:
    """The parameters that layers themselves have, with their dotted names, each parameter once."""
    seen: set[int] = set()
    for path, layer in layers:
        for name, tensor in own_parameter_tensors(layer).items():
            if id(tensor.parameter) not in seen:
                seen.add(id(tensor.parameter))
                yield (f"{path}.{name}" if path else name), tensor


def may_have_parameters(instance: Instance) -> bool:
    """Whether there is a parameter in a layer or below it, or a layer that makes its parameters when first called."""
    return any(own_parameter_tensors(layer) or _is_keras(layer.cls) for _, layer in named_modules(instance))


def all_parameters(instance: Instance) -> list[Parameter]:
    """The parameters of a layer and of all layers below it, each once."""
    return [tensor.parameter for _, tensor in named_parameters(instance) if tensor.parameter is not None]
