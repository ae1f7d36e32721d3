"""The building blocks of `torchvision.ops`, as packages that import them use them."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.frameworks import modules, resolve
from gradlint.network import Kind, topological
from gradlint.sources import SourceFile, SourceLoader


def _evaluated(text: str) -> dict[str, Any]:
    cache = ModuleCache(SourceLoader())
    source = SourceFile.from_text("import torch\nfrom torch import nn\n" + textwrap.dedent(text), "program.py")
    return cache.run(Interpreter(cache), source, "program", None).scope.variables


def _sizes(layer: Any) -> list[tuple[str, int | None]]:
    return [(name, tensor.parameter.size) for name, tensor in modules.named_parameters(layer) if tensor.parameter]


def test_convolution_norm_activation() -> None:
    result = _evaluated(
        """
        from torchvision.ops import Conv2dNormActivation
        from torchvision.ops.misc import Conv3dNormActivation
        block = Conv2dNormActivation(3, 8, 3, 2)
        bare = Conv2dNormActivation(3, 8, kernel_size=(3, 5), norm_layer=None, activation_layer=nn.SiLU)
        volume = Conv3dNormActivation(3, 8, dilation=2)
        image = torch.zeros(1, 3, 9, 9)
        out, wide, deep = block(image), bare(image), volume(torch.zeros(1, 3, 9, 9, 9))
        """
    )
    assert _sizes(result["block"]) == [("0.weight", 216), ("1.weight", 8), ("1.bias", 8)]
    assert _sizes(result["bare"]) == [("0.weight", 360), ("0.bias", 8)]
    assert result["out"].shape == (1, 8, 5, 5)
    assert result["wide"].shape == (1, 8, 9, 9)
    assert result["deep"].shape == (1, 8, 9, 9, 9)
    assert result["block"].attrs["out_channels"] == 8


def test_squeeze_and_excitation_multiplies_its_input() -> None:
    result = _evaluated(
        """
        from torchvision.ops import SqueezeExcitation
        block = SqueezeExcitation(8, 2, scale_activation=nn.Hardsigmoid)
        out = block(torch.zeros(1, 8, 4, 4))
        """
    )
    assert sum(size or 0 for _, size in _sizes(result["block"])) == 8 * 2 + 2 + 2 * 8 + 8
    kinds = [node.get("function") for node in topological((result["out"].node,)) if node.kind is Kind.ACTIVATION]
    assert kinds == ["relu", "hard_sigmoid"]
    assert result["out"].node.kind is Kind.MULTIPLY
    assert result["out"].shape == (1, 8, 4, 4)


def test_mlp() -> None:
    result = _evaluated(
        """
        from torchvision.ops import MLP
        block = MLP(4, [8, 2], activation_layer=nn.GELU, dropout=0.1)
        out = block(torch.zeros(3, 4))
        """
    )
    names = [child.cls.name.rpartition(".")[2] for child in modules.children(result["block"]).values()]
    assert names == ["Linear", "GELU", "Dropout", "Linear", "Dropout"]
    assert result["out"].shape == (3, 2)


@pytest.mark.parametrize(
    ("text", "kind", "rate"),
    [
        ("StochasticDepth(0.2, 'row')(x)", "path", 0.2),
        ("stochastic_depth(x, 0.3, 'batch')", "path", 0.3),
        ("DropBlock2d(0.1, 3)(x)", "channel", 0.1),
    ],
)
def test_paths_and_blocks_that_are_dropped(text: str, kind: str, rate: float) -> None:
    result = _evaluated(f"from torchvision.ops import *\nx = torch.zeros(1, 2, 4, 4)\nout = {text}\n")
    node = result["out"].node
    assert (node.kind, node.get("type"), node.get("rate")) == (Kind.DROPOUT, kind, rate)


def test_frozen_norm_and_permute_have_no_parameters() -> None:
    result = _evaluated(
        """
        from torchvision.ops import FrozenBatchNorm2d, Permute
        norm, order = FrozenBatchNorm2d(4), Permute([0, 2, 3, 1])
        out = order(norm(torch.zeros(1, 4, 5, 6)))
        """
    )
    assert _sizes(result["norm"]) == []
    assert result["out"].shape == (1, 5, 6, 4)


def test_models_and_transforms_are_not_in_the_table() -> None:
    assert not resolve("torchvision.models.resnet18")
    assert not resolve("torchvision.transforms.ToTensor")
