"""Parameters that a network uses and does not own, so that no optimizer over its parameters ever finds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gradlint.evaluation.values import Class, Function, Instance, Tensor, Value, walk
from gradlint.frameworks.modules import all_parameters, is_layer, is_parameter
from gradlint.network import Kind, Node, Parameter, Unregistered, topological

_CONTAINERS: dict[type, str] = {list: "list", tuple: "tuple", dict: "dict"}
_DEPTH = 3


def unregistered(
    layers: Iterable[tuple[str, Instance]],
    parameters: Iterable[Parameter],
    nodes: Iterable[Node],
    made: Iterable[Instance],
) -> tuple[Unregistered, ...]:
    """What is used in the forward pass of a network and is none of its parameters.

    `layers` are those of the network by name, `parameters` all that it has, `nodes` those of the pass and `made`
    the layers that were made during it.
    """
    own = {id(parameter) for parameter in parameters}
    nodes = tuple(nodes)
    used = {id(p): p for node in nodes for p in node.parameters.values() if id(p) not in own and p.trainable}
    found: list[Unregistered] = []
    for layer in made:
        found.extend(_created(layer, used))
    for path, layer in layers:
        if layer.cls.syntax is not None:
            for name, value in layer.attrs.items():
                lost = _in_attribute(f"{path}.{name}" if path else name, value, used, nodes)
                found.extend(item for item in lost if item.how != "tensor" or not _written_later(layer.cls, name))
    return tuple(found)


def _created(layer: Instance, used: dict[int, Parameter]) -> Iterator[Unregistered]:
    lost = _take(used, all_parameters(layer))
    if lost and layer.origin is not None:
        yield Unregistered("forward", "", lost, layer.origin)


def _in_attribute(
    name: str, value: Value, used: dict[int, Parameter], nodes: tuple[Node, ...]
) -> Iterator[Unregistered]:
    if type(value) in _CONTAINERS:
        yield from _in_container(name, value, used)
    elif isinstance(value, Tensor) and not is_parameter(value):
        source = _parameter_behind(value, used)
        if source is not None and value.node.origin is not None:
            yield Unregistered("computed", name, _take(used, [source]), value.node.origin)
        elif _leaf(value) and any(node is value.node for node in nodes):
            assert value.node.origin is not None
            yield Unregistered("tensor", name, (), value.node.origin)


def _in_container(name: str, value: Value, used: dict[int, Parameter]) -> Iterator[Unregistered]:
    """A container of several layers or parameters; with a single one it is a way to hide it on purpose."""
    held = [item for item in walk(value, _DEPTH) if is_layer(item) or is_parameter(item)]
    parameters = [
        p for item in held for p in (all_parameters(item) if isinstance(item, Instance) else [item.parameter])
    ]
    lost = _take(used, parameters)
    origin = next((_origin_of(item) for item in held if _origin_of(item) is not None), None)
    if lost and len(held) > 1 and origin is not None:
        yield Unregistered(_CONTAINERS[type(value)], name, lost, origin, len(held))


def _origin_of(item: Value) -> Value:
    return item.origin if isinstance(item, Instance) else item.node.origin


def _take(used: dict[int, Parameter], candidates: Iterable[Parameter | None]) -> tuple[Parameter, ...]:
    """Those of `candidates` that are used, taken out of `used`."""
    return tuple(p for p in candidates if p is not None and used.pop(id(p), None) is not None)


def _parameter_behind(tensor: Tensor, used: dict[int, Parameter]) -> Parameter | None:
    """The parameter that an operation turned into `tensor`, if nothing else went in."""
    behind = topological((tensor.node,))
    if any(node.kind is Kind.INPUT for node in behind):
        return None
    parameters = [p for node in behind for p in node.parameters.values()]
    return parameters[0] if len(parameters) == 1 and id(parameters[0]) in used else None


def _written_later(cls: Class, name: str) -> bool:
    """Whether a method other than the constructor writes to an attribute: then user code adapts or resets it."""
    written = re.compile(rf"\bself\.{re.escape(name)}(?:\[[^]]*\])?(?:\.data)?\s*(?:=(?!=)|[-+*/]=|\.\w+_\()")
    own = [ancestor for ancestor in cls.mro if isinstance(ancestor, Class) and ancestor.syntax is not None]
    return any(
        written.search(_text(function))
        for ancestor in own
        for key, function in ancestor.namespace.items()
        if isinstance(function, Function) and key != "__init__"
    )


def _text(function: Function) -> str:
    module = getattr(function.scope.source, "module", None)
    return "" if module is None else str(module.code_for_node(function.syntax))


def _leaf(tensor: Tensor) -> bool:
    return tensor.node.kind is Kind.CONSTANT and tensor.attributes.get("requires_grad") is True
