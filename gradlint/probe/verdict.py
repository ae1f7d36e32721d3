"""Whether a measurement bears a claim out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Evidence, Status
from gradlint.network import Node, Parameter
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.measurement import Activity, Figures, Layer, Measurement, ParameterFigures, middle
from gradlint.probe.network_spec import Index

TOLERANCE = 0.3
"""Decades by which a measured ratio may miss a threshold and still bear the claim out: a factor of two.

Thresholds are drawn somewhere in a continuum, and draws of one network spread by about as much.
"""
SAME = 1e-3
"""Relative difference of gradients below which the units of a layer are the same unit."""
SHARE_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the claim holds, the measured log10 ratio where there is one, and the measured fact in words."""

    holds: bool
    fact: str
    measured_log10: float | None = None


def evidence(claim: Claim, index: Index, measurement: Measurement, plain: Measurement | None = None) -> Evidence:
    """The evidence that `measurement` is for or against `claim`.

    `plain` is the measurement without the activation that an ATTENUATED claim speaks of.

    Raises:
        NotMeasurable: the measurement does not say anything about the claim.
    """
    verdict = _TESTS[claim.kind](claim, index, measurement, plain)
    notes = "; ".join((verdict.fact, *measurement.assumptions))
    return Evidence(
        predicted_log10=claim.predicted if claim.kind in LOGARITHMIC else None,
        measured_log10=verdict.measured_log10,
        status=Status.CONFIRMED if verdict.holds else Status.REFUTED,
        reason=notes,
        seeds=measurement.seeds,
    )


LOGARITHMIC = frozenset({ClaimKind.VANISHING, ClaimKind.EXPLODING, ClaimKind.ATTENUATED})
"""Kinds of claim whose number is a log10 ratio."""


def _ratio(claim: Claim, index: Index, measurement: Measurement) -> tuple[float, Layer]:
    """The measured log10 ratio of a claim, and the layer it speaks of."""
    ratio = measurement.log10_ratio(_position(claim.layer, index), _position(claim.reference, index))
    if ratio is None:
        raise NotMeasurable("the layer is none of those that were measured")
    node = _position(claim.layer, index)
    layer = measurement.layers[0] if node is None else measurement.layer(node)
    assert layer is not None
    return ratio, layer


def _power(ratio: float) -> str:
    if math.isinf(ratio):
        return "exactly 0" if ratio < 0 else "infinite"
    return "not a number" if math.isnan(ratio) else f"{10.0**ratio:.1e}" if abs(ratio) < 300 else f"1e{ratio:+.0f}"


