"""What layers put into the graph: kinds, attributes, parameters, and the order in which they run."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import torch

from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.frameworks import modules, resolve
from gradlint.network import Kind, Node, topological
from gradlint.sources import SourceFile, SourceLoader
from tests.frameworks.torch.harness import Tables, parameter_of


@pytest.fixture
def tables() -> Tables:
    return Tables()


def _node(tables: Tables, name: str, *args: Any, on: tuple[int, ...], **kwargs: Any) -> Node:
    result = tables.call(tables.make(f"nn.{name}", *args, **kwargs), tables.input(*on))
    return result[0].node if isinstance(result, tuple) else result.node


def _attributes(node: Node, *names: str) -> dict[str, Any]:
    return {name: node.get(name) for name in names}


def test_linear(tables: Tables) -> None:
    node = _node(tables, "Linear", 6, 4, on=(2, 6))
    assert node.kind is Kind.LINEAR
    assert node.class_name == "torch.nn.Linear"
    assert node.attributes == {"in_features": 6, "out_features": 4}
    assert {role: parameter.shape for role, parameter in node.parameters.items()} == {"weight": (4, 6), "bias": (4,)}


def test_convolution(tables: Tables) -> None:
    node = _node(tables, "Conv2d", 6, 8, 3, padding=1, stride=(2, 1), groups=2, bias=False, on=(1, 6, 9, 9))
    assert node.kind is Kind.CONVOLUTION
    assert node.attributes == {
        "in_channels": 6,
        "out_channels": 8,
        "kernel_size": (3, 3),
        "stride": (2, 1),
        "dilation": (1, 1),
        "padding": ((1, 1), (1, 1)),
        "groups": 2,
        "transposed": False,
        "padding_mode": "zeros",
        "channel_axis": 1,
    }
    assert list(node.parameters) == ["weight"]


def test_same_padding_is_written_out(tables: Tables) -> None:
    assert _node(tables, "Conv1d", 2, 2, 4, padding="same", on=(1, 2, 9)).get("padding") == ((1, 2),)


def test_settings_changed_after_construction_count(tables: Tables) -> None:
    layer = tables.make("nn.Conv2d", 3, 4, 3, stride=2)
    layer.attrs["stride"] = (1, 1)
    assert tables.call(layer, tables.input(1, 3, 9, 9)).shape == (1, 4, 7, 7)


@pytest.mark.parametrize(
    ("name", "args", "shape", "kind", "axes"),
    [
        ("BatchNorm2d", (6,), (2, 6, 3, 3), "batch", (0, 2, 3)),
        ("BatchNorm1d", (6,), (2, 6), "batch", (0,)),
        ("LayerNorm", (6,), (2, 3, 6), "layer", (-1,)),
        ("RMSNorm", ((3, 6),), (2, 3, 6), "rms", (-2, -1)),
        ("GroupNorm", (2, 6), (2, 6, 3, 3), "group", (2, 3)),
        ("InstanceNorm2d", (6,), (2, 6, 3, 3), "instance", (2, 3)),
    ],
)
def test_normalization(
    name: str, args: tuple[Any, ...], shape: tuple[int, ...], kind: str, axes: tuple[int, ...], tables: Tables
) -> None:
    node = _node(tables, name, *args, on=shape)
    assert node.kind is Kind.NORMALIZATION
    assert _attributes(node, "type", "axes") == {"type": kind, "axes": axes}


def test_pooling(tables: Tables) -> None:
    node = _node(tables, "MaxPool2d", 3, 2, 1, on=(1, 2, 8, 8))
    assert node.kind is Kind.POOLING
    assert _attributes(node, "type", "kernel_size", "stride", "padding", "global") == {
        "type": "max",
        "kernel_size": (3, 3),
        "stride": (2, 2),
        "padding": ((1, 1), (1, 1)),
        "global": None,
    }
    adaptive = _node(tables, "AdaptiveAvgPool2d", (1, 1), on=(1, 2, 8, 8))
    assert _attributes(adaptive, "type", "global", "axes") == {"type": "average", "global": True, "axes": (-2, -1)}
    assert _node(tables, "AdaptiveAvgPool2d", 7, on=(1, 2, 8, 8)).get("global") is False


def test_prelu_has_its_slope_as_weight(tables: Tables) -> None:
    node = _node(tables, "PReLU", on=(2, 3))
    assert node.get("function") == "prelu"
    assert node.parameters["weight"].distribution.mean == 0.25


def test_recurrent(tables: Tables) -> None:
    node = _node(tables, "LSTM", 4, 5, 2, batch_first=True, bidirectional=True, on=(3, 7, 4))
    assert node.kind is Kind.RECURRENT
    assert _attributes(node, "cell", "hidden_size", "num_layers", "bidirectional", "time_axis", "steps", "gates") == {
        "cell": "lstm",
        "hidden_size": 5,
        "num_layers": 2,
        "bidirectional": True,
        "time_axis": 1,
        "steps": 7,
        "gates": "ifgo",
    }
    assert "weight_hh_l1_reverse" in node.parameters
    cell = _node(tables, "GRUCell", 4, 5, on=(3, 4))
    assert _attributes(cell, "cell", "steps", "unrolled", "gates") == {
        "cell": "gru",
        "steps": 1,
        "unrolled": True,
        "gates": "rzn",
    }
    assert set(cell.parameters) == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}


def test_the_last_state_comes_out_of_the_sequence(tables: Tables) -> None:
    sequence, state = tables.call(tables.make("nn.GRU", 4, 5), tables.input(7, 3, 4))
    assert state.node.inputs == (sequence.node,)
    assert state.node.get("operation") == "slice"


def test_attention(tables: Tables) -> None:
    layer = tables.make("nn.MultiheadAttention", 8, 2, dropout=0.1)
    output, weights = tables.call(layer, *[tables.input(5, 3, 8)] * 3)
    projection = output.node
    attention = projection.inputs[0]
    query, key, value = attention.inputs
    assert [node.get("rows") for node in (query, key, value)] == [(0, 8), (8, 16), (16, 24)]
    assert {id(node.parameters["weight"]) for node in (query, key, value)} == {
        id(parameter_of(layer.attrs["in_proj_weight"]))
    }
    assert attention.kind is Kind.ATTENTION
    assert _attributes(attention, "heads", "scale", "dropout", "causal") == {
        "heads": 2,
        "scale": 0.5,
        "dropout": 0.1,
        "causal": False,
    }
    assert projection.layer is layer.attrs["out_proj"]
    assert weights.shape == (3, 5, 5)
    assert tables.call(layer, *[tables.input(5, 3, 8)] * 3, need_weights=False)[1] is None


def test_a_square_subsequent_mask_makes_attention_causal(tables: Tables) -> None:
    layer = tables.make("nn.TransformerEncoder", tables.make("nn.TransformerEncoderLayer", 8, 2, 16), 1)
    mask = tables.method(resolve("torch.nn.Transformer"), "generate_square_subsequent_mask", 5)
    output = tables.call(layer, tables.input(5, 3, 8), mask)
    attention = [node for node in topological((output.node,)) if node.kind is Kind.ATTENTION]
    assert [node.get("causal") for node in attention] == [True]


def test_spectral_normalization_changes_the_scale(tables: Tables) -> None:
    torch.manual_seed(0)
    module = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(200, 100))
    layer = tables.make("nn.utils.parametrizations.spectral_norm", tables.make("nn.Linear", 200, 100))
    node = tables.call(layer, tables.input(2, 200)).node
    assert node.parameters["weight"].distribution.std == pytest.approx(module.weight.std().item(), rel=0.1)
    assert node.parameters["weight"] not in modules.all_parameters(layer)


def test_weight_normalization_starts_as_the_plain_layer(tables: Tables) -> None:
    layer = tables.make("nn.utils.weight_norm", tables.make("nn.Linear", 20, 10))
    node = tables.call(layer, tables.input(2, 20)).node
    assert node.parameters["weight"] is parameter_of(layer.attrs["weight_v"])
    torch.manual_seed(0)
    real = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(20, 10))
    magnitude = parameter_of(layer.attrs["weight_g"]).distribution.mean
    assert magnitude == pytest.approx(real.parametrizations.weight.original0.mean().item(), rel=0.1)


def test_a_loaded_state_marks_the_module(tables: Tables) -> None:
    layer = tables.make("nn.Linear", 2, 3)
    tables.method(layer, "load_state_dict", tables.context.unknown("read from a file"))
    assert layer.hidden["pretrained"]


def test_a_copied_state_brings_its_distributions(tables: Tables) -> None:
    source, target = tables.make("nn.Linear", 2, 3), tables.make("nn.Linear", 2, 3)
    tables.make("nn.init.constant_", source.attrs["weight"], 0.5)
    tables.method(target, "load_state_dict", tables.method(source, "state_dict"))
    assert parameter_of(target.attrs["weight"]).distribution.mean == 0.5
    assert "pretrained" not in target.hidden


def test_pretrained_embeddings(tables: Tables) -> None:
    unknown = tables.context.unknown("vectors read from a file")
    layer = tables.method(tables.make("nn.Embedding", 2, 3).cls, "from_pretrained", unknown)
    assert layer.hidden["pretrained"]
    assert not parameter_of(layer.attrs["weight"]).trainable


NETWORKS = {
    "residual": """
        class Block(nn.Module):
            def __init__(self, inside, outside, stride):
                super().__init__()
                self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride), nn.BatchNorm2d(outside))
                self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
                self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1)
                self.norm = nn.ModuleList([nn.BatchNorm2d(outside) for _ in range(2)])
                self.relu = nn.ReLU(inplace=True)
            def forward(self, x):
                y = self.relu(self.norm[0](self.conv1(x)))
                y = self.norm[1](self.conv2(y))
                return self.relu(y + self.shortcut(x))
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.pool = nn.AdaptiveAvgPool2d(1)
                self.body = nn.Sequential(Block(3, 4, 1), nn.Dropout(0.1), Block(4, 8, 2))
                self.head = nn.Linear(8, 2)
            def forward(self, x):
                return self.head(torch.flatten(self.pool(self.body(x)), 1))
        net, x = Net(), torch.zeros(2, 3, 8, 8)
    """,
    "encoder and decoder": """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.up = nn.ConvTranspose2d(8, 4, 2, 2)
                self.down = nn.ModuleDict({"a": nn.Conv2d(3, 4, 3, padding=1), "b": nn.Conv2d(4, 8, 3, padding=1)})
                self.pool, self.act = nn.MaxPool2d(2), nn.GELU()
                self.out = nn.Conv2d(8, 1, 1)
            def forward(self, x):
                a = self.act(self.down["a"](x))
                b = self.act(self.down["b"](self.pool(a)))
                return self.out(torch.cat([self.up(b), a], 1))
        net, x = Net(), torch.zeros(2, 3, 8, 8)
    """,
    "recurrent": """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed, self.rnn = nn.Embedding(10, 4), nn.LSTM(4, 5, batch_first=True)
                self.norm, self.out = nn.LayerNorm(5), nn.Linear(5, 2)
            def forward(self, x):
                y, _ = self.rnn(self.embed(x))
                return self.out(self.norm(y[:, -1]))
        net, x = Net(), torch.zeros(2, 7, dtype=torch.long)
    """,
}

_PROLOGUE = "import torch\nfrom torch import nn\n"


@pytest.mark.parametrize("name", NETWORKS)
def test_leaf_layers_run_in_the_order_that_hooks_see(name: str) -> None:
    text = _PROLOGUE + textwrap.dedent(NETWORKS[name]) + "out = net(x)\n"
    variables: dict[str, Any] = {"__name__": "program"}
    exec(compile(text, "program.py", "exec"), variables)
    seen: list[str] = []
    for path, module in variables["net"].named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, path=path: seen.append(path))
    variables["net"](variables["x"])

    cache = ModuleCache(SourceLoader())
    module = cache.run(Interpreter(cache), SourceFile.from_text(text, "program.py"), "program", None)
    evaluated = module.scope.variables
    paths = {id(layer): path for path, layer in modules.named_modules(evaluated["net"])}
    nodes = topological((evaluated["out"].node,))
    assert [paths[id(node.layer)] for node in nodes if node.layer is not None] == seen


def test_an_unknown_number_of_layers_is_noted(tables: Tables) -> None:
    unknown = tables.context.unknown("a test")
    node = tables.call(tables.make("nn.LSTM", 4, 5, unknown), tables.input(7, 3, 4))[0].node
    assert node.get("num_layers") is None
    assert tables.context.depth_flag
    layer = tables.make("nn.TransformerEncoderLayer", 8, 2, 16)
    assert len(modules.children(tables.make("nn.TransformerEncoder", layer, unknown).attrs["layers"])) == 1


def test_unpooling_takes_the_places_that_pooling_gives(tables: Tables) -> None:
    pooled, indices = tables.call(tables.make("nn.MaxPool2d", 2, return_indices=True), tables.input(1, 3, 8, 8))
    unpool = tables.make("nn.MaxUnpool2d", 2)
    assert tables.call(unpool, pooled, indices).shape == (1, 3, 8, 8)
    assert tables.call(unpool, pooled, indices, output_size=(1, 3, 9, 9)).shape == (1, 3, 9, 9)
