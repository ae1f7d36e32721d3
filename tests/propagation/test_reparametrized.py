"""Weight and spectral normalization: the scale that they leave, whatever was drawn, as PyTorch has it."""

from __future__ import annotations

import math
import statistics
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gradlint.network import Network
from gradlint.propagation import Settings, mend, propagate
from gradlint.propagation.attribution import Cause, attribute

torch.set_num_threads(1)

SOURCE = """
from torch import nn
from torch.nn.utils import spectral_norm, weight_norm
from torch.nn.utils.parametrizations import orthogonal
from torch.nn.utils import parametrizations as new

def tiny(weight):
    nn.init.normal_(weight, 0.0, 0.001)

def stack(wrap, before=None, after=None, depth=10, act=nn.ReLU):
    layers = []
    for i in range(depth - 1):
        layer = nn.Linear(64 if i else 20, 64)
        if before:
            before(layer.weight)
        layer = wrap(layer)
        if after:
            after(layer)
        layers += [layer, act()]
    return nn.Sequential(*layers, nn.Linear(64, 10))

def on_weight(layer):
    layer.weight.data.normal_(0.0, 0.001)

def on_v(layer):
    layer.weight_v.data.normal_(0.0, 0.001)

def on_g(layer):
    layer.weight_g.data.fill_(2.0)

def on_original(layer):
    nn.init.normal_(layer.parametrizations.weight.original, 0.0, 0.001)

def images(wrap, depth=6):
    layers = [layer for i in range(depth)
              for layer in (wrap(nn.Conv2d(32 if i else 3, 32, 3, padding=1)), nn.LeakyReLU(0.1))]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 64, 1))

def larger(wrap, depth=4):
    layers = [layer for _ in range(depth) for layer in (wrap(nn.ConvTranspose2d(32, 24, 4, 2, 1)), nn.ReLU(),
                                                        wrap(nn.Conv2d(24, 32, 3, padding=1)), nn.ReLU())]
    return nn.Sequential(*layers, nn.Conv2d(32, 3, 3, padding=1))
"""
INPUTS = {"stack": (32, 20), "images": (8, 3, 8, 8), "larger": (8, 32, 4, 4)}
CALLS = [
    "stack(weight_norm)",
    "stack(new.weight_norm)",
    "stack(weight_norm, before=tiny)",
    "stack(weight_norm, after=on_weight)",
    "stack(new.weight_norm, after=on_weight)",
    "stack(weight_norm, after=on_v)",
    "stack(weight_norm, after=on_g)",
    "stack(spectral_norm)",
    "stack(spectral_norm, before=tiny, act=nn.Tanh)",
    "stack(spectral_norm, after=on_weight)",
    "stack(new.spectral_norm, after=on_weight)",
    "stack(new.spectral_norm, after=on_original)",
    "stack(lambda layer: spectral_norm(layer, n_power_iterations=5))",
    "stack(orthogonal, before=tiny)",
    "images(weight_norm)",
    "images(spectral_norm)",
    "images(new.spectral_norm)",
    "larger(weight_norm)",
    "larger(spectral_norm)",
    "larger(new.spectral_norm)",
]


def read(folder: Path, call: str) -> Network:
    from gradlint.evaluation.driver import Evaluator
    from gradlint.sources import SourceLoader, load

    file = folder / "net.py"
    file.write_text(SOURCE)
    source = load(file, "net.py")
    loader = SourceLoader()
    loader.add(source)
    return Evaluator(loader).evaluate(source, call).networks[0]


def measured(call: str) -> float:
    """Median log10 of the gradient ratio of the real network."""
    namespace: dict[str, Any] = {}
    exec(SOURCE, namespace)
    found = []
    for seed in range(5):
        torch.manual_seed(seed)
        model = eval(call, namespace).double()
        outputs: list[torch.Tensor] = []

        def keep(_: nn.Module, __: Any, output: torch.Tensor, outputs: list[torch.Tensor] = outputs) -> None:
            output.retain_grad()
            outputs.append(output)

        for module in model.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                module.register_forward_hook(keep)
        result = model(torch.randn(*INPUTS[call.partition("(")[0]], dtype=torch.float64))
        (result * torch.randn_like(result)).sum().backward()
        first, last = outputs[0].grad, outputs[-1].grad
        assert first is not None
        assert last is not None
        found.append(math.log10(first.norm() / last.norm()))
    return statistics.median(found)


@pytest.mark.parametrize("call", CALLS)
def test_prediction_against_pytorch(call: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        expected = measured(call)
    predicted = propagate(read(tmp_path, call), Settings(dtype="float64")).log10_gradient_ratio
    assert predicted == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize(
    "call", ["stack(spectral_norm, before=tiny, depth=20)", "stack(orthogonal, before=tiny, depth=60)"]
)
def test_nobody_chose_a_scale_that_is_computed(call: str, tmp_path: Path) -> None:
    net = read(tmp_path, call)
    found = attribute(net, propagate(net))
    assert found is not None
    assert found.cause not in (Cause.SCALE, Cause.DEFAULT, Cause.MISMATCH)


def test_another_initializer_changes_nothing_that_is_computed(tmp_path: Path) -> None:
    net = read(tmp_path, "stack(spectral_norm)")
    before = [node.parameters["weight"].distribution.std for node in net.weighted]
    after = [node.parameters["weight"].distribution.std for node in mend(net, ["he"]).network.weighted]
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]
