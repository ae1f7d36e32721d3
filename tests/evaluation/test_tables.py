"""Large tables of numbers: their shapes are those that Python finds, and nothing that has an effect is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gradlint.evaluation.driver import Evaluation
from gradlint.network import Kind

HEAD = "import math\nimport numpy as np\nimport torch\nfrom torch import nn\n"
SINE = "[position / np.power(10000, 2 * (j // 2) / width) for j in range(width)]"


@pytest.mark.parametrize(
    "text",
    [
        "t = torch.FloatTensor([[p / (10000 ** (2 * (i // 2) / 384)) for i in range(384)] for p in range(900)])",
        f"width = 256\ndef row(position):\n    return {SINE}\nt = torch.tensor([row(p) for p in range(100)])",
        f"width = 80\nt = torch.from_numpy(np.array([{SINE} if position else np.zeros(80) for position in range(200)]))",
        "angle = lambda p, i: p / 10 ** (i / 64)\n"
        "t = torch.tensor([[angle(p, i) for i in range(64)] for p in range(512)])",
        "t = torch.tensor([[i - j for i in range(200)] for j in range(200)])",
        "t = torch.tensor([[float(max(i, j)) for i in range(70)] for j in range(70)]).unsqueeze(0)",
        "t = torch.tensor([math.sin(i) for i in range(5000)])",
        "t = torch.zeros(100, 64)\nfor p in range(100):\n    for i in range(0, 64, 2):\n"
        "        t[p, i] = math.sin(p / 10000 ** (i / 64))\n        t[p, i + 1] = math.cos(p / 10000 ** (i / 64))",
        "t = np.zeros((120, 90))\nfor i in range(120):\n    for j in range(90):\n        if i > j:\n"
        "            t[i][j] = i - j\n        elif j > 80:\n            continue\n        else:\n            k = j * 2\n"
        "            t[i][j] += k\nt = torch.from_numpy(t).float()",
    ],
)
def test_a_large_table_has_the_shape_that_python_finds(variables: Callable[[str], dict[str, Any]], text: str) -> None:
    real: dict[str, Any] = {}
    exec(HEAD + text, real)
    found = variables(HEAD + text)["t"]
    assert found.shape == tuple(real["t"].shape)
    assert found.dtype == str(real["t"].dtype).removeprefix("torch.").replace("float64", "float32")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("made = [nn.Linear(2, 2) for _ in range(100)]\nfound = len(made), type(made[99]).__name__", (100, "Linear")),
        ("log = []\nmade = [[log.append(i) or i for i in range(70)] for _ in range(70)]\nfound = len(log)", 4900),
        ("made = [[j for j in range(i)] for i in range(100)]\nfound = len(made[7]), sum(map(len, made))", (7, 4950)),
        ("made = [i * i for i in range(100)]\nfound = made[99]", 9801),
        ("table = [0] * 4500\nfor i in range(4500):\n    table[i] = i\nfound = table[4499]", 4499),
        ("total = 0\nfor i in range(5000):\n    total += i\nfound = total", 12497500),
        (
            "t = torch.zeros(2, 2)\nn = []\nfor i in range(5000):\n    t[0, 0] = i\n    n.append(i)\nfound = len(n)",
            5000,
        ),
    ],
)
def test_what_is_no_large_table_is_evaluated_to_its_end(
    variables: Callable[[str], dict[str, Any]], text: str, expected: object
) -> None:
    real: dict[str, Any] = {}
    exec(HEAD + text, real)
    assert real["found"] == expected
    assert variables(HEAD + text)["found"] == expected


def test_weights_that_a_loop_writes_stay_weights(variables: Callable[[str], dict[str, Any]]) -> None:
    layer = variables(
        HEAD + "layer = nn.Linear(64, 64)\nwith torch.no_grad():\n"
        "    for i in range(64):\n        for j in range(64):\n            layer.weight[i, j] = 0.5\n"
    )["layer"]
    weight = layer.attrs["weight"]
    assert weight.node.kind is Kind.PARAMETER
    assert weight.parameter is not None


TRANSFORMER = """
class Positions(nn.Module):
    def __init__(self, width, longest=200):
        super().__init__()
        table = torch.zeros(longest, width)
        for position in range(longest):
            for i in range(0, width, 2):
                table[position, i] = math.sin(position / (10000 ** ((2 * i) / width)))
                table[position, i + 1] = math.cos(position / (10000 ** ((2 * (i + 1)) / width)))
        self.register_buffer("table", table.unsqueeze(0))

    def forward(self, x):
        return x + self.table[:, : x.size(1)]


class Model(nn.Module):
    def __init__(self, words=100, width=128):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.positions = Positions(width)
        self.layers = nn.Sequential(*[nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in range(6)])
        self.head = nn.Linear(width, words)

    def forward(self, x):
        return self.head(self.layers(self.positions(self.embedding(x))))


model = Model()
"""


def test_a_network_with_a_table_of_positions_is_read_to_its_end(evaluate_text: Callable[..., Evaluation]) -> None:
    (network,) = evaluate_text(HEAD + TRANSFORMER).networks
    real: dict[str, Any] = {}
    exec(HEAD + TRANSFORMER, real)
    assert network.complete
    assert network.parameter_count == sum(p.numel() for p in real["model"].parameters())
