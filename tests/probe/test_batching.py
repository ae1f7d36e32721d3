from __future__ import annotations

import pytest

from gradlint.network import Kind, Network, Node
from gradlint.probe.batching import batch_size, shapes_for
from gradlint.probe.network_spec import describe
from tests.graphs import Graph, mlp


def rebatched(network: Network, batch: int) -> list[tuple[int | None, ...] | None] | None:
    found = shapes_for(describe(network)[0], batch)
    return None if found is None else list(found)


def last(network: Network, batch: int) -> tuple[int | None, ...] | None:
    found = rebatched(network, batch)
    assert found is not None
    return found[-1]


def test_the_batch_is_the_first_size_of_the_inputs() -> None:
    assert batch_size(describe(mlp(2, batch=7))[0]) == 7


def test_every_layer_of_a_plain_network_follows() -> None:
    found = rebatched(mlp(3, width=16, batch=4), 32)
    assert found is not None
    assert {shape[0] for shape in found if shape} == {32}
    assert found[-1] == (32, 10)


def test_flattening_keeps_the_batch() -> None:
    g = Graph()
    x = g.conv(g.input(4, 3, 8, 8), 5)
    g.linear(g.flatten(g.pool(x)), 2)
    assert last(g.network(), 12) == (12, 2)


def test_a_global_pooling_takes_only_its_own_axes() -> None:
    g = Graph()
    g.global_pool(g.conv(g.input(4, 3, 8, 8), 5))
    assert last(g.network(), 12) == (12, 5)


def windows(g: Graph, x: Node, batch: int) -> Node:
    """Windows of 2 x 2 of an image of 4 x 4 with 6 channels, as Swin cuts them."""
    x = g.view(x, batch, 2, 2, 2, 2, 6)
    x = g.transpose(x, 0, 1, 3, 2, 4, 5)
    return g.view(x, batch * 4, 4, 6)


def test_windows_are_merged_with_the_batch_and_taken_apart_again() -> None:
    g = Graph()
    inside = windows(g, g.input(2, 4, 4, 6), 2)
    x = g.linear(inside, 6)
    g.view(x, 2, 2, 2, 2, 2, 6)
    found = rebatched(g.network(), 10)
    assert found is not None
    assert found[inside.order] == (40, 4, 6)
    assert found[-1] == (10, 2, 2, 2, 2, 6)


def test_a_batch_behind_another_axis_is_found_again() -> None:
    g = Graph()
    x = g.transpose(g.input(4, 7, 6), 0, 1)
    merged = g.view(x, 28, 6)
    g.view(g.linear(merged, 5), 7, 4, 5)
    found = rebatched(g.network(), 3)
    assert found is not None
    assert found[merged.order] == (21, 6)
    assert found[-1] == (7, 3, 5)


def test_heads_are_split_off_behind_the_batch() -> None:
    g = Graph()
    x = g.transpose(g.view(g.linear(g.input(4, 9, 8), 8), 4, 9, 2, 4), 1, 2)
    scores = g.node(Kind.MATMUL, x, g.transpose(x, 2, 3), shape=(4, 2, 9, 9))
    g.matmul(g.activation(scores, "softmax", axis=-1), x)
    assert last(g.network(), 32) == (32, 2, 9, 4)


def test_a_class_token_is_expanded_for_the_new_batch() -> None:
    g = Graph()
    x = g.linear(g.input(4, 9, 8), 8)
    token = g.node(Kind.PARAMETER, shape=(1, 1, 8))
    token = g.node(Kind.RESHAPE, token, shape=(4, 1, 8), operation="expand")
    g.concatenate(token, x, axis=1)
    found = rebatched(g.network(), 32)
    assert found is not None
    assert found[token.order] == (32, 1, 8)
    assert found[-1] == (32, 10, 8)


def test_a_constant_of_the_batch_size_follows() -> None:
    g = Graph()
    x = g.linear(g.input(4, 8), 8)
    g.add(x, g.node(Kind.CONSTANT, shape=(4, 8)))
    assert last(g.network(), 5) == (5, 8)


def test_indices_take_axes_away() -> None:
    g = Graph()
    x = g.linear(g.input(4, 9, 8), 8)
    g.select(x, 1, 0)
    assert last(g.network(), 5) == (5, 8)


@pytest.mark.parametrize(("equation", "expected"), [("bij,bjk->bik", (9, 3, 2)), ("bij,bjk->ikb", (3, 2, 9))])
def test_einsum_follows_the_letter_of_the_batch(equation: str, expected: tuple[int, ...]) -> None:
    g = Graph()
    x, y = g.input(4, 3, 5), g.input(4, 5, 2)
    shape = tuple(4 if size == 9 else size for size in expected)
    g.node(Kind.MATMUL, x, y, shape=shape, equation=equation)
    assert last(g.network(), 9) == expected


def test_a_sum_over_the_batch_has_none() -> None:
    g = Graph()
    g.reduce(g.linear(g.input(4, 8), 8), (0,))
    assert last(g.network(), 9) == (8,)


def test_sequences_with_time_first_are_left_as_they_are() -> None:
    g = Graph()
    x = g.input(4, 3, 8)
    g.node(Kind.RECURRENT, x, shape=(4, 3, 8), cell="rnn", time_axis=0)
    assert rebatched(g.network(), 9) is None


def test_joining_samples_is_not_followed() -> None:
    g = Graph()
    x = g.linear(g.input(4, 8), 8)
    g.concatenate(x, x, axis=0)
    assert rebatched(g.network(), 9) is None


def test_an_unknown_shape_is_not_followed() -> None:
    g = Graph()
    g.node(Kind.RESHAPE, g.input(4, 8), shape=None, operation="gather")
    assert rebatched(g.network(), 9) is None


def test_the_network_of_its_own_batch_is_itself() -> None:
    network = mlp(2, batch=4)
    assert rebatched(network, 4) == [node.shape for node in network.nodes]
