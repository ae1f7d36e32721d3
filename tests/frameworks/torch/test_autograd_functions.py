"""Functions with a backward of their own: followed where that is the derivative of their forward, opaque elsewhere."""

from __future__ import annotations

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

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
"""
FUNCTION = """
class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x{parameters}):
        ctx.save_for_backward(x)
        {keep}
        return {forward}

    @staticmethod
    def backward(ctx, gradient):
        x, = ctx.saved_tensors
        {backward}
"""
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(64, 64) for _ in range(6)])

    def forward(self, x):
        for layer in self.layers:
            x = Own.apply(layer(x){arguments})
        return x

net = Net()
"""
MASKED = "gradient = gradient.clone()\n        gradient[x < 0] = 0\n        return gradient"
SETUP = """
class Own(torch.autograd.Function):
    @staticmethod
    def forward(x, slope):
        return torch.where(x > 0, x, slope * x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.slope = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx, gradient):
        x, = ctx.saved_tensors
        return torch.where(x > 0, gradient, ctx.slope * gradient), None
"""


def own(forward: str, backward: str, parameters: str = "", keep: str = "pass", arguments: str = "") -> str:
    function = FUNCTION.format(forward=forward, backward=backward, parameters=parameters, keep=keep)
    return HEAD + function + NET.format(arguments=arguments)


DERIVATIVES = {
    "relu": own("x.clamp(min=0)", MASKED),
    "swish": own(
        "x * torch.sigmoid(x)",
        "s = torch.sigmoid(x)\n        return gradient * (s * (1 + x * (1 - s)))",
    ),
    "hard swish": own(
        "x * (x + 3).clamp(min=0, max=6).div(6.)",
        "m = torch.ones_like(x) * (x >= 3.)\n"
        "        return gradient * torch.where((x >= -3.) & (x <= 3.), x / 3. + .5, m)",
    ),
    "tanh": own("torch.tanh(x)", "return gradient * (1 - torch.tanh(x) ** 2)"),
    "leaky": HEAD + SETUP + NET.format(arguments=", 0.2"),
    "scaled": own("k * x", "return ctx.k * gradient, None", ", k", "ctx.k = k", ", 1.5"),
}
OTHERS = {
    "straight through": own("torch.sign(x)", "return gradient"),
    "reversal": own("x.view_as(x)", "return -gradient"),
    "clipped": own("x * 1", "return gradient.clamp(-0.5, 0.5)"),
    "wrong": own("x ** 2", "return gradient * x"),
    "mean": own("x - x.mean()", "return gradient * 0"),
    "random": own("x * torch.rand_like(x)", "return gradient"),
    "broken": own("x * 2", "return gradient * ctx.never_kept"),
}


def network_of(text: str) -> Network:
    (network,) = Evaluator(SourceLoader()).evaluate(SourceFile.from_text(text, "net.py")).networks
    return network


def measured(text: str, seed: int) -> float:
    """Log10 of the gradient at the first layer over that at the last."""
    torch.manual_seed(seed)
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    outputs: list[torch.Tensor] = []
    for module in namespace["net"].modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda _, __, output: (output.retain_grad(), outputs.append(output), None)[2])
    result = namespace["net"](torch.randn(64, 64))
    (result * torch.randn_like(result)).sum().backward()
    assert outputs[0].grad is not None
    assert outputs[-1].grad is not None
    return math.log10(float(outputs[0].grad.norm() / outputs[-1].grad.norm()))


@pytest.mark.parametrize("name", sorted(DERIVATIVES))
def test_a_backward_that_is_the_derivative_is_followed_and_pytorch_agrees(name: str) -> None:
    network = network_of(DERIVATIVES[name])
    assert network.complete
    predicted = propagate(network, Settings(batch=64)).log10_gradient_ratio
    assert predicted is not None
    # Five layers of 64 units: single draws scatter by about 0.1, their median by half of that.
    assert predicted == pytest.approx(
        statistics.median(measured(DERIVATIVES[name], seed) for seed in range(5)), abs=0.15
    )


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_any_other_backward_is_not_known(name: str) -> None:
    network = network_of(OTHERS[name])
    assert not network.complete
    assert any("Own has a backward of its own" in item.reason for item in network.unresolved)


def test_each_setting_is_tried_for_itself() -> None:
    text = own("k * x", "return 2.0 * gradient, None", ", k", arguments=", 2.0 if layer is self.layers[0] else 3.0")
    network = network_of(text)
    opaque = [node for node in network.nodes if node.kind.value == "opaque"]
    assert len(opaque) == 5
