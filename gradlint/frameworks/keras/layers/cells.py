"""Recurrent cells: one step of a recurrence, called with an input and the states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Property, Value, tensors_in
from gradlint.frameworks import nodes
from gradlint.frameworks.keras.arguments import integer, signature
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import class_name
from gradlint.frameworks.keras.layers.core import last_size
from gradlint.frameworks.keras.layers.recurrent import (
    CELL_PENALTIES,
    RATES,
    SETTINGS,
    build_cell,
    cell_attributes,
    cell_parameters,
    final_states,
)
from gradlint.frameworks.registry import native
from gradlint.network import Kind


def _build(cell: str) -> Callable[..., None]:
    def build(ctx: Context, self: Instance, input_shape: Value = None, *args: Value) -> None:
        build_cell(ctx, self, cell, last_size(input_shape))

    return build


def _call(cell: str) -> Callable[..., Value]:
    def call(
        ctx: Context, self: Instance, inputs: Value = None, states: Value = None, *args: Value, **kw: Value
    ) -> Value:
        x = ctx.as_tensor(inputs)
        units = integer(self.attrs.get("units"))
        shape = (x.shape[0], units) if x.shape and units is not None else None
        out = ctx.emit(
            Kind.RECURRENT,
            [x, *tensors_in(states)],
            shape,
            attributes={
                **cell_attributes(self, cell),
                "return_sequences": False,
                "time_axis": None,
                "steps": 1,
                "stateful": False,
                "unrolled": True,
            },
            parameters=cell_parameters(self),
            class_name=class_name(self),
            layer=self,
        )
        return out, [out, *final_states(ctx, out, cell, shape)[1:]]

    return call


def _state_size(cell: str) -> Property:
    def getter(ctx: Context, self: Instance) -> Value:
        units = self.attrs.get("units")
        return [units, units] if cell == "lstm" else units

    return Property(native("state_size", getter))


def _initial_state(cell: str) -> Callable[..., Value]:
    def initial(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
        batch = integer(kwargs.get("batch_size", args[-1] if args else None))
        units = integer(self.attrs.get("units"))
        shape = (batch, units) if batch is not None and units is not None else None
        return [nodes.constant(ctx, shape, value=0.0) for _ in range(2 if cell == "lstm" else 1)]

    return initial


def _row(name: str, cell: str, **more: Any) -> LayerSpec:
    return LayerSpec(
        name,
        signature("units", **SETTINGS[cell], **CELL_PENALTIES, **RATES, **more),
        _call(cell),
        _build(cell),
        methods={
            "state_size": _state_size(cell),
            "output_size": Property(native("output_size", lambda ctx, self: self.attrs.get("units"))),
            "get_initial_state": _initial_state(cell),
        },
    )


def _stacked_call(
    ctx: Context, self: Instance, inputs: Value = None, states: Value = None, *args: Value, **kwargs: Value
) -> Value:
    """The cells one after another, each with its own states."""
    new_states: list[Value] = []
    given = states if isinstance(states, (list, tuple)) else []
    for position, cell in enumerate(ctx.iterate(self.attrs.get("cells"))):
        own = given[position] if position < len(given) else []
        result = ctx.call(cell, inputs, own)
        if not isinstance(result, (list, tuple)) or len(result) != 2:
            return ctx.opaque("a recurrent cell that does not return output and states", [inputs]), states
        inputs, after = result
        new_states.append(after)
    return inputs, new_states


def _stacked_sizes(ctx: Context, self: Instance) -> Value:
    return [ctx.getattr(cell, "state_size") for cell in ctx.iterate(self.attrs.get("cells"))]


LAYERS: tuple[LayerSpec, ...] = (
    _row("SimpleRNNCell", "rnn", seed=None),
    _row("LSTMCell", "lstm", seed=None),
    _row("GRUCell", "gru", reset_after=True, seed=None),
    LayerSpec(
        "StackedRNNCells",
        signature("cells"),
        _stacked_call,
        methods={"state_size": Property(native("state_size", _stacked_sizes))},
    ),
)
