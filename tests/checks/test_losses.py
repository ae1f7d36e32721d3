"""The losses that a loop minimizes, in every way of saying so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.checks._losses import classes_of, counterpart, function_of, network_with, uses
from gradlint.subjects import TrainingSubject

LoopOf = Callable[[str], TrainingSubject]

TORCH = """
import torch
from torch import nn
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5), nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    loss = {loss}
    loss.backward()
    optimizer.step()
"""

KERAS = """
import keras
from keras import layers
inputs = keras.Input((8,))
hidden = layers.Dense(16, activation="relu")(inputs)
first = layers.Dense(5, activation="softmax", name="first")(hidden)
second = layers.Dense(1, activation="sigmoid", name="second")(hidden)
model = keras.Model(inputs, [first, second])
model.compile(optimizer="adam", loss={loss})
model.fit(x, y)
"""


@pytest.mark.parametrize(
    "loss",
    [
        "nn.CrossEntropyLoss()(model(x), y)",
        "nn.functional.cross_entropy(model(x), y) / 4",
        "0.1 * model[0].weight.norm() + nn.functional.cross_entropy(model(x).view(-1, 5), y)",
    ],
)
def test_a_loss_of_torch_is_found_with_what_it_is_applied_to(loss: str, loop_of: LoopOf) -> None:
    subject = loop_of(TORCH.format(loss=loss))
    (use,) = uses(subject.loop)
    assert (use.function, use.takes_logits) == ("cross_entropy", True)
    assert function_of(use.output) == "softmax"
    assert classes_of(use.output) == 5


@pytest.mark.parametrize(
    "loss",
    [
        '["categorical_crossentropy", "binary_crossentropy"]',
        '{"second": "binary_crossentropy", "first": keras.losses.CategoricalCrossentropy()}',
        '{"first": keras.losses.categorical_crossentropy, "second": keras.losses.BinaryCrossentropy}',
    ],
)
def test_losses_of_keras_go_to_the_outputs_that_they_are_named_after(loss: str, loop_of: LoopOf) -> None:
    found = {use.function: function_of(use.output) for use in uses(loop_of(KERAS.replace("{loss}", loss)).loop)}
    assert found == {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


def test_a_loss_that_is_not_minimized_does_not_count(loop_of: LoopOf) -> None:
    loss = "(model(x) - y).abs().mean() + 0 * nn.functional.cross_entropy(model(x), y).item()"
    assert list(uses(loop_of(TORCH.format(loss=loss)).loop)) == []


def test_an_operation_of_the_loop_is_found_again_in_its_network(loop_of: LoopOf) -> None:
    subject = loop_of(TORCH.format(loss="nn.functional.cross_entropy(model(x), y)"))
    (use,) = uses(subject.loop)
    member = network_with(subject, use.output)
    assert member is subject.networks[0]
    other = counterpart(member.network, use.output)
    assert other is not None
    assert other is not use.output
    assert function_of(other) == "softmax"
