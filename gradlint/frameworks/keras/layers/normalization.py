"""Normalization layers: batch, layer, group, instance, RMS, unit and spectral."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.keras.arguments import flag, integer, number, signature
from gradlint.frameworks.keras.layer import LayerSpec, call_layer
from gradlint.frameworks.keras.layers.common import class_name, tensor_or_none
from gradlint.frameworks.keras.weights import parameters, weight
from gradlint.frameworks.singular_values import largest_singular_value
from gradlint.network import Distribution, Kind


def _axes(value: Value, rank: int) -> tuple[int, ...] | None:
    if isinstance(value, int):
        value = [value]
    if not isinstance(value, (list, tuple)):
        return None
    known = [integer(axis) for axis in value]
    if any(axis is None or not -rank <= axis < rank for axis in known):
        raise ShapeMismatch(f"axis {value} is out of range for {rank} axes")
    return tuple(sorted(axis % rank for axis in known if axis is not None))


def _sizes(shape: Sequence[Any], axes: Sequence[int] | None) -> tuple[Any, ...] | None:
    return None if axes is None else tuple(shape[axis] for axis in axes)


def _affine(ctx: Context, self: Instance, sizes: tuple[Any, ...] | None) -> None:
    if flag(self.attrs.get("scale", True), True):
        weight(ctx, self, "gamma", sizes, self.attrs.get("gamma_initializer", "ones"))
    else:
        self.attrs["gamma"] = None
    if flag(self.attrs.get("center", True), True):
        weight(ctx, self, "beta", sizes, self.attrs.get("beta_initializer", "zeros"))
    else:
        self.attrs["beta"] = None


def _batch_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    known = isinstance(input_shape, (list, tuple))
    axes = _axes(self.attrs.get("axis", -1), len(input_shape)) if known else None
    sizes = _sizes(input_shape, axes) if known else None
    self.hidden["built"] = sizes is not None
    _affine(ctx, self, sizes)
    weight(ctx, self, "moving_mean", sizes, self.attrs.get("moving_mean_initializer", "zeros"), trainable=False)
    weight(ctx, self, "moving_variance", sizes, self.attrs.get("moving_variance_initializer", "ones"), trainable=False)


def _emit(ctx: Context, self: Instance, x: Tensor, kind: str, axes: Any, channel_axis: Any, **more: Any) -> Tensor:
    gamma, beta = tensor_or_none(self.attrs.get("gamma")), tensor_or_none(self.attrs.get("beta"))
    if gamma is None and kind == "rms":
        gamma = tensor_or_none(self.attrs.get("scale"))
    momentum = self.attrs.get("momentum")
    return ctx.emit(
        Kind.NORMALIZATION,
        [x],
        x.shape,
        attributes={
            "type": kind,
            "epsilon": number(self.attrs.get("epsilon"), 1e-3),
            "axes": axes,
            "affine": gamma is not None or beta is not None,
            "momentum": momentum if isinstance(momentum, (int, float)) else None,
            "channel_axis": channel_axis,
            **more,
        },
        parameters=parameters(weight=gamma, bias=beta),
        class_name=class_name(self),
        layer=self,
        dtype="float32" if not shapes.is_floating(x.dtype) else None,
    )


def _batch_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    kept = _axes(self.attrs.get("axis", -1), len(x.shape)) if x.shape else None
    gamma = next((t for n in ("gamma", "beta", "moving_mean") if (t := tensor_or_none(self.attrs.get(n)))), None)
    if x.shape and kept and gamma is not None and gamma.shape and gamma.shape != _sizes(x.shape, kept):
        raise ShapeMismatch(
            f"{self.attrs.get('name')} expects {gamma.shape} on axis {kept}, but the input is {x.shape}"
        )
    axes = tuple(axis for axis in range(len(x.shape)) if axis not in kept) if x.shape and kept is not None else None
    axis = self.attrs.get("axis", -1)
    first = axis == 1 and x.shape is not None and len(x.shape) > 2
    return _emit(ctx, self, x, "batch", axes, 1 if first else -1)


def _layer_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    known = isinstance(input_shape, (list, tuple))
    axes = _axes(self.attrs.get("axis", -1), len(input_shape)) if known else None
    sizes = _sizes(input_shape, axes) if known else None
    self.hidden["built"] = sizes is not None
    _affine(ctx, self, sizes)


def _layer_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    axes = _axes(self.attrs.get("axis", -1), len(x.shape)) if x.shape else None
    kind = "rms" if flag(self.attrs.get("rms_scaling")) else "layer"
    return _emit(ctx, self, x, kind, axes, -1)


def _rms_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    known = isinstance(input_shape, (list, tuple))
    axes = _axes(self.attrs.get("axis", -1), len(input_shape)) if known else None
    self.hidden["built"] = known
    weight(ctx, self, "scale", _sizes(input_shape, axes) if known else None, "ones", explicit=False)


def _rms_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    return _emit(ctx, self, x, "rms", _axes(self.attrs.get("axis", -1), len(x.shape)) if x.shape else None, -1)


def _group_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    axis = integer(self.attrs.get("axis", -1))
    known = isinstance(input_shape, (list, tuple)) and axis is not None and -len(input_shape) <= axis < len(input_shape)
    size = integer(input_shape[axis]) if known and axis is not None else None
    self.hidden["built"] = size is not None
    _affine(ctx, self, None if size is None else (size,))


def _group_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    axis = integer(self.attrs.get("axis", -1))
    groups = integer(self.attrs.get("groups", 32))
    axes = None
    if x.shape and axis is not None:
        channels = x.shape[axis]
        groups = channels if groups == -1 else groups
        if groups is not None and channels % max(groups, 1):
            raise ShapeMismatch(f"{channels} channels do not divide into {groups} groups")
        axes = tuple(range(1, len(x.shape)))
    return _emit(ctx, self, x, "group", axes, 1 if axis == 1 else -1, groups=groups)


def _unit_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    return _emit(ctx, self, x, "l2", _axes(self.attrs.get("axis", -1), len(x.shape)) if x.shape else None, -1)


def _spectral_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    """The vector `u` of the power iteration, (1, columns of the kernel), which is not trained."""
    from gradlint.frameworks.keras.layer import build_layer

    inner = self.attrs.get("layer")
    if not isinstance(inner, Instance):
        return
    self.hidden["built"] = True
    if not inner.hidden.get("built"):
        inner.hidden["built"] = True
        build = inner.cls.find("build")
        if hasattr(build, "call"):
            build.call(ctx, inner, input_shape)
        else:
            build_layer(ctx, inner, (), {})
    kernel = tensor_or_none(inner.attrs.get("kernel")) or tensor_or_none(inner.attrs.get("embeddings"))
    size = kernel.shape[-1] if kernel is not None and kernel.shape else None
    weight(ctx, self, "vector_u", None if size is None else (1, size), "truncated_normal", trainable=False)
    if kernel is not None and kernel.parameter is not None and kernel.parameter.shape is not None:
        drawn = kernel.parameter.distribution
        rows, columns = math.prod(kernel.parameter.shape[:-1]), kernel.parameter.shape[-1]
        if drawn.known and drawn.std:
            found = largest_singular_value(rows, columns, integer(self.attrs.get("power_iterations")) or 1)
            norm = math.sqrt(max(rows, columns)) if drawn.family == "orthogonal" else found
            scaled = Distribution(drawn.family, 0.0, 1.0 / norm, "reparametrized", text="SpectralNormalization")
            kernel.parameter.initialize(scaled)


def _spectral_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    inner = self.attrs.get("layer")
    if isinstance(inner, Instance):
        return call_layer(ctx, inner, inputs)
    return ctx.opaque("spectral normalization of something unknown", [inputs])


_BATCH: dict[str, Any] = {
    "axis": -1,
    "momentum": 0.99,
    "epsilon": 1e-3,
    "center": True,
    "scale": True,
    "beta_initializer": "zeros",
    "gamma_initializer": "ones",
    "moving_mean_initializer": "zeros",
    "moving_variance_initializer": "ones",
}
_LAYER: dict[str, Any] = {
    "axis": -1,
    "epsilon": 1e-3,
    "center": True,
    "scale": True,
    "beta_initializer": "zeros",
    "gamma_initializer": "ones",
}

LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec("BatchNormalization", signature(**_BATCH), _batch_call, _batch_build),
    LayerSpec("LayerNormalization", signature(**_LAYER), _layer_call, _layer_build),
    LayerSpec("RMSNormalization", signature(axis=-1, epsilon=1e-6), _rms_call, _rms_build),
    LayerSpec("GroupNormalization", signature(groups=32, **_LAYER), _group_call, _group_build),
    LayerSpec(
        "InstanceNormalization",
        signature(**_LAYER),
        _group_call,
        _group_build,
        lambda ctx, self: self.attrs.update(groups=-1),
    ),
    LayerSpec("UnitNormalization", signature(axis=-1), _unit_call),
    LayerSpec("SpectralNormalization", signature("layer", power_iterations=1), _spectral_call, _spectral_build),
)

ALIASES = {"SyncBatchNormalization": "BatchNormalization", "BatchNormalizationV1": "BatchNormalization"}
