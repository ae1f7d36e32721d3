"""What events of a loop have to do with which parameters."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.checks._order import concerns, parameters_of, repeats, steps
from gradlint.network import EventKind
from gradlint.subjects import TrainingSubject

TWO = """
import torch
from torch import nn
a, b = nn.Linear(4, 4), nn.Linear(4, 1)
first = torch.optim.SGD(a.parameters(), lr=0.1)
second = torch.optim.SGD(b.parameters(), lr=0.1)
for x, y in loader:
    a.zero_grad()
    second.zero_grad()
    nn.functional.mse_loss(b(a(x).detach()), y).backward()
    nn.utils.clip_grad_norm_(b.parameters(), 1.0)
    first.step()
    second.step()
"""


def test_events_know_their_parameters(loop_of: Callable[[str], TrainingSubject]) -> None:
    loop = loop_of(TWO).loop
    (first, _), (second, _) = steps(loop)
    assert first is not None
    assert second is not None
    held = [frozenset(id(p) for p in optimizer.parameters or ()) for optimizer in (first, second)]
    (backward,) = loop.events_of(EventKind.BACKWARD)
    (clip,) = loop.events_of(EventKind.CLIP)
    assert parameters_of(backward) == parameters_of(clip) == held[1]
    zeros = loop.events_of(EventKind.ZERO_GRAD)
    assert [concerns(zero, held[0]) for zero in zeros] == [True, False]
    assert concerns(clip, None)


def test_a_loop_that_makes_its_networks_anew_repeats_nothing(loop_of: Callable[[str], TrainingSubject]) -> None:
    text = """
import torch
from torch import nn
{outside}
for seed in range(3):
    {inside}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(x).sum().backward()
    optimizer.step()
"""
    for outside, inside, again in (("net = nn.Linear(4, 1)", "pass", True), ("", "net = nn.Linear(4, 1)", False)):
        loop = loop_of(text.format(outside=outside, inside=inside)).loop
        assert repeats(loop, loop.events_of(EventKind.BACKWARD)[0]) is again
