"""Operations of `keras.ops.nn` and `tf.nn`: convolution, pooling, normalization, dropout, losses, attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import nodes, shapes, weights
from gradlint.frameworks.keras.arguments import integer, is_number, number, sizes
from gradlint.frameworks.keras.layers.attention import attention_by_heads
from gradlint.frameworks.keras.layers.common import layout
from gradlint.frameworks.keras.layers.pooling import pool
from gradlint.frameworks.keras.losses import LOSSES, LossInfo, emit_loss
from gradlint.frameworks.keras.ops.operation import Operation, complete, tensor
from gradlint.frameworks.keras.ops.reductions import axes_given
from gradlint.frameworks.keras.sizes import pads
from gradlint.frameworks.keras.state import keras_state
from gradlint.network import Kind


def _first(ctx: Context, data_format: Value) -> bool:
    chosen = data_format if isinstance(data_format, str) else keras_state(ctx).data_format
    return chosen == "channels_first" or chosen.startswith("NC")


def _window(value: Value, rank: int) -> tuple[int, ...] | None:
    """Strides or sizes per spatial axis; TensorFlow also gives them with batch and channels (1, s, s, 1)."""
    known = complete(value)
    if known is not None and len(known) == rank + 2:
        return known[1:-1]
    return sizes(value, rank)


def _convolution(transposed: bool = False, depthwise: bool = False) -> Operation:
    def apply(
        ctx: Context,
        x: Value = None,
        kernel: Value = None,
        strides: Value = 1,
        padding: Value = "valid",
        data_format: Value = None,
        dilation_rate: Value = 1,
    ) -> Value:
        t, k = tensor(ctx, x), tensor(ctx, kernel)
        if t.shape is None or k.shape is None or len(t.shape) < 3 or transposed:
            return ctx.opaque("a convolution of unknown shape", [t, k])
        rank, first = len(t.shape) - 2, _first(ctx, data_format)
        grid = layout(t, rank, first, "conv")
        stride, dilation = _window(strides, rank), _window(1 if dilation_rate is None else dilation_rate, rank)
        if grid is None or stride is None or dilation is None or len(k.shape) != rank + 2:
            return ctx.opaque("a convolution with settings that are not known", [t, k])
        border = pads(padding, grid.spatial, k.shape[:rank], stride, dilation)
        if border is None:
            return ctx.opaque("a convolution with a padding that is not known", [t, k])
        filters = k.shape[-1] * (k.shape[-2] if depthwise else 1)
        after = shapes.convolved(grid.spatial, k.shape[:rank], stride, border, dilation)
        return weights.convolution(
            ctx,
            t,
            k,
            None,
            {
                "in_channels": grid.channels,
                "out_channels": filters,
                "kernel_size": k.shape[:rank],
                "stride": stride,
                "dilation": dilation,
                "padding": border,
                "groups": grid.channels if depthwise else max(grid.channels // max(k.shape[-2], 1), 1),
                "transposed": False,
                "padding_mode": "zeros",
                "channel_axis": 1 if first else -1,
            },
            grid.shape(after, filters),
            "keras.ops.conv",
        )

    return apply


def _pooling(kind: str) -> Operation:
    def apply(
        ctx: Context,
        x: Value = None,
        pool_size: Value = None,
        strides: Value = None,
        padding: Value = "valid",
        data_format: Value = None,
    ) -> Value:
        t = tensor(ctx, x)
        rank = len(t.shape) - 2 if t.shape is not None else 2
        size = _window(pool_size, rank)
        step = size if strides is None else _window(strides, rank)
        return pool(ctx, None, t, kind, size, step, padding, _first(ctx, data_format), rank, f"keras.ops.{kind}_pool")

    return apply


def _dropout(ctx: Context, x: Value = None, rate: Value = None) -> Value:
    t = tensor(ctx, x)
    known = float(rate) if is_number(rate) else None
    attributes = {"rate": known, "type": "element"}
    return ctx.emit(Kind.DROPOUT, [t], t.shape, attributes=attributes, class_name="tensorflow.nn.dropout")


def _normalize(ctx: Context, x: Value = None, axis: Value = -1, order: Value = 2, epsilon: Value = 1e-12) -> Value:
    t = tensor(ctx, x)
    return ctx.emit(
        Kind.NORMALIZATION,
        [t],
        t.shape,
        attributes={
            "type": "l2",
            "axes": axes_given(t, -1 if axis is None else axis),
            "epsilon": number(epsilon, 1e-12),
            "affine": False,
        },
        class_name="keras.ops.normalize",
    )


def _batch_normalization(
    ctx: Context,
    x: Value = None,
    mean: Value = None,
    variance: Value = None,
    offset: Value = None,
    scale: Value = None,
    variance_epsilon: Value = 1e-3,
) -> Value:
    """`tf.nn.batch_normalization` with statistics that were computed: normalization where they are those of `x`."""
    t = tensor(ctx, x)
    found = {"weight": scale, "bias": offset}
    held = {
        role: value.parameter
        for role, value in found.items()
        if isinstance(value, Tensor) and value.parameter is not None
    }
    axes = tuple(range(len(t.shape) - 1)) if t.shape is not None else None
    return ctx.emit(
        Kind.NORMALIZATION,
        [t],
        t.shape,
        attributes={
            "type": "batch",
            "epsilon": number(variance_epsilon, 1e-3),
            "axes": axes,
            "affine": bool(held),
            "channel_axis": -1,
        },
        parameters=held,
        class_name="tensorflow.nn.batch_normalization",
    )


def _plain_normalization(kind: str) -> Operation:
    def apply(
        ctx: Context, x: Value = None, gamma: Value = None, beta: Value = None, axis: Value = -1, epsilon: Value = None
    ) -> Value:
        t = tensor(ctx, x)
        held = {
            role: value.parameter
            for role, value in (("weight", gamma), ("bias", beta))
            if isinstance(value, Tensor) and value.parameter is not None
        }
        return ctx.emit(
            Kind.NORMALIZATION,
            [t],
            t.shape,
            attributes={
                "type": kind,
                "axes": axes_given(t, axis),
                "epsilon": number(epsilon, 1e-3),
                "affine": bool(held),
            },
            parameters=held,
            class_name=f"keras.ops.{kind}_normalization",
        )

    return apply


def _attention(
    ctx: Context,
    query: Value = None,
    key: Value = None,
    value: Value = None,
    bias: Value = None,
    mask: Value = None,
    scale: Value = None,
    is_causal: Value = False,
) -> Value:
    """`keras.ops.dot_product_attention` on (batch, time, heads, width)."""
    q, k, v = tensor(ctx, query), tensor(ctx, key), tensor(ctx, value)
    known = float(scale) if is_number(scale) else (q.shape[-1] ** -0.5 if q.shape else 1.0)
    return attention_by_heads(ctx, q, k, v, known, is_causal is True)


def _loss(name: str) -> Operation:
    """`keras.ops.binary_crossentropy(target, output, from_logits)` and its kin."""

    def apply(ctx: Context, target: Value = None, output: Value = None, from_logits: Value = False) -> Value:
        info = LossInfo(LOSSES[name], name, from_logits is True, "none")
        return emit_loss(ctx, info, target, output, each_entry=name == "BinaryCrossentropy")

    return apply


def _logits_loss(name: str) -> Callable[..., Value]:
    """`tf.nn.*_cross_entropy_with_logits(labels=, logits=)`."""

    def call(ctx: Context, labels: Value = None, logits: Value = None, *args: Value, **rest: Value) -> Value:
        info = LossInfo(LOSSES[name], name, True, "none")
        return emit_loss(ctx, info, labels, logits, each_entry=name == "BinaryCrossentropy")

    return call


def _l2_loss(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    square = nodes.activation(ctx, t, "square", "tensorflow.nn.l2_loss")
    return nodes.scaled(ctx, nodes.reduction(ctx, square, "sum", axes_given(square, None)), 0.5)


def _in_top_k(ctx: Context, x: Value = None, y: Value = None, k: Value = None) -> Value:
    t = tensor(ctx, x)
    return nodes.stopped(ctx, [t], "in_top_k", t.shape, "bool")


def _local_response(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    return ctx.opaque("local response normalization is not modelled", [t], t.shape)


def _crelu(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    both = [nodes.activation(ctx, s, "relu", "tensorflow.nn.crelu") for s in (t, nodes.scaled(ctx, t, -1))]
    shape = (*t.shape[:-1], 2 * t.shape[-1]) if t.shape else None
    return ctx.emit(Kind.CONCATENATE, both, shape, attributes={"axis": -1})


def _gradient_free(ctx: Context, x: Value = None, count: Value = None) -> Value:
    t = tensor(ctx, x)
    return nodes.stopped(ctx, [t], "multi_hot", (t.shape[0], n) if t.shape and (n := integer(count)) else None)


OPERATIONS: dict[str, Operation] = {
    "conv": _convolution(),
    "conv1d": _convolution(),
    "conv2d": _convolution(),
    "conv3d": _convolution(),
    "convolution": _convolution(),
    "depthwise_conv": _convolution(depthwise=True),
    "depthwise_conv2d": _convolution(depthwise=True),
    "conv_transpose": _convolution(transposed=True),
    "conv2d_transpose": _convolution(transposed=True),
    "max_pool": _pooling("max"),
    "max_pool1d": _pooling("max"),
    "max_pool2d": _pooling("max"),
    "max_pool3d": _pooling("max"),
    "average_pool": _pooling("average"),
    "avg_pool": _pooling("average"),
    "avg_pool1d": _pooling("average"),
    "avg_pool2d": _pooling("average"),
    "avg_pool3d": _pooling("average"),
    "dropout": _dropout,
    "normalize": _normalize,
    "l2_normalize": _normalize,
    "batch_normalization": _batch_normalization,
    "layer_normalization": _plain_normalization("layer"),
    "rms_normalization": _plain_normalization("rms"),
    "dot_product_attention": _attention,
    "binary_crossentropy": _loss("BinaryCrossentropy"),
    "categorical_crossentropy": _loss("CategoricalCrossentropy"),
    "sparse_categorical_crossentropy": _loss("SparseCategoricalCrossentropy"),
    "multi_hot": _gradient_free,
    "in_top_k": _in_top_k,
}

TENSORFLOW: dict[str, Operation] = {
    "l2_loss": _l2_loss,
    "local_response_normalization": _local_response,
    "lrn": _local_response,
    "crelu": _crelu,
}

LOGITS_LOSSES: dict[str, Callable[..., Any]] = {
    "softmax_cross_entropy_with_logits": _logits_loss("CategoricalCrossentropy"),
    "softmax_cross_entropy_with_logits_v2": _logits_loss("CategoricalCrossentropy"),
    "sparse_softmax_cross_entropy_with_logits": _logits_loss("SparseCategoricalCrossentropy"),
    "sigmoid_cross_entropy_with_logits": _logits_loss("BinaryCrossentropy"),
    "weighted_cross_entropy_with_logits": _logits_loss("BinaryCrossentropy"),
}
