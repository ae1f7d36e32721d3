"""Distributions of torch: shapes against torch, and where gradients pass."""

from __future__ import annotations

from typing import Any

import pytest

from gradlint.network import Kind, Node, topological
from tests.frameworks.torch.test_functions import described, evaluated

PRELUDE = """
import torch
from torch.distributions import (
    Bernoulli, Beta, Categorical, Dirichlet, Independent, MultivariateNormal, Normal, OneHotCategorical, Uniform, kl_divergence,
)
m = torch.rand(3, 4)
s = torch.rand(3, 4) + 0.1
logits = torch.rand(3, 5)
"""

CASES = [
    "Normal(m, s).rsample()",
    "Normal(m, s).sample((7,))",
    "Normal(0.0, 1.0).sample((2, 3))",
    "Normal(m, s).log_prob(m)",
    "Normal(m, s).entropy()",
    "Normal(m, s).mean",
    "Normal(m, 1.0).rsample()",
    "Normal(loc=m, scale=s).stddev",
    "Categorical(logits=logits).sample()",
    "Categorical(logits=logits).log_prob(torch.tensor([0, 1, 2]))",
    "Categorical(torch.softmax(logits, -1)).entropy()",
    "Categorical(logits=logits).probs",
    "OneHotCategorical(logits=logits).sample()",
    "Bernoulli(torch.sigmoid(logits)).sample()",
    "Bernoulli(logits=logits).log_prob(torch.ones(3, 5))",
    "Uniform(m, m + 1).rsample()",
    "Beta(s, s).sample()",
    "Dirichlet(s).rsample()",
    "Independent(Normal(m, s), 1).log_prob(m)",
    "Independent(Normal(m, s), 1).rsample()",
    "kl_divergence(Normal(m, s), Normal(torch.zeros(4), torch.ones(4)))",
    "kl_divergence(Categorical(logits=logits), Categorical(logits=logits + 1))",
    "torch.distributions.normal.Normal(m, s).rsample()",
]


@pytest.mark.parametrize("expression", CASES)
def test_shapes_are_those_of_torch(expression: str) -> None:
    namespace: dict[str, Any] = {}
    exec(PRELUDE, namespace)
    expected = described(eval(expression, namespace))
    assert described(evaluated(f"{PRELUDE}\nout = {expression}")["out"])[0] == expected[0]


def sources(node: Node) -> set[Kind]:
    """The kinds of nodes that a gradient reaches from `node`."""
    stack, found = [node], set()
    while stack:
        found.add(stack[-1].kind)
        current = stack.pop()
        if current.kind is not Kind.STOP:
            stack.extend(current.inputs)
    return found


@pytest.mark.parametrize(("method", "passes"), [("rsample", True), ("sample", False), ("log_prob", True)])
def test_where_the_gradient_passes(method: str, passes: bool) -> None:
    argument = "m" if method == "log_prob" else ""
    node = evaluated(f"{PRELUDE}\nw = torch.nn.Parameter(m)\nout = Normal(w * 2, s).{method}({argument})")["out"].node
    assert (Kind.PARAMETER in sources(node)) is passes


def test_a_policy_loss_reaches_the_logits_and_not_the_action() -> None:
    node = evaluated(f"""{PRELUDE}
layer = torch.nn.Linear(5, 5)
policy = Categorical(logits=layer(logits))
action = policy.sample()
loss = -(policy.log_prob(action) * torch.rand(3)).mean()
""")["loss"].node
    assert Kind.LINEAR in sources(node)
    assert "log_softmax" in [part.get("function") for part in topological((node,))]
