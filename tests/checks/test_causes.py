"""One cause, one finding: which of the rules on vanishing and exploding gradients speaks, where, and how gravely."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.evaluation.driver import Evaluation
from gradlint.findings import Confidence, Severity
from gradlint.propagation import Settings as Bounds
from gradlint.subjects import NetworkSubject, Problem
from tests.checks.conftest import Findings

RULES = (
    "deep-sigmoid-stack",
    "deep-tanh-stack",
    "hidden-softmax",
    "dead-rectifier",
    "exploding-activation",
    "mismatched-initializer",
    "small-initial-weights",
    "large-initial-weights",
    "symmetric-initial-weights",
    "unapplied-initializer",
    "deep-default-initializer",
    "missing-normalization",
    "missing-skip-connection",
    "residual-growth",
)

STACK = """
from torch import nn
layers, n = [], 20
for _ in range({depth}):
    linear = nn.Linear(n, 128)
    {init}
    layers += [linear, {norm}{activation}]
    n = 128
model = nn.Sequential(*layers, nn.Linear(128, 10))
"""

Case = tuple[int, str, str, str, str | None]

CASES: dict[str, Case] = {
    "sigmoid": (10, "pass", "", "nn.Sigmoid()", "deep-sigmoid-stack"),
    "sigmoid and Xavier": (10, "nn.init.xavier_uniform_(linear.weight)", "", "nn.Sigmoid()", "deep-sigmoid-stack"),
    "sigmoid and He": (10, "nn.init.kaiming_normal_(linear.weight)", "", "nn.Sigmoid()", "deep-sigmoid-stack"),
    "sigmoid and layer norm": (12, "pass", "nn.LayerNorm(128), ", "nn.Sigmoid()", "deep-sigmoid-stack"),
    "sigmoid and batch norm": (12, "pass", "nn.BatchNorm1d(128), ", "nn.Sigmoid()", None),
    "three sigmoids": (3, "pass", "", "nn.Sigmoid()", None),
    "hard sigmoid": (10, "pass", "", "nn.Hardsigmoid()", "deep-sigmoid-stack"),
    "few sigmoids and tiny weights": (
        3,
        "nn.init.normal_(linear.weight, std=0.003)",
        "",
        "nn.Sigmoid()",
        "small-initial-weights",
    ),
    "tanh": (20, "pass", "", "nn.Tanh()", "deep-tanh-stack"),
    "tanh and Xavier": (40, "nn.init.xavier_normal_(linear.weight)", "", "nn.Tanh()", None),
    "tanh and He": (24, "nn.init.kaiming_normal_(linear.weight)", "", "nn.Tanh()", None),
    "tanh and small weights": (
        12,
        "nn.init.normal_(linear.weight, std=0.02)",
        "",
        "nn.Tanh()",
        "small-initial-weights",
    ),
    "tanh and large weights": (12, "nn.init.normal_(linear.weight, std=1.0)", "", "nn.Tanh()", "large-initial-weights"),
    "ReLU": (20, "pass", "", "nn.ReLU()", "deep-default-initializer"),
    "ReLU and He": (40, "nn.init.kaiming_normal_(linear.weight)", "", "nn.ReLU()", None),
    "ReLU and Xavier": (30, "nn.init.xavier_normal_(linear.weight)", "", "nn.ReLU()", "mismatched-initializer"),
    "ReLU and orthogonal": (30, "nn.init.orthogonal_(linear.weight)", "", "nn.ReLU()", "mismatched-initializer"),
    "ReLU and orthogonal of gain": (30, "nn.init.orthogonal_(linear.weight, 2**0.5)", "", "nn.ReLU()", None),
    "ReLU and small weights": (8, "nn.init.normal_(linear.weight, 0, 0.01)", "", "nn.ReLU()", "small-initial-weights"),
    "ReLU and uniform weights": (8, "nn.init.uniform_(linear.weight, -1, 1)", "", "nn.ReLU()", "large-initial-weights"),
    "ReLU and zeros": (
        4,
        "nn.init.zeros_(linear.weight); nn.init.zeros_(linear.bias)",
        "",
        "nn.ReLU()",
        "symmetric-initial-weights",
    ),
    "ReLU and low biases": (3, "nn.init.constant_(linear.bias, -6.0)", "", "nn.ReLU()", "dead-rectifier"),
    "ReLU and batch norm": (20, "pass", "nn.BatchNorm1d(128), ", "nn.ReLU()", None),
    "ReLU and batch norm, deep": (60, "pass", "nn.BatchNorm1d(128), ", "nn.ReLU()", "missing-skip-connection"),
    "ReLU and layer norm, deep": (60, "pass", "nn.LayerNorm(128), ", "nn.ReLU()", None),
    "SiLU and He": (40, "nn.init.kaiming_normal_(linear.weight)", "", "nn.SiLU()", "missing-normalization"),
    "SELU and LeCun": (40, "nn.init.kaiming_normal_(linear.weight, nonlinearity='linear')", "", "nn.SELU()", None),
    "softmax": (3, "pass", "", "nn.Softmax(dim=1)", "hidden-softmax"),
}


def program(case: Case) -> str:
    depth, init, norm, activation, _ = case
    # Zeros and dead units are wrong in the whole network, the head included, or in one hidden layer only.
    text = STACK.format(depth=depth, init=init, norm=norm, activation=activation)
    return text + ("nn.init.zeros_(model[-1].weight)\n" if "zeros_(linear.weight)" in init else "")


@pytest.mark.parametrize("name", CASES)
def test_the_most_specific_rule_speaks_alone(lint: Callable[..., Findings], name: str) -> None:
    expected = CASES[name][-1]
    found = {rule for _, rule in lint(program(CASES[name]), *RULES)}
    assert found == ({expected} if expected else set())


@pytest.fixture
def problem_of(evaluate_text: Callable[[str], Evaluation]) -> Callable[..., Problem]:
    """The only problem that one of the rules has with the first network of a program."""

    def run(text: str, rule: str) -> Problem:
        import importlib

        evaluation = evaluate_text(text)
        check = importlib.import_module(f"gradlint.checks.{rule.replace('-', '_')}").check_network
        (problem,) = check(NetworkSubject(evaluation.networks[0], Bounds(), evaluation.loops))
        return problem

    return run


TRAINED = """
import torch
{body}
optimizer = torch.optim.{optimizer}(model.parameters(), lr=1e-3)
for x, y in loader:
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


