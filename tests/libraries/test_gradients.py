"""A part of the accuracy benchmark: networks of torchvision and Keras, predicted from source and measured in PyTorch."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
import torch

from benchmarks import real_networks
from benchmarks.accuracy_page import verdict

pytestmark = pytest.mark.slow
TORCHVISION = {
    "squeezenet": ("squeezenet1_1",),
    "mobilenetv3": ("mobilenet_v3_small",),
}
KERAS = {"mobilenet": ("MobileNet",)}


def agree(rows: Iterator[real_networks.Row]) -> None:
    for row in rows:
        assert row["predicted"] == pytest.approx(row["measured"], abs=0.3), row["name"]
        assert verdict(row["predicted"]) == verdict(row["measured"])


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_torchvision() -> None:
    torch.set_num_threads(1)
    agree(real_networks.torchvision_rows(TORCHVISION))


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
def test_keras() -> None:
    torch.set_num_threads(1)
    agree(real_networks.keras_rows(KERAS))
