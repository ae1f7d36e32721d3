"""Finds what a dotted name of a framework means; the tables of a framework are imported on first use of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.values import MISSING, Class, Native, Symbol, Value

# Top-level package -> the module whose `lookup(name)` knows its names.
_TABLES = {
    "torch": "gradlint.frameworks.torch",
    "torchvision": "gradlint.frameworks.torchvision",
    "keras": "gradlint.frameworks.keras",
    "tensorflow": "gradlint.frameworks.keras",
    "tf_keras": "gradlint.frameworks.keras",
    "numpy": "gradlint.frameworks.numpy",
    "accelerate": "gradlint.frameworks.accelerate",
    "einops": "gradlint.frameworks.einops",
    "lightning": "gradlint.frameworks.lightning",
    "pytorch_lightning": "gradlint.frameworks.lightning",
    "lightning_fabric": "gradlint.frameworks.lightning",
}


def is_framework(name: str) -> bool:
    """Whether `name` (dotted) belongs to a package that the tables describe."""
    return name.partition(".")[0] in _TABLES


def resolve(name: str) -> Value:
    """The value that the dotted name stands for (a Class, a Native, a constant), or `MISSING`.

    Each table's module offers `lookup(name) -> Value | MISSING`, which also knows its framework's aliases
    (`torch.nn.modules.linear.Linear`, `tensorflow.keras.layers.Dense`, `keras.src.layers.Dense`).
    """
    table = _TABLES.get(name.partition(".")[0])
    if table is None:
        return MISSING
    lookup: Callable[[str], Any] = importlib.import_module(table).lookup
    return lookup(name)


def native(name: str, function: Callable[..., Value]) -> Native:
    """A native function under its dotted name; `function` takes the context first."""
    return Native(name, function)


def framework_class(name: str, bases: tuple[str, ...], methods: dict[str, Value]) -> Class:
    """A framework class from its dotted name, the dotted names of its bases, and its namespace.

    Plain Python functions in `methods` become natives: `method(context, self, *args, **kwargs)`.
    A base that no table knows stays a `Symbol`, which makes the class opaque.
    """
    resolved = tuple(_base(base) for base in bases)
    namespace = {
        key: Native(f"{name}.{key}", value) if callable(value) and not isinstance(value, type) else value
        for key, value in methods.items()
    }
    cls = Class(name, resolved, namespace)
    mro: list[Value] = [cls]
    for base in resolved:
        for ancestor in base.mro if isinstance(base, Class) else (base,):
            if ancestor in mro:
                mro.remove(ancestor)
            mro.append(ancestor)
    cls.mro = tuple(mro)
    return cls


def _base(name: str) -> Value:
    value = resolve(name)
    return Symbol(name) if value is MISSING else value
