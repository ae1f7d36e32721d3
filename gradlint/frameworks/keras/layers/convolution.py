"""Convolutions: plain, transposed, depthwise and separable, over one, two and three axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.keras.activations import apply_activation
from gradlint.frameworks.keras.arguments import integer, is_int, signature, sizes
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import (
    channel_count,
    channels_first,
    class_name,
    layout,
    rank_of,
    tensor_or_none,
)
from gradlint.frameworks.keras.layers.core import PENALTIES
from gradlint.frameworks.keras.sizes import pads, transposed_lengths
from gradlint.frameworks.keras.weights import parameters, weight
from gradlint.network import Kind, Parameter, Shape

Window = tuple[tuple[int, ...] | None, tuple[int, ...] | None, tuple[int, ...] | None]
"""Kernel size, strides and dilation rate, per spatial axis."""


def _setup(ctx: Context, self: Instance) -> None:
    """Sizes of windows as tuples, as the attributes of real layers are."""
    rank = rank_of(self)
    self.hidden["rank"] = rank
    for key in ("kernel_size", "strides", "dilation_rate"):
        if key in self.attrs and (known := sizes(self.attrs[key], rank)) is not None:
            self.attrs[key] = known
    if channels_first(ctx, self):
        self.hidden["channels_first"] = True


def _first(ctx: Context, self: Instance) -> bool:
    return bool(self.hidden.get("channels_first"))


def _kernel_shape(self: Instance, *channels: Any) -> tuple[Any, ...] | None:
    kernel = self.attrs.get("kernel_size")
    return (*kernel, *channels) if isinstance(kernel, tuple) and all(is_int(c) for c in channels) else None


def _add_bias(ctx: Context, self: Instance, size: Any) -> None:
    if self.attrs.get("use_bias") is not False:
        weight(ctx, self, "bias", None if size is None else (size,), self.attrs.get("bias_initializer"))
    else:
        self.attrs["bias"] = None


def _build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    channels = channel_count(input_shape, _first(ctx, self))
    groups = integer(self.attrs.get("groups", 1)) or 1
    filters = self.attrs.get("filters")
    self.hidden["built"] = channels is not None
    if channels is not None and channels % groups:
        raise ShapeMismatch(f"{channels} channels do not divide into {groups} groups")
    inputs = None if channels is None else channels // groups
    weight(ctx, self, "kernel", _kernel_shape(self, inputs, filters), self.attrs.get("kernel_initializer"))
    _add_bias(ctx, self, filters)


def _transposed_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    channels = channel_count(input_shape, _first(ctx, self))
    filters = self.attrs.get("filters")
    self.hidden["built"] = channels is not None
    weight(ctx, self, "kernel", _kernel_shape(self, filters, channels), self.attrs.get("kernel_initializer"))
    _add_bias(ctx, self, filters)


def _depthwise_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    channels = channel_count(input_shape, _first(ctx, self))
    multiplier = integer(self.attrs.get("depth_multiplier", 1))
    self.hidden["built"] = channels is not None
    weight(
        ctx,
        self,
        "kernel",
        _kernel_shape(self, channels, multiplier),
        self.attrs.get("depthwise_initializer"),
        explicit="depthwise_initializer" in self.hidden.get("given", ()),
    )
    _add_bias(ctx, self, None if channels is None or multiplier is None else channels * multiplier)


def _separable_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    channels = channel_count(input_shape, _first(ctx, self))
    multiplier = integer(self.attrs.get("depth_multiplier", 1))
    filters = self.attrs.get("filters")
    given = self.hidden.get("given", ())
    self.hidden["built"] = channels is not None
    middle = None if channels is None or multiplier is None else channels * multiplier
    ones = (1,) * self.hidden.get("rank", 2)
    for name, shape in (
        ("depthwise", _kernel_shape(self, channels, multiplier)),
        ("pointwise", (*ones, middle, filters) if middle is not None else None),
    ):
        initializer = f"{name}_initializer"
        weight(ctx, self, f"{name}_kernel", shape, self.attrs.get(initializer), explicit=initializer in given)
    _add_bias(ctx, self, filters)


def convolve(
    ctx: Context,
    self: Instance | None,
    x: Tensor,
    weights: dict[str, Parameter],
    *,
    filters: int | None,
    window: Window,
    padding: Value,
    groups: int | None,
    first: bool,
    name: str,
    kernel_tensor: Tensor | None = None,
) -> Tensor:
    """One CONVOLUTION node in Keras's terms; `groups` None means one group per channel (depthwise)."""
    kernel, strides, dilation = window
    rank = len(kernel) if kernel is not None else max(len(x.shape or ()) - 2, 1)
    grid = layout(x, rank, first, name)
    shape: Shape | None = None
    border = None
    channels = grid.channels if grid is not None else None
    if kernel is not None and strides is not None and dilation is not None:
        border = pads(padding, grid.spatial if grid is not None else None, kernel, strides, dilation)
        if grid is not None and border is not None and filters is not None:
            shape = grid.shape(shapes.convolved(grid.spatial, kernel, strides, border, dilation), filters)
    mode = padding.lower() if isinstance(padding, str) else "valid"
    inputs = [x] if kernel_tensor is None else [x, kernel_tensor]
    return ctx.emit(
        Kind.CONVOLUTION,
        inputs,
        shape,
        attributes={
            "in_channels": channels,
            "out_channels": filters,
            "kernel_size": kernel,
            "stride": strides,
            "dilation": dilation,
            "padding": border,
            "groups": channels if groups is None else groups,
            "transposed": False,
            "padding_mode": "zeros",
            "same": mode == "same",
            "channel_axis": 1 if first else -1,
        },
        parameters=weights,
        class_name=name,
        layer=self,
        dtype="float32",
    )


