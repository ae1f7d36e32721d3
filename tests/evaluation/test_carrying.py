"""What one iteration of a training loop hands to the next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.evaluation.driver import Evaluation
from gradlint.network import EventKind

PROGRAM = """
import torch
from torch import nn
cell, out = nn.GRUCell(4, 8), nn.Linear(8, 1)
optimizer = torch.optim.SGD([*cell.parameters(), *out.parameters()], lr=0.1)
h = torch.zeros(2, 8)
total = 0
for x, y in loader:
    optimizer.zero_grad()
    {step}
    loss = nn.functional.mse_loss(out(h), y)
    loss.backward(retain_graph=True)
    optimizer.step()
    {after}
"""


@pytest.mark.parametrize(
    ("step", "after", "carried"),
    [
        ("h = cell(x, h)", "pass", True),
        ("h = cell(x, h.detach())", "pass", False),
        ("h = cell(x, h)", "h = h.detach()", False),
        ("h = cell(x, h)", "h = h.data", False),
        ("h = cell(x, torch.zeros(2, 8))", "pass", False),
        ("h = cell(x, h)", "h = torch.zeros(2, 8)", False),
        ("h = cell(x, torch.zeros(2, 8))", "total = total + loss", False),
        ("h = cell(x, h)", "h = h.detach() if x.mean() > 0 else h", False),
    ],
)
def test_gradients_into_the_iteration_before(
    step: str, after: str, carried: bool, evaluate_text: Callable[[str], Evaluation]
) -> None:
    (loop,) = evaluate_text(PROGRAM.format(step=step, after=after)).loops
    (backward,) = loop.events_of(EventKind.BACKWARD)
    assert (backward.details.get("carried") is not None) is carried


def test_the_second_iteration_leaves_no_trace(evaluate_text: Callable[[str], Evaluation]) -> None:
    (loop,) = evaluate_text(PROGRAM.format(step="h = cell(x, h)", after="criterion = nn.MSELoss()")).loops
    counts = {kind: len(loop.events_of(kind)) for kind in (EventKind.BACKWARD, EventKind.STEP, EventKind.LOOP_START)}
    assert set(counts.values()) == {1}
