"""Activation layers: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Unknown, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.torch.arguments import REQUIRED, as_number, as_shape, bind, input_tensor, is_assumed
from gradlint.frameworks.torch.distributions import constant
from gradlint.frameworks.torch.layers import add_parameters, layer_class, parameters_of, reset_parameters
from gradlint.network import Kind, Shape

NAMES: dict[str, Value] = {}


@dataclass(frozen=True, slots=True)
class Row:
    """One activation layer.

    `fields` are the constructor's parameters with their defaults, `settings` the node's attributes and the
    fields that give them; a field given as a tuple is (field, value to use in place of None).
    """

    name: str
    function: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


_INPLACE = {"inplace": False}

ROWS = (
    Row("ReLU", "relu", _INPLACE),
    Row("ReLU6", "relu6", _INPLACE),
    Row("LeakyReLU", "leaky_relu", {"negative_slope": 0.01, "inplace": False}, {"negative_slope": "negative_slope"}),
    Row(
        "RReLU",
        "rrelu",
        {"lower": 1 / 8, "upper": 1 / 3, "inplace": False},
        {"minimum": "lower", "maximum": "upper"},
    ),
    Row(
        "Hardtanh",
        "hard_tanh",
        {"min_val": -1.0, "max_val": 1.0, "inplace": False, "min_value": None, "max_value": None},
        {"minimum": "min_val", "maximum": "max_val"},
    ),
    Row("ELU", "elu", {"alpha": 1.0, "inplace": False}, {"alpha": "alpha"}),
    Row("CELU", "celu", {"alpha": 1.0, "inplace": False}, {"alpha": "alpha"}),
    Row("SELU", "selu", _INPLACE),
    Row("GELU", "gelu", {"approximate": "none"}, {"approximate": "approximate"}),
    Row("SiLU", "silu", _INPLACE),
    Row("Mish", "mish", _INPLACE),
    Row("Hardswish", "hard_silu", _INPLACE),
    Row("Hardsigmoid", "hard_sigmoid", _INPLACE),
    Row("Sigmoid", "sigmoid"),
    Row("LogSigmoid", "log_sigmoid"),
    Row("Tanh", "tanh"),
    Row("Softsign", "softsign"),
    Row("Softplus", "softplus", {"beta": 1.0, "threshold": 20.0}, {"beta": "beta", "threshold": "threshold"}),
    Row("Tanhshrink", "tanh_shrink"),
    Row("Softshrink", "soft_shrink", {"lambd": 0.5}, {"threshold": "lambd"}),
    Row("Hardshrink", "hard_shrink", {"lambd": 0.5}, {"threshold": "lambd"}),
    Row(
        "Threshold",
        "threshold",
        {"threshold": REQUIRED, "value": REQUIRED, "inplace": False},
        {"threshold": "threshold", "value": "value"},
    ),
)


def emit_activation(
    ctx: Context,
    layer: Instance,
    x: Tensor,
    function: str,
    class_name: str,
    settings: Mapping[str, Value],
    shape: Shape | None = None,
) -> Tensor:
    """An ACTIVATION node; `shape` only where it is not that of `x`. An `inplace` layer changes `x` itself."""
    result = ctx.emit(
        Kind.ACTIVATION,
        (x,),
        x.shape if shape is None else shape,
        attributes={"function": function, **settings},
        class_name=class_name,
        layer=layer,
        dtype=None if shapes.is_floating(x.dtype) or function == "relu" else "float32",
    )
    if layer.attrs.get("inplace") is True and x.parameter is None:
        return nodes.adopt(ctx, x, result)
    return result


def _define(row: Row) -> None:
    class_name = f"torch.nn.{row.name}"
    fields, settings, function = row.fields, row.settings, row.function

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        self.attrs.update(bind(fields, args, kwargs))

    def forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
        attrs = self.attrs
        known = {name: attrs.get(source) for name, source in settings.items()} if settings else settings
        return emit_activation(ctx, self, input_tensor(ctx, input), function, class_name, known)

    layer_class(NAMES, row.name, {"__init__": initialize, "forward": forward})


for _row in ROWS:
    _define(_row)


# Softmax and its kin normalize over an axis.


def _axis(x: Tensor, dim: Value) -> int | None:
    """The axis from the front; None given means torch's guess from the number of dimensions."""
    if dim is None:
        return None if x.shape is None else (0 if len(x.shape) in (0, 1, 3) else 1)
    if not isinstance(dim, int):
        return None
    return dim if x.shape is None else shapes.axis_of(dim, len(x.shape), x.shape)


