"""Inputs that nothing describes: what an operation asks for is tried, for each input by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.evaluation.driver import Evaluation
from gradlint.network import Network

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\nfrom einops import rearrange\n"


def model(layers: str, signature: str, body: str) -> str:
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    made = "\n".join(f"        self.{line}" for line in layers.splitlines())
    return (
        f"{HEAD}\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{made}\n\n"
        f"    def forward(self, {signature}):\n{lines}\n"
    )


def shapes(network: Network) -> list[tuple[int, ...] | None]:
    return [node.shape for node in network.inputs]


CASES = {
    "frames of a video": (
        model(
            "conv = nn.Conv2d(3, 8, 3)\nhead = nn.Linear(8, 2)",
            "clips",
            "b, t, c, h, w = clips.shape\nx = self.conv(clips.view(b * t, c, h, w))\nreturn self.head(x.mean((2, 3)))",
        ),
        [5],
    ),
    "a style beside an image": (
        model(
            "conv = nn.Conv2d(3, 8, 3)\nstyle = nn.Linear(16, 8)",
            "image, style",
            "return self.conv(image) * self.style(style)[:, :, None, None]",
        ),
        [4, 2],
    ),
    "a context of other width": (
        model(
            "query = nn.Linear(32, 16)\nkey = nn.Linear(48, 16)",
            "x, context",
            "b, n, _ = x.shape\nq, k = self.query(x).view(b, n, 16), self.key(context)\nreturn q @ k.transpose(1, 2)",
        ),
        [3, 3],
    ),
    "times in a pattern": (
        model(
            "conv = nn.Conv2d(3, 8, 3)\ntime = nn.Linear(1, 8)",
            "x, times",
            "t = self.time(rearrange(times, 'b -> b 1'))\nreturn self.conv(x) + t[..., None, None]",
        ),
        [4, 1],
    ),
    "tokens": (
        model(
            "embedding = nn.Embedding(100, 16)\nhead = nn.Linear(16, 2)",
            "ids",
            "batch, length = ids.shape\nreturn self.head(self.embedding(ids).view(batch, length, 16))",
        ),
        [2],
    ),
    "indices beside a signal": (
        model(
            "conv = nn.Conv2d(3, 8, 3)\nlabel = nn.Embedding(10, 8)",
            "image, label",
            "return self.conv(image).mean((2, 3)) + self.label(label)",
        ),
        [4, 1],
    ),
    "an axis that is asked for by its number": (
        model(
            "project = nn.Linear(16, 8)",
            "x",
            "return self.project(x).view(x.shape[0], x.shape[1], x.shape[2], 8).permute(0, 3, 1, 2)",
        ),
        [4],
    ),
    "what a derived tensor has to be": (
        model(
            "embed = nn.Linear(16, 8)\nhead = nn.Linear(8, 2)",
            "x",
            "h = torch.relu(self.embed(x))\nb, length, width = h.size()\nreturn self.head(h.reshape(b * length, width))",
        ),
        [3],
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_input_gets_the_axes_that_are_asked_for(name: str, evaluate_text: Callable[..., Evaluation]) -> None:
    text, ranks = CASES[name]
    (network,) = evaluate_text(text).networks
    assert network.complete
    assert [shape and len(shape) for shape in shapes(network)] == ranks


SIDES = {
    "a view of rows": (
        "conv = nn.Conv2d(1, 6, 5)\npool = nn.MaxPool2d(2)\nlater = nn.Conv2d(6, 16, 5)\nhead = nn.Linear(400, 10)",
        "x = self.pool(self.later(self.pool(self.conv(x))))\nreturn self.head(x.view(-1, 400))",
        (4, 1, 32, 32),
    ),
    "a size that is not usual": (
        "conv = nn.Conv2d(1, 6, 5, stride=2)\npool = nn.MaxPool2d(2)\nhead = nn.Linear(6 * 26 * 26, 10)",
        "return self.head(torch.flatten(self.pool(self.conv(x)).relu(), 1))",
        (4, 1, 108, 108),
    ),
    "a signal": (
        "conv = nn.Conv1d(2, 6, 5, stride=2)\nlater = nn.Conv1d(6, 16, 5)\nhead = nn.Linear(16 * 96, 10)",
        "x = self.later(self.conv(x).relu())\nreturn self.head(x.view(x.size(0), -1))",
        (4, 2, 204),
    ),
}


@pytest.mark.parametrize("name", sorted(SIDES))
def test_an_image_gets_the_sides_that_the_layer_behind_its_map_asks_for(
    name: str, evaluate_text: Callable[..., Evaluation]
) -> None:
    layers, body, shape = SIDES[name]
    (network,) = evaluate_text(model(layers, "x", body)).networks
    assert network.complete
    assert shapes(network) == [shape]


def test_what_holds_no_tensor_is_not_given_as_one(evaluate_text: Callable[..., Evaluation]) -> None:
    text = model(
        "a = nn.Linear(8, 4)\nb = nn.Linear(8, 4)",
        "x, options: dict[str, int] | None = None, context: torch.Tensor | None = None",
        "if options is not None:\n    x = x * options.get('scale', 1)\nreturn self.a(x) + self.b(context)",
    )
    (network,) = evaluate_text(text).networks
    assert network.complete
    assert len(network.inputs) == 2


DICTIONARY = model(
    "cnn = nn.Conv2d(3, 8, 3)\nembed = nn.Embedding(1000, 16)\nmeta = nn.Linear(5, 8)\nhead = nn.Linear(32, 2)",
    "batch",
    "image = self.cnn(batch['image']).relu().mean((2, 3))\ntext = self.embed(batch['input_ids']).mean(1)\n"
    "return self.head(torch.cat([image, text, self.meta(batch.get('meta'))], 1))",
)


def test_an_input_may_be_a_dictionary_of_inputs(evaluate_text: Callable[..., Evaluation]) -> None:
    (network,) = evaluate_text(DICTIONARY).networks
    assert network.complete
    assert [(node.shape and len(node.shape), node.get("dtype")) for node in network.inputs] == [
        (4, "float"),
        (2, "int"),
        (2, "float"),
    ]


def test_the_inputs_of_a_call_of_the_program_are_known(evaluate_text: Callable[..., Evaluation]) -> None:
    text = model("a = nn.Linear(6, 4)\nb = nn.Linear(9, 4)", "x, other", "return self.a(x) + self.b(other)")
    (network,) = evaluate_text(f"{text}\nnet = Net()\nnet(torch.randn(7, 6), other=torch.randn(7, 9))").networks
    assert shapes(network) == [(7, 6), (7, 9)]


MASKED = model(
    "query = nn.Linear(16, 16)\nkey = nn.Linear(16, 16)",
    "x, attention_mask",
    "scores = self.query(x) @ self.key(x).transpose(-1, -2)\n{use}\nreturn scores.softmax(-1) @ x",
)


def test_a_mask_that_may_be_none_is_left_out(evaluate_text: Callable[..., Evaluation]) -> None:
    use = "if attention_mask is not None:\n            scores = scores.masked_fill(attention_mask == 0, -1e9)"
    (network,) = evaluate_text(MASKED.replace("{use}", use)).networks
    assert network.complete


def test_a_mask_that_is_needed_is_given(evaluate_text: Callable[..., Evaluation]) -> None:
    use = "scores = scores.masked_fill(attention_mask.unsqueeze(1) == 0, -1e9)"
    (network,) = evaluate_text(MASKED.replace("{use}", use)).networks
    assert network.complete
    assert any(node.get("operation") == "where" for node in network.nodes)


@pytest.mark.parametrize(
    "use",
    [
        "assert context is not None\nreturn self.a(x) + self.b(context)",
        "if context is None:\n            raise ValueError('a context is needed')\nreturn self.a(x) + self.b(context)",
        "return self.a(x) + self.b(context.flatten(1))",
        "return self.a(x) + self.b(context)",
    ],
)
def test_an_input_with_a_default_is_given_where_the_source_cannot_do_without(
    use: str, evaluate_text: Callable[..., Evaluation]
) -> None:
    text = model(
        "a = nn.Linear(8, 4)\nb = nn.Linear(8, 4)",
        "x, context=None, mask=None",
        use.replace("\n            ", "\n    "),
    )
    (network,) = evaluate_text(text).networks
    assert network.complete
    assert len(network.inputs) == 2


def test_an_input_with_a_default_is_not_given_elsewhere(evaluate_text: Callable[..., Evaluation]) -> None:
    text = model("a = nn.Linear(8, 4)", "x, context=None", "return self.a(x if context is None else x + context)")
    (network,) = evaluate_text(text).networks
    assert network.complete
    assert len(network.inputs) == 1


def test_a_condition_that_is_not_known_says_why(evaluate_text: Callable[..., Evaluation]) -> None:
    text = model(
        "a = nn.Linear(8, 4)\nb = nn.Linear(8, 4)", "x, flag: bool", "return self.a(x) if not flag else self.b(x)"
    )
    (network,) = evaluate_text(text).networks
    assert not network.complete
    assert network.unresolved[0].reason == (
        "depends on a condition that is not known: argument `flag` of the forward pass"
    )
