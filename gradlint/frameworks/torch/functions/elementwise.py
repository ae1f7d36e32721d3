"""Functions of torch that act entry by entry: arithmetic, activations, steps, comparisons."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import operators
from gradlint.frameworks.nodes import (
    activation,
    folded,
    number,
    reshaped,
    scaled,
    shifted,
    stopped,
)
from gradlint.frameworks.shapes import broadcast, promoted
from gradlint.frameworks.torch.functions.tables import Function, Table, tensor
from gradlint.network import Kind

TABLE = Table()


def _simple(function: str, fold: Callable[..., Any] | None) -> Function:
    def apply(ctx: Context, input: Value, *, out: Value = None) -> Value:
        return activation(ctx, tensor(ctx, input), function, f"torch.{function}", fold)

    return apply


def _sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))


# Names in torch: canonical function, how known entries are computed, and homes (see `Table.add`).
_FUNCTIONS: tuple[tuple[str, str, Callable[..., Any] | None, str], ...] = (
    ("abs absolute", "abs", abs, "tmi"),
    ("arctan atan", "arctan", math.atan, "tmi"),
    ("cos", "cos", math.cos, "tmi"),
    ("cosh", "cosh", math.cosh, "tmi"),
    ("erf", "erf", math.erf, "tmis"),
    ("exp", "exp", math.exp, "tmi"),
    ("expm1", "expm1", math.expm1, "tmis"),
    ("log", "log", math.log, "tmi"),
    ("log1p", "log1p", math.log1p, "tmis"),
    ("reciprocal", "reciprocal", lambda a: 1 / a, "tmi"),
    ("rsqrt", "rsqrt", lambda a: 1 / math.sqrt(a), "tmi"),
    ("sigmoid", "sigmoid", _sigmoid, "tmif"),
    ("expit", "sigmoid", _sigmoid, "s"),
    ("sin", "sin", math.sin, "tmi"),
    ("sinh", "sinh", math.sinh, "tmi"),
    ("sqrt", "sqrt", math.sqrt, "tmi"),
    ("square", "square", lambda a: a * a, "tmi"),
    ("tanh", "tanh", math.tanh, "tmif"),
)

# Steps: no gradient comes through.
_STEPS: tuple[tuple[str, str, Callable[..., Any] | None, str], ...] = (
    ("sign sgn", "sign", lambda a: (a > 0) - (a < 0), "tmi"),
    ("round", "round", round, "tmis"),
    ("floor", "floor", math.floor, "tmi"),
    ("ceil", "ceil", math.ceil, "tmi"),
    ("trunc fix", "trunc", math.trunc, "tmi"),
)

_TESTS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("isnan", math.isnan),
    ("isinf", math.isinf),
    ("isfinite", math.isfinite),
    ("isposinf", lambda a: a == math.inf),
    ("isneginf", lambda a: a == -math.inf),
    ("isreal", lambda a: True),
    ("signbit", lambda a: a < 0),
    ("logical_not", operator.not_),
)

# Smooth functions for which the graph has no name: their shape is known and the gradient passes, no more.
_OPAQUE = (
    "acos arccos acosh arccosh asin arcsin asinh arcsinh atanh arctanh tan erfinv digamma lgamma frac sinc i0 angle "
    "conj conj_physical resolve_conj resolve_neg"
)
_OPAQUE_SPECIAL = (
    "bessel_j0 bessel_j1 bessel_y0 bessel_y1 i0e i1 i1e entr erfcx gammaln digamma psi ndtr ndtri log_ndtr "
    "erfinv sinc i0 airy_ai"
)
_OPAQUE_PAIRS = (
    "atan2 arctan2 hypot fmod copysign nextafter logaddexp logaddexp2 xlogy igamma igammac ldexp heaviside gcd lcm "
    "float_power"
)


def _step(name: str, fold: Callable[..., Any] | None) -> Function:
    def apply(ctx: Context, input: Value, *, decimals: Value = 0, out: Value = None) -> Value:
        x = tensor(ctx, input)
        values = folded(lambda a: float(fold(a)), x) if fold is not None and decimals == 0 else None
        return stopped(ctx, (x,), name, x.shape, x.dtype, values)

    return apply


def _test(fold: Callable[..., Any]) -> Function:
    def apply(ctx: Context, input: Value, *, out: Value = None) -> Value:
        x = tensor(ctx, input)
        return stopped(ctx, (x,), "comparison", x.shape, "bool", folded(fold, x))

    return apply


def _opaque(name: str, count: int = 1) -> Function:
    def apply(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        operands = [tensor(ctx, value) for value in args[:count]]
        return ctx.opaque(f"torch.{name} is not modelled", operands, broadcast(*[x.shape for x in operands]))

    return apply


def _add(ctx: Context, input: Value, other: Value, *, alpha: Value = 1, out: Value = None) -> Value:
    factor = number(alpha)
    if factor is None:
        other, factor = operators.multiply(ctx, tensor(ctx, other), alpha), 1.0
    return operators.add(ctx, _either(ctx, input, other), other, "torch.add", factor)


def _sub(ctx: Context, input: Value, other: Value, *, alpha: Value = 1, out: Value = None) -> Value:
    factor = number(alpha)
    if factor is None:
        other, factor = operators.multiply(ctx, tensor(ctx, other), alpha), 1.0
    return operators.subtract(ctx, _either(ctx, input, other), other, "torch.sub", factor)


def _either(ctx: Context, first: Value, second: Value) -> Value:
    """`first`, as a tensor where neither operand is one."""
    return first if isinstance(first, Tensor) or isinstance(second, Tensor) else ctx.as_tensor(first)


def _rsub(ctx: Context, input: Value, other: Value, *, alpha: Value = 1) -> Value:
    return _sub(ctx, other, input, alpha=alpha)


def _mul(ctx: Context, input: Value, other: Value, *, out: Value = None) -> Value:
    return operators.multiply(ctx, _either(ctx, input, other), other, "torch.mul")


def _div(
    ctx: Context,
    input: Value,
    other: Value,
    *,
    rounding_mode: Value = None,
    out: Value = None,
) -> Value:
    if rounding_mode is not None:
        return operators.floor_divide(ctx, _either(ctx, input, other), other, "torch.div")
    return operators.divide(ctx, _either(ctx, input, other), other, "torch.div")


def _binary(function: Callable[..., Value], name: str) -> Function:
    def apply(ctx: Context, input: Value, other: Value, *, out: Value = None) -> Value:
        return function(ctx, _either(ctx, input, other), other, f"torch.{name}")

    return apply


def _pow(ctx: Context, input: Value, exponent: Value, *, out: Value = None) -> Value:
    return operators.power(ctx, _either(ctx, input, exponent), exponent, "torch.pow")


def _compare(symbol: str) -> Function:
    def apply(ctx: Context, input: Value, other: Value, *, out: Value = None) -> Value:
        return operators.compare(ctx, symbol, _either(ctx, input, other), other)

    return apply


def _affine(factor: float, shift: float = 0.0) -> Function:
    def apply(ctx: Context, input: Value, *, out: Value = None) -> Value:
        x = tensor(ctx, input)
        return shifted(ctx, x, shift, factor) if shift else scaled(ctx, x, factor)

    return apply


def _after(inner: float, function: str, outer: float, fold: Callable[..., Any], shift: float = 0.0) -> Function:
    """`outer * function(inner * x) + shift`."""

    def apply(ctx: Context, input: Value, *, out: Value = None) -> Value:
        x = tensor(ctx, input)
        values = folded(fold, x)
        result = activation(ctx, scaled(ctx, x, inner) if inner != 1 else x, function)
        if shift:
            result = shifted(ctx, result, shift, outer)
        elif outer != 1:
            result = scaled(ctx, result, outer)
        result.values = values
        return result

    return apply


def _identity(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
    return tensor(ctx, input)


def _clamp(
    ctx: Context,
    input: Value,
    min: Value = None,
    max: Value = None,
    *,
    out: Value = None,
) -> Value:
    x = tensor(ctx, input)
    low, high = number(min), number(max)
    if (low is None) != (min is None) or (high is None) != (max is None):
        bounds = [tensor(ctx, bound) for bound in (min, max) if bound is not None]
        return _choice(ctx, x, *bounds)
    if low == 0 and high is None:
        return activation(ctx, x, "relu", "torch.clamp", lambda a: a if a > 0 else 0)
    infinite = math.inf

    def cut(a: float) -> float:
        return sorted((-infinite if low is None else low, a, infinite if high is None else high))[1]

    return activation(ctx, x, "clamp", "torch.clamp", cut, minimum=low, maximum=high)


def _clamp_min(ctx: Context, input: Value, min: Value, *, out: Value = None) -> Value:
    return _clamp(ctx, input, min)


def _clamp_max(ctx: Context, input: Value, max: Value, *, out: Value = None) -> Value:
    return _clamp(ctx, input, None, max)


def _choice(ctx: Context, *operands: Tensor, condition: Tensor | None = None) -> Tensor:
    """A tensor each of whose entries is one of the operands', chosen by a condition or by their size."""
    known = [operand.shape for operand in operands]
    attributes: dict[str, Any] = {"operation": "where"}
    if condition is not None:
        attributes["condition"] = condition.node
    dtype = promoted(operand.dtype for operand in operands)
    return ctx.emit(Kind.RESHAPE, operands, broadcast(*known), attributes=attributes, dtype=dtype)


