"""Operators on tensors: which nodes they become, weighted layers written by hand, changes in place."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from gradlint.evaluation.values import Tensor
from gradlint.network import Kind, Node, topological
from tests.frameworks.torch.test_functions import evaluated

SETUP = """
import math
import torch
from torch import nn
import torch.nn.functional as F
x = torch.rand(2, 3, 4)
y = torch.rand(2, 3, 4)
image = torch.rand(2, 8, 6, 6)
W = nn.Parameter(torch.randn(4, 5) * 0.02)
V = nn.Parameter(torch.randn(5, 4))
b = nn.Parameter(torch.zeros(5))
K = nn.Parameter(torch.randn(6, 8, 3, 3))
H = nn.Parameter(torch.randn(2, 4, 7))
"""


def run(text: str) -> dict[str, Any]:
    return evaluated(SETUP + text)


def node(expression: str) -> Node:
    value = run(f"out = {expression}")["out"]
    assert isinstance(value, Tensor), value
    return value.node


@pytest.mark.parametrize(
    ("expression", "kind", "attributes"),
    [
        ("x + y", Kind.ADD, {"coefficients": (1.0, 1.0)}),
        ("x - y", Kind.ADD, {"coefficients": (1.0, -1.0)}),
        ("x + 1", Kind.ADD, {"coefficients": (1.0,), "constant": 1.0}),
        ("3 - x", Kind.ADD, {"coefficients": (-1.0,), "constant": 3.0}),
        ("torch.add(x, y, alpha=0.5)", Kind.ADD, {"coefficients": (1.0, 0.5)}),
        ("x * 2", Kind.MULTIPLY, {"constant": 2.0}),
        ("x / 4", Kind.MULTIPLY, {"constant": 0.25}),
        ("-x", Kind.MULTIPLY, {"constant": -1.0}),
        ("x * y", Kind.MULTIPLY, {}),
        ("x ** 2", Kind.ACTIVATION, {"function": "square"}),
        ("x ** 3", Kind.ACTIVATION, {"function": "pow", "exponent": 3.0}),
        ("x ** 0.5", Kind.ACTIVATION, {"function": "sqrt"}),
        ("1 / x", Kind.ACTIVATION, {"function": "reciprocal"}),
        ("x.clamp(min=0)", Kind.ACTIVATION, {"function": "relu"}),
        ("x.clamp(-1, 1)", Kind.ACTIVATION, {"function": "clamp", "minimum": -1, "maximum": 1}),
        ("torch.maximum(x, torch.tensor(0.0))", Kind.ACTIVATION, {"function": "relu"}),
        ("torch.tanh(x)", Kind.ACTIVATION, {"function": "tanh"}),
        ("F.softmax(x, dim=-1)", Kind.ACTIVATION, {"function": "softmax", "axis": 2}),
        ("F.leaky_relu(x, 0.2)", Kind.ACTIVATION, {"function": "leaky_relu", "negative_slope": 0.2}),
        ("F.hardtanh(x, -2, 3)", Kind.ACTIVATION, {"function": "hard_tanh", "minimum": -2, "maximum": 3}),
        ("x.mean(1)", Kind.POOLING, {"type": "average", "axes": (1,), "global": True}),
        ("x.max(-1).values", Kind.POOLING, {"type": "max", "axes": (2,)}),
        ("x.norm(dim=-1)", Kind.POOLING, {"type": "norm", "axes": (2,)}),
        ("x.std(dim=-1)", Kind.ACTIVATION, {"function": "sqrt", "safe": True}),
        ("x.view(2, 12)", Kind.RESHAPE, {"operation": "view"}),
        ("x.transpose(1, 2)", Kind.RESHAPE, {"operation": "transpose", "axes": (0, 2, 1)}),
        ("x[:, 1:]", Kind.RESHAPE, {"operation": "slice", "axis": 1, "start": 1, "stop": 3}),
        ("x[:, -1]", Kind.RESHAPE, {"operation": "slice", "axis": 1, "start": 2, "stop": 3}),
        ("x.chunk(2, -1)[1]", Kind.RESHAPE, {"operation": "split", "axis": 2, "start": 2, "stop": 4}),
        ("torch.cat([x, y], -1)", Kind.CONCATENATE, {"axis": 2}),
        ("torch.stack([x, y])", Kind.CONCATENATE, {"axis": 0, "stacked": True}),
        ("torch.where(x > 0, x, y)", Kind.RESHAPE, {"operation": "where"}),
        ("x @ y.transpose(1, 2)", Kind.MATMUL, {}),
        ("F.scaled_dot_product_attention(x, x, x)", Kind.ATTENTION, {"heads": 1, "scale": 0.5}),
        ("F.dropout(x, 0.3)", Kind.DROPOUT, {"rate": 0.3, "type": "element"}),
        ("F.layer_norm(x, (4,))", Kind.NORMALIZATION, {"type": "layer", "axes": (-1,), "epsilon": 1e-5}),
        ("F.normalize(x, dim=-1)", Kind.NORMALIZATION, {"type": "l2", "axes": (2,)}),
        ("F.interpolate(image, scale_factor=2)", Kind.RESHAPE, {"operation": "interpolate"}),
        ("F.max_pool2d(image, 2)", Kind.POOLING, {"type": "max", "kernel_size": (2, 2), "stride": (2, 2)}),
    ],
)
def test_the_node_that_an_operation_becomes(expression: str, kind: Kind, attributes: dict[str, Any]) -> None:
    found = node(expression)
    assert found.kind is kind
    assert {key: found.get(key) for key in attributes} == attributes
    assert found.layer is None


def test_a_quotient_of_tensors_is_a_product_with_the_reciprocal() -> None:
    found = node("x / y")
    assert found.kind is Kind.MULTIPLY
    assert found.inputs[1].get("function") == "reciprocal"


@pytest.mark.parametrize(
    ("expression", "fans"),
    [
        ("x @ W", (4, 5)),
        ("x.matmul(W)", (4, 5)),
        ("torch.matmul(x, W)", (4, 5)),
        ("x @ V.t()", (4, 5)),
        ("x @ V.T", (4, 5)),
        ("x @ W.transpose(0, 1).mT", (4, 5)),
        ("torch.mm(x[0], W)", (4, 5)),
        ("F.linear(x, V)", (4, 5)),
        ("F.linear(x, W.t(), b)", (4, 5)),
        ("x @ W[:, :3]", (4, 3)),
        ("torch.einsum('bij,jk->bik', x, W)", (4, 5)),
        ("torch.einsum('kj,bij->bik', V, x)", (4, 5)),
        ("x[0, 0] @ W", (4, 5)),
        ("x @ W.view(2, 2, 5).reshape(4, 5)", (4, 5)),
        ("torch.tensordot(x, W, dims=1)", (4, 5)),
        ("x @ nn.Parameter(torch.rand(4, 1))", (4, 1)),
    ],
)
def test_a_product_with_a_parameter_is_a_linear_layer(expression: str, fans: tuple[int, int]) -> None:
    found = node(expression)
    assert found.kind is Kind.LINEAR
    assert (found.get("in_features"), found.get("out_features")) == fans
    assert "weight" in found.parameters
    assert [part.kind for part in found.inputs if part.kind is Kind.PARAMETER] == []


@pytest.mark.parametrize("expression", ["W.t() @ x.transpose(1, 2)", "torch.einsum('bij,jk->bki', x, W)"])
def test_a_parameter_on_the_left_is_a_linear_layer_between_transpositions(expression: str) -> None:
    found = node(expression)
    assert found.shape == (2, 5, 3)
    linear = [part for part in topological((found,)) if part.kind is Kind.LINEAR]
    assert [(part.get("in_features"), part.get("out_features")) for part in linear] == [(4, 5)]


def test_an_einsum_that_contracts_two_axes_is_one_linear_layer() -> None:
    found = node("torch.einsum('bhi,hio->bo', torch.rand(3, 2, 4), H)")
    assert (found.kind, found.get("in_features"), found.shape) == (Kind.LINEAR, 8, (3, 7))


@pytest.mark.parametrize("expression", ["torch.bmm(x, H)", "torch.einsum('bij,bjk->bik', x, H)", "x @ H", "V @ W @ b"])
def test_products_per_group_and_of_parameters_are_no_linear_layer_with_one_matrix(expression: str) -> None:
    assert any(part.kind is Kind.MATMUL for part in topological((node(expression),)))


def test_a_scaled_parameter_scales_the_output() -> None:
    found = node("x @ (W * 0.5)")
    assert (found.kind, found.get("constant")) == (Kind.MULTIPLY, 0.5)
    assert found.inputs[0].kind is Kind.LINEAR


def test_a_detached_parameter_is_no_layer() -> None:
    assert node("x @ W.detach()").kind is Kind.MATMUL


def test_convolution_with_a_parameter_and_with_a_computed_kernel() -> None:
    with_parameter, computed = node("F.conv2d(image, K, padding=1)"), node("F.conv2d(image, K / K.norm())")
    assert with_parameter.kind is computed.kind is Kind.CONVOLUTION
    assert with_parameter.get("padding") == ((1, 1), (1, 1))
    assert len(with_parameter.inputs) == 1
    assert (len(computed.inputs), dict(computed.parameters)) == (2, {})


def test_rows_of_a_parameter_are_an_embedding() -> None:
    found = node("V[torch.tensor([1, 2, 0])]")
    assert (found.kind, found.shape, found.get("num_embeddings")) == (Kind.EMBEDDING, (3, 4), 5)


# What parameters are drawn from.

DRAWS = [
    "torch.randn({n}, {n}) * 0.02",
    "torch.randn({n}, {n}) / math.sqrt({n})",
    "0.1 * torch.randn({n}, {n})",
    "torch.rand({n}, {n})",
    "torch.rand({n}, {n}) * 2 - 1",
    "(torch.rand({n}, {n}) - 0.5) / 10",
    "torch.empty({n}, {n}).normal_(0, 0.3)",
    "torch.empty({n}, {n}).normal_(mean=1.0, std=0.3)",
    "torch.empty({n}, {n}).uniform_(-0.5, 0.5)",
    "torch.empty({n}, {n}).exponential_()",
    "torch.FloatTensor({n}, {n}).uniform_(-0.1, 0.3)",
    "torch.zeros({n}, {n})",
    "torch.ones({n}, {n}) * 3",
    "torch.full((7, 7), 0.5)",
    "torch.eye({n}) + torch.randn({n}, {n}) * 0.01",
    "torch.eye({n})",
    "torch.randn({n}, {n}) + torch.randn({n}, {n})",
    "torch.normal(0.0, 0.2, ({n}, {n}))",
    "torch.linspace(0, 1, 50)",
    "torch.arange(10).float()",
    "torch.tensor([1.0, 2.0, 4.0])",
    "torch.randn({n}, {n}).mul_(0.1)",
    "torch.randn({n}, {n}).mul(0.1).add(0.5).t()",
    "torch.randint(0, 10, ({n}, {n})).float()",
    "torch.randn_like(torch.zeros({n}, {n})).view(-1)",
    "nn.init.xavier_uniform_(torch.empty({n}, {n}))",
    "nn.init.normal_(torch.empty({n}, {n}), std=0.05)",
    "torch.bernoulli(torch.zeros({n}, {n}), p=0.3)",
    "torch.logspace(-4, -1, 20)",
]


@pytest.mark.parametrize("draw", DRAWS)
def test_a_parameter_is_drawn_as_torch_draws_it(draw: str) -> None:
    torch.manual_seed(0)
    text = draw.format(n=300)
    real = eval(text, {"torch": torch, "math": math, "nn": torch.nn}).double()
    found = run(f"p = nn.Parameter({text})")["p"].parameter
    assert found.shape == tuple(real.shape)
    spread = float(real.std(unbiased=False))
    assert found.distribution.mean == pytest.approx(float(real.mean()), abs=0.03 * spread + 1e-6)
    assert found.distribution.std == pytest.approx(spread, rel=0.03, abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        "p.data.normal_(0, 0.05)",
        "p.data.uniform_(-0.1, 0.1)",
        "p.data.fill_(0.5)",
        "p.data.zero_()",
        "p.data.mul_(0.1)",
        "p.data *= 0.1",
        "p.data /= 2",
        "p.data = p.data * 3",
        "p.data = torch.randn(200, 200) * 0.3",
        "p.data.copy_(torch.randn(200, 200) * 0.7)",
        "p.data[:] = 0.25",
        "p.data.add_(1.0)",
        "p.data.add_(torch.randn(200, 200), alpha=2.0)",
        "p.data.div_(math.sqrt(200))",
        "p.data.t().mul_(0.5)",
        "p.requires_grad_(False).mul_(0.2)",
        "p.data.clamp_(-1, 1).normal_(0, 2)",
        "p.detach().normal_(0, 0.9)",
    ],
)
@pytest.mark.parametrize("block", ["if True", "with torch.no_grad()"])
def test_a_change_in_place_is_initialization(change: str, block: str) -> None:
    torch.manual_seed(0)
    text = f"p = nn.Parameter(torch.randn(200, 200))\n{block}:\n    {change}\n"
    namespace: dict[str, Any] = {"torch": torch, "nn": torch.nn, "math": math}
    exec(text, namespace)
    real = namespace["p"].detach().double()
    parameter = run(text)["p"].parameter
    spread = float(real.std(unbiased=False))
    assert parameter.distribution.mean == pytest.approx(float(real.mean()), abs=0.03 * spread + 1e-6)
    assert parameter.distribution.std == pytest.approx(spread, rel=0.03, abs=1e-6)
    assert parameter.distribution.explicit
    assert len(parameter.history) >= 1


def test_a_part_of_a_parameter_is_told_apart() -> None:
    parameter = run(
        "p = nn.Parameter(torch.zeros(40))\nwith torch.no_grad():\n    p[10:20] = 1.0\n    p[30:].fill_(2.0)"
    )["p"]
    parts = parameter.parameter.distribution.parts
    assert [(window, draw.mean) for window, draw in parts] == [((0, 10, 20), 1.0), ((0, 30, 40), 2.0)]


@pytest.mark.parametrize(
    ("view", "window"),
    [
        ("p.data[1]", (0, 1, 2)),
        ("p.data[:, 2:4]", (1, 2, 4)),
        ("p.data.chunk(2)[1]", (0, 3, 6)),
        ("p.data.split(2, 1)[0]", (1, 0, 2)),
        ("p.data.narrow(1, 1, 3)", (1, 1, 4)),
        ("p.data.t()[0]", None),
        ("p.data[p.data > 0]", None),
    ],
)
def test_views_know_which_part_they_are(view: str, window: tuple[int, int, int] | None) -> None:
    found = run(f"p = nn.Parameter(torch.zeros(6, 8))\nv = {view}")["v"]
    assert (found.partial, found.window) == (True, window)


# Changes in place of other tensors.


def test_an_operation_in_place_is_seen_by_every_name() -> None:
    found = run("h = x + 1\nskip = h\nh += y\nF.relu(h, inplace=True)")
    assert found["h"] is found["skip"]
    assert found["skip"].node.get("function") == "relu"
    assert found["skip"].node.inputs[0].kind is Kind.ADD


def test_an_operation_out_of_place_is_not() -> None:
    found = run("h = x + 1\nskip = h\nh = h + y")
    assert found["skip"].node is not found["h"].node


def test_entries_that_are_replaced_go_on_with_the_others() -> None:
    found = run("h = torch.zeros(2, 3, 4)\nh[:, :2] = x[:, :2]\nh[:, 2] = y[:, 0]")["h"]
    assert found.shape == (2, 3, 4)
    sources = topological((found.node,))
    assert sum(part.kind is Kind.CONSTANT and part.shape == (2, 3, 4) for part in sources) == 3


def test_a_result_that_does_not_fit_in_place_is_an_error() -> None:
    found = run(
        "h = torch.zeros(3, 1)\ntry:\n    h += torch.zeros(3, 4)\n    fits = True\nexcept RuntimeError:\n    fits = False"
    )
    assert found["fits"] is False


def test_a_change_under_an_unknown_condition_is_an_alternative() -> None:
    found = run("import settings\nh = x + 1\nbefore = h.clone()\nif settings.flag:\n    h += y\nelse:\n    h *= 2")["h"]
    assert (found.node.kind, found.shape) == (Kind.OPAQUE, (2, 3, 4))


@pytest.mark.parametrize(
    "mistake", ["x + None", "x + 'a'", "x @ 3", "len(torch.tensor(1.0))", "x[0, 0, 0, 0]", "x.view(7)"]
)
def test_mistakes_of_the_program_are_errors(mistake: str) -> None:
    found = run(f"try:\n    {mistake}\n    fine = True\nexcept Exception:\n    fine = False")
    assert found["fine"] is False


@pytest.mark.parametrize(
    "expression",
    [
        "x + settings.a", "settings.a * x", "x ** settings.a", "x @ settings.a", "x[settings.a]", "x[:, :settings.a]",
        "x.view(settings.a, 12)", "x.reshape(settings.a, settings.b)", "x.sum(settings.a)", "x.permute(settings.a, 1, 2)",
        "torch.cat([x, settings.a])", "torch.cat(settings.a)", "F.pad(x, settings.a)", "F.interpolate(image, settings.a)",
        "x.split(settings.a)", "torch.zeros(settings.a, 3)", "torch.arange(settings.a)", "F.conv2d(image, settings.a)",
        "F.linear(x, settings.a)", "torch.einsum(settings.a, x, x)", "x.to(settings.a)", "x.expand(settings.a, 3, 4)",
        "x.repeat(settings.a, 1, 1)", "F.dropout(x, settings.a)", "x.masked_fill(settings.a, 0)", "torch.where(settings.a, x, y)",
        "F.layer_norm(x, settings.a)", "torch.linspace(0, settings.a, 5)", "x.clamp(settings.a, 1)", "x.unsqueeze(settings.a)",
        "F.max_pool2d(image, settings.a)", "F.adaptive_avg_pool2d(image, settings.a)", "F.one_hot(settings.a, 3)",
        "x.gather(1, settings.a)", "x.flatten(settings.a)", "x.topk(settings.a)", "F.normalize(x, settings.a)",
        "torch.full((2, 2), settings.a)", "torch.tensor(settings.a)", "x.std(settings.a)", "x.chunk(settings.a)",
        "F.embedding(settings.a, W)", "F.cross_entropy(x, settings.a)", "F.softmax(x, settings.a)", "x.type(settings.a)",
        "F.scaled_dot_product_attention(x, settings.a, x)", "torch.stack(settings.a)", "x.movedim(settings.a, 0)",
        "x.unfold(settings.a, 1, 1)", "torch.roll(x, settings.a)", "torch.meshgrid(settings.a, settings.a)",
    ],
)  # fmt: skip
def test_an_unknown_argument_is_no_mistake_of_ours(expression: str) -> None:
    found = run(f"import settings\ntry:\n    out = {expression}\nexcept TypeError:\n    out = None")
    assert "out" in found
    assert found["out"] is not None
    reason = getattr(found["out"], "reason", "")
    assert not any(word in reason for word in ("NoneType", "object is not", "unsupported operand", "argument of type"))
