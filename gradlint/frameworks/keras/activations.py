"""Keras activations: strings, functions and arguments, and the activation nodes that they stand for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Class, Instance, Native, Symbol, Tensor, Unknown, Value
from gradlint.frameworks.keras.arguments import Signature, is_int, is_number, signature
from gradlint.frameworks.registry import native
from gradlint.network import Kind


@dataclass(frozen=True, slots=True)
class ActivationSpec:
    """One function of `keras.activations`: its canonical name, its arguments, and the attributes of its node."""

    function: str
    signature: Signature
    attributes: Callable[[Mapping[str, Value]], dict[str, Any]] = field(default=lambda arguments: {})


def _renamed(**names: str) -> Callable[[Mapping[str, Value]], dict[str, Any]]:
    return lambda arguments: {new: arguments[old] for old, new in names.items() if is_number(arguments[old])}


def _axis(arguments: Mapping[str, Value]) -> dict[str, Any]:
    axis = arguments["axis"]
    return {"axis": axis} if is_int(axis) or isinstance(axis, (tuple, list)) else {}


def _approximate(arguments: Mapping[str, Value]) -> dict[str, Any]:
    return {"approximate": "tanh" if arguments["approximate"] is True else "none"}


def relu_attributes(arguments: Mapping[str, Value]) -> dict[str, Any]:
    """The attributes of Keras's ReLU with its slope, ceiling and threshold, where they differ from plain ReLU."""
    attributes: dict[str, Any] = {}
    if is_number(slope := arguments["negative_slope"]) and slope:
        attributes["negative_slope"] = float(slope)
    if is_number(maximum := arguments["max_value"]):
        attributes["maximum"] = float(maximum)
    if is_number(threshold := arguments["threshold"]) and threshold:
        attributes["threshold"] = float(threshold)
    return attributes


def relu_function(attributes: Mapping[str, Any]) -> str:
    """Which canonical function Keras's ReLU with these attributes is."""
    if attributes.get("threshold"):
        return "threshold"
    if attributes.get("negative_slope"):
        return "leaky_relu"
    return "relu6" if attributes.get("maximum") == 6.0 else "relu"


def _plain(function: str) -> ActivationSpec:
    return ActivationSpec(function, signature("x"))


ACTIVATIONS: Mapping[str, ActivationSpec] = {
    "linear": _plain("linear"),
    "sigmoid": _plain("sigmoid"),
    "tanh": _plain("tanh"),
    "relu": ActivationSpec("relu", signature("x", negative_slope=0.0, max_value=None, threshold=0.0), relu_attributes),
    "relu6": _plain("relu6"),
    "leaky_relu": ActivationSpec(
        "leaky_relu", signature("x", negative_slope=0.2), _renamed(negative_slope="negative_slope")
    ),
    "elu": ActivationSpec("elu", signature("x", alpha=1.0), _renamed(alpha="alpha")),
    "celu": ActivationSpec("celu", signature("x", alpha=1.0), _renamed(alpha="alpha")),
    "selu": _plain("selu"),
    "gelu": ActivationSpec("gelu", signature("x", approximate=False), _approximate),
    "silu": _plain("silu"),
    "mish": _plain("mish"),
    "softplus": _plain("softplus"),
    "softsign": _plain("softsign"),
    "exponential": _plain("exp"),
    "hard_sigmoid": _plain("hard_sigmoid"),
    "hard_silu": _plain("hard_silu"),
    "hard_tanh": _plain("hard_tanh"),
    "hard_shrink": ActivationSpec("hard_shrink", signature("x", threshold=0.5), _renamed(threshold="threshold")),
    "soft_shrink": ActivationSpec("soft_shrink", signature("x", threshold=0.5), _renamed(threshold="threshold")),
    "tanh_shrink": _plain("tanh_shrink"),
    "threshold": ActivationSpec(
        "threshold", signature("x", "threshold", "default_value"), _renamed(threshold="threshold")
    ),
    "log_sigmoid": _plain("log_sigmoid"),
    "squareplus": ActivationSpec("squareplus", signature("x", b=4), _renamed(b="alpha")),
    "sparse_plus": _plain("sparse_plus"),
    "sparse_sigmoid": _plain("sparse_sigmoid"),
    "sparsemax": ActivationSpec("sparsemax", signature("x", axis=-1), _axis),
    "softmax": ActivationSpec("softmax", signature("x", axis=-1), _axis),
    "log_softmax": ActivationSpec("log_softmax", signature("x", axis=-1), _axis),
    "glu": ActivationSpec("glu", signature("x", axis=-1), _axis),
}

