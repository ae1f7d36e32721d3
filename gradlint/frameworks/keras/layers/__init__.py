"""The layers of Keras as rows of tables, by theme."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradlint.evaluation.values import Value
from gradlint.frameworks.keras import inputs
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers import (
    activation,
    attention,
    cells,
    convolution,
    core,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    wrappers,
)

LAYERS: tuple[LayerSpec, ...] = (
    *inputs.LAYERS,
    *core.LAYERS,
    *convolution.LAYERS,
    *pooling.LAYERS,
    *normalization.LAYERS,
    *activation.LAYERS,
    *regularization.LAYERS,
    *reshaping.LAYERS,
    *preprocessing.LAYERS,
    *merging.LAYERS,
    *attention.LAYERS,
    *recurrent.LAYERS,
    *cells.LAYERS,
    *wrappers.LAYERS,
)

FUNCTIONS: Mapping[str, Callable[..., Value]] = {**merging.FUNCTIONS}

ALIASES: Mapping[str, str] = {**convolution.ALIASES, **pooling.ALIASES, **normalization.ALIASES, **recurrent.ALIASES}
