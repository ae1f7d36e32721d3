"""Recurrent layers and cells: RNN, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.torch.arguments import (
    as_bool,
    as_count,
    as_int,
    as_number,
    as_shape,
    input_tensor,
    is_assumed,
    known_count,
)
from gradlint.frameworks.torch.distributions import uniform_default
from gradlint.frameworks.torch.layers import add_parameters, layer_class, parameters_of, reset_parameters
from gradlint.frameworks.torch.packing import PACKED, packed
from gradlint.network import Distribution, Kind, Shape

NAMES: dict[str, Value] = {}

# Cell -> (number of gates, their order in the weights).
_CELLS = {"rnn": (1, ""), "lstm": (4, "ifgo"), "gru": (3, "rzn")}


def _parameter_names(layers: int, bidirectional: bool, bias: bool, projected: bool) -> list[tuple[str, int, str, bool]]:
    """(role, layer, suffix, reverse) of every parameter, in torch's order."""
    names: list[tuple[str, int, str, bool]] = []
    for layer in range(layers):
        for reverse in (False, True) if bidirectional else (False,):
            suffix = f"_l{layer}{'_reverse' if reverse else ''}"
            roles = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if bias else [])]
            if projected:
                roles.append("weight_hr")
            names.extend((role, layer, suffix, reverse) for role in roles)
    return names


def _create(ctx: Context, layer: Instance, cell: str, dtype: Value) -> None:
    attrs = layer.attrs
    size, hidden, projection = attrs["input_size"], attrs["hidden_size"], attrs["proj_size"]
    layers = as_count(ctx, attrs["num_layers"])
    bidirectional = as_bool(ctx, attrs["bidirectional"], False)
    bias = as_bool(ctx, attrs["bias"], True)
    projected = isinstance(projection, int) and projection > 0
    if projected and cell != "lstm":
        ctx.fail("ValueError", "proj_size argument is only supported for LSTM, not RNN or GRU")
    if isinstance(hidden, int) and (hidden <= 0 or layers <= 0):
        ctx.fail("ValueError", "hidden_size and num_layers must be greater than zero")
    gates = _CELLS[cell][0]
    rows = gates * hidden if isinstance(hidden, int) else None
    output = projection if projected else hidden
    between = output * (2 if bidirectional else 1) if isinstance(output, int) else None
    default = uniform_default(hidden if isinstance(hidden, int) else None)
    wanted: dict[str, tuple[Shape | None, Distribution] | None] = {}
    for role, index, suffix, _ in _parameter_names(layers, bidirectional, bias, projected):
        shape = {
            "weight_ih": as_shape(rows, size if index == 0 else between),
            "weight_hh": as_shape(rows, output),
            "weight_hr": as_shape(output, hidden),
        }.get(role, as_shape(rows))
        wanted[role + suffix] = (shape, default)
    layer.hidden["roles"] = tuple(wanted)
    add_parameters(ctx, layer, wanted, dtype, is_assumed(size, hidden))


_SETTINGS = ("num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size")


