"""`keras.ops` and the functions of TensorFlow and `keras.backend` that do the same, by theme.

A theme has `OPERATIONS` by Keras's names, and where TensorFlow's differ `TENSORFLOW` besides.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping

from gradlint.evaluation.values import MISSING, Value
from gradlint.frameworks.keras.activations import activation_function, activation_name
from gradlint.frameworks.keras.ops.operation import Operation, operation
from gradlint.frameworks.registry import native

# Most used first: a name is looked up in one after another.
_THEMES = ("elementwise", "views", "reductions", "joining", "linear", "creation", "neural", "control")


def _look_up(name: str, table: str) -> Operation | None:
    for theme in _THEMES:
        module = importlib.import_module(f"gradlint.frameworks.keras.ops.{theme}")
        operations: Mapping[str, Operation] = getattr(module, table, {})
        if name in operations:
            return operations[name]
    return None


@functools.cache
def find_operation(name: str) -> Value:
    """`keras.ops.{name}`, or `MISSING`."""
    known = activation_name(name)
    if known is not None and name not in ("exp", "tanh"):
        return activation_function(known)
    function = _look_up(name, "OPERATIONS")
    return MISSING if function is None else operation(f"keras.ops.{name}", function)


@functools.cache
def find_tensorflow_operation(name: str) -> Value:
    """An operation of TensorFlow by the last part of its name, or `MISSING`."""
    function = _look_up(name, "TENSORFLOW")
    if function is not None:
        return operation(f"tensorflow.{name}", function)
    loss = _look_up(name, "LOGITS_LOSSES")
    return find_operation(name) if loss is None else native(f"tensorflow.nn.{name}", loss)


@functools.cache
def find_random(name: str) -> Value:
    """`keras.random.{name}` and `tf.random.{name}`, or `MISSING`."""
    if name == "dropout":
        return find_operation("dropout")
    function = _look_up(name, "RANDOM")
    return MISSING if function is None else operation(f"keras.random.{name}", function)
