"""Whether a measurement bears a claim out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gradlint.claims import ClaimKind
from gradlint.findings import Evidence, Status
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.measurement import Activity, Figures, Layer, Measurement, ParameterFigures, middle
from gradlint.probe.question import Question

TOLERANCE = 0.3
"""Decades by which a measured ratio may miss a threshold and still bear the claim out: a factor of two.

Thresholds are drawn somewhere in a continuum, and draws of one network spread by about as much.
"""
SAME = 1e-3
"""Relative difference of gradients below which the units of a layer are the same unit."""
SHARE_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the claim holds, the measured log10 ratio where there is one, and in words what a ratio does not say."""

    holds: bool
    fact: str
    measured_log10: float | None = None


def judge(question: Question, measurement: Measurement, plain: Measurement | None = None) -> Evidence:
    """The evidence that `measurement` is for or against `claim`.

    `plain` is the measurement without the activation that an ATTENUATED claim speaks of.

    Raises:
        NotMeasurable: the measurement does not say anything about the question.
    """
    verdict = _TESTS[question.kind](question, measurement, plain)
    notes = "; ".join(filter(None, (verdict.fact, *measurement.assumptions)))
    return Evidence(
        predicted_log10=question.predicted if question.kind in LOGARITHMIC else None,
        measured_log10=verdict.measured_log10,
        status=Status.CONFIRMED if verdict.holds else Status.REFUTED,
        reason=notes,
        seeds=measurement.seeds,
    )


LOGARITHMIC = frozenset({ClaimKind.VANISHING, ClaimKind.EXPLODING, ClaimKind.ATTENUATED})
"""Kinds of claim whose number is a log10 ratio."""


def _ratio(question: Question, measurement: Measurement) -> tuple[float, Layer]:
    """The measured log10 ratio of a claim, and the layer it speaks of."""
    ratio = measurement.log10_ratio(question.layer, question.reference)
    if ratio is None:
        raise NotMeasurable("the layer is none of those that were measured")
    node = question.layer
    layer = measurement.layers[0] if node is None else measurement.layer(node)
    assert layer is not None
    return ratio, layer


def _clearly(margin: float, measurement: Measurement) -> bool:
    """Whether a ratio keeps its threshold by a margin that is not negative.

    Raises:
        NotMeasurable: it misses it by no more than what was assumed may have moved it.
    """
    if -measurement.slack <= margin < 0:
        raise NotMeasurable(f"too close to tell with {'; '.join(measurement.assumptions)}")
    return margin >= 0


