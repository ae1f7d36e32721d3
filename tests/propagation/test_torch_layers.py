"""Every layer of torch between two linear layers: there is a number, and PyTorch agrees with it."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import nn

from gradlint.evaluation.values import tensors_in
from gradlint.network import Framework, Kind, Network, topological
from gradlint.propagation import Settings, propagate
from tests.frameworks.torch.cases import ALL, Case
from tests.frameworks.torch.harness import Tables, real

FIRST = {
    case.name: case
    for case in reversed(ALL)
    if not case.indices and min(map(len, case.inputs)) > 1 and case.args[-1:] != (True,)
}
"""A case of each layer that takes real numbers and does not change its input in place."""
WITHOUT_A_NUMBER = {"Fold"}
APART = {"Bilinear": 0.6}
"""Layers of very few units, where the prediction is further off than usual."""
ERROR = 0.4


def first_tensor(found: Any) -> torch.Tensor:
    if isinstance(found, torch.Tensor):
        return found
    return next(first_tensor(item) for item in found if item is not None)


def measured(case: Case) -> tuple[float, int]:
    """Median log10 of the largest gradient before the layer over that at the end, and the size of its last axis."""
    found, size = [], 0
    for seed in range(5):
        torch.manual_seed(seed)
        before = [nn.Linear(shape[-1], shape[-1])(torch.randn(*shape)) for shape in case.inputs]
        for tensor in before:
            tensor.retain_grad()
        output = first_tensor(real(case.name, *case.args, **case.kwargs)(*before))
        size = output.shape[-1]
        last = nn.Linear(size, 3)(output)
        last.retain_grad()
        (last * torch.randn_like(last)).sum().backward()
        norms = [float(tensor.grad.norm()) for tensor in before if tensor.grad is not None]
        assert last.grad is not None
        found.append(math.log10(max(norms) / float(last.grad.norm())) if max(norms) > 0 else -math.inf)
    return statistics.median(found), size


def predicted(case: Case, size: int) -> float | None:
    tables = Tables()
    inputs = [tables.input(*shape) for shape in case.inputs]
    before = [
        tables.call(tables.make("nn.Linear", shape[-1], shape[-1]), x)
        for shape, x in zip(case.inputs, inputs, strict=True)
    ]
    layer = tables.make(f"nn.{case.name}", *case.args, **case.kwargs)
    output = next(iter(tensors_in(tables.call(layer, *before))))
    last = tables.call(tables.make("nn.Linear", size, 3), output)
    nodes = topological((last.node,))
    sources = tuple(node for node in nodes if node.kind is Kind.INPUT)
    profile = propagate(
        Network(case.name, "", Framework.TORCH, nodes, sources, (last.node,), ()),
        Settings(dtype="float64", batch=case.inputs[0][0]),
    )
    return largest(layer.log10_gradient for layer in profile.layers if layer.node in [x.node for x in before])


def largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


@pytest.mark.parametrize("name", sorted(FIRST))
def test_layer(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, size = measured(FIRST[name])
    found = predicted(FIRST[name], size)
    if name in WITHOUT_A_NUMBER:
        assert found is None
    else:
        assert found == pytest.approx(expected, abs=APART.get(name, ERROR))
