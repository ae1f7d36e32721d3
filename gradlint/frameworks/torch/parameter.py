"""`torch.nn.Parameter` and `Buffer`: what turns a tensor into something that a module registers."""

from __future__ import annotations

from dataclasses import replace

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Class, Tensor, Value
from gradlint.frameworks.torch.arguments import as_bool, dtype_name, is_assumed
from gradlint.frameworks.torch.distributions import distribution_of
from gradlint.frameworks.torch.layers import layer_class
from gradlint.network import UNKNOWN

NAMES: dict[str, Value] = {}


def _new_parameter(ctx: Context, cls: Value, data: Value = None, requires_grad: Value = True) -> Tensor:
    trainable = as_bool(ctx, requires_grad, True)
    if not isinstance(data, Tensor):
        shape = (0,) if data is None else None
        return ctx.parameter(shape, UNKNOWN, trainable=trainable)
    assumed = is_assumed(data.shape) or (data.parameter is not None and data.parameter.assumed)
    drawn = distribution_of(data)
    if drawn.known:
        drawn = replace(drawn, explicit=True, origin=drawn.origin or ctx.origin())
    made = ctx.parameter(data.shape, drawn, trainable=trainable, dtype=data.dtype, assumed=assumed)
    made.values = data.values
    return made


def _new_uninitialized(
    ctx: Context, cls: Value, requires_grad: Value = True, device: Value = None, dtype: Value = None
) -> Tensor:
    return ctx.parameter(
        None, UNKNOWN, trainable=as_bool(ctx, requires_grad, True), dtype=dtype_name(dtype) or "float32"
    )


def _new_buffer(ctx: Context, cls: Value, data: Value = None, *, persistent: Value = True) -> Value:
    return ctx.as_tensor(data) if data is not None else ctx.opaque("an empty buffer", (), (0,))


for _name, _new in (
    ("Parameter", _new_parameter),
    ("UninitializedParameter", _new_uninitialized),
    ("Buffer", _new_buffer),
    ("UninitializedBuffer", _new_buffer),
):
    layer_class(NAMES, _name, {"__new__": _new}, base="torch.Tensor")

PARAMETER: Class = NAMES["nn.Parameter"]
