"""Convolutions whose kernel is computed: the gradient goes to what computes it, too, as PyTorch has it."""

from __future__ import annotations

import functools
import math
import statistics
from typing import Any

import pytest
import torch
from torch import nn

from gradlint.evaluation.driver import Evaluator
from gradlint.network import Network
from gradlint.propagation import Settings, propagate
from gradlint.sources import SourceFile, SourceLoader

torch.set_num_threads(1)
SEEDS = 12
ERROR = 0.12
"""Log10. Single draws of these small networks scatter by 0.2; the median of 12 by a third of that."""

SOURCE = """
import torch
from torch import nn
from torch.nn import functional as F

class Mixture(nn.Module):
    def __init__(self, inputs, outputs, size, experts=4):
        super().__init__()
        self.inputs, self.outputs, self.size = inputs, outputs, size
        self.routing = nn.Linear(inputs, experts)
        self.weight = nn.Parameter(torch.randn(experts, outputs * inputs * size ** 2) * (2 / (inputs * size ** 2)) ** 0.5)

    def forward(self, x):
        b, c, h, w = x.shape
        routes = torch.sigmoid(self.routing(x.mean((2, 3))))
        kernel = torch.matmul(routes, self.weight).view(b * self.outputs, self.inputs, self.size, self.size)
        x = F.conv2d(x.reshape(1, b * c, h, w), kernel, padding=self.size // 2, groups=b)
        return x.view(b, self.outputs, h, w)

class Modulated(nn.Module):
    def __init__(self, inputs, outputs, size, style=32):
        super().__init__()
        self.outputs, self.size = outputs, size
        self.style = nn.Linear(style, inputs)
        nn.init.normal_(self.style.weight, 0, style ** -0.5)
        nn.init.ones_(self.style.bias)
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, size, size))
        self.scale = (inputs * size ** 2) ** -0.5

    def forward(self, x, style):
        b, c, h, w = x.shape
        kernel = self.scale * self.weight * self.style(style).view(b, 1, c, 1, 1)
        kernel = kernel.view(b * self.outputs, c, self.size, self.size)
        x = F.conv2d(x.reshape(1, b * c, h, w), kernel, padding=self.size // 2, groups=b)
        return x.view(b, self.outputs, h, w)

class Made(nn.Module):
    def __init__(self, inputs, outputs, size):
        super().__init__()
        self.shape = (outputs, inputs, size, size)
        self.code = nn.Parameter(torch.randn(16, 16))
        self.make = nn.Linear(16, outputs * inputs * size ** 2 // 16)

    def forward(self, x):
        return F.conv2d(x, self.make(self.code).view(self.shape), padding=self.shape[-1] // 2)

class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.a, self.b = Mixture(16, 32, 3), Mixture(32, 32, 3)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = F.relu(self.b(F.relu(self.a(F.relu(self.stem(x))))))
        return self.head(x.mean((2, 3)))

class Styled(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(32, 32)
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.a, self.b, self.c = Modulated(16, 32, 3), Modulated(32, 32, 3), Modulated(32, 3, 1)

    def forward(self, x, style):
        style = F.leaky_relu(self.map(style), 0.2)
        x = F.leaky_relu(self.a(F.leaky_relu(self.stem(x), 0.2), style), 0.2)
        return self.c(F.leaky_relu(self.b(x, style), 0.2), style)

class Generated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = Made(16, 32, 3), Made(32, 32, 3)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(F.relu(self.b(F.relu(self.a(x)))).mean((2, 3)))

mixed, styled, generated = Mixed(), Styled(), Generated()
mixed(torch.randn(8, 3, 16, 16))
styled(torch.randn(8, 3, 16, 16), torch.randn(8, 32))
generated(torch.randn(8, 16, 16, 16))
"""
INPUTS = {"Mixed": ((8, 3, 16, 16),), "Styled": ((8, 3, 16, 16), (8, 32)), "Generated": ((8, 16, 16, 16),)}
NETWORKS: dict[str, Network] = {
    network.name: network
    for network in Evaluator(SourceLoader()).evaluate(SourceFile.from_text(SOURCE, "kernels.py")).networks
}


def remember(outputs: dict[str, torch.Tensor], path: str, _: nn.Module, __: Any, output: torch.Tensor) -> None:
    output.retain_grad()
    outputs[path] = output


def measured(name: str) -> dict[str, float]:
    """Median log10 of the gradient at the output of each layer over that of the last."""
    namespace: dict[str, Any] = {}
    exec(SOURCE, namespace)
    found: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model = namespace[name]().double()
        outputs: dict[str, torch.Tensor] = {}
        for path, module in model.named_modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.register_forward_hook(functools.partial(remember, outputs, path))
        result = model(*[torch.randn(shape, dtype=torch.float64) for shape in INPUTS[name]])
        (result * torch.randn_like(result)).sum().backward()
        norms = {path: float(output.grad.norm()) for path, output in outputs.items() if output.grad is not None}
        last = norms[list(outputs)[-1]]
        for path, norm in norms.items():
            found.setdefault(path, []).append(math.log10(norm / last))
    return {path: statistics.median(values) for path, values in found.items()}


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_the_gradient_reaches_what_computes_a_kernel(name: str) -> None:
    network = NETWORKS[name]
    assert network.complete
    profile = propagate(network, Settings(dtype="float64", batch=8))
    predicted = {layer.node.name: layer.log10_gradient for layer in profile.layers}
    expected = measured(name)
    assert expected.keys() <= predicted.keys()
    assert {path: predicted[path] for path in expected} == pytest.approx(expected, abs=ERROR)
