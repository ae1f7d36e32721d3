"""Convolutions and transposed convolutions of one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import Instance, Native, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.registry import resolve
from gradlint.frameworks.torch.arguments import as_bool, as_shape, input_tensor, is_assumed
from gradlint.frameworks.torch.distributions import uniform_default
from gradlint.frameworks.torch.layers import add_parameters, layer_class, parameters_of, reset_parameters
from gradlint.network import Kind, Shape

NAMES: dict[str, Value] = {}


def _tuple_of(value: Value, count: int) -> Value:
    """How torch keeps a setting: one entry per axis; a string or an unknown value as it is."""
    if isinstance(value, str):
        return value
    found = shapes.per_axis(value, count)
    if found is None and isinstance(value, (tuple, list)):
        return tuple(value)
    return value if found is None else found


def _create(
    ctx: Context,
    layer: Instance,
    dims: int,
    in_channels: Value,
    out_channels: Value,
    kernel_size: Value,
    settings: dict[str, Value],
    bias: Value,
    dtype: Value,
    transposed: bool,
) -> None:
    attrs = layer.attrs
    attrs["in_channels"], attrs["out_channels"] = in_channels, out_channels
    attrs["kernel_size"] = _tuple_of(kernel_size, dims)
    for name in ("stride", "padding", "output_padding", "dilation"):
        attrs[name] = _tuple_of(settings[name], dims)
    attrs["groups"], attrs["padding_mode"], attrs["transposed"] = (
        settings["groups"],
        settings["padding_mode"],
        transposed,
    )
    check_groups(ctx, layer)
    shape = weight_shape(layer)
    default = uniform_default(None if shape is None else math.prod(shape[1:]))
    rows = {
        "weight": (shape, default),
        "bias": (as_shape(out_channels), default) if as_bool(ctx, bias, True) else None,
    }
    add_parameters(ctx, layer, rows, dtype, is_assumed(in_channels, out_channels, kernel_size, settings["groups"]))


def check_groups(ctx: Context, layer: Instance) -> None:
    """Torch refuses channels that the groups do not divide."""
    groups = layer.attrs["groups"]
    if isinstance(groups, int):
        if groups <= 0:
            ctx.fail("ValueError", "groups must be a positive integer")
        for name in ("in_channels", "out_channels"):
            channels = layer.attrs[name]
            if isinstance(channels, int) and channels % groups:
                ctx.fail("ValueError", f"{name} must be divisible by groups")


def weight_shape(layer: Instance) -> Shape | None:
    """(out, in / groups, *kernel), or (in, out / groups, *kernel) if transposed."""
    attrs = layer.attrs
    ins, outs, groups, kernel = attrs["in_channels"], attrs["out_channels"], attrs["groups"], attrs["kernel_size"]
    if not (isinstance(ins, int) and isinstance(outs, int) and isinstance(groups, int) and isinstance(kernel, tuple)):
        return None
    if attrs["transposed"]:
        return as_shape(ins, outs // groups, *kernel)
    return as_shape(outs, ins // groups, *kernel)


def _convolution(dims: int) -> Callable[..., None]:
    def initialize(
        ctx: Context,
        self: Instance,
        in_channels: Value,
        out_channels: Value,
        kernel_size: Value,
        stride: Value = 1,
        padding: Value = 0,
        dilation: Value = 1,
        groups: Value = 1,
        bias: Value = True,
        padding_mode: Value = "zeros",
        device: Value = None,
        dtype: Value = None,
    ) -> None:
        settings = {
            "stride": stride,
            "padding": padding,
            "output_padding": 0,
            "dilation": dilation,
            "groups": groups,
            "padding_mode": padding_mode,
        }
        _create(ctx, self, dims, in_channels, out_channels, kernel_size, settings, bias, dtype, False)

    return initialize


def _transposed_convolution(dims: int) -> Callable[..., None]:
    def initialize(
        ctx: Context,
        self: Instance,
        in_channels: Value,
        out_channels: Value,
        kernel_size: Value,
        stride: Value = 1,
        padding: Value = 0,
        output_padding: Value = 0,
        groups: Value = 1,
        bias: Value = True,
        dilation: Value = 1,
        padding_mode: Value = "zeros",
        device: Value = None,
        dtype: Value = None,
    ) -> None:
        settings = {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "dilation": dilation,
            "groups": groups,
            "padding_mode": padding_mode,
        }
        _create(ctx, self, dims, in_channels, out_channels, kernel_size, settings, bias, dtype, True)

    return initialize


def _forward(dims: int, class_name: str) -> Callable[..., Tensor]:
    def forward(ctx: Context, self: Instance, input: Value, output_size: Value = None) -> Tensor:  # noqa: A002
        return emit_convolution(ctx, self, input_tensor(ctx, input), dims, class_name, output_size)

    return forward


def emit_convolution(
    ctx: Context, layer: Instance, x: Tensor, dims: int, class_name: str, output_size: Value = None
) -> Tensor:
    """A CONVOLUTION node with the settings that the layer has now."""
    attrs = layer.attrs
    kernel, stride, dilation = (shapes.per_axis(attrs[name], dims) for name in ("kernel_size", "stride", "dilation"))
    padding = _pairs(attrs["padding"], dims, kernel, dilation)
    transposed = attrs.get("transposed", False)
    shape = x.shape
    if shape is not None:
        _check_input(shape, dims, attrs["in_channels"])
        spatial: Shape | None = None
        if kernel is not None and stride is not None and dilation is not None and padding is not None:
            sizes = shape[-dims:]
            if transposed:
                extra = _output_padding(
                    attrs["output_padding"], output_size, sizes, (kernel, stride, dilation), padding
                )
                spatial = shapes.deconvolved(sizes, kernel, stride, padding, dilation, extra) if extra else None
            else:
                spatial = shapes.convolved(sizes, kernel, stride, padding, dilation)
        outs = attrs["out_channels"]
        shape = (*shape[: -dims - 1], outs, *spatial) if spatial is not None and isinstance(outs, int) else None
    return ctx.emit(
        Kind.CONVOLUTION,
        (x,),
        shape,
        attributes={
            "in_channels": attrs["in_channels"],
            "out_channels": attrs["out_channels"],
            "kernel_size": kernel,
            "stride": stride,
            "dilation": dilation,
            "padding": padding,
            "groups": attrs["groups"],
            "transposed": transposed,
            "padding_mode": attrs["padding_mode"],
            "channel_axis": 1,
        },
        parameters=parameters_of(layer, "weight", "bias"),
        class_name=class_name,
        layer=layer,
        dtype=None if shapes.is_floating(x.dtype) else "float32",
    )


def _check_input(shape: Shape, dims: int, channels: Value) -> None:
    if len(shape) not in (dims + 1, dims + 2):
        message = f"expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, but got {shape}"
        size = channels if isinstance(channels, int) else None
        raise ShapeMismatch(message, Demand(shape, dims + 2, -dims - 1, size))
    if isinstance(channels, int) and shape[-dims - 1] != channels:
        message = f"expected input {shape} to have {channels} channels, but got {shape[-dims - 1]}"
        raise ShapeMismatch(message, Demand(shape, dims + 2, -dims - 1, channels))


def _pairs(padding: Value, dims: int, kernel: Shape | None, dilation: Shape | None) -> shapes.Pads | None:
    if padding == "same" and kernel is not None and dilation is not None:
        return shapes.same_padding(kernel, dilation)
    if padding == "valid":
        return ((0, 0),) * dims
    widths = shapes.per_axis(padding, dims)
    return None if widths is None else tuple([(width, width) for width in widths])


def _output_padding(
    given: Value,
    output_size: Value,
    sizes: Shape,
    window: tuple[Shape, Shape, Shape],
    padding: shapes.Pads,
) -> Shape | None:
    """What is added behind a transposed convolution: as set, or what `output_size` asks for."""
    dims = len(sizes)
    if output_size is None:
        return shapes.per_axis(given, dims)
    wanted = shapes.sizes(output_size)
    if wanted is None:
        return None
    kernel, stride, dilation = window
    smallest = shapes.deconvolved(sizes, kernel, stride, padding, dilation, (0,) * dims)
    extra = tuple(want - least for want, least in zip(wanted[-dims:], smallest, strict=True))
    if any(not 0 <= e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ShapeMismatch(f"requested an output size of {wanted}, but valid sizes start at {smallest}")
    return extra


def _forward_with(dims: int) -> Callable[..., Value]:
    """`_conv_forward`, by which layers derived from a convolution run it with weights that they change before."""

    def forward(ctx: Context, self: Instance, input: Value, weight: Value, bias: Value) -> Value:  # noqa: A002
        attrs = self.attrs
        if attrs["padding_mode"] != "zeros":
            return ctx.opaque("a convolution with other weights and padding that is not zero", [input, weight])
        function = resolve(f"torch.nn.functional.conv{dims}d")
        settings = [attrs[name] for name in ("stride", "padding", "dilation", "groups")]
        return ctx.call(function, input, weight, bias, *settings)

    return forward


layer_class(NAMES, "_ConvNd", {"reset_parameters": reset_parameters})
layer_class(NAMES, "_ConvTransposeNd", {}, base="torch.nn._ConvNd")
for _dims in (1, 2, 3):
    for _name, _init, _base in (
        (f"Conv{_dims}d", _convolution, "_ConvNd"),
        (f"ConvTranspose{_dims}d", _transposed_convolution, "_ConvTransposeNd"),
    ):
        layer_class(
            NAMES,
            _name,
            {"__init__": _init(_dims), "forward": _forward(_dims, f"torch.nn.{_name}")},
            base=f"torch.nn.{_base}",
        )
    NAMES[f"nn.Conv{_dims}d"].namespace["_conv_forward"] = Native("_conv_forward", _forward_with(_dims))


# `torch.nn.modules.utils`, which layers derived from these use.


def _repeated(count: int) -> Callable[..., Value]:
    def repeated(ctx: Context, x: Value) -> Value:
        return tuple(x) if isinstance(x, (tuple, list)) else (x,) * count

    return repeated


for _name, _count in (("_single", 1), ("_pair", 2), ("_triple", 3), ("_quadruple", 4)):
    NAMES[f"nn.modules.utils.{_name}"] = Native(f"torch.nn.modules.utils.{_name}", _repeated(_count))
NAMES["nn.modules.utils._ntuple"] = Native(
    "torch.nn.modules.utils._ntuple",
    lambda ctx, n, name="parse": Native(str(name), _repeated(n if isinstance(n, int) else 1)),
)
