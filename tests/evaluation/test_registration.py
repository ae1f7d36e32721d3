"""What a network uses and does not own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.evaluation.driver import Evaluation

PROGRAM = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        {make}
    def forward(self, x):
        x = self.first(x)
        {use}
        return x
Net()
"""


@pytest.mark.parametrize(
    ("make", "use", "found"),
    [
        ("self.more = [nn.Linear(4, 4) for _ in range(2)]", "x = self.more[1](self.more[0](x))", [("list", "more", 2)]),
        ("self.more = (nn.Linear(4, 4), nn.ReLU())", "x = self.more[0](x)", [("tuple", "more", 2)]),
        (
            "self.more = {'a': nn.Linear(4, 4), 'b': None, 'c': nn.Linear(4, 4)}",
            "x = self.more['a'](x)",
            [("dict", "more", 2)],
        ),
        ("self.more = [nn.Linear(4, 4), nn.Linear(4, 4)]", "pass", []),
        ("self.more = nn.ModuleList([nn.Linear(4, 4)])", "x = self.more[0](x)", []),
        ("more = [nn.Linear(4, 4), nn.ReLU()]; self.net = nn.Sequential(*more)", "x = self.net(x)", []),
        ("self.more = [nn.Linear(4, 4)]", "x = self.more[0](x)", []),
        ("self.w = nn.Parameter(torch.randn(4, 4)) / 2", "x = x @ self.w", [("computed", "w", 1)]),
        ("self.w = nn.Parameter(torch.randn(4, 4)).to(device)", "x = x @ self.w", [("computed", "w", 1)]),
        ("self.w = nn.Parameter(torch.randn(4, 4).to(device))", "x = x @ self.w", []),
        ("self.w = nn.Parameter(torch.randn(4, 4))", "x = x @ (self.w / 2).to(x.device)", []),
        ("self.w = torch.randn(4, 4, requires_grad=True)", "x = x @ self.w", [("tensor", "w", 1)]),
        ("self.w = torch.randn(4, 4)", "x = x @ self.w", []),
        ("pass", "x = nn.Linear(4, 4)(x)", [("forward", "", 1)]),
        ("pass", "x = nn.ReLU()(x)", []),
    ],
)
def test_parameters_that_no_module_registers(
    make: str, use: str, found: list[tuple[str, str, int]], evaluate_text: Callable[[str], Evaluation]
) -> None:
    (network,) = [
        n for n in evaluate_text(PROGRAM.replace("{make}", make).replace("{use}", use)).networks if n.name == "Net"
    ]
    assert [(item.how, item.name, item.count) for item in network.unregistered] == found
