"""What a bad prediction is due to: the one most specific cause of vanishing or exploding gradients.

Two questions decide. What do the layers of a kind contribute to the predicted ratio? And what would the
ratio be if only this were mended? A cause is named only if both point at it; where none is, nothing is said.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from gradlint.network import Distribution, Kind, Network, Node
from gradlint.network.activations import RELU_LIKE, SIGMOID_LIKE, SMOOTH_RELU_LIKE, TANH_LIKE
from gradlint.propagation.context import Settings
from gradlint.propagation.profile import EXPLODING, Profile, propagate
from gradlint.propagation.structure import MATRICES, Structure

EXPLOSIVE = frozenset({"exp", "expm1", "sinh", "cosh", "pow", "square", "reciprocal"})
"""Functions that grow faster than their argument: in a row they grow doubly exponentially."""

DEAD_SHARE = 0.6
"""The share of a layer's rectified units that are zero for every input from which on it is to blame.

Half of them are so wherever the signal has collapsed, which is another matter.
"""
# A kind of layer is to blame from this share of the logarithm of the ratio on.
_SHARE = 0.5
# An initial scale counts as another one than what suits the activation from this factor on.
_FACTOR = 1.15


class Cause(enum.StrEnum):
    """What makes gradients vanish or explode."""

    RECTIFIER = "rectified units that are zero for every input"
    SOFTMAX = "softmaxes between layers"
    SIGMOID = "sigmoid-like activations"
    TANH = "tanh-like activations"
    EXPLOSIVE = "activations that grow like an exponential"
    MISMATCH = "an initializer that does not suit the activation"
    SCALE = "an initial scale chosen by hand"
    DEFAULT = "the framework's default initialization"
    NORMALIZATION = "depth without normalization"
    SKIP = "depth without skip connections"
    RESIDUAL = "residual branches that add up"


@dataclass(frozen=True, slots=True)
class Attribution:
    """The cause, and the nodes that are it: activations, weighted layers or sums, in the order in which they run.

    `layers` are the weighted layers whose initial scale is concerned. `each` is log10 of what one of `nodes`
    does to the gradient, on average, or of an initial scale over the one that suits; None where neither says
    anything. `rectified` is log10 of the ratio with rectifiers in the place of `nodes`, where that was tried.
    """

    cause: Cause
    nodes: tuple[Node, ...]
    layers: tuple[Node, ...] = ()
    each: float | None = None
    rectified: float | None = None


def attribute(network: Network, profile: Profile, settings: Settings | None = None) -> Attribution | None:
    """The most specific cause of a vanishing or exploding gradient; None for a healthy network, or if none is found."""
    if not profile.known or profile.within_bounds:
        return None
    case = _Case(network, profile, settings or Settings())
    for explain in _EXPLODING if profile.verdict == EXPLODING else _VANISHING:
        found = explain(case)
        if found is not None:
            return found
    return None


class _Case:
    """A network with a bad prediction, and what would become of it if one thing were changed."""

    def __init__(self, network: Network, profile: Profile, settings: Settings) -> None:
        self.network = network
        self.profile = profile
        self.settings = settings
        self.structure = Structure(network)
        self.gradients = {id(layer.node): layer.log10_gradient for layer in profile.layers}

    @cached_property
    def total(self) -> float:
        """log10 of the ratio, from the earliest layer where it is a finite number."""
        values = [value for layer in self.profile.layers if (value := layer.log10_gradient) is not None]
        return next((value for value in values if math.isfinite(value)), 0.0)

    def contribution(self, activation: Node) -> float | None:
        """log10 of what happens to the gradient between the layer of an activation and the next layer after it."""
        before = self.structure.layer_of(activation)
        after = next((node for node in self.structure.onwards(activation) if node.weighted), None)
        if before is None or after is None:
            return None
        first, last = self.gradients.get(id(before)), self.gradients.get(id(after))
        if first is None or last is None or not math.isfinite(first) or not math.isfinite(last):
            return None
        return first - last

    def hidden(self, functions: Iterable[str]) -> tuple[Node, ...]:
        """The hidden activations with one of these functions."""
        wanted = frozenset(functions)
        return tuple(node for node in self.structure.hidden if node.get("function") in wanted)

    def share(self, activations: Sequence[Node]) -> tuple[float, float | None]:
        """The part of the total that these activations contribute, and what each of them does on average."""
        found = [value for node in activations if (value := self.contribution(node)) is not None]
        if not found or not self.total:
            return 0.0, None
        return sum(found) / self.total, fmean(found)

    def mended(self, *names: str) -> bool:
        """Whether these changes bring the network within bounds."""
        from gradlint.propagation.whatif import transform

        return propagate(transform(self.network, names), self.settings).within_bounds

    @cached_property
    def mended_by_initializer(self) -> bool:
        """Whether some other initializer alone brings the network within bounds."""
        return any(self.mended(name) for name in ("he", "xavier", "lecun"))

    @cached_property
    def deviations(self) -> dict[str, list[tuple[Node, float]]]:
        """log10 of the scale of each layer's weights over that which suits its activation, by who chose it."""
        groups: dict[str, list[tuple[Node, float]]] = {}
        for node in self.network.nodes:
            weight = node.parameters.get("weight") if node.kind in MATRICES else None
            activation = self.structure.activation_of(node)
            if weight is None or activation is None or self.structure.normalized_before(activation):
                continue
            suited = _suited(node, activation)
            if suited is None or not weight.distribution.known or weight.distribution.scheme == "reparametrized":
                continue
            scale = math.sqrt(weight.distribution.mean_square)
            value = math.log10(scale / suited) if scale > 0.0 else -math.inf
            groups.setdefault(_chosen(weight.distribution), []).append((node, value))
        return groups


