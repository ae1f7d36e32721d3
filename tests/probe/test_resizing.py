from __future__ import annotations

import pytest

from gradlint.network import Framework, Kind, Network
from gradlint.probe.network_spec import describe
from gradlint.probe.plan import plan
from gradlint.probe.request import Request
from gradlint.probe.resizing import image_side, resized
from tests.graphs import Graph


def shapes(network: Network, side: int) -> list[tuple[int | None, ...] | None] | None:
    found = resized(describe(network)[0], side)
    return None if found is None else [node.shape for node in found.nodes]


def classifier(depth: int = 4, side: int = 64, width: int = 8) -> Network:
    g = Graph()
    x = g.pool(g.conv(g.input(4, 3, side, side), width, stride=2), kernel=3, stride=2, padding=1)
    for _ in range(depth):
        x = g.add(x, g.activation(g.norm(g.conv(x, width)), "relu"))
    g.linear(g.flatten(g.global_pool(x)), 10)
    return g.network()


def test_all_shapes_follow_the_image() -> None:
    found = shapes(classifier(1), 32)
    assert found is not None
    assert found[:3] == [(4, 3, 32, 32), (4, 8, 16, 16), (4, 8, 8, 8)]
    assert found[-1] == (4, 10)
    assert image_side(describe(classifier())[0]) == 64


def test_rectangular_images_keep_their_form() -> None:
    g = Graph()
    g.conv(g.input(4, 3, 32, 64), 8)
    assert shapes(g.network(), 32) == [(4, 3, 16, 32), (4, 8, 16, 32)]


def test_transposed_convolutions_padding_and_interpolation_follow() -> None:
    g = Graph()
    x = g.conv(g.input(4, 3, 32, 32), 8, 4, 2, 1, transposed=True)
    x = g.node(Kind.RESHAPE, x, shape=(4, 8, 66, 66), operation="pad")
    g.node(Kind.RESHAPE, x, shape=(4, 8, 132, 132), operation="interpolate")
    assert shapes(g.network(), 16) == [(4, 3, 16, 16), (4, 8, 32, 32), (4, 8, 34, 34), (4, 8, 68, 68)]


def test_channels_may_be_last() -> None:
    g = Graph(framework=Framework.KERAS)
    x = g.input(4, 32, 32, 3)
    x = g.node(
        Kind.CONVOLUTION, x, shape=(4, 16, 16, 8), kernel_size=(3, 3), stride=(2, 2), padding=((0, 1), (0, 1)),
        dilation=(1, 1), channel_axis=-1,
    )  # fmt: skip
    g.reduce(x, (1, 2))
    assert shapes(g.network(), 16) == [(4, 16, 16, 3), (4, 8, 8, 8), (4, 8)]


def flattened() -> Network:
    g = Graph()
    g.linear(g.flatten(g.conv(g.input(4, 3, 32, 32), 8)), 10)
    return g.network()


def patches() -> Network:
    g = Graph()
    x = g.conv(g.input(4, 3, 32, 32), 8, 4, 4, 0)
    g.add(g.transpose(g.view(x, 4, 8, 64), 1, 2), g.node(Kind.PARAMETER, shape=(1, 64, 8)))
    return g.network()


@pytest.mark.parametrize("network", [flattened(), patches()])
def test_a_network_that_needs_its_size_keeps_it(network: Network) -> None:
    assert shapes(network, 16) is None


def test_a_network_that_is_too_large_is_planned_on_smaller_images() -> None:
    deep = describe(classifier(40, 224, 128))[0]
    chosen = plan(deep, Request())
    assert chosen.assumptions[0].endswith("in place of 224 x 224")
    assert plan(describe(classifier())[0], Request()).assumptions == ()