def _rnn_init(
    ctx: Context,
    self: Instance,
    input_size: Value,
    hidden_size: Value,
    num_layers: Value = 1,
    nonlinearity: Value = "tanh",
    bias: Value = True,
    batch_first: Value = False,
    dropout: Value = 0.0,
    bidirectional: Value = False,
    device: Value = None,
    dtype: Value = None,
    proj_size: Value = 0,
) -> None:
    if isinstance(nonlinearity, str) and nonlinearity not in ("tanh", "relu"):
        ctx.fail("ValueError", f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
    values = (num_layers, bias, batch_first, dropout, bidirectional, proj_size)
    self.attrs.update(zip(_SETTINGS, values, strict=True))
    self.attrs.update(mode="RNN_TANH", input_size=input_size, hidden_size=hidden_size, nonlinearity=nonlinearity)
    _create(ctx, self, "rnn", dtype)


def _gated_init(cell: str) -> Callable[..., None]:
    def initialize(
        ctx: Context,
        self: Instance,
        input_size: Value,
        hidden_size: Value,
        num_layers: Value = 1,
        bias: Value = True,
        batch_first: Value = False,
        dropout: Value = 0.0,
        bidirectional: Value = False,
        proj_size: Value = 0,
        device: Value = None,
        dtype: Value = None,
    ) -> None:
        values = (num_layers, bias, batch_first, dropout, bidirectional, proj_size)
        self.attrs.update(zip(_SETTINGS, values, strict=True))
        self.attrs.update(mode=cell.upper(), input_size=input_size, hidden_size=hidden_size)
        _create(ctx, self, cell, dtype)

    return initialize


def _forward(cell: str, class_name: str) -> Callable[..., Value]:
    def forward(ctx: Context, self: Instance, input: Value, hx: Value = None) -> Value:  # noqa: A002
        x = input_tensor(ctx, input)
        attrs = self.attrs
        batch_first = as_bool(ctx, x.attributes.get(PACKED, attrs["batch_first"]), False)
        bidirectional = as_bool(ctx, attrs["bidirectional"], False)
        projection, hidden = as_int(attrs["proj_size"]), as_int(attrs["hidden_size"])
        layers = known_count(attrs["num_layers"])
        output = projection or hidden
        width = None if output is None else output * (2 if bidirectional else 1)
        shape = _sequence_shape(x.shape, attrs["input_size"])
        rank = 3 if shape is None else len(shape)
        time_axis = 1 if batch_first and rank == 3 else 0
        result = ctx.emit(
            Kind.RECURRENT,
            _inputs(x, hx),
            None if shape is None or width is None else (*shape[:-1], width),
            attributes={
                **_attributes(cell, attrs),
                "num_layers": layers,
                "bidirectional": bidirectional,
                "return_sequences": True,
                "time_axis": time_axis,
                "steps": None if shape is None else shape[time_axis],
                "dropout": as_number(attrs["dropout"]),
                "stateful": False,
                "unrolled": False,
            },
            parameters=parameters_of(self, *self.hidden.get("roles", ())),
            class_name=class_name,
            layer=self,
            dtype=None if shapes.is_floating(x.dtype) else "float32",
        )
        state = _final_state(ctx, result, cell, shape, layers, bidirectional, (output, hidden), time_axis)
        return (packed(ctx, result, batch_first) if PACKED in x.attributes else result, state)

    return forward


def _sequence_shape(shape: Shape | None, input_size: Value) -> Shape | None:
    if shape is None:
        return None
    if len(shape) not in (2, 3):
        raise ShapeMismatch(f"expected input to be 2D or 3D, got {len(shape)}D instead", Demand(shape, 3))
    if isinstance(input_size, int) and shape[-1] != input_size:
        message = f"input.size(-1) must be equal to input_size. Expected {input_size}, got {shape[-1]}"
        raise ShapeMismatch(message, Demand(shape, 3, -1, input_size))
    return shape


def _inputs(x: Tensor, state: Value) -> tuple[Tensor, ...]:
    """The input, and the initial state where it is given."""
    states = state if isinstance(state, (tuple, list)) else (state,)
    return (x, *[tensor for tensor in states if isinstance(tensor, Tensor)])


def _attributes(cell: str, attrs: dict[str, Value]) -> dict[str, Any]:
    activation = attrs.get("nonlinearity", "tanh")
    return {
        "cell": cell,
        "input_size": as_int(attrs["input_size"]),
        "hidden_size": as_int(attrs["hidden_size"]),
        "proj_size": as_int(attrs.get("proj_size", 0)),
        "activation": activation if isinstance(activation, str) else "tanh",
        "recurrent_activation": None if cell == "rnn" else "sigmoid",
        "reset_after": cell == "gru",
        "layout": "torch",
        "gates": _CELLS[cell][1],
    }


def _final_state(
    ctx: Context,
    sequence: Tensor,
    cell: str,
    shape: Shape | None,
    layers: int | None,
    bidirectional: bool,
    widths: tuple[int | None, int | None],
    time_axis: int,
) -> Value:
    """h_n, or (h_n, c_n): the last step of each layer and direction, which the node's output stands for."""
    states = []
    for width in widths if cell == "lstm" else widths[:1]:
        state_shape: Shape | None = None
        if shape is not None and layers is not None and width is not None:
            batch = () if len(shape) == 2 else (shape[1 - time_axis],)
            state_shape = (layers * (2 if bidirectional else 1), *batch, width)
        states.append(
            ctx.emit(
                Kind.RESHAPE,
                (sequence,),
                state_shape,
                attributes={"operation": "slice", "axis": time_axis, "last_step": True},
            )
        )
    return tuple(states) if cell == "lstm" else states[0]


def _flatten_parameters(ctx: Context, self: Instance) -> None:
    pass


def _all_weights(ctx: Context, self: Instance) -> list[Value]:
    return [self.attrs[name] for name in self.hidden.get("roles", ()) if name in self.attrs]


layer_class(NAMES, "RNNBase", {"reset_parameters": reset_parameters, "flatten_parameters": _flatten_parameters})
for _name, _cell, _init in (
    ("RNN", "rnn", _rnn_init),
    ("LSTM", "lstm", _gated_init("lstm")),
    ("GRU", "gru", _gated_init("gru")),
):
    layer_class(
        NAMES, _name, {"__init__": _init, "forward": _forward(_cell, f"torch.nn.{_name}")}, base="torch.nn.RNNBase"
    )


# Cells: one step.


def _create_cell(
    ctx: Context, layer: Instance, cell: str, input_size: Value, hidden_size: Value, bias: Value, dtype: Value
) -> None:
    layer.attrs.update(input_size=input_size, hidden_size=hidden_size, bias=bias)
    rows = _CELLS[cell][0] * hidden_size if isinstance(hidden_size, int) else None
    default = uniform_default(hidden_size if isinstance(hidden_size, int) else None)
    biased = as_bool(ctx, bias, True)
    wanted: dict[str, tuple[Shape | None, Distribution] | None] = {
        "weight_ih": (as_shape(rows, input_size), default),
        "weight_hh": (as_shape(rows, hidden_size), default),
        "bias_ih": (as_shape(rows), default) if biased else None,
        "bias_hh": (as_shape(rows), default) if biased else None,
    }
    add_parameters(ctx, layer, wanted, dtype, is_assumed(input_size, hidden_size))


def _rnn_cell_init(
    ctx: Context,
    self: Instance,
    input_size: Value,
    hidden_size: Value,
    bias: Value = True,
    nonlinearity: Value = "tanh",
    device: Value = None,
    dtype: Value = None,
) -> None:
    self.attrs["nonlinearity"] = nonlinearity
    _create_cell(ctx, self, "rnn", input_size, hidden_size, bias, dtype)


def _gated_cell_init(cell: str) -> Callable[..., None]:
    def initialize(
        ctx: Context,
        self: Instance,
        input_size: Value,
        hidden_size: Value,
        bias: Value = True,
        device: Value = None,
        dtype: Value = None,
    ) -> None:
        _create_cell(ctx, self, cell, input_size, hidden_size, bias, dtype)

    return initialize


_CELL_ROLES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _cell_forward(cell: str, class_name: str) -> Callable[..., Value]:
    def forward(ctx: Context, self: Instance, input: Value, hx: Value = None) -> Value:  # noqa: A002
        x = input_tensor(ctx, input)
        shape, size, hidden = x.shape, self.attrs["input_size"], as_int(self.attrs["hidden_size"])
        if shape is not None:
            if len(shape) not in (1, 2):
                raise ShapeMismatch(f"expected input to be 1D or 2D, got {len(shape)}D instead", Demand(shape, 2))
            if isinstance(size, int) and shape[-1] != size:
                message = f"input has inconsistent input_size: got {shape[-1]} expected {size}"
                raise ShapeMismatch(message, Demand(shape, 2, -1, size))
        new_shape = None if shape is None or hidden is None else (*shape[:-1], hidden)
        roles = {f"{name}_l0": parameter for name, parameter in parameters_of(self, *_CELL_ROLES).items()}
        result = ctx.emit(
            Kind.RECURRENT,
            _inputs(x, hx),
            new_shape,
            attributes={
                **_attributes(cell, self.attrs),
                "num_layers": 1,
                "bidirectional": False,
                "return_sequences": False,
                "steps": 1,
                "unrolled": True,
            },
            parameters=roles,
            class_name=class_name,
            layer=self,
            dtype=None if shapes.is_floating(x.dtype) else "float32",
        )
        if cell != "lstm":
            return result
        memory = ctx.emit(Kind.RESHAPE, (result,), new_shape, attributes={"operation": "identity", "state": "cell"})
        return (result, memory)

    return forward


layer_class(NAMES, "RNNCellBase", {"reset_parameters": reset_parameters})
for _name, _cell, _init in (
    ("RNNCell", "rnn", _rnn_cell_init),
    ("LSTMCell", "lstm", _gated_cell_init("lstm")),
    ("GRUCell", "gru", _gated_cell_init("gru")),
):
    layer_class(
        NAMES,
        _name,
        {"__init__": _init, "forward": _cell_forward(_cell, f"torch.nn.{_name}")},
        base="torch.nn.RNNCellBase",
    )
