"""`keras.ops` and the functions of TensorFlow and `keras.backend` that do the same, by theme."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from gradlint.evaluation.values import MISSING, Value
from gradlint.frameworks.keras.activations import activation_function, activation_name
from gradlint.frameworks.keras.ops import creation, elementwise, joining, linear, neural, reductions, views
from gradlint.frameworks.keras.ops.operation import Operation, operation
from gradlint.frameworks.registry import native

_OPERATIONS: Mapping[str, Operation] = {
    **elementwise.OPERATIONS,
    **reductions.OPERATIONS,
    **joining.OPERATIONS,
    **views.OPERATIONS,
    **linear.OPERATIONS,
    **neural.OPERATIONS,
    **creation.OPERATIONS,
}

_TENSORFLOW: Mapping[str, Operation] = {
    **reductions.TENSORFLOW,
    **joining.TENSORFLOW,
    **views.TENSORFLOW,
    **neural.TENSORFLOW,
    **creation.TENSORFLOW,
    **creation.OLD_RANDOM,
}


@functools.cache
def find_operation(name: str) -> Value:
    """`keras.ops.{name}`, or `MISSING`."""
    known = activation_name(name) if name not in _OPERATIONS else None
    if known is not None:
        return activation_function(known)
    function = _OPERATIONS.get(name)
    return MISSING if function is None else operation(f"keras.ops.{name}", function)


@functools.cache
def find_tensorflow_operation(name: str) -> Value:
    """An operation of TensorFlow by the last part of its name, or `MISSING`."""
    if name in neural.LOGITS_LOSSES:
        return native(f"tensorflow.nn.{name}", neural.LOGITS_LOSSES[name])
    function = _TENSORFLOW.get(name)
    return find_operation(name) if function is None else operation(f"tensorflow.{name}", function)


@functools.cache
def find_random(name: str) -> Value:
    """`keras.random.{name}` and `tf.random.{name}`, or `MISSING`."""
    if name == "dropout":
        return find_operation("dropout")
    function = creation.RANDOM.get(name)
    return MISSING if function is None else operation(f"keras.random.{name}", function)
