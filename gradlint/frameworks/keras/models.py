"""`keras.Model`: functional models from inputs and outputs, subclassed models, and what both offer."""

from __future__ import annotations

import functools
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Class, Instance, Native, Property, Tensor, Unknown, Value, tensors_in
from gradlint.frameworks.keras import graph
from gradlint.frameworks.keras.arguments import is_int
from gradlint.frameworks.keras.inputs import input_tensor
from gradlint.frameworks.keras.layer import start
from gradlint.frameworks.keras.state import keras_state
from gradlint.frameworks.keras.training import TRAINING_METHODS
from gradlint.frameworks.keras.weights import mark_pretrained
from gradlint.frameworks.modules import children
from gradlint.frameworks.registry import framework_class
from gradlint.network import Kind


def _initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    given = dict(zip(("inputs", "outputs", "name"), args, strict=False)) | kwargs
    inputs = given.pop("inputs", given.pop("input", None))
    outputs = given.pop("outputs", given.pop("output", None))
    if isinstance(inputs, str) and outputs is None:
        given["name"], inputs = inputs, None
    start(ctx, self, given)
    if inputs is not None and outputs is not None:
        set_graph(ctx, self, inputs, outputs)


def set_graph(ctx: Context, self: Instance, inputs: Value, outputs: Value) -> None:
    """Make `self` the functional model between these (structures of) tensors."""
    sources = tensors_in(inputs)
    if not tensors_in(outputs):
        reason = outputs.reason if isinstance(outputs, Unknown) else "outputs that are not tensors"
        outputs = ctx.opaque(reason, sources)
    found = graph.between(sources, tensors_in(outputs))
    ctx.modified(self)
    self.attrs["built"] = True
    self.hidden.update(
        inputs=inputs,
        outputs=outputs,
        nodes=found,
        built=True,
        input=inputs,
        output=outputs,
        children=graph.by_name(graph.layers_of(keras_state(ctx), found)),
    )


