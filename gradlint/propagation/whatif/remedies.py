"""Remedies for a network out of bounds: each is tried on the graph, and offered only if it works."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gradlint.findings import Remedy
from gradlint.network import Kind, Network, Node
from gradlint.propagation.context import Settings
from gradlint.propagation.profile import Profile, propagate
from gradlint.propagation.whatif.transformations import branches
from gradlint.propagation.whatif.vocabulary import transform
from gradlint.propagation.whatif.wording import wording

# Combinations to try, the least change first: activation and initializer, then norm, then skip connection.
_PLAIN: tuple[tuple[str, ...], ...] = (
    ("he",),
    ("xavier",),
    ("lecun",),
    ("orthogonal",),
    ("relu", "he"),
    ("selu", "lecun"),
    ("batchnorm",),
    ("layernorm",),
    ("skip",),
    ("residual-scaling",),
    ("he", "batchnorm"),
    ("relu", "he", "batchnorm"),
    ("relu", "he", "layernorm"),
    ("layernorm", "skip"),
    ("batchnorm", "skip"),
    ("he", "batchnorm", "skip"),
    ("relu", "he", "batchnorm", "skip"),
    ("relu", "he", "layernorm", "skip"),
)
_RECURRENT: tuple[tuple[str, ...], ...] = (
    ("forget-bias",),
    ("large-forget-bias",),
    ("orthogonal-recurrent",),
    ("lstm", "large-forget-bias"),
    ("gru", "large-forget-bias"),
)
# What a change costs its user, in decades of the ratio that it may be worse for the same rank.
_COSTS: Mapping[str, float] = {
    "he": 0.1, "xavier": 0.1, "lecun": 0.1, "orthogonal": 0.2, "relu": 0.2, "selu": 0.3, "batchnorm": 0.8,
    "layernorm": 0.8, "skip": 1.0, "residual-scaling": 0.5, "forget-bias": 0.1, "large-forget-bias": 0.2,
    "orthogonal-recurrent": 0.3, "lstm": 1.0, "gru": 1.0,
}  # fmt: skip
# A remedy has to stay clear of the bounds by this share of the allowed decades.
_MARGIN = 0.75
_MOST = 3
# In networks of more nodes than this the first changes that work are enough.
_LARGE = 400


@dataclass(frozen=True, slots=True)
class RemedyResult:
    """A change that was tried and brings the network within bounds.

    `names` are those that `transform` takes; `text` says it in the words of the framework; `network` and
    `profile` are the network mended and what is predicted of it. `horizon` is the shortest gradient horizon of
    its recurrent layers, for a remedy that lengthens it.
    """

    names: tuple[str, ...]
    text: str
    network: Network
    profile: Profile
    horizon: float | None = None

    @property
    def predicted_log10(self) -> float | None:
        """Log10 of the gradient ratio that it reaches."""
        return self.profile.log10_gradient_ratio

    @property
    def remedy(self) -> Remedy:
        """The remedy as a finding lists it."""
        return Remedy(self.text, self.predicted_log10)


def remedies(
    network: Network, profile: Profile, settings: Settings | None = None, most: int = _MOST
) -> tuple[RemedyResult, ...]:
    """Changes that bring the gradient ratio of a network within bounds, best first; none for a healthy one.

    Best is what leads far into the bounds at little cost to its user.
    """
    settings = settings or Settings()
    if not profile.known or profile.within_bounds:
        return ()
    found: list[tuple[float, RemedyResult]] = []
    made: dict[tuple[str, ...], Network] = {(): network}
    for names in _suited(network):
        changed = _made(names, made)
        result = propagate(changed, settings)
        ratio = result.log10_gradient_ratio
        if ratio is None or not result.within_bounds or not _clear(ratio, settings):
            continue
        # A typical draw should be within bounds, and so should most.
        score = abs(ratio) + result.spread + sum(_COSTS[name] for name in names)
        found.append((score, RemedyResult(names, wording(names, network), changed, result)))
        if len(network.nodes) > _LARGE and len(_distinct([kept for _, kept in found], most)) == most:
            break
    found.sort(key=lambda pair: pair[0])
    return _distinct([result for _, result in found], most)


def _made(names: tuple[str, ...], made: dict[tuple[str, ...], Network]) -> Network:
    """The network with these changes, on top of those that other combinations begin with."""
    if names not in made:
        made[names] = transform(_made(names[:-1], made), names[-1:])
    return made[names]


def horizon_remedies(network: Network, steps: float, settings: Settings | None = None) -> tuple[RemedyResult, ...]:
    """Changes after which every recurrent layer's gradient horizon is beyond `steps`, the least change first."""
    found: list[RemedyResult] = []
    for names in _RECURRENT:
        changed = transform(network, names)
        result = propagate(changed, settings)
        shortest = min((h.steps for h in result.horizons), default=0.0)
        if shortest >= steps:
            found.append(RemedyResult(names, wording(names, network), changed, result, shortest))
    return _distinct(found, _MOST)


def _clear(ratio: float, settings: Settings) -> bool:
    return _MARGIN * math.log10(settings.vanishing) < ratio < _MARGIN * math.log10(settings.exploding)


def _suited(network: Network) -> Iterator[tuple[str, ...]]:
    """Combinations that change something in this network."""
    kinds = {node.kind for node in network.nodes}
    normalized = any(node.kind is Kind.NORMALIZATION and node.get("type", "batch") != "l2" for node in network.nodes)
    residual = bool(branches(network))
    functions = {node.get("function") for node in network.nodes if node.kind is Kind.ACTIVATION}
    weights = [node for node in network.nodes if node.kind in (Kind.LINEAR, Kind.CONVOLUTION)]
    schemes = {_scheme(node) for node in weights}
    for names in _PLAIN:
        if normalized and ("batchnorm" in names or "layernorm" in names):
            continue
        if residual == ("skip" in names) and ("skip" in names or "residual-scaling" in names):
            continue
        if "residual-scaling" in names and not residual:
            continue
        if names == ("he",) and schemes == {"he"}:
            continue
        if "relu" in names and functions <= {"relu"}:
            continue
        yield names
    if Kind.RECURRENT in kinds:
        yield from _RECURRENT


def _scheme(node: Node) -> str:
    weight = node.parameters.get("weight")
    return weight.distribution.scheme if weight is not None else ""


def _distinct(results: Sequence[RemedyResult], most: int) -> tuple[RemedyResult, ...]:
    """The best few, without those that only add to one that is already there."""
    kept: list[RemedyResult] = []
    for result in results:
        if len(kept) < most and not any(set(other.names) <= set(result.names) for other in kept):
            kept.append(result)
    return tuple(kept)
