"""Where each namespace of Keras is described: the finder of every namespace, and the names at the top."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Class, Value
from gradlint.frameworks.keras.activations import (
    activation_function,
    activation_name,
    get_activation,
)
from gradlint.frameworks.keras.backend import find_backend, find_plain, find_setting
from gradlint.frameworks.keras.initializers import initializer_class
from gradlint.frameworks.keras.inputs import keras_input
from gradlint.frameworks.keras.layer import LayerSpec, base_class, layer_class
from gradlint.frameworks.keras.losses import get_loss, loss_class, loss_function
from gradlint.frameworks.keras.ops import find_operation, find_random
from gradlint.frameworks.keras.ops.creation import variable
from gradlint.frameworks.keras.ops.operation import operation
from gradlint.frameworks.keras.optimizers import get_optimizer, optimizer_class, schedule_class
from gradlint.frameworks.registry import native


@functools.cache
def _rows() -> Mapping[str, LayerSpec]:
    from gradlint.frameworks.keras.layers import LAYERS

    return {row.name: row for row in LAYERS}


@functools.cache
def find_layer(name: str) -> Value:
    """`keras.layers.{name}`: a class, a functional form, or `MISSING`."""
    from gradlint.frameworks.keras.layers import ALIASES, FUNCTIONS

    name = ALIASES.get(name, name)
    row = _rows().get(name)
    if row is not None:
        return layer_class(row)
    if name == "Input":
        return native("keras.layers.Input", keras_input)
    function = FUNCTIONS.get(name)
    return MISSING if function is None else native(f"keras.layers.{name}", function)


def find_activation(name: str) -> Value:
    """`keras.activations.{name}`."""
    if name == "get":
        return native("keras.activations.get", get_activation)
    known = activation_name(name)
    return MISSING if known is None else activation_function(known)


def find_initializer(name: str) -> Value:
    """`keras.initializers.{name}`."""
    if name == "get":
        return native("keras.initializers.get", lambda ctx, identifier=None, *args: identifier)
    return initializer_class(name) or MISSING


def find_optimizer(name: str) -> Value:
    """`keras.optimizers.{name}` and `keras.optimizers.schedules.{name}`."""
    if name == "get":
        return native("keras.optimizers.get", get_optimizer)
    if name.startswith("schedules."):
        return schedule_class(name.removeprefix("schedules.")) or MISSING
    return optimizer_class(name) or schedule_class(name) or MISSING


def find_loss(name: str) -> Value:
    """`keras.losses.{name}`."""
    if name == "get":
        return native("keras.losses.get", get_loss)
    return loss_class(name) or loss_function(name) or MISSING


@functools.cache
def _model() -> Class:
    from gradlint.frameworks.keras.models import model_class

    return model_class()


@functools.cache
def _sequential() -> Class:
    from gradlint.frameworks.keras.sequential import sequential_class

    return sequential_class()


def _keras_variable(
    ctx: Context, initializer: Value = None, shape: Value = None, dtype: Value = None, trainable: Value = True
) -> Value:
    return variable(ctx, initializer, trainable, shape, dtype)


FINDERS: Mapping[str, Callable[[str], Value]] = {
    "backend": find_backend,
    "config": find_setting,
    "utils": find_setting,
    "api_export": find_setting,
    "saving": find_setting,
    "ops": find_operation,
    "random": find_random,
    "regularizers": find_plain("regularizers"),
    "constraints": find_plain("constraints"),
    "callbacks": find_plain("callbacks"),
    "metrics": find_plain("metrics"),
    "layers": find_layer,
    "activations": find_activation,
    "initializers": find_initializer,
    "optimizers": find_optimizer,
    "losses": find_loss,
}

TOP: Mapping[str, Callable[[], Value]] = {
    "keras.Layer": functools.cache(base_class),
    "keras.Model": _model,
    "keras.Sequential": _sequential,
    "keras.Variable": lambda: operation("keras.Variable", _keras_variable),
}
