"""Loss functions and layers: shapes against torch, and what the graph says of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch.nn.functional as F  # noqa: N812
from torch import nn

from gradlint.network import Kind
from tests.frameworks.torch.test_functions import evaluated

# Function, layer, and the expressions of its inputs.
LOSSES = [
    ("l1_loss", "L1Loss", "a, b"),
    ("mse_loss", "MSELoss", "a, b"),
    ("smooth_l1_loss", "SmoothL1Loss", "a, b"),
    ("huber_loss", "HuberLoss", "a, b"),
    ("cross_entropy", "CrossEntropyLoss", "a, torch.zeros(4, dtype=torch.long)"),
    ("cross_entropy", "CrossEntropyLoss", "a, b"),
    ("cross_entropy", "CrossEntropyLoss", "maps, torch.zeros(2, 5, 5, dtype=torch.long)"),
    ("nll_loss", "NLLLoss", "a, torch.zeros(4, dtype=torch.long)"),
    ("binary_cross_entropy", "BCELoss", "a, b"),
    ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss", "a, b"),
    ("kl_div", "KLDivLoss", "a, b"),
    ("poisson_nll_loss", "PoissonNLLLoss", "a, b"),
    ("gaussian_nll_loss", "GaussianNLLLoss", "a, b, torch.ones(4, 1)"),
    ("hinge_embedding_loss", "HingeEmbeddingLoss", "a, b"),
    ("soft_margin_loss", "SoftMarginLoss", "a, b"),
    ("multi_margin_loss", "MultiMarginLoss", "a, torch.zeros(4, dtype=torch.long)"),
    ("multilabel_margin_loss", "MultiLabelMarginLoss", "a, torch.zeros(4, 3, dtype=torch.long)"),
    ("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss", "a, b"),
    ("margin_ranking_loss", "MarginRankingLoss", "a, b, b"),
    ("cosine_embedding_loss", "CosineEmbeddingLoss", "a, b, torch.ones(4)"),
    ("triplet_margin_loss", "TripletMarginLoss", "a, b, b"),
    ("triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss", "a, b, b"),
]

PRELUDE = """
import torch
from torch import nn
import torch.nn.functional as F
a = torch.rand(4, 3)
b = torch.rand(4, 3)
maps = torch.rand(2, 3, 5, 5)
"""


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("function", "layer", "inputs"), LOSSES)
def test_a_loss_has_the_shape_that_torch_gives_it(function: str, layer: str, inputs: str, reduction: str) -> None:
    namespace: dict[str, Any] = {}
    exec(PRELUDE, namespace)
    expected = tuple(eval(f"F.{function}({inputs}, reduction='{reduction}')", namespace).shape)
    ours = evaluated(
        f"{PRELUDE}\nx = F.{function}({inputs}, reduction='{reduction}')\ny = nn.{layer}(reduction='{reduction}')({inputs})"
    )
    for name in ("x", "y"):
        assert ours[name].shape == expected
        assert ours[name].node.kind is Kind.LOSS
        assert ours[name].node.get("reduction") == reduction


def test_every_loss_of_torch_is_known() -> None:
    names = [name for name in dir(nn) if name.endswith("Loss")]
    ours = evaluated("from torch import nn\n" + "\n".join(f"{name} = nn.{name}" for name in names))
    unknown = [name for name in names if type(ours[name]).__name__ != "Class"]
    assert unknown in ([], ["LinearCrossEntropyLoss"])
    functions = [name for name in dir(F) if name.endswith(("_loss", "_entropy", "_logits", "_div"))]
    ours = evaluated("import torch.nn.functional as F\n" + "\n".join(f"{name} = F.{name}" for name in functions))
    missing = [name for name in functions if type(ours[name]).__name__ != "Native"]
    assert missing in ([], ["linear_cross_entropy"])


def test_old_arguments_still_say_how_a_loss_is_reduced() -> None:
    ours = evaluated(f"{PRELUDE}\nx = nn.MSELoss(size_average=False)(a, b)\ny = nn.MSELoss(reduce=False)(a, b)")
    assert (ours["x"].node.get("reduction"), ours["y"].shape) == ("sum", (4, 3))


def test_cross_entropy_takes_logits_and_its_kin_do_not() -> None:
    ours = evaluated(
        f"{PRELUDE}\nx = nn.CrossEntropyLoss(label_smoothing=0.1)(a, b)\n"
        "y = F.nll_loss(F.log_softmax(a, 1), torch.zeros(4).long())\nz = nn.BCELoss()(a, b)"
    )
    assert ours["x"].node.get("from_logits") is True
    assert ours["x"].node.get("label_smoothing") == 0.1
    assert ours["y"].node.get("from_logits") is False
    assert ours["z"].node.get("function") == "binary_cross_entropy"


def test_a_target_of_another_shape_does_not_fit() -> None:
    ours = evaluated(
        f"{PRELUDE}\ntry:\n    F.cross_entropy(a, torch.zeros(5, dtype=torch.long))\n    fits = True\n"
        "except RuntimeError:\n    fits = False"
    )
    assert ours["fits"] is False


def test_adaptive_softmax_has_the_parameters_of_torch() -> None:
    ours = evaluated(
        "from torch import nn\nlayer = nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50], head_bias=True)\n"
        "shapes = [tuple(p.shape) for p in layer.parameters()]"
    )
    real = nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50], head_bias=True)
    assert ours["shapes"] == [tuple(parameter.shape) for parameter in real.parameters()]