def _extremum(largest: bool) -> Function:
    def apply(ctx: Context, input: Value, other: Value, *, out: Value = None) -> Value:
        x, y = tensor(ctx, input), tensor(ctx, other)
        for one, two in ((x, y), (y, x)):
            bound = two.node.get("value") if two.node.kind is Kind.CONSTANT else None
            if isinstance(bound, (int, float)) and broadcast(x.shape, y.shape) == one.shape:
                return _clamp(ctx, one, bound) if largest else _clamp(ctx, one, None, bound)
        return _choice(ctx, x, y)

    return apply


def _where(ctx: Context, condition: Value, input: Value = None, other: Value = None, *, out: Value = None) -> Value:
    chooser = tensor(ctx, condition)
    if input is None and other is None:
        rank = 0 if chooser.shape is None else len(chooser.shape)
        return tuple(stopped(ctx, (chooser,), "nonzero", None, "int64") for _ in range(rank or 1))
    if isinstance(chooser.values, bool):
        return tensor(ctx, input if chooser.values else other)
    x, y = tensor(ctx, input), tensor(ctx, other)
    result = _choice(ctx, x, y, condition=chooser)
    result.values = folded(lambda chosen, one, two: one if chosen else two, chooser, x, y)
    if result.shape is not None:
        shape = broadcast(result.shape, chooser.shape)
        if shape != result.shape:
            result = reshaped(ctx, result, shape, "expand")
    return result


