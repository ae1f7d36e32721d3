"""Shape arithmetic of Keras convolutions and pooling: padding modes, output lengths, fan-in and fan-out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradlint.evaluation.values import Value
from gradlint.network import Shape

BATCH = 4
"""The batch size that is assumed everywhere."""
IMAGE_SIZE = 224
"""Assumed height and width of images whose size the source leaves open."""
STEPS = 32
"""Assumed length of sequences whose length the source leaves open."""
VOLUME_SIZE = 32
"""Assumed depth, height and width of volumes and videos whose size the source leaves open."""
CHANNELS = 3

Padding = tuple[tuple[int, int], ...]


def complete_shape(shape: Sequence[Value], channels_first: bool = False) -> Shape | None:
    """An input shape without the batch, with assumed sizes for the entries that are None; None if one is no integer.

    One axis is a sequence; two are a sequence of features; three an image; four a volume or video.
    """
    spatial = {1: STEPS, 2: STEPS, 3: IMAGE_SIZE, 4: VOLUME_SIZE}.get(len(shape), VOLUME_SIZE)
    channel_axis = 0 if channels_first else len(shape) - 1
    complete: list[int] = []
    for axis, size in enumerate(shape):
        if size is None:
            is_channel = len(shape) > 2 and axis == channel_axis
            complete.append(CHANNELS if is_channel else spatial)
        elif isinstance(size, int):
            complete.append(size)
        else:
            return None
    return tuple(complete)


def pads(
    mode: Value, lengths: Sequence[int] | None, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Padding | None:
    """(before, after) for each spatial axis under padding `mode`; None for a mode that is not known."""
    mode = mode.lower() if isinstance(mode, str) else mode
    effective = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if mode == "valid":
        return ((0, 0),) * len(effective)
    if mode == "causal":
        return tuple((k - 1, 0) for k in effective)
    if mode == "same":
        result = []
        for axis, (k, s) in enumerate(zip(effective, stride, strict=True)):
            # Without a length: the total of stride-aligned sizes.
            total = max(k - s, 0)
            if lengths is not None:
                total = max((math.ceil(lengths[axis] / s) - 1) * s + k - lengths[axis], 0)
            result.append((total // 2, total - total // 2))
        return tuple(result)
    return None


def transposed_lengths(
    lengths: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    mode: Value,
    output_padding: Sequence[int] | None,
) -> tuple[int, ...]:
    """Lengths after a transposed convolution under padding `mode` ("same" or "valid")."""
    result = []
    for axis, (n, k, s, d) in enumerate(zip(lengths, kernel, stride, dilation, strict=True)):
        effective = (k - 1) * d + 1
        same = isinstance(mode, str) and mode.lower() == "same"
        if output_padding is None:
            result.append(n * s if same else n * s + max(effective - s, 0))
        elif same:
            result.append((n - 1) * s + effective - 2 * (effective // 2) + output_padding[axis])
        else:
            result.append((n - 1) * s + effective + output_padding[axis])
    return tuple(result)


def fans(shape: Shape) -> tuple[int, int]:
    """Fan-in and fan-out of a weight in Keras's layout (..., in, out), as `keras.initializers` computes them."""
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field
