"""The layers of Keras as rows of tables, by theme."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradlint.evaluation.values import Value
from gradlint.frameworks.keras import inputs
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers import convolution, core, normalization, pooling

LAYERS: tuple[LayerSpec, ...] = (
    *inputs.LAYERS,
    *core.LAYERS,
    *convolution.LAYERS,
    *pooling.LAYERS,
    *normalization.LAYERS,
)

FUNCTIONS: Mapping[str, Callable[..., Value]] = {}

ALIASES: Mapping[str, str] = {**convolution.ALIASES, **pooling.ALIASES, **normalization.ALIASES}
