from __future__ import annotations

from pathlib import Path

import pytest

import gradlint
from gradlint import Finding

CHAIN = """\
import torch
from torch import nn

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.Sigmoid(),
    *[layer for _ in range(10) for layer in (nn.Linear(64, 64), nn.Sigmoid())],
    nn.Linear(64, 1),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sigmoids(source: str) -> Finding:
    (finding,) = (f for f in gradlint.check_source(source, "net.py") if f.name == "deep-sigmoid-stack")
    return finding


def test_the_way_leads_from_the_loss_back_through_the_layers() -> None:
    flow = sigmoids(CHAIN).flow
    assert flow[0].message == "the loss (mse): the gradient starts here"
    assert [step.span.line for step in flow[:3]] == [13, 8, 7]
    assert flow[1].message == "`22`: 1 of the gradient at the last layer"
    assert flow[2].message.startswith("10 layers, back to `2`: from ")


def test_without_a_loss_it_starts_at_the_last_layer() -> None:
    flow = sigmoids(CHAIN.split("optimizer")[0]).flow
    assert [step.span.line for step in flow[:2]] == [8, 7]


def test_what_is_no_matter_of_numbers_has_no_way() -> None:
    findings = gradlint.check_source(CHAIN.replace("    optimizer.zero_grad()\n", ""), "net.py")
    assert [finding.flow for finding in findings if finding.name == "missing-zero-grad"] == [()]
