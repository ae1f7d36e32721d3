"""Layers that merge several inputs: add, multiply, average, maximum, concatenate, dot; and their functional forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Unknown, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.keras.arguments import flag, integer, is_int, signature
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import class_name
from gradlint.frameworks.registry import resolve
from gradlint.network import Kind, Shape


def _tensors(ctx: Context, inputs: Value) -> list[Tensor]:
    if isinstance(inputs, (list, tuple)):
        return [ctx.as_tensor(item) for item in inputs]
    if isinstance(inputs, Unknown):
        return [ctx.as_tensor(inputs)]
    return [ctx.as_tensor(item) for item in ctx.iterate(inputs)]


def merged_shape(found: Sequence[Shape | None]) -> Shape | None:
    """Keras's broadcast of inputs of different ranks: axes of 1 are put in behind the batch."""
    known = [shape for shape in found if shape is not None]
    if not known or len(known) < len(found):
        return None
    rank = max(len(shape) for shape in known)
    padded = [(shape[0], *(1,) * (rank - len(shape)), *shape[1:]) if shape else shape for shape in known]
    return shapes.broadcast(*padded)


def _add(coefficients: Callable[[int], tuple[float, ...]]) -> Callable[..., Value]:
    def call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
        tensors = _tensors(ctx, inputs)
        return ctx.emit(
            Kind.ADD,
            tensors,
            merged_shape([tensor.shape for tensor in tensors]),
            attributes={"coefficients": coefficients(len(tensors))},
            class_name=class_name(self),
            layer=self,
        )

    return call


def _multiply(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    tensors = _tensors(ctx, inputs)
    shape = merged_shape([tensor.shape for tensor in tensors])
    return ctx.emit(Kind.MULTIPLY, tensors, shape, class_name=class_name(self), layer=self)


def _extremum(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    """Maximum or minimum of several tensors: pooling over a new axis."""
    tensors = _tensors(ctx, inputs)
    shape = merged_shape([tensor.shape for tensor in tensors])
    stacked = ctx.emit(
        Kind.CONCATENATE,
        tensors,
        None if shape is None else (*shape, len(tensors)),
        attributes={"axis": -1, "stacked": True},
        class_name=class_name(self),
        layer=self,
    )
    return ctx.emit(
        Kind.POOLING,
        [stacked],
        shape,
        attributes={"type": "max", "axes": (len(shape),) if shape is not None else None, "global": True},
        class_name=class_name(self),
        layer=self,
    )


def _concatenate(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    tensors = _tensors(ctx, inputs)
    axis = integer(self.attrs.get("axis", -1))
    shape = None if axis is None else shapes.concatenated([tensor.shape for tensor in tensors], axis)
    return ctx.emit(
        Kind.CONCATENATE, tensors, shape, attributes={"axis": axis}, class_name=class_name(self), layer=self
    )


def _dot(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    tensors = _tensors(ctx, inputs)
    if len(tensors) != 2:
        ctx.fail("ValueError", "A `Dot` layer should be called on exactly 2 inputs.")
    x, y = tensors
    axes = self.attrs.get("axes")
    pair = (axes, axes) if is_int(axes) else tuple(axes) if isinstance(axes, (list, tuple)) else ()
    if flag(self.attrs.get("normalize")):
        x, y = (_normalized(ctx, self, tensor, axis) for tensor, axis in zip((x, y), pair, strict=False))
    shape, equation = None, None
    if x.shape and y.shape and len(pair) == 2 and all(is_int(axis) for axis in pair):
        first, second = (shapes.axis_of(axis, len(t.shape or ())) for axis, t in zip(pair, (x, y), strict=True))
        if x.shape[first] != y.shape[second]:
            raise ShapeMismatch(f"Dot of {x.shape} and {y.shape} along axes {pair}")
        rest = (*_without(x.shape, (0, first)), *_without(y.shape, (0, second)))
        shape = (x.shape[0], *(rest or (1,)))
        equation = _equation(len(x.shape), len(y.shape), first, second)
    return ctx.emit(
        Kind.MATMUL, [x, y], shape, attributes={"equation": equation}, class_name=class_name(self), layer=self
    )


def _equation(x_rank: int, y_rank: int, first: int, second: int) -> str:
    letters = "bcdefghijklmnop"
    left = ["a"] + [letters[index] for index in range(x_rank - 1)]
    right = ["a"] + [letters[x_rank - 1 + index] for index in range(y_rank - 1)]
    right[second] = left[first]
    result = "a" + "".join(label for label in [*left[1:], *right[1:]] if label != left[first])
    return f"{''.join(left)},{''.join(right)}->{result}"


def _without(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _normalized(ctx: Context, self: Instance, x: Tensor, axis: Value) -> Tensor:
    return ctx.emit(
        Kind.NORMALIZATION,
        [x],
        x.shape,
        attributes={"type": "l2", "axes": (axis,), "epsilon": 1e-12, "affine": False},
        class_name=class_name(self),
        layer=self,
    )


def _ones(count: int) -> tuple[float, ...]:
    return (1.0,) * count


def _mean(count: int) -> tuple[float, ...]:
    return (1.0 / max(count, 1),) * count


LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec("Add", signature(), _add(_ones)),
    LayerSpec("Subtract", signature(), _add(lambda count: (1.0, -1.0))),
    LayerSpec("Average", signature(), _add(_mean)),
    LayerSpec("Multiply", signature(), _multiply),
    LayerSpec("Maximum", signature(), _extremum),
    LayerSpec("Minimum", signature(), _extremum),
    LayerSpec("Concatenate", signature(axis=-1), _concatenate),
    LayerSpec("Dot", signature("axes", normalize=False), _dot),
)


def _functional(name: str) -> Callable[..., Value]:
    def function(ctx: Context, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
        layer = ctx.instantiate(resolve(f"keras.layers.{name}"), *args, **kwargs)
        return ctx.call(layer, inputs)

    return function


FUNCTIONS: Mapping[str, Callable[..., Value]] = {row.name.lower(): _functional(row.name) for row in LAYERS}