def _suited(layer: Node, activation: Node) -> float | None:
    """The standard deviation of weights that keeps the gradient through a layer and its activation.

    He et al. 2015, equation 14, for rectifiers and their smooth kin; 1 / fan-in for functions of unit slope.
    """
    fan = _fan_in(layer)
    function = activation.get("function")
    if not fan:
        return None
    if function == "selu" or (function not in RELU_LIKE and function not in SMOOTH_RELU_LIKE):
        return math.sqrt(1.0 / fan)
    slope = activation.get("negative_slope", 0.0)
    slope = float(slope) if isinstance(slope, (int, float)) else 0.0
    return math.sqrt(2.0 / (1.0 + slope * slope) / fan)


def _fan_in(layer: Node) -> float:
    if layer.kind is Kind.LINEAR:
        return float(layer.get("in_features") or 0)
    groups = max(int(layer.get("groups", 1) or 1), 1)
    return float(layer.get("in_channels") or 0) * float(math.prod(layer.get("kernel_size", ()))) / groups


EXPLICIT, NAMED, DEFAULT = "explicit", "named", "default"
_SCHEMES = frozenset({"he", "xavier", "lecun", "orthogonal", "torch", "keras"})


def _chosen(distribution: Distribution) -> str:
    """Who chose a scale: the user by a number, the user by the name of a scheme, or the framework."""
    if not distribution.explicit:
        return DEFAULT
    return NAMED if distribution.scheme in _SCHEMES else EXPLICIT


def chosen_by_hand(layer: Node) -> bool:
    """Whether the user chose the scale of a layer's weights as a number."""
    weight = layer.parameters.get("weight")
    return weight is not None and weight.distribution.known and _chosen(weight.distribution) == EXPLICIT


def _initializer(case: _Case) -> Attribution | None:
    """Initial weights of a scale that does not suit, where a suitable one alone mends the network."""
    sign = 1.0 if case.profile.verdict == EXPLODING else -1.0
    sums = {who: sum(max(sign * value, 0.0) for _, value in found) for who, found in case.deviations.items()}
    who = max(sums, key=lambda key: sums[key], default=None)
    if who is None or not _SHARE * abs(case.total) <= sums[who] < math.inf or not case.mended_by_initializer:
        return None
    off = [(node, value) for node, value in case.deviations[who] if sign * value > math.log10(_FACTOR)]
    nodes = tuple(node for node, _ in off)
    if not nodes:
        return None
    each = fmean(value for _, value in off)
    if who == EXPLICIT:
        return Attribution(Cause.SCALE, nodes, nodes, each)
    if who == NAMED:
        return Attribution(Cause.MISMATCH, nodes, nodes, each)
    tanh = case.hidden(TANH_LIKE)
    if 2 * len(tanh) >= len(case.structure.hidden):
        return Attribution(Cause.TANH, tanh, nodes, case.share(tanh)[1])
    return Attribution(Cause.DEFAULT, nodes, nodes, each)


