"""`keras.Sequential`: layers in a row, built as soon as the shape of the input is known."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import (
    MISSING,
    Class,
    Instance,
    Native,
    Property,
    Symbol,
    Tensor,
    Unknown,
    Value,
    tensors_in,
)
from gradlint.frameworks.keras.inputs import assumed_input, input_tensor
from gradlint.frameworks.keras.layer import start
from gradlint.frameworks.keras.models import symbolic_inputs
from gradlint.frameworks.keras.state import keras_state
from gradlint.frameworks.registry import framework_class


def _initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    given = dict(zip(("layers", "trainable", "name"), args, strict=False)) | kwargs
    layers = given.pop("layers", None)
    if isinstance(given.get("trainable"), str):
        given["name"] = given.pop("trainable")
    start(ctx, self, given)
    self.hidden["layers"] = []
    if layers is not None:
        for layer in ctx.iterate(layers):
            _add(ctx, self, layer)


def _add(ctx: Context, self: Instance, layer: Value = None, rebuild: Value = True) -> None:
    """`model.add(layer)`; the layer is called at once where the input of the model is known."""
    if isinstance(layer, Class):
        layer = ctx.instantiate(layer)
    if isinstance(layer, Tensor) or (isinstance(layer, Instance) and layer.cls.derives_from("keras.layers.InputLayer")):
        _begin(ctx, self, layer if isinstance(layer, Tensor) else layer.hidden["tensor"])
        return
    layers: list[Value] = self.hidden.setdefault("layers", [])
    if not layers and "tensor" not in self.hidden and isinstance(layer, Instance):
        shape = layer.hidden.get("input_shape")
        if shape is not None:
            _begin(ctx, self, input_tensor(ctx, shape, None, layer.attrs.get("dtype")))
        elif "inputs" in layer.hidden and len(known := tensors_in(layer.hidden["inputs"])) == 1:
            _begin(ctx, self, known[0])
    ctx.modified(layers)
    layers.append(layer)
    if isinstance(layer, Instance):
        _name(self, layer)
    current = self.hidden.get("tensor")
    if current is not None:
        _advance(self, _run(ctx, layer, current))


def _begin(ctx: Context, self: Instance, tensor: Tensor) -> None:
    """Take `tensor` as the input, and run the layers that are there."""
    self.hidden.update(first=tensor, inputs=tensor, input=tensor, tensor=tensor, results=[])
    for layer in self.hidden.get("layers", ()):
        _advance(self, _run(ctx, layer, self.hidden["tensor"]))


def _advance(self: Instance, result: Value) -> None:
    self.hidden["results"].append(result)
    self.hidden.update(tensor=result, outputs=result, output=result, built=True)
    self.attrs["built"] = True


def _name(self: Instance, layer: Instance) -> None:
    children: dict[str, Instance] = self.hidden.setdefault("children", {})
    name = layer.attrs.get("name")
    stem = name if isinstance(name, str) and name else "layer"
    key, count = stem, 1
    while key in children:
        key, count = f"{stem}_{count}", count + 1
    children[key] = layer


def _run(ctx: Context, layer: Value, inputs: Value) -> Value:
    if isinstance(layer, (Unknown, Symbol)):
        reason = layer.reason if isinstance(layer, Unknown) else f"{layer.name} is not modelled"
        return ctx.opaque(reason, [inputs])
    if isinstance(layer, Instance) and (call := layer.cls.find("__call__")) is not MISSING:
        return ctx.call(call, layer, inputs)
    return ctx.call(layer, inputs)


def _call(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """The layers one after another; a model that was not built is from now on."""
    given = args[0] if args else kwargs.get("inputs")
    if isinstance(given, Tensor) and "outputs" in self.hidden and given.node is self.hidden["first"].node:
        return self.hidden["outputs"]
    if isinstance(given, Unknown) and isinstance(first := self.hidden.get("first"), Tensor):
        given = input_tensor(ctx, first.shape[1:] if first.shape else None, None, first.dtype)
    results: list[Value] = []
    for layer in self.hidden.get("layers", ()):
        given = _run(ctx, layer, given)
        results.append(given)
    if "outputs" not in self.hidden and results and tensors_in(args, kwargs):
        first = tensors_in(args, kwargs)[0]
        self.hidden.update(first=first, inputs=first, input=first, results=results[:-1], tensor=None)
        _advance(self, results[-1])
    return given


def _build(ctx: Context, self: Instance, input_shape: Value = None, *args: Value, **kwargs: Value) -> None:
    """`model.build(input_shape)`; also called before the first call, where nothing is to be done."""
    self.hidden["built"] = True
    if keras_state(ctx).depth or "outputs" in self.hidden or not self.hidden.get("layers"):
        return
    given = symbolic_inputs(ctx, input_shape)
    if isinstance(given, Tensor):
        _begin(ctx, self, given)


def build_with(ctx: Context, self: Instance, data: Value) -> None:
    """Build a sequential model, if it is not yet, for the data that it is trained on, or for assumed data."""
    if "outputs" in self.hidden or not self.hidden.get("layers"):
        return
    if isinstance(data, Tensor) and data.shape:
        _begin(ctx, self, input_tensor(ctx, data.shape[1:], None, data.dtype))
        return
    shape, dtype = assumed_input(self.hidden["layers"])
    if shape is not None:
        _begin(ctx, self, input_tensor(ctx, shape, None, dtype))


def _pop(ctx: Context, self: Instance, rebuild: Value = True) -> Value:
    layers: list[Value] = self.hidden.setdefault("layers", [])
    if not layers:
        ctx.fail("TypeError", "There are no layers in the model.")
    ctx.modified(layers)
    layer = layers.pop()
    results: Sequence[Value] = self.hidden.get("results", ())
    if results:
        kept = list(results[:-1])
        last = kept[-1] if kept else self.hidden["first"]
        self.hidden.update(results=kept, tensor=last, outputs=last, output=last)
    children: dict[str, Value] = self.hidden.get("children", {})
    for key in [key for key, child in children.items() if child is layer][-1:]:
        del children[key]
    return layer


def _layers(ctx: Context, self: Instance) -> Value:
    return list(self.hidden.get("layers", ()))


SEQUENTIAL_METHODS: dict[str, Any] = {
    "__init__": _initialize,
    "add": _add,
    "pop": _pop,
    "call": _call,
    "build": _build,
    "layers": Property(Native("keras.Sequential.layers", _layers)),
}


@functools.cache
def sequential_class() -> Class:
    """`keras.Sequential`."""
    return framework_class("keras.Sequential", ("keras.Model",), dict(SEQUENTIAL_METHODS))
