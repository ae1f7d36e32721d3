"""Hand-written networks: parameters, output and initial distributions against torch running the same source."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from gradlint.network import Kind, topological
from tests.frameworks.torch.handwritten import NETWORKS
from tests.frameworks.torch.test_functions import evaluated

IMPORTS = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n"


@pytest.fixture(params=NETWORKS)
def both(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """The variables of the same program, run by torch and evaluated by gradlint."""
    source, shape, count = NETWORKS[request.param]
    made = f"torch.randint(0, {count}, {shape})" if count else f"torch.randn{shape}"
    text = f"{IMPORTS}{source}\nnet = Net()\nout = net({made})\nparameters = list(net.parameters())"
    torch.manual_seed(0)
    torch.set_num_threads(1)
    real: dict[str, Any] = {}
    exec(text, real)
    return real, evaluated(text)


def test_same_output(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    real, ours = both
    assert ours["out"].shape == tuple(real["out"].shape)


def test_no_operation_is_opaque(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    nodes = topological((both[1]["out"].node,))
    assert [node.get("reason") for node in nodes if node.kind is Kind.OPAQUE] == []
    assert [node for node in nodes if node.shape is None] == []


def test_same_parameters(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    real, ours = both
    expected: list[nn.Parameter] = real["parameters"]
    found = [tensor.parameter for tensor in ours["parameters"]]
    assert [parameter.shape for parameter in found] == [tuple(parameter.shape) for parameter in expected]


def test_same_initial_scale(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    real, ours = both
    for tensor, expected in zip(ours["parameters"], real["parameters"], strict=True):
        if expected.numel() < 500 or tensor.parameter.distribution.parts:
            continue
        spread = float(expected.detach().double().std(unbiased=False))
        # The standard deviation of n draws has a standard error of 1/sqrt(2n) of itself.
        tolerance = 5 / math.sqrt(2 * expected.numel())
        assert tensor.parameter.distribution.std == pytest.approx(spread, rel=tolerance)


def test_every_parameter_that_is_used_gets_a_gradient(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    real, ours = both
    real["out"].sum().backward()
    nodes = topological((ours["out"].node,))
    used = {id(parameter) for node in nodes for parameter in node.parameters.values()}
    for tensor, expected in zip(ours["parameters"], real["parameters"], strict=True):
        assert (id(tensor.parameter) in used) == (expected.grad is not None)
