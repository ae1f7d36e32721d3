"""Elementwise functions as data: values and derivatives of every activation of torch and Keras."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gradlint.network import Node

Real = Callable[[float], float]
# A function by its name and settings; one that is written out by "composite" and its tree: ("x",),
# ("c", number), ("f", key, tree), ("+", tree, ...), ("*", tree, ...).
Tree = tuple[Any, ...]
Key = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Pieces:
    """A piecewise linear function: `slopes[i] * x + offsets[i]` up to `breaks[i]`, the last piece without end."""

    breaks: tuple[float, ...]
    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    @property
    def homogeneous(self) -> bool:
        """Whether f(a x) = a f(x) for a > 0, so that moments at one scale give those at all."""
        return not any(self.offsets) and not any(self.breaks)


@dataclass(frozen=True, slots=True)
class Smooth:
    """A function by its value and its derivative.

    `kinked` where the derivative jumps at zero; `singular` where there is no value at zero or below, so that
    what it is applied to is positive. `phase` where it is the sine of the argument plus this.
    """

    value: Real
    slope: Real
    kinked: bool = False
    singular: bool = False
    phase: float | None = None


Form = Pieces | Smooth

_SQRT2 = math.sqrt(2.0)
_SQRT_2PI = math.sqrt(2.0 * math.pi)
_LARGEST_EXPONENT = 700.0
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
_RRELU_SLOPE = (1 / 8 + 1 / 3) / 2


def _exp(x: float) -> float:
    return math.exp(x) if x < _LARGEST_EXPONENT else math.inf


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def _sigmoid_slope(x: float) -> float:
    s = sigmoid(x)
    return s * (1.0 - s)


def _softplus(x: float) -> float:
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / _SQRT2)


def _normal_density(x: float) -> float:
    return math.exp(-0.5 * x * x) / _SQRT_2PI


def _mish_slope(x: float) -> float:
    t = math.tanh(_softplus(x))
    return t + x * (1.0 - t * t) * sigmoid(x)


def _tanh_slope(x: float) -> float:
    t = math.tanh(x)
    return 1.0 - t * t


def _sign(x: float) -> float:
    return math.copysign(1.0, x) if x else 0.0


# Functions that are singular or undefined somewhere are continued by their value at this distance from it.
_EDGE = 1e-6


def _positive(function: Real) -> Real:
    return lambda x: function(x) if x > _EDGE else function(_EDGE)


def _power(exponent: float) -> tuple[Real, Real]:
    if exponent == int(exponent) and exponent >= 0:
        n = int(exponent)
        return (lambda x: x**n), (lambda x: n * x ** (n - 1) if n else 0.0)
    return _positive(lambda x: x**exponent), _positive(lambda x: exponent * x ** (exponent - 1))


def _gelu(approximate: float) -> Smooth:
    if not approximate:
        return Smooth(lambda x: x * _normal_cdf(x), lambda x: _normal_cdf(x) + x * _normal_density(x))
    a, b = math.sqrt(2.0 / math.pi), 0.044715

    def slope(x: float) -> float:
        t = math.tanh(a * (x + b * x**3))
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * a * (1.0 + 3.0 * b * x * x)

    return Smooth(lambda x: 0.5 * x * (1.0 + math.tanh(a * (x + b * x**3))), slope)


def _relu(negative_slope: float, maximum: float, threshold: float) -> Pieces:
    breaks: list[float] = [threshold]
    slopes, offsets = [negative_slope, 1.0], [-negative_slope * threshold, 0.0]
    if maximum < math.inf:
        breaks.append(maximum)
        slopes.append(0.0)
        offsets.append(maximum)
    return Pieces(tuple(breaks), tuple(slopes), tuple(offsets))


def _clamp(minimum: float, maximum: float) -> Pieces:
    if minimum == -math.inf:
        return Pieces((maximum,), (1.0, 0.0), (0.0, maximum))
    if maximum == math.inf:
        return Pieces((minimum,), (0.0, 1.0), (minimum, 0.0))
    return Pieces((minimum, maximum), (0.0, 1.0, 0.0), (minimum, 0.0, maximum))


def _exponential_unit(scale: float, alpha: float, width: float) -> Smooth:
    """ELU, CELU and SELU: scale * x above zero, scale * alpha * (exp(x / width) - 1) below."""
    return Smooth(
        lambda x: scale * x if x > 0 else scale * alpha * math.expm1(x / width),
        lambda x: scale if x > 0 else scale * alpha / width * math.exp(x / width),
        kinked=alpha != width,
    )


def _softplus_form(beta: float) -> Smooth:
    return Smooth(lambda x: _softplus(beta * x) / beta, lambda x: sigmoid(beta * x))


def _silu(beta: float) -> Smooth:
    def slope(x: float) -> float:
        s = sigmoid(beta * x)
        return s + beta * x * s * (1.0 - s)

    return Smooth(lambda x: x * sigmoid(beta * x), slope)


def _squareplus(b: float) -> Smooth:
    return Smooth(lambda x: 0.5 * (x + math.sqrt(x * x + b)), lambda x: 0.5 * (1.0 + x / math.sqrt(x * x + b)))


def _reciprocal(x: float) -> float:
    return 1.0 / x if abs(x) > _EDGE else math.copysign(1.0 / _EDGE, x)


# Name -> (settings with their defaults, what they make).
FORMS: dict[str, tuple[tuple[tuple[str, float], ...], Callable[..., Form]]] = {
    "linear": ((), lambda: Pieces((), (1.0,), (0.0,))),
    "relu": ((("negative_slope", 0.0), ("maximum", math.inf), ("threshold", 0.0)), _relu),
    "relu6": ((), lambda: _relu(0.0, 6.0, 0.0)),
    "leaky_relu": ((("negative_slope", 0.01),), lambda a: _relu(a, math.inf, 0.0)),
    "prelu": ((("negative_slope", 0.25),), lambda a: _relu(a, math.inf, 0.0)),
    "rrelu": ((("negative_slope", _RRELU_SLOPE),), lambda a: _relu(a, math.inf, 0.0)),
    "threshold": (
        (("threshold", 0.0), ("value", 0.0)),
        lambda t, v: Pieces((t,), (0.0, 1.0), (v, 0.0)),
    ),
    "abs": ((), lambda: Pieces((0.0,), (-1.0, 1.0), (0.0, 0.0))),
    "hard_sigmoid": ((), lambda: Pieces((-3.0, 3.0), (0.0, 1 / 6, 0.0), (0.0, 0.5, 1.0))),
    "hard_tanh": ((("minimum", -1.0), ("maximum", 1.0)), _clamp),
    "clamp": ((("minimum", -math.inf), ("maximum", math.inf)), _clamp),
    "soft_shrink": ((("threshold", 0.5),), lambda t: Pieces((-t, t), (1.0, 0.0, 1.0), (t, 0.0, -t))),
    "hard_shrink": ((("threshold", 0.5),), lambda t: Pieces((-t, t), (1.0, 0.0, 1.0), (0.0, 0.0, 0.0))),
    "sparse_sigmoid": ((), lambda: Pieces((-1.0, 1.0), (0.0, 0.5, 0.0), (0.0, 0.5, 1.0))),
    "sign": ((), lambda: Pieces((0.0,), (0.0, 0.0), (-1.0, 1.0))),
    "sigmoid": ((), lambda: Smooth(sigmoid, _sigmoid_slope)),
    "tanh": ((), lambda: Smooth(math.tanh, _tanh_slope)),
    "softsign": ((), lambda: Smooth(lambda x: x / (1 + abs(x)), lambda x: (1 + abs(x)) ** -2)),
    "arctan": ((), lambda: Smooth(math.atan, lambda x: 1 / (1 + x * x))),
    "erf": ((), lambda: Smooth(math.erf, lambda x: 2 * _SQRT2 * _normal_density(x * _SQRT2))),
    "sin": ((), lambda: Smooth(math.sin, math.cos, phase=0.0)),
    "cos": ((), lambda: Smooth(math.cos, lambda x: -math.sin(x), phase=math.pi / 2.0)),
    "gelu": ((("approximate", 0.0),), _gelu),
    "silu": ((("beta", 1.0),), _silu),
    "mish": ((), lambda: Smooth(lambda x: x * math.tanh(_softplus(x)), _mish_slope)),
    "softplus": ((("beta", 1.0),), _softplus_form),
    "elu": ((("alpha", 1.0),), lambda a: _exponential_unit(1.0, a, 1.0)),
    "celu": ((("alpha", 1.0),), lambda a: _exponential_unit(1.0, a, a)),
    "selu": ((), lambda: _exponential_unit(SELU_SCALE, SELU_ALPHA, 1.0)),
    "squareplus": ((("beta", 4.0),), _squareplus),
    "hard_silu": (
        (),
        lambda: Smooth(
            lambda x: x * min(max(x / 6 + 0.5, 0.0), 1.0),
            lambda x: 0.0 if x <= -3 else 1.0 if x >= 3 else x / 3 + 0.5,
        ),
    ),
    "log_sigmoid": ((), lambda: Smooth(lambda x: -_softplus(-x), lambda x: sigmoid(-x))),
    "tanh_shrink": ((), lambda: Smooth(lambda x: x - math.tanh(x), lambda x: math.tanh(x) ** 2)),
    "sparse_plus": (
        (),
        lambda: Smooth(
            lambda x: 0.0 if x <= -1 else x if x >= 1 else 0.25 * (x + 1) ** 2,
            lambda x: 0.0 if x <= -1 else 1.0 if x >= 1 else 0.5 * (x + 1),
        ),
    ),
    "exp": ((), lambda: Smooth(_exp, _exp)),
    "expm1": ((), lambda: Smooth(lambda x: _exp(x) - 1.0, _exp)),
    "log": ((), lambda: Smooth(_positive(math.log), _positive(lambda x: 1.0 / x), singular=True)),
    "log1p": (
        (),
        lambda: Smooth(lambda x: math.log1p(x) if x > _EDGE - 1 else math.log(_EDGE), lambda x: 1 / max(1 + x, _EDGE)),
    ),
    "sqrt": ((), lambda: Smooth(_positive(math.sqrt), _positive(lambda x: 0.5 / math.sqrt(x)), singular=True)),
    "rsqrt": ((), lambda: Smooth(_positive(lambda x: x**-0.5), _positive(lambda x: -0.5 * x**-1.5), singular=True)),
    "square": ((), lambda: Smooth(lambda x: x * x, lambda x: 2.0 * x)),
    "pow": ((("exponent", 2.0),), lambda n: Smooth(*_power(n), singular=n < 0 or n != int(n))),
    "reciprocal": ((), lambda: Smooth(_reciprocal, lambda x: -(_reciprocal(x) ** 2), singular=True)),
    "sinh": ((), lambda: Smooth(lambda x: (_exp(x) - _exp(-x)) / 2, lambda x: (_exp(x) + _exp(-x)) / 2)),
    "cosh": ((), lambda: Smooth(lambda x: (_exp(x) + _exp(-x)) / 2, lambda x: (_exp(x) - _exp(-x)) / 2)),
}


def key_of(node: Node) -> Key | None:
    """The table key of an ACTIVATION node: its function and settings; None for a function the table lacks."""
    name = node.attributes.get("function")
    if len(node.attributes) == 1 and not node.parameters:
        return _DEFAULTS.get(name)
    if name not in FORMS:
        return None
    return name, tuple([_setting(node, setting, default) for setting, default in FORMS[name][0]])


_DEFAULTS: dict[Any, Key] = {
    name: (name, tuple([0.0 if setting == "approximate" else default for setting, default in settings]))
    for name, (settings, _) in FORMS.items()
}
"""Keys of functions with no settings of their own."""


def _setting(node: Node, setting: str, default: float) -> float:
    if node.parameters and "weight" in node.parameters and node.get("function") == "prelu":
        slope = node.parameters["weight"].distribution.mean
        return default if math.isnan(slope) else slope
    value = node.get(setting)
    if setting == "approximate":
        return 0.0 if value in (None, "none", False) else 1.0
    return float(value) if isinstance(value, (int, float)) else default


@lru_cache(maxsize=512)
def composite(tree: Tree) -> Key:
    """The key of a function that is written out: that of the table where it is one of those."""
    try:
        values = [_dual(tree, x)[0] for x in _PROBES]
    except (OverflowError, ValueError, ZeroDivisionError):
        return "composite", tree
    for name, (settings, _) in FORMS.items():
        key: Key = (name, tuple(default for _, default in settings))
        if all(abs(_dual(("f", key, ("x",)), x)[0] - v) < _SAME for x, v in zip(_PROBES, values, strict=True)):
            return key
    return "composite", tree


def size_of_tree(tree: Tree) -> int:
    """Number of operations and leaves."""
    return 1 + sum(size_of_tree(part) for part in tree[1:] if isinstance(part, tuple) and part[0] in _TREES)


# Functions that agree at these points are taken as the same.
_PROBES = (-4.1, -2.3, -0.7, 0.4, 1.9, 3.6)
_SAME = 1e-3
_TREES = ("x", "c", "f", "+", "*")


def _dual(tree: Tree, x: float) -> tuple[float, float]:
    """Value and derivative of a written-out function."""
    operation = tree[0]
    if operation == "x":
        return x, 1.0
    if operation == "c":
        return tree[1], 0.0
    if operation == "f":
        inner, slope = _dual(tree[2], x)
        form = form_of(tree[1])
        if isinstance(form, Smooth):
            return form.value(inner), form.slope(inner) * slope
        index = sum(1 for limit in form.breaks if inner > limit)
        return form.slopes[index] * inner + form.offsets[index], form.slopes[index] * slope
    parts = [_dual(part, x) for part in tree[1:]]
    if operation == "+":
        return sum(value for value, _ in parts), sum(slope for _, slope in parts)
    value, slope = 1.0, 0.0
    for factor, derivative in parts:
        value, slope = value * factor, slope * factor + value * derivative
    return value, slope


@lru_cache(maxsize=512)
def form_of(key: Key) -> Form:
    """The function with its settings bound."""
    name, values = key
    if name == "composite":
        return Smooth(lambda x: _dual(values, x)[0], lambda x: _dual(values, x)[1], kinked=True)
    return FORMS[name][1](*values)
