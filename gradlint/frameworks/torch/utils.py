"""`torch.nn.utils`: vectors of parameters, fused layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.copying import copied
from gradlint.evaluation.values import Instance, Native, Tensor, Value
from gradlint.frameworks import nodes
from gradlint.frameworks.torch.arguments import as_int
from gradlint.network import UNKNOWN, ZEROS, Kind

NAMES: dict[str, Value] = {}

# Vectors of parameters.


def _parameters_to_vector(ctx: Context, parameters: Value) -> Tensor:
    tensors = [item for item in ctx.iterate(parameters) if isinstance(item, Tensor)]
    sizes = [None if tensor.shape is None else math.prod(tensor.shape) for tensor in tensors]
    flat = [
        nodes.reshaped(ctx, tensor, None if size is None else (size,), "view")
        for tensor, size in zip(tensors, sizes, strict=True)
    ]
    total = None if None in sizes else (sum(size for size in sizes if size is not None),)
    return ctx.emit(Kind.CONCATENATE, flat, total, attributes={"axis": 0})


def _vector_to_parameters(ctx: Context, vec: Value, parameters: Value) -> None:
    for tensor in ctx.iterate(parameters):
        if isinstance(tensor, Tensor) and tensor.parameter is not None:
            ctx.modified(tensor.parameter)
            tensor.parameter.initialize(UNKNOWN)


# Fusion, and construction without initialization.


def _fuse_into_first(ctx: Any, first: Value, norm: Value, *args: Value, **kwargs: Value) -> Value:
    """A layer with the normalization folded into its weights: the same layer, always with a bias."""
    fused = copied(ctx, first, deep=True)
    if isinstance(fused, Instance) and fused.attrs.get("bias") is None:
        channels = as_int(fused.attrs.get("out_channels", fused.attrs.get("out_features")))
        fused.attrs["bias"] = ctx.parameter(None if channels is None else (channels,), ZEROS)
    return fused


def _fuse_weights(ctx: Context, weight: Value, bias: Value, *args: Value, **kwargs: Value) -> Value:
    """The weights of a fused layer: those of the first layer, and a bias."""
    if bias is None and isinstance(weight, Tensor):
        bias = ctx.parameter(None if weight.shape is None else weight.shape[:1], ZEROS)
    return (weight, bias)


def _convert_memory_format(ctx: Context, module: Value, memory_format: Value) -> Value:
    return module


def _skip_init(ctx: Context, module_cls: Value, /, *args: Value, **kwargs: Value) -> Value:
    return ctx.call(module_cls, *args, **{key: value for key, value in kwargs.items() if key != "device"})


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "parameters_to_vector": _parameters_to_vector,
    "vector_to_parameters": _vector_to_parameters,
    "convert_parameters.parameters_to_vector": _parameters_to_vector,
    "convert_parameters.vector_to_parameters": _vector_to_parameters,
    "fuse_conv_bn_eval": _fuse_into_first,
    "fuse_linear_bn_eval": _fuse_into_first,
    "fusion.fuse_conv_bn_eval": _fuse_into_first,
    "fusion.fuse_linear_bn_eval": _fuse_into_first,
    "fuse_conv_bn_weights": _fuse_weights,
    "fuse_linear_bn_weights": _fuse_weights,
    "fusion.fuse_conv_bn_weights": _fuse_weights,
    "fusion.fuse_linear_bn_weights": _fuse_weights,
    "convert_conv2d_weight_memory_format": _convert_memory_format,
    "convert_conv3d_weight_memory_format": _convert_memory_format,
    "skip_init": _skip_init,
    "init.skip_init": _skip_init,
}
NAMES.update({f"nn.utils.{name}": Native(f"torch.nn.utils.{name}", call) for name, call in _FUNCTIONS.items()})
