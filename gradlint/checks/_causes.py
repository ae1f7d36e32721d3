"""What the rules about vanishing and exploding gradients share: each speaks of one cause, none of another's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from gradlint.checks._wording import activation_after, counted, layer_name, power
from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Confidence, Evidence, Severity
from gradlint.network import Kind, Network, Node, Optimizer, Origin
from gradlint.propagation.attribution import Attribution, Cause
from gradlint.propagation.profile import DEAD, EXPLODING, Profile
from gradlint.subjects import Aside, NetworkSubject, Problem

ADAPTIVE = frozenset({"Adam", "AdamW", "Adamax", "NAdam", "Nadam", "RAdam", "RMSprop", "Adagrad", "SparseAdam", "Lamb"})
"""Optimizers that divide each parameter's gradient by its own size."""
INITIALIZERS = ("he", "xavier", "lecun", "orthogonal")
NORMALIZATIONS = ("batchnorm", "layernorm", "rmsnorm")
"""Changes to a network, by the names that `gradlint.propagation.whatif` has for them."""
_OVERFLOWS = "the signal overflows"
_EPSILONS = {"eps", "epsilon"}
_USUAL_EPSILON = 1e-8
_ERROR = 0.2
"""Decades by which a prediction may well be wrong."""
_GUESSED = 1.0
"""Decades by which a ratio moves with the size of an image that nothing in the source gives, where it is averaged."""
_COLLAPSED = 0.99
"""Correlation of the outputs for two inputs from which on a network gives the same answer to everything."""


def explained(subject: NetworkSubject, cause: Cause) -> Attribution | None:
    """The attribution of a network's bad gradients, if it is to this cause and initialization is not moot."""
    if is_moot(subject.network):
        return None
    found = subject.attribution
    return found if found is not None and found.cause is cause else None


def is_moot(network: Network) -> bool:
    """Whether initialization says nothing of a network: weights are loaded into it, or none is trained."""
    return network.pretrained or not any(parameter.trainable for parameter in network.parameters)


def gradient_problem(
    subject: NetworkSubject,
    found: Attribution,
    who: str,
    *,
    label: str = "",
    plural: bool = True,
    remedy: tuple[str, ...] = (),
    at: Callable[[Node], Origin | None] = lambda node: node.origin,
) -> Iterator[Problem]:
    """The problem that `who` (the subject of the sentence) makes the gradient of a network too small or too large.

    It is placed at the origin that most of the responsible nodes share, as `at` gives it; nowhere, no problem.
    Of the changes that mend the network, those are listed first that `remedy` names.
    """
    profile, network = subject.profile, subject.network
    where = common_origin(at(node) for node in found.nodes)
    if where is None:
        return
    message = f"{who} {_fate(subject, plural)}"
    severity = None
    if profile.verdict != EXPLODING:
        severity, note = _under_optimizer(subject)
        message += note
    problem = Problem(
        message,
        where,
        label=label,
        remedies=subject.remedies(*remedy),
        evidence=Evidence(predicted_log10=profile.log10_gradient_ratio),
        severity=severity,
        confidence=Confidence.MEDIUM if doubtful(subject) or _close(subject) else None,
        network=network.name,
        claims=(ratio_claim(profile),),
    )
    first = first_layer(profile)
    overflows = profile.log10_gradient_ratio == math.inf
    if not overflows and first.origin is not None and not _same_line(first.origin, where):
        arrival = Aside(first.origin, f"the gradient arrives here: {layer_name(first, network)}")
        problem = replace(problem, related=(arrival,))
    yield problem


def _same_line(first: Origin, second: Origin) -> bool:
    return first.source is second.source and first.span.line == second.span.line


def by_hand(subject: NetworkSubject, *, small: bool) -> Iterator[Problem]:
    """The problem of initial weights whose scale the user chose as a number."""
    found = explained(subject, Cause.SCALE)
    if found is None or found.each is None or (found.each < 0.0) != small:
        return
    scales = {_scale(layer) for layer in found.layers}
    which = f"of standard deviation {scales.pop():.2g}" if len(scales) == 1 else f"{power(found.each)} of what suits"
    who = f"initial weights {which} in {counted(len(found.layers), 'layer')}"
    suits = activation_after(found.layers, subject.network)
    label = f"the scale is {power(found.each)} of what suits {suits}"
    yield from gradient_problem(subject, found, who, label=label, remedy=INITIALIZERS, at=initializer_origin)


def _scale(layer: Node) -> float:
    return float(f"{layer.parameters['weight'].distribution.std:.2g}")


