"""Pooling with windows, over everything, and to a fixed size."""

from __future__ import annotations

from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.keras.arguments import flag, signature, sizes
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import channels_first, class_name, layout, rank_of
from gradlint.frameworks.keras.sizes import pads
from gradlint.network import Kind

_TYPES = {"Max": "max", "Average": "average"}


def pool(
    ctx: Context,
    self: Instance | None,
    x: Tensor,
    kind: str,
    size: tuple[int, ...] | None,
    strides: tuple[int, ...] | None,
    padding: Value,
    first: bool,
    rank: int,
    name: str,
) -> Tensor:
    """One POOLING node with a window."""
    grid = layout(x, rank, first, name)
    shape, border = None, None
    if size is not None and strides is not None:
        ones = (1,) * len(size)
        border = pads(padding, grid.spatial if grid is not None else None, size, strides, ones)
        if grid is not None and border is not None:
            shape = grid.shape(shapes.convolved(grid.spatial, size, strides, border, ones))
    start = 2 if first else 1
    return ctx.emit(
        Kind.POOLING,
        [x],
        shape,
        attributes={
            "type": kind,
            "axes": tuple(range(start, start + rank)),
            "kernel_size": size,
            "stride": strides,
            "padding": border,
            "same": isinstance(padding, str) and padding.lower() == "same",
            "channel_axis": 1 if first else -1,
        },
        class_name=name,
        layer=self,
    )


def _call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    rank, attrs = rank_of(self), self.attrs
    name = class_name(self)
    size = sizes(attrs.get("pool_size"), rank)
    given = attrs.get("strides")
    strides = size if given is None else sizes(given, rank)
    kind = "max" if "Max" in name else "average"
    first = channels_first(ctx, self)
    return pool(ctx, self, ctx.as_tensor(inputs), kind, size, strides, attrs.get("padding"), first, rank, name)


def _global_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x, rank, first = ctx.as_tensor(inputs), rank_of(self), channels_first(ctx, self)
    keep = flag(self.attrs.get("keepdims"))
    name = class_name(self)
    grid = layout(x, rank, first, self.attrs.get("name"))
    axes = tuple(range(2 if first else 1, rank + (2 if first else 1)))
    return ctx.emit(
        Kind.POOLING,
        [x],
        None if grid is None else shapes.reduced(x.shape, axes, keep),
        attributes={
            "type": "max" if "Max" in name else "average",
            "axes": axes,
            "global": True,
            "keepdims": keep,
            "channel_axis": 1 if first else -1,
        },
        class_name=name,
        layer=self,
    )


def _adaptive_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x, rank, first = ctx.as_tensor(inputs), rank_of(self), channels_first(ctx, self)
    name = class_name(self)
    grid = layout(x, rank, first, self.attrs.get("name"))
    output = shapes.adaptive(grid.spatial, self.attrs.get("output_size")) if grid is not None else None
    start = 2 if first else 1
    return ctx.emit(
        Kind.POOLING,
        [x],
        grid.shape(output) if grid is not None and output is not None else None,
        attributes={
            "type": "max" if "Max" in name else "average",
            "axes": tuple(range(start, start + rank)),
            "output_size": output,
            "channel_axis": 1 if first else -1,
        },
        class_name=name,
        layer=self,
    )


def _rows(rank: int) -> list[LayerSpec]:
    options: dict[str, Any] = {"strides": None, "padding": "valid", "data_format": None, "name": None}
    rows = []
    for kind in _TYPES:
        rows.append(LayerSpec(f"{kind}Pooling{rank}D", signature(pool_size=2, **options), _call))
        rows.append(LayerSpec(f"Global{kind}Pooling{rank}D", signature(data_format=None, keepdims=False), _global_call))
        rows.append(
            LayerSpec(f"Adaptive{kind}Pooling{rank}D", signature("output_size", data_format=None), _adaptive_call)
        )
    return rows


LAYERS: tuple[LayerSpec, ...] = tuple(row for rank in (1, 2, 3) for row in _rows(rank))

ALIASES = {
    alias.format(rank=rank): name.format(rank=rank)
    for rank in (1, 2, 3)
    for alias, name in (
        ("MaxPool{rank}D", "MaxPooling{rank}D"),
        ("AvgPool{rank}D", "AveragePooling{rank}D"),
        ("GlobalMaxPool{rank}D", "GlobalMaxPooling{rank}D"),
        ("GlobalAvgPool{rank}D", "GlobalAveragePooling{rank}D"),
    )
}
