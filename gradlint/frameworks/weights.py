"""Products with parameters as weighted layers, and parameters that are changed in place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Tensor
from gradlint.frameworks import shapes
from gradlint.frameworks.einsum import Equation, LinearForm, as_linear, parse_equation
from gradlint.frameworks.nodes import added, affine, independent_sum, reshaped, scaled, stopped
from gradlint.frameworks.torch.distributions import assign, distribution_of
from gradlint.network import UNKNOWN, Distribution, Kind, Node, Parameter, Shape

# Rearrangements after which the entries of a parameter are still its weights.
_PLAIN = frozenset({"view", "transpose", "slice", "split", "identity", "cast", "gather", "flip"})
_MAX_STEPS = 16
_MAX_SEARCH = 400


@dataclass(frozen=True, slots=True)
class Weights:
    """The parameter that an operand is a view of, and the number that it was multiplied by."""

    parameter: Parameter
    factor: float = 1.0


def weights_of(tensor: Tensor) -> Weights | None:
    """The parameter behind `tensor` if it is one, rearranged or scaled by a number at most; else None."""
    node, factor = tensor.node, 1.0
    for _ in range(_MAX_STEPS):
        if node.kind is Kind.PARAMETER:
            parameter = node.parameters.get("value")
            return None if parameter is None else Weights(parameter, factor)
        if node.kind is Kind.RESHAPE and node.get("operation") in _PLAIN:
            node = node.inputs[0]
        elif node.kind is Kind.MULTIPLY and len(node.inputs) == 1:
            factor *= node.get("constant", 1.0)
            node = node.inputs[0]
        else:
            return None
    return None


def linear(
    ctx: Context,
    x: Tensor,
    weights: Weights,
    in_features: int | None,
    out_features: int | None,
    bias: Tensor | None = None,
    class_name: str = "",
) -> Tensor:
    """A LINEAR node on the last axis of `x` with these weights; a factor of the weights follows as a product."""
    shape: Shape | None = None
    if x.shape is not None and out_features is not None:
        if in_features is not None and x.shape and x.shape[-1] != in_features:
            raise ShapeMismatch(f"linear layer of {in_features} inputs on a tensor of shape {x.shape}")
        shape = (*x.shape[:-1], out_features)
    bias_weights = None if bias is None else weights_of(bias)
    fused = bias_weights is not None and bias_weights.factor == 1 and weights.factor == 1
    parameters = {"weight": weights.parameter}
    if fused and bias_weights is not None:
        parameters["bias"] = bias_weights.parameter
    result = ctx.emit(
        Kind.LINEAR,
        (x,),
        shape,
        attributes={"in_features": in_features, "out_features": out_features},
        parameters=parameters,
        class_name=class_name,
    )
    if weights.factor != 1:
        result = scaled(ctx, result, weights.factor)
    return result if bias is None or fused else added(ctx, result, bias)


def matmul(ctx: Context, left: Tensor, right: Tensor, class_name: str = "torch.matmul") -> Tensor:
    """`left @ right`: a LINEAR node where one of them is a matrix of weights and the other is none, else MATMUL."""
    shape = shapes.matmul(left.shape, right.shape)
    ours, theirs = weights_of(left), weights_of(right)
    if theirs is not None and ours is None and right.shape is not None and len(right.shape) <= 2:
        return _apply_right(ctx, left, theirs, right.shape, class_name)
    if ours is not None and theirs is None and left.shape is not None and len(left.shape) <= 2:
        return _apply_left(ctx, ours, left.shape, right, class_name)
    return ctx.emit(Kind.MATMUL, (left, right), shape, class_name=class_name)


def _apply_right(ctx: Context, x: Tensor, weights: Weights, size: Shape, class_name: str) -> Tensor:
    """`x @ w`; a vector w gives one output feature, whose axis is dropped."""
    result = linear(ctx, x, weights, size[0], size[1] if len(size) > 1 else 1, class_name=class_name)
    if len(size) == 1:
        shape = None if result.shape is None else result.shape[:-1]
        result = reshaped(ctx, result, shape, "view")
    return result


def _apply_left(ctx: Context, weights: Weights, size: Shape, x: Tensor, class_name: str) -> Tensor:
    """`w @ x`: a linear layer along the last axis but one of x."""
    out_features = size[0] if len(size) > 1 else 1
    if x.shape is None or len(x.shape) > 1:
        x = swapped(ctx, x)
        result = linear(ctx, x, weights, size[-1], out_features, class_name=class_name)
        if len(size) > 1:
            return swapped(ctx, result)
    else:
        result = linear(ctx, x, weights, size[-1], out_features, class_name=class_name)
        if len(size) > 1:
            return result
    return reshaped(ctx, result, None if result.shape is None else result.shape[:-1], "view")


def swapped(ctx: Context, x: Tensor) -> Tensor:
    """`x` with its last two axes exchanged."""
    if x.shape is None:
        return reshaped(ctx, x, None, "transpose")
    rank = len(x.shape)
    if rank < 2:
        return x
    order = (*range(rank - 2), rank - 1, rank - 2)
    return reshaped(ctx, x, shapes.permuted(x.shape, order), "transpose", axes=order)


def einsum(ctx: Context, text: str, operands: Sequence[Tensor], class_name: str = "torch.einsum") -> Tensor:
    """An Einstein summation: LINEAR where one of two operands is weights and the form allows, else MATMUL."""
    known = [operand.shape for operand in operands if operand.shape is not None]
    equation = parse_equation(text, [len(shape) for shape in known]) if len(known) == len(operands) else None
    if equation is None:
        return ctx.emit(Kind.MATMUL, operands, None, attributes={"equation": text}, class_name=class_name)
    shape = equation.shape(known)
    if len(operands) == 1:
        return _rearranged(ctx, equation, operands[0], shape, class_name)
    found = [weights_of(operand) for operand in operands]
    for position, weights in enumerate(found):
        if len(operands) == 2 and weights is not None and found[1 - position] is None:
            form = as_linear(equation, known, position)
            if form is not None:
                return _linear_form(ctx, operands[1 - position], weights, form, class_name)
    return ctx.emit(Kind.MATMUL, operands, shape, attributes={"equation": text}, class_name=class_name)


def _rearranged(ctx: Context, equation: Equation, x: Tensor, shape: Shape, class_name: str) -> Tensor:
    labels, result = equation.operands[0], equation.result
    if len(set(labels)) < len(labels):
        return ctx.opaque("einsum along a diagonal is not modelled", [x], shape)
    summed = tuple(axis for axis, label in enumerate(labels) if label not in result)
    if summed:
        x = ctx.emit(
            Kind.POOLING,
            (x,),
            shapes.reduced(x.shape, summed),
            attributes={"type": "sum", "axes": summed, "global": True, "keepdims": False},
            class_name=class_name,
        )
    kept = "".join(label for label in labels if label in result)
    order = tuple(kept.index(label) for label in result)
    return _transposed(ctx, x, order, shape)


def _transposed(ctx: Context, x: Tensor, order: tuple[int, ...], shape: Shape) -> Tensor:
    if order == tuple(range(len(order))):
        return x
    return reshaped(ctx, x, shape, "transpose", axes=order)


def _linear_form(ctx: Context, x: Tensor, weights: Weights, form: LinearForm, class_name: str) -> Tensor:
    assert x.shape is not None
    x = _transposed(ctx, x, form.order, shapes.permuted(x.shape, form.order) or ())
    merged = (*form.kept, form.in_features)
    if x.shape != merged:
        x = reshaped(ctx, x, merged, "view")
    result = linear(ctx, x, weights, form.in_features, form.out_features, class_name=class_name)
    if result.shape != form.unmerged:
        result = reshaped(ctx, result, form.unmerged, "view")
    return _transposed(ctx, result, form.restore, shapes.permuted(form.unmerged, form.restore) or ())


def convolution(
    ctx: Context,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    attributes: Mapping[str, Any],
    shape: Shape | None,
    class_name: str,
) -> Tensor:
    """A CONVOLUTION node by a function call; a kernel that is computed or constant is its second input."""
    weights = weights_of(weight)
    if weights is None:
        result = ctx.emit(Kind.CONVOLUTION, (x, weight), shape, attributes=attributes, class_name=class_name)
        return result if bias is None else _add_channels(ctx, result, bias)
    parameters = {"weight": weights.parameter}
    bias_weights = None if bias is None else weights_of(bias)
    fused = bias_weights is not None and bias_weights.factor == 1 and weights.factor == 1
    if fused and bias_weights is not None:
        parameters["bias"] = bias_weights.parameter
    result = ctx.emit(
        Kind.CONVOLUTION, (x,), shape, attributes=attributes, parameters=parameters, class_name=class_name
    )
    if weights.factor != 1:
        result = scaled(ctx, result, weights.factor)
    return result if bias is None or fused else _add_channels(ctx, result, bias)


def _add_channels(ctx: Context, x: Tensor, bias: Tensor) -> Tensor:
    if x.shape is None or bias.shape is None:
        return ctx.emit(Kind.ADD, (x, bias), x.shape)
    spatial = len(x.shape) - 2
    return added(ctx, x, reshaped(ctx, bias, (*bias.shape, *(1,) * spatial), "view"))


def uses_gradient(*nodes: Node) -> bool:
    """Whether a `.grad` is among what these nodes were computed from."""
    stack, seen = list(nodes), set[int]()
    while stack and len(seen) < _MAX_SEARCH:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.kind is Kind.STOP and node.get("operation") == "grad":
            return True
        stack.extend(node.inputs)
    return False


def rescale_in_place(ctx: Context, tensor: Tensor, factor: float | None, shift: float | None = 0.0) -> None:
    """A parameter (or what is to become one) becomes `factor * w + shift`; None for numbers that are not known."""
    before = distribution_of(tensor)
    known = factor is not None and shift is not None and math.isfinite(factor) and math.isfinite(shift)
    after = affine(before, factor or 0.0, shift or 0.0) if known else UNKNOWN
    overwrite(ctx, tensor, after)


def add_in_place(ctx: Context, tensor: Tensor, other: Tensor, coefficient: float = 1.0) -> None:
    """A parameter becomes `w + coefficient * other`, the two taken as independent."""
    theirs = distribution_of(other)
    ours = distribution_of(tensor)
    overwrite(ctx, tensor, independent_sum(ours, theirs, coefficient) if ours.known and theirs.known else UNKNOWN)


def overwrite(ctx: Context, tensor: Tensor, distribution: Distribution) -> None:
    """Give a parameter, a part of one, or a tensor that is to become one, a distribution chosen by user code."""
    assign(tensor, replace(distribution, explicit=True, origin=ctx.origin()), ctx)


def detached(ctx: Context, x: Tensor, operation: str = "detach") -> Tensor:
    """`x` without its gradient; a detached parameter still is a view of it, through which it can be changed."""
    result = stopped(ctx, (x,), operation, x.shape, x.dtype, x.values)
    result.parameter, result.partial, result.window = x.parameter, x.partial, x.window
    if "distribution" in x.attributes:
        result.attributes["distribution"] = x.attributes["distribution"]
    return result