def _vanishing(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    ratio, layer = _ratio(claim, index, measurement)
    fact = f"measured {_power(ratio)}" + (" (exactly 0 in single precision)" if layer.vanished else "")
    return Verdict(ratio <= _limit(claim) + TOLERANCE, fact, ratio)


def _exploding(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    ratio, _layer = _ratio(claim, index, measurement)
    holds = math.isnan(ratio) or ratio >= _limit(claim) - TOLERANCE or not measurement.finite
    return Verdict(holds, f"measured {_power(ratio)}", ratio)


def _overflow(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    fact = "all finite" if measurement.finite else "a signal or gradient passes the largest number"
    return Verdict(not measurement.finite, f"measured: {fact}")


def _not_a_number(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    wanted = _positions(claim.parameters, index)
    bad = [p for p in measurement.parameters if not p.finite and (not wanted or p.position in wanted)]
    layers = [layer.name for layer in measurement.layers if any(math.isnan(g) for g in layer.gradient)]
    fact = "all gradients are numbers" if not bad and not layers else "gradients that are not numbers"
    return Verdict(bool(bad or layers), f"measured: {fact}")


def _dead(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    share = _largest((a.dead for a in _activities(claim, index, measurement)), "rectified units")
    return Verdict(share >= _limit(claim) - SHARE_TOLERANCE, f"measured: {share:.0%} of the units are dead")


def _saturated(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    share = _largest((a.saturated for a in _activities(claim, index, measurement)), "bounded activations")
    return Verdict(share >= _limit(claim) - SHARE_TOLERANCE, f"measured: {share:.0%} are saturated")


def _collapsed(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    layers = _layers(claim, index, measurement) if claim.layer is not None else measurement.layers[-1:]
    value = _largest((layer.correlation for layer in layers), "layers")
    tolerance = 1.0 - _limit(claim)
    return Verdict(value >= _limit(claim) - tolerance, f"measured: outputs correlate by {value:.4f}")


def _symmetric(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    figures = [middle(layer.difference) for layer in _layers(claim, index, measurement)]
    known = [figure for figure in figures if figure is not None and not math.isnan(figure)]
    if not known:
        raise NotMeasurable("no layer with several units was measured")
    fact = f"the gradients of a layer's units differ by {min(known):.1e} of their size"
    return Verdict(min(known) <= SAME, f"measured: {fact}")


def _blocked(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    figures = _parameters(claim, index, measurement)
    blocked = sum(p.blocked for p in figures)
    fact = f"{blocked} of {len(figures)} parameters get no gradient"
    return Verdict(blocked == len(figures) > 0, f"measured: {fact}")


def _untrained(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    figures = _parameters(claim, index, measurement)
    still = sum(bool(p.still) for p in figures)
    return Verdict(still == len(figures) > 0, f"measured: a step leaves {still} of {len(figures)} parameters unchanged")


def _attenuated(claim: Claim, index: Index, measurement: Measurement, plain: Measurement | None) -> Verdict:
    if plain is None or not measurement.layers or not plain.layers:
        raise NotMeasurable("there is no weighted layer to measure at")
    with_it, without_it = (middle(m.layers[-1].gradient) for m in (measurement, plain))
    if with_it is None or without_it is None or math.isinf(without_it):
        raise NotMeasurable("without the activation there is no gradient either")
    ratio = with_it - without_it
    return Verdict(
        ratio <= _limit(claim) + TOLERANCE / 2, f"measured {_power(ratio)} of the gradient without it", ratio
    )


def _short_horizon(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    node = _position(claim.layer, index)
    found = [h for h in measurement.horizons if node is None or h.node == node]
    steps = min((middle(h.steps) or math.inf for h in found), default=None)
    if steps is None:
        raise NotMeasurable("no recurrent layer was measured")
    longest = max(h.limit for h in found)
    fact = (
        f"1 % is left after {steps:.0f} steps"
        if math.isfinite(steps)
        else f"more than 1 % is left after {longest} steps"
    )
    limit = claim.threshold if claim.threshold is not None else claim.predicted
    if limit is None:
        raise NotMeasurable("the claim names no number of steps")
    return Verdict(steps <= limit, f"measured: {fact}")


def _overshoot(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    if not measurement.losses:
        raise NotMeasurable("no steps were taken")
    worse = sum(not after <= before for before, after in measurement.losses)
    before, after = (middle(tuple(figures)) for figures in zip(*measurement.losses, strict=True))
    return Verdict(worse * 2 > len(measurement.losses), f"measured: the loss goes from {before:.3g} to {after:.3g}")


def _underflow(claim: Claim, index: Index, measurement: Measurement, _: Measurement | None) -> Verdict:
    share = _largest((layer.lost for layer in _layers(claim, index, measurement)), "layers")
    return Verdict(share >= _limit(claim), f"measured: half precision loses {share:.0%} of the gradient's entries")


Test = Callable[[Claim, Index, Measurement, Measurement | None], Verdict]

_TESTS: Mapping[ClaimKind, Test] = {
    ClaimKind.VANISHING: _vanishing,
    ClaimKind.EXPLODING: _exploding,
    ClaimKind.OVERFLOW: _overflow,
    ClaimKind.NAN: _not_a_number,
    ClaimKind.DEAD: _dead,
    ClaimKind.SATURATED: _saturated,
    ClaimKind.COLLAPSED: _collapsed,
    ClaimKind.SYMMETRIC: _symmetric,
    ClaimKind.BLOCKED: _blocked,
    ClaimKind.UNTRAINED: _untrained,
    ClaimKind.ATTENUATED: _attenuated,
    ClaimKind.SHORT_HORIZON: _short_horizon,
    ClaimKind.OVERSHOOT: _overshoot,
    ClaimKind.UNDERFLOW: _underflow,
}


def _limit(claim: Claim) -> float:
    if claim.limit is None:
        raise NotMeasurable("the claim names no number from which it holds")
    return claim.limit


def _position(node: Node | None, index: Index) -> int | None:
    """Where a node that a claim names stands; None when it names none."""
    if node is None:
        return None
    position = index.node(node)
    if position is None:
        raise NotMeasurable("the layer is no part of the network that was measured")
    return position


def _layers(claim: Claim, index: Index, measurement: Measurement) -> tuple[Layer, ...]:
    node = _position(claim.layer, index)
    return measurement.layers if node is None else tuple(layer for layer in measurement.layers if layer.node == node)


def _activities(claim: Claim, index: Index, measurement: Measurement) -> Iterable[Activity]:
    node = _position(claim.layer, index)
    return (a for a in measurement.activities if node is None or node in (a.node, a.layer))


def _largest(series: Iterable[Figures], what: str) -> float:
    """The largest, over layers, of the medians over the seeds."""
    medians = [value for figures in series if (value := middle(figures)) is not None and not math.isnan(value)]
    if not medians:
        raise NotMeasurable(f"no {what} were measured")
    return max(medians)


def _positions(parameters: Iterable[Parameter], index: Index) -> frozenset[int]:
    found = (index.parameter(parameter) for parameter in parameters)
    return frozenset(position for position in found if position is not None)


def _parameters(claim: Claim, index: Index, measurement: Measurement) -> list[ParameterFigures]:
    """The figures of the parameters that a claim names; of all trainable ones if it names none."""
    wanted = _positions(claim.parameters, index)
    if claim.parameters and not wanted:
        raise NotMeasurable("the parameters are no part of the network that was measured")
    if not wanted:
        wanted = _positions((p for p in index.network.parameters if p.trainable), index)
    return [p for p in measurement.parameters if p.position in wanted]
