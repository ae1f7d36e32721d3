"""The curvature of the loss at initialization, and the learning rate that it allows."""

from __future__ import annotations

import math
import statistics

import pytest
import torch

from gradlint.network import Network
from gradlint.propagation import largest_learning_rate, propagate
from tests.graphs import Graph, mlp
from tests.measuring import Forward

torch.set_num_threads(1)


def measured(network: Network, seed: int, steps: int = 20) -> float:
    """The largest eigenvalue of the mean over samples of J^T J, by power iteration."""
    forward = Forward(network, seed)
    output, parameters = forward.outputs[0], list(forward.parameters.values())
    vectors = [torch.randn_like(p) for p in parameters]
    value = 0.0
    for _ in range(steps):
        norm = math.sqrt(sum(float(v.square().sum()) for v in vectors))
        dummy = torch.zeros_like(output, requires_grad=True)
        gradients = torch.autograd.grad(output, parameters, dummy, create_graph=True)
        (product,) = torch.autograd.grad(gradients, dummy, [v / norm for v in vectors], retain_graph=True)
        vectors = list(torch.autograd.grad(output, parameters, product.detach() / len(output), retain_graph=True))
        value = math.sqrt(sum(float(v.square().sum()) for v in vectors))
    return value


@pytest.mark.parametrize(
    ("function", "init", "depth"),
    [
        ("relu", "he_normal", 3),
        ("relu", "keras", 6),
        ("tanh", "keras", 4),
        ("sigmoid", "torch", 3),
        ("gelu", "torch", 5),
    ],
)
def test_the_curvature_is_within_a_factor_of_two(function: str, init: str, depth: int) -> None:
    network = mlp(depth, 128, function, init)
    predicted = propagate(network).curvature
    assert predicted is not None
    found = statistics.median(measured(network, seed) for seed in range(3))
    assert 0.5 < predicted / found < 2.0


def descend(factor: float, steps: int = 15) -> list[float]:
    """Losses of gradient descent at a multiple of the largest learning rate."""
    network = mlp(4, 128, "relu", "he_normal")
    curvature = propagate(network).curvature
    assert curvature is not None
    rate = largest_learning_rate(curvature, 10, "mse")
    assert rate is not None
    forward = Forward(network, 0)
    parameters = list(forward.parameters.values())
    target = torch.randn_like(forward.outputs[0])
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.mse_loss(forward.run()[0], target)
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= factor * rate * gradient
    return losses


def test_below_the_largest_learning_rate_the_loss_falls() -> None:
    losses = descend(0.5)
    assert losses == sorted(losses, reverse=True)


def test_above_it_the_loss_rises_at_first_and_far_above_it_descent_diverges() -> None:
    assert max(descend(3.0)[1:4]) > descend(3.0)[0]
    assert not descend(12.0)[-1] < 100 * descend(12.0)[0]


def test_no_learning_rate_where_theory_gives_none() -> None:
    assert propagate(mlp(5, 64, "relu", "he_normal", "batch")).curvature is None
    g = Graph("he_normal")
    x = g.conv(g.input(4, 3, 8, 8), 8)
    assert propagate(g.network(x)).curvature is None
    assert largest_learning_rate(1.0, 10, "hinge") is None
