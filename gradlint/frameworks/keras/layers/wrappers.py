"""Wrappers: TimeDistributed and Bidirectional."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.copying import copied
from gradlint.evaluation.values import Instance, Tensor, Unknown, Value
from gradlint.frameworks import nodes
from gradlint.frameworks.keras.arguments import flag, signature
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.core import last_size
from gradlint.frameworks.keras.layers.recurrent import build_cell, cell_attributes, cell_parameters, final_states
from gradlint.network import Kind

_KNOWN = {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}


def _distributed_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    """The layer on every step: time is merged into the batch and taken apart again."""
    x, layer = ctx.as_tensor(inputs), self.attrs.get("layer")
    if x.shape is None or len(x.shape) < 2:
        return ctx.opaque("TimeDistributed over an input of unknown shape", [x, layer])
    batch, steps, *rest = x.shape
    merged = nodes.reshaped(ctx, x, (batch * steps, *rest), "view")
    result = ctx.call(layer, merged)
    if isinstance(result, Unknown):
        return result
    return _apart(ctx, result, batch, steps)


def _apart(ctx: Context, value: Value, batch: int, steps: int) -> Value:
    if isinstance(value, (list, tuple)):
        return [_apart(ctx, item, batch, steps) for item in value]
    if not isinstance(value, Tensor):
        return value
    shape = None if not value.shape else (batch, steps, *value.shape[1:])
    return nodes.reshaped(ctx, value, shape, "view")


def _wrapper_build(ctx: Context, self: Instance, input_shape: Value = None, *args: Value) -> None:
    self.hidden["built"] = True


def _both_setup(ctx: Context, self: Instance) -> None:
    """The forward layer, and for the backward layer one of the same kind with weights of its own."""
    forward = self.attrs.pop("layer", None)
    backward = self.attrs.pop("backward_layer", None)
    if isinstance(forward, Instance):
        if not isinstance(backward, Instance):
            backward = copied(ctx, forward, deep=True)  # type: ignore[arg-type]
            backward.attrs["go_backwards"] = not flag(forward.attrs.get("go_backwards"))
        name = forward.attrs.get("name")
        if "forward_layer" not in self.attrs and isinstance(name, str):
            backward.attrs["name"] = f"backward_{name}"
        shape = forward.hidden.get("input_shape")
        if shape is not None:
            self.hidden.setdefault("input_shape", shape)
    self.attrs["forward_layer"], self.attrs["backward_layer"] = forward, backward


def _kind(layer: Value) -> str | None:
    if isinstance(layer, Instance) and layer.cls.syntax is None:
        return _KNOWN.get(layer.cls.name.rpartition(".")[2])
    return None


def _both_call(
    ctx: Context, self: Instance, sequences: Value = None, initial_state: Value = None, *args: Value, **kwargs: Value
) -> Value:
    forward, backward = self.attrs.get("forward_layer"), self.attrs.get("backward_layer")
    x = ctx.as_tensor(sequences[0] if isinstance(sequences, (list, tuple)) and sequences else sequences)
    merge = self.attrs.get("merge_mode")
    kind = _kind(forward)
    same = kind is not None and kind == _kind(backward) and merge == "concat"
    if same and isinstance(forward, Instance) and isinstance(backward, Instance) and kind is not None:
        return _one_node(ctx, self, kind, x, forward, backward)
    first, second = ctx.call(forward, x), ctx.call(backward, x)
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return [_merged(ctx, self, merge, first[0], second[0]), *first[1:], *second[1:]]
    return _merged(ctx, self, merge, first, second)


def _one_node(ctx: Context, self: Instance, kind: str, x: Tensor, forward: Instance, backward: Instance) -> Value:
    inputs = last_size(x.shape)
    build_cell(ctx, forward, kind, inputs)
    build_cell(ctx, backward, kind, inputs)
    attributes = cell_attributes(forward, kind)
    units = attributes["hidden_size"]
    sequences = flag(forward.attrs.get("return_sequences"))
    shape, steps = None, None
    if x.shape is not None and len(x.shape) == 3:
        steps = x.shape[1]
        if units is not None:
            shape = (x.shape[0], steps, 2 * units) if sequences else (x.shape[0], 2 * units)
    out = ctx.emit(
        Kind.RECURRENT,
        [x],
        shape,
        attributes={
            **attributes,
            "bidirectional": True,
            "return_sequences": sequences,
            "time_axis": 1,
            "steps": steps,
            "stateful": flag(forward.attrs.get("stateful")),
            "unrolled": False,
        },
        parameters={**cell_parameters(forward), **cell_parameters(backward, "_reverse")},
        class_name="keras.layers.Bidirectional",
        layer=self,
        dtype="float32",
    )
    if not flag(forward.attrs.get("return_state")):
        return out
    state = (x.shape[0], units) if x.shape and units is not None else None
    return [out, *final_states(ctx, out, kind, state), *final_states(ctx, out, kind, state)]


def _merged(ctx: Context, self: Instance, mode: Value, first: Value, second: Value) -> Value:
    if mode is None:
        return [first, second]
    a, b = ctx.as_tensor(first), ctx.as_tensor(second)
    shape = a.shape
    if mode == "concat":
        if a.shape and b.shape:
            shape = (*a.shape[:-1], a.shape[-1] + b.shape[-1])
        return ctx.emit(Kind.CONCATENATE, [a, b], shape, attributes={"axis": -1}, layer=self)
    if mode == "mul":
        return ctx.emit(Kind.MULTIPLY, [a, b], shape, layer=self)
    weights = (0.5, 0.5) if mode == "ave" else (1.0, 1.0)
    return ctx.emit(Kind.ADD, [a, b], shape, attributes={"coefficients": weights}, layer=self)


LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec("TimeDistributed", signature("layer"), _distributed_call, _wrapper_build),
    LayerSpec(
        "Bidirectional",
        signature("layer", merge_mode="concat", weights=None, backward_layer=None),
        _both_call,
        _wrapper_build,
        _both_setup,
    ),
)
