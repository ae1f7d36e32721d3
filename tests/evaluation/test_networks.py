"""Forward passes and training loops over what is not known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.evaluation.driver import Evaluation
from gradlint.network import EventKind, Kind

DECORATED = """
import functools
from torch import nn

def logged(name):
    def decorate(method):
        {wraps}
        def wrapper(self, *args, **kwargs):
            print(name)
            return method(self, *args, **kwargs)
        return wrapper
    return decorate

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.text = nn.Linear(8, 4), nn.Linear(8, 4)

    @logged("pass")
    def forward(self, image, text):
        return self.image(image) + self.text(text)
"""


@pytest.mark.parametrize("wraps", ["@functools.wraps(method)", ""])
def test_a_decorated_forward_pass_gets_all_its_inputs(wraps: str, evaluate_text: Callable[..., Evaluation]) -> None:
    (network,) = evaluate_text(DECORATED.format(wraps=wraps)).networks
    assert network.complete
    assert len(network.inputs) == 2


BATCH = """
from collections import namedtuple
from dataclasses import dataclass
import torch
from torch import nn

{record}

net = nn.Linear(4, 2)
optimizer = torch.optim.Adam(net.parameters())

def train(memory, steps=100):
    for _ in range(steps):
        batch = Batch(*zip(*memory.sample(32)))
        loss = nn.functional.mse_loss(net(torch.cat(batch.state)), torch.cat(batch.reward))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

train(load())
"""


@pytest.mark.parametrize(
    "record",
    [
        'Batch = namedtuple("Batch", ("state", "action", "reward"))',
        "@dataclass\nclass Batch:\n    state: object\n    action: object\n    reward: object",
        "class Batch:\n    def __init__(self, state, action, reward):\n        self.state, self.reward = state, reward",
    ],
)
def test_a_record_may_be_made_of_what_is_not_known(record: str, evaluate_text: Callable[..., Evaluation]) -> None:
    (loop,) = evaluate_text(BATCH.format(record=record)).loops
    assert {EventKind.BACKWARD, EventKind.STEP} <= {event.kind for event in loop.events}


STANDARDIZED = """
import torch
from torch import nn
from torch.nn import functional as F

class Conv(nn.Conv2d):
    def forward(self, x):
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
        return F.conv2d(x, (self.weight - mean) / torch.sqrt(variance + 1e-10), None, self.stride, self.padding)

class Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.route, self.convolution = nn.Linear(8, 4), Conv(3, 8, 3, bias=False)
        self.kernels = nn.Parameter(torch.randn(4, 8 * 8))

    def forward(self, x):
        x = self.convolution(x)
        kernel = self.route(x.mean((0, 2, 3))) @ self.kernels
        return F.conv2d(x, kernel.view(8, 8, 1, 1))
"""


def test_a_convolution_with_a_computed_kernel_has_the_name_of_the_one_layer_that_it_comes_from(
    evaluate_text: Callable[..., Evaluation],
) -> None:
    (network,) = evaluate_text(STANDARDIZED).networks
    assert network.complete
    assert [node.name for node in network.nodes if node.kind is Kind.CONVOLUTION] == ["convolution", ""]
