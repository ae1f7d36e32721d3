"""Optimizers and schedulers: defaults against torch, the parameters that they hold, the events that they cause."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn, optim

from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.network import Event, EventKind
from gradlint.sources import SourceFile, SourceLoader

MODEL = """
import torch
from torch import nn, optim
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
"""

OPTIMIZERS = [
    name
    for name in dir(optim)
    if inspect.isclass(getattr(optim, name))
    and issubclass(getattr(optim, name), optim.Optimizer)
    and name != "Optimizer"
]


def run(text: str) -> tuple[dict[str, Any], list[Event]]:
    """The variables and events of a module that begins with `MODEL`."""
    modules = ModuleCache(SourceLoader())
    interpreter = Interpreter(modules)
    module = modules.run(interpreter, SourceFile.from_text(MODEL + text, "module.py"), "module", None)
    return module.scope.variables, modules.records[Path("module.py")].events


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_those_of_torch(name: str) -> None:
    params = [nn.Parameter(torch.zeros(4, 4))]
    expected = getattr(optim, name)(params).defaults
    variables, _ = run(f"\noptimizer = optim.{name}(model.parameters())")
    optimizer = variables["optimizer"].hidden["optimizer"]
    assert optimizer.name == name
    assert optimizer.learning_rate == pytest.approx(float(expected["lr"]))
    for key, value in expected.items():
        if key in ("momentum", "weight_decay", "eps", "betas", "nesterov", "alpha", "amsgrad"):
            assert optimizer.options[key] == value
    assert len(optimizer.parameters) == 4


@pytest.mark.parametrize(
    ("call", "count", "rate"),
    [
        ("optim.SGD(model.parameters(), 0.1, momentum=0.9)", 4, 0.1),
        ("optim.SGD(params=model.parameters(), lr=0.1)", 4, 0.1),
        ("optim.Adam(list(model.parameters()))", 4, 1e-3),
        ("optim.Adam(model[0].parameters(), lr=3e-4)", 2, 3e-4),
        ("optim.Adam([p for p in model.parameters() if p.dim() > 1])", 2, 1e-3),
        ("optim.Adam(filter(lambda p: p.requires_grad, model.parameters()))", 4, 1e-3),
        (
            "optim.AdamW([{'params': model[0].parameters(), 'lr': 1.0}, {'params': model[2].parameters()}], lr=0.1)",
            4,
            1.0,
        ),
        ("optim.AdamW(model.named_parameters())", 4, 1e-3),
        ("optim.AdamW([{'params': [p], 'weight_decay': 0.0} for n, p in model.named_parameters()])", 4, 1e-3),
        ("torch.optim.adam.Adam(model.parameters())", 4, 1e-3),
        ("getattr(optim, 'RMSprop')(model.parameters())", 4, 1e-2),
    ],
)
def test_parameters_and_learning_rate_in_every_form(call: str, count: int, rate: float) -> None:
    optimizer = run(f"\noptimizer = {call}")[0]["optimizer"].hidden["optimizer"]
    assert len(optimizer.parameters) == count
    assert optimizer.learning_rate == rate


def test_what_is_not_known_is_none() -> None:
    variables, _ = run(
        "\nimport settings\n"
        "first = optim.SGD(settings.params, lr=0.1)\nsecond = optim.SGD(model.parameters(), lr=settings.rate)"
    )
    assert variables["first"].hidden["optimizer"].parameters is None
    assert variables["second"].hidden["optimizer"].learning_rate is None


def test_a_group_added_later_counts() -> None:
    variables, _ = run(
        "\noptimizer = optim.SGD(model[0].parameters(), 0.1)\noptimizer.add_param_group({'params': model[2].parameters()})"
        "\nrates = [group['lr'] for group in optimizer.param_groups]"
    )
    assert len(variables["optimizer"].hidden["optimizer"].parameters) == 4
    assert variables["rates"] == [0.1, 0.1]


def test_an_optimizer_of_the_user_is_one() -> None:
    variables, events = run("""
class Lion(optim.Optimizer):
    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99)):
        defaults = dict(lr=lr, betas=betas)
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.data.mul_(1 - group["lr"])
                p.add_(torch.sign(p.grad), alpha=-group["lr"])

optimizer = Lion(model.parameters())
optimizer.step()
""")
    optimizer = variables["optimizer"].hidden["optimizer"]
    assert (optimizer.name, optimizer.learning_rate, len(optimizer.parameters)) == ("Lion", 1e-4, 4)
    assert EventKind.STEP in [event.kind for event in events]
    weight = variables["model"].attrs["0"].attrs["weight"].parameter
    assert weight.distribution.scheme == "torch"


def test_steps_and_schedules_are_events_of_their_optimizer() -> None:
    variables, events = run("""
optimizer = optim.SGD(model.parameters(), 0.1)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
warm = optim.lr_scheduler.SequentialLR(optimizer, [scheduler], [])
optimizer.zero_grad()
optimizer.step()
scheduler.step()
optimizer.zero_grad(set_to_none=True)
model.zero_grad()
""")
    optimizer = variables["optimizer"].hidden["optimizer"]
    kinds = [(event.kind, event.optimizer is optimizer) for event in events]
    assert kinds[:4] == [
        (EventKind.ZERO_GRAD, True),
        (EventKind.STEP, True),
        (EventKind.SCHEDULE, True),
        (EventKind.ZERO_GRAD, True),
    ]
    assert kinds[4][0] is EventKind.ZERO_GRAD


def test_a_closure_is_called_before_the_step() -> None:
    _, events = run("""
optimizer = optim.LBFGS(model.parameters())
x = torch.rand(3, 4)
def closure():
    optimizer.zero_grad()
    loss = model(x).pow(2).mean()
    loss.backward()
    return loss
optimizer.step(closure)
""")
    kinds = [event.kind for event in events if event.kind is not EventKind.FORWARD]
    assert kinds == [EventKind.ZERO_GRAD, EventKind.BACKWARD, EventKind.STEP]


SCHEDULERS = [name for name in dir(optim.lr_scheduler) if name.endswith("LR") or name.startswith(("Cosine", "Reduce"))]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_is_known(name: str) -> None:
    variables, _ = run(f"\nscheduler = optim.lr_scheduler.{name}")
    assert type(variables["scheduler"]).__name__ == "Class"
