"""Recurrent layers: SimpleRNN, LSTM, GRU, ConvLSTM, and RNN over any cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Native, Tensor, Value, tensors_in
from gradlint.frameworks import nodes
from gradlint.frameworks.indexing import get_item
from gradlint.frameworks.keras.activations import activation_name
from gradlint.frameworks.keras.arguments import flag, integer, is_number, signature, sizes
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import channel_count, channels_first, class_name, rank_of, tensor_or_none
from gradlint.frameworks.keras.layers.core import last_size
from gradlint.frameworks.keras.sizes import pads
from gradlint.frameworks.keras.weights import weight
from gradlint.frameworks.registry import resolve
from gradlint.frameworks.shapes import convolved
from gradlint.network import ONES, Kind, Parameter

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
ORDER = {"lstm": "ifgo", "gru": "zrn", "rnn": ""}
ROLES = (("kernel", "weight_ih_l0"), ("recurrent_kernel", "weight_hh_l0"), ("bias", "bias_ih_l0"))

_MOST_STEPS = 32


def build_cell(ctx: Context, self: Instance, cell: str, inputs: Any) -> None:
    """Kernel (inputs, gates * units), recurrent kernel (units, gates * units) and bias of a cell or its layer."""
    attrs, count = self.attrs, GATES[cell]
    units = integer(attrs.get("units"))
    wide = None if units is None else units * count
    self.hidden["built"] = inputs is not None
    weight(ctx, self, "kernel", None if inputs is None else (inputs, wide), attrs.get("kernel_initializer"))
    recurrent = (units, wide)
    weight(ctx, self, "recurrent_kernel", recurrent, attrs.get("recurrent_initializer"), explicit=_chosen(self))
    if attrs.get("use_bias") is False:
        attrs["bias"] = None
        return
    twice = cell == "gru" and attrs.get("reset_after") is not False
    known = "bias" in self.hidden.get("weights", {})
    bias = weight(ctx, self, "bias", (2, wide) if twice else (wide,), attrs.get("bias_initializer"))
    forgets = cell == "lstm" and attrs.get("unit_forget_bias") is not False
    if forgets and not known and bias.parameter is not None and units is not None:
        forget_bias(bias.parameter, units)


def _chosen(self: Instance) -> bool:
    return "recurrent_initializer" in self.hidden.get("given", ())


def forget_bias(bias: Parameter, units: int) -> None:
    """Set the forget gate's part of an LSTM bias to one, as `unit_forget_bias` does."""
    bias.distribution = replace(bias.distribution, parts=(((0, units, 2 * units), ONES),), text="unit_forget_bias")


def cell_attributes(self: Instance, cell: str) -> dict[str, Any]:
    """The attributes that a RECURRENT node has from a cell or a layer."""
    attrs = self.attrs
    kernel = tensor_or_none(attrs.get("kernel"))
    dropout = attrs.get("dropout")
    return {
        "cell": cell,
        "input_size": kernel.shape[0] if kernel is not None and kernel.shape else None,
        "hidden_size": integer(attrs.get("units")),
        "num_layers": 1,
        "bidirectional": False,
        "activation": function_name(attrs.get("activation", "tanh")),
        "recurrent_activation": function_name(attrs.get("recurrent_activation", "sigmoid")) if cell != "rnn" else None,
        "reset_after": cell == "gru" and attrs.get("reset_after") is not False,
        "dropout": float(dropout) if is_number(dropout) else 0.0,
        "layout": "keras",
        "gates": ORDER[cell],
    }


def function_name(activation: Value) -> str:
    """The canonical name of a cell's activation; "unknown" where it is not known."""
    from gradlint.frameworks.keras.activations import ACTIVATIONS

    if activation is None:
        return "linear"
    if isinstance(activation, Native):
        activation = activation.name.rpartition(".")[2]
    name = activation_name(activation) if isinstance(activation, str) else None
    return ACTIVATIONS[name].function if name is not None else "unknown"


def cell_parameters(self: Instance, suffix: str = "") -> dict[str, Parameter]:
    """The parameters of a cell or layer under torch's role names."""
    found = {}
    for name, role in ROLES:
        tensor = tensor_or_none(self.attrs.get(name))
        if tensor is not None and tensor.parameter is not None:
            found[role + suffix] = tensor.parameter
    return found


