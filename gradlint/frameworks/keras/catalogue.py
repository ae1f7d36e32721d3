"""Where each namespace of Keras is described: a module and the function in it that finds a name there."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping

from gradlint.evaluation.values import MISSING, Value

# Namespace -> the module that describes it and its finder, which takes the name without the namespace.
_FINDERS: Mapping[str, tuple[str, str]] = {
    "layers": ("layers", "find_layer"),
    "activations": ("activations", "find_activation"),
    "initializers": ("initializers", "find_initializer"),
    "optimizers": ("optimizers", "find_optimizer"),
    "losses": ("losses", "find_loss"),
    "metrics": ("backend", "find_metric"),
    "backend": ("backend", "find_backend"),
    "config": ("backend", "find_setting"),
    "utils": ("backend", "find_setting"),
    "api_export": ("backend", "find_setting"),
    "saving": ("backend", "find_setting"),
    "regularizers": ("backend", "find_regularizer"),
    "constraints": ("backend", "find_constraint"),
    "callbacks": ("backend", "find_callback"),
    "datasets": ("datasets", "find_dataset"),
    "ops": ("ops", "find_operation"),
    "random": ("ops", "find_random"),
    "applications": ("applications", "find_application"),
}

# Names at the top -> the module and the function that makes them.
_TOP: Mapping[str, tuple[str, str]] = {
    "keras.Layer": ("layer", "base_class"),
    "keras.Model": ("models", "model_class"),
    "keras.Sequential": ("sequential", "sequential_class"),
    "keras.Variable": ("ops.creation", "keras_variable_class"),
}


@functools.cache
def find(name: str, namespace: str, last: str) -> Value:
    """The value of the canonical `name`, which is `last` in `namespace`; `MISSING` when there is none."""
    place = _FINDERS.get(namespace) if last else None
    if place is not None:
        return _function(place)(last)
    top = _TOP.get(name)
    return MISSING if top is None else _function(top)()


def _function(place: tuple[str, str]) -> Value:
    module, function = place
    return getattr(importlib.import_module(f"gradlint.frameworks.keras.{module}"), function)
