"""Layers that only rearrange: flatten, reshape, permute, repeat, crop, pad, upsample, resize."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.keras.arguments import integer, is_int, signature, sizes
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import channels_first, class_name, layout, rank_of
from gradlint.network import Kind, Shape


def rearranged(
    ctx: Context, self: Instance, x: Tensor, shape: Shape | None, operation: str, **attributes: Any
) -> Tensor:
    """The RESHAPE node of a layer."""
    return ctx.emit(
        Kind.RESHAPE,
        [x],
        shape,
        attributes={"operation": operation, **attributes},
        class_name=class_name(self),
        layer=self,
    )


def _flatten(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    shape = None if not x.shape else (x.shape[0], math.prod(x.shape[1:]))
    return rearranged(ctx, self, x, shape, "view")


def _reshape(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    target = self.attrs.get("target_shape")
    target = (target,) if is_int(target) else target
    shape = None
    if isinstance(target, (list, tuple)) and x.shape:
        rest = shapes.viewed(x.shape[1:], [-1 if size is None else size for size in target])
        shape = None if rest is None else (x.shape[0], *rest)
    return rearranged(ctx, self, x, shape, "view")


def _permute(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    dims = self.attrs.get("dims")
    order = (0, *dims) if isinstance(dims, (list, tuple)) and all(is_int(d) for d in dims) else None
    if order is not None and x.shape is not None and len(order) != len(x.shape):
        raise ShapeMismatch(f"Permute({dims}) on an input of {len(x.shape)} axes")
    shape = shapes.permuted(x.shape, order) if order is not None else None
    return rearranged(ctx, self, x, shape, "transpose", axes=order)


def _repeat(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x, n = ctx.as_tensor(inputs), integer(self.attrs.get("n"))
    shape = (x.shape[0], n, *x.shape[1:]) if x.shape and n is not None else None
    return rearranged(ctx, self, x, shape, "expand", axes=(1,))


def _borders(value: Value, rank: int) -> tuple[tuple[int, int], ...] | None:
    """(before, after) for each spatial axis from Keras's padding and cropping arguments."""
    if is_int(value):
        return ((value, value),) * rank
    if not isinstance(value, (list, tuple)):
        return None
    if rank == 1 and len(value) == 2 and all(is_int(n) for n in value):
        return ((value[0], value[1]),)
    if len(value) != rank:
        return None
    result = []
    for entry in value:
        pair = sizes(entry, 2)
        if pair is None:
            return None
        result.append((pair[0], pair[1]))
    return tuple(result)


def _bordered(ctx: Context, self: Instance, inputs: Value, key: str, sign: int) -> Value:
    x, rank, first = ctx.as_tensor(inputs), rank_of(self), channels_first(ctx, self)
    borders = _borders(self.attrs.get(key), rank)
    grid = layout(x, rank, first, self.attrs.get("name"))
    shape = None
    if borders is not None and grid is not None:
        after = [n + sign * (a + b) for n, (a, b) in zip(grid.spatial, borders, strict=True)]
        if min(after) < 1:
            raise ShapeMismatch(f"{key} {borders} leaves nothing of {x.shape}")
        shape = grid.shape(after)
    start = 2 if first else 1
    axes = tuple(range(start, start + rank))
    return rearranged(ctx, self, x, shape, "pad" if sign > 0 else "slice", axes=axes)


