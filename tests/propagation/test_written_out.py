"""What people write by hand: activations, normalization, attention. The prediction is that of the real thing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from gradlint.network import Kind, Network, Node
from gradlint.propagation import Settings, propagate
from gradlint.propagation.composites import composites
from tests.graphs import Graph, mlp
from tests.measuring import log10_ratio

torch.set_num_threads(1)
DOUBLE = Settings(dtype="float64")


def silu(g: Graph, x: Node) -> Node:
    return g.multiply(x, g.activation(x, "sigmoid"))


def mish(g: Graph, x: Node) -> Node:
    return g.multiply(x, g.activation(g.activation(x, "softplus"), "tanh"))


def hard_silu(g: Graph, x: Node) -> Node:
    return g.multiply(x, g.multiply(g.activation(g.add(x, constant=3.0), "relu6"), constant=1 / 6))


def gelu(g: Graph, x: Node) -> Node:
    return g.multiply(x, g.add(g.activation(g.multiply(x, constant=2**-0.5), "erf"), constant=1.0), constant=0.5)


def crossed(g: Graph, x: Node) -> Node:
    return g.add(x, g.activation(x, "sin"), coefficients=(1.0, 0.5))


def stack(make: Callable[[Graph, Node], Node], depth: int = 12) -> Network:
    g = Graph("he_normal")
    x = g.input(32, 20)
    for _ in range(depth):
        x = make(g, g.linear(x, 64))
    g.linear(x, 10)
    return g.network()


@pytest.mark.parametrize(("make", "name"), [(silu, "silu"), (mish, "mish"), (hard_silu, "hard_silu"), (gelu, "gelu")])
def test_a_written_out_activation_is_the_one_of_the_table(make: Callable[[Graph, Node], Node], name: str) -> None:
    network = stack(make)
    assert {whole.key[0] for whole in composites(network).values()} >= {name}
    expected = propagate(mlp(13, 64, name, "he_normal"), DOUBLE).log10_gradient_ratio
    assert propagate(network, DOUBLE).log10_gradient_ratio == pytest.approx(expected, abs=0.01)


def test_a_function_of_no_table_is_integrated() -> None:
    network = stack(crossed)
    assert propagate(network, DOUBLE).log10_gradient_ratio == pytest.approx(log10_ratio(network, 5), abs=0.15)


def test_layers_in_between_are_no_written_out_function() -> None:
    assert composites(mlp(10, 32, skip=True)) == {}


def hand_norm(g: Graph, x: Node, centre: bool) -> Node:
    if centre:
        x = g.add(x, g.reduce(x, (-1,), keepdim=True), coefficients=(1.0, -1.0))
    square = g.add(g.reduce(g.activation(x, "square"), (-1,), keepdim=True), constant=1e-5)
    return g.multiply(x, g.activation(square, "rsqrt"))


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize("function", ["relu", "tanh"])
def test_normalization_written_out(centre: bool, function: str) -> None:
    network = stack(lambda g, x: g.activation(hand_norm(g, x, centre), function))
    predicted = propagate(network, DOUBLE).log10_gradient_ratio
    assert predicted == pytest.approx(log10_ratio(network, 5), abs=0.25)
    assert predicted == pytest.approx(
        propagate(mlp(13, 64, function, "he_normal", "layer" if centre else "rms"), DOUBLE).log10_gradient_ratio,
        abs=0.25,
    )


def attention_stack(by_hand: bool, layers: int = 4, width: int = 64, heads: int = 4, tokens: int = 24) -> Network:
    g = Graph("keras")
    x = g.linear(g.input(8, tokens, width), width)
    depth = width // heads

    def split(y: Node) -> Node:
        return g.transpose(g.view(g.linear(y, width), 8, tokens, heads, depth), 1, 2)

    for _ in range(layers):
        y = g.norm(x, "layer")
        q, k, v = split(y), split(y), split(y)
        if by_hand:
            scores = g.multiply(g.matmul(q, g.transpose(k, -2, -1)), constant=depth**-0.5)
            z = g.matmul(g.activation(scores, "softmax", axis=-1), v)
        else:
            z = g.attention(q, k, v)
        z = g.linear(g.view(g.transpose(z, 1, 2), 8, tokens, width), width)
        x = g.add(x, z)
    g.linear(x, 10)
    return g.network()


@pytest.mark.parametrize("by_hand", [False, True])
def test_attention_by_hand_is_that_of_the_layer(by_hand: bool) -> None:
    network = attention_stack(by_hand)
    predicted = propagate(network, DOUBLE)
    assert predicted.log10_gradient_ratio == pytest.approx(log10_ratio(network, 5), abs=0.15)


def test_gates_are_no_written_out_function() -> None:
    g = Graph("he_normal")
    x = g.input(32, 64)
    for _ in range(6):
        x = g.multiply(g.linear(x, 64), g.activation(g.linear(x, 64), "sigmoid"))
    g.linear(x, 10)
    network = g.network()
    assert composites(network) == {}
    assert propagate(network, DOUBLE).log10_gradient_ratio == pytest.approx(log10_ratio(network, 7), abs=0.3)


def test_glu_is_a_gate_of_two_halves() -> None:
    g = Graph("he_normal")
    x = g.input(32, 64)
    for _ in range(6):
        x = g.activation(g.linear(x, 128), "glu", axis=-1)
    g.linear(x, 10)
    network = g.network()
    assert any(node.kind is Kind.ACTIVATION for node in network.nodes)
    assert propagate(network, DOUBLE).log10_gradient_ratio == pytest.approx(log10_ratio(network, 7), abs=0.3)
