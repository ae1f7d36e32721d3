"""Small programs give the same `result` evaluated by gradlint as run by Python with torch itself."""

from __future__ import annotations

import textwrap
import warnings
from typing import Any

import pytest

from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.sources import SourceFile, SourceLoader

_PROLOGUE = """
import copy
import math
from collections import OrderedDict
import torch
import torch.nn as nn
import torch.nn.functional as F

def shapes(module):
    return [(name, tuple(p.shape)) for name, p in module.named_parameters()]

class Block(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.act = nn.ReLU()
        self.second = nn.Linear(width, width, bias=False)
    def forward(self, x):
        return x + self.second(self.act(self.first(x)))
"""

PROGRAMS = {
    "modules in the order of registration": """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a = Block()
                self.scale = nn.Parameter(torch.ones(3))
                self.late = nn.Linear(2, 2)
                self.add_module("b", Block(2))
                self.register_module("c", self.a)
                self.register_buffer("table", torch.zeros(5))
                self.register_parameter("shift", None)
                self.shift = nn.Parameter(torch.zeros(1, 2))
                setattr(self, "d", nn.ReLU())
        net = Net()
        result = [
            shapes(net),
            sorted(n for n, _ in net.named_modules()),
            [n for n, _ in net.named_buffers()],
            sorted(net.state_dict()),
            len(list(net.modules())),
            len(list(net.parameters(recurse=False))),
            sum(p.numel() for p in net.parameters()),
            next(net.parameters()).shape[0],
        ]
    """,
    "shared layers and parameters are listed once": """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed = nn.Embedding(10, 4)
                self.head = nn.Linear(4, 10, bias=False)
                self.head.weight = self.embed.weight
                self.again = self.head
        net = Net()
        result = [
            shapes(net),
            [n for n, _ in net.named_modules()],
            [n for n, _ in net.named_children()],
            len(list(net.children())),
        ]
    """,
    "apply visits children first": """
        seen = []
        net = nn.Sequential(Block(), nn.Sequential(nn.ReLU(), nn.Linear(4, 1)))
        net.apply(lambda m: seen.append(type(m).__name__))
        result = seen
    """,
    "sequential": """
        net = nn.Sequential(OrderedDict([("conv", nn.Conv2d(3, 4, 3)), ("relu", nn.ReLU())]))
        net.append(nn.Flatten())
        net.insert(1, nn.BatchNorm2d(4)) if False else None
        net.add_module("head", nn.Linear(4, 2))
        tail = net[1:]
        other = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Linear(2, 2))
        other[1] = nn.Sigmoid()
        del other[0]
        other.insert(0, nn.Identity())
        other.extend([nn.Linear(2, 3)])
        result = [
            [n for n, _ in net.named_children()],
            [n for n, _ in tail.named_children()],
            len(net),
            type(net[-1]).__name__,
            type(net.relu).__name__,
            [(n, type(m).__name__) for n, m in other.named_children()],
            [type(m).__name__ for m in other],
            type(other.pop(0)).__name__,
            shapes(other),
        ]
    """,
    "subclass of sequential": """
        class Stem(nn.Sequential):
            def __init__(self, width, *more):
                layers = [nn.Conv2d(3, width, 3), nn.ReLU()]
                super().__init__(*layers, *more)
                self.width = width
        stem = Stem(4, nn.MaxPool2d(2))
        result = [shapes(stem), len(stem), tuple(stem(torch.zeros(1, 3, 8, 8)).shape), stem.width]
    """,
    "module list": """
        blocks = nn.ModuleList([Block(i) for i in (2, 3)])
        blocks.append(Block(4))
        blocks += [nn.ReLU()]
        blocks.insert(0, nn.Tanh())
        half = blocks[::2]
        blocks[-1] = nn.GELU()
        result = [
            shapes(blocks),
            len(blocks),
            [type(m).__name__ for m in half],
            [type(m).__name__ for m in blocks],
            [n for n, _ in half.named_children()],
            len(blocks + blocks[:1]),
            blocks[1] in blocks,
        ]
    """,
    "module dict": """
        heads = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.ReLU()})
        heads["c"] = nn.Linear(1, 1)
        heads.update({"d": nn.Tanh()})
        heads.update([("e", nn.Sigmoid())])
        del heads["b"]
        result = [
            list(heads.keys()),
            [type(m).__name__ for m in heads.values()],
            [k for k, _ in heads.items()],
            len(heads),
            "c" in heads,
            "b" in heads,
            [k for k in heads],
            shapes(heads),
            type(heads.pop("d")).__name__,
            len(heads),
        ]
    """,
    "lists and dictionaries of parameters": """
        weights = nn.ParameterList([nn.Parameter(torch.zeros(2, 3)), torch.zeros(4)])
        weights.append(nn.Parameter(torch.zeros(5)))
        named = nn.ParameterDict({"w": nn.Parameter(torch.zeros(2))})
        named["v"] = torch.zeros(3)
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.weights, self.named = weights, named
        net = Net()
        result = [shapes(net), len(weights), tuple(weights[1].shape), list(named.keys()), "v" in named]
    """,
    "hidden lists are not registered": """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.hidden = [nn.Linear(2, 2)]
                self.table = {"a": nn.Linear(2, 2)}
                self.plain = torch.zeros(3)
        result = shapes(Net())
    """,
    "get_submodule and registries": """
        net = nn.Sequential(Block(), Block())
        net._modules["extra"] = nn.Tanh()
        result = [
            type(net.get_submodule("0.first")).__name__,
            tuple(net.get_parameter("1.second.weight").shape),
            list(net._modules.keys()),
            [k for k, m in net[0]._modules.items()],
            [k for k in net[0].first._parameters],
            hasattr(net, "extra"),
            hasattr(net[0], "missing"),
        ]
    """,
    "replacing layers": """
        def replace(module):
            for name, child in module.named_children():
                if isinstance(child, nn.ReLU):
                    setattr(module, name, nn.GELU())
                else:
                    replace(child)
        net = nn.Sequential(Block(), nn.ReLU(), nn.Sequential(nn.ReLU()))
        replace(net)
        net[0].second = nn.Identity()
        del net[0].act
        result = [[(n, type(m).__name__) for n, m in net.named_modules()], shapes(net)]
    """,
    "freezing": """
        net = nn.Sequential(Block(), Block())
        net[0].requires_grad_(False)
        for p in net[1].first.parameters():
            p.requires_grad = False
        result = [[n for n, p in net.named_parameters() if p.requires_grad]]
    """,
    "modes": """
        net = nn.Sequential(Block(), nn.Dropout())
        before = net.training
        net.eval()
        result = [before, net.training, net[0].act.training, net.train().training, net[0].first.training]
    """,
    "deep copies have parameters of their own": """
        layer = nn.Linear(2, 3)
        stack = nn.Sequential(*[copy.deepcopy(layer) for _ in range(2)], layer, layer)
        rules = nn.utils.parametrizations
        normed = nn.Sequential(rules.spectral_norm(nn.Linear(2, 3)), rules.weight_norm(nn.Linear(3, 2)))
        twice = nn.Sequential(normed, copy.deepcopy(normed))
        result = [shapes(stack), shapes(twice)]
    """,
    "hooks": """
        kept = {}
        net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        handle = net[0].register_forward_hook(lambda module, args, output: kept.update(shape=tuple(output.shape)))
        net[1].register_forward_pre_hook(lambda module, args: (args[0][:, :2],))
        out = net(torch.zeros(4, 2))
        handle.remove()
        result = [kept, tuple(out.shape)]
    """,
    "overridden reset_parameters runs in the constructor": """
        calls = []
        class Scaled(nn.Linear):
            def reset_parameters(self):
                calls.append(tuple(self.weight.shape))
                nn.init.normal_(self.weight, std=0.1)
        Scaled(2, 3)
        result = calls
    """,
    "attributes of layers": """
        conv = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2)
        pool = nn.MaxPool2d(3, 2)
        norm = nn.LayerNorm(4)
        rnn = nn.LSTM(3, 4, 2, batch_first=True)
        attention = nn.MultiheadAttention(8, 2)
        result = [
            conv.kernel_size, conv.stride, conv.padding, conv.in_channels, conv.out_channels, conv.groups,
            conv.dilation, conv.transposed, conv.bias is None, nn.Conv2d(1, 1, 1, bias=False).bias is None,
            pool.kernel_size, pool.stride, norm.normalized_shape, norm.eps, rnn.hidden_size, rnn.num_layers,
            rnn.batch_first, attention.embed_dim, attention.head_dim, nn.BatchNorm2d(4).num_features,
            nn.Dropout(0.3).p, nn.Embedding(5, 6).embedding_dim, nn.LeakyReLU(0.3).negative_slope,
            tuple(rnn.weight_hh_l1.shape), tuple(attention.in_proj_weight.shape), nn.Softmax(dim=1).dim,
        ]
    """,
    "isinstance along the hierarchy": """
        layers = [nn.Conv2d(1, 1, 1), nn.BatchNorm1d(2), nn.ConvTranspose2d(1, 1, 1), nn.LSTM(1, 1)]
        layers.append(nn.InstanceNorm2d(1))
        kinds = [
            nn.Module, nn.Conv2d, nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.RNNBase,
            nn.modules.instancenorm._InstanceNorm, nn.Sequential,
        ]
        result = [[isinstance(layer, kind) for kind in kinds] for layer in layers]
        result.append(isinstance(nn.Linear(1, 1).weight, nn.Parameter))
        result.append(isinstance(nn.Linear(1, 1).weight, torch.Tensor))
        result.append(isinstance(torch.zeros(1), nn.Parameter))
    """,
    "weight normalization": """
        old = nn.utils.weight_norm(nn.Conv1d(3, 4, 5))
        whole = nn.utils.weight_norm(nn.Linear(3, 4), dim=None)
        new = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
        back = nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(3, 4)))
        result = [
            shapes(old), shapes(whole), shapes(new), shapes(back), tuple(old.weight.shape), tuple(new.weight.shape),
            nn.utils.parametrize.is_parametrized(new), isinstance(new, nn.Linear),
            tuple(old(torch.zeros(2, 3, 9)).shape), tuple(new(torch.zeros(2, 3)).shape),
        ]
    """,
    "spectral normalization": """
        old = nn.utils.spectral_norm(nn.Conv2d(3, 4, 3))
        new = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4))
        straight = nn.utils.parametrizations.orthogonal(nn.Linear(3, 3))
        result = [
            shapes(old), shapes(new), shapes(straight), [n for n, _ in old.named_buffers()],
            tuple(old(torch.zeros(2, 3, 9, 9)).shape), tuple(straight(torch.zeros(2, 3)).shape),
        ]
    """,
    "parametrizations of the user": """
        class Symmetric(nn.Module):
            def forward(self, w):
                return w.triu() + w.triu(1).transpose(-1, -2)
        layer = nn.Linear(3, 3)
        nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        first = shapes(layer)
        out = tuple(layer(torch.zeros(2, 3)).shape)
        nn.utils.parametrize.remove_parametrizations(layer, "weight")
        result = [first, out, sorted(shapes(layer))]
    """,
    "packed sequences": """
        rnn = nn.LSTM(3, 4, bidirectional=True)
        lengths = torch.tensor([5, 5])
        packed = nn.utils.rnn.pack_padded_sequence(torch.zeros(2, 5, 3), lengths, batch_first=True)
        packed = nn.utils.rnn.PackedSequence(F.relu(packed.data), packed.batch_sizes)
        out, (h, c) = rnn(packed)
        first, n = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        second, _ = nn.utils.rnn.pad_packed_sequence(out)
        padded = nn.utils.rnn.pad_sequence([torch.zeros(3, 2), torch.zeros(5, 2)], batch_first=True)
        result = [tuple(t.shape) for t in (out.data, h, c, first, second, n, padded)]
    """,
    "vectors of parameters": """
        net = Block()
        result = [tuple(nn.utils.parameters_to_vector(net.parameters()).shape)]
    """,
    "scripting and compiling change nothing": """
        @torch.jit.ignore
        def helper(x):
            return x + 1
        @torch.jit.unused
        def other(x):
            return x
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(2, 3)
            def forward(self, x):
                if torch.jit.is_scripting() or torch.jit.is_tracing():
                    return x
                return self.layer(other(x))
        net = torch.compile(Net(), disable=True)
        from torch.utils.checkpoint import checkpoint
        result = [tuple(checkpoint(net, torch.zeros(1, 2), use_reentrant=False).shape), helper(1)]
    """,
    "a fallback to a wrapped module": """
        class Wrapper(nn.Module):
            def __init__(self, module):
                super().__init__()
                self.module = module
            def __getattr__(self, name):
                try:
                    return super().__getattr__(name)
                except AttributeError:
                    return getattr(self.module, name)
        wrapper = Wrapper(Block())
        result = [type(wrapper.first).__name__, hasattr(wrapper, "missing"), shapes(wrapper)]
    """,
    "attributes set by an overridden method": """
        class Watched(nn.Module):
            def __setattr__(self, name, value):
                super().__setattr__(name, value)
        watched = Watched()
        watched.layer = nn.Linear(2, 2)
        watched.width = 3
        result = [shapes(watched), watched.width]
    """,
    "parallel wrappers": """
        net = nn.DataParallel(Block())
        result = [shapes(net), type(net.module).__name__, tuple(net(torch.zeros(2, 4)).shape)]
    """,
    "fusion": """
        fused = nn.utils.fuse_conv_bn_eval(nn.Conv2d(3, 4, 3, bias=False).eval(), nn.BatchNorm2d(4).eval())
        result = [shapes(fused), type(fused).__name__]
    """,
    "embedding from pretrained": """
        table = nn.Embedding.from_pretrained(torch.zeros(5, 3))
        free = nn.Embedding.from_pretrained(torch.zeros(5, 3), freeze=False)
        result = [shapes(table), table.weight.requires_grad, free.weight.requires_grad, table.num_embeddings]
    """,
    "loading a state": """
        a, b = Block(), Block()
        b.load_state_dict(a.state_dict())
        result = [sorted(b.state_dict().keys()), len(b.state_dict())]
    """,
    "calculate_gain and fans": """
        w = torch.empty(4, 3, 5, 5)
        result = [
            nn.init.calculate_gain("relu"), nn.init.calculate_gain("tanh"), nn.init.calculate_gain("leaky_relu", 0.2),
            nn.init.calculate_gain("sigmoid"), nn.init.calculate_gain("selu"),
            nn.init._calculate_fan_in_and_fan_out(w), nn.init._calculate_correct_fan(w, "fan_out"),
        ]
    """,
    "parameters from tensors": """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a = nn.Parameter(torch.randn(2, 3) * 0.02)
                self.b = nn.Parameter(torch.tensor(0.5))
                self.c = nn.Parameter(torch.empty(4), requires_grad=False)
                self.d = nn.Parameter(torch.tensor([1.0, 2.0]))
                self.e = torch.nn.parameter.Parameter(torch.zeros(1, 1))
                self.f = self.a * 2
        net = Net()
        result = [shapes(net), [p.requires_grad for p in net.parameters()]]
    """,
    "casting": """
        net = Block().half().to("cpu").double()
        result = [str(next(net.parameters()).dtype) == str(torch.float64)]
    """,
    "forward of a network with all kinds of parts": """
        class Net(nn.Module):
            def __init__(self, depth=3):
                super().__init__()
                self.embed = nn.Embedding(100, 16, padding_idx=0)
                layers = (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True) for _ in range(depth))
                self.blocks = nn.ModuleList(layers)
                self.norm = nn.LayerNorm(16)
                self.rnn = nn.GRU(16, 8, batch_first=True, bidirectional=True)
                self.conv = nn.Conv1d(16, 8, 3, padding="same")
                self.head = nn.ModuleDict({"out": nn.Linear(8, 2)})
            def forward(self, x):
                x = self.embed(x)
                for block in self.blocks:
                    x = block(x)
                x, h = self.rnn(self.norm(x))
                x = self.conv(x.transpose(1, 2)).mean(-1)
                return self.head["out"](x), h
        net = Net()
        out, h = net(torch.zeros(2, 7, dtype=torch.long))
        result = [tuple(out.shape), tuple(h.shape), sum(p.numel() for p in net.parameters())]
    """,
}


def _evaluated(text: str) -> Any:
    modules = ModuleCache(SourceLoader())
    module = modules.run(Interpreter(modules), SourceFile.from_text(text, "program.py"), "program", None)
    return module.scope.variables["result"]


def _run(text: str) -> Any:
    variables: dict[str, Any] = {"__name__": "program"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, "program.py", "exec"), variables)
    return variables["result"]


def _plain(value: Any) -> Any:
    """Sequences as lists, numbers rounded."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return round(value, 9) if isinstance(value, float) else value


@pytest.mark.parametrize("name", PROGRAMS)
def test_result_is_that_of_python(name: str) -> None:
    text = _PROLOGUE + textwrap.dedent(PROGRAMS[name])
    assert _plain(_evaluated(text)) == _plain(_run(text))
