"""From objects to networks: which objects are networks, and what the graph of their forward pass holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.classes import is_network_class
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.forward_passes import Pass, best_pass, made_since
from gradlint.evaluation.initializers import unapplied
from gradlint.evaluation.inputs import InputShape
from gradlint.evaluation.records import Created
from gradlint.evaluation.registration import unregistered
from gradlint.evaluation.values import (
    Function,
    Instance,
    Unknown,
    contains_unknown,
    tensors_in,
    walk,
)
from gradlint.frameworks.modules import (
    children,
    may_have_parameters,
    may_hold,
    named_modules,
    own_parameters,
    parameters_of,
)
from gradlint.network import Framework, Kind, Network, Node, Unresolved, topological

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def roots(created: list[Created]) -> list[Created]:
    """The networks among the objects made that are no part of another one and have something to train."""
    parts: set[int] = set()
    for item in created:
        if not (is_network_class(item.instance.cls) or item.instance.cls.derives_from("keras.Layer")):
            continue
        if _only_holds(item.instance):
            continue
        parts.update(map(id, children(item.instance).values()))
        for value in item.instance.attrs.values():
            if may_hold(value):
                parts.update(id(inner) for inner in walk(value, 3) if isinstance(inner, Instance))
    return [
        item
        for item in created
        if is_network_class(item.instance.cls) and not item.nested and id(item.instance) not in parts
        if not _only_holds(item.instance) and may_have_parameters(item.instance)
    ]


def _only_holds(instance: Instance) -> bool:
    """Whether a Keras model has no forward pass of its own: one whose `train_step` uses the models that it holds."""
    if not instance.cls.derives_from("keras.Model") or "outputs" in instance.hidden or "layers" in instance.hidden:
        return False
    return not isinstance(instance.cls.find("call"), Function)


def build(
    interpreter: Interpreter, item: Created, call: str = "", shapes: Mapping[int | str, InputShape] | None = None
) -> Network:
    """The network that a layer or model is; `shapes` are those of the inputs that the program itself calls it with."""
    instance = item.instance
    keras = instance.cls.derives_from("keras.Layer")
    unknowns = len(interpreter.record.unknowns)
    run = _graph_of(interpreter, instance)
    if run is None:
        run = best_pass(interpreter, instance, shapes)
    outputs = tuple(tensor.node for tensor in run.outputs)
    nodes = topological(outputs)
    layers = list(named_modules(instance))
    owners = {id(p): (path, p) for path, layer in reversed(layers) for p in own_parameters(layer).values()}
    _finish_nodes(layers, {key: path for key, (path, _) in owners.items()}, nodes)
    opaque = [node for node in nodes if node.kind is Kind.OPAQUE]
    losses = interpreter.record.unknowns[unknowns:]
    parameters = tuple([t.parameter for _, t in parameters_of(layers) if t.parameter is not None])
    depth_known = run.depth_known and all(layer.hidden.get("uncertain", 0) <= item.uncertain for _, layer in layers)
    shapes_known = all(parameter.shape is not None for parameter in parameters)
    return Network(
        name=_name(instance),
        call=call or _call_text(item),
        framework=Framework.KERAS if keras else Framework.TORCH,
        nodes=nodes,
        inputs=tuple(node for node in nodes if node.kind is Kind.INPUT),
        outputs=outputs,
        parameters=parameters,
        origin=instance.origin,
        complete=bool(outputs) and not opaque and run.error is None and shapes_known and depth_known,
        depth_known=depth_known,
        pretrained=any(layer.hidden.get("pretrained") is True for _, layer in layers),
        unresolved=_unresolved(opaque, losses, run.error, instance),
        assumptions=_assumptions(instance),
        unregistered=unregistered(layers, parameters, nodes, run.made),
        unapplied=unapplied(interpreter, layers, parameters),
        configuration_assumed=bool(instance.hidden.get("configuration assumed")),
    )


def _name(instance: Instance) -> str:
    if instance.cls.syntax is not None:
        return instance.cls.name
    name = instance.attrs.get("name") if instance.hidden.get("named") else None
    return (
        name if isinstance(name, str) else str(instance.hidden.get("variable") or instance.cls.name.rpartition(".")[2])
    )


def _call_text(item: Created) -> str:
    origin = item.instance.origin
    module = getattr(origin.source, "module", None) if origin is not None else None
    if module is None or not isinstance(item.call, cst.Call):
        return f"{item.instance.cls.name}()"
    text = " ".join(module.code_for_node(item.call).split())
    return text if len(text) <= 72 else f"{text[:69]}..."


def _graph_of(interpreter: Interpreter, instance: Instance) -> Pass | None:
    """The graph of a functional or sequential Keras model, which exists without a forward pass."""
    if "outputs" not in instance.hidden:
        return None
    outputs = tensors_in(instance.hidden["outputs"])
    if not outputs:
        return None
    return Pass({}, outputs, None, not instance.hidden.get("uncertain", False), made=made_since(interpreter, 0))


# Attributes that say no more than the shapes do.
_WIDTHS = frozenset(
    {"in_features", "out_features", "in_channels", "out_channels", "num_embeddings", "embedding_dim", "input_size"}
)


_MAY_HOLD_UNKNOWN = frozenset({Unknown, tuple, list, dict, type(None)})

# Attributes without which a node of the kind means nothing.
_NEEDED = {Kind.CONVOLUTION: frozenset({"kernel_size", "stride", "dilation", "padding"})}


def _finish_nodes(layers: list[tuple[str, Instance]], owners: dict[int, str], nodes: tuple[Node, ...]) -> None:
    """Give the nodes of layers the paths of their layers, and leave no value of the evaluator in any node.

    `owners` maps the identity of a parameter to the path of the layer that holds it.
    """
    paths = {id(layer): path for path, layer in layers}
    for node in nodes:
        needed = _NEEDED.get(node.kind, ())
        unknown = {
            key: value
            for key, value in node.attributes.items()
            if type(value) in _MAY_HOLD_UNKNOWN
            and (key in needed if value is None else contains_unknown(value) is not None)
        }
        if unknown:
            node.attributes = {key: value for key, value in node.attributes.items() if key not in unknown}
            if not unknown.keys() <= _WIDTHS:
                name, value = next(iter(unknown.items()))
                reason = getattr(contains_unknown(value), "reason", "not known")
                node.kind, node.attributes = Kind.OPAQUE, {"reason": f"{name} of {node.class_name}: {reason}"}
        if node.layer is not None:
            node.name = paths.get(id(node.layer), node.name)
        elif node.parameters:
            # A function that is called with the parameters of a layer: the layer's own doing.
            node.name = owners.get(id(next(iter(node.parameters.values()))), node.name)
        elif node.kind is Kind.CONVOLUTION and len(node.inputs) > 1:
            node.name = _owner_of_kernel(node.inputs[1], owners)


def _owner_of_kernel(kernel: Node, owners: dict[int, str]) -> str:
    """The layer whose parameters a computed kernel comes from; empty where those of several do, or of none."""
    held = {
        owners[id(parameter)]
        for node in topological((kernel,))
        for parameter in node.parameters.values()
        if id(parameter) in owners
    }
    return held.pop() if len(held) == 1 else ""


def _unresolved(
    opaque: list[Node], losses: list[Unknown], error: Raised | None, instance: Instance
) -> tuple[Unresolved, ...]:
    """What is not known, most costly first, each reason once per place."""
    found: dict[tuple[str, int], Unresolved] = {}

    def add(reason: str, origin: Any, cost: int) -> None:
        key = (reason, id(origin.syntax) if origin is not None else 0)
        before = found[key].cost if key in found else 0
        found[key] = Unresolved(reason, origin, before + cost)

    if error is not None:
        add(f"the forward pass would stop: {error}", instance.origin, 1_000)
    for node in opaque:
        add(str(node.get("reason", "not understood")), node.origin, 100)
    for loss in losses:
        add(loss.reason, loss.origin, loss.cost)
    for key, value in instance.attrs.items():
        if isinstance(value, Unknown):
            add(f"attribute `{key}`: {value.reason}", value.origin, value.cost)
    return tuple(sorted(found.values(), key=lambda item: -item.cost))


def _assumptions(instance: Instance) -> tuple[str, ...]:
    return tuple(instance.hidden.get("assumptions", ()))


def needs_arguments(function: Function) -> bool:
    """Whether some parameter of `function` has no default."""
    params: cst.Parameters = function.syntax.params
    return any(
        param.name.value not in function.defaults
        for param in (*params.posonly_params, *params.params, *params.kwonly_params)
    )
