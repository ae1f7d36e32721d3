"""Python's operators on tensors, as the interpreter meets them: arithmetic, comparison, iteration, attributes.

Torch and Keras tensors are treated alike, except that `x += y` changes a torch tensor in place.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import MISSING, BoundMethod, Instance, Symbol, Tensor, Unknown, Value
from gradlint.frameworks.gradients import gradient_of, scale_gradient, updates_by_gradient
from gradlint.frameworks.indexing import get_item, set_item
from gradlint.frameworks.nodes import (
    activation,
    added,
    adopt,
    elementwise,
    folded,
    number,
    result_dtype,
    scaled,
    shifted,
    stopped,
    unknown_operand,
)
from gradlint.frameworks.shapes import broadcast, is_floating
from gradlint.frameworks.weights import add_in_place, matmul, overwrite, rescale_in_place
from gradlint.network import UNKNOWN, Kind

__all__ = [
    "binary_operation",
    "compare",
    "get_item",
    "inplace_operation",
    "iterate_tensor",
    "length",
    "set_item",
    "set_tensor_attribute",
    "tensor_attribute",
    "unary_operation",
]

_MAX_ITEMS = 2048


def add(ctx: Context, x: Value, y: Value, class_name: str = "", alpha: float = 1.0) -> Value:
    """`x + alpha * y`."""
    if (opaque := unknown_operand(ctx, (x, y))) is not None:
        return opaque
    ours, theirs = _scalar(x), _scalar(y)
    if theirs is not None and isinstance(x, Tensor):
        return shifted(ctx, x, alpha * theirs, 1.0, class_name, result_dtype(x, y))
    if ours is not None and isinstance(y, Tensor):
        return shifted(ctx, y, ours, alpha, class_name, result_dtype(x, y))
    return added(ctx, x, y, alpha, class_name)


def subtract(ctx: Context, x: Value, y: Value, class_name: str = "", alpha: float = 1.0) -> Value:
    """`x - alpha * y`."""
    return add(ctx, x, y, class_name, -alpha)


def multiply(ctx: Context, x: Value, y: Value, class_name: str = "") -> Value:
    """`x * y`."""
    if (opaque := unknown_operand(ctx, (x, y))) is not None:
        return opaque
    for tensor, other in ((x, y), (y, x)):
        factor = _scalar(other)
        if factor is not None and isinstance(tensor, Tensor):
            return scaled(ctx, tensor, factor, class_name, result_dtype(x, y))
    return elementwise(ctx, Kind.MULTIPLY, (x, y), operator.mul, class_name=class_name)


def divide(ctx: Context, x: Value, y: Value, class_name: str = "") -> Value:
    """`x / y`; by a tensor it is the product with the reciprocal."""
    if (opaque := unknown_operand(ctx, (x, y))) is not None:
        return opaque
    divisor = _scalar(y)
    if divisor is not None and isinstance(x, Tensor):
        if divisor == 0 or not math.isfinite(divisor):
            return ctx.opaque(f"division by {divisor:g}", [x], x.shape)
        result = scaled(ctx, x, 1 / divisor, class_name, _real(result_dtype(x, y)))
        result.values = folded(lambda a: a / divisor, x)
        return result
    inverse = activation(ctx, ctx.as_tensor(y), "reciprocal", class_name, lambda a: 1 / a)
    if _scalar(x) == 1:
        return inverse
    return multiply(ctx, x, inverse, class_name)


def floor_divide(ctx: Context, x: Value, y: Value, class_name: str = "") -> Value:
    """`x // y`: a step function."""
    return _step(ctx, "floor_divide", operator.floordiv, x, y)


def remainder(ctx: Context, x: Value, y: Value, class_name: str = "") -> Value:
    """`x % y`; on floating tensors opaque, on integers a step function."""
    if any(isinstance(side, Tensor) and is_floating(side.dtype) and side.values is None for side in (x, y)):
        tensors = [side for side in (x, y) if isinstance(side, Tensor)]
        return ctx.opaque("remainder is not modelled", tensors, broadcast(*[tensor.shape for tensor in tensors]))
    return _step(ctx, "remainder", operator.mod, x, y)


def logical(name: str, function: Callable[..., Any]) -> Callable[..., Value]:
    """An operator on integers or truth values."""

    def apply(ctx: Context, x: Value, y: Value, class_name: str = "") -> Value:
        return _step(ctx, name, function, x, y)

    return apply


_EXPONENTS: dict[float, tuple[str, Callable[[float], float]]] = {
    2: ("square", lambda a: a * a),
    0.5: ("sqrt", math.sqrt),
    -1: ("reciprocal", lambda a: 1 / a),
    -0.5: ("rsqrt", lambda a: 1 / math.sqrt(a)),
}


def power(ctx: Context, x: Value, y: Value, class_name: str = "") -> Value:
    """`x ** y`: an activation for a known exponent, an exponential for a known base."""
    if (opaque := unknown_operand(ctx, (x, y))) is not None:
        return opaque
    exponent, base = _scalar(y), _scalar(x)
    if exponent is not None and isinstance(x, Tensor):
        if exponent == 1:
            return x
        if exponent in _EXPONENTS:
            function, fold = _EXPONENTS[exponent]
            return activation(ctx, x, function, class_name, fold)
        return activation(ctx, x, "pow", class_name, lambda a: a**exponent, exponent=float(exponent))
    y = ctx.as_tensor(y)
    if base is not None:
        if base <= 0:
            return ctx.opaque(f"power of {base:g}", [y], y.shape)
        return activation(ctx, scaled(ctx, y, math.log(base)), "exp", class_name, math.exp)
    logarithm = activation(ctx, x, "log", class_name)
    return activation(ctx, elementwise(ctx, Kind.MULTIPLY, (logarithm, y)), "exp", class_name)


def _matmul(ctx: Context, x: Value, y: Value, class_name: str = "") -> Value:
    if not isinstance(x, Tensor) or not isinstance(y, Tensor):
        if isinstance(x, (int, float)) or isinstance(y, (int, float)):
            ctx.fail("TypeError", "unsupported operand for @")
        shape = None
        opaque = unknown_operand(ctx, (x, y))
        return ctx.opaque("matrix product", [x, y], shape) if opaque is None else _shapeless(ctx, x, y)
    return matmul(ctx, x, y)


def _shapeless(ctx: Context, x: Value, y: Value) -> Value:
    unknown = next((side for side in (x, y) if isinstance(side, Unknown)), None)
    return ctx.opaque(unknown.reason if unknown is not None else "matrix product", [x, y])


def _scalar(value: Value) -> float | None:
    """A Python number, or the known entry of a tensor without axes."""
    if isinstance(value, Tensor):
        return number(value) if value.shape == () else None
    return value if isinstance(value, (int, float)) else None


def _real(dtype: str) -> str:
    return dtype if is_floating(dtype) else "float32"


def _step(ctx: Context, name: str, function: Callable[..., Any], x: Value, y: Value) -> Value:
    if (opaque := unknown_operand(ctx, (x, y))) is not None:
        return opaque
    tensors = [side for side in (x, y) if isinstance(side, Tensor)]
    shape = broadcast(*[tensor.shape for tensor in tensors])
    return stopped(ctx, tensors, name, shape, result_dtype(x, y), folded(function, x, y))


_BINARY: dict[str, Callable[..., Value]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "//": floor_divide,
    "%": remainder,
    "**": power,
    "@": _matmul,
    "&": logical("and", operator.and_),
    "|": logical("or", operator.or_),
    "^": logical("xor", operator.xor),
    "<<": logical("shift", operator.lshift),
    ">>": logical("shift", operator.rshift),
}

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def binary_operation(ctx: Context, symbol: str, left: Value, right: Value) -> Value:
    """`left symbol right` where at least one of them is a tensor."""
    for side in (left, right):
        if side is None or isinstance(side, (str, dict)):
            ctx.fail("TypeError", f"unsupported operand type(s) for {symbol}: Tensor and {type(side).__name__}")
    return _BINARY[symbol](ctx, _unwrapped(left), _unwrapped(right))


def _unwrapped(value: Value) -> Value:
    return value.payload if isinstance(value, Instance) and isinstance(value.payload, (int, float)) else value


def inplace_operation(ctx: Context, symbol: str, left: Value, right: Value) -> Value:
    """`left symbol= right`; the new value of `left`, which for a torch tensor is the same object, changed."""
    if not isinstance(left, Tensor):
        return binary_operation(ctx, symbol, left, right)
    if gradient_of(left) is not None:
        scale_gradient(ctx, left, symbol, right)
        return left
    if left.parameter is not None and writable(ctx, left):
        change_parameter(ctx, left, symbol, right)
        return left
    result = binary_operation(ctx, symbol, left, right)
    if "keras" in ctx.tables or not isinstance(result, Tensor):
        return result
    return in_place(ctx, left, result)


def in_place(ctx: Context, tensor: Tensor, result: Tensor) -> Tensor:
    """Let `tensor` become `result`; raises ShapeMismatch where the operation would have to enlarge it."""
    if tensor.shape is not None and result.shape is not None and tensor.shape != result.shape:
        raise ShapeMismatch(f"an operation in place gives {result.shape}, which does not fit into {tensor.shape}")
    return adopt(ctx, tensor, result)


def writable(ctx: Context, tensor: Tensor) -> bool:
    """Whether an operation in place on a view of a parameter reaches the parameter without an error."""
    if not ctx.gradients or tensor.parameter is None or not tensor.parameter.trainable:
        return True
    node = tensor.node
    while node.kind is Kind.RESHAPE and node.inputs:
        node = node.inputs[0]
    return node.kind is Kind.STOP


def change_parameter(ctx: Context, tensor: Tensor, symbol: str, operand: Value) -> None:
    """Arithmetic in place on a parameter: a step of a hand-written optimizer, or else initialization."""
    if updates_by_gradient(ctx, tensor, operand):
        return
    known = number(operand) if not isinstance(operand, Tensor) or operand.shape == () else None
    if symbol in "+-" and isinstance(operand, Tensor) and known is None:
        add_in_place(ctx, tensor, operand, 1.0 if symbol == "+" else -1.0)
    elif symbol in "+-":
        rescale_in_place(ctx, tensor, 1.0, None if known is None else known if symbol == "+" else -known)
    elif symbol == "*":
        rescale_in_place(ctx, tensor, known)
    elif symbol == "/":
        rescale_in_place(ctx, tensor, 1 / known if known else None)
    else:
        overwrite(ctx, tensor, UNKNOWN)


def unary_operation(ctx: Context, symbol: str, x: Tensor) -> Value:
    """`-x`, `+x` or `~x`."""
    if symbol == "-":
        return scaled(ctx, x, -1)
    if symbol == "+":
        return x
    fold = operator.not_ if x.dtype == "bool" else operator.invert
    return stopped(ctx, (x,), "not", x.shape, x.dtype, folded(fold, x))


def compare(ctx: Context, symbol: str, left: Value, right: Value) -> Value:
    """An elementwise comparison: no gradient passes it. With something that is no number `==` is false."""
    left, right = _unwrapped(left), _unwrapped(right)
    for side in (left, right):
        if isinstance(side, Unknown):
            return _compare_unknown(ctx, side, [other for other in (left, right) if isinstance(other, Tensor)])
        if not isinstance(side, (Tensor, int, float)):
            if symbol in ("==", "!=") and not isinstance(side, Symbol):
                return symbol == "!="
            return ctx.unknown("comparison of a tensor with something that is no number")
    tensors = [side for side in (left, right) if isinstance(side, Tensor)]
    shape = broadcast(*[tensor.shape for tensor in tensors])
    return stopped(ctx, tensors, "comparison", shape, "bool", folded(_COMPARISONS[symbol], left, right))


def _compare_unknown(ctx: Context, unknown: Unknown, tensors: list[Tensor]) -> Value:
    """A floating tensor compared with something unknown still carries no gradient; of others only that is unknown."""
    if any(is_floating(tensor.dtype) or tensor.node.kind is Kind.STOP for tensor in tensors):
        return stopped(ctx, tensors, "comparison", None, "bool")
    return ctx.unknown(unknown.reason)


def length(ctx: Context, tensor: Tensor) -> Value:
    """`len(tensor)`."""
    if tensor.shape is None:
        return ctx.unknown("length of a tensor whose shape is not known")
    if not tensor.shape:
        ctx.fail("TypeError", "len() of a 0-d tensor")
    return tensor.shape[0]


def iterate_tensor(ctx: Context, tensor: Tensor) -> list[Value]:
    """The entries along the first axis; one opaque item where their number is not known or too large."""
    if tensor.shape is None:
        return [ctx.opaque("iteration over a tensor whose shape is not known", [tensor])]
    if not tensor.shape:
        ctx.fail("TypeError", "iteration over a 0-d tensor")
    if tensor.shape[0] > _MAX_ITEMS:
        return [ctx.opaque("iteration over a long tensor", [tensor], tensor.shape[1:])]
    return [get_item(ctx, tensor, index) for index in range(tensor.shape[0])]


def tensor_attribute(ctx: Context, tensor: Tensor, name: str) -> Value:
    """`tensor.name`, or MISSING when tensors have no such attribute."""
    if name == "shape":
        if tensor.shape is None:
            return Unknown("the shape of a tensor is not known", ctx.origin(), tensor)
        return tensor.shape
    if name in tensor.attributes:
        return tensor.attributes[name]
    import gradlint.frameworks.torch.tensor_methods as tensor_methods

    attribute = tensor_methods.ATTRIBUTES.get(name)
    if attribute is not None:
        return attribute(ctx, tensor)
    method = tensor_methods.METHODS.get(name)
    if method is None and ("keras" in ctx.tables or name in ("astype", "copy")):
        from gradlint.frameworks.keras import tensors

        return tensors.attribute(ctx, tensor, name)
    return MISSING if method is None else BoundMethod(method, tensor)


def set_tensor_attribute(ctx: Context, tensor: Tensor, name: str, value: Value) -> None:
    """`tensor.name = value`."""
    import gradlint.frameworks.torch.tensor_methods as tensor_methods

    setter = tensor_methods.SETTERS.get(name)
    if setter is not None:
        setter(ctx, tensor, value)
    else:
        tensor.attributes[name] = value
