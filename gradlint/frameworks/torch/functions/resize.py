"""Pooling, interpolation and sampling of `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.nodes import integer, number, reshaped
from gradlint.frameworks.registry import resolve
from gradlint.frameworks.torch.functions.tables import Table, tensor
from gradlint.network import Kind, Shape

TABLE = Table()

# Function -> the layer that does the same, the order of its arguments behind the input, whether it gives indices too.
_POOLS: dict[str, tuple[str, tuple[str, ...]]] = {}
for _dims in (1, 2, 3):
    _POOLS[f"max_pool{_dims}d"] = (
        f"MaxPool{_dims}d",
        ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    )
    _POOLS[f"avg_pool{_dims}d"] = (
        f"AvgPool{_dims}d",
        ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    )
    _POOLS[f"lp_pool{_dims}d"] = (f"LPPool{_dims}d", ("norm_type", "kernel_size", "stride", "ceil_mode"))
    _POOLS[f"adaptive_avg_pool{_dims}d"] = (f"AdaptiveAvgPool{_dims}d", ("output_size",))
    _POOLS[f"adaptive_max_pool{_dims}d"] = (f"AdaptiveMaxPool{_dims}d", ("output_size", "return_indices"))
    _POOLS[f"max_unpool{_dims}d"] = (
        f"MaxUnpool{_dims}d",
        ("indices", "kernel_size", "stride", "padding", "output_size"),
    )
for _dims in (2, 3):
    _POOLS[f"fractional_max_pool{_dims}d"] = (
        f"FractionalMaxPool{_dims}d",
        ("kernel_size", "output_size", "output_ratio", "return_indices", "_random_samples"),
    )

# Arguments that go to the call of the layer, not into its constructor.
_CALL = ("indices", "output_size")


def _pool(name: str, layer_name: str, order: tuple[str, ...], indices: bool = False) -> Callable[..., Value]:
    unpool = "indices" in order

    def apply(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
        x = tensor(ctx, input)
        given = dict(zip(order, args, strict=False)) | kwargs
        if indices:
            given["return_indices"] = True
        call = {key: given.pop(key) for key in _CALL if unpool and key in given}
        layer = ctx.instantiate(resolve(f"torch.nn.{layer_name}"), **given)
        result = ctx.call(layer.cls.find("forward"), layer, x, **call)
        for part in result if isinstance(result, tuple) else (result,):
            _disown(part, layer, f"torch.nn.functional.{name}", ctx)
        return result

    return apply


def _disown(result: Value, layer: Instance, class_name: str, ctx: Context) -> None:
    """A function is no layer: its node stands where it was called."""
    if isinstance(result, Tensor) and result.node.layer is layer:
        result.node.layer = None
        result.node.class_name = class_name
        result.node.origin = ctx.origin()


for _name, (_layer, _order) in _POOLS.items():
    _homes = "tf" if _name.startswith(("max_pool", "adaptive_avg_pool1d", "adaptive_max_pool1d", "avg_pool1d")) else "f"
    TABLE.add(_name, _pool(_name, _layer, _order), _homes)
    if "return_indices" in _order:
        TABLE.add(f"{_name}_with_indices", _pool(_name, _layer, _order, indices=True), "f")


def _interpolate(
    ctx: Context,
    input: Value,
    size: Value = None,
    scale_factor: Value = None,
    mode: Value = "nearest",
    align_corners: Value = None,
    recompute_scale_factor: Value = None,
    antialias: Value = False,
) -> Value:
    x = tensor(ctx, input)
    shape: Shape | None = None
    if x.shape is not None:
        if len(x.shape) < 3:
            raise ShapeMismatch(f"interpolate expects a batch of images or signals, but got {x.shape}")
        spatial = x.shape[2:]
        if size is not None:
            wanted = [integer(item) for item in size] if isinstance(size, (tuple, list)) else [integer(size)]
            sizes = shapes.per_axis(wanted, len(spatial))
        else:
            sizes = shapes.resized(spatial, [number(factor) for factor in scale_factor]
                                   if isinstance(scale_factor, (tuple, list)) else number(scale_factor))  # fmt: skip
        shape = None if sizes is None else (*x.shape[:2], *sizes)
    return reshaped(ctx, x, shape, "interpolate", "torch.nn.functional.interpolate", mode=mode)


def _upsample_as(mode: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, size: Value = None, scale_factor: Value = None) -> Value:
        return _interpolate(ctx, input, size, scale_factor, mode)

    return apply


def _grid_sample(
    ctx: Context,
    input: Value,
    grid: Value,
    mode: Value = "bilinear",
    padding_mode: Value = "zeros",
    align_corners: Value = None,
) -> Value:
    x, places = tensor(ctx, input), tensor(ctx, grid)
    shape: Shape | None = None
    if x.shape is not None and places.shape is not None:
        shape = (*x.shape[:2], *places.shape[1:-1])
    attributes: dict[str, Any] = {"operation": "interpolate", "mode": mode}
    name = "torch.nn.functional.grid_sample"
    return ctx.emit(Kind.RESHAPE, (x, places), shape, attributes=attributes, class_name=name)


def _affine_grid(ctx: Context, theta: Value, size: Value, align_corners: Value = None) -> Value:
    matrix, sizes = tensor(ctx, theta), shapes.sizes(size)
    shape = None if not sizes else (sizes[0], *sizes[2:], len(sizes) - 2)
    return ctx.opaque("affine_grid is not modelled", [matrix], shape)


TABLE.add("interpolate upsample", _interpolate, "f")
TABLE.add("upsample_bilinear", _upsample_as("bilinear"), "f")
TABLE.add("upsample_nearest", _upsample_as("nearest"), "f")
TABLE.add("grid_sample", _grid_sample, "f")
TABLE.add("affine_grid", _affine_grid, "f")
