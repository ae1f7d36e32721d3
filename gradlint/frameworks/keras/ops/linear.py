"""Products of tensors: matmul, dot, einsum, tensordot, outer."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import nodes, shapes, weights
from gradlint.frameworks.keras.arguments import flag, integer
from gradlint.frameworks.keras.ops.operation import Operation, complete, tensor
from gradlint.network import Kind


def _turned(ctx: Context, x: Tensor, turn: Value) -> Tensor:
    return weights.swapped(ctx, x) if flag(turn) else x


def _matmul(
    ctx: Context, x: Value = None, y: Value = None, transpose_a: Value = False, transpose_b: Value = False
) -> Value:
    left, right = _turned(ctx, tensor(ctx, x), transpose_a), _turned(ctx, tensor(ctx, y), transpose_b)
    return weights.matmul(ctx, left, right, "keras.ops.matmul")


def _matvec(ctx: Context, x: Value = None, y: Value = None) -> Value:
    return weights.matmul(ctx, tensor(ctx, x), tensor(ctx, y), "tensorflow.linalg.matvec")


def _einsum(ctx: Context, *args: Value) -> Value:
    equation, *operands = args
    given = [tensor(ctx, operand) for operand in operands]
    if not isinstance(equation, str):
        return ctx.opaque("an einsum with an equation that is not known", given)
    return weights.einsum(ctx, equation, given, "keras.ops.einsum")


def _tensordot(ctx: Context, x: Value = None, y: Value = None, axes: Value = 2) -> Value:
    left, right = tensor(ctx, x), tensor(ctx, y)
    if left.shape is None or right.shape is None:
        return ctx.opaque("tensordot of tensors of unknown shape", [left, right])
    count = integer(axes)
    if count is not None:
        first = tuple(range(len(left.shape) - count, len(left.shape)))
        second = tuple(range(count))
    else:
        pair = list(axes) if isinstance(axes, (list, tuple)) and len(axes) == 2 else [None, None]
        given = [complete(item) if item is not None else None for item in pair]
        if given[0] is None or given[1] is None:
            return ctx.opaque("tensordot over axes that are not known", [left, right])
        first = shapes.axes_of(given[0], len(left.shape)) or ()
        second = shapes.axes_of(given[1], len(right.shape)) or ()
    if any(axis >= len(left.shape) for axis in first) or any(axis >= len(right.shape) for axis in second):
        raise ShapeMismatch(f"tensordot of {left.shape} and {right.shape} over axes {first} and {second}")
    return weights.einsum(ctx, _equation(len(left.shape), len(right.shape), first, second), [left, right])


def _equation(left: int, right: int, first: tuple[int, ...], second: tuple[int, ...]) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    ours = list(letters[:left])
    theirs = list(letters[left : left + right])
    for a, b in zip(first, second, strict=False):
        theirs[b] = ours[a]
    summed = {ours[a] for a in first}
    result = [label for label in (*ours, *theirs) if label not in summed]
    return f"{''.join(ours)},{''.join(theirs)}->{''.join(result)}"


def _outer(ctx: Context, x: Value = None, y: Value = None) -> Value:
    left, right = tensor(ctx, x), tensor(ctx, y)
    shape = (*left.shape, *right.shape) if left.shape is not None and right.shape is not None else None
    return ctx.emit(Kind.MATMUL, [left, right], shape, attributes={"equation": "a,b->ab"})


def _bias_add(ctx: Context, x: Value = None, bias: Value = None, data_format: Value = None) -> Value:
    t, b = tensor(ctx, x), tensor(ctx, bias)
    if isinstance(data_format, str) and data_format in ("NCHW", "channels_first") and t.shape and b.shape:
        b = nodes.reshaped(ctx, b, (*b.shape, *(1,) * (len(t.shape) - 2)), "view")
    return nodes.added(ctx, t, b, class_name="tensorflow.nn.bias_add")


def _decomposed(name: str) -> Operation:
    def apply(ctx: Context, x: Value = None) -> Value:
        return ctx.opaque(f"{name} is not modelled", [tensor(ctx, x)])

    return apply


_NOT_MODELLED = (
    "cholesky",
    "det",
    "eig",
    "eigh",
    "inv",
    "qr",
    "svd",
    "solve",
    "lstsq",
    "pinv",
    "trace",
    "cross",
    "fft",
)

OPERATIONS: dict[str, Operation] = {
    "matmul": _matmul,
    "dot": _matmul,
    "vdot": _matmul,
    "inner": _matmul,
    "matvec": _matvec,
    "einsum": _einsum,
    "tensordot": _tensordot,
    "outer": _outer,
    "bias_add": _bias_add,
    **{name: _decomposed(name) for name in _NOT_MODELLED},
}
