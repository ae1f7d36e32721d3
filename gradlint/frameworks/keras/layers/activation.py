"""Activations as layers: ReLU, LeakyReLU, PReLU, ELU, Softmax and their kin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Value
from gradlint.frameworks.keras.activations import emit_activation
from gradlint.frameworks.keras.arguments import is_int, is_number, signature, sizes
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import tensor_or_none
from gradlint.frameworks.keras.weights import parameters, weight
from gradlint.network import Kind


def _call(name: str) -> Callable[..., Value]:
    def call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
        return emit_activation(ctx, name, ctx.as_tensor(inputs), self.attrs, self)

    return call


def _renamed(old: str, new: str, default: float) -> Callable[[Context, Instance], None]:
    """Let an argument that Keras 2 called otherwise stand for today's."""

    def setup(ctx: Context, self: Instance) -> None:
        options: Mapping[str, Value] = self.hidden.get("options", {})
        if is_number(options.get(old)) and new not in self.hidden["given"]:
            self.attrs[new] = options[old]
        elif not is_number(self.attrs.get(new)):
            self.attrs[new] = default

    return setup


def _softmax_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    return emit_activation(ctx, "softmax", ctx.as_tensor(inputs), self.attrs, self)


def _prelu_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    shape: list[Any] | None = None
    if isinstance(input_shape, (list, tuple)):
        shape = list(input_shape[1:])
        shared = self.attrs.get("shared_axes")
        axes = sizes(shared, 1) if is_int(shared) else shared
        if isinstance(axes, (list, tuple)):
            for axis in axes:
                if is_int(axis) and 1 <= axis <= len(shape):
                    shape[axis - 1] = 1
    self.hidden["built"] = shape is not None
    weight(ctx, self, "alpha", shape, self.attrs.get("alpha_initializer"))


def _prelu_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    alpha = tensor_or_none(self.attrs.get("alpha"))
    slope = alpha.parameter.distribution.mean if alpha is not None and alpha.parameter is not None else 0.0
    return ctx.emit(
        Kind.ACTIVATION,
        [x],
        x.shape,
        attributes={"function": "prelu", "negative_slope": slope},
        parameters=parameters(weight=alpha),
        class_name="keras.layers.PReLU",
        layer=self,
    )


LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec("ReLU", signature(max_value=None, negative_slope=0.0, threshold=0.0), _call("relu")),
    LayerSpec(
        "LeakyReLU", signature(negative_slope=0.3), _call("leaky_relu"), None, _renamed("alpha", "negative_slope", 0.3)
    ),
    LayerSpec("ELU", signature(alpha=1.0), _call("elu")),
    LayerSpec("Softmax", signature(axis=-1), _softmax_call),
    LayerSpec(
        "PReLU",
        signature(alpha_initializer="zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None),
        _prelu_call,
        _prelu_build,
    ),
    LayerSpec(
        "ThresholdedReLU",
        signature(theta=1.0),
        lambda ctx, self, inputs=None, *args, **kwargs: emit_activation(
            ctx, "threshold", ctx.as_tensor(inputs), {"threshold": self.attrs.get("theta")}, self
        ),
    ),
)
