"""A forward pass without gradients in a loop that trains."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._blocked import NO_GRADIENT, blocks, claims, described, owner
from gradlint.checks._losses import place
from gradlint.findings import Confidence, Remedy
from gradlint.subjects import Aside, Problem, TrainingSubject


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for parameters that an optimizer steps and that are only used where no gradient is recorded."""
    for block in blocks(subject, NO_GRADIENT.__eq__):
        member = owner(subject, block)
        objective = block.objective.origin
        pretrained = member is not None and member.network.pretrained
        yield Problem(
            f"the forward pass is computed where no gradient is recorded: {described(subject, block)} get none",
            block.cut.gradients_off or place(block.cut, block.objective),
            label="no gradient is recorded here",
            remedies=(
                Remedy("compute the forward pass of the training step outside this block"),
                *([] if block.total else [Remedy("leave these parameters out of the optimizer, if they are to stay")]),
            ),
            related=(Aside(objective, "the loss that is computed from it"),) if objective is not None else (),
            confidence=Confidence.MEDIUM if pretrained and not block.total else None,
            network=member.network.name if member is not None else "",
            claims=claims(subject, block),
        )
