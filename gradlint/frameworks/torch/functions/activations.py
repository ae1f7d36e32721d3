"""The activations of `torch.nn.functional`: one row each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Value
from gradlint.frameworks import shapes
from gradlint.frameworks.nodes import activation, adopt, integer, number
from gradlint.frameworks.torch.functions.tables import Table, dimension, tensor
from gradlint.frameworks.weights import weights_of
from gradlint.network import Kind, Shape

TABLE = Table()

# Name, canonical function, arguments with defaults, the node's attribute that each sets, homes (see `Table.add`).
_ROWS: tuple[tuple[str, str, dict[str, float], tuple[str, ...], str], ...] = (
    ("relu", "relu", {}, (), "tfmi"),
    ("relu6", "relu6", {}, (), "f"),
    ("leaky_relu", "leaky_relu", {"negative_slope": 0.01}, ("negative_slope",), "fi"),
    ("elu", "elu", {"alpha": 1.0}, ("alpha",), "fi"),
    ("selu", "selu", {}, (), "tfi"),
    ("celu", "celu", {"alpha": 1.0}, ("alpha",), "tfi"),
    ("silu", "silu", {}, (), "f"),
    ("mish", "mish", {}, (), "f"),
    ("softsign", "softsign", {}, (), "f"),
    ("hardtanh", "hard_tanh", {"min_val": -1.0, "max_val": 1.0}, ("minimum", "maximum"), "fi"),
    ("hardsigmoid", "hard_sigmoid", {}, (), "f"),
    ("hardswish", "hard_silu", {}, (), "f"),
    ("hardshrink", "hard_shrink", {"lambd": 0.5}, ("threshold",), "tfm"),
    ("softshrink", "soft_shrink", {"lambd": 0.5}, ("threshold",), "f"),
    ("tanhshrink", "tanh_shrink", {}, (), "f"),
    ("logsigmoid", "log_sigmoid", {}, (), "f"),
    ("softplus", "softplus", {"beta": 1.0, "threshold": 20.0}, ("beta", "threshold"), "f"),
    ("threshold", "threshold", {"threshold": 0.0, "value": 0.0}, ("threshold", "value"), "tfi"),
)


def _define(name: str, function: str, defaults: dict[str, float], settings: tuple[str, ...]) -> Callable[..., Value]:
    class_name = f"torch.nn.functional.{name}"
    keys = tuple(defaults)
    fold = (lambda a: a if a > 0 else 0) if function == "relu" else None

    def apply(ctx: Context, input: Value, *args: Value, inplace: Value = False, **kwargs: Value) -> Value:
        x = tensor(ctx, input)
        known: dict[str, Any] = dict(zip(keys, args, strict=False)) | kwargs
        if len(args) > len(keys):
            inplace = args[len(keys)]
        chosen: dict[str, Any] = {
            setting: number(known.get(key, default))
            for setting, (key, default) in zip(settings, defaults.items(), strict=True)
        }
        result = activation(ctx, x, function, class_name, fold, **chosen)
        return adopt(ctx, x, result) if inplace is True and x.parameter is None else result

    return apply


for _name, _function, _defaults, _settings, _homes in _ROWS:
    TABLE.add(_name, _define(_name, _function, _defaults, _settings), _homes)


def _gelu(ctx: Context, input: Value, *, approximate: Value = "none") -> Value:
    return activation(ctx, tensor(ctx, input), "gelu", "torch.nn.functional.gelu", approximate=approximate)


def _rrelu(
    ctx: Context,
    input: Value,
    lower: Value = 1 / 8,
    upper: Value = 1 / 3,
    training: Value = False,
    inplace: Value = False,
) -> Value:
    x = tensor(ctx, input)
    return activation(ctx, x, "rrelu", "torch.nn.functional.rrelu", minimum=number(lower), maximum=number(upper))


def _prelu(ctx: Context, input: Value, weight: Value) -> Value:
    x, slope = tensor(ctx, input), tensor(ctx, weight)
    weights = weights_of(slope)
    attributes: dict[str, Any] = {"function": "prelu"}
    name = "torch.nn.functional.prelu"
    if weights is None:
        return ctx.emit(Kind.ACTIVATION, (x, slope), x.shape, attributes=attributes, class_name=name)
    parameters = {"weight": weights.parameter}
    return ctx.emit(Kind.ACTIVATION, (x,), x.shape, attributes=attributes, parameters=parameters, class_name=name)


def _axis(x_shape: Shape | None, dim: Value) -> int | None:
    """The axis from the front; without one torch takes the first of 0, 1 or 3 dimensions, else the second."""
    if dim is None:
        return None if x_shape is None else (0 if len(x_shape) in (0, 1, 3) else 1)
    axis = integer(dim)
    if axis is None or x_shape is None:
        return axis
    return shapes.axis_of(axis, len(x_shape))


def _softmax(name: str, function: str) -> Callable[..., Value]:
    def apply(
        ctx: Context, input: Value, dim: Value = None, _stacklevel: Value = 3, dtype: Value = None, **rest: Value
    ) -> Value:
        x = tensor(ctx, input)
        given = dimension(dim, rest)
        axis = _axis(x.shape, given)
        from_end = (integer(given) or 0) < 0
        return activation(ctx, x, function, f"torch.nn.functional.{name}", axis=axis, from_end=from_end)

    return apply


def _gumbel_softmax(
    ctx: Context, logits: Value, tau: Value = 1, hard: Value = False, eps: Value = 1e-10, dim: Value = -1
) -> Value:
    x = tensor(ctx, logits)
    temperature = number(tau)
    return activation(
        ctx,
        x,
        "gumbel_softmax",
        "torch.nn.functional.gumbel_softmax",
        axis=_axis(x.shape, dim),
        temperature=temperature,
    )


def _glu(ctx: Context, input: Value, dim: Value = -1) -> Value:
    x = tensor(ctx, input)
    axis = _axis(x.shape, dim)
    name = "torch.nn.functional.glu"
    if x.shape is None or axis is None:
        attributes = {"function": "glu", "axis": axis}
        return ctx.emit(Kind.ACTIVATION, (x,), None, attributes=attributes, class_name=name)
    if not x.shape or x.shape[axis] % 2:
        raise ShapeMismatch(f"glu halves dimension {axis} of {x.shape}, which is not even")
    halved = (*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :])
    return activation(ctx, x, "glu", name, None, halved, axis=axis)


TABLE.add("gelu", _gelu, "f")
TABLE.add("rrelu", _rrelu, "tfi")
TABLE.add("prelu", _prelu, "tfm")
TABLE.add("softmax", _softmax("softmax", "softmax"), "tfms")
TABLE.add("log_softmax", _softmax("log_softmax", "log_softmax"), "tfms")
TABLE.add("softmin", _softmax("softmin", "softmin"), "f")
TABLE.add("gumbel_softmax", _gumbel_softmax, "f")
TABLE.add("glu", _glu, "f")
