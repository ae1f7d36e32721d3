"""The layers of Keras as rows of tables, by theme; a theme is imported when a layer of it is first looked up.

A theme has `LAYERS` (rows), and where it needs them `FUNCTIONS` (functional forms) and `ALIASES` (other names).
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping

from gradlint.evaluation.values import MISSING, Value
from gradlint.frameworks.keras.layer import LayerSpec, layer_class
from gradlint.frameworks.registry import native

# Most used first: a name is looked up in one after another.
_THEMES = (
    "layers.core",
    "inputs",
    "layers.convolution",
    "layers.pooling",
    "layers.regularization",
    "layers.normalization",
    "layers.reshaping",
    "layers.activation",
    "layers.merging",
    "layers.recurrent",
    "layers.wrappers",
    "layers.attention",
    "layers.attention_single",
    "layers.preprocessing",
    "layers.cells",
)


@functools.cache
def find_layer(name: str) -> Value:
    """`keras.layers.{name}`: a class, a functional form, or `MISSING`."""
    for theme in _THEMES:
        module = importlib.import_module(f"gradlint.frameworks.keras.{theme}")
        aliases: Mapping[str, str] = getattr(module, "ALIASES", {})
        known = aliases.get(name, name)
        rows: tuple[LayerSpec, ...] = module.LAYERS
        for row in rows:
            if row.name == known:
                return layer_class(row) if known == name else find_layer(known)
        functions: Mapping[str, Callable[..., Value]] = getattr(module, "FUNCTIONS", {})
        if known in functions:
            return native(f"keras.layers.{known}", functions[known])
    return MISSING
