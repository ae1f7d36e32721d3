"""A generator that minimizes the logarithm of one minus the discriminator's probability."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gradlint.checks._flow import parameters_behind, source_of
from gradlint.checks._losses import BINARY, function_of, place
from gradlint.findings import Remedy
from gradlint.network import Kind, Node
from gradlint.subjects import Aside, Problem, TrainingSubject

_AVERAGES = frozenset({"average", "sum"})


class Term(NamedTuple):
    """A summand of a loss, the sign with which it is minimized, and the node that turned the sign, if one did."""

    node: Node
    sign: int
    turned: Node | None = None


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look at the summands of each loss for log(1 - D(G(z))) in one of its forms."""
    for objective in subject.loop.objectives:
        for term in _terms(Term(objective, 1)):
            if _saturates(term) and (_explicit(term.node) or _adversarial(subject, term.node)):
                yield _problem(subject, term, objective)


def _terms(term: Term) -> Iterator[Term]:
    node = term.node
    if node.kind is Kind.ADD:
        for source, coefficient in zip(node.inputs, node.get("coefficients", ()), strict=False):
            yield from _terms(_times(source, coefficient, term))
    elif node.kind is Kind.MULTIPLY and len(node.inputs) == 1:
        yield from _terms(_times(node.inputs[0], node.get("constant", 1.0), term))
    elif (node.kind is Kind.POOLING and node.get("type") in _AVERAGES) or node.kind is Kind.RESHAPE:
        yield from _terms(Term(node.inputs[0], term.sign, term.turned))
    else:
        yield term


def _times(source: Node, factor: float, term: Term) -> Term:
    if factor < 0:
        return Term(source, -term.sign, term.node)
    return Term(source, term.sign if factor else 0, term.turned)


def _saturates(term: Term) -> bool:
    """Whether minimizing the term minimizes log(1 - p)."""
    node = term.node
    if term.sign > 0:
        return _explicit(node) or (function_of(node) == "log_sigmoid" and _negated(node.inputs[0]))
    if term.sign < 0:
        zeros = node.kind is Kind.LOSS and node.get("function") in BINARY and _is_zero(node.inputs[1:])
        return zeros or (function_of(node) == "softplus" and not _negated(node.inputs[0]))
    return False


def _explicit(node: Node) -> bool:
    """log(1 - sigmoid(x)), perhaps with a small number added inside."""
    if function_of(node) != "log":
        return False
    inner = source_of(node.inputs[0])
    if inner.kind is not Kind.ADD or len(inner.inputs) != 1:
        return False
    coefficient, constant = inner.get("coefficients", (1.0,))[0], inner.get("constant", 0.0)
    return coefficient == -1.0 and 1.0 <= constant < 1.1 and function_of(source_of(inner.inputs[0])) == "sigmoid"


def _negated(node: Node) -> bool:
    node = source_of(node)
    return node.kind is Kind.MULTIPLY and len(node.inputs) == 1 and node.get("constant", 1.0) < 0


def _is_zero(targets: tuple[Node, ...]) -> bool:
    return bool(targets) and targets[0].kind is Kind.CONSTANT and targets[0].get("value") == 0


def _adversarial(subject: TrainingSubject, node: Node) -> bool:
    """Whether a tensor has gone through two networks: a generator and a discriminator."""
    behind = parameters_behind(node)
    return sum(any(id(p) in behind for p in member.network.parameters) for member in subject.networks) > 1


def _problem(subject: TrainingSubject, term: Term, objective: Node) -> Problem:
    origin = objective.origin
    where = place(*([term.turned] if term.turned is not None and term.sign < 0 else []), term.node)
    return Problem(
        "minimizing log(1 - D(G(z))) hardly moves the generator while the discriminator wins: at D = 0.01 the gradient "
        "of a score is 0.01, and that of -log D(G(z)) is 0.99",
        where,
        label="flat where the fakes are found out",
        remedies=(Remedy("minimize -log D(G(z)): binary cross-entropy of D(G(z)) against ones"),),
        related=(Aside(origin, "the loss that is minimized"),) if origin is not None and origin is not where else (),
    )
