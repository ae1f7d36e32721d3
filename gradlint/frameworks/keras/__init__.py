"""What gradlint knows of Keras 2 and 3 and of the TensorFlow functions that model code uses.

`lookup` finds a dotted name in any import style. For a model, `instance.hidden` holds what the driver needs:
`inputs` and `outputs` (tensors of the graph, once it is built), `layers` (of a sequential model), `children`,
`compiled` (optimizer and losses) and `pretrained`.
"""

from __future__ import annotations

import functools

from gradlint.evaluation.values import MISSING, Symbol, Value
from gradlint.frameworks.keras.catalogue import find
from gradlint.frameworks.keras.names import NAMESPACES, ROOTS, canonical, is_keras

__all__ = ["lookup"]


@functools.cache
def lookup(name: str) -> Value:
    """The value that a dotted name stands for, or `MISSING`; a namespace under another name is a Symbol of its own."""
    if name in ROOTS:
        return Symbol("keras") if name != "keras" else MISSING
    if not is_keras(name):
        from gradlint.frameworks.keras.tensorflow import lookup_tensorflow

        return lookup_tensorflow(name)
    if name.startswith("keras.src.applications"):
        return MISSING
    short = canonical(name)
    namespace, _, last = short.removeprefix("keras.").partition(".")
    if not last and namespace in NAMESPACES:
        return Symbol(short) if short != name else MISSING
    return find(short, namespace, last)
