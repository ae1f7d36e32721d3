"""Canonical names: every way to import Keras leads to the same dotted name under `keras`."""

from __future__ import annotations

# Longest first: what stands before the namespace in the import styles of Keras 2, Keras 3 and TensorFlow.
_PREFIXES = (
    "tensorflow.compat.v2.keras.",
    "tensorflow.compat.v1.keras.",
    "tensorflow.python.keras.",
    "keras._tf_keras.keras.",
    "keras.api._v2.keras.",
    "keras._legacy.",
    "tensorflow.keras.",
    "keras.legacy.",
    "keras.api.",
    "keras.src.",
    "tf_keras.src.",
    "tf_keras.",
    "keras.",
)

ROOTS = frozenset(prefix.rstrip(".") for prefix in _PREFIXES)
"""The names under which Keras itself is imported."""

# The namespaces of Keras whose inner modules (`keras.layers.core.dense`) are no part of the canonical name.
NAMESPACES = frozenset(
    {
        "activations",
        "api_export",
        "applications",
        "backend",
        "callbacks",
        "config",
        "constraints",
        "datasets",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "models",
        "ops",
        "optimizers",
        "random",
        "regularizers",
        "saving",
        "utils",
    }
)

_MOVED = {
    "engine": "layers",
    "dtype_policies": "config",
    "mixed_precision": "config",
    "preprocessing": "utils",
    "legacy_tf_layers": "layers",
}

_TOP = {
    "keras.models.Model": "keras.Model",
    "keras.models.Functional": "keras.Model",
    "keras.models.Sequential": "keras.Sequential",
    "keras.Functional": "keras.Model",
    "keras.layers.Model": "keras.Model",
    "keras.layers.Functional": "keras.Model",
    "keras.layers.Sequential": "keras.Sequential",
    "keras.layers.Network": "keras.Model",
    "keras.layers.Layer": "keras.Layer",
    "keras.Input": "keras.layers.Input",
    "keras.Initializer": "keras.initializers.Initializer",
    "keras.Optimizer": "keras.optimizers.Optimizer",
    "keras.Loss": "keras.losses.Loss",
    "keras.Regularizer": "keras.regularizers.Regularizer",
    "keras.layers.AbstractRNNCell": "keras.Layer",
    "keras.layers.TFOpLambda": "keras.layers.Lambda",
}


def canonical(name: str) -> str:
    """The canonical form of a dotted name: `keras.layers.Dense` for `tensorflow.python.keras.layers.core.Dense`."""
    rest = strip(name)
    if rest is None:
        return name
    namespace, _, inner = rest.partition(".")
    namespace = _MOVED.get(namespace, namespace)
    if inner and namespace in NAMESPACES:
        last = inner.rpartition(".")[2]
        if namespace == "optimizers" and inner.startswith("schedules."):
            last = f"schedules.{last}"
        elif namespace == "datasets":
            last = inner
        result = f"keras.{namespace}.{last}"
    else:
        result = f"keras.{rest}" if not inner else f"keras.{namespace}.{inner}"
    return _TOP.get(result, result)


def is_keras(name: str) -> bool:
    """Whether the dotted name belongs to Keras, in whatever import style."""
    return strip(name) is not None


_TENSORFLOW_NAMESPACES = ("optimizers.", "losses.", "initializers.", "metrics.")


def strip(name: str) -> str | None:
    """`name` without the prefix that leads to Keras; None for a name that is not Keras's."""
    short = name.removeprefix("tensorflow.")
    if short != name and short.startswith(_TENSORFLOW_NAMESPACES):
        return short
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return None
