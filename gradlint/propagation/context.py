"""What the rules of one propagation share: settings, the signals so far, and how weights are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gradlint.network import Distribution, Network, Node, Parameter
from gradlint.propagation.composites import Composite
from gradlint.propagation.outline import Outline
from gradlint.propagation.signal import Signal

if TYPE_CHECKING:
    from gradlint.propagation.forward import Passage
    from gradlint.propagation.normalization import Division

# The batch whose statistics normalization takes; the gradient ratio hardly depends on it.
BATCH = 32


class NotModelled(Exception):
    """An operation on the path whose statistics are not known; the sentence says which and why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Bounds and circumstances of a prediction.

    `vanishing` and `exploding` bound the gradient ratio of a healthy network. `dtype` is the type that
    gradients are computed in, the network's own when empty. `batch` is the number of samples in a batch.
    """

    vanishing: float = 1e-3
    exploding: float = 1e3
    dtype: str = ""
    batch: int = BATCH


@dataclass(slots=True)
class Weights:
    """What a weighted sum needs of its weights: mean, variance, and the family they are drawn from."""

    mean: float
    variance: float
    family: str
    gain: float


@dataclass(slots=True)
class Drawn:
    """A weighted sum: its weights, how many inputs it adds up, of how many units, and `Taps.together`."""

    weights: Weights
    fan: float
    units: int
    together: float


@dataclass(slots=True)
class Context:
    """One propagation over one network.

    `outline` says what the nodes are. `standing_in` are nodes whose zero weights are looked past, `composites` those
    that are a written-out function of one other. `drawn`, `divisions` and `passages` hold what weighted sums,
    normalizations and activations do to the signals that go into them: the way back asks for it again. `centred` holds
    parts of concatenations.
    """

    network: Network
    settings: Settings
    outline: Outline
    signals: dict[Node, Signal] = field(default_factory=dict)
    standing_in: frozenset[Node] = frozenset()
    assumptions: set[str] = field(default_factory=set)
    composites: Mapping[Node, Composite] = field(default_factory=dict)
    drawn: dict[Node, Drawn] = field(default_factory=dict)
    divisions: dict[Node, Division] = field(default_factory=dict)
    passages: dict[Node, Passage] = field(default_factory=dict)
    centred: dict[tuple[Signal, float, float, float], Signal] = field(default_factory=dict)

    def signal(self, node: Node) -> Signal:
        """The signal of a node that was visited before."""
        return self.signals[node]

    def weights(self, node: Node, fan_in: float) -> Weights:
        """How the weights of a layer are drawn.

        Raises:
            NotModelled: when that is not known.
        """
        parameter = node.parameters.get("weight")
        if parameter is None:
            return self._computed(node)
        distribution = parameter.distribution
        if math.isnan(distribution.std):
            raise NotModelled(f"the initial distribution of {describe(node)} is not known")
        if self.standing_in and node in self.standing_in and is_zero(distribution):
            return Weights(0.0, 1.0 / max(fan_in, 1.0), "normal", 1.0)
        mean, square = statistics(parameter)
        variance = square - mean * mean
        return Weights(mean, variance if variance > 0.0 else 0.0, distribution.family, distribution.gain)

    def _computed(self, node: Node) -> Weights:
        """Weights that are the second input of a layer."""
        if len(node.inputs) < 2:
            raise NotModelled(f"the weights of {describe(node)} are not known")
        kernel = self.signals[node.inputs[1]]
        return Weights(kernel.mean, kernel.variance, "normal", 1.0)


def is_zero(distribution: Distribution) -> bool:
    """Whether a parameter is zero everywhere."""
    return distribution.mean == 0.0 and distribution.std == 0.0 and not distribution.parts


def statistics(parameter: Parameter) -> tuple[float, float]:
    """(mean, mean square) over all entries, those that were overwritten later included."""
    distribution = parameter.distribution
    mean = distribution.mean
    square = distribution.std * distribution.std + mean * mean
    if not distribution.parts:
        return mean, square
    for window, part in distribution.parts:
        if window is None or parameter.shape is None or not part.known:
            continue
        axis, start, stop = window
        size = parameter.shape[axis] if -len(parameter.shape) <= axis < len(parameter.shape) else 0
        share = min(max((stop - start) / size, 0.0), 1.0) if size else 0.0
        mean += share * (part.mean - mean)
        square += share * (part.mean_square - square)
    return mean, square


def bias_of(parameter: Parameter | None) -> tuple[float, float]:
    """(mean, mean square) of the entries of a bias; nothing where there is none or it is not known."""
    if parameter is None or math.isnan(parameter.distribution.std):
        return 0.0, 0.0
    return statistics(parameter)


def scale_of(parameter: Parameter | None) -> tuple[float, float]:
    """(mean, mean square) of a multiplicative parameter; one where there is none or it is not known."""
    if parameter is None or math.isnan(parameter.distribution.std):
        return 1.0, 1.0
    return statistics(parameter)


def describe(node: Node) -> str:
    """A name for messages: the layer's path, or what kind of operation it is."""
    return f"`{node.name}`" if node.name else node.class_name or str(node.kind)


def finite(value: float) -> bool:
    """Whether a statistic is still a number."""
    return math.isfinite(value)