def _model_call(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """Run the functional graph on new input; opaque for a model that has neither a graph nor a `call`."""
    if "outputs" not in self.hidden:
        return ctx.opaque(f"{self.cls.name} has no call method", [args, kwargs])
    given = args[0] if args else kwargs.get("inputs")
    old = tensors_in(self.hidden["inputs"])
    new = _matched(ctx, self.hidden["inputs"], old, given)
    if all(mine.node is theirs.node for mine, theirs in zip(old, new, strict=True)):
        return self.hidden["outputs"]
    made = graph.replay(ctx, self.hidden["nodes"], old, new)
    return graph.substituted(self.hidden["outputs"], made)


def _matched(ctx: Context, structure: Value, old: list[Tensor], given: Value) -> list[Tensor]:
    """The tensors given for each input of a functional model, by position or name; fresh inputs where unknown."""
    if isinstance(given, dict):
        keys = list(structure) if isinstance(structure, dict) else _input_names(old)
        values: list[Value] = [given.get(key) for key in keys]
    elif isinstance(given, (list, tuple)) and len(old) > 1:
        values = list(given)
    elif isinstance(given, (list, tuple)) and len(given) == 1:
        values = [given[0]]
    else:
        values = [given]
    values += [None] * (len(old) - len(values))
    return [_one_input(ctx, mine, value) for mine, value in zip(old, values, strict=False)]


def _input_names(old: list[Tensor]) -> list[Value]:
    return [tensor.node.layer.attrs.get("name") if isinstance(tensor.node.layer, Instance) else None for tensor in old]


def _one_input(ctx: Context, mine: Tensor, given: Value) -> Tensor:
    if isinstance(given, Tensor) and given.shape is not None:
        return given
    return ctx.emit(Kind.INPUT, (), mine.shape, attributes=mine.node.attributes, dtype=mine.dtype)


def _get_layer(ctx: Context, self: Instance, name: Value = None, index: Value = None) -> Value:
    layers = list(children(self).values())
    if is_int(name) and index is None:
        name, index = None, name
    if is_int(index) and -len(layers) <= index < len(layers):
        return layers[index]
    for layer in layers:
        if isinstance(name, str) and layer.attrs.get("name") == name:
            return layer
    if self.hidden.get("opaque") or not isinstance(name, str):
        return ctx.unknown("a layer of a model that is not followed")
    return ctx.fail("ValueError", f"No such layer: {name}")


def _layers(ctx: Context, self: Instance) -> Value:
    if self.hidden.get("opaque"):
        return ctx.unknown("the layers of a model that is not followed")
    return list(children(self).values())


def _structure(what: str, as_list: bool) -> Property:
    def getter(ctx: Context, self: Instance) -> Value:
        value = self.hidden.get(what, MISSING)
        if value is MISSING:
            value = self.hidden.get(what.removesuffix("s"), MISSING)
        if value is MISSING:
            return ctx.unknown(f"the {what} of a model that has not been built")
        if as_list:
            return tensors_in(value)
        tensors = tensors_in(value)
        return tensors[0] if isinstance(value, (list, tuple)) and len(tensors) == 1 else value

    return Property(Native(f"keras.Model.{what}", getter))


def _build(ctx: Context, self: Instance, input_shape: Value = None, *args: Value, **kwargs: Value) -> None:
    """`model.build(input_shape)` of a subclassed model: call it once on an input of this shape."""
    if self.hidden.get("built") or self.cls.find("call") is MISSING:
        return
    self.hidden["built"] = True
    given = symbolic_inputs(ctx, input_shape)
    if given is not None:
        ctx.call(self, given)


def symbolic_inputs(ctx: Context, shape: Value) -> Value:
    """Input tensors for a shape with batch, or for a list or dict of such shapes; None when they are not known."""
    if isinstance(shape, dict):
        made = {key: symbolic_inputs(ctx, item) for key, item in shape.items()}
        return None if None in made.values() else made
    if not isinstance(shape, (list, tuple)) or not shape:
        return None
    if isinstance(shape[0], (list, tuple)):
        parts = [symbolic_inputs(ctx, item) for item in shape]
        return None if any(part is None for part in parts) else parts
    return input_tensor(ctx, shape[1:], shape[0])


def _summary(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """Prints; nothing that matters here."""


def _from_file(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    mark_pretrained(self)


def _clone(ctx: Context, model: Value, *args: Value, **kwargs: Value) -> Value:
    return ctx.unknown("a cloned model")


def _named_shape(what: str) -> Property:
    def getter(ctx: Context, self: Instance) -> Value:
        tensors = tensors_in(self.hidden.get(what))
        if not tensors:
            return ctx.unknown(f"the {what} shape of a model that has not been built")
        return tensors[0].shape if len(tensors) == 1 else [tensor.shape for tensor in tensors]

    return Property(Native(f"keras.Model.{what}_shape", getter))


MODEL_METHODS: dict[str, Any] = {
    "__init__": _initialize,
    "call": _model_call,
    "build": _build,
    "get_layer": _get_layer,
    "layers": Property(Native("keras.Model.layers", _layers)),
    "inputs": _structure("inputs", as_list=True),
    "outputs": _structure("outputs", as_list=True),
    "input": _structure("inputs", as_list=False),
    "output": _structure("outputs", as_list=False),
    "input_shape": _named_shape("input"),
    "output_shape": _named_shape("output"),
    "summary": _summary,
    "save": _summary,
    "save_weights": _summary,
    "export": _summary,
    "to_json": lambda ctx, self, *args, **kwargs: ctx.unknown("a model as text"),
    "load_weights": _from_file,
    **TRAINING_METHODS,
}


@functools.cache
def model_class() -> Class:
    """`keras.Model`."""
    return framework_class("keras.Model", ("keras.Layer",), dict(MODEL_METHODS))
