"""Normalization layers: batch, instance, layer, group, root-mean-square and local response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import ClassMethod, Instance, Native, Tensor, Value
from gradlint.frameworks.torch.arguments import as_bool, as_number, as_shape, input_tensor, is_assumed
from gradlint.frameworks.torch.layers import add_parameters, layer_class, parameters_of, reset_parameters
from gradlint.network import ONES, ZEROS, Kind, Shape

NAMES: dict[str, Value] = {}

RMS_EPSILON = 1.1920929e-07
"""What `torch.nn.RMSNorm` uses when no epsilon is given: that of float32."""


def _emit(ctx: Context, layer: Instance, x: Tensor, class_name: str, **attributes: Any) -> Tensor:
    return ctx.emit(
        Kind.NORMALIZATION,
        (x,),
        x.shape,
        attributes=attributes,
        parameters=parameters_of(layer, "weight", "bias"),
        class_name=class_name,
        layer=layer,
    )


# Batch and instance normalization.


def _tracked_init(momentum_default: float, affine_default: bool, tracking_default: bool) -> Callable[..., None]:
    def initialize(
        ctx: Context,
        self: Instance,
        num_features: Value,
        eps: Value = 1e-5,
        momentum: Value = momentum_default,
        affine: Value = affine_default,
        track_running_stats: Value = tracking_default,
        device: Value = None,
        dtype: Value = None,
    ) -> None:
        _create_tracked(ctx, self, num_features, eps, momentum, affine, track_running_stats, dtype)

    return initialize


def _sync_init(
    ctx: Context,
    self: Instance,
    num_features: Value,
    eps: Value = 1e-5,
    momentum: Value = 0.1,
    affine: Value = True,
    track_running_stats: Value = True,
    process_group: Value = None,
    device: Value = None,
    dtype: Value = None,
) -> None:
    _create_tracked(ctx, self, num_features, eps, momentum, affine, track_running_stats, dtype)


def _create_tracked(
    ctx: Context,
    layer: Instance,
    num_features: Value,
    eps: Value,
    momentum: Value,
    affine: Value,
    tracking: Value,
    dtype: Value,
) -> None:
    attrs = layer.attrs
    attrs["num_features"], attrs["eps"], attrs["momentum"] = num_features, eps, momentum
    attrs["affine"], attrs["track_running_stats"] = affine, tracking
    shape = as_shape(num_features)
    rows = (
        {"weight": (shape, ONES), "bias": (shape, ZEROS)}
        if as_bool(ctx, affine, True)
        else dict.fromkeys(("weight", "bias"))
    )
    if as_bool(ctx, tracking, True):
        _add_buffers(ctx, layer, shape)
    else:
        attrs.update(running_mean=None, running_var=None, num_batches_tracked=None)
    add_parameters(ctx, layer, rows, dtype, is_assumed(num_features))


_ZERO = {"value": 0.0}
_ONE = {"value": 1.0}


def _add_buffers(ctx: Context, layer: Instance, shape: Shape | None) -> None:
    attrs = layer.attrs
    attrs["running_mean"] = ctx.emit(Kind.CONSTANT, (), shape, attributes=_ZERO)
    attrs["running_var"] = ctx.emit(Kind.CONSTANT, (), shape, attributes=_ONE)
    attrs["num_batches_tracked"] = ctx.emit(Kind.CONSTANT, (), (), attributes=_ZERO, dtype="int64", values=0)
    layer.hidden["buffers"] = {"running_mean": True, "running_var": True, "num_batches_tracked": True}


def _reset_running_stats(ctx: Context, self: Instance) -> None:
    pass


def _check_rank(x: Tensor, ranks: tuple[int, ...] | None, channels: Value) -> Shape | None:
    shape = x.shape
    if shape is None:
        return None
    if (ranks is not None and len(shape) not in ranks) or len(shape) < 2:
        message = f"expected {' or '.join(f'{rank}D' for rank in ranks or (2,))} input (got {shape})"
        raise ShapeMismatch(message, Demand(shape, max(ranks or (2,))))
    if isinstance(channels, int) and shape[1] != channels:
        message = f"running_mean should contain {shape[1]} elements not {channels}"
        raise ShapeMismatch(message, Demand(shape, len(shape), 1, channels))
    return shape


def _batch_forward(class_name: str, ranks: tuple[int, ...] | None) -> Callable[..., Tensor]:
    def forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
        x = input_tensor(ctx, input)
        attrs = self.attrs
        shape = _check_rank(x, ranks, attrs.get("num_features"))
        return _emit(
            ctx,
            self,
            x,
            class_name,
            type="batch",
            epsilon=as_number(attrs.get("eps")),
            axes=None if shape is None else (0, *range(2, len(shape))),
            affine=attrs.get("weight") is not None,
            momentum=as_number(attrs.get("momentum")),
            channel_axis=1,
        )

    return forward


def _instance_forward(class_name: str, ranks: tuple[int, ...]) -> Callable[..., Tensor]:
    batched = max(ranks)

    def forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
        x = input_tensor(ctx, input)
        attrs, shape = self.attrs, x.shape
        if shape is not None and len(shape) not in ranks:
            message = f"expected {' or '.join(f'{rank}D' for rank in ranks)} input (got {shape})"
            raise ShapeMismatch(message, Demand(shape, batched))
        axis = 1 if shape is None or len(shape) == batched else 0
        channels = attrs.get("num_features")
        if shape is not None and attrs.get("weight") is not None and shape[axis] != channels:
            raise ShapeMismatch(f"expected input's size at dim={axis} to match num_features ({channels}), got {shape}")
        return _emit(
            ctx,
            self,
            x,
            class_name,
            type="instance",
            epsilon=as_number(attrs.get("eps")),
            axes=None if shape is None else tuple(range(axis + 1, len(shape))),
            affine=attrs.get("weight") is not None,
            channel_axis=axis,
        )

    return forward


def _convert_sync(ctx: Context, cls: Value, module: Value, process_group: Value = None) -> Value:
    """`SyncBatchNorm.convert_sync_batchnorm`: the same layers, synchronized; nothing changes for one process."""
    return module


_TRACKED = {"reset_parameters": reset_parameters, "reset_running_stats": _reset_running_stats}
layer_class(NAMES, "_NormBase", _TRACKED)
layer_class(NAMES, "_BatchNorm", {"__init__": _tracked_init(0.1, True, True)}, base="torch.nn._NormBase")
layer_class(NAMES, "_InstanceNorm", {"__init__": _tracked_init(0.1, False, False)}, base="torch.nn._NormBase")
for _dims, _ranks in ((1, (2, 3)), (2, (4,)), (3, (5,))):
    _name = f"BatchNorm{_dims}d"
    _forward = _batch_forward(f"torch.nn.{_name}", _ranks)
    layer_class(NAMES, _name, {"forward": _forward}, base="torch.nn._BatchNorm")
    _name = f"InstanceNorm{_dims}d"
    _forward = _instance_forward(f"torch.nn.{_name}", (_dims + 1, _dims + 2))
    layer_class(NAMES, _name, {"forward": _forward}, base="torch.nn._InstanceNorm")
_SYNC = layer_class(
    NAMES,
    "SyncBatchNorm",
    {"__init__": _sync_init, "forward": _batch_forward("torch.nn.SyncBatchNorm", None)},
    base="torch.nn._BatchNorm",
)
_SYNC.namespace["convert_sync_batchnorm"] = ClassMethod(Native("convert_sync_batchnorm", _convert_sync))


# Layer and root-mean-square normalization.


def _normalized(value: Value) -> Value:
    """`normalized_shape` as torch keeps it: a tuple."""
    if isinstance(value, int):
        return (value,)
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _layer_init(
    ctx: Context,
    self: Instance,
    normalized_shape: Value,
    eps: Value = 1e-5,
    elementwise_affine: Value = True,
    bias: Value = True,
    device: Value = None,
    dtype: Value = None,
) -> None:
    wanted = _normalized(normalized_shape)
    self.attrs.update(normalized_shape=wanted, eps=eps, elementwise_affine=elementwise_affine)
    shape = as_shape(*wanted) if isinstance(wanted, tuple) else None
    affine = as_bool(ctx, elementwise_affine, True)
    rows = {
        "weight": (shape, ONES) if affine else None,
        "bias": (shape, ZEROS) if affine and as_bool(ctx, bias, True) else None,
    }
    add_parameters(ctx, self, rows, dtype, is_assumed(wanted))


def _rms_init(
    ctx: Context,
    self: Instance,
    normalized_shape: Value,
    eps: Value = None,
    elementwise_affine: Value = True,
    device: Value = None,
    dtype: Value = None,
) -> None:
    wanted = _normalized(normalized_shape)
    self.attrs.update(normalized_shape=wanted, eps=eps, elementwise_affine=elementwise_affine)
    shape = as_shape(*wanted) if isinstance(wanted, tuple) else None
    rows = {"weight": (shape, ONES) if as_bool(ctx, elementwise_affine, True) else None}
    add_parameters(ctx, self, rows, dtype, is_assumed(wanted))


def _layer_forward(class_name: str, kind: str) -> Callable[..., Tensor]:
    def forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
        x = input_tensor(ctx, input)
        attrs, shape = self.attrs, x.shape
        wanted = attrs.get("normalized_shape")
        axes: Shape | None = None
        if isinstance(wanted, tuple):
            count = len(wanted)
            known = as_shape(*wanted)
            if shape is not None and known is not None and (len(shape) < count or shape[-count:] != known):
                message = f"given normalized_shape={wanted}, expected input of that shape, got {shape}"
                raise ShapeMismatch(message, Demand(shape, size=known[-1] if count == 1 else None))
            axes = tuple(range(-count, 0))
        epsilon = as_number(attrs.get("eps"))
        return _emit(
            ctx,
            self,
            x,
            class_name,
            type=kind,
            epsilon=RMS_EPSILON if epsilon is None and kind == "rms" else epsilon,
            axes=axes,
            affine=attrs.get("weight") is not None,
            channel_axis=-1,
        )

    return forward


for _name, _init, _kind in (("LayerNorm", _layer_init, "layer"), ("RMSNorm", _rms_init, "rms")):
    layer_class(
        NAMES,
        _name,
        {
            "__init__": _init,
            "forward": _layer_forward(f"torch.nn.{_name}", _kind),
            "reset_parameters": reset_parameters,
        },
    )


# Group normalization.


def _group_init(
    ctx: Context,
    self: Instance,
    num_groups: Value,
    num_channels: Value,
    eps: Value = 1e-5,
    affine: Value = True,
    device: Value = None,
    dtype: Value = None,
) -> None:
    if isinstance(num_groups, int) and isinstance(num_channels, int) and (not num_groups or num_channels % num_groups):
        ctx.fail("ValueError", f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
    self.attrs.update(num_groups=num_groups, num_channels=num_channels, eps=eps, affine=affine)
    shape = as_shape(num_channels)
    learned = as_bool(ctx, affine, True)
    rows = {"weight": (shape, ONES) if learned else None, "bias": (shape, ZEROS) if learned else None}
    add_parameters(ctx, self, rows, dtype, is_assumed(num_channels))


def _group_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    x = input_tensor(ctx, input)
    attrs = self.attrs
    shape = _check_rank(x, None, attrs.get("num_channels"))
    return _emit(
        ctx,
        self,
        x,
        "torch.nn.GroupNorm",
        type="group",
        epsilon=as_number(attrs.get("eps")),
        axes=None if shape is None else tuple(range(2, len(shape))),
        groups=attrs.get("num_groups"),
        affine=attrs.get("weight") is not None,
        channel_axis=1,
    )


layer_class(
    NAMES,
    "GroupNorm",
    {"__init__": _group_init, "forward": _group_forward, "reset_parameters": reset_parameters},
)


# Local response normalization divides by (k + alpha * mean square of near channels)^beta. With the small alpha
# that it is used with, this is a scaling by k^-beta and no normalization.

_NEGLIGIBLE_ALPHA = 0.01


def _response_init(
    ctx: Context,
    self: Instance,
    size: Value,
    alpha: Value = 1e-4,
    beta: Value = 0.75,
    k: Value = 1.0,
) -> None:
    self.attrs.update(size=size, alpha=alpha, beta=beta, k=k)


def _response_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    x = input_tensor(ctx, input)
    alpha, beta, k = (as_number(self.attrs.get(name)) for name in ("alpha", "beta", "k"))
    if alpha is None or beta is None or not k or k < 0 or abs(alpha) > _NEGLIGIBLE_ALPHA:
        return ctx.opaque("local response normalization with a large alpha", [x], x.shape)
    return ctx.emit(
        Kind.MULTIPLY,
        (x,),
        x.shape,
        attributes={"constant": k**-beta},
        class_name="torch.nn.LocalResponseNorm",
        layer=self,
    )


layer_class(NAMES, "LocalResponseNorm", {"__init__": _response_init, "forward": _response_forward})
layer_class(NAMES, "CrossMapLRN2d", {}, base="torch.nn.LocalResponseNorm")
