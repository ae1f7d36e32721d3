"""Builders of graph nodes from tensors: the few operations that every framework's functions are made of.

Each takes the context first, accepts numbers, Unknowns and tensors alike, infers the shape, keeps entries that are
known, and keeps the initial distribution of tensors that are to become parameters.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Symbol, Tensor, Unknown, Value
from gradlint.frameworks import shapes
from gradlint.network import Distribution, Kind, Shape

DISTRIBUTION = "distribution"
"""Key of `Tensor.attributes` under which a tensor that is no parameter keeps what its entries were drawn from."""

MAX_VALUES = 64
"""How many entries a constant may have for them to be kept."""

MAX_COMPUTED = 1024
"""How many entries may be computed from others that are known."""


def number(value: Value) -> float | None:
    """`value` as a known real number: a Python number, or a tensor without axes whose entry is known."""
    if isinstance(value, Tensor):
        value = value.values
    return value if isinstance(value, (int, float)) else None


def integer(value: Value) -> int | None:
    """`value` as a known integer, or None."""
    known = number(value)
    return known if isinstance(known, int) else None


def fits(shape: Shape) -> bool:
    """Whether a tensor of this shape is small enough to keep its entries."""
    return math.prod(shape) <= MAX_VALUES


def too_many(shape: Shape | None) -> bool:
    """Whether a tensor of this shape has more entries than are computed one by one."""
    return shape is not None and math.prod(shape) > MAX_COMPUTED


def combine(function: Callable[..., Any], *operands: Any) -> Any:
    """`function` entry by entry over nested lists and numbers of the same structure; None when that is not possible."""
    lists = [operand for operand in operands if isinstance(operand, list)]
    if not lists:
        try:
            result = function(*operands)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError):
            return None
        return result if isinstance(result, (int, float)) else None
    length = len(lists[0])
    if any(len(operand) != length for operand in lists):
        return None
    columns = [operand if isinstance(operand, list) else repeat(operand, length) for operand in operands]
    if all(type(entries[0]) is not list for entries in lists if entries):
        return _combine_rows(function, columns)
    results = [combine(function, *entries) for entries in zip(*columns, strict=True)]
    return None if None in results else results


def _combine_rows(function: Callable[..., Any], columns: Sequence[Iterable[Any]]) -> list[Any] | None:
    """`function` entry by entry over rows of numbers."""
    try:
        results = list(map(function, *columns))
    except (ValueError, ZeroDivisionError, OverflowError, TypeError):
        return None
    return results if all(isinstance(result, (int, float)) for result in results) else None


def folded(function: Callable[..., Any] | None, *operands: Value) -> Any:
    """The entries of an elementwise operation where those of all operands are known, else None."""
    if function is None:
        return None
    known = [operand.values if isinstance(operand, Tensor) else number(operand) for operand in operands]
    if None in known or any(type(operand) is Tensor and too_many(operand.shape) for operand in operands):
        return None
    ranks = {operand.shape for operand in operands if isinstance(operand, Tensor) and operand.shape}
    return combine(function, *known) if len(ranks) <= 1 else None


def constant(
    ctx: Context,
    shape: Shape | None,
    dtype: str = "float32",
    value: float | None = None,
    values: Any = None,
    distribution: Distribution | None = None,
) -> Tensor:
    """A tensor that depends on nothing: filled with `value`, with known entries, or drawn from a distribution."""
    attributes: dict[str, Any] = {}
    if value is not None:
        attributes["value"] = value
        if values is None and shape is not None and len(shape) <= 1 and fits(shape):
            values = [value] * shape[0] if shape else value
    if distribution is not None:
        attributes["distribution"] = distribution
    tensor = ctx.emit(Kind.CONSTANT, (), shape, attributes=attributes, dtype=dtype, values=values)
    if distribution is not None:
        tensor.attributes[DISTRIBUTION] = distribution
    return tensor


def distribution_of(tensor: Tensor) -> Distribution | None:
    """What the entries of a tensor were drawn from, where that is known."""
    if tensor.parameter is not None:
        return tensor.parameter.distribution
    kept: Distribution | None = tensor.attributes.get(DISTRIBUTION)
    if kept is None and (value := tensor.node.get("value")) is not None and tensor.node.kind is Kind.CONSTANT:
        kept = Distribution("constant", float(value), 0.0, "constant", text=f"{value:g}")
    return kept


def affine(distribution: Distribution, factor: float, shift: float = 0.0) -> Distribution:
    """The distribution of `factor * w + shift`."""
    family = distribution.family
    if family == "unknown":
        return distribution
    if family in ("orthogonal", "identity") and shift:
        family = "unknown"
    text = distribution.text
    if factor != 1:
        text = f"{text} * {factor:.4g}" if text else ""
    if shift:
        text = f"{text} + {shift:.4g}" if text else ""
    scheme = distribution.scheme if factor == 1 or distribution.scheme in ("constant", "orthogonal") else "explicit"
    return replace(
        distribution,
        family="constant" if factor == 0 else family,
        mean=factor * distribution.mean + shift,
        std=abs(factor) * distribution.std,
        gain=abs(factor) * distribution.gain,
        scheme=scheme,
        text=text,
    )


def _carry(source: Tensor, result: Tensor, factor: float = 1.0, shift: float = 0.0) -> Tensor:
    """Let `result` keep the distribution of `source`, scaled and shifted."""
    distribution = distribution_of(source)
    if distribution is not None:
        result.attributes[DISTRIBUTION] = affine(distribution, factor, shift)
    return result


def result_dtype(*operands: Value) -> str:
    """The dtype of arithmetic on these operands: numbers only count by their category."""
    dtypes = [operand.dtype for operand in operands if isinstance(operand, Tensor)]
    dtype = dtypes[0] if len(dtypes) == 1 or (len(dtypes) == 2 and dtypes[0] == dtypes[1]) else shapes.promoted(dtypes)
    floats = any(isinstance(operand, float) for operand in operands)
    if floats and not shapes.is_floating(dtype):
        return "float32"
    integers = any(type(operand) is int for operand in operands)
    return "int64" if integers and dtype == "bool" else dtype


def unknown_operand(ctx: Context, operands: Sequence[Value]) -> Tensor | None:
    """What an operation gives when one operand is not known: an opaque tensor of the shape of the others."""
    for operand in operands:
        if not isinstance(operand, (Tensor, int, float)):
            tensors = [other for other in operands if isinstance(other, Tensor)]
            shape = tensors[0].shape if len(tensors) == 1 else None
            reason = operand.reason if isinstance(operand, Unknown) else _describe(operand)
            return ctx.opaque(reason, operands, shape)
    return None


def _describe(operand: Value) -> str:
    if isinstance(operand, Symbol):
        return f"{operand.name} is not modelled"
    return f"arithmetic of a tensor with {type(operand).__name__.lower()} is not modelled"


def elementwise(
    ctx: Context,
    kind: Kind,
    operands: Sequence[Tensor],
    fold: Callable[..., Any] | None = None,
    dtype: str | None = None,
    class_name: str = "",
    **attributes: Any,
) -> Tensor:
    """A node of `kind` over tensors that are broadcast against each other."""
    shape = shapes.broadcast(*[operand.shape for operand in operands])
    return ctx.emit(
        kind,
        operands,
        shape,
        attributes=attributes,
        dtype=dtype or result_dtype(*operands),
        class_name=class_name,
        values=folded(fold, *operands) if fold is not None and (shape is None or fits(shape)) else None,
    )


def scaled(ctx: Context, x: Tensor, factor: float, class_name: str = "", dtype: str | None = None) -> Tensor:
    """`x * factor` for a known number."""
    result = ctx.emit(
        Kind.MULTIPLY,
        (x,),
        x.shape,
        attributes={"constant": float(factor)},
        dtype=dtype or result_dtype(x, factor),
        class_name=class_name,
        values=None if x.values is None else folded(lambda a: a * factor, x),
    )
    return _carry(x, result, factor)


def shifted(
    ctx: Context, x: Tensor, amount: float, coefficient: float = 1.0, class_name: str = "", dtype: str | None = None
) -> Tensor:
    """`coefficient * x + amount` for known numbers."""
    result = ctx.emit(
        Kind.ADD,
        (x,),
        x.shape,
        attributes={"coefficients": (float(coefficient),), "constant": float(amount)},
        dtype=dtype or result_dtype(x, amount),
        class_name=class_name,
        values=None if x.values is None else folded(lambda a: coefficient * a + amount, x),
    )
    return _carry(x, result, coefficient, amount)


def added(ctx: Context, x: Tensor, y: Tensor, coefficient: float = 1.0, class_name: str = "") -> Tensor:
    """`x + coefficient * y` for tensors; a bias that is added to a linear layer becomes part of it."""
    fused = coefficient == 1 and (_biased(ctx, x, y, class_name) or _biased(ctx, y, x, class_name))
    if fused:
        return fused
    result = elementwise(
        ctx,
        Kind.ADD,
        (x, y),
        lambda a, b: a + coefficient * b,
        class_name=class_name,
        coefficients=(1.0, float(coefficient)),
    )
    ours, theirs = distribution_of(x), distribution_of(y)
    if ours is not None and theirs is not None:
        result.attributes[DISTRIBUTION] = independent_sum(ours, theirs, coefficient)
    return result


def _biased(ctx: Context, x: Tensor, bias: Tensor, class_name: str) -> Tensor | None:
    """The linear layer that `x` came out of, with `bias` for its bias; None where it is anything else."""
    node, parameter = x.node, bias.parameter
    if node.kind is not Kind.LINEAR or parameter is None or bias.partial or bias.node.kind is not Kind.PARAMETER:
        return None
    if bias.shape is None or math.prod(bias.shape) != bias.shape[-1] or bias.shape[-1] != node.get("out_features"):
        return None
    if "bias" in node.parameters or len(bias.shape) > len(x.shape or ()):
        return None
    return ctx.emit(
        Kind.LINEAR,
        [Tensor(operand) for operand in node.inputs],
        x.shape,
        attributes=node.attributes,
        parameters={**node.parameters, "bias": parameter},
        class_name=node.class_name or class_name,
        dtype=x.dtype,
    )


def independent_sum(first: Distribution, second: Distribution, coefficient: float = 1.0) -> Distribution:
    """The distribution of `v + coefficient * w` for independent v and w: variances add."""
    if second.family == "constant":
        return affine(first, 1.0, coefficient * second.mean)
    if first.family == "constant":
        return affine(second, coefficient, first.mean)
    return replace(
        first,
        family="normal" if first.family == second.family == "normal" else "unknown",
        mean=first.mean + coefficient * second.mean,
        std=math.hypot(first.std, coefficient * second.std),
        scheme="explicit",
        text="",
    )


def activation(
    ctx: Context,
    x: Tensor,
    function: str,
    class_name: str = "",
    fold: Callable[..., Any] | None = None,
    shape: Shape | None = None,
    **settings: Any,
) -> Tensor:
    """An ACTIVATION node; `function` is the canonical name. `shape` only where it is not that of `x`."""
    dtype = (
        x.dtype if shapes.is_floating(x.dtype) or function in ("abs", "clamp", "relu", "square", "sign") else "float32"
    )
    result = ctx.emit(
        Kind.ACTIVATION,
        (x,),
        x.shape if shape is None else shape,
        attributes={"function": function, **settings},
        dtype=dtype,
        class_name=class_name,
        values=None if x.values is None else folded(fold, x),
    )
    given = distribution_of(x) if fold is not None and x.parameter is None else None
    if fold is not None and given is not None and given.family == "constant" and not given.parts:
        with contextlib.suppress(ArithmeticError, ValueError):
            result.attributes[DISTRIBUTION] = replace(given, mean=float(fold(given.mean)), scheme="constant", text="")
    return result


def reshaped(
    ctx: Context,
    x: Tensor,
    shape: Shape | None,
    operation: str,
    class_name: str = "",
    values: Any = None,
    **attributes: Any,
) -> Tensor:
    """A RESHAPE node. A view of a parameter remains one, and the distribution of the entries stays."""
    result = ctx.emit(
        Kind.RESHAPE,
        (x,),
        shape,
        attributes={"operation": operation, **attributes},
        dtype=x.dtype,
        class_name=class_name,
        values=values,
    )
    if x.parameter is not None:
        result.parameter = x.parameter
        result.partial, result.window = x.partial, x.window
    else:
        distribution = x.attributes.get(DISTRIBUTION)
        if distribution is not None:
            result.attributes[DISTRIBUTION] = distribution
    return result


def stopped(
    ctx: Context,
    operands: Sequence[Tensor],
    operation: str,
    shape: Shape | None,
    dtype: str | None = None,
    values: Any = None,
) -> Tensor:
    """A STOP node: what comes out carries no gradient."""
    return ctx.emit(Kind.STOP, operands, shape, attributes={"operation": operation}, dtype=dtype, values=values)


def reduction(
    ctx: Context,
    x: Tensor,
    kind: str,
    axes: tuple[int, ...] | None,
    keep: bool = False,
    class_name: str = "",
    fold: Callable[..., Any] | None = None,
    **settings: Any,
) -> Tensor:
    """A global POOLING node of type `kind` over `axes` (from the front; None when not known)."""
    values = None
    if fold is not None and isinstance(x.values, list) and x.shape is not None and len(x.shape) == 1 and x.values:
        values = fold(x.values)
        values = [values] if keep else values
    dtype = x.dtype
    if kind in ("average", "norm", "variance", "logsumexp", "lp") and not shapes.is_floating(dtype):
        dtype = "float32"
    elif kind == "sum" and not shapes.is_floating(dtype):
        dtype = "int64"
    return ctx.emit(
        Kind.POOLING,
        (x,),
        shapes.reduced(x.shape, axes, keep),
        attributes={"type": kind, "axes": axes, "global": True, "keepdims": keep, **settings},
        dtype=dtype,
        class_name=class_name,
        values=values,
    )


def adopt(ctx: Context, tensor: Tensor, result: Tensor) -> Tensor:
    """Let the object `tensor` become `result`, as an operation in place does; whoever holds it sees the change."""
    ctx.modified(tensor)
    tensor.node = result.node
    tensor.dtype = result.dtype
    tensor.values = result.values
    tensor.parameter, tensor.partial, tensor.window = result.parameter, result.partial, result.window
    if DISTRIBUTION in result.attributes:
        tensor.attributes[DISTRIBUTION] = result.attributes[DISTRIBUTION]
    else:
        tensor.attributes.pop(DISTRIBUTION, None)
    return tensor
