"""Twins of published networks against the real ones, on small images: gradients at each layer, over seeds."""

from __future__ import annotations

import importlib
import importlib.util
import os
import statistics
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")

from gradlint.evaluation.driver import Evaluator
from gradlint.probe.live import measure_object
from gradlint.probe.measure import measure
from gradlint.probe.network_spec import describe
from gradlint.probe.request import Request
from gradlint.sources import SourceLoader
from tests.probe.test_real_networks import errors

pytestmark = pytest.mark.slow

REQUEST = Request(seeds=3, horizon=0, memory_limit=16 << 30)
SMALL = 1.0e10
"""Multiplications for one network here: most run on reduced images."""

TORCHVISION = (
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_v2_t",
)
KERAS = (
    "densenet.DenseNet121",
    "mobilenet.MobileNet",
    "mobilenet_v2.MobileNetV2",
    "mobilenet_v3.MobileNetV3Small",
    "resnet.ResNet50",
)


def assert_agree(module: ModuleType, call: str) -> None:
    loader = SourceLoader()
    assert module.__file__ is not None
    source = loader.load(Path(module.__file__))
    assert source is not None
    (network,) = Evaluator(loader).evaluate(source, call).networks
    spec, _ = describe(network)
    real = measure_object(spec, REQUEST, module, call).measurement
    found = errors(measure(spec, REQUEST), real)
    assert len(found) > 7
    assert statistics.median(found) <= 0.3
    assert sorted(found)[int(0.9 * len(found))] <= 0.5


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradlint.probe.plan.WORK", SMALL)


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str) -> None:
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    from tests.libraries.real import torchvision_module

    builder = getattr(torchvision_module("models"), name)
    assert_agree(sys.modules[builder.__module__], f"{name}()")


@pytest.mark.parametrize("name", KERAS)
def test_keras_applications(name: str) -> None:
    pytest.importorskip("keras")
    module, _, builder = name.partition(".")
    assert_agree(
        importlib.import_module(f"keras.src.applications.{module}"), f"{builder}(weights=None, input_shape=(96, 96, 3))"
    )
