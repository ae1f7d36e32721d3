"""From a network to its profile: one pass forward, one pass back, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import NamedTuple

from gradlint.network import Kind, Network, Node, Parameter
from gradlint.propagation.context import Context, NotModelled, Settings, describe
from gradlint.propagation.curvature import curvature
from gradlint.propagation.dead import dead_shares
from gradlint.propagation.geometry import axis_size, entries
from gradlint.propagation.outline import outline
from gradlint.propagation.passes import backward_pass, connected, forward_pass, log_norm
from gradlint.propagation.precision import Precision, precision_of
from gradlint.propagation.recurrent import Horizon, horizon
from gradlint.propagation.signal import Gradient, ln

_TO_LOG10 = 0.5 / math.log(10.0)
HEALTHY, VANISHING, EXPLODING, DEAD, UNKNOWN = "healthy", "vanishing", "exploding", "dead", "unknown"


class LayerProfile(NamedTuple):
    """One weighted layer.

    `signal` is the mean square of its output, `covariance` what two samples share of it. `log10_gradient`
    is log10 of the L2 norm of the gradient with respect to its output over that of the last weighted layer;
    -inf where it is exactly zero, None where it is not known or the layer is cut off from the outputs (behind a
    `detach`, say). `weight_std` is the standard deviation of its
    weights, `dead` the share of its units that are zero for every sample after the activation that follows,
    `zero_initialized` marks a layer whose gradient is zero at the first step because a later weight starts
    at zero: `log10_gradient` then looks past that weight.
    """

    node: Node
    signal: float | None
    covariance: float | None
    log10_gradient: float | None
    weight_std: float | None
    dead: float = 0.0
    zero_initialized: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What is predicted of one network at initialization.

    `log10_gradient_ratio` is log10 of the L2 norm of the gradient at the first weighted layer that the loss
    reaches over that at the last, for a typical draw of the weights; `log10_gradient_ratio_rms` the same per
    entry. `spread` is the standard deviation of the former over draws of the weights. `collapse` is c/q at the
    last weighted layer: 1 means that every input gives the same output. `horizons` are the gradient horizons
    of the recurrent layers. `verdict` is "healthy", "vanishing", "exploding" (out of bounds as a whole and
    for each place in space or time), "dead" or "unknown"; `reason` says why in the last case, and names the
    layer in the one before. `assumptions` are sentences on what had to be assumed; `first` and
    `last` are the layers that are compared. `curvature` is the largest eigenvalue of the mean of J^T J (see
    `curvature`), where theory gives one.
    """

    layers: tuple[LayerProfile, ...]
    log10_gradient_ratio: float | None
    log10_gradient_ratio_rms: float | None
    verdict: str
    collapse: float | None = None
    spread: float = 0.0
    horizons: tuple[Horizon, ...] = ()
    reason: str = ""
    assumptions: tuple[str, ...] = ()
    first: Node | None = None
    last: Node | None = None
    curvature: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return self.log10_gradient_ratio is not None

    @property
    def within_bounds(self) -> bool:
        """Whether gradients are neither too small nor too large."""
        return self.verdict == HEALTHY


def propagate(network: Network, settings: Settings | None = None) -> Profile:
    """Predict signal and gradient at every weighted layer of a network at initialization.

    The gradient is that of a random linear function of the outputs of each sample: independent standard
    normal numbers on every output entry. The ratio of its norms hardly depends on that choice, and not at
    all on its scale.
    """
    settings = settings or Settings()
    found = outline(network)
    weighted, context = found.weighted, Context(network, settings, found)
    if not weighted:
        return _unknown((), "there is no layer with weights", context)
    if not network.depth_known:
        return _unknown(weighted, "the number of layers is not known", context)
    precision = precision_of(settings.dtype or network.dtype)
    try:
        outputs, overflow = forward_pass(network, context, precision)
        if overflow is not None:
            return _overflowed(weighted, overflow, context)
        reached = connected(network, outputs, found)
        gradients, looked_past = backward_pass(network, outputs, reached, context)
    except NotModelled as limit:
        return _unknown(weighted, str(limit), context)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # A graph that no rule foresees has no number; it must not cost the run.
        return _unknown(weighted, f"not modelled ({error})", context)
    return _profile(network, outputs, gradients, looked_past, reached, context, precision)


