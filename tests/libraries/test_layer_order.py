"""The layers of the graph are those that forward hooks in PyTorch see, in the same order."""

from __future__ import annotations

from typing import Any

import pytest

from gradlint.evaluation.driver import Evaluator
from gradlint.network import Kind, Network
from gradlint.sources import SourceLoader
from tests.libraries.published import package_folder, torchvision_builders
from tests.libraries.real import torchvision_module

pytestmark = pytest.mark.slow

NETWORKS = {
    "alexnet": 96,
    "vgg11_bn": 96,
    "resnet18": 96,
    "densenet121": 96,
    "inception_v3": 299,
    "mobilenet_v3_small": 96,
    "efficientnet_b0": 96,
    "convnext_tiny": 96,
    "swin_t": 96,
    "shufflenet_v2_x1_0": 96,
    "squeezenet1_1": 96,
    "regnet_y_400mf": 96,
    "mnasnet0_5": 96,
}


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return Evaluator(SourceLoader())


def read(evaluator: Evaluator, name: str) -> Network:
    source = evaluator.modules.loader.load(next(b.file for b in torchvision_builders() if b.name == name))
    assert source is not None
    return evaluator.evaluate(source, f"{name}()").networks[0]


def run_real(name: str, size: int) -> list[str]:
    """Names of the layers with parameters, in the order in which they are called."""
    import torch

    model = torchvision_module("models").__dict__[name](weights=None)
    called: list[str] = []

    def note(path: str) -> Any:
        return lambda module, args, result: called.append(path)

    for path, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None and not list(module.children()):
            module.register_forward_hook(note(path))
    with torch.no_grad():
        model(torch.zeros(2, 3, size, size))
    return called


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_with_parameters_run_in_the_same_order(name: str, evaluator: Evaluator) -> None:
    network = read(evaluator, name)
    real = run_real(name, NETWORKS[name])
    # A function called with a layer's parameters is no call of the layer unless the layer makes it.
    calls = [
        node.name
        for node in network.nodes
        if node.parameters and node.kind is not Kind.PARAMETER and (node.layer is not None or node.name in real)
    ]
    assert [call for index, call in enumerate(calls) if index == 0 or calls[index - 1] != call] == real


def test_the_package_is_read_and_not_imported() -> None:
    assert (package_folder("torchvision") / "models" / "resnet.py").exists()