def _pad(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    return _bordered(ctx, self, inputs, "padding", 1)


def _crop(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    return _bordered(ctx, self, inputs, "cropping", -1)


def _upsample(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x, rank, first = ctx.as_tensor(inputs), rank_of(self), channels_first(ctx, self)
    factors = sizes(self.attrs.get("size"), rank)
    grid = layout(x, rank, first, self.attrs.get("name"))
    shape = None
    if grid is not None and factors is not None:
        shape = grid.shape([n * factor for n, factor in zip(grid.spatial, factors, strict=True)])
    axes = tuple(range(2 if first else 1, rank + (2 if first else 1)))
    return rearranged(ctx, self, x, shape, "interpolate", axes=axes, mode=self.attrs.get("interpolation", "nearest"))


def _resized(ctx: Context, self: Instance, inputs: Value, size: Sequence[Value]) -> Value:
    x, first = ctx.as_tensor(inputs), channels_first(ctx, self)
    known = [integer(n) for n in size]
    shape = None
    if x.shape is not None and all(n is not None for n in known):
        spatial = tuple(n for n in known if n is not None)
        keep = x.shape[: len(x.shape) - 3]
        shape = (*keep, x.shape[-3], *spatial) if first else (*keep, *spatial, x.shape[-1])
    return rearranged(ctx, self, x, shape, "interpolate", axes=(2, 3) if first else (1, 2))


def _resize(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    return _resized(ctx, self, inputs, (self.attrs.get("height"), self.attrs.get("width")))


def _one_hot_size(self: Instance) -> int | None:
    mode = self.attrs.get("output_mode")
    size = integer(self.attrs.get("num_tokens", self.attrs.get("max_tokens")))
    return size if mode in ("one_hot", "multi_hot", "count", "tf_idf") else None


def _lookup(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    """Strings or numbers to indices, or to vectors of 0 and 1: no gradient passes."""
    x = ctx.as_tensor(inputs)
    size = _one_hot_size(self)
    mode = self.attrs.get("output_mode")
    length = integer(self.attrs.get("output_sequence_length"))
    shape = x.shape
    if mode in ("one_hot", "multi_hot", "count", "tf_idf"):
        lead = x.shape if mode == "one_hot" and x.shape and x.shape[-1] != 1 else None if not x.shape else x.shape[:-1]
        shape = (*lead, size) if lead is not None and size is not None else None
    elif length is not None and x.shape:
        shape = (x.shape[0], length)
    elif class_name(self).endswith("TextVectorization") and x.shape:
        shape = (x.shape[0], 32)
    vectors = mode in ("one_hot", "multi_hot", "count", "tf_idf")
    return ctx.emit(
        Kind.STOP,
        [x],
        shape,
        attributes={"operation": "lookup"},
        class_name=class_name(self),
        layer=self,
        dtype="float32" if vectors else "int64",
    )


_HASHED: dict[str, Any] = {"output_mode": "int", "sparse": False}

LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec("Flatten", signature(data_format=None), _flatten),
    LayerSpec("Reshape", signature("target_shape"), _reshape),
    LayerSpec("Permute", signature("dims"), _permute),
    LayerSpec("RepeatVector", signature("n"), _repeat),
    LayerSpec("ZeroPadding1D", signature(padding=1, data_format=None), _pad),
    LayerSpec("ZeroPadding2D", signature(padding=(1, 1), data_format=None), _pad),
    LayerSpec("ZeroPadding3D", signature(padding=(1, 1, 1), data_format=None), _pad),
    LayerSpec("Cropping1D", signature(cropping=(1, 1)), _crop),
    LayerSpec("Cropping2D", signature(cropping=((0, 0), (0, 0)), data_format=None), _crop),
    LayerSpec("Cropping3D", signature(cropping=((1, 1), (1, 1), (1, 1)), data_format=None), _crop),
    LayerSpec("UpSampling1D", signature(size=2), _upsample),
    LayerSpec("UpSampling2D", signature(size=(2, 2), data_format=None, interpolation="nearest"), _upsample),
    LayerSpec("UpSampling3D", signature(size=(2, 2, 2), data_format=None), _upsample),
    LayerSpec("Resizing", signature("height", "width", interpolation="bilinear", data_format=None), _resize),
    LayerSpec("CenterCrop", signature("height", "width", data_format=None), _resize),
    LayerSpec("RandomCrop", signature("height", "width", seed=None, data_format=None, name=None), _resize),
    LayerSpec("CategoryEncoding", signature(num_tokens=None, output_mode="multi_hot", sparse=False), _lookup),
    LayerSpec("Discretization", signature(bin_boundaries=None, num_bins=None, epsilon=0.01, **_HASHED), _lookup),
    LayerSpec("Hashing", signature("num_bins", mask_value=None, salt=None, **_HASHED), _lookup),
    LayerSpec("StringLookup", signature(max_tokens=None, num_oov_indices=1, mask_token=None, **_HASHED), _lookup),
    LayerSpec("IntegerLookup", signature(max_tokens=None, num_oov_indices=1, mask_token=None, **_HASHED), _lookup),
    LayerSpec(
        "TextVectorization",
        signature(
            max_tokens=None,
            standardize="lower_and_strip_punctuation",
            split="whitespace",
            ngrams=None,
            output_mode="int",
            output_sequence_length=None,
        ),
        _lookup,
    ),
)
