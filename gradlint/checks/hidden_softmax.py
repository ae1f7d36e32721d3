"""A softmax between layers, where it chooses nothing and passes hardly any gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradlint.checks._causes import doubtful
from gradlint.checks._wording import layer_name, power
from gradlint.claims import THRESHOLDS, Claim, ClaimKind
from gradlint.findings import Confidence, Evidence, Remedy
from gradlint.network import Node
from gradlint.propagation import propagate
from gradlint.propagation.whatif.rewriting import Rewriting
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Compare the gradient behind each such softmax with what it would be without it."""
    network, structure = subject.network, subject.structure
    if not structure.softmaxes or not subject.profile.known:
        return
    reported: set[int] = set()
    for softmax in structure.softmaxes:
        layer, origin = structure.layer_of(softmax), softmax.origin
        if layer is None or origin is None or id(origin.syntax) in reported:
            continue
        loss = _loss(subject, softmax, layer)
        if loss is None or loss > THRESHOLDS[ClaimKind.ATTENUATED]:
            continue
        reported.add(id(origin.syntax))
        units = f" over {softmax.shape[softmax.get('axis', -1)]} units" if softmax.shape else ""
        yield Problem(
            f"a softmax{units} between layers leaves {power(loss)} of the gradient for {layer_name(layer, network)}",
            origin,
            label="these numbers sum to one, and hardly differ at the start",
            remedies=(Remedy("ReLU here, softmax for the output only"),),
            evidence=Evidence(predicted_log10=loss),
            confidence=Confidence.MEDIUM if doubtful(subject) else None,
            network=network.name,
            claims=(Claim(ClaimKind.ATTENUATED, predicted=loss, layer=softmax),),
        )


def _loss(subject: NetworkSubject, softmax: Node, layer: Node) -> float | None:
    """log10 of the gradient at the layer before a softmax over what it is with the softmax left out."""

    def rule(_: Rewriting, old: Node, copy: Node) -> Node | None:
        if old is softmax:
            copy.attributes = {"function": "linear"}
        return None

    position = next((index for index, node in enumerate(subject.network.weighted) if node is layer), None)
    plain = propagate(Rewriting(subject.network, rule).result(), subject.bounds)
    if position is None or not plain.known or len(plain.layers) != len(subject.profile.layers):
        return None
    before, after = plain.layers[position].log10_gradient, subject.profile.layers[position].log10_gradient
    if before is None or after is None or not math.isfinite(before):
        return None
    return after - before