def _states(ctx: Context, initial: Value) -> list[Tensor]:
    return tensors_in(initial)


def recur(ctx: Context, self: Instance, cell: str, x: Tensor, initial: Value, owner: Instance | None = None) -> Value:
    """The RECURRENT node of a layer over a sequence (batch, time, features), and its states if it returns them.

    `owner` is the cell that holds the weights, if it is not the layer itself.
    """
    source = owner or self
    units = integer(source.attrs.get("units"))
    sequences, steps = flag(self.attrs.get("return_sequences")), None
    shape = None
    if x.shape is not None:
        if len(x.shape) != 3:
            raise ShapeMismatch(f"{self.attrs.get('name')} expects 3 axes, but the input is {x.shape}")
        steps = x.shape[1]
        if units is not None:
            shape = (x.shape[0], steps, units) if sequences else (x.shape[0], units)
    out = ctx.emit(
        Kind.RECURRENT,
        [x, *_states(ctx, initial)],
        shape,
        attributes={
            **cell_attributes(source, cell),
            "return_sequences": sequences,
            "time_axis": 1,
            "steps": steps,
            "stateful": flag(self.attrs.get("stateful")),
            "unrolled": False,
            "go_backwards": flag(self.attrs.get("go_backwards")),
        },
        parameters=cell_parameters(source),
        class_name=class_name(self),
        layer=self,
        dtype="float32",
    )
    if not flag(self.attrs.get("return_state")):
        return out
    return [out, *final_states(ctx, out, cell, None if x.shape is None or units is None else (x.shape[0], units))]


def final_states(ctx: Context, out: Tensor, cell: str, shape: tuple[int, ...] | None) -> list[Tensor]:
    """The last hidden state, and for an LSTM the cell state, as tensors that come out of the node."""
    count = 2 if cell == "lstm" else 1
    return [nodes.reshaped(ctx, out, shape, "slice", state=index) for index in range(count)]


def _layer(cell: str) -> tuple[Callable[..., None], Callable[..., Value]]:
    def build(ctx: Context, self: Instance, input_shape: Value = None, *args: Value) -> None:
        if isinstance(input_shape, (list, tuple)) and input_shape and isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        build_cell(ctx, self, cell, last_size(input_shape))

    def call(
        ctx: Context,
        self: Instance,
        sequences: Value = None,
        initial_state: Value = None,
        *args: Value,
        **kwargs: Value,
    ) -> Value:
        if isinstance(sequences, (list, tuple)) and sequences:
            sequences, initial_state = sequences[0], sequences[1:]
        return recur(ctx, self, cell, ctx.as_tensor(kwargs.get("inputs", sequences)), initial_state)

    return build, call


def _over_cell_setup(ctx: Context, self: Instance) -> None:
    cell = self.attrs.get("cell")
    if isinstance(cell, (list, tuple)):
        self.attrs["cell"] = ctx.instantiate(resolve("keras.layers.StackedRNNCells"), list(cell))


_CELLS = {"SimpleRNNCell": "rnn", "LSTMCell": "lstm", "GRUCell": "gru"}


def cell_kind(cell: Value) -> str | None:
    """Which of the known cells an object is; None for a cell of the source."""
    if isinstance(cell, Instance) and cell.cls.syntax is None:
        return _CELLS.get(cell.cls.name.rpartition(".")[2])
    return None


def _over_cell_call(
    ctx: Context, self: Instance, sequences: Value = None, initial_state: Value = None, *args: Value, **kwargs: Value
) -> Value:
    """`RNN(cell)`: one node for a known cell, one each for stacked cells, step by step for a cell of the source."""
    x, cell = ctx.as_tensor(sequences), self.attrs.get("cell")
    kind = cell_kind(cell)
    if kind is not None and isinstance(cell, Instance):
        build_cell(ctx, cell, kind, x.shape[-1] if x.shape else None)
        return recur(ctx, self, kind, x, initial_state, cell)
    stacked = cell.attrs.get("cells") if isinstance(cell, Instance) and cell.cls.syntax is None else None
    if isinstance(stacked, (list, tuple)) and all(cell_kind(inner) for inner in stacked):
        return _stacked(ctx, self, x, stacked)
    return _unrolled(ctx, self, x, cell, initial_state)