def _vanishing(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    ratio, layer = _ratio(question, measurement)
    if math.isnan(ratio):
        raise NotMeasurable(
            "there is no gradient at either layer" if measurement.finite else "its figures are not numbers"
        )
    fact = "exactly 0 in single precision" if layer.vanished else ""
    return Verdict(_clearly(question.limit + TOLERANCE - ratio, measurement), fact, ratio)


def _exploding(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    ratio, _layer = _ratio(question, measurement)
    beyond = math.isnan(ratio) or not measurement.finite
    holds = beyond or _clearly(ratio - (question.limit - TOLERANCE), measurement)
    return Verdict(holds, "measured: the gradient is not a number" if math.isnan(ratio) else "", ratio)


def _overflow(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    fact = "all finite" if measurement.finite else "a signal or gradient passes the largest number"
    return Verdict(not measurement.finite, f"measured: {fact}")


def _not_a_number(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    wanted = question.parameters
    bad = [p for p in measurement.parameters if not p.finite and (wanted is None or p.position in wanted)]
    layers = [layer.name for layer in measurement.layers if any(math.isnan(g) for g in layer.gradient)]
    fact = "all gradients are numbers" if not bad and not layers else "gradients that are not numbers"
    return Verdict(bool(bad or layers), f"measured: {fact}")


def _dead(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    share = _largest((a.dead for a in _activities(question, measurement)), "rectified units")
    return Verdict(share >= question.limit - SHARE_TOLERANCE, f"measured: {share:.0%} of the units are dead")


def _saturated(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    share = _largest((a.saturated for a in _activities(question, measurement)), "bounded activations")
    return Verdict(share >= question.limit - SHARE_TOLERANCE, f"measured: {share:.0%} are saturated")


def _collapsed(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    layers = _layers(question, measurement) if question.layer is not None else measurement.layers[-1:]
    value = _largest((layer.correlation for layer in layers), "layers")
    tolerance = 1.0 - question.limit
    return Verdict(value >= question.limit - tolerance, f"measured: outputs correlate by {value:.4f}")


def _symmetric(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    figures = [middle(layer.difference) for layer in _layers(question, measurement)]
    known = [figure for figure in figures if figure is not None and not math.isnan(figure)]
    if not known:
        raise NotMeasurable("no layer with several units was measured")
    fact = f"the gradients of a layer's units differ by {min(known):.1e} of their size"
    return Verdict(min(known) <= SAME, f"measured: {fact}")


def _blocked(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    figures = _parameters(question, measurement)
    blocked = sum(p.blocked for p in figures)
    fact = f"{blocked} of {len(figures)} parameters get no gradient"
    return Verdict(blocked == len(figures) > 0, f"measured: {fact}")


def _untrained(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    figures = _parameters(question, measurement)
    still = sum(bool(p.still) for p in figures)
    return Verdict(still == len(figures) > 0, f"measured: a step leaves {still} of {len(figures)} parameters unchanged")


def _attenuated(question: Question, measurement: Measurement, plain: Measurement | None) -> Verdict:
    before = _layer_before(question)
    if plain is None or before is None:
        raise NotMeasurable("there is no weighted layer to measure at")
    layers = measurement.layer(before), plain.layer(before)
    with_it, without_it = (None if layer is None else middle(layer.gradient) for layer in layers)
    if with_it is None or without_it is None or math.isinf(without_it):
        raise NotMeasurable("without the activation there is no gradient either")
    ratio = with_it - without_it
    return Verdict(ratio <= question.limit + TOLERANCE / 2, "against the gradient without the activation", ratio)


def _layer_before(question: Question) -> int | None:
    """The weighted layer whose output goes, through what is done to it, into the layer that a question names."""
    position, nodes = question.layer, question.network.nodes
    while position is not None and position not in question.network.weighted:
        position = nodes[position].inputs[0] if nodes[position].inputs else None
    return position


HORIZON_TOLERANCE = 1.2
"""How far a measured horizon may lie beyond the length of the sequence and still bear the claim out."""


def horizon_steps(question: Question) -> int:
    """Over how many steps the gradients of recurrent layers must be followed to answer; 0 for other questions."""
    if question.kind is not ClaimKind.SHORT_HORIZON:
        return 0
    return math.ceil(_length(question) * HORIZON_TOLERANCE) + 1


def _length(question: Question) -> float:
    length = question.threshold if question.threshold is not None else question.predicted
    if length is None:
        raise NotMeasurable("the claim names no number of steps")
    return length


def _short_horizon(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    found = [h for h in measurement.horizons if question.layer in (None, h.node)]
    if not found:
        raise NotMeasurable("no recurrent layer was measured")
    shortest = min(found, key=lambda h: middle(h.steps) or math.inf)
    steps, furthest = middle(shortest.steps) or math.inf, _length(question) * HORIZON_TOLERANCE
    if math.isfinite(steps):
        return Verdict(steps <= furthest, f"measured: 1 % is left after {steps:.0f} steps")
    if shortest.limit < furthest:
        raise NotMeasurable(f"the layer is so wide that its gradient was followed over {shortest.limit} steps only")
    return Verdict(False, f"measured: more than 1 % is left after {shortest.limit} steps")


def _overshoot(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    if not measurement.losses:
        raise NotMeasurable("no steps were taken")
    worse = sum(not after <= before for before, after in measurement.losses)
    before, after = (middle(tuple(figures)) for figures in zip(*measurement.losses, strict=True))
    return Verdict(worse * 2 > len(measurement.losses), f"measured: the loss goes from {before:.3g} to {after:.3g}")


def _underflow(question: Question, measurement: Measurement, _: Measurement | None) -> Verdict:
    share = _largest((layer.lost for layer in _layers(question, measurement)), "layers")
    return Verdict(share >= question.limit, f"measured: half precision loses {share:.0%} of the gradient's entries")


Test = Callable[[Question, Measurement, Measurement | None], Verdict]

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


def _layers(question: Question, measurement: Measurement) -> tuple[Layer, ...]:
    node = question.layer
    return measurement.layers if node is None else tuple(layer for layer in measurement.layers if layer.node == node)


def _activities(question: Question, measurement: Measurement) -> Iterable[Activity]:
    node = question.layer
    return (a for a in measurement.activities if node is None or node in (a.node, a.layer))


def _largest(series: Iterable[Figures], what: str) -> float:
    """The largest, over layers, of the medians over the seeds."""
    medians = [value for figures in series if (value := middle(figures)) is not None and not math.isnan(value)]
    if not medians:
        raise NotMeasurable(f"no {what} were measured")
    return max(medians)


def _parameters(question: Question, measurement: Measurement) -> list[ParameterFigures]:
    """The figures of the parameters concerned."""
    wanted = frozenset(question.concerned)
    return [p for p in measurement.parameters if p.position in wanted]
