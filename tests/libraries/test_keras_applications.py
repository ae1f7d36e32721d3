"""Keras applications, from the source of an installed Keras: every network is read whole, every parameter is counted."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.sources import SourceLoader
from tests.libraries.published import package_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]

# `count_params()` of `NAME(weights=None)` under Keras 3.15 on PyTorch. NASNetMobile cannot be built there; its figure
# is the one in the documentation of Keras.
PARAMETERS = {
    "ConvNeXtTiny": 28_589_128,
    "ConvNeXtSmall": 50_223_688,
    "ConvNeXtBase": 88_591_464,
    "ConvNeXtLarge": 197_767_336,
    "ConvNeXtXLarge": 350_196_968,
    "DenseNet121": 8_062_504,
    "DenseNet169": 14_307_880,
    "DenseNet201": 20_242_984,
    "EfficientNetB0": 5_330_571,
    "EfficientNetB1": 7_856_239,
    "EfficientNetB2": 9_177_569,
    "EfficientNetB3": 12_320_535,
    "EfficientNetB4": 19_466_823,
    "EfficientNetB5": 30_562_527,
    "EfficientNetB6": 43_265_143,
    "EfficientNetB7": 66_658_687,
    "EfficientNetV2B0": 7_200_312,
    "EfficientNetV2B1": 8_212_124,
    "EfficientNetV2B2": 10_178_374,
    "EfficientNetV2B3": 14_467_622,
    "EfficientNetV2S": 21_612_360,
    "EfficientNetV2M": 54_431_388,
    "EfficientNetV2L": 119_027_848,
    "InceptionResNetV2": 55_873_736,
    "InceptionV3": 23_851_784,
    "MobileNet": 4_253_864,
    "MobileNetV2": 3_538_984,
    "MobileNetV3Small": 2_554_968,
    "MobileNetV3Large": 5_507_432,
    "NASNetMobile": 5_326_716,
    "NASNetLarge": 88_949_818,
    "ResNet50": 25_636_712,
    "ResNet101": 44_707_176,
    "ResNet152": 60_419_944,
    "ResNet50V2": 25_613_800,
    "ResNet101V2": 44_675_560,
    "ResNet152V2": 60_380_648,
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
    "Xception": 22_910_480,
}


def builders() -> dict[str, Path]:
    """The builder functions of `keras.applications` and the files that they stand in."""
    found = {}
    for file in sorted((package_folder("keras") / "src" / "applications").glob("*.py")):
        if not file.name.endswith("_test.py"):
            for node in ast.parse(file.read_text("utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.decorator_list and node.name[0].isupper():
                    found[node.name] = file
    return found


@pytest.fixture(scope="module")
def readings() -> dict[str, Evaluation]:
    """What evaluating each builder without weights gives."""
    evaluator = Evaluator(SourceLoader())
    found = {}
    for name, file in builders().items():
        source = evaluator.modules.loader.load(file)
        assert source is not None
        found[name] = evaluator.evaluate(source, f"{name}(weights=None)")
    return found


def test_every_network_has_as_many_parameters_as_in_keras(readings: dict[str, Evaluation]) -> None:
    counts = {name: evaluation.networks[0].parameter_count for name, evaluation in readings.items()}
    assert {name: counts[name] for name in PARAMETERS} == PARAMETERS


def test_every_network_is_followed_from_input_to_output(readings: dict[str, Evaluation]) -> None:
    assert [name for name, evaluation in readings.items() if not evaluation.networks[0].complete] == []


@pytest.mark.parametrize("name", ["MobileNet", "ResNet50", "DenseNet121", "EfficientNetB0", "ConvNeXtTiny"])
def test_keras_itself_counts_the_same(
    name: str, readings: dict[str, Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    import keras

    model = getattr(keras.applications, name)(weights=None)
    found = readings[name].networks[0]
    assert found.parameter_count == model.count_params()
    assert found.trainable_count == sum(weight.value.numel() for weight in model.trainable_weights)
