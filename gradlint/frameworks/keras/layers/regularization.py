"""Dropout and noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Value
from gradlint.frameworks.keras.arguments import is_number, signature
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import class_name
from gradlint.frameworks.keras.layers.core import identity_call
from gradlint.network import Kind


def _drop(kind: str) -> Callable[..., Value]:
    def call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
        rate = self.attrs.get("rate")
        if isinstance(inputs, (list, tuple)):
            return [call(ctx, self, item) for item in inputs]
        x = ctx.as_tensor(inputs)
        return ctx.emit(
            Kind.DROPOUT,
            [x],
            x.shape,
            attributes={"rate": float(rate) if is_number(rate) else None, "type": kind},
            class_name=class_name(self),
            layer=self,
        )

    return call


_OPTIONS: dict[str, Any] = {"noise_shape": None, "seed": None}

LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec("Dropout", signature("rate", **_OPTIONS), _drop("element")),
    LayerSpec("AlphaDropout", signature("rate", **_OPTIONS), _drop("alpha")),
    LayerSpec("GaussianDropout", signature("rate", seed=None), _drop("gaussian")),
    LayerSpec("GaussianNoise", signature("stddev", seed=None), identity_call),
    LayerSpec("SpatialDropout1D", signature("rate", seed=None, name=None, dtype=None), _drop("channel")),
    LayerSpec(
        "SpatialDropout2D", signature("rate", data_format=None, seed=None, name=None, dtype=None), _drop("channel")
    ),
    LayerSpec(
        "SpatialDropout3D", signature("rate", data_format=None, seed=None, name=None, dtype=None), _drop("channel")
    ),
)
