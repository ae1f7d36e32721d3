"""From events to training loops."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.driver import Evaluation
from gradlint.network import EventKind, Framework, Kind

Evaluate = Callable[..., Evaluation]

MODEL = """
import torch
from torch import nn
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""

KERAS = """
import keras
from keras import layers
model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
"""


def test_the_outermost_loop_that_trains_is_one_loop(evaluate_text: Evaluate) -> None:
    text = """
for epoch in range(3):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for x, y in validation:
            model(x)
"""
    (loop,) = evaluate_text(MODEL + text).loops
    assert loop.complete
    assert loop.framework is Framework.TORCH
    kinds = [event.kind for event in loop.events]
    assert kinds[0] is EventKind.LOOP_START
    assert kinds[-1] is EventKind.LOOP_END
    assert kinds.index(EventKind.ZERO_GRAD) < kinds.index(EventKind.BACKWARD) < kinds.index(EventKind.STEP)
    assert [node.kind for node in loop.objectives] == [Kind.LOSS]
    assert [optimizer.name for optimizer in loop.optimizers] == ["SGD"]


def test_steps_outside_of_loops_are_an_incomplete_loop(evaluate_text: Evaluate) -> None:
    (loop,) = evaluate_text(MODEL + "model(x).sum().backward()\noptimizer.step()\n").loops
    assert not loop.complete


def test_code_that_is_not_analysed_makes_a_loop_incomplete(evaluate_text: Evaluate) -> None:
    text = "from elsewhere import tune\nfor x in loader:\n    model(x).sum().backward()\n    tune(model)\n    optimizer.step()\n"
    (loop,) = evaluate_text(MODEL + text).loops
    assert not loop.complete


def test_a_loop_over_optimizers_steps_all_of_them(evaluate_text: Evaluate) -> None:
    text = """
second = torch.optim.Adam([nn.Parameter(torch.ones(1))], lr=0.1)
for x in loader:
    model(x).sum().backward()
    for o in (optimizer, second):
        o.step()
"""
    (loop,) = evaluate_text(MODEL + text).loops
    assert [event.optimizer.name for event in loop.events_of(EventKind.STEP) if event.optimizer] == ["SGD", "Adam"]


def test_fit_is_a_loop_whose_objective_is_the_compiled_loss(evaluate_text: Evaluate) -> None:
    text = 'model.compile(optimizer="adam", loss="categorical_crossentropy")\nmodel.fit(x, y)\n'
    (loop,) = evaluate_text(KERAS + text).loops
    assert loop.complete
    assert loop.framework is Framework.KERAS
    (objective,) = loop.objectives
    assert objective.get("function") == "cross_entropy"
    assert objective.inputs[0].get("function") == "softmax"


def test_fit_inside_of_a_loop_is_a_loop_of_its_own(evaluate_text: Evaluate) -> None:
    text = 'model.compile(optimizer="adam", loss="mse")\nfor fold in range(5):\n    model.fit(x, y)\n'
    loops = evaluate_text(KERAS + text).loops
    assert [len(loop.events_of(EventKind.FIT)) for loop in loops] == [1]


def test_a_model_that_is_only_compiled_is_an_incomplete_loop(evaluate_text: Evaluate) -> None:
    (loop,) = evaluate_text(KERAS + 'model.compile(optimizer="sgd", loss="mse")\n').loops
    assert not loop.complete
    assert [node.get("function") for node in loop.objectives] == ["mse"]


def test_the_loss_of_a_subclassed_model_is_on_the_output_of_its_network(evaluate_text: Evaluate) -> None:
    text = """
import keras
from keras import layers
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(3, activation="softmax")
    def call(self, x):
        return self.out(x)
net = Net()
net.compile("adam", "mse")
net.fit(x, y)
"""
    (loop,) = evaluate_text(text).loops
    (objective,) = loop.objectives
    assert objective.inputs[0].get("function") == "softmax"


def test_a_custom_loss_is_evaluated(evaluate_text: Evaluate) -> None:
    text = """
def relative(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_pred - y_true))
model.compile(optimizer="adam", loss=relative)
model.fit(x, y)
"""
    (loop,) = evaluate_text(KERAS + text).loops
    assert [node.kind for node in loop.objectives] == [Kind.POOLING]


def test_a_long_evaluation_is_looked_at_once(evaluate_text: Evaluate) -> None:
    text = """
@torch.no_grad()
def estimate():
    losses = torch.zeros(200)
    for k in range(200):
        losses[k] = nn.functional.mse_loss(model(x), y).item()
    return losses.mean()
for x, y in loader:
    estimate()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
"""
    (loop,) = evaluate_text(MODEL + text).loops
    assert loop.complete
    assert len(loop.events_of(EventKind.LOSS)) == 2


def test_layers_called_by_number_without_gradients_are_all_called(evaluate_text: Evaluate) -> None:
    text = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(12))
    @torch.no_grad()
    def forward(self, x):
        for i in range(12):
            x = self.layers[i](x)
        return x
Net()
"""
    (network,) = evaluate_text(text).networks
    assert sum(node.kind is Kind.LINEAR for node in network.nodes) == 12


def test_a_program_that_exceeds_the_limits_is_known_in_part(evaluate_text: Evaluate) -> None:
    text = """
for x, y in loader:
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    while True:
        while True:
            x = 1
"""
    model = MODEL.replace("nn.Linear(4, 1)", "nn.Sequential(nn.Linear(4, 1))")
    evaluation = evaluate_text(model + text)
    assert any("cut short" in note for note in evaluation.notes)
    assert [(network.name, network.complete) for network in evaluation.networks] == [("model", False)]
    assert all(not loop.complete for loop in evaluation.loops)