def _stacked(ctx: Context, self: Instance, x: Tensor, cells: Sequence[Value]) -> Value:
    returns = self.attrs.get("return_sequences"), self.attrs.get("return_state")
    result: Value = x
    states: list[Value] = []
    for position, cell in enumerate(cells):
        last = position == len(cells) - 1
        kind = cell_kind(cell)
        assert kind is not None
        assert isinstance(cell, Instance)
        build_cell(ctx, cell, kind, result.shape[-1] if result.shape else None)
        self.attrs["return_sequences"], self.attrs["return_state"] = returns[0] if last else True, True
        result, *final = recur(ctx, self, kind, result, None, cell)
        states.extend(final)
    self.attrs["return_sequences"], self.attrs["return_state"] = returns
    return [result, *states] if flag(returns[1]) else result


def _unrolled(ctx: Context, self: Instance, x: Tensor, cell: Value, initial: Value) -> Value:
    if x.shape is None or len(x.shape) < 3:
        return ctx.opaque("a recurrent cell over a sequence of unknown shape", [x])
    size = ctx.getattr(cell, "state_size")
    state_sizes = list(size) if isinstance(size, (list, tuple)) else [size]
    states: Value = tensors_in(initial) or [
        nodes.constant(ctx, (x.shape[0], n) if integer(n) is not None else None, value=0.0) for n in state_sizes
    ]
    outputs: list[Tensor] = []
    steps = min(x.shape[1], _MOST_STEPS)
    for step in range(steps):
        result = ctx.call(cell, get_item(ctx, x, (slice(None), step)), states)
        if not isinstance(result, (list, tuple)) or len(result) < 2:
            return ctx.opaque("a recurrent cell that does not return output and states", [x])
        outputs.append(ctx.as_tensor(result[0]))
        states = result[1] if isinstance(result[1], (list, tuple)) else [result[1]]
    out = outputs[-1]
    if flag(self.attrs.get("return_sequences")):
        one = out.shape
        shape = None if one is None else (one[0], x.shape[1], *one[1:])
        out = ctx.emit(Kind.CONCATENATE, outputs, shape, attributes={"axis": 1, "stacked": True}, layer=self)
    return [out, *states] if flag(self.attrs.get("return_state")) else out


def _convolution_setup(ctx: Context, self: Instance) -> None:
    for key in ("kernel_size", "strides", "dilation_rate"):
        known = sizes(self.attrs.get(key, 1), rank_of(self))
        if known is not None:
            self.attrs[key] = known


def _convolution_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    attrs, first = self.attrs, channels_first(ctx, self)
    inside = (*input_shape[:1], *input_shape[2:]) if isinstance(input_shape, (list, tuple)) else None
    channels = channel_count(inside, first)
    filters, kernel = integer(attrs.get("filters")), sizes(attrs.get("kernel_size"), rank_of(self))
    self.hidden["built"] = channels is not None
    wide = None if filters is None else 4 * filters
    inner = None if kernel is None or channels is None else (*kernel, channels, wide)
    weight(ctx, self, "kernel", inner, attrs.get("kernel_initializer"))
    weight(
        ctx,
        self,
        "recurrent_kernel",
        None if kernel is None else (*kernel, filters, wide),
        attrs.get("recurrent_initializer"),
        explicit=_chosen(self),
    )
    if attrs.get("use_bias") is not False:
        bias = weight(ctx, self, "bias", (wide,), attrs.get("bias_initializer"))
        if attrs.get("unit_forget_bias") is not False and bias.parameter is not None and filters is not None:
            forget_bias(bias.parameter, filters)


