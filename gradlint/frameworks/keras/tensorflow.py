"""TensorFlow's own functions that model code uses."""

from __future__ import annotations

from gradlint.evaluation.values import MISSING, Value


def lookup_tensorflow(name: str) -> Value:
    """The value of a name of TensorFlow outside Keras, or `MISSING`."""
    return MISSING