def _check_channels(self: Instance, x: Tensor, expected: Any, first: bool) -> None:
    found = channel_count(x.shape, first)
    if expected is not None and found is not None and expected != found:
        raise ShapeMismatch(f"{self.attrs.get('name')} expects {expected} channels, but the input is {x.shape}")


def _call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    attrs, x, first = self.attrs, ctx.as_tensor(inputs), _first(ctx, self)
    groups = integer(attrs.get("groups", 1)) or 1
    kernel = tensor_or_none(attrs.get("kernel"))
    if kernel is not None and kernel.shape is not None:
        _check_channels(self, x, kernel.shape[-2] * groups, first)
    out = convolve(
        ctx,
        self,
        x,
        parameters(weight=kernel, bias=tensor_or_none(attrs.get("bias"))),
        filters=integer(attrs.get("filters")),
        window=_window(self),
        padding=attrs.get("padding"),
        groups=groups,
        first=first,
        name=class_name(self),
    )
    return apply_activation(ctx, attrs.get("activation"), out, self)


def _window(self: Instance) -> Window:
    rank = self.hidden.get("rank", 2)
    return (
        sizes(self.attrs.get("kernel_size"), rank),
        sizes(self.attrs.get("strides", 1), rank),
        sizes(self.attrs.get("dilation_rate", 1), rank),
    )


def _depthwise_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    attrs, x, first = self.attrs, ctx.as_tensor(inputs), _first(ctx, self)
    channels = channel_count(x.shape, first)
    multiplier = integer(attrs.get("depth_multiplier", 1))
    kernel = tensor_or_none(attrs.get("kernel"))
    if kernel is not None and kernel.shape is not None:
        _check_channels(self, x, kernel.shape[-2], first)
    out = convolve(
        ctx,
        self,
        x,
        parameters(weight=kernel, bias=tensor_or_none(attrs.get("bias"))),
        filters=channels * multiplier if channels is not None and multiplier is not None else None,
        window=_window(self),
        padding=attrs.get("padding"),
        groups=None,
        first=first,
        name=class_name(self),
    )
    return apply_activation(ctx, attrs.get("activation"), out, self)


def _separable_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    attrs, x, first = self.attrs, ctx.as_tensor(inputs), _first(ctx, self)
    rank = self.hidden.get("rank", 2)
    channels = channel_count(x.shape, first)
    multiplier = integer(attrs.get("depth_multiplier", 1))
    middle = convolve(
        ctx,
        self,
        x,
        parameters(weight=tensor_or_none(attrs.get("depthwise_kernel"))),
        filters=channels * multiplier if channels is not None and multiplier is not None else None,
        window=_window(self),
        padding=attrs.get("padding"),
        groups=None,
        first=first,
        name=class_name(self),
    )
    ones = (1,) * rank
    out = convolve(
        ctx,
        self,
        middle,
        parameters(weight=tensor_or_none(attrs.get("pointwise_kernel")), bias=tensor_or_none(attrs.get("bias"))),
        filters=integer(attrs.get("filters")),
        window=(ones, ones, ones),
        padding="valid",
        groups=1,
        first=first,
        name=class_name(self),
    )
    return apply_activation(ctx, attrs.get("activation"), out, self)


