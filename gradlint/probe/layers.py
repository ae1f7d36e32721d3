"""Linear maps, convolutions, normalization, pooling, attention and dropout by their attributes. Runs in the child."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody uses
from torch import Tensor

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import NodeSpec

_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
_TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
_MAX_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVERAGE_POOLS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
_ADAPTIVE_MAX = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)
_ADAPTIVE_AVERAGE = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
_PADDING_MODES = {"zeros": "constant", "edge": "replicate", "symmetric": "reflect", "wrap": "circular"}


def per_axis(value: Any, axes: int, default: int = 1) -> tuple[int, ...]:
    """A setting with one entry per spatial axis, from a number, a tuple or nothing."""
    if value is None:
        return (default,) * axes
    if isinstance(value, int):
        return (value,) * axes
    return tuple(default if entry is None else int(entry) for entry in value)


def padding_pairs(value: Any, axes: int) -> tuple[tuple[int, int], ...]:
    """Padding as (before, after) per spatial axis."""
    if value is None:
        return ((0, 0),) * axes
    if isinstance(value, int):
        return ((value, value),) * axes
    return tuple((int(entry[0]), int(entry[1])) if isinstance(entry, tuple) else (int(entry),) * 2 for entry in value)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, node: NodeSpec, layout: str) -> Tensor:
    """A linear layer over the last axis; the kernel may be of any shape that holds inputs times outputs."""
    features = x.shape[-1]
    outputs = node.get("out_features") or weight.numel() // features
    if features * outputs != weight.numel():
        raise NotMeasurable(f"`{node.label}` has a kernel of {tuple(weight.shape)} for {features} inputs")
    outputs_first = weight.shape[0] == outputs and weight.shape[-1] == features
    inputs_first = weight.shape[0] == features and weight.shape[-1] == outputs
    first = layout == "torch" if outputs_first == inputs_first else outputs_first
    matrix = weight.reshape(outputs, features) if first else weight.reshape(features, outputs).t()
    return F.linear(x, matrix, None if bias is None else bias.reshape(-1))


def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, node: NodeSpec, layout: str, sizes: Sequence[int] | None
) -> Tensor:
    """A convolution or transposed convolution; `sizes` is the shape that the output must have, if known."""
    channels_last = node.get("channel_axis", 1) in (-1, x.dim() - 1) and x.dim() > 2
    if channels_last:
        x = x.movedim(-1, 1)
    axes = x.dim() - 2
    transposed = bool(node.get("transposed", False))
    kernel = weight if layout == "torch" else torch_kernel(weight, node, transposed)
    stride, dilation = per_axis(node.get("stride"), axes), per_axis(node.get("dilation"), axes)
    pads, groups = padding_pairs(node.get("padding"), axes), node.get("groups", 1)
    if transposed:
        y = _TRANSPOSED[axes - 1](x, kernel, bias, stride=stride, dilation=dilation, groups=groups)
        spatial = None if sizes is None else (sizes[1:-1] if channels_last else sizes[2:])
        y = _crop(y, pads, spatial)
    else:
        x = _pad(x, pads, node.get("padding_mode", "zeros"))
        y = _CONVOLUTIONS[axes - 1](x, kernel, bias, stride=stride, dilation=dilation, groups=groups)
    return y.movedim(1, -1) if channels_last else y


def torch_kernel(weight: Tensor, node: NodeSpec, transposed: bool) -> Tensor:
    """A Keras kernel (..., in / groups, out) as torch has it: (out, in / groups, ...); transposed: (in, out, ...).

    A depthwise kernel (..., in, multiplier) becomes (in * multiplier, 1, ...).
    """
    swapped = weight.movedim((-1, -2), (0, 1))
    if transposed:
        return swapped
    depthwise = node.get("groups", 1) > 1 and weight.shape[-2] == node.get("groups") and weight.shape[-2] > 1
    if depthwise and weight.shape[-2] * weight.shape[-1] == node.get("out_channels"):
        return weight.movedim((-2, -1), (0, 1)).flatten(0, 1).unsqueeze(1)
    return swapped


def _pad(x: Tensor, pads: Sequence[tuple[int, int]], mode: str = "zeros", value: float = 0.0) -> Tensor:
    if not any(before or after for before, after in pads):
        return x
    flat = [side for pair in reversed(pads) for side in pair]
    mode = _PADDING_MODES.get(mode, mode)
    return F.pad(x, flat, mode=mode, value=value) if mode == "constant" else F.pad(x, flat, mode=mode)


def _crop(y: Tensor, pads: Sequence[tuple[int, int]], spatial: Sequence[int] | None) -> Tensor:
    """Take the padding off a full transposed convolution; what output padding adds is beyond it, and zero."""
    for axis, (before, after) in enumerate(pads, start=2):
        length = y.shape[axis] - before - after if spatial is None else spatial[axis - 2]
        missing = before + length - y.shape[axis]
        if missing > 0:
            y = F.pad(y, [0, 0] * (y.dim() - axis - 1) + [0, missing])
        y = y.narrow(axis, before, length)
    return y


def normalization(x: Tensor, weight: Tensor | None, bias: Tensor | None, node: NodeSpec) -> Tensor:
    """Batch, layer, group, instance, root-mean-square or L2 normalization, as in training."""
    kind, epsilon = node.get("type", "batch"), float(node.get("epsilon", 1e-5))
    channel = int(node.get("channel_axis", -1 if kind in ("layer", "rms", "l2") else 1)) % x.dim()
    if kind in ("group", "instance"):
        y = _group_norm(x, node.get("groups", 1) if kind == "group" else x.shape[channel], channel, epsilon)
        return _affine(y, weight, bias, (channel,))
    axes = _normalized_axes(x, node, kind, channel)
    others = tuple(axis for axis in range(x.dim()) if axis != channel)
    if kind == "batch" and axes == others:
        moved = F.batch_norm(x.movedim(channel, 1), None, None, weight, bias, training=True, eps=epsilon)
        return moved.movedim(1, channel)
    if kind in ("batch", "layer"):
        variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        y = (x - mean) * torch.rsqrt(variance + epsilon)
    elif kind == "rms":
        y = x * torch.rsqrt((x * x).mean(axes, keepdim=True) + epsilon)
    elif kind == "l2":
        y = x / torch.linalg.vector_norm(x, dim=axes, keepdim=True).clamp(min=max(epsilon, 1e-12))
    else:
        raise NotMeasurable(f"no such normalization in PyTorch: {kind}")
    return _affine(y, weight, bias, (channel,) if kind == "batch" else axes)


def _normalized_axes(x: Tensor, node: NodeSpec, kind: str, channel: int) -> tuple[int, ...]:
    axes = node.get("axes")
    if axes is not None:
        return tuple(sorted(int(axis) % x.dim() for axis in ((axes,) if isinstance(axes, int) else axes)))
    if kind == "batch":
        return tuple(axis for axis in range(x.dim()) if axis != channel)
    return (x.dim() - 1,)


def _group_norm(x: Tensor, groups: int, channel: int, epsilon: float) -> Tensor:
    """Normalize over the positions and the channels of each group, for each sample (axis 0)."""
    moved = x.movedim(channel, 1)
    return F.group_norm(moved, groups, eps=epsilon).movedim(1, channel)


def _affine(y: Tensor, weight: Tensor | None, bias: Tensor | None, axes: tuple[int, ...]) -> Tensor:
    shape = [size if axis in axes else 1 for axis, size in enumerate(y.shape)]
    if weight is not None:
        y = y * _fitting(weight, shape)
    if bias is not None:
        y = y + _fitting(bias, shape)
    return y


def _fitting(parameter: Tensor, shape: list[int]) -> Tensor:
    return parameter if parameter.numel() == 1 else parameter.reshape(shape)


def pooling(x: Tensor, node: NodeSpec, sizes: Sequence[int] | None) -> Tensor:
    """A pooling window, an adaptive pooling or a reduction; `sizes` is the shape of the output, if known."""
    kind = node.get("type", "max")
    if node.get("global", False) or (node.get("kernel_size") is None and node.get("output_size") is None):
        return _reduce(x, kind, node, sizes)
    channels_last = node.get("channel_axis", 1) in (-1, x.dim() - 1) and x.dim() > 2
    axes = node.get("axes")
    if axes is not None:
        spatial = tuple(int(axis) % x.dim() for axis in axes)
        channels_last = bool(spatial) and x.dim() - 1 not in spatial and 1 in spatial
    if channels_last:
        x = x.movedim(-1, 1)
    count = x.dim() - 2
    target = None if sizes is None else tuple(sizes[1:-1] if channels_last else sizes[2:])
    if node.get("output_size") is not None:
        output = target or per_axis(node.get("output_size"), count)
        y = (_ADAPTIVE_MAX if kind == "max" else _ADAPTIVE_AVERAGE)[count - 1](x, output)
    else:
        y = _window(x, kind, node, count, target)
    return y.movedim(1, -1) if channels_last else y


def _window(x: Tensor, kind: str, node: NodeSpec, count: int, target: tuple[int, ...] | None) -> Tensor:
    kernel = per_axis(node.get("kernel_size"), count)
    stride = per_axis(node.get("stride"), count) if node.get("stride") is not None else kernel
    pads = padding_pairs(node.get("padding"), count)
    plain = [(x.shape[2 + i] + sum(pads[i]) - kernel[i]) // stride[i] + 1 for i in range(count)]
    if target is not None:  # a window that hangs over the end (`ceil_mode`) is padding there
        pads = tuple(
            (before, after + max(0, target[i] - plain[i]) * stride[i]) for i, (before, after) in enumerate(pads)
        )
    if kind == "max":
        return _MAX_POOLS[count - 1](_pad(x, pads, value=-math.inf), kernel, stride)
    if kind in ("average", "sum"):
        y = _AVERAGE_POOLS[count - 1](_pad(x, pads), kernel, stride)
        return y * math.prod(kernel) if kind == "sum" else y
    if kind == "lp":
        power = float(node.get("exponent", 2.0))
        y = _AVERAGE_POOLS[count - 1](_pad(x, pads).abs() ** power, kernel, stride)
        return (y * math.prod(kernel)) ** (1 / power)
    raise NotMeasurable(f"no such pooling in PyTorch: {kind}")


_EACH_ALIKE = frozenset({"average", "sum", "max"})
"""Reductions of which a different choice of axes makes a difference of scale only."""


def _reduce(x: Tensor, kind: str, node: NodeSpec, sizes: Sequence[int] | None) -> Tensor:
    axes = node.get("axes")
    if axes is None:
        if kind not in _EACH_ALIKE:
            raise NotMeasurable(f"it is not known which axes the {kind} is over")
        axes = tuple(range(1, x.dim() - 1) if node.get("channel_axis", 1) == -1 else range(2, x.dim()))
    axes = tuple(int(axis) % x.dim() for axis in ((axes,) if isinstance(axes, int) else axes))
    keep = bool(node.get("keepdims", False)) if sizes is None else len(sizes) == x.dim()
    if not axes:
        return x
    if kind == "max":
        return x.amax(axes, keepdim=keep)
    if kind == "average":
        return x.mean(axes, keepdim=keep)
    if kind == "sum":
        return x.sum(axes, keepdim=keep)
    if kind in ("norm", "lp"):
        return torch.linalg.vector_norm(x, ord=float(node.get("exponent", 2.0)), dim=axes, keepdim=keep)
    if kind == "variance":
        return x.var(axes, correction=0, keepdim=keep)
    if kind == "logsumexp":
        return torch.logsumexp(x, axes, keepdim=keep)
    raise NotMeasurable(f"no such reduction in PyTorch: {kind}")


def attention(query: Tensor, key: Tensor, value: Tensor, node: NodeSpec, sizes: Sequence[int] | None) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017) over the last but one axis, or the first where time is first.

    `heads` says into how many the last axis is divided.
    """
    heads = int(node.get("heads", 1))
    time_first = query.dim() == 3 and node.get("sequence_axis", node.get("time_axis", 1)) == 0
    if time_first:
        query, key, value = (x.transpose(0, 1) for x in (query, key, value))
    if heads > 1:
        query, key, value = (x.unflatten(-1, (heads, -1)).transpose(-3, -2) for x in (query, key, value))
    if query.dim() > 3 and 1 < key.shape[-3] < query.shape[-3]:  # several heads share one of keys and values
        key, value = (x.repeat_interleave(query.shape[-3] // x.shape[-3], -3) for x in (key, value))
    y = F.scaled_dot_product_attention(
        query,
        key,
        value,
        dropout_p=float(node.get("dropout", 0.0)),
        is_causal=bool(node.get("causal", False)),
        scale=node.get("scale"),
    )
    if heads > 1:
        y = y.transpose(-3, -2).flatten(-2)
    if time_first:
        y = y.transpose(0, 1)
    return y if sizes is None or tuple(y.shape) == tuple(sizes) else y.reshape(tuple(sizes))


def dropout(x: Tensor, node: NodeSpec) -> Tensor:
    """Dropout of entries, channels or whole samples, alpha dropout, or Gaussian noise, as in training."""
    rate, kind = float(node.get("rate", 0.5)), node.get("type", "element")
    if rate <= 0:
        return x
    if rate >= 1:
        return torch.zeros_like(x)
    if kind == "alpha":
        return F.alpha_dropout(x, rate, training=True)
    if kind == "gaussian":
        return x * (1 + torch.randn_like(x) * math.sqrt(rate / (1 - rate)))
    if kind == "element":
        return F.dropout(x, rate, training=True)
    if kind == "path":
        return x * (_kept_samples(x, rate) / (1 - rate)).to(x)
    channel = int(node.get("channel_axis", 1)) % x.dim()
    mask = torch.empty([size if axis in (0, channel) else 1 for axis, size in enumerate(x.shape)])
    return x * (mask.bernoulli_(1 - rate) / (1 - rate)).to(x)


def _kept_samples(x: Tensor, rate: float) -> Tensor:
    """A mask over the samples that drops their share `rate`, up to chance for a fraction, but never all.

    In a small batch chance drops all of them now and then: the layers in the branch would seem cut off.
    """
    count = x.shape[0]
    dropped = min(int(rate * count + float(torch.rand(()))), count - 1)
    mask = torch.ones(count)
    mask[torch.randperm(count)[:dropped]] = 0
    return mask.reshape(-1, *[1] * (x.dim() - 1))