def _where_method(ctx: Context, self: Value, condition: Value, other: Value) -> Value:
    return _where(ctx, condition, self, other)


def _lerp(ctx: Context, input: Value, end: Value, weight: Value, *, out: Value = None) -> Value:
    x, y, share = tensor(ctx, input), tensor(ctx, end), number(weight)
    if share is not None:
        shape = broadcast(x.shape, y.shape)
        return ctx.emit(Kind.ADD, (x, y), shape, attributes={"coefficients": (1 - share, share)})
    difference = operators.subtract(ctx, y, x)
    return operators.add(ctx, x, operators.multiply(ctx, difference, weight))


def _addcmul(
    ctx: Context,
    input: Value,
    tensor1: Value,
    tensor2: Value,
    *,
    value: Value = 1,
    out: Value = None,
) -> Value:
    product = operators.multiply(ctx, tensor(ctx, tensor1), tensor2)
    return _add(ctx, tensor(ctx, input), product, alpha=value)


def _addcdiv(
    ctx: Context,
    input: Value,
    tensor1: Value,
    tensor2: Value,
    *,
    value: Value = 1,
    out: Value = None,
) -> Value:
    quotient = operators.divide(ctx, tensor(ctx, tensor1), tensor2)
    return _add(ctx, tensor(ctx, input), quotient, alpha=value)


