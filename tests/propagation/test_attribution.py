"""The one cause of a bad prediction, by what layers contribute and by what would become of the network without them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gradlint.network import Distribution, Network
from gradlint.propagation import Settings, propagate
from gradlint.propagation.attribution import Cause, attribute
from tests.graphs import Graph, mlp


def drawn(std: float, scheme: str = "explicit") -> Callable[[int, int], tuple[Distribution, Distribution]]:
    def make(fan_in: int, fan_out: int) -> tuple[Distribution, Distribution]:
        return Distribution("normal", 0.0, std, scheme, explicit=True), Distribution("constant", text="zeros")

    return make


def cause_of(network: Network, settings: Settings | None = None) -> Cause | None:
    found = attribute(network, propagate(network, settings), settings)
    return None if found is None else found.cause


@pytest.mark.parametrize(
    ("network", "cause"),
    [
        (mlp(12, 128, "sigmoid", "torch"), Cause.SIGMOID),
        (mlp(12, 128, "sigmoid", "xavier_normal"), Cause.SIGMOID),
        (mlp(20, 128, "tanh", "torch"), Cause.TANH),
        (mlp(20, 128, "relu", "torch"), Cause.DEFAULT),
        (mlp(20, 128, "relu", drawn(0.01)), Cause.SCALE),
        (mlp(20, 128, "relu", drawn(1.0)), Cause.SCALE),
        (mlp(20, 128, "tanh", drawn(1.0)), Cause.SCALE),
        (mlp(40, 128, "relu", drawn(128**-0.5, "xavier")), Cause.MISMATCH),
        (mlp(60, 128, "gelu", "he_normal"), Cause.NORMALIZATION),
        (mlp(60, 128, "relu", "he_normal", norm="batch"), Cause.SKIP),
        (mlp(50, 128, "relu", "he_normal", skip=True), Cause.RESIDUAL),
        (mlp(8, 128, "exp", "torch"), Cause.EXPLOSIVE),
    ],
)
def test_cause(network: Network, cause: Cause) -> None:
    assert cause_of(network) is cause


@pytest.mark.parametrize(
    "network",
    [
        mlp(20, 128, "relu", "he_normal"),
        mlp(50, 128, "tanh", "xavier_normal"),
        mlp(50, 128, "relu", "he_normal", norm="layer"),
        mlp(30, 128, "relu", "torch", norm="layer", skip=True),
    ],
)
def test_a_healthy_network_has_none(network: Network) -> None:
    assert attribute(network, propagate(network)) is None


def test_bounds_are_those_of_the_settings() -> None:
    network = mlp(6, 128, "relu", "torch")
    assert cause_of(network) is None
    assert cause_of(network, Settings(vanishing=0.1)) is Cause.DEFAULT


def test_claims_of_absence_need_a_network_that_was_followed() -> None:
    network = mlp(60, 128, "gelu", "he_normal")
    assert cause_of(replace(network, complete=False)) is None


def test_each_sigmoid_has_its_factor() -> None:
    network = mlp(12, 128, "sigmoid", "xavier_normal")
    found = attribute(network, propagate(network))
    assert found is not None
    assert len(found.nodes) == 11
    assert found.each == pytest.approx(-0.61, abs=0.03)


def test_only_the_layers_that_are_off_are_named() -> None:
    g = Graph("he_normal")
    x = g.input(32, 64)
    for index in range(12):
        x = g.activation(g.linear(x, 64, init=drawn(0.005) if index in (3, 7) else None), "relu")
    g.linear(x, 4)
    network = g.network()
    found = attribute(network, propagate(network))
    assert found is not None
    assert found.cause is Cause.SCALE
    assert [network.weighted.index(layer) for layer in found.layers] == [3, 7]


def test_sigmoids_that_are_few_among_many_layers_are_not_to_blame() -> None:
    g = Graph("torch")
    x = g.input(32, 64)
    for index in range(20):
        x = g.activation(g.linear(x, 64), "sigmoid" if index < 2 else "relu")
    g.linear(x, 4)
    assert cause_of(g.network()) is Cause.DEFAULT


def test_dead_units_come_first() -> None:
    def low(fan_in: int, fan_out: int) -> tuple[Distribution, Distribution]:
        return Distribution("normal", 0.0, (2 / fan_in) ** 0.5, "he"), Distribution("constant", -9.0)

    assert cause_of(mlp(6, 128, "relu", low)) is Cause.RECTIFIER
