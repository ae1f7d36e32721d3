"""`keras.datasets`: data of known shape."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Tensor, Value
from gradlint.frameworks.registry import native
from gradlint.network import Kind, Shape

# Module -> number of samples for training and for testing, shape of one sample, dtype, shape of one label.
_SETS: Mapping[str, tuple[int, int, Shape, str, Shape]] = {
    "mnist": (60000, 10000, (28, 28), "uint8", ()),
    "fashion_mnist": (60000, 10000, (28, 28), "uint8", ()),
    "cifar10": (50000, 10000, (32, 32, 3), "uint8", (1,)),
    "cifar100": (50000, 10000, (32, 32, 3), "uint8", (1,)),
    "boston_housing": (404, 102, (13,), "float32", ()),
    "california_housing": (16512, 4128, (8,), "float32", ()),
}
# Lists of word indices of any length.
_TEXTS = ("imdb", "reuters")


@functools.cache
def find_dataset(name: str) -> Value:
    """`keras.datasets.{name}`, such as `mnist.load_data`, or `MISSING`."""
    module, _, function = name.partition(".")
    if function != "load_data":
        return MISSING
    if module in _TEXTS:
        return native(f"keras.datasets.{name}", _load_text)
    if module not in _SETS:
        return MISSING
    train, test, sample, dtype, label = _SETS[module]

    def load(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        return tuple(
            (_data(ctx, (count, *sample), dtype), _data(ctx, (count, *label), "int64")) for count in (train, test)
        )

    return native(f"keras.datasets.{name}", load)


def _data(ctx: Context, shape: Shape, dtype: str) -> Tensor:
    kind = "int" if dtype.startswith("int") else "float"
    return ctx.emit(Kind.INPUT, (), shape, attributes={"dtype": kind}, dtype=dtype)


def _load_text(ctx: Context, *args: Value, **kwargs: Value) -> Value:
    return tuple((ctx.unknown("texts as lists of word indices"), ctx.unknown("labels of texts")) for _ in range(2))
