"""Pooling layers: windows, adaptive, fractional, power-average, and their inverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.torch.arguments import REQUIRED, as_bool, as_number, bind, input_tensor
from gradlint.frameworks.torch.layers import layer_class
from gradlint.network import Kind, Shape

NAMES: dict[str, Value] = {}

_MAX_FIELDS = {
    "kernel_size": REQUIRED,
    "stride": None,
    "padding": 0,
    "dilation": 1,
    "return_indices": False,
    "ceil_mode": False,
}
_AVERAGE_1D_FIELDS = {
    "kernel_size": REQUIRED,
    "stride": None,
    "padding": 0,
    "ceil_mode": False,
    "count_include_pad": True,
}
_AVERAGE_FIELDS = {**_AVERAGE_1D_FIELDS, "divisor_override": None}
_POWER_FIELDS = {"norm_type": REQUIRED, "kernel_size": REQUIRED, "stride": None, "ceil_mode": False}
_FRACTIONAL_FIELDS = {
    "kernel_size": REQUIRED,
    "output_size": None,
    "output_ratio": None,
    "return_indices": False,
    "_random_samples": None,
}


def _initializer(fields: Mapping[str, Value]) -> Callable[..., None]:
    strided = "stride" in fields

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        bound = bind(fields, args, kwargs)
        if strided and bound["stride"] is None:
            bound["stride"] = bound["kernel_size"]
        self.attrs.update(bound)

    return initialize


def _spatial(shape: Shape | None, dims: int) -> Shape | None:
    """The sizes of the spatial axes of an input with or without a batch axis."""
    if shape is None:
        return None
    if len(shape) not in (dims + 1, dims + 2):
        raise ShapeMismatch(f"expected {dims + 1}D or {dims + 2}D input, but got {shape}", Demand(shape, dims + 2))
    return shape[-dims:]


def _emit(
    ctx: Context,
    layer: Instance,
    x: Tensor,
    dims: int,
    class_name: str,
    spatial: Shape | None,
    **attributes: Any,
) -> Value:
    shape = None if spatial is None or x.shape is None else (*x.shape[:-dims], *spatial)
    attributes["axes"] = tuple(range(-dims, 0))
    result = ctx.emit(Kind.POOLING, (x,), shape, attributes=attributes, class_name=class_name, layer=layer)
    if as_bool(ctx, layer.attrs.get("return_indices", False), False):
        indices = ctx.emit(Kind.STOP, (x,), shape, attributes={"operation": "argmax"}, dtype="int64")
        return (result, indices)
    return result


def _window(name: str, dims: int, kind: str, fields: Mapping[str, Value]) -> None:
    class_name = f"torch.nn.{name}"

    def forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
        x = input_tensor(ctx, input)
        attrs = self.attrs
        kernel, stride = shapes.per_axis(attrs["kernel_size"], dims), shapes.per_axis(attrs["stride"], dims)
        widths = shapes.per_axis(attrs.get("padding", 0), dims)
        dilation = shapes.per_axis(attrs.get("dilation", 1), dims)
        ceil = as_bool(ctx, attrs["ceil_mode"], False)
        padding = None if widths is None else tuple([(width, width) for width in widths])
        sizes = _spatial(x.shape, dims)
        spatial: Shape | None = None
        if sizes is not None and kernel is not None and stride is not None and padding is not None:
            if widths is not None and any(2 * width > k for width, k in zip(widths, kernel, strict=True)):
                ctx.fail("RuntimeError", "pad should be at most half of effective kernel size")
            if dilation is not None:
                spatial = shapes.convolved(sizes, kernel, stride, padding, dilation, ceil)
        settings: dict[str, Any] = {"kernel_size": kernel, "stride": stride, "padding": padding}
        if kind == "lp":
            settings["norm_type"] = as_number(attrs["norm_type"])
        return _emit(ctx, self, x, dims, class_name, spatial, type=kind, **settings)

    layer_class(NAMES, name, {"__init__": _initializer(fields), "forward": forward}, base=_BASES[kind])


def _adaptive(name: str, dims: int, kind: str) -> None:
    class_name = f"torch.nn.{name}"
    fields = {"output_size": REQUIRED} | ({"return_indices": False} if kind == "max" else {})

    def forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
        x = input_tensor(ctx, input)
        wanted = self.attrs["output_size"]
        sizes = _spatial(x.shape, dims)
        spatial = None if sizes is None else shapes.adaptive(sizes, wanted)
        entries = wanted if isinstance(wanted, (tuple, list)) else (wanted,)
        return _emit(
            ctx,
            self,
            x,
            dims,
            class_name,
            spatial,
            type=kind,
            output_size=spatial,
            keepdims=True,
            **{"global": all(entry == 1 for entry in entries)},
        )

    base = f"torch.nn._Adaptive{'Max' if kind == 'max' else 'Avg'}PoolNd"
    layer_class(NAMES, name, {"__init__": _initializer(fields), "forward": forward}, base=base)


def _fractional(name: str, dims: int) -> None:
    class_name = f"torch.nn.{name}"

    def forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
        x = input_tensor(ctx, input)
        attrs = self.attrs
        sizes = _spatial(x.shape, dims)
        spatial: Shape | None = None
        if sizes is not None:
            if attrs["output_size"] is not None:
                spatial = shapes.adaptive(sizes, attrs["output_size"])
            else:
                spatial = shapes.resized(sizes, attrs["output_ratio"])
        kernel = shapes.per_axis(attrs["kernel_size"], dims)
        return _emit(ctx, self, x, dims, class_name, spatial, type="max", kernel_size=kernel, output_size=spatial)

    layer_class(NAMES, name, {"__init__": _initializer(_FRACTIONAL_FIELDS), "forward": forward})


def _unpool(name: str, dims: int) -> None:
    class_name = f"torch.nn.{name}"
    fields = {"kernel_size": REQUIRED, "stride": None, "padding": 0}

    def forward(
        ctx: Context,
        self: Instance,
        input: Value,  # noqa: A002
        indices: Value,
        output_size: Value = None,
    ) -> Tensor:
        x = input_tensor(ctx, input)
        attrs = self.attrs
        sizes, wanted = _spatial(x.shape, dims), shapes.sizes(output_size)
        kernel, stride, padding = (shapes.per_axis(attrs[key], dims) for key in ("kernel_size", "stride", "padding"))
        spatial: Shape | None = None
        if wanted is not None:
            spatial = wanted[-dims:]
        elif sizes is not None and kernel is not None and stride is not None and padding is not None:
            rows = zip(sizes, kernel, stride, padding, strict=True)
            spatial = tuple([(size - 1) * s - 2 * p + k for size, k, s, p in rows])
        shape = None if spatial is None or x.shape is None else (*x.shape[:-dims], *spatial)
        return ctx.emit(
            Kind.RESHAPE,
            (x,),
            shape,
            attributes={"operation": "pad", "axes": tuple(range(-dims, 0))},
            class_name=class_name,
            layer=self,
        )

    layer_class(NAMES, name, {"__init__": _initializer(fields), "forward": forward}, base="torch.nn._MaxUnpoolNd")


_BASES = {"max": "torch.nn._MaxPoolNd", "average": "torch.nn._AvgPoolNd", "lp": "torch.nn._LPPoolNd"}
for _base in (*_BASES.values(), "torch.nn._AdaptiveAvgPoolNd", "torch.nn._AdaptiveMaxPoolNd", "torch.nn._MaxUnpoolNd"):
    layer_class(NAMES, _base.removeprefix("torch.nn."), {})
for _dims in (1, 2, 3):
    _window(f"MaxPool{_dims}d", _dims, "max", _MAX_FIELDS)
    _window(f"AvgPool{_dims}d", _dims, "average", _AVERAGE_1D_FIELDS if _dims == 1 else _AVERAGE_FIELDS)
    _window(f"LPPool{_dims}d", _dims, "lp", _POWER_FIELDS)
    _adaptive(f"AdaptiveAvgPool{_dims}d", _dims, "average")
    _adaptive(f"AdaptiveMaxPool{_dims}d", _dims, "max")
    _unpool(f"MaxUnpool{_dims}d", _dims)
for _dims in (2, 3):
    _fractional(f"FractionalMaxPool{_dims}d", _dims)
