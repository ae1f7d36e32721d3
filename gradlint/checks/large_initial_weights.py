"""Initial weights, of a scale chosen by hand, that are so large that gradients explode or units saturate."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import by_hand, common_origin, doubtful, initializer_origin, is_moot
from gradlint.checks._wording import counted, function_names
from gradlint.claims import THRESHOLDS, Claim, ClaimKind
from gradlint.findings import Confidence, Remedy
from gradlint.network import Framework, Node
from gradlint.propagation.attribution import chosen_by_hand
from gradlint.propagation.saturation import saturated_share
from gradlint.subjects import NetworkSubject, Problem

_REMEDIES = {
    Framework.TORCH: "nn.init.xavier_normal_(weight)",
    Framework.KERAS: 'kernel_initializer="glorot_normal"',
}


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Weights far above what keeps the signal blow it up and the gradient with it, or drive units into saturation."""
    yield from by_hand(subject, small=False)
    if subject.attribution is None and not is_moot(subject.network):
        yield from _saturating(subject)


def _saturating(subject: NetworkSubject) -> Iterator[Problem]:
    """Bounded activations behind weights of a scale chosen by hand, most of whose units have no slope left."""
    network, structure = subject.network, subject.structure
    if not any(chosen_by_hand(layer) for layer in network.weighted):
        return
    signals = {id(layer.node): layer.signal for layer in subject.profile.layers}
    saturated: list[tuple[Node, Node, float]] = []
    for activation in structure.hidden:
        layer = structure.layer_of(activation)
        if layer is None or structure.normalized_before(activation) or not chosen_by_hand(layer):
            continue
        share = saturated_share(activation, signals.get(id(layer)) or 0.0)
        if share >= THRESHOLDS[ClaimKind.SATURATED]:
            saturated.append((activation, layer, share))
    if not saturated:
        return
    activations = [activation for activation, _, _ in saturated]
    worst, _, share = max(saturated, key=lambda found: found[2])
    where = common_origin(initializer_origin(layer) for _, layer, _ in saturated)
    first = subject.profile.layers[0].node
    if where is None:
        return
    name = function_names(activations, "bounded")
    yield Problem(
        f"initial weights this large drive {share:.0%} of the units of {counted(len(saturated), f'{name} layer')} into "
        "saturation, where less than 1 % of the gradient passes",
        where,
        label="too large for this fan-in",
        remedies=(Remedy(_REMEDIES[network.framework]),),
        # How large the input is, nobody knows.
        confidence=Confidence.MEDIUM if doubtful(subject) or all(layer is first for _, layer, _ in saturated) else None,
        network=network.name,
        claims=(Claim(ClaimKind.SATURATED, predicted=share, layer=worst),),
    )
