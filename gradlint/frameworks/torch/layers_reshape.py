"""Layers that only move entries: flatten, resize, pad, shuffle, fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Instance, Tensor, Value
from gradlint.frameworks import resolve, shapes
from gradlint.frameworks.torch.arguments import REQUIRED, bind, input_tensor
from gradlint.frameworks.torch.layers import layer_class
from gradlint.network import Kind, Shape

NAMES: dict[str, Value] = {}


def _initializer(fields: Mapping[str, Value]) -> Callable[..., None]:
    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        self.attrs.update(bind(fields, args, kwargs))

    return initialize


def _view(ctx: Context, layer: Instance, x: Tensor, shape: Shape | None, operation: str, name: str) -> Tensor:
    return ctx.emit(
        Kind.RESHAPE, (x,), shape, attributes={"operation": operation}, class_name=f"torch.nn.{name}", layer=layer
    )


# Flatten and Unflatten.


def _flatten_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    x = input_tensor(ctx, input)
    start, end = self.attrs["start_dim"], self.attrs["end_dim"]
    known = isinstance(start, int) and isinstance(end, int)
    return _view(ctx, self, x, shapes.flattened(x.shape, start, end) if known else None, "view", "Flatten")


def _unflatten_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    x = input_tensor(ctx, input)
    dim, wanted = self.attrs["dim"], self.attrs["unflattened_size"]
    shape: Shape | None = None
    if x.shape is not None and isinstance(dim, int) and isinstance(wanted, (tuple, list)):
        axis = shapes.axis_of(dim, len(x.shape), x.shape)
        middle = shapes.viewed((x.shape[axis],), wanted)
        shape = None if middle is None else (*x.shape[:axis], *middle, *x.shape[axis + 1 :])
    return _view(ctx, self, x, shape, "view", "Unflatten")


layer_class(
    NAMES,
    "Flatten",
    {"__init__": _initializer({"start_dim": 1, "end_dim": -1}), "forward": _flatten_forward},
)
layer_class(
    NAMES,
    "Unflatten",
    {"__init__": _initializer({"dim": REQUIRED, "unflattened_size": REQUIRED}), "forward": _unflatten_forward},
)


# Layers that are a function of `torch.nn.functional` with their settings: (layer, its fields, the function, the
# arguments behind the input: names of fields, or constants given as a tuple of one).

_SIZED = {"size": None, "scale_factor": None}
_WINDOW = {"kernel_size": REQUIRED, "dilation": 1, "padding": 0, "stride": 1}

_FUNCTIONAL: tuple[tuple[str, Mapping[str, Value], str, Mapping[str, Any]], ...] = (
    (
        "Upsample",
        {**_SIZED, "mode": "nearest", "align_corners": None, "recompute_scale_factor": None},
        "interpolate",
        {"size": "size", "scale_factor": "scale_factor", "mode": "mode"},
    ),
    (
        "UpsamplingNearest2d",
        _SIZED,
        "interpolate",
        {"size": "size", "scale_factor": "scale_factor", "mode": ("nearest",)},
    ),
    (
        "UpsamplingBilinear2d",
        _SIZED,
        "interpolate",
        {"size": "size", "scale_factor": "scale_factor", "mode": ("bilinear",)},
    ),
    ("PixelShuffle", {"upscale_factor": REQUIRED}, "pixel_shuffle", {"upscale_factor": "upscale_factor"}),
    ("PixelUnshuffle", {"downscale_factor": REQUIRED}, "pixel_unshuffle", {"downscale_factor": "downscale_factor"}),
    ("ChannelShuffle", {"groups": REQUIRED}, "channel_shuffle", {"groups": "groups"}),
    ("Unfold", _WINDOW, "unfold", {key: key for key in _WINDOW}),
    (
        "Fold",
        {"output_size": REQUIRED, **_WINDOW},
        "fold",
        {key: key for key in ("output_size", *_WINDOW)},
    ),
)


def _define_functional(name: str, fields: Mapping[str, Value], function: str, arguments: Mapping[str, Any]) -> None:
    def forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
        given = {
            key: source[0] if isinstance(source, tuple) else self.attrs.get(source) for key, source in arguments.items()
        }
        return functional(ctx, self, f"torch.nn.{name}", function, input_tensor(ctx, input), **given)

    layer_class(NAMES, name, {"__init__": _initializer(fields), "forward": forward})


def functional(ctx: Context, layer: Instance, class_name: str, function: str, *args: Value, **kwargs: Value) -> Value:
    """What `torch.nn.functional.<function>` gives, as the work of a layer."""
    call = resolve(f"torch.nn.functional.{function}")
    tensors = [value for value in args if isinstance(value, Tensor)]
    if call is MISSING:
        return ctx.opaque(f"torch.nn.functional.{function} is not modelled", tensors)
    result = ctx.call(call, *args, **kwargs)
    if isinstance(result, Tensor) and result.node.layer is None and all(result is not tensor for tensor in tensors):
        result.node.layer = layer
        result.node.class_name = class_name
        result.node.origin = layer.origin or result.node.origin
    return result


for _row in _FUNCTIONAL:
    _define_functional(*_row)


# Padding.


def _padding_init(dims: int) -> Callable[..., None]:
    def initialize(ctx: Context, self: Instance, padding: Value, value: Value = None) -> None:
        widths = (padding,) * (2 * dims) if isinstance(padding, int) else padding
        self.attrs["padding"] = tuple(widths) if isinstance(widths, list) else widths
        if value is not None:
            self.attrs["value"] = value

    return initialize


def _define_padding(name: str, dims: int, mode: str) -> None:
    def forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
        x = input_tensor(ctx, input)
        value = self.attrs.get("value", 0.0)
        return functional(ctx, self, f"torch.nn.{name}", "pad", x, self.attrs["padding"], mode, value)

    layer_class(NAMES, name, {"__init__": _padding_init(dims), "forward": forward})


for _prefix, _mode in (
    ("Reflection", "reflect"),
    ("Replication", "replicate"),
    ("Zero", "constant"),
    ("Constant", "constant"),
    ("Circular", "circular"),
):
    for _dims in (1, 2, 3):
        _define_padding(f"{_prefix}Pad{_dims}d", _dims, _mode)


# Similarity of two tensors.


def _define_similarity(name: str, fields: Mapping[str, Value], function: str) -> None:
    def forward(ctx: Context, self: Instance, x1: Value, x2: Value) -> Value:
        given = {key: self.attrs.get(key) for key in fields}
        first, second = input_tensor(ctx, x1), input_tensor(ctx, x2)
        return functional(ctx, self, f"torch.nn.{name}", function, first, second, **given)

    layer_class(NAMES, name, {"__init__": _initializer(fields), "forward": forward})


_define_similarity("CosineSimilarity", {"dim": 1, "eps": 1e-8}, "cosine_similarity")
_define_similarity("PairwiseDistance", {"p": 2.0, "eps": 1e-6, "keepdim": False}, "pairwise_distance")
