"""A detach, or a trip through Python numbers or numpy, on the way from the parameters to the loss."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._blocked import DETACHING, blocks, claims, described, owner
from gradlint.checks._losses import place
from gradlint.findings import Remedy
from gradlint.subjects import Aside, Problem, TrainingSubject

_WHAT = {
    "detach": "detach() cuts the tensor off",
    "data": ".data is the tensor without its history",
    "stop_gradient": "stop_gradient cuts the tensor off",
    "item": "item() gives a Python number",
    "tolist": "tolist() gives Python numbers",
    "numpy": "numpy() gives an array without history",
}
_COPIED = "a new tensor of old values has no history"
_REMEDY = {
    "detach": "leave out detach()",
    "data": "use the tensor itself in place of .data",
    "stop_gradient": "leave out stop_gradient",
    "item": "compute the loss on tensors, and call item() only for what is printed",
    "tolist": "compute the loss on tensors",
    "numpy": "compute the loss on tensors, with functions of the framework in place of numpy's",
}
_STACK = "torch.stack(values), or a sum of the tensors themselves"


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for what cuts off parameters that an optimizer steps and no loss reaches on another way."""
    for block in blocks(subject, DETACHING.__contains__):
        member = owner(subject, block)
        objective = block.objective.origin
        yield Problem(
            f"{_WHAT.get(block.operation, _COPIED)}: {described(subject, block)} get no gradient",
            place(block.cut, block.objective),
            label="the gradient ends here",
            remedies=(Remedy(_REMEDY.get(block.operation, _STACK)),),
            related=(Aside(objective, "the loss that is computed from it"),) if objective is not None else (),
            network=member.network.name if member is not None else "",
            claims=claims(subject, block),
        )