ALIASES: Mapping[str, str] = {
    "swish": "silu",
    "hard_swish": "hard_silu",
    "exp": "exponential",
    "identity": "linear",
    "leakyrelu": "leaky_relu",
    "LeakyReLU": "leaky_relu",
    "ReLU": "relu",
    "ELU": "elu",
    "SELU": "selu",
    "GELU": "gelu",
}

# The activations of TensorFlow's own namespaces whose names or defaults differ from Keras's.
_KEYWORDS = {"features": "x", "logits": "x", "alpha": "negative_slope", "dim": "axis"}


def activation_name(name: str) -> str | None:
    """The name in `ACTIVATIONS` that a string given as `activation=` stands for, or None."""
    name = ALIASES.get(name, name)
    return name if name in ACTIVATIONS else None


@functools.cache
def activation_function(name: str) -> Native:
    """The function `keras.activations.{name}` for a name in `ACTIVATIONS`; always the same object for a name."""
    spec = ACTIVATIONS[name]

    def call(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        known = {
            _KEYWORDS[key] if key not in spec.signature.names and key in _KEYWORDS else key: value
            for key, value in kwargs.items()
            if key != "name"
        }
        bound, _ = spec.signature.bind(ctx, name, args, known)
        return emit_activation(ctx, name, ctx.as_tensor(bound["x"]), bound)

    return native(f"keras.activations.{name}", call)


def emit_activation(
    ctx: Context, name: str, tensor: Tensor, arguments: Mapping[str, Value] | None = None, layer: Instance | None = None
) -> Tensor:
    """The node of the activation `name` on `tensor`; nothing for "linear"."""
    spec = ACTIVATIONS[name]
    if name == "linear":
        return tensor
    attributes = spec.attributes(spec.signature.defaults if arguments is None else arguments)
    function = relu_function(attributes) if name == "relu" else spec.function
    shape = tensor.shape
    if name == "glu" and shape and is_int(axis := attributes.get("axis", -1)) and -len(shape) <= axis < len(shape):
        axis %= len(shape)
        shape = (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])
    return ctx.emit(
        Kind.ACTIVATION,
        [tensor],
        shape,
        attributes={"function": function, **attributes},
        class_name=f"keras.activations.{name}",
        layer=layer,
    )


def apply_activation(ctx: Context, activation: Value, tensor: Tensor, layer: Instance | None = None) -> Tensor:
    """`tensor` after an `activation=` argument in any form: string, function, layer, class, configuration."""
    if activation is None:
        return tensor
    if isinstance(activation, dict):
        activation = activation.get("class_name")
    if isinstance(activation, str):
        name = activation_name(activation)
        if name is None:
            return ctx.opaque(f"activation {activation!r} is not modelled", [tensor], tensor.shape)
        return emit_activation(ctx, name, tensor, None, layer)
    if isinstance(activation, Native) and (function := activation.name.rpartition(".")[2]) in ACTIVATIONS:
        return emit_activation(ctx, function, tensor, None, layer)
    if isinstance(activation, Unknown):
        activation.cost += 1
        return ctx.opaque(activation.reason, [tensor], tensor.shape)
    if isinstance(activation, Class):
        activation = ctx.instantiate(activation)
    if isinstance(activation, Symbol):
        return ctx.opaque(f"activation {activation.name} is not modelled", [tensor], tensor.shape)
    result = ctx.call(activation, tensor)
    return result if isinstance(result, Tensor) else ctx.opaque("activation of unknown result", [tensor], tensor.shape)


def get_activation(ctx: Context, identifier: Value = None) -> Value:
    """`keras.activations.get`."""
    if identifier is None:
        return activation_function("linear")
    if isinstance(identifier, str):
        name = activation_name(identifier)
        return activation_function(name) if name else ctx.unknown(f"activation {identifier!r} is not modelled")
    return identifier


@functools.cache
def find_activation(name: str) -> Value:
    """`keras.activations.{name}`, or `MISSING`."""
    if name == "get":
        return native("keras.activations.get", get_activation)
    known = activation_name(name)
    return MISSING if known is None else activation_function(known)
