"""A part of the accuracy benchmark: random networks of several families against PyTorch."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
import torch

from gradlint.network import Network
from gradlint.propagation import Settings, propagate
from tests import grids
from tests.measuring import log10_ratio

torch.set_num_threads(1)


def verdict(ratio: float) -> str:
    return "vanishing" if ratio < -3 else "exploding" if ratio > 3 else "healthy"


def errors(cases: Iterable[tuple[str, Network]], batch: int, seeds: int = 5) -> tuple[list[float], float]:
    """Sorted absolute errors, and the share of right verdicts."""
    found, right = [], 0
    for _, network in cases:
        predicted = propagate(network, Settings(dtype="float64", batch=batch)).log10_gradient_ratio
        measured = log10_ratio(network, seeds)
        assert predicted is not None
        found.append(abs(predicted - measured))
        right += verdict(predicted) == verdict(measured)
    return sorted(found), right / len(found)


def cheap(cases: Iterable[tuple[str, Network]], entries: int) -> Iterable[tuple[str, Network]]:
    """Those that do not take PyTorch long."""
    return ((n, network) for n, network in cases if (network.parameter_count or 0) < entries)


@pytest.mark.slow
def test_fully_connected_networks() -> None:
    found, right = errors(cheap(grids.mlps(70, seed=7), 300_000), 32)
    assert found[len(found) // 2] <= 0.10
    assert found[int(0.9 * len(found))] <= 0.5
    assert right >= 0.97


@pytest.mark.slow
def test_convolution_stacks() -> None:
    found, right = errors(cheap(grids.convolutions(30, seed=7), 200_000), 8, 3)
    assert found[len(found) // 2] <= 0.15
    assert found[int(0.9 * len(found))] <= 0.6
    assert right >= 0.9


@pytest.mark.slow
def test_transformers() -> None:
    found, right = errors(cheap(grids.transformers(24, seed=7), 500_000), 8, 3)
    assert found[len(found) // 2] <= 0.3
    assert found[int(0.9 * len(found))] <= 1.0
    assert right >= 0.95


@pytest.mark.parametrize(
    ("function", "init", "norm", "skip", "expected"),
    [
        ("relu", "he_normal", "batch", False, 3.5),
        ("gelu", "he_normal", "batch", False, 2.6),
        ("tanh", "he_normal", "batch", False, 1.3),
        ("relu", "torch", None, True, 3.4),
        ("relu", "he_normal", None, True, 10.5),
        ("sigmoid", "he_normal", "layer", False, -21.0),
    ],
)
def test_measured_facts_that_folk_rules_miss(
    function: str, init: str, norm: str | None, skip: bool, expected: float
) -> None:
    """Ratios of root-mean-square gradients, measured at width 128 and depth 50."""
    from tests.graphs import mlp

    profile = propagate(mlp(50, 128, function, init, norm, skip), Settings(dtype="float64", batch=128))
    ratio = profile.log10_gradient_ratio_rms
    assert ratio == pytest.approx(expected, abs=max(0.6, 0.1 * abs(expected)))


def test_with_normalization_and_skip_connections_everything_is_healthy() -> None:
    from tests.graphs import mlp

    for function in grids.FUNCTIONS:
        for norm in ("batch", "layer"):
            assert propagate(mlp(50, 128, function, "he_normal", norm, skip=True)).verdict == "healthy"


def test_grids_are_the_same_at_every_run() -> None:
    first, second = ([name for name, _ in grids.mlps(5)] for _ in range(2))
    assert first == second
    assert math.isfinite(propagate(next(iter(grids.mlps(1)))[1]).log10_gradient_ratio or math.nan)