def _profile(
    network: Network,
    outputs: Sequence[Node],
    gradients: dict[Node, Gradient],
    looked_past: frozenset[Node],
    trained: AbstractSet[Node],
    context: Context,
    precision: Precision,
) -> Profile:
    weighted = context.outline.weighted
    reached = [node for node in weighted if node in trained]
    last = next((node for node in reversed(reached) if log_norm(gradients, node) > -math.inf), None)
    if last is None:
        return replace(_unknown(weighted, "no gradient reaches a layer with weights", context), verdict=DEAD)
    base = gradients[last]
    scale = ln(float(entries(last)))
    dead = dead_shares(context.outline, context)
    least = precision.smallest_log - scale
    layers: list[LayerProfile] = []
    for node in weighted:
        signal = context.signals.get(node)
        found = gradients.get(node)
        value: float | None = -math.inf if node in trained else None
        if found is not None and found.log > -math.inf:
            typical = (found.log - base.log) - 0.5 * (found.spread - base.spread)
            value = typical * _TO_LOG10 if typical - ln(entries(node)) > least else -math.inf
        square, samples = (signal.square, signal.samples) if signal is not None else (None, None)
        known_dead = dead.get(node, 0.0) if dead else 0.0
        layers.append(LayerProfile(node, square, samples, value, _weight_std(node), known_dead, node in looked_past))
    first = _first(layers)
    ratio = first.log10_gradient
    assert ratio is not None
    if ratio == -math.inf and not network.complete:
        return _unknown(weighted, f"how {describe(first.node)} reaches the loss is not known", context)
    rms = ratio - (ln(float(entries(first.node))) - scale) * _TO_LOG10
    more_places = ln(_places(first.node, context)) - ln(_places(last, context))
    output = context.signals[last]
    spread = max(gradients[first.node].spread - base.spread, 0.0) if first.node in gradients else 0.0
    return Profile(
        tuple(layers),
        ratio,
        rms,
        _verdict(ratio, ratio - more_places * _TO_LOG10, context.settings),
        output.samples / output.square if output.square > 0.0 else 1.0,
        math.sqrt(spread) * _TO_LOG10,
        _horizons(weighted),
        "" if ratio > -math.inf else f"the gradient at {describe(first.node)} is exactly zero",
        _assumed(network, weighted, context),
        first.node,
        last,
        None if looked_past else curvature(network, outputs, gradients, context),
    )


def _first(layers: Sequence[LayerProfile]) -> LayerProfile:
    """The layer that the ratio speaks of: the first one that the loss reaches.

    Of layers side by side on one input (query, key and value of attention, say) it is the one of the largest
    gradient: what reaches it has come all the way.
    """
    trained = [layer for layer in layers if layer.log10_gradient is not None]
    source = trained[0].node.inputs[0] if trained[0].node.inputs else None
    beside = [layer for layer in trained if source is not None and source in layer.node.inputs[:1]]
    return max(
        beside or trained[:1],
        key=lambda layer: -math.inf if layer.log10_gradient is None else layer.log10_gradient,
    )


def _horizons(weighted: Sequence[Node]) -> tuple[Horizon, ...]:
    """One for each recurrent layer, however often it is called."""
    found = []
    seen: set[Parameter | None] = set()
    for node in weighted:
        kernel = node.parameters.get("weight_hh_l0")
        if node.kind is Kind.RECURRENT and kernel not in seen:
            seen.add(kernel)
            try:
                found.append(horizon(node))
            except NotModelled:
                continue
    return tuple(found)


def _places(node: Node, context: Context) -> float:
    """In how many places of space or time each unit of a layer is, over the whole batch."""
    return float(entries(node)) / axis_size(node.shape, context.signal(node).channel)


def _verdict(whole: float, place: float, settings: Settings) -> str:
    """What a ratio of norms means: it must be out of bounds as a whole and for each place in space or time.

    A feature map has a larger norm than the vector that it is pooled to, though each place gets the same.
    """
    if whole == -math.inf:
        return DEAD
    if max(whole, place) < math.log10(settings.vanishing):
        return VANISHING
    if min(whole, place) > math.log10(settings.exploding):
        return EXPLODING
    return HEALTHY


def _assumed(network: Network, weighted: Sequence[Node], context: Context) -> tuple[str, ...]:
    unknown = any(node.shape is None for node in weighted)
    extra = ("sizes of some layers are not known",) if unknown else ()
    return (*network.assumptions, *sorted(context.assumptions), *extra)


def _weight_std(node: Node) -> float | None:
    parameter: Parameter | None = node.parameters.get("weight") or next(iter(node.parameters.values()), None)
    std = parameter.distribution.std if parameter is not None else math.nan
    return None if math.isnan(std) else std


def _bare(node: Node, context: Context) -> LayerProfile:
    signal = context.signals.get(node)
    return LayerProfile(
        node,
        signal.square if signal is not None else None,
        signal.samples if signal is not None else None,
        None,
        _weight_std(node),
    )


def _unknown(weighted: Sequence[Node], reason: str, context: Context) -> Profile:
    layers = tuple(_bare(node, context) for node in weighted)
    assumptions = _assumed(context.network, weighted, context)
    return Profile(layers, None, None, UNKNOWN, horizons=_horizons(weighted), reason=reason, assumptions=assumptions)


def _overflowed(weighted: Sequence[Node], node: Node, context: Context) -> Profile:
    layers = tuple(_bare(layer, context) for layer in weighted)
    after = sum(1 for layer in weighted if layer in context.signals)
    where = describe(weighted[max(after - 1, 0)]) if node.kind is Kind.ACTIVATION else describe(node)
    reason = f"the signal overflows at {where}"
    assumptions = _assumed(context.network, weighted, context)
    return Profile(layers, math.inf, math.inf, EXPLODING, reason=reason, assumptions=assumptions)
