"""Lazy layers, whose number of inputs is that of the first tensor that they are called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import resolve
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import as_shape, input_tensor
from gradlint.frameworks.torch.distributions import uniform_default
from gradlint.frameworks.torch.layers_convolution import check_groups, weight_shape
from gradlint.network import Distribution, Shape

NAMES: dict[str, Value] = {}

_Sizes = dict[str, tuple[Shape | None, Distribution | None]]


def _linear_sizes(layer: Instance, size: int) -> _Sizes:
    out = layer.attrs["out_features"]
    return {"weight": (as_shape(out, size), uniform_default(size)), "bias": (as_shape(out), uniform_default(size))}


def _convolution_sizes(layer: Instance, size: int) -> _Sizes:
    shape = weight_shape(layer)
    fan = None
    if shape is not None:
        fan = 1
        for extent in shape[1:]:
            fan *= extent
    return {
        "weight": (shape, uniform_default(fan)),
        "bias": (as_shape(layer.attrs["out_channels"]), uniform_default(fan)),
    }


def _norm_sizes(layer: Instance, size: int) -> _Sizes:
    return {"weight": ((size,), None), "bias": ((size,), None)}


def _settle(ctx: Context, layer: Instance, field: str, size: int, sizes: Callable[[Instance, int], _Sizes]) -> None:
    """Give the parameters their shapes; a distribution that user code chose meanwhile stays."""
    ctx.modified(layer)
    layer.attrs[field] = size
    if "groups" in layer.attrs:
        check_groups(ctx, layer)
    defaults: dict[str, Distribution] = layer.hidden.get("defaults", {})
    for name, (shape, distribution) in sizes(layer, size).items():
        tensor = layer.attrs.get(name)
        if not isinstance(tensor, Tensor) or tensor.parameter is None:
            continue
        ctx.modified(tensor.parameter)
        tensor.parameter.shape = tensor.node.shape = shape
        if distribution is not None:
            if tensor.parameter.distribution is defaults.get(name):
                tensor.parameter.distribution = distribution
            defaults[name] = distribution


def _define(
    name: str,
    target: str,
    field: str,
    axis: Callable[[Shape], int],
    sizes: Callable[[Instance, int], _Sizes],
    defaults: Mapping[str, Value] | None = None,
) -> None:
    """`torch.nn.<name>`, which becomes `<target>`; `defaults` are those that differ from the target's."""
    real: Any = resolve(f"torch.nn.{target}")
    construct = real.find("__init__")

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        given = dict(zip(defaults, args, strict=False)) if defaults else {}
        construct.call(ctx, self, None, *args[len(given) :], **{**(defaults or {}), **given, **kwargs})

    def forward(ctx: Context, self: Instance, input: Value, *args: Value) -> Value:  # noqa: A002
        x = input_tensor(ctx, input)
        if self.attrs.get(field) is None and x.shape:
            _settle(ctx, self, field, x.shape[axis(x.shape)], sizes)
            if self.cls is NAMES[f"nn.{name}"]:
                self.cls = real
        return real.find("forward").call(ctx, self, x, *args)

    NAMES[f"nn.{name}"] = framework_class(
        f"torch.nn.{name}",
        (f"torch.nn.{target}",),
        {
            "__init__": initialize,
            "forward": forward,
            "has_uninitialized_params": lambda ctx, self: self.attrs.get(field) is None,
        },
    )


def _channel_axis(dims: int) -> Callable[[Shape], int]:
    return lambda shape: max(len(shape) - dims - 1, 0)


_INSTANCE_DEFAULTS = {"eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}

_define("LazyLinear", "Linear", "in_features", lambda shape: -1, _linear_sizes)
for _dims in (1, 2, 3):
    for _kind in ("Conv", "ConvTranspose"):
        _define(f"Lazy{_kind}{_dims}d", f"{_kind}{_dims}d", "in_channels", _channel_axis(_dims), _convolution_sizes)
    for _kind, _defaults in (("BatchNorm", None), ("InstanceNorm", _INSTANCE_DEFAULTS)):
        _name = f"{_kind}{_dims}d"
        _define(f"Lazy{_name}", _name, "num_features", lambda shape: min(1, len(shape) - 1), _norm_sizes, _defaults)