def _transposed_padding(
    kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], spatial: Sequence[int], after: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """The padding of the convolution that this is the transpose of, from the sizes on both sides."""
    borders = []
    for k, s, d, n, m in zip(kernel, stride, dilation, spatial, after, strict=True):
        total = max((n - 1) * s + (k - 1) * d + 1 - m, 0)
        borders.append((total // 2, total - total // 2))
    return tuple(borders)


def _transposed_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    attrs, x, first = self.attrs, ctx.as_tensor(inputs), _first(ctx, self)
    filters = integer(attrs.get("filters"))
    kernel, stride, dilation = _window(self)
    grid = layout(x, self.hidden.get("rank", 2), first, attrs.get("name"))
    shape, border = None, None
    if grid is not None and kernel is not None and stride is not None and dilation is not None:
        more = attrs.get("output_padding")
        extra = None if more is None else sizes(more, len(kernel))
        after = transposed_lengths(grid.spatial, kernel, stride, dilation, attrs.get("padding"), extra)
        border = _transposed_padding(kernel, stride, dilation, grid.spatial, after)
        shape = grid.shape(after, filters) if filters is not None else None
    out = ctx.emit(
        Kind.CONVOLUTION,
        [x],
        shape,
        attributes={
            "in_channels": grid.channels if grid is not None else None,
            "out_channels": filters,
            "kernel_size": kernel,
            "stride": stride,
            "dilation": dilation,
            "padding": border,
            "groups": 1,
            "transposed": True,
            "padding_mode": "zeros",
            "channel_axis": 1 if first else -1,
        },
        parameters=parameters(weight=tensor_or_none(attrs.get("kernel")), bias=tensor_or_none(attrs.get("bias"))),
        class_name=class_name(self),
        layer=self,
    )
    return apply_activation(ctx, attrs.get("activation"), out, self)


_WEIGHTS: dict[str, Any] = {
    "activation": None,
    "use_bias": True,
    "kernel_initializer": "glorot_uniform",
    "bias_initializer": "zeros",
    **PENALTIES,
}
_DEPTHWISE: dict[str, Any] = {
    "activation": None,
    "use_bias": True,
    "depthwise_initializer": "glorot_uniform",
    "bias_initializer": "zeros",
}
_SEPARABLE: dict[str, Any] = {
    "activation": None,
    "use_bias": True,
    "depthwise_initializer": "glorot_uniform",
    "pointwise_initializer": "glorot_uniform",
    "bias_initializer": "zeros",
}


def _rows(rank: int) -> list[LayerSpec]:
    plain = {"strides": 1, "padding": "valid", "data_format": None, "dilation_rate": 1, "groups": 1}
    transposed: dict[str, Any] = {"strides": 1, "padding": "valid", "output_padding": None, "data_format": None}
    rows = [
        LayerSpec(f"Conv{rank}D", signature("filters", "kernel_size", **plain, **_WEIGHTS), _call, _build, _setup),
        LayerSpec(
            f"Conv{rank}DTranspose",
            signature("filters", "kernel_size", **transposed, dilation_rate=1, **_WEIGHTS),
            _transposed_call,
            _transposed_build,
            _setup,
        ),
    ]
    if rank < 3:
        depth: dict[str, Any] = {"depth_multiplier": 1, "data_format": None, "dilation_rate": 1}
        separable: dict[str, Any] = {"data_format": None, "dilation_rate": 1, "depth_multiplier": 1}
        rows.append(
            LayerSpec(
                f"DepthwiseConv{rank}D",
                signature("kernel_size", strides=1, padding="valid", **depth, **_DEPTHWISE),
                _depthwise_call,
                _depthwise_build,
                _setup,
            )
        )
        rows.append(
            LayerSpec(
                f"SeparableConv{rank}D",
                signature("filters", "kernel_size", strides=1, padding="valid", **separable, **_SEPARABLE),
                _separable_call,
                _separable_build,
                _setup,
            )
        )
    return rows


LAYERS: tuple[LayerSpec, ...] = tuple(row for rank in (1, 2, 3) for row in _rows(rank))

ALIASES = {
    **{f"Convolution{rank}D": f"Conv{rank}D" for rank in (1, 2, 3)},
    **{f"Convolution{rank}DTranspose": f"Conv{rank}DTranspose" for rank in (1, 2, 3)},
    **{f"Deconvolution{rank}D": f"Conv{rank}DTranspose" for rank in (2, 3)},
    **{f"SeparableConvolution{rank}D": f"SeparableConv{rank}D" for rank in (1, 2)},
}

__all__ = ["ALIASES", "LAYERS", "convolve"]