def trained(body: str, optimizer: str) -> str:
    return TRAINED.format(body=body, optimizer=optimizer)


SHRINKING = "nn.init.orthogonal_(linear.weight, {gain}); nn.init.zeros_(linear.bias)"


def test_adam_makes_a_small_gradient_a_warning(problem_of: Callable[..., Problem]) -> None:
    body = program((18, SHRINKING.format(gain=0.6), "", "nn.Tanh()", None))
    sgd = problem_of(trained(body, "SGD"), "mismatched-initializer")
    adam = problem_of(trained(body, "Adam"), "mismatched-initializer")
    assert (sgd.severity, adam.severity) == (None, Severity.WARNING)
    assert "Adam rescales it" in adam.message
    assert "Adam" not in sgd.message


def test_adam_does_not_help_where_the_signal_has_collapsed(problem_of: Callable[..., Problem]) -> None:
    problem = problem_of(trained(program(CASES["sigmoid"]), "Adam"), "deep-sigmoid-stack")
    assert problem.severity is None
    assert "every input gives nearly the same output" in problem.message


def test_adam_does_not_help_below_its_epsilon(problem_of: Callable[..., Problem]) -> None:
    body = program((16, SHRINKING.format(gain=0.25), "", "nn.Tanh()", None))
    problem = problem_of(trained(body, "Adam"), "mismatched-initializer")
    assert problem.severity is None
    assert "its epsilon is larger" in problem.message


def test_assumed_widths_lower_the_confidence(problem_of: Callable[..., Problem]) -> None:
    text = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, in_dim, hidden_dim, out_dim):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(in_dim, hidden_dim)] + [nn.Linear(hidden_dim, hidden_dim) for _ in range(9)])
        self.out = nn.Linear(hidden_dim, out_dim)
    def forward(self, x):
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return self.out(x)
"""
    problem = problem_of(text, "deep-sigmoid-stack")
    assert problem.confidence is Confidence.MEDIUM
    assert problem.message.startswith("10 sigmoid layers")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            program(CASES["sigmoid"]) + "import torch\nmodel.load_state_dict(torch.load('weights.pt'))\n",
            id="weights loaded",
        ),
        pytest.param(program(CASES["sigmoid"]) + "model.requires_grad_(False)\n", id="frozen"),
        pytest.param(
            """
