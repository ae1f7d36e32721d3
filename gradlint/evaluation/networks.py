"""From objects to networks: runs the forward pass of a layer on symbolic input and draws up the graph."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.classes import is_network_class
from gradlint.evaluation.errors import Raised, ShapeMismatch
from gradlint.evaluation.forward_arguments import forward_arguments
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.initializers import unapplied
from gradlint.evaluation.inputs import InputShape, candidates, first_layer
from gradlint.evaluation.records import Created
from gradlint.evaluation.registration import unregistered
from gradlint.evaluation.values import (
    Function,
    Instance,
    Tensor,
    Unknown,
    Value,
    contains_unknown,
    tensors_in,
    walk,
)
from gradlint.frameworks.keras.state import MADE_IN_CALL
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

_MOST_TRIES = 16
_MOST_FAILURES = 3
"""After so many failures of one kind that is not about shapes, other shapes are not tried."""
_MOST_REFUSALS = 2
"""The same for errors that the source raises itself."""
_DEEP = 1_000
"""An error that the source raises itself, after so many steps, is not about the shape of what came in."""


@dataclass(slots=True)
class _Pass:
    """One forward pass: what came out, on which inputs, and what went wrong."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    error: Raised | None
    depth_known: bool
    result: Value = None
    made: tuple[Instance, ...] = ()

    @property
    def opaque(self) -> int:
        """Number of operations on the way that are not understood."""
        return sum(node.kind is Kind.OPAQUE for node in topological(tuple(t.node for t in self.outputs)))

    @property
    def quality(self) -> tuple[int, int, int]:
        """Larger is better: outputs at all, no loss of knowledge, shapes known."""
        if not self.outputs:
            return (0, 0, 0)
        return (1, -self.opaque, sum(tensor.shape is not None for tensor in self.outputs))


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


def build(interpreter: Interpreter, item: Created, call: str = "", shapes: list[InputShape] | None = None) -> Network:
    """The network that a layer or model is."""
    instance = item.instance
    keras = instance.cls.derives_from("keras.Layer")
    unknowns = len(interpreter.record.unknowns)
    run = _graph_of(interpreter, instance)
    if run is None:
        run = _best_pass(interpreter, instance, shapes)
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


def _graph_of(interpreter: Interpreter, instance: Instance) -> _Pass | None:
    """The graph of a functional or sequential Keras model, which exists without a forward pass."""
    if "outputs" not in instance.hidden:
        return None
    outputs, inputs = tensors_in(instance.hidden["outputs"]), tensors_in(instance.hidden["inputs"])
    if not outputs:
        return None
    return _Pass(inputs, outputs, None, not instance.hidden.get("uncertain", False), made=_made(interpreter, 0))


def _made(interpreter: Interpreter, start: int) -> tuple[Instance, ...]:
    """The layers made since `start` that are lost after the pass: in Keras not those of `build`, which are kept."""
    made = [item.instance for item in interpreter.record.created[start:]]
    return tuple(layer for layer in made if layer.hidden.get(MADE_IN_CALL, True))


def _best_pass(interpreter: Interpreter, instance: Instance, shapes: list[InputShape] | None) -> _Pass:
    best: _Pass | None = None
    hint: Node | None = None
    tried: set[Any] = set()
    passed = 0
    failures: Counter[str] = Counter()

    def attempt(shape: InputShape) -> bool:
        """Try a shape; True when no other one promises more."""
        nonlocal best, passed
        if shape in tried or len(tried) >= _MOST_TRIES:
            return False
        tried.add(shape)
        start = interpreter.budget.steps
        run = forward(interpreter, instance, shape)
        if best is None or run.quality > best.quality:
            best = run
        passed += run.error is None
        if run.error is not None and not isinstance(run.error, ShapeMismatch):
            failures[str(run.error)] += 1
            refused = run.error.value is not None
            if refused and interpreter.budget.steps - start > _DEEP:
                return True
            if failures[str(run.error)] >= (_MOST_REFUSALS if refused else _MOST_FAILURES):
                return True
        # A pass that runs to its end shows that the shape fits; what is not known then does not depend on it.
        return passed > 1 or (run.error is None and (not run.outputs or run.outputs[0].shape is not None))

    for shape in shapes or ():
        if attempt(shape):
            break
    else:
        for shape in candidates(instance):
            if attempt(shape):
                break
        else:
            attempt(InputShape(None))
            if best is not None and best.inputs:
                hint = first_layer(best.inputs[0], tuple(tensor.node for tensor in best.outputs))
            if hint is not None:
                for shape in candidates(instance, hint):
                    if attempt(shape):
                        break
    assert best is not None
    return best


def forward(interpreter: Interpreter, instance: Instance, shape: InputShape) -> _Pass:
    """Call `instance` on symbolic input; its main input has `shape`, the others what their names suggest."""
    unknowns = len(interpreter.record.unknowns)
    events = len(interpreter.record.events)
    created = len(interpreter.record.created)
    method = instance.cls.find("call" if instance.cls.derives_from("keras.Layer") else "forward")
    origin = instance.origin
    assert origin is not None
    frame = Frame(origin.source, None, None)
    frame.syntax = origin.syntax
    interpreter.frames.append(frame)
    flag, interpreter.depth_flag = interpreter.depth_flag, False
    uncertain, interpreter.uncertain_since = interpreter.uncertain_since, interpreter.uncertain
    inputs: list[Tensor] = []
    error: Raised | None = None
    result: Value = None
    try:
        args, kwargs = forward_arguments(interpreter, method, shape, inputs)
        interpreter.layer_calls += 1
        result = interpreter.call(instance, *args, **kwargs)
    except Raised as raised:
        error = raised.bare()
    finally:
        del interpreter.frames[interpreter.frames.index(frame) :]
        interpreter.layer_calls = 0
        interpreter.trails.clear()
        depth_known = not interpreter.depth_flag
        interpreter.depth_flag, interpreter.uncertain_since = flag, uncertain
        del interpreter.record.events[events:]
    if error is not None:
        del interpreter.record.unknowns[unknowns:]
    outputs = [t for t in _tensors_of(result) if t.node.kind not in (Kind.INPUT, Kind.CONSTANT, Kind.PARAMETER)]
    made = _made(interpreter, created)
    return _Pass(inputs, outputs, error, depth_known, result, made)


def _tensors_of(value: Value) -> list[Tensor]:
    found: list[Tensor] = []
    for item in walk(value):
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, Instance):
            found.extend(tensors_in(item.payload, list(item.attrs.values())))
    return found


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


__all__ = ["build", "forward", "needs_arguments", "roots"]
