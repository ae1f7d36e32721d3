"""The logarithm of a softmax or sigmoid, in two steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gradlint.checks._flow import flow, source_of
from gradlint.checks._losses import counterpart, function_of, place
from gradlint.findings import Confidence, Remedy
from gradlint.network import Framework, Kind, Node
from gradlint.subjects import NetworkSubject, Problem, TrainingSubject

_LOGARITHMS = frozenset({"log", "log2", "log10"})


class _Case(NamedTuple):
    written: str
    loss: str
    fused: dict[Framework, str]


_CASES = {
    "softmax": _Case(
        "log(softmax(x))",
        "a score that lies 104 below the largest one has a probability of exactly 0 in float32",
        {Framework.TORCH: "torch.nn.functional.log_softmax", Framework.KERAS: "keras.ops.log_softmax"},
    ),
    "sigmoid": _Case(
        "log(sigmoid(x))",
        "from a score of -104 on the sigmoid is exactly 0 in float32",
        {Framework.TORCH: "torch.nn.functional.logsigmoid(x)", Framework.KERAS: "keras.ops.log_sigmoid(x)"},
    ),
    "complement": _Case(
        "log(1 - sigmoid(x))",
        "from a score of 17 on 1 - sigmoid is exactly 0 in float32",
        {Framework.TORCH: "torch.nn.functional.logsigmoid(-x)", Framework.KERAS: "keras.ops.log_sigmoid(-x)"},
    ),
}


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Look for such logarithms in the forward pass."""
    network = subject.network
    for node in network.nodes:
        if node.gradient:
            yield from _problems(node, network.framework, network.name)


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for them in what comes between the networks and the loss."""
    seen: set[int] = set()
    for objective in subject.loop.objectives:
        for node in flow(objective).reached:
            if function_of(node) not in _LOGARITHMS or id(node) in seen:
                continue
            seen.add(id(node))
            if any(counterpart(member.network, node) for member in subject.networks) or _trains_nothing(node):
                continue
            name = subject.networks[0].network.name if len(subject.networks) == 1 else ""
            yield from _problems(node, subject.loop.framework, name)


def _trains_nothing(node: Node) -> bool:
    """Whether no gradient goes on from here to anything that is trained, as from the output of a teacher."""
    behind = flow(node)
    parameters = [parameter for source in behind.reached for parameter in source.parameters.values()]
    known = not any(source.kind is Kind.OPAQUE for source in behind.reached) and bool(behind.cuts or parameters)
    return known and not any(parameter.trainable for parameter in parameters)


def _problems(node: Node, framework: Framework, network: str) -> Iterator[Problem]:
    if function_of(node) not in _LOGARITHMS:
        return
    kind, guarded = _argument(source_of(node.inputs[0]))
    if kind is None:
        return
    case = _CASES[kind]
    lost = "its logarithm -inf, and the gradient NaN"
    if guarded:
        lost = "what is added keeps the logarithm finite, and the gradient of such samples is lost"
    yield Problem(
        f"{case.written} in two steps: {case.loss}; {lost}",
        place(node, node.inputs[0]),
        label="computed in two steps",
        remedies=(Remedy(f"{case.fused[framework]}, which never forms the small number"),),
        confidence=Confidence.LOW if guarded else None,
        network=network,
    )


def _argument(node: Node) -> tuple[str | None, bool]:
    """Which of the cases the argument of a logarithm is, and whether something keeps it away from zero."""
    guarded = False
    while node.inputs:
        function = function_of(node)
        if function == "softmax":
            return "softmax", guarded
        if function == "sigmoid":
            return "sigmoid", guarded
        if function == "clamp" and (node.get("minimum") or 0) > 0:
            guarded = True
        elif node.kind is Kind.ADD and len(node.inputs) == 1:
            coefficient, constant = node.get("coefficients", (1.0,))[0], node.get("constant", 0.0)
            if (coefficient, constant) == (-1.0, 1.0) and function_of(source_of(node.inputs[0])) == "sigmoid":
                return "complement", guarded
            if coefficient != 1.0 or constant <= 0.0:
                return None, guarded
            guarded = True
        else:
            return None, guarded
        node = source_of(node.inputs[0])
    return None, guarded
