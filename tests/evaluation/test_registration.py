"""What a network uses and does not own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.evaluation.driver import Evaluation

PROGRAM = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        {make}
    def forward(self, x):
        x = self.first(x)
        {use}
        return x
Net()
"""


@pytest.mark.parametrize(
    ("make", "use", "found"),
    [
        ("self.more = [nn.Linear(4, 4) for _ in range(2)]", "x = self.more[1](self.more[0](x))", [("list", "more", 2)]),
        ("self.more = (nn.Linear(4, 4), nn.ReLU())", "x = self.more[0](x)", [("tuple", "more", 2)]),
        (
            "self.more = {'a': nn.Linear(4, 4), 'b': None, 'c': nn.Linear(4, 4)}",
            "x = self.more['a'](x)",
            [("dict", "more", 2)],
        ),
        ("self.more = [nn.Linear(4, 4), nn.Linear(4, 4)]", "pass", []),
        ("self.more = nn.ModuleList([nn.Linear(4, 4)])", "x = self.more[0](x)", []),
        ("more = [nn.Linear(4, 4), nn.ReLU()]; self.net = nn.Sequential(*more)", "x = self.net(x)", []),
        ("self.more = [nn.Linear(4, 4)]", "x = self.more[0](x)", []),
        ("self.w = nn.Parameter(torch.randn(4, 4)) / 2", "x = x @ self.w", [("computed", "w", 1)]),
        ("self.w = nn.Parameter(torch.randn(4, 4)).to(device)", "x = x @ self.w", [("computed", "w", 1)]),
        ("self.w = nn.Parameter(torch.randn(4, 4).to(device))", "x = x @ self.w", []),
        ("self.w = nn.Parameter(torch.randn(4, 4))", "x = x @ (self.w / 2).to(x.device)", []),
        ("self.w = torch.randn(4, 4, requires_grad=True)", "x = x @ self.w", [("tensor", "w", 1)]),
        ("self.w = torch.randn(4, 4)", "x = x @ self.w", []),
        ("pass", "x = nn.Linear(4, 4)(x)", [("forward", "", 1)]),
        ("pass", "x = nn.ReLU()(x)", []),
    ],
)
def test_parameters_that_no_module_registers(
    make: str, use: str, found: list[tuple[str, str, int]], evaluate_text: Callable[[str], Evaluation]
) -> None:
    (network,) = [
        n for n in evaluate_text(PROGRAM.replace("{make}", make).replace("{use}", use)).networks if n.name == "Net"
    ]
    assert [(item.how, item.name, item.count) for item in network.unregistered] == found


ADAPTED = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.context = torch.zeros(4, requires_grad=True)
    def forward(self, x):
        return self.first(x) + self.context
    def adapt(self, gradient):
        {adapt}
Net()
"""


@pytest.mark.parametrize(
    ("adapt", "found"),
    [
        ("self.context = self.context - 0.1 * gradient", []),
        ("self.context[:] = 0", []),
        ("self.context.data.zero_()", []),
        ("return self.context == gradient", ["context"]),
    ],
)
def test_a_tensor_that_a_method_adapts_is_no_forgotten_parameter(
    adapt: str, found: list[str], evaluate_text: Callable[[str], Evaluation]
) -> None:
    (network,) = evaluate_text(ADAPTED.replace("{adapt}", adapt)).networks
    assert [item.name for item in network.unregistered] == found


KERAS = """
import keras
from keras import layers
class Block(layers.Layer):
    def __init__(self, units=8, **options):
        super().__init__(**options)
        self.units = units
    def build(self, input_shape):
        self.dense = layers.Dense(self.units)
        self.dense.build(input_shape)
    def call(self, x):
        return {result}
{use}
"""
FUNCTIONAL = "inputs = keras.Input((4,))\nmodel = keras.Model(inputs, Block()(inputs))\n"


@pytest.mark.parametrize("use", ["", FUNCTIONAL, "keras.Sequential([keras.Input((4,)), Block()])\n"])
@pytest.mark.parametrize(
    ("result", "found"),
    [
        ("self.dense(x)", []),
        ("layers.Dense(8)(self.dense(x))", ["forward"]),
        ("layers.ReLU()(self.dense(x))", []),
    ],
)
def test_keras_keeps_layers_that_are_made_in_build_and_loses_those_of_call(
    result: str, found: list[str], use: str, evaluate_text: Callable[[str], Evaluation]
) -> None:
    networks = evaluate_text(KERAS.replace("{result}", result).replace("{use}", use)).networks
    assert networks
    assert [[item.how for item in network.unregistered] for network in networks] == [found] * len(networks)


def test_keras_keeps_layers_made_in_build_where_the_input_shape_is_not_known(
    evaluate_text: Callable[[str], Evaluation],
) -> None:
    text = """
import keras
from keras import layers
class Patches(layers.Layer):
    def __init__(self, image_size, width, **options):
        super().__init__(**options)
        self.grid = tuple(size // 16 for size in image_size)
        self.width = width
    def build(self, input_shape):
        self.embed = layers.Conv2D(filters=self.width, kernel_size=16, strides=16)
        self.embed.build(input_shape)
        self.positions = layers.Embedding(self.grid[0] * self.grid[1], self.width)
    def call(self, inputs):
        return self.embed(inputs) + self.positions(keras.ops.arange(self.grid[0] * self.grid[1]))
"""
    (network,) = evaluate_text(text).networks
    assert network.unregistered == ()