def _define_softmax(name: str, function: str) -> None:
    class_name = f"torch.nn.{name}"

    def initialize(ctx: Context, self: Instance, dim: Value = None) -> None:
        self.attrs["dim"] = dim

    def forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
        x = input_tensor(ctx, input)
        dim = self.attrs.get("dim")
        settings = {"axis": _axis(x, dim), "from_end": isinstance(dim, int) and dim < 0}
        return emit_activation(ctx, self, x, function, class_name, settings)

    layer_class(NAMES, name, {"__init__": initialize, "forward": forward})


for _name, _function in (("Softmax", "softmax"), ("Softmin", "softmin"), ("LogSoftmax", "log_softmax")):
    _define_softmax(_name, _function)


def _softmax2d_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    x = input_tensor(ctx, input)
    if x.shape is not None and len(x.shape) not in (3, 4):
        raise ShapeMismatch(f"Softmax2d: expected input to be 3D or 4D, got {x.shape}")
    return emit_activation(ctx, self, x, "softmax", "torch.nn.Softmax2d", {"axis": _axis(x, -3)})


layer_class(NAMES, "Softmax2d", {"forward": _softmax2d_forward})


# GLU halves an axis.


def _glu_init(ctx: Context, self: Instance, dim: Value = -1) -> None:
    self.attrs["dim"] = dim


def _glu_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    x = input_tensor(ctx, input)
    axis = _axis(x, self.attrs.get("dim", -1))
    shape = x.shape
    if shape is None or axis is None:
        return ctx.emit(
            Kind.ACTIVATION,
            (x,),
            None,
            attributes={"function": "glu", "axis": axis},
            class_name="torch.nn.GLU",
            layer=self,
        )
    if shape[axis] % 2:
        raise ShapeMismatch(f"halving dimension must be even, but dimension {axis} is of size {shape[axis]}")
    halved = (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])
    return emit_activation(ctx, self, x, "glu", "torch.nn.GLU", {"axis": axis}, halved)


layer_class(NAMES, "GLU", {"__init__": _glu_init, "forward": _glu_forward})


# PReLU has a learned slope.


def _prelu_init(
    ctx: Context,
    self: Instance,
    num_parameters: Value = 1,
    init: Value = 0.25,
    device: Value = None,
    dtype: Value = None,
) -> None:
    self.attrs["num_parameters"], self.attrs["init"] = num_parameters, init
    default = constant(as_number(init), "" if isinstance(init, Unknown) else "torch's default")
    add_parameters(ctx, self, {"weight": (as_shape(num_parameters), default)}, dtype, is_assumed(num_parameters))


def _prelu_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    x = input_tensor(ctx, input)
    count = self.attrs.get("num_parameters")
    if x.shape is not None and isinstance(count, int) and count > 1 and (len(x.shape) < 2 or x.shape[1] != count):
        raise ShapeMismatch(f"PReLU of {count} parameters does not fit an input of shape {x.shape}")
    return ctx.emit(
        Kind.ACTIVATION,
        (x,),
        x.shape,
        attributes={"function": "prelu"},
        parameters=parameters_of(self, "weight"),
        class_name="torch.nn.PReLU",
        layer=self,
    )


layer_class(
    NAMES,
    "PReLU",
    {"__init__": _prelu_init, "forward": _prelu_forward, "reset_parameters": reset_parameters},
)
