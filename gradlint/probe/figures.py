"""The figures of one run: what each layer's output and gradient say, gathered on the way. Runs in the child."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gradlint.probe.functions import dead_share, saturated_share
from gradlint.probe.measurement import Activity, Horizon, Layer, Measurement, ParameterFigures
from gradlint.probe.network_spec import NetworkSpec, NodeSpec

HALF_SMALLEST = 2.0**-25
"""What is smaller than this rounds to zero in half precision (float16)."""

_PASSING = frozenset({"normalization", "dropout", "add", "multiply", "reshape", "pooling"})


def log10(value: float) -> float:
    """log10 of a norm: -inf for zero, and inf and NaN as they are."""
    if value == 0:
        return -math.inf
    return math.log10(value) if math.isfinite(value) else value


def norm(x: Tensor) -> float:
    """L2 norm, summed in double precision: squares of small single-precision numbers vanish."""
    return float(torch.linalg.vector_norm(precise(x)).item())


def precise(x: Tensor) -> Tensor:
    """`x` in double precision, which Apple's devices do not have."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def correlation(x: Tensor) -> float:
    """Mean over pairs of samples of x.x', over the mean of x.x: 1 when all samples are the same."""
    samples = precise(x.flatten(1))
    count = int(samples.shape[0])
    own = float((samples * samples).sum())
    if count < 2 or own == 0:
        return math.nan
    total = samples.sum(0)
    together = float((total * total).sum())
    return (together - own) / (count - 1) / own


class Run:
    """Watches one forward and backward pass of a network.

    `parameter` gives the tensor of the parameter at a position, or None where it takes no part.
    """

    def __init__(self, network: NetworkSpec, parameter: Callable[[int], Tensor | None]) -> None:
        self.network = network
        self.parameter = parameter
        self.weighted = set(network.weighted)
        self.largest = float(torch.finfo(_DTYPES.get(network.dtype, torch.float32)).max)
        self.finite = True
        self.outputs: dict[int, tuple[float, float, int]] = {}
        self.gradients: dict[int, tuple[float, float]] = {}
        self.activities: list[Activity] = []
        self.sources: dict[int, int] = {}

    def observe(self, position: int, value: Tensor, *others: Tensor) -> None:
        """Keep what is to be known of the output of the node at `position`; `others` are final states."""
        node = self.network.nodes[position]
        if not value.is_floating_point():
            return
        self._follow(position, node)
        if position in self.weighted:
            self._watch(position, value, others)
        elif node.kind == "activation":
            self._activity(position, node, value)
        if position in self.network.outputs and not _within(value.detach(), self.largest):
            self.finite = False

    def _follow(self, position: int, node: NodeSpec) -> None:
        """Remember which weighted layer feeds a node, through what keeps its units."""
        if position in self.weighted:
            self.sources[position] = position
        elif node.inputs and node.inputs[0] in self.sources and node.kind in _PASSING:
            self.sources[position] = self.sources[node.inputs[0]]

    def _watch(self, position: int, value: Tensor, others: Sequence[Tensor]) -> None:
        x = value.detach()
        self.finite = self.finite and _within(x, self.largest)
        size = norm(x)
        square = size * size / max(1, x.numel())
        units = x[0].numel() if x.dim() else 1
        self.outputs[position] = (square, correlation(x) if x.dim() > 1 else math.nan, units)
        for part in (value, *others):
            if part.requires_grad:
                part.register_hook(lambda gradient: self._receive(position, gradient))

    def _receive(self, position: int, gradient: Tensor) -> None:
        """Keep a gradient; those of several outputs of one layer add up as the parts of one vector."""
        magnitude = gradient.abs()
        there = magnitude > 0
        count = int(there.sum())
        lost = float((there & (magnitude < HALF_SMALLEST)).sum()) / count if count else 0.0
        before = self.gradients.get(position, (0.0, 0.0))
        self.gradients[position] = (math.hypot(before[0], norm(gradient)), max(before[1], lost))

    def _activity(self, position: int, node: NodeSpec, value: Tensor) -> None:
        source = self.sources.get(node.inputs[0]) if node.inputs else None
        axis = 1 if source is not None and self._channels_first(source) and value.dim() > 2 else -1
        dead, saturated = dead_share(value, node, axis), saturated_share(value, node)
        if dead is not None or saturated is not None:
            self.activities.append(
                Activity(
                    position,
                    source,
                    node.get("function", ""),
                    () if dead is None else (dead,),
                    () if saturated is None else (saturated,),
                )
            )

    def _channels_first(self, position: int) -> bool:
        node = self.network.nodes[position]
        return node.kind == "convolution" and node.get("channel_axis", 1) == 1

    def measurement(
        self, losses: tuple[tuple[float, float], ...], still: dict[int, bool] | None, horizons: tuple[Horizon, ...]
    ) -> Measurement:
        """The figures, after the backward pass."""
        parameters = tuple(self._parameter(p, still) for p in range(len(self.network.parameters)))
        layers = tuple(self._layer(position) for position in self.network.weighted if position in self.outputs)
        finite = self.finite and all(p.finite for p in parameters)
        finite = finite and all(not math.isnan(layer.gradient[0]) for layer in layers)
        return Measurement(1, 0, layers, tuple(self.activities), horizons, parameters, losses, finite)

    def _layer(self, position: int) -> Layer:
        node = self.network.nodes[position]
        square, similar, units = self.outputs[position]
        gradient, lost = self.gradients.get(position, (0.0, 0.0))
        found = (self.parameter(p) for role, p in node.parameters.items() if role.startswith("weight"))
        weights = [weight for weight in found if weight is not None]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        return Layer(
            position,
            node.label,
            gradient=(log10(gradient),),
            weight_gradient=(log10(math.hypot(*map(norm, gradients))),),
            weight_norm=(log10(math.hypot(*(norm(weight.detach()) for weight in weights))),),
            signal=(square,),
            correlation=(similar,),
            difference=(self._difference(node, gradients),),
            lost=(lost,),
            units=units,
        )

    def _difference(self, node: NodeSpec, gradients: Sequence[Tensor]) -> float:
        """How far the weight gradients of a layer's units are from their mean, against their size."""
        axis = 0 if self.network.framework == "torch" else -1
        if not gradients or node.kind == "embedding" or gradients[0].shape[axis] < 2:
            return math.nan
        per_unit = precise(gradients[0].movedim(axis, 0).flatten(1))
        size = float(per_unit.norm())
        return float((per_unit - per_unit.mean(0)).norm()) / size if size > 0 else 0.0

    def _parameter(self, position: int, still: dict[int, bool] | None) -> ParameterFigures:
        value = self.parameter(position)
        gradient = None if value is None else value.grad
        return ParameterFigures(
            position,
            blocked=gradient is None or not bool(gradient.any()),
            finite=gradient is None or bool(gradient.isfinite().all()),
            still=None if still is None else still.get(position, True),
        )


_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float64": torch.float64}


def _within(x: Tensor, largest: float) -> bool:
    """Whether all entries are finite in a dtype whose largest number this is."""
    return x.numel() == 0 or float(x.abs().max()) <= largest
