"""Canonical names: every way to import Keras leads to the same class."""

from __future__ import annotations

import pytest

from gradlint.evaluation.values import MISSING, Class, Native, Symbol
from gradlint.frameworks.keras import lookup
from gradlint.frameworks.keras.names import canonical


@pytest.mark.parametrize(
    "name",
    [
        "keras.layers.Dense",
        "keras.src.layers.Dense",
        "keras.src.layers.core.dense.Dense",
        "keras.api.layers.Dense",
        "tensorflow.keras.layers.Dense",
        "tensorflow.python.keras.layers.core.Dense",
        "tensorflow.compat.v1.keras.layers.Dense",
        "tf_keras.layers.Dense",
    ],
)
def test_a_layer_is_the_same_class_under_each_name(name: str) -> None:
    assert canonical(name) == "keras.layers.Dense"
    assert lookup(name).name == "keras.layers.Dense"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("keras.models.Model", "keras.Model"),
        ("keras.Functional", "keras.Model"),
        ("keras.src.models.Functional", "keras.Model"),
        ("tensorflow.keras.Sequential", "keras.Sequential"),
        ("keras.src.layers.layer.Layer", "keras.Layer"),
        ("tensorflow.keras.layers.Layer", "keras.Layer"),
        ("keras.layers.MaxPool2D", "keras.layers.MaxPooling2D"),
        ("keras.layers.Convolution2D", "keras.layers.Conv2D"),
        ("keras.optimizers.legacy.Adam", "keras.optimizers.Adam"),
        ("tensorflow.optimizers.SGD", "keras.optimizers.SGD"),
        ("keras.optimizers.schedules.CosineDecay", "keras.optimizers.schedules.CosineDecay"),
        ("tensorflow.losses.MeanSquaredError", "keras.losses.MeanSquaredError"),
        ("tensorflow.initializers.GlorotUniform", "keras.initializers.GlorotUniform"),
        ("tensorflow.random_normal_initializer", "keras.initializers.RandomNormal"),
    ],
)
def test_other_names_of_a_class(name: str, expected: str) -> None:
    found = lookup(name)
    assert isinstance(found, Class)
    assert found.name == expected


def test_a_namespace_under_another_name_is_a_symbol_of_its_own() -> None:
    assert lookup("keras.src.backend") == Symbol("keras.backend")
    assert lookup("tensorflow.keras") == Symbol("keras")


def test_the_source_of_applications_is_left_to_the_evaluator() -> None:
    assert lookup("keras.src.applications.resnet.ResNet50") is MISSING
    assert isinstance(lookup("keras.applications.resnet.ResNet50"), Native)


@pytest.mark.parametrize(
    "name", ["keras.layers.Nonsense", "tensorflow.nonsense", "keras.ops.nonsense", "keras.nonsense"]
)
def test_what_no_table_knows_is_missing(name: str) -> None:
    assert lookup(name) is MISSING