def _by_hand(case: _Case) -> Attribution | None:
    """A scale given as a number is more specific than the activation, if it alone is to blame."""
    found = _initializer(case)
    return found if found is not None and found.cause is Cause.SCALE else None


def _activations(cause: Cause, functions: frozenset[str]) -> Callable[[_Case], Attribution | None]:
    """Activations of one family that contribute most of the ratio."""

    def explain(case: _Case) -> Attribution | None:
        nodes = case.hidden(functions)
        share, each = case.share(nodes)
        if len(nodes) < 2 or share < _SHARE:
            return None
        return Attribution(cause, nodes, each=each)

    return explain


def _dead(case: _Case) -> Attribution | None:
    """Layers most of whose rectified units pass nothing at all."""
    layers = tuple(layer.node for layer in case.profile.layers if layer.dead >= DEAD_SHARE)
    return Attribution(Cause.RECTIFIER, layers, layers) if layers else None


def _softmax(case: _Case) -> Attribution | None:
    """Softmaxes between layers that contribute most of the ratio."""
    nodes = case.structure.softmaxes
    share, each = case.share(nodes)
    return Attribution(Cause.SOFTMAX, nodes, each=each) if share >= _SHARE else None


def _explosive(case: _Case) -> Attribution | None:
    """Functions that grow faster than their argument, where the network is healthy with rectifiers in their place."""
    nodes = case.hidden(EXPLOSIVE)
    if not nodes:
        return None
    profile = _rectified(case, nodes)
    if not profile.within_bounds:
        return None
    return Attribution(Cause.EXPLOSIVE, nodes, rectified=profile.log10_gradient_ratio)


def _rectified(case: _Case, nodes: Sequence[Node]) -> Profile:
    """What is predicted with rectifiers in the place of these activations, and He initialization."""
    from gradlint.propagation.whatif import transform
    from gradlint.propagation.whatif.rewriting import Rewriting

    chosen = {id(node) for node in nodes}

    def rule(_: Rewriting, old: Node, copy: Node) -> Node | None:
        if id(old) in chosen:
            copy.attributes = {"function": "relu"}
        return None

    changed = transform(Rewriting(case.network, rule).result(), ("he",))
    return propagate(changed, case.settings)


def _normalization(case: _Case) -> Attribution | None:
    """A plain network without any normalization, which normalization mends."""
    if case.structure.normalizations or not case.network.complete:
        return None
    if not (case.mended("batchnorm") or case.mended("layernorm")):
        return None
    return Attribution(Cause.NORMALIZATION, _hidden_layers(case))


def _skip(case: _Case) -> Attribution | None:
    """A plain network that skip connections mend, with normalization or without."""
    if case.structure.additions or not case.network.complete:
        return None
    for names in (("skip",), ("batchnorm", "skip"), ("layernorm", "skip")):
        if case.mended(*names):
            return Attribution(Cause.SKIP, _hidden_layers(case))
    return None


def _residual(case: _Case) -> Attribution | None:
    """Sums of many residual branches that nothing normalizes, where scaling or normalizing them mends the network."""
    sums = case.structure.additions
    if len(sums) < 2 or case.structure.normalizations or not case.network.complete:
        return None
    if any(case.mended(name) for name in ("residual-scaling", "layernorm", "batchnorm")):
        return Attribution(Cause.RESIDUAL, sums, each=case.total / len(sums))
    return None


def _hidden_layers(case: _Case) -> tuple[Node, ...]:
    layers = (case.structure.layer_of(activation) for activation in case.structure.hidden)
    return tuple({id(layer): layer for layer in layers if layer is not None}.values())


_SIGMOID = _activations(Cause.SIGMOID, SIGMOID_LIKE)
_TANH = _activations(Cause.TANH, TANH_LIKE)

_VANISHING = (_dead, _softmax, _by_hand, _SIGMOID, _initializer, _TANH, _normalization, _skip)
_EXPLODING = (_explosive, _initializer, _residual, _normalization, _skip)
