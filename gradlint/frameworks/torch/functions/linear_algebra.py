"""Matrix products of torch, and what its linear algebra and Fourier transforms do to shapes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import operators, shapes, weights
from gradlint.frameworks.nodes import elementwise, integer, number, reduction, reshaped, stopped
from gradlint.frameworks.torch.functions.tables import Table, named, tensor, tensors
from gradlint.network import Kind, Shape

TABLE = Table()


def _product(name: str, left_rank: int | None = None, right_rank: int | None = None) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, other: Value = None, *, out: Value = None, **rest: Value) -> Value:
        second = next((rest[key] for key in ("mat2", "vec", "tensor", "vec2") if key in rest), other)
        x, y = tensor(ctx, input), tensor(ctx, second)
        for side, rank in ((x, left_rank), (y, right_rank)):
            if rank is not None and side.shape is not None and len(side.shape) != rank:
                raise ShapeMismatch(f"{name} expects a tensor of {rank} dimensions, but got {side.shape}")
        return weights.matmul(ctx, x, y, f"torch.{name}")

    return apply


def _added_product(name: str) -> Callable[..., Value]:
    """`addmm` and its kin: `beta * input + alpha * (first @ second)`."""

    def apply(
        ctx: Context,
        input: Value,
        first: Value = None,
        second: Value = None,
        *,
        beta: Value = 1,
        alpha: Value = 1,
        out: Value = None,
        **rest: Value,
    ) -> Value:
        given = [value for value in (first, second, *rest.values()) if value is not None]
        if len(given) < 2:
            ctx.fail("TypeError", f"{name}() takes a tensor and two factors")
        x, y = tensor(ctx, given[0]), tensor(ctx, given[1])
        if name == "addr":
            product: Value = _outer(ctx, x, y)
        else:
            product = weights.matmul(ctx, x, y, f"torch.{name}")
        if name == "addbmm":
            shape = product.shape
            product = reduction(ctx, product, "sum", (0,) if shape is not None else None)
        scale, share = number(alpha), number(beta)
        if scale != 1:
            product = operators.multiply(ctx, product, alpha)
        base = tensor(ctx, input)
        return operators.add(ctx, product, base if share == 1 else operators.multiply(ctx, base, beta))

    return apply


def _outer(ctx: Context, input: Value, vec2: Value) -> Value:
    x, y = tensor(ctx, input), tensor(ctx, vec2)
    if x.shape is None or y.shape is None:
        return ctx.emit(Kind.MULTIPLY, (x, y), None, attributes={"outer": True})
    return elementwise(ctx, Kind.MULTIPLY, (reshaped(ctx, x, (*x.shape, 1), "view"), y), class_name="torch.outer")


def _inner(ctx: Context, input: Value, other: Value) -> Value:
    x, y = tensor(ctx, input), tensor(ctx, other)
    if x.shape is not None and y.shape is not None and (len(x.shape) == 0 or len(y.shape) == 0):
        return operators.multiply(ctx, x, y)
    if y.shape is not None and len(y.shape) == 1:
        return weights.matmul(ctx, x, y, "torch.inner")
    return weights.matmul(ctx, x, weights.swapped(ctx, y), "torch.inner")


def _einsum(ctx: Context, *args: Value) -> Value:
    if not args or not isinstance(args[0], str):
        return ctx.opaque("einsum of an equation that is not known", args)
    operands = args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    return weights.einsum(ctx, args[0], [tensor(ctx, operand) for operand in operands])


def _tensordot(ctx: Context, a: Value, b: Value, dims: Value = 2, out: Value = None) -> Value:
    x, y = tensor(ctx, a), tensor(ctx, b)
    if x.shape is None or y.shape is None:
        return ctx.emit(Kind.MATMUL, (x, y), None, class_name="torch.tensordot")
    count = integer(dims)
    if count is not None:
        left, right = tuple(range(len(x.shape) - count, len(x.shape))), tuple(range(count))
    else:
        pair = [shapes.sizes(axes) for axes in dims] if isinstance(dims, (tuple, list)) and len(dims) == 2 else [None]
        if None in pair or len(pair[0] or ()) != len(pair[-1] or ()):
            return ctx.emit(Kind.MATMUL, (x, y), None, class_name="torch.tensordot")
        left = tuple(shapes.axis_of(axis, len(x.shape), x.shape) for axis in pair[0] or ())
        right = tuple(shapes.axis_of(axis, len(y.shape), y.shape) for axis in pair[1] or ())
    labels = "abcdefghijklmnopqrstuvwxyz"
    first = labels[: len(x.shape)]
    second = list(labels[len(x.shape) : len(x.shape) + len(y.shape)])
    for ours, theirs in zip(left, right, strict=True):
        second[theirs] = first[ours]
    kept = [label for label in first if label not in second]
    result = "".join([*kept, *[label for label in second if label not in first]])
    return weights.einsum(ctx, f"{first},{''.join(second)}->{result}", (x, y), "torch.tensordot")


def _chain(ctx: Context, *matrices: Value, out: Value = None) -> Value:
    given = tensors(ctx, matrices[0]) if len(matrices) == 1 else [tensor(ctx, matrix) for matrix in matrices]
    if not given:
        return ctx.opaque("a chain of matrices that are not known", matrices)
    return functools.reduce(lambda left, right: weights.matmul(ctx, left, right, "torch.chain_matmul"), given)


def _kron(ctx: Context, input: Value, other: Value) -> Value:
    x, y = tensor(ctx, input), tensor(ctx, other)
    shape: Shape | None = None
    if x.shape is not None and y.shape is not None:
        rank = max(len(x.shape), len(y.shape))
        pairs = zip((1,) * (rank - len(x.shape)) + x.shape, (1,) * (rank - len(y.shape)) + y.shape, strict=True)
        shape = tuple(a * b for a, b in pairs)
    return ctx.emit(Kind.MULTIPLY, (x, y), shape, attributes={"outer": True}, class_name="torch.kron")


def linear(ctx: Context, input: Value, weight: Value, bias: Value = None) -> Value:
    """`torch.nn.functional.linear`: `input @ weight.T + bias`."""
    x, w = tensor(ctx, input), tensor(ctx, weight)
    b = None if bias is None else tensor(ctx, bias)
    found = weights.weights_of(w)
    name = "torch.nn.functional.linear"
    if found is not None and (w.shape is None or len(w.shape) == 2):
        out_features, in_features = w.shape if w.shape is not None else (None, None)
        return weights.linear(ctx, x, found, in_features, out_features, b, name)
    result = weights.matmul(ctx, x, weights.swapped(ctx, w), name)
    return result if b is None else operators.add(ctx, result, b)


def _bilinear(ctx: Context, input1: Value, input2: Value, weight: Value, bias: Value = None) -> Value:
    x, y, w = tensor(ctx, input1), tensor(ctx, input2), tensor(ctx, weight)
    if x.shape is None or y.shape is None or w.shape is None:
        return ctx.opaque("bilinear form of tensors whose shape is not known", [x, y, w])
    rows = reshaped(ctx, x, (*x.shape, 1), "view")
    columns = reshaped(ctx, y, (*y.shape[:-1], 1, y.shape[-1]), "view")
    outer = elementwise(ctx, Kind.MULTIPLY, (rows, columns))
    width = x.shape[-1] * y.shape[-1]
    flat = reshaped(ctx, outer, (*x.shape[:-1], width), "view")
    return linear(ctx, flat, reshaped(ctx, w, (w.shape[0], width), "view"), bias)


# What is only known by its shape.


def _same(name: str, square: bool = True) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value = None, *args: Value, **rest: Value) -> Value:
        x = tensor(ctx, rest.get("A", input))
        return ctx.opaque(f"torch.{name} is not modelled", [x], x.shape)

    return apply


def _batch(name: str) -> Callable[..., Value]:
    """One number per matrix: `det`, `cond`, `matrix_rank`."""

    def apply(ctx: Context, input: Value = None, *args: Value, **rest: Value) -> Value:
        x = tensor(ctx, rest.get("A", input))
        return ctx.opaque(f"torch.{name} is not modelled", [x], None if x.shape is None else x.shape[:-2])

    return apply


def _pinverse(ctx: Context, input: Value = None, *args: Value, **rest: Value) -> Value:
    x = tensor(ctx, rest.get("A", input))
    return ctx.opaque("torch.linalg.pinv is not modelled", [x], weights.swapped(ctx, x).shape)


def _solve(ctx: Context, A: Value, B: Value, **rest: Value) -> Value:
    x, y = tensor(ctx, A), tensor(ctx, B)
    return ctx.opaque("torch.linalg.solve is not modelled", [x, y], y.shape)


def _decomposition(name: str, *fields: str) -> Callable[..., Value]:
    make = named(f"linalg_{name}", *fields)

    def apply(ctx: Context, input: Value = None, *args: Value, **rest: Value) -> Value:
        x = tensor(ctx, rest.get("A", input))
        parts = [
            ctx.opaque(f"torch.linalg.{name} is not modelled", [x], _part(name, field, x.shape)) for field in fields
        ]
        return make(ctx, *parts)

    return apply


def _part(name: str, field: str, shape: Shape | None) -> Shape | None:
    if shape is None or len(shape) < 2:
        return None
    *batch, rows, columns = shape
    inner = min(rows, columns)
    sizes = {
        ("qr", "Q"): (rows, inner),
        ("qr", "R"): (inner, columns),
        ("svd", "S"): (inner,),
        ("eigh", "eigenvalues"): (rows,),
        ("eigh", "eigenvectors"): (rows, rows),
        ("slogdet", "sign"): (),
        ("slogdet", "logabsdet"): (),
    }.get((name, field))
    return None if sizes is None else (*batch, *sizes)


def _singular_values(ctx: Context, A: Value, **rest: Value) -> Value:
    x = tensor(ctx, A)
    return ctx.opaque("torch.linalg.svdvals is not modelled", [x], _part("svd", "S", x.shape))


def _cross(ctx: Context, input: Value, other: Value, dim: Value = None, **rest: Value) -> Value:
    x, y = tensor(ctx, input), tensor(ctx, other)
    return ctx.opaque("torch.cross is not modelled", [x, y], shapes.broadcast(x.shape, y.shape))


def _covariance(name: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, **rest: Value) -> Value:
        x = tensor(ctx, input)
        shape = None if x.shape is None or len(x.shape) != 2 else (x.shape[0], x.shape[0])
        return ctx.opaque(f"torch.{name} is not modelled", [x], shape)

    return apply


# Fourier transforms: orthogonal up to scale, but complex; only shapes are followed.


def _transform(name: str) -> Callable[..., Value]:
    real_input, real_output = name.startswith("rfft"), name.startswith(("irfft", "hfft"))
    default = (-2, -1) if name.endswith("2") else None if name.endswith("n") else (-1,)

    def apply(
        ctx: Context, input: Value, s: Value = None, dim: Value = default, norm: Value = None, **rest: Value
    ) -> Value:
        x = tensor(ctx, input)
        shape: Shape | None = None
        axes = shapes.axes_of(dim, len(x.shape)) if x.shape is not None else None
        lengths = rest.get("n", s)
        known = shapes.sizes(lengths) if lengths is not None else None
        if x.shape and axes and (lengths is None or known is not None):
            sizes = list(x.shape)
            for axis, size in zip(axes[-len(known or axes) :], known or [sizes[axis] for axis in axes], strict=False):
                sizes[axis] = size
            if real_input:
                sizes[axes[-1]] = sizes[axes[-1]] // 2 + 1
            elif real_output and known is None:
                sizes[axes[-1]] = 2 * (x.shape[axes[-1]] - 1)
            shape = tuple(sizes)
        result = ctx.opaque(f"torch.fft.{name} is not modelled", [x], shape)
        result.dtype = "float32" if real_output else "complex64"
        return result

    return apply


def _shifted(ctx: Context, input: Value, dim: Value = None) -> Value:
    x = tensor(ctx, input)
    return reshaped(ctx, x, x.shape, "roll", "torch.fft.fftshift")


def _part_of_complex(ctx: Context, input: Value) -> Value:
    x = tensor(ctx, input)
    result: Tensor = reshaped(ctx, x, x.shape, "slice", "torch.real")
    result.dtype = "float32"
    return result


def _complex(ctx: Context, real: Value, imag: Value, **rest: Value) -> Value:
    x, y = tensor(ctx, real), tensor(ctx, imag)
    return ctx.opaque("complex numbers are not modelled", [x, y], shapes.broadcast(x.shape, y.shape))


def _pdist(ctx: Context, input: Value, p: Value = 2.0) -> Value:
    x = tensor(ctx, input)
    count = None if x.shape is None or len(x.shape) != 2 else x.shape[0] * (x.shape[0] - 1) // 2
    return ctx.opaque("pdist is not modelled", [x], None if count is None else (count,))


def _combinations(ctx: Context, input: Value, r: Value = 2, with_replacement: Value = False) -> Value:
    x, size = tensor(ctx, input), integer(r)
    shape: Shape | None = None
    if x.shape is not None and len(x.shape) == 1 and size is not None:
        total = x.shape[0] + size - 1 if with_replacement is True else x.shape[0]
        shape = (math.comb(total, size), size)
    return (
        stopped(ctx, (x,), "combinations", shape, x.dtype)
        if not shapes.is_floating(x.dtype)
        else reshaped(ctx, x, shape, "gather", "torch.combinations")
    )


TABLE.add("matmul", _product("matmul"), "tml")
TABLE.add("mm", _product("mm", 2, 2))
TABLE.add("bmm", _product("bmm", 3, 3))
TABLE.add("mv", _product("mv", 2, 1))
TABLE.add("dot vdot", _product("dot", 1, 1))
for _name in ("addmm", "baddbmm", "addbmm", "addmv", "addr"):
    TABLE.add(_name, _added_product(_name), "tmi")
TABLE.add("outer ger", _outer)
TABLE.add("inner", _inner)
TABLE.add("einsum", _einsum, "t")
TABLE.add("tensordot", _tensordot, "t")
TABLE.add("chain_matmul", _chain, "t")
TABLE.add("multi_dot", _chain, "l")
TABLE.add("kron", _kron)
TABLE.add("linear", linear, "f")
TABLE.add("bilinear", _bilinear, "tf")
TABLE.add("pdist", _pdist, "tf")
TABLE.add("inverse cholesky matrix_exp matrix_power", _same("linalg"))
TABLE.add("inv cholesky matrix_exp matrix_power", _same("linalg"), "l")
TABLE.add("det logdet matrix_rank", _batch("det"))
TABLE.add("det cond matrix_rank", _batch("det"), "l")
TABLE.add("pinverse", _pinverse)
TABLE.add("pinv", _pinverse, "l")
TABLE.add("solve solve_triangular", _solve, "l")
TABLE.add("qr", _decomposition("qr", "Q", "R"), "tml")
TABLE.add("svd", _decomposition("svd", "U", "S", "V"))
TABLE.add("svd", _decomposition("svd", "U", "S", "Vh"), "l")
TABLE.add("svdvals", _singular_values, "l")
TABLE.add("eigh", _decomposition("eigh", "eigenvalues", "eigenvectors"), "l")
TABLE.add("slogdet", _decomposition("slogdet", "sign", "logabsdet"), "tml")
TABLE.add("cross", _cross, "tml")
TABLE.add("cov", _covariance("cov"))
TABLE.add("corrcoef", _covariance("corrcoef"))
for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    for _suffix in ("", "2", "n"):
        TABLE.add(_name + _suffix, _transform(_name + _suffix), "x")
TABLE.add("fftshift ifftshift", _shifted, "x")
TABLE.add("real imag", _part_of_complex, "t")
TABLE.add("complex polar", _complex, "t")
TABLE.add("combinations", _combinations, "t")