from torch import nn
def build(depth):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(64, 64), nn.Sigmoid()]
    return nn.Sequential(*layers)
""",
            id="depth not known",
        ),
        pytest.param(
            """
from torch import nn
import somewhere
layers = []
for _ in range(12):
    layers += [nn.Linear(64, 64), nn.ReLU(), somewhere.Thing(64)]
model = nn.Sequential(*layers)
""",
            id="an operation that is not known",
        ),
    ],
)
def test_nothing_is_said_without_a_number(lint: Callable[..., Findings], text: str) -> None:
    assert lint(text, *RULES) == []


def test_layers_of_one_place_are_one_finding_and_the_most_common_place_is_shown(lint: Callable[..., Findings]) -> None:
    text = """
from torch import nn
model = nn.Sequential(
    nn.Linear(20, 64),
    nn.Sigmoid(),
    *[part for _ in range(8) for part in (nn.Linear(64, 64), nn.Sigmoid())],
    nn.Linear(64, 1),
)
"""
    assert lint(text, *RULES) == [(6, "deep-sigmoid-stack")]


def test_the_first_remedy_is_that_of_the_rule(problem_of: Callable[..., Problem]) -> None:
    default = problem_of(program(CASES["ReLU"]), "deep-default-initializer").remedies
    assert default[0].text == 'nn.init.kaiming_normal_(weight, nonlinearity="relu")'
    assert default[0].predicted_log10 == pytest.approx(0.0, abs=0.3)
    assert "LayerNorm" in problem_of(program(CASES["SiLU and He"]), "missing-normalization").remedies[0].text
    assert "skip" in problem_of(program(CASES["ReLU and batch norm, deep"]), "missing-skip-connection").remedies[0].text


def test_the_message_names_the_layer_that_the_gradient_arrives_at(problem_of: Callable[..., Problem]) -> None:
    problem = problem_of(program(CASES["sigmoid"]), "deep-sigmoid-stack")
    assert problem.message.endswith("on the way to `0` (layer 1)")
    assert problem.label == "each of these multiplies the gradient by about 0.14"
    assert [aside.message for aside in problem.related] == ["the gradient arrives here: `0` (layer 1)"]


@pytest.mark.parametrize("activation", ["ReLU", "Tanh"])
def test_initialization_that_is_never_run_is_the_cause_of_what_the_default_does(
    lint: Callable[..., Findings], activation: str
) -> None:
    text = f"""
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        parts = [part for _ in range(20) for part in (nn.Linear(64, 64), nn.{activation}())]
        self.net = nn.Sequential(*parts, nn.Linear(64, 1))
    def init_weights(self):
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
    def forward(self, x):
        return self.net(x)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    nn.functional.mse_loss(net(x), y).backward()
    optimizer.step()
"""
    assert lint(text, *RULES) == [(9, "unapplied-initializer")]


POOLED = """
import torch
from torch import nn
model = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
    nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
    nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
    nn.Flatten(), nn.Linear(128, 10),
)
"""


def test_a_ratio_that_rests_on_a_guessed_image_size_is_less_sure(lint: Callable[..., list[tuple[int, str]]]) -> None:
    known = POOLED + "model(torch.randn(8, 3, 224, 224))\n"
    assert lint(POOLED, confidence=Confidence.HIGH) == []
    assert len(lint(POOLED, confidence=Confidence.MEDIUM)) == 1
    assert len(lint(known, confidence=Confidence.HIGH)) == 1


@pytest.mark.parametrize("activation", ["nn.Sigmoid()", "nn.Tanh()", "nn.ReLU()"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_weights_of_one_number_are_the_cause_whatever_else_is_said_of_them(
    value: float, activation: str, lint: Callable[..., list[tuple[int, str]]]
) -> None:
    text = STACK.format(depth=12, init=f"nn.init.constant_(linear.weight, {value})", norm="", activation=activation)
    assert [name for _, name in lint(text)] == ["symmetric-initial-weights"]