def _logit(ctx: Context, input: Value, eps: Value = None, *, out: Value = None) -> Value:
    x = tensor(ctx, input)
    margin = number(eps)
    if margin is not None:
        x = activation(ctx, x, "clamp", minimum=margin, maximum=1 - margin)
    return operators.subtract(ctx, activation(ctx, x, "log"), activation(ctx, shifted(ctx, x, 1.0, -1.0), "log"))


def _nan_to_num(
    ctx: Context,
    input: Value,
    nan: Value = 0.0,
    posinf: Value = None,
    neginf: Value = None,
    *,
    out: Value = None,
) -> Value:
    x = tensor(ctx, input)
    return reshaped(ctx, x, x.shape, "where", "torch.nan_to_num")


for _names, _function, _fold, _homes in _FUNCTIONS:
    TABLE.add(_names, _simple(_function, _fold), _homes)
for _names, _function, _fold, _homes in _STEPS:
    TABLE.add(_names, _step(_function, _fold), _homes)
for _name, _check in _TESTS:
    TABLE.add(_name, _test(_check), "tmi" if _name == "logical_not" else "tm")
for _name in _OPAQUE.split():
    TABLE.add(_name, _opaque(_name), "tmi")
for _name in _OPAQUE_SPECIAL.split():
    TABLE.add(_name, _opaque(f"special.{_name}"), "s")
for _name in _OPAQUE_PAIRS.split():
    TABLE.add(_name, _opaque(_name, 2), "tmi")
for _names, _symbol in (
    ("eq", "=="),
    ("ne not_equal", "!="),
    ("lt less", "<"),
    ("le less_equal", "<="),
    ("gt greater", ">"),
    ("ge greater_equal", ">="),
):
    TABLE.add(_names, _compare(_symbol), "tmi")
for _names, _operator, _fold in (
    ("logical_and", "and", lambda a, b: bool(a and b)),
    ("logical_or", "or", lambda a, b: bool(a or b)),
    ("logical_xor", "xor", lambda a, b: bool(a) != bool(b)),
    ("bitwise_and", "and", operator.and_),
    ("bitwise_or", "or", operator.or_),
    ("bitwise_xor", "xor", operator.xor),
    ("bitwise_left_shift bitwise_right_shift", "shift", None),
):
    TABLE.add(_names, _binary(operators.logical(_operator, _fold or operator.lshift), _names), "tmi")

TABLE.add("add", _add, "tmi")
TABLE.add("sub subtract", _sub, "tmi")
TABLE.add("rsub", _rsub, "t")
TABLE.add("mul multiply", _mul, "tmi")
TABLE.add("div divide true_divide", _div, "tmi")
TABLE.add("floor_divide", _binary(operators.floor_divide, "floor_divide"), "tmi")
TABLE.add("remainder", _binary(operators.remainder, "remainder"), "tmi")
TABLE.add("pow", _pow, "tmi")
TABLE.add("neg negative", _affine(-1.0), "tmi")
TABLE.add("positive", _identity)
TABLE.add("deg2rad", _affine(math.pi / 180), "tmi")
TABLE.add("rad2deg", _affine(180 / math.pi), "tmi")
TABLE.add("exp2", _after(math.log(2), "exp", 1.0, lambda a: 2.0**a), "tmis")
TABLE.add("log2", _after(1.0, "log", 1 / math.log(2), math.log2), "tmi")
TABLE.add("log10", _after(1.0, "log", 1 / math.log(10), math.log10), "tmi")
TABLE.add("erfc", _after(1.0, "erf", -1.0, math.erfc, 1.0), "tmis")
TABLE.add("logit", _logit, "tmis")
TABLE.add("clamp clip", _clamp, "tmi")
TABLE.add("clamp_min", _clamp_min, "tmi")
TABLE.add("clamp_max", _clamp_max, "tmi")
TABLE.add("maximum fmax", _extremum(True))
TABLE.add("minimum fmin", _extremum(False))
TABLE.add("where", _where, "t")
TABLE.add("where", _where_method, "m")
TABLE.add("lerp", _lerp, "tmi")
TABLE.add("addcmul", _addcmul, "tmi")
TABLE.add("addcdiv", _addcdiv, "tmi")
TABLE.add("nan_to_num", _nan_to_num, "tmi")
