"""Methods that tensors and variables of TensorFlow and Keras have, and arrays of numpy, beyond those of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, BoundMethod, Native, Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.keras.initializers import distribution
from gradlint.frameworks.keras.inputs import dtype_name
from gradlint.frameworks.keras.ops.operation import tensor
from gradlint.frameworks.weights import add_in_place, overwrite
from gradlint.network import UNKNOWN


def _get_shape(ctx: Context, self: Tensor) -> Value:
    return ctx.getattr(self, "shape")


def _set_shape(ctx: Context, self: Tensor, shape: Value = None) -> None:
    """A promise about the shape, which is kept where it was not known."""
    known = shapes.sizes(shape)
    if self.shape is None and known is not None:
        self.node.shape = known


def _astype(ctx: Context, self: Tensor, dtype: Value = None, *args: Value, **kwargs: Value) -> Value:
    name = dtype_name(dtype, self.dtype)
    result = nodes.reshaped(ctx, self, self.shape, "cast", values=self.values)
    result.dtype = name
    return result


def _same(ctx: Context, self: Tensor, *args: Value, **kwargs: Value) -> Value:
    return self


def _assign(ctx: Context, self: Tensor, value: Value = None, *args: Value, **kwargs: Value) -> Value:
    """`variable.assign(value)`: on a parameter, initialization."""
    if self.parameter is not None:
        made = tensor(ctx, value) if value is not None else None
        drawn = nodes.distribution_of(made) if made is not None else None
        overwrite(ctx, self, drawn or UNKNOWN)
    return self


def _assign_add(sign: float) -> Callable[..., Value]:
    def method(ctx: Context, self: Tensor, value: Value = None, *args: Value, **kwargs: Value) -> Value:
        if self.parameter is not None:
            add_in_place(ctx, self, tensor(ctx, value), sign)
        return self

    return method


def _initialized(ctx: Context, self: Tensor, initializer: Value = None) -> Value:
    if self.parameter is not None:
        overwrite(ctx, self, distribution(ctx, initializer, self.shape, explicit=True))
    return self


METHODS: Mapping[str, Callable[..., Value]] = {
    "get_shape": _get_shape,
    "set_shape": _set_shape,
    "astype": _astype,
    "value": _same,
    "read_value": _same,
    "initialized_value": _same,
    "eval": _same,
    "copy": _same,
    "assign": _assign,
    "assign_add": _assign_add(1.0),
    "assign_sub": _assign_add(-1.0),
    "initialize": _initialized,
}


def attribute(ctx: Context, value: Tensor, name: str) -> Value:
    """`tensor.name` for a method or attribute that only TensorFlow, Keras or numpy have, or `MISSING`."""
    if name == "trainable":
        return value.parameter.trainable if value.parameter is not None else False
    if name == "name":
        return value.parameter.name if value.parameter is not None else ""
    if name == "handle":
        return value
    method = METHODS.get(name)
    return MISSING if method is None else BoundMethod(Native(f"tensorflow.Tensor.{name}", method), value)
