"""Builtins over iterables: `map`, `zip`, `sorted`, `sum`, `next` and the like."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gradlint.evaluation import operators
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.iteration import is_uncertain, length, stands_for_many, truth
from gradlint.evaluation.values import (
    MISSING,
    Instance,
    Tensor,
    Unknown,
    Value,
    contains_unknown,
)

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter


def _map(context: Context, function: Value, *iterables: Value) -> Value:
    if any(is_uncertain(iterable) for iterable in iterables):
        context.uncertain_length()
    columns = [context.iterate(iterable) for iterable in iterables]
    return iter([context.call(function, *row) for row in zip(*columns, strict=False)])


def _filter(context: Context, function: Value, iterable: Value) -> Value:
    def keeps(item: Value) -> bool:
        return truth(context, item if function is None else context.call(function, item)) is not False

    return iter([item for item in context.iterate(iterable) if keeps(item)])


def _zip(context: Context, *iterables: Value, strict: Value = False) -> Value:
    for iterable in iterables:
        if isinstance(iterable, Unknown):
            return iterable
    known = [i for i in iterables if not is_uncertain(i)]
    if len(known) != len(iterables):
        return context.unknown("zip() of something unknown")
    columns = [
        iterable if isinstance(iterable, Iterator) else iter(context.iterate(iterable)) for iterable in iterables
    ]
    return iter(list(itertools.islice(zip(*columns, strict=False), context.budget.limits.items)))


def _enumerate(context: Context, iterable: Value, start: Value = 0) -> Value:
    if isinstance(iterable, Unknown):
        return iterable
    if is_uncertain(iterable):
        return context.unknown("enumerate() of something unknown")
    items = context.iterate(iterable)
    if len(items) == 1 and stands_for_many(iterable):
        return iter([(context.unknown("which of many batches this is"), items[0])])
    return iter(list(enumerate(items, start if isinstance(start, int) else 0)))


def _reversed(context: Context, value: Value) -> Value:
    return value if isinstance(value, Unknown) else iter(context.iterate(value)[::-1])


def _sum(context: Context, iterable: Value, start: Value = 0) -> Value:
    if isinstance(iterable, Unknown):
        return iterable
    total = start
    for item in context.iterate(iterable):
        total = operators.binary(context, "+", total, item)
    return total


def _extreme(name: str, context: Context, *args: Value, key: Value = None, default: Value = MISSING) -> Value:
    values = list(args) if len(args) > 1 else context.iterate(args[0])
    unknown = contains_unknown(values)
    if unknown is not None:
        return unknown
    if any(isinstance(value, Tensor) for value in values):
        return context.unknown(f"{name}() of tensors")
    if not values:
        if default is not MISSING:
            return default
        raise Raised("ValueError", f"{name}() of an empty sequence")
    keys = [value if key is None else context.call(key, value) for value in values]
    try:
        best = (min if name == "min" else max)(range(len(values)), key=lambda index: operators.plain(keys[index]))
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None
    return values[best]


def sorted_values(context: Context, values: Value, key: Value = None, reverse: Value = False) -> Value:
    """`sorted(values, key=key, reverse=reverse)`, or an Unknown."""
    items = context.iterate(values)
    keys = [operators.plain(item if key is None else context.call(key, item)) for item in items]
    unknown = contains_unknown(keys)
    if unknown is not None:
        return unknown
    try:
        order = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None
    return [items[index] for index in order]


def _any(context: Context, iterable: Value) -> Value:
    if isinstance(iterable, Unknown):
        return iterable
    results = [truth(context, item) for item in context.iterate(iterable)]
    return True if True in results else context.unknown("any() of something unknown") if None in results else False


def _all(context: Context, iterable: Value) -> Value:
    if isinstance(iterable, Unknown):
        return iterable
    results = [truth(context, item) for item in context.iterate(iterable)]
    return False if False in results else context.unknown("all() of something unknown") if None in results else True


def _next(context: Context, iterator: Value, *default: Value) -> Value:
    if isinstance(iterator, Iterator):
        for item in iterator:
            return item
        if default:
            return default[0]
        raise Raised("StopIteration")
    if isinstance(iterator, Instance):
        method = iterator.cls.find("__next__")
        if method is not MISSING:
            return context.call(method, iterator)
    return context.unknown("next() of something unknown")


def _iter(context: Context, value: Value, *sentinel: Value) -> Value:
    if isinstance(value, Unknown) or sentinel:
        return value
    return value if isinstance(value, Iterator) else iter(context.iterate(value))


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "len": lambda context, value: length(context, value),
    "map": _map,
    "filter": _filter,
    "zip": _zip,
    "enumerate": _enumerate,
    "reversed": _reversed,
    "sorted": sorted_values,
    "sum": _sum,
    "min": lambda context, *args, **kwargs: _extreme("min", context, *args, **kwargs),
    "max": lambda context, *args, **kwargs: _extreme("max", context, *args, **kwargs),
    "any": _any,
    "all": _all,
    "next": _next,
    "iter": _iter,
}
