"""Convolutional LSTM layers, step by step. Runs in the child.

Shi et al. 2015, Convolutional LSTM Network, equation 3, without the peepholes, as Keras has it: the convolution of
the state always pads to the same size, that of the input as the layer says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody uses
from torch import Tensor

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import NodeSpec
from gradlint.probe.recurrent import activation_of

_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
_GATES = 4


def convolutional_lstm(
    x: Tensor, weights: Mapping[str, Tensor], node: NodeSpec, sizes: Sequence[int] | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The outputs of a layer over (batch, time, ...), of every step or of the last; `sizes` is their shape.

    Kernels are Keras's: (..., channels, 4 * filters), the gates in the order i, f, g, o.

    Returns:
        The outputs; the last hidden state and memory, (1, batch, ...).
    """
    kernel, inner = weights["weight_ih_l0"], weights["weight_hh_l0"]
    channels, filters, rank = kernel.shape[-2], inner.shape[-2], kernel.dim() - 2
    first = x.shape[2] == channels and x.shape[-1] != channels
    frames = (x if first else x.movedim(-1, 2)).movedim(1, 0)
    if sizes is None:
        raise NotMeasurable(f"the shape after `{node.label}` is not known")
    steps = 1 if node.get("return_sequences", False) else 0
    grid = sizes[2 + steps :] if first else sizes[1 + steps : -1]
    pads = _padding(frames.shape[3:], grid, kernel.shape[:rank], node)
    convolve = _CONVOLUTIONS[rank - 1]
    outer, own = kernel.movedim((-1, -2), (0, 1)), inner.movedim((-1, -2), (0, 1))
    activation, gate = activation_of(node, "activation", "tanh"), activation_of(node, "recurrent_activation", "sigmoid")
    hidden = memory = x.new_zeros(frames.shape[1], filters, *grid)
    same = _same(kernel.shape[:rank])
    outputs = []
    for frame in frames:
        gates = convolve(F.pad(frame, pads), outer, weights.get("bias_ih_l0")) + convolve(F.pad(hidden, same), own)
        i, f, g, o = gates.chunk(_GATES, 1)
        memory = gate(f) * memory + gate(i) * activation(g)
        hidden = gate(o) * activation(memory)
        outputs.append(hidden)
    hidden, memory = (state if first else state.movedim(1, -1) for state in (hidden, memory))
    if not steps:
        return hidden, hidden[None], memory[None]
    stacked = torch.stack(outputs, 1)
    return stacked if first else stacked.movedim(2, -1), hidden[None], memory[None]


def _same(kernel: Sequence[int]) -> list[int]:
    """Padding that keeps the size, as `torch.nn.functional.pad` takes it; the odd entry goes behind."""
    return [side for size in reversed(kernel) for side in ((size - 1) // 2, size // 2)]


def _padding(before: Sequence[int], after: Sequence[int], kernel: Sequence[int], node: NodeSpec) -> list[int]:
    """The padding of the input that explains the size of the output at stride 1.

    Raises:
        NotMeasurable: none does.
    """
    if tuple(before) == tuple(after):
        return _same(kernel)
    if all(out == size - k + 1 for size, out, k in zip(before, after, kernel, strict=True)):
        return [0] * (2 * len(kernel))
    raise NotMeasurable(f"strides and dilation of `{node.label}` are not followed")