def _convolution_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x, attrs, first, rank = ctx.as_tensor(inputs), self.attrs, channels_first(ctx, self), rank_of(self)
    filters, kernel = integer(attrs.get("filters")), sizes(attrs.get("kernel_size"), rank)
    stride, dilation = sizes(attrs.get("strides"), rank), sizes(attrs.get("dilation_rate"), rank)
    shape = None
    if x.shape is not None and filters is not None and kernel and stride and dilation:
        if len(x.shape) != rank + 3:
            raise ShapeMismatch(f"{attrs.get('name')} expects {rank + 3} axes, but the input is {x.shape}")
        spatial = x.shape[3:] if first else x.shape[2:-1]
        border = pads(attrs.get("padding"), spatial, kernel, stride, dilation)
        if border is not None:
            after = convolved(spatial, kernel, stride, border, dilation)
            grid = (filters, *after) if first else (*after, filters)
            steps = x.shape[1:2] if flag(attrs.get("return_sequences")) else ()
            shape = (x.shape[0], *steps, *grid)
    out = ctx.emit(
        Kind.RECURRENT,
        [x],
        shape,
        attributes={
            "cell": "conv_lstm",
            "input_size": None,
            "hidden_size": filters,
            "num_layers": 1,
            "bidirectional": False,
            "activation": function_name(attrs.get("activation")),
            "recurrent_activation": function_name(attrs.get("recurrent_activation")),
            "return_sequences": flag(attrs.get("return_sequences")),
            "time_axis": 1,
            "steps": x.shape[1] if x.shape else None,
            "kernel_size": kernel,
            "layout": "keras",
            "gates": "ifgo",
        },
        parameters=cell_parameters(self),
        class_name=class_name(self),
        layer=self,
    )
    if not flag(attrs.get("return_state")):
        return out
    state = None if shape is None else (shape[0], *shape[-rank - 1 :])
    return [out, *final_states(ctx, out, "lstm", state)]


_RUN: dict[str, Any] = {
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
}
_WEIGHTS: dict[str, Any] = {
    "use_bias": True,
    "kernel_initializer": "glorot_uniform",
    "recurrent_initializer": "orthogonal",
    "bias_initializer": "zeros",
}
PENALTIES: dict[str, Any] = dict.fromkeys(
    (
        "kernel_regularizer",
        "recurrent_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "recurrent_constraint",
        "bias_constraint",
    )
)
CELL_PENALTIES: dict[str, Any] = {key: None for key in PENALTIES if key != "activity_regularizer"}
RATES: dict[str, Any] = {"dropout": 0.0, "recurrent_dropout": 0.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "rnn": {"activation": "tanh", **_WEIGHTS},
    "lstm": {"activation": "tanh", "recurrent_activation": "sigmoid", **_WEIGHTS, "unit_forget_bias": True},
    "gru": {"activation": "tanh", "recurrent_activation": "sigmoid", **_WEIGHTS},
}


def _row(name: str, cell: str, **more: Any) -> LayerSpec:
    build, call = _layer(cell)
    arguments = signature("units", **SETTINGS[cell], **PENALTIES, **RATES, **more)
    return LayerSpec(name, arguments, call, build, methods={"reset_states": _nothing, "reset_state": _nothing})


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """Of no consequence for gradients."""


_CONVOLUTION: dict[str, Any] = {
    "strides": 1,
    "padding": "valid",
    "data_format": None,
    "dilation_rate": 1,
    **SETTINGS["lstm"],
    **PENALTIES,
    **RATES,
    "seed": None,
    **{key: value for key, value in _RUN.items() if key != "unroll"},
}

LAYERS: tuple[LayerSpec, ...] = (
    _row("SimpleRNN", "rnn", **_RUN, seed=None),
    _row("LSTM", "lstm", seed=None, **_RUN, use_cudnn="auto"),
    _row("GRU", "gru", seed=None, **_RUN, reset_after=True, use_cudnn="auto"),
    LayerSpec("RNN", signature("cell", **_RUN, zero_output_for_mask=False), _over_cell_call, None, _over_cell_setup),
    *(
        LayerSpec(
            f"ConvLSTM{rank}D",
            signature("filters", "kernel_size", **_CONVOLUTION),
            _convolution_call,
            _convolution_build,
            _convolution_setup,
        )
        for rank in (1, 2, 3)
    ),
)

ALIASES = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "LSTMV1": "LSTM", "GRUV1": "GRU"}
