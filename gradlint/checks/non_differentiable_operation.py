"""An operation without a useful derivative on the way from the parameters to the loss."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._blocked import DETACHING, NO_GRADIENT, blocks, claims, described, owner
from gradlint.checks._losses import place
from gradlint.findings import Remedy
from gradlint.subjects import Aside, Problem, TrainingSubject

_INDICES = "compute the loss on the scores themselves, as cross-entropy does, and use this only for the accuracy"
_STEP = (
    "a smooth stand-in (sigmoid or tanh with a temperature), or the straight-through estimator x + (f(x) - x).detach()"
)
_REMEDIES = {
    **dict.fromkeys(("argmax", "argmin", "topk", "argsort", "mode", "one_hot", "searchsorted", "bucketize"), _INDICES),
    **dict.fromkeys(("comparison", "round", "floor", "ceil", "sign", "trunc", "floor_divide", "not"), _STEP),
    **dict.fromkeys(
        ("bernoulli", "multinomial", "categorical", "poisson", "sample"),
        "the reparametrization trick (rsample, gumbel_softmax), or a loss on the log-probability of the sample",
    ),
}


def _wanted(operation: str) -> bool:
    return operation not in DETACHING and operation != NO_GRADIENT


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for steps and choices that cut off parameters which no loss reaches on another way."""
    for block in blocks(subject, _wanted):
        member = owner(subject, block)
        objective = block.objective.origin
        yield Problem(
            f"the derivative of {_named(block.operation)} is zero or does not exist: {described(subject, block)} "
            "get no gradient",
            place(block.cut, block.objective),
            label="the gradient ends here",
            remedies=(Remedy(_REMEDIES.get(block.operation, _cast(block.operation))),),
            related=(Aside(objective, "the loss that is computed from it"),) if objective is not None else (),
            network=member.network.name if member is not None else "",
            claims=claims(subject, block),
        )


def _named(operation: str) -> str:
    return "a comparison" if operation == "comparison" else f"a {operation}" if " " in operation else operation


def _cast(operation: str) -> str:
    return "keep the tensor in floating point" if operation.startswith("cast") else _STEP
