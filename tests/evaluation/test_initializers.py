"""What initialization code reaches: which layers it draws, which were made too late, and whether it runs at all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from gradlint.evaluation.driver import Evaluation
from gradlint.network import Unapplied

Run = Callable[..., Evaluation]

MODULE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 8)
        {before}
        self.b = nn.Linear(8, 8)
        {after}

    def draw(self, module):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)

    def {method}(self):
        nn.init.normal_(self.a.weight, std=0.1)

    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))


net = Net()
"""
TRAINING = """
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    nn.functional.mse_loss(net(x), y).backward()
    optimizer.step()
"""


def module(before: str = "pass", after: str = "pass", method: str = "unused") -> str:
    return MODULE.format(before=before, after=after, method=method)


def unapplied(evaluation: Evaluation) -> list[tuple[str, str, tuple[str, ...]]]:
    (network,) = evaluation.networks
    return [(item.how, item.name, item.layers) for item in network.unapplied]


def test_apply_at_the_end_reaches_everything(evaluate_text: Run) -> None:
    assert unapplied(evaluate_text(module(after="self.apply(self.draw)"))) == []


def test_apply_before_a_layer_misses_it(evaluate_text: Run) -> None:
    assert unapplied(evaluate_text(module(before="self.apply(self.draw)"))) == [("early", "draw", ("b",))]


def test_a_layer_that_other_code_draws_is_not_missed(evaluate_text: Run) -> None:
    text = module(before="self.apply(self.draw)", after="nn.init.zeros_(self.b.weight)")
    assert unapplied(evaluate_text(text)) == []


def test_a_loop_over_modules_before_a_layer_misses_it(evaluate_text: Run) -> None:
    text = module(before="for m in self.modules():\n            self.draw(m)")
    assert unapplied(evaluate_text(text)) == [("early", "", ("b",))]


def test_a_loop_over_children_of_one_part_is_meant_for_that_part(evaluate_text: Run) -> None:
    text = module(before="for m in self.a.modules():\n            self.draw(m)")
    assert unapplied(evaluate_text(text)) == []


def test_a_function_for_other_classes_reaches_nothing(evaluate_text: Run) -> None:
    function = "\ndef init(m):\n    if isinstance(m, nn.Conv2d):\n        nn.init.ones_(m.weight)\nnet.apply(init)\n"
    assert unapplied(evaluate_text(module() + function)) == [("unmatched", "init", ())]


def test_a_function_that_was_not_followed_may_have_drawn_something(evaluate_text: Run) -> None:
    function = (
        "\nimport elsewhere\ndef init(m):\n    if elsewhere.suits(m) and isinstance(m, nn.Conv2d):\n"
        "        nn.init.ones_(m.weight)\nnet.apply(init)\n"
    )
    assert unapplied(evaluate_text(module() + function)) == []


COMPUTED = """
import torch
from torch import nn
from torch.nn.utils import {wrap}

def init(m):
    if isinstance(m, nn.Linear):
        m.weight.data.fill_(7.0)

net = nn.Sequential({first}, nn.ReLU(), {second})
"""


@pytest.mark.parametrize("call", ["weight_norm", "parametrizations.weight_norm", "parametrizations.spectral_norm"])
def test_what_is_written_to_a_weight_that_is_computed_is_lost(call: str, evaluate_text: Run) -> None:
    wrap = call.partition(".")[0]
    text = COMPUTED.format(wrap=wrap, first=f"{call}(nn.Linear(4, 4))", second=f"{call}(nn.Linear(4, 2))")
    assert unapplied(evaluate_text(f"{text}\nnet.apply(init)\n")) == [("overwritten", "init", ())]
    namespace: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(text, namespace)
    net = namespace["net"].eval()
    x = namespace["torch"].ones(3, 4)
    before = net(x)
    net.apply(namespace["init"])
    assert bool((net(x) == before).all())


def test_a_layer_that_is_not_computed_makes_the_code_useful(evaluate_text: Run) -> None:
    text = COMPUTED.format(wrap="weight_norm", first="weight_norm(nn.Linear(4, 4))", second="nn.Linear(4, 2)")
    assert unapplied(evaluate_text(f"{text}\nnet.apply(init)\n")) == []


def test_a_function_that_finds_its_layers_elsewhere_is_useful(evaluate_text: Run) -> None:
    function = "\ndef init(m):\n    if isinstance(m, nn.Conv2d):\n        nn.init.ones_(m.weight)\nnet.apply(init)\n"
    other = "conv = nn.Sequential(nn.Conv2d(1, 2, 3))\nconv.apply(init)\n"
    evaluation = evaluate_text(module() + function + other)
    assert [network.unapplied for network in evaluation.networks] == [(), ()]


def test_a_function_that_draws_nothing_at_all_is_no_initialization(evaluate_text: Run) -> None:
    function = (
        "\ndef freeze(m):\n    if isinstance(m, nn.Conv2d):\n        m.requires_grad_(False)\nnet.apply(freeze)\n"
    )
    assert unapplied(evaluate_text(module() + function)) == []


def test_a_method_that_nothing_calls_is_noted_where_the_network_is_trained(evaluate_text: Run) -> None:
    text = module(method="init_weights")
    assert unapplied(evaluate_text(text)) == []
    assert ("uncalled", "init_weights", ("",)) in unapplied(evaluate_text(text + TRAINING))


def test_looking_at_an_uncalled_method_leaves_the_weights_as_they_are(evaluate_text: Run) -> None:
    (network,) = evaluate_text(module(method="init_weights") + TRAINING).networks
    assert {parameter.distribution.scheme for parameter in network.parameters} == {"torch"}
    assert all(not parameter.distribution.explicit for parameter in network.parameters)


def test_a_method_that_is_called_is_fine(evaluate_text: Run) -> None:
    text = module(after="self.init_weights()", method="init_weights")
    assert unapplied(evaluate_text(text + TRAINING)) == []


def test_resetting_to_the_default_changes_nothing(evaluate_text: Run) -> None:
    text = module(method="reset").replace(
        "nn.init.normal_(self.a.weight, std=0.1)", "self.a.reset_parameters()  # nn.init."
    )
    text = text.replace("    def draw(self, module):\n", "    def forwarded(self, module):\n").replace(
        "        if isinstance(module, nn.Linear):\n            nn.init.xavier_uniform_(module.weight)\n",
        "        return module\n",
    )
    assert unapplied(evaluate_text(text + TRAINING)) == []


def test_the_place_is_that_of_the_code(evaluate_text: Run) -> None:
    (network,) = evaluate_text(module(method="init_weights") + TRAINING).networks
    found: Unapplied = next(item for item in network.unapplied if item.name == "init_weights")
    assert found.origin.span.line == 18


def test_zeros_that_are_no_weights_are_no_initialization(evaluate_text: Run) -> None:
    loop = "\nfor p in net.parameters():\n    p.grad = torch.zeros_like(p.data)\n"
    assert unapplied(evaluate_text(module() + loop)) == []


def test_a_method_that_nothing_calls_is_left_alone_where_other_code_may_draw(evaluate_text: Run) -> None:
    other = "\nif unknown_setting:\n    for p in net.parameters():\n        nn.init.normal_(p, 0.0, 0.02)\n"
    text = module(method="init_weights")
    assert ("uncalled", "init_weights", ("",)) not in unapplied(evaluate_text(text + other + TRAINING))