def each(found: Attribution) -> str:
    """What one of several responsible nodes does, as a label."""
    if found.each is None or len(found.nodes) < 2:
        return ""
    return f"each of these multiplies the gradient by about {power(found.each)}"


def initializer_origin(layer: Node) -> Origin | None:
    """Where the initial weights of a layer were chosen."""
    weight = layer.parameters.get("weight")
    return (weight.distribution.origin if weight is not None else None) or layer.origin


def common_origin(origins: Iterable[Origin | None]) -> Origin | None:
    """The place that most of these share, the first of those in case of a tie."""
    known = [origin for origin in origins if origin is not None]
    counts = Counter(id(origin.syntax) for origin in known)
    return max(known, key=lambda origin: counts[id(origin.syntax)], default=None)


def first_layer(profile: Profile) -> Node:
    """The layer that the ratio speaks of: the first one that the loss reaches."""
    return profile.first or profile.layers[0].node


def doubtful(subject: NetworkSubject) -> bool:
    """Whether a prediction rests on assumptions, or on a network that was not read in full."""
    return bool(subject.profile.assumptions) or not subject.network.complete


def _close(subject: NetworkSubject) -> bool:
    """Whether a ratio is so close to its bound that a prediction which is a little off would be within."""
    ratio = subject.profile.log10_gradient_ratio
    bounds = (math.log10(subject.bounds.vanishing), math.log10(subject.bounds.exploding))
    error = _GUESSED if _averages_a_guess(subject.network) else _ERROR
    return ratio is not None and any(abs(ratio - bound) < error for bound in bounds)


def _averages_a_guess(network: Network) -> bool:
    """Whether an average is taken over all places of images whose size is not known."""
    return any(_guessed(source) for source in network.inputs) and any(
        node.kind is Kind.POOLING and node.get("type") == "average" and (node.get("global") or node.get("output_size"))
        for node in network.nodes
    )


def _guessed(source: Node) -> bool:
    return bool(source.get("guessed")) or any(axis > 1 for axis in source.get("assumed") or ())


def _fate(subject: NetworkSubject, plural: bool) -> str:
    profile = subject.profile
    ratio = profile.log10_gradient_ratio
    assert ratio is not None
    first = layer_name(first_layer(profile), subject.network)
    if ratio == math.inf:
        return f"{'make' if plural else 'makes'} the signal overflow{profile.reason.removeprefix(_OVERFLOWS)}"
    if profile.verdict == EXPLODING:
        return f"{'multiply' if plural else 'multiplies'} the gradient by {power(ratio)} on the way to {first}"
    verb = "shrink" if plural else "shrinks"
    size = "nothing" if profile.verdict == DEAD else f"{power(ratio)} of its size"
    return f"{verb} the gradient to {size} on the way to {first}"


def ratio_claim(profile: Profile) -> Claim:
    """That the gradient ratio of a network is out of bounds, as a claim that can be measured."""
    ratio = profile.log10_gradient_ratio
    if ratio == math.inf:
        return Claim(ClaimKind.OVERFLOW)
    kind = ClaimKind.EXPLODING if profile.verdict == EXPLODING else ClaimKind.VANISHING
    return Claim(kind, predicted=ratio)


def _under_optimizer(subject: NetworkSubject) -> tuple[Severity | None, str]:
    """How bad a vanishing gradient is under the optimizer that trains the network, and what to say of that."""
    optimizers = [optimizer for loop in subject.loops for optimizer in loop.optimizers]
    if not optimizers or not all(optimizer.name in ADAPTIVE for optimizer in optimizers):
        return None, ""
    name, ratio = optimizers[0].name, subject.profile.log10_gradient_ratio
    assert ratio is not None
    if _collapsed(subject.profile):
        return None, f"; {name} does not make up for that, since every input gives nearly the same output"
    if ratio <= math.log10(max(_epsilon(optimizer) for optimizer in optimizers)):
        return None, f"; {name} does not make up for that, since its epsilon is larger"
    return Severity.WARNING, f"; {name} rescales it, which slows training down rather than stops it"


def _collapsed(profile: Profile) -> bool:
    """Whether the last hidden layer gives nearly the same for every input; the last layer has a bias of its own."""
    last = profile.layers[-2] if len(profile.layers) > 1 else profile.layers[-1]
    if not last.signal or last.covariance is None:
        return True
    return last.covariance / last.signal >= _COLLAPSED


def _epsilon(optimizer: Optimizer) -> float:
    given = next((value for key, value in optimizer.options.items() if key in _EPSILONS), None)
    return float(given) if isinstance(given, (int, float)) and given > 0 else _USUAL_EPSILON
