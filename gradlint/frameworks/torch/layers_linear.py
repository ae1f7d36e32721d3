"""`torch.nn.Linear`, `Bilinear` and `Identity`."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.torch.arguments import as_bool, as_shape, input_tensor, is_assumed
from gradlint.frameworks.torch.distributions import uniform_default
from gradlint.frameworks.torch.layers import add_parameters, layer_class, parameters_of, reset_parameters
from gradlint.network import Kind, Parameter, Shape

NAMES: dict[str, Value] = {}


def emit_linear(
    ctx: Context,
    x: Tensor,
    parameters: dict[str, Parameter],
    out_features: Value,
    in_features: Value,
    layer: Instance,
    class_name: str = "torch.nn.Linear",
    **attributes: Value,
) -> Tensor:
    """A LINEAR node on the last axis of `x`."""
    shape: Shape | None = x.shape
    if shape is not None:
        if not shape or (isinstance(in_features, int) and shape[-1] != in_features):
            message = f"mat1 and mat2 shapes cannot be multiplied ({shape} and {in_features}x{out_features})"
            raise ShapeMismatch(message, Demand(shape, size=in_features))
        shape = (*shape[:-1], out_features) if isinstance(out_features, int) else None
    known = {"in_features": in_features, "out_features": out_features}
    return ctx.emit(
        Kind.LINEAR,
        (x,),
        shape,
        attributes={key: value if isinstance(value, int) else None for key, value in known.items()} | attributes,
        parameters=parameters,
        class_name=class_name,
        layer=layer,
        dtype=None if shapes.is_floating(x.dtype) else "float32",
    )


def _linear_init(
    ctx: Context,
    self: Instance,
    in_features: Value,
    out_features: Value,
    bias: Value = True,
    device: Value = None,
    dtype: Value = None,
) -> None:
    attrs = self.attrs
    attrs["in_features"], attrs["out_features"] = in_features, out_features
    default = uniform_default(in_features if isinstance(in_features, int) else None)
    rows = {
        "weight": (as_shape(out_features, in_features), default),
        "bias": (as_shape(out_features), default) if as_bool(ctx, bias, True) else None,
    }
    add_parameters(ctx, self, rows, dtype, is_assumed(in_features, out_features))


def _linear_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    attrs = self.attrs
    out_features, in_features = attrs.get("out_features"), attrs.get("in_features")
    weight = attrs.get("weight")
    if isinstance(weight, Tensor) and weight.shape is not None and len(weight.shape) == 2:
        out_features, in_features = weight.shape
    x = input_tensor(ctx, input)
    return emit_linear(ctx, x, parameters_of(self, "weight", "bias"), out_features, in_features, self)


layer_class(
    NAMES,
    "Linear",
    {"__init__": _linear_init, "forward": _linear_forward, "reset_parameters": reset_parameters},
)
layer_class(NAMES, "NonDynamicallyQuantizableLinear", {}, base="torch.nn.Linear")


# Bilinear: y = x1^T A x2 + b, which is linear in the outer product of its inputs.


def _bilinear_init(
    ctx: Context,
    self: Instance,
    in1_features: Value,
    in2_features: Value,
    out_features: Value,
    bias: Value = True,
    device: Value = None,
    dtype: Value = None,
) -> None:
    self.attrs.update(in1_features=in1_features, in2_features=in2_features, out_features=out_features)
    default = uniform_default(in1_features if isinstance(in1_features, int) else None)
    rows = {
        "weight": (as_shape(out_features, in1_features, in2_features), default),
        "bias": (as_shape(out_features), default) if as_bool(ctx, bias, True) else None,
    }
    add_parameters(ctx, self, rows, dtype, is_assumed(in1_features, in2_features, out_features))


def _bilinear_forward(ctx: Context, self: Instance, input1: Value, input2: Value) -> Tensor:
    first, second = input_tensor(ctx, input1), input_tensor(ctx, input2)
    one, two, out = (self.attrs[name] for name in ("in1_features", "in2_features", "out_features"))
    flat: Shape | None = None
    if first.shape is not None and second.shape is not None:
        if first.shape[:-1] != second.shape[:-1] or (first.shape[-1], second.shape[-1]) != (one, two):
            raise ShapeMismatch(f"bilinear inputs {first.shape} and {second.shape} do not fit {one} and {two}")
        flat = (*first.shape[:-1], first.shape[-1] * second.shape[-1])
    outer = ctx.emit(Kind.MULTIPLY, (first, second), flat, attributes={"outer": True}, class_name="torch.nn.Bilinear")
    width = one * two if isinstance(one, int) and isinstance(two, int) else None
    return emit_linear(ctx, outer, parameters_of(self, "weight", "bias"), out, width, self, "torch.nn.Bilinear")


layer_class(
    NAMES,
    "Bilinear",
    {"__init__": _bilinear_init, "forward": _bilinear_forward, "reset_parameters": reset_parameters},
)


# Identity.


def _identity_init(ctx: Context, self: Instance, /, *args: Value, **kwargs: Value) -> None:
    pass


def _identity_forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
    return input


layer_class(NAMES, "Identity", {"__init__": _identity_init, "forward": _identity_forward})
