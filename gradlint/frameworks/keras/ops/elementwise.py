"""Operations entry by entry: arithmetic, powers, logarithms, rounding, comparison, choice."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import nodes, operators, shapes
from gradlint.frameworks.keras.arguments import is_number
from gradlint.frameworks.keras.inputs import dtype_name
from gradlint.frameworks.keras.ops.operation import Operation, tensor
from gradlint.network import Kind

Fold = Callable[..., Any]

# Smooth functions of one tensor: Keras's name -> canonical function and what it does to a known number.
_SMOOTH: Mapping[str, tuple[str, Fold | None]] = {
    "exp": ("exp", math.exp),
    "expm1": ("expm1", math.expm1),
    "log": ("log", math.log),
    "log1p": ("log1p", math.log1p),
    "sqrt": ("sqrt", math.sqrt),
    "rsqrt": ("rsqrt", lambda a: 1 / math.sqrt(a)),
    "square": ("square", lambda a: a * a),
    "abs": ("abs", abs),
    "reciprocal": ("reciprocal", lambda a: 1 / a),
    "sin": ("sin", math.sin),
    "cos": ("cos", math.cos),
    "sinh": ("sinh", math.sinh),
    "cosh": ("cosh", math.cosh),
    "tanh": ("tanh", math.tanh),
    "arctan": ("arctan", math.atan),
    "erf": ("erf", math.erf),
}
_ALIASES = {"absolute": "abs", "fabs": "abs", "atan": "arctan"}

# Functions whose gradient is zero where there is one.
_STEPS: Mapping[str, Fold | None] = {
    "round": round,
    "rint": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "sign": lambda a: (a > 0) - (a < 0),
    "logical_not": lambda a: not a,
    "isnan": math.isnan,
    "isinf": math.isinf,
    "isfinite": math.isfinite,
    "is_nan": math.isnan,
    "is_inf": math.isinf,
    "is_finite": math.isfinite,
    "bitwise_not": None,
    "signbit": None,
}

_OTHERS = (
    *("tan", "arcsin", "arccos", "arcsinh", "arccosh", "arctanh", "asin", "acos", "asinh", "acosh", "atanh", "erfc"),
    *("erfinv", "lgamma", "digamma", "cbrt", "exp2", "log2", "log10", "sinc", "i0", "angle", "real", "imag", "conj"),
    *("bessel_i0", "bessel_i0e", "ndtri", "xlogy"),
)


def _smooth(name: str, function: str, fold: Fold | None) -> Operation:
    def apply(ctx: Context, x: Value = None) -> Value:
        return nodes.activation(ctx, tensor(ctx, x), function, f"keras.ops.{name}", fold)

    return apply


def _step(name: str, fold: Fold | None) -> Operation:
    def apply(ctx: Context, x: Value = None) -> Value:
        t = tensor(ctx, x)
        return nodes.stopped(ctx, [t], name, t.shape, None, nodes.folded(fold, t))

    return apply


def _opaque(name: str) -> Operation:
    def apply(ctx: Context, x: Value = None) -> Value:
        t = tensor(ctx, x)
        return ctx.opaque(f"{name} is not modelled", [t], t.shape)

    return apply


def _pair(ctx: Context, x: Value, y: Value) -> tuple[Value, Value]:
    """Two operands: lists become tensors, numbers stay numbers while the other one is a tensor."""
    x = tensor(ctx, x) if isinstance(x, (list, tuple)) else x
    y = tensor(ctx, y) if isinstance(y, (list, tuple)) else y
    return (x, y) if isinstance(x, Tensor) or isinstance(y, Tensor) else (tensor(ctx, x), y)


def _binary(name: str, function: Callable[..., Value]) -> Operation:
    def apply(ctx: Context, x: Value = None, y: Value = None) -> Value:
        first, second = _pair(ctx, x, y)
        return function(ctx, first, second, f"keras.ops.{name}")

    return apply


def _compare(symbol: str) -> Operation:
    def apply(ctx: Context, x: Value = None, y: Value = None) -> Value:
        first, second = _pair(ctx, x, y)
        return operators.compare(ctx, symbol, first, second)

    return apply


def _negative(ctx: Context, x: Value = None) -> Value:
    return nodes.scaled(ctx, tensor(ctx, x), -1)


def _squared_difference(ctx: Context, x: Value = None, y: Value = None) -> Value:
    first, second = _pair(ctx, x, y)
    difference = ctx.as_tensor(operators.subtract(ctx, first, second))
    return nodes.activation(ctx, difference, "square", "keras.ops.square")


def _clip(ctx: Context, x: Value = None, x_min: Value = None, x_max: Value = None) -> Value:
    t = tensor(ctx, x)
    settings: dict[str, Any] = {key: float(v) for key, v in (("minimum", x_min), ("maximum", x_max)) if is_number(v)}
    gradient = t.attributes.get("gradient")
    if gradient is not None:
        from gradlint.frameworks.keras.tape import clipped

        return clipped(ctx, t, "value", settings.get("maximum"))
    return nodes.activation(ctx, t, "clamp", "keras.ops.clip", **settings)


def _extremum(name: str) -> Operation:
    """The larger or smaller of two; with the number zero that is ReLU."""

    def apply(ctx: Context, x: Value = None, y: Value = None) -> Value:
        first, second = _pair(ctx, x, y)
        for t, number in ((first, second), (second, first)):
            if isinstance(t, Tensor) and is_number(number):
                if name == "maximum" and number == 0:
                    return nodes.activation(ctx, t, "relu", "keras.ops.maximum")
                side = "minimum" if name == "maximum" else "maximum"
                limit: dict[str, Any] = {side: float(number)}
                return nodes.activation(ctx, t, "clamp", f"keras.ops.{name}", **limit)
        a, b = tensor(ctx, first), tensor(ctx, second)
        return chosen(ctx, (a, b), f"keras.ops.{name}")

    return apply


def chosen(ctx: Context, operands: tuple[Tensor, ...], class_name: str) -> Tensor:
    """A tensor each entry of which is that of one of the operands."""
    return ctx.emit(
        Kind.RESHAPE,
        operands,
        shapes.broadcast(*[operand.shape for operand in operands]),
        attributes={"operation": "where"},
        class_name=class_name,
    )


def _where(ctx: Context, condition: Value = None, x: Value = None, y: Value = None) -> Value:
    if x is None and y is None:
        return ctx.opaque("where with one argument is not modelled", [condition])
    shape = shapes.broadcast(*[tensor(ctx, operand).shape for operand in (condition, x, y)])
    operands = tuple(tensor(ctx, operand) for operand in (condition, x, y))
    return ctx.emit(
        Kind.RESHAPE,
        operands,
        shape,
        attributes={"operation": "where", "condition": operands[0].node},
        class_name="keras.ops.where",
        dtype=operands[1].dtype,
    )


def _cast(ctx: Context, x: Value = None, dtype: Value = None) -> Value:
    t = tensor(ctx, x)
    name = dtype_name(dtype, t.dtype)
    if not shapes.is_floating(name) and shapes.is_floating(t.dtype):
        return nodes.stopped(ctx, [t], "cast", t.shape, name)
    if name == t.dtype:
        return t
    result = nodes.reshaped(ctx, t, t.shape, "cast", values=t.values)
    result.dtype = name
    return result


def _add_n(ctx: Context, inputs: Value = None) -> Value:
    tensors = [ctx.as_tensor(item) for item in ctx.iterate(inputs)]
    return ctx.emit(Kind.ADD, tensors, shapes.broadcast(*[t.shape for t in tensors]), class_name="tensorflow.add_n")


def _divide_no_nan(ctx: Context, x: Value = None, y: Value = None) -> Value:
    first, second = _pair(ctx, x, y)
    return operators.divide(ctx, first, second, "keras.ops.divide_no_nan")


OPERATIONS: dict[str, Operation] = {
    **{name: _smooth(name, *row) for name, row in _SMOOTH.items()},
    **{alias: _smooth(name, *_SMOOTH[name]) for alias, name in _ALIASES.items()},
    **{name: _step(name, fold) for name, fold in _STEPS.items()},
    **{name: _opaque(name) for name in _OTHERS},
    "add": _binary("add", operators.add),
    "subtract": _binary("subtract", operators.subtract),
    "multiply": _binary("multiply", operators.multiply),
    "divide": _binary("divide", operators.divide),
    "true_divide": _binary("divide", operators.divide),
    "divide_no_nan": _divide_no_nan,
    "floor_divide": _binary("floor_divide", operators.floor_divide),
    "floordiv": _binary("floor_divide", operators.floor_divide),
    "mod": _binary("mod", operators.remainder),
    "floormod": _binary("mod", operators.remainder),
    "power": _binary("power", operators.power),
    "pow": _binary("power", operators.power),
    "equal": _compare("=="),
    "not_equal": _compare("!="),
    "greater": _compare(">"),
    "greater_equal": _compare(">="),
    "less": _compare("<"),
    "less_equal": _compare("<="),
    "logical_and": _binary("logical_and", operators.logical("and", operator.and_)),
    "logical_or": _binary("logical_or", operators.logical("or", operator.or_)),
    "logical_xor": _binary("logical_xor", operators.logical("xor", operator.xor)),
    "negative": _negative,
    "squared_difference": _squared_difference,
    "clip": _clip,
    "clip_by_value": _clip,
    "maximum": _extremum("maximum"),
    "fmax": _extremum("maximum"),
    "fmin": _extremum("minimum"),
    "minimum": _extremum("minimum"),
    "where": _where,
    "cast": _cast,
    "saturate_cast": _cast,
    "add_n": _add_n,
}
