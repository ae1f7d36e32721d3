"""A softmax over a single unit, or over the samples of a batch."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._flow import flow, source_of
from gradlint.checks._losses import Use, function_of, network_with, place, uses
from gradlint.claims import Claim, ClaimKind, Loss
from gradlint.findings import Confidence, Remedy
from gradlint.network import Framework, Kind, Network, Node, topological
from gradlint.subjects import Aside, NetworkSubject, Problem, TrainingSubject

_SOFTMAX = frozenset({"softmax", "log_softmax"})
_WEIGHTED = frozenset({Kind.LINEAR, Kind.CONVOLUTION})
_SEVERAL = "two output units and softmax, with class indices as labels"
_ONE_UNIT = {
    Framework.TORCH: "one unit without softmax, trained with torch.nn.BCEWithLogitsLoss",
    Framework.KERAS: 'activation="sigmoid" with loss="binary_crossentropy"',
}


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Look for softmax functions whose axis is known to have one entry."""
    for node in subject.network.nodes:
        if function_of(node) in _SOFTMAX and _of_one_unit(node):
            yield _single(node, subject.network)


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look at the softmax in front of each loss: its axis must be that of the classes, of which there are several."""
    for use in uses(subject.loop):
        member = network_with(subject, use.output)
        network = member.network if member is not None else None
        if function_of(use.output) in _SOFTMAX:
            units = _units(source_of(use.output.inputs[0]))
            if units == 1 and _over_units(use.output):
                yield _single(use.output, network, subject.loop.framework)
            elif units is not None and units > 1 and use.output.get("axis") == 0 and not _of_one_sample(use.output):
                yield _over_batch(use, network)
        elif use.function == "cross_entropy" and _single_score(use):
            yield _single_class(use, network, subject.loop.framework)


def _units(node: Node) -> int | None:
    """The number of output units of a weighted layer; None for anything else."""
    if node.kind not in _WEIGHTED or not node.weighted:
        return None
    units = node.get("out_features", node.get("out_channels"))
    return units if isinstance(units, int) else None


def _of_one_unit(node: Node) -> bool:
    """Whether the axis of a softmax is certain to be the single unit of the layer before it."""
    layer = node.inputs[0]
    if _units(layer) != 1 or layer.kind is not Kind.LINEAR:
        return False
    axis = node.get("axis")
    if axis == -1 or node.get("from_end"):
        return node.shape is None or axis in (-1, len(node.shape) - 1)
    return node.shape is not None and axis == len(node.shape) - 1 and not _guessed(node)


def _guessed(node: Node) -> bool:
    """Whether the number of axes of `node` rests on an input of which nothing is known."""
    return any(source.kind is Kind.INPUT and source.get("guessed", True) for source in topological((node,)))


def _over_units(node: Node) -> bool:
    """Whether a softmax in front of a loss runs over the units of a layer: the axis after the batch, or the last."""
    return node.inputs[0].kind in _WEIGHTED and (node.get("axis") in (1, -1) or bool(node.get("from_end")))


def _of_one_sample(node: Node) -> bool:
    return node.shape is not None and len(node.shape) == 1


def _single_score(use: Use) -> bool:
    """Whether the loss normalizes over the single unit of the output."""
    layer = use.output
    if function_of(layer) == "sigmoid" and use.takes_probabilities:
        layer = source_of(layer.inputs[0])
    return layer.kind is Kind.LINEAR and _units(layer) == 1 and use.loss.inputs[0].kind is not Kind.RESHAPE


def _single(node: Node, network: Network | None, framework: Framework = Framework.TORCH) -> Problem:
    value = "0" if function_of(node) == "log_softmax" else "1"
    framework = network.framework if network is not None else framework
    outputs = network.outputs if network is not None else ()
    elsewhere = frozenset().union(*(flow(output, around=node).parameters for output in outputs if output is not node))
    parameters = (p for n in flow(node).reached for p in n.parameters.values())
    behind = tuple(p for p in parameters if p.trainable and id(p) not in elsewhere)
    return Problem(
        f"{function_of(node)} over a single unit is always {value}, whatever comes in, and its gradient is always 0",
        place(node, node.inputs[0]),
        label=f"always {value}",
        remedies=(Remedy(_ONE_UNIT[framework]), Remedy(_SEVERAL)),
        network=network.name if network is not None else "",
        claims=(Claim(ClaimKind.BLOCKED, parameters=behind),) if behind else (),
    )


def _single_class(use: Use, network: Network | None, framework: Framework) -> Problem:
    return Problem(
        f"{use.name} compares the classes of the output, and there is only one: its gradient is always 0",
        place(use.output, use.loss),
        label="a single unit",
        remedies=(Remedy(_ONE_UNIT[framework]), Remedy(_SEVERAL)),
        related=(Aside(use.loss.origin, "this loss normalizes over the classes"),) if use.loss.origin else (),
        network=network.name if network is not None else "",
        claims=(Claim(ClaimKind.BLOCKED, loss=Loss(use.function, use.takes_logits)),) if network is not None else (),
    )


def _over_batch(use: Use, network: Network | None) -> Problem:
    node = use.output
    known = node.shape is not None and len(node.shape) > 1
    return Problem(
        f"{function_of(node)} over axis 0 weighs the samples of a batch against each other, not the classes: each "
        f"class's column sums to 1, and {use.name} never sees the probabilities of a sample",
        place(node, use.loss),
        label="axis 0 is the batch",
        remedies=(Remedy("dim=1, the axis of the classes"),),
        related=(Aside(use.loss.origin, "the loss that gets it"),) if use.loss.origin else (),
        confidence=Confidence.HIGH if known else Confidence.MEDIUM,
        network=network.name if network is not None else "",
    )
