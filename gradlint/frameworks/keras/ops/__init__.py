"""`keras.ops` and the functions of TensorFlow and `keras.backend` that do the same, by theme."""

from __future__ import annotations

from gradlint.evaluation.values import MISSING, Value


def find_operation(name: str) -> Value:
    """`keras.ops.{name}`, or `MISSING`."""
    return MISSING
