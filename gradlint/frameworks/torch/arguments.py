"""Reading arguments of torch functions, any of which may be unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Assumed, Symbol, Tensor, Unknown, Value


def as_int(value: Value) -> int | None:
    """`value` as an integer, or None when it is not known to be one."""
    if isinstance(value, int):
        return value
    if isinstance(value, Tensor) and isinstance(value.values, int):
        return value.values
    return None


_MOST_LAYERS = 1000


def known_count(value: Value) -> int | None:
    """`value` as a number of layers, or None when it is not known or only assumed."""
    number = as_int(value)
    return None if number is None or type(number) is Assumed or number > _MOST_LAYERS else number


def as_count(ctx: Context, value: Value) -> int:
    """`value` as a number of layers; where that is not known, one stands for all of them, and it is noted."""
    number = known_count(value)
    if number is None:
        ctx.uncertain_length()
        return 1
    return number


def as_number(value: Value) -> float | None:
    """`value` as a number, or None when it is not known."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Tensor) and isinstance(value.values, (int, float)):
        return value.values
    return None


def as_ints(value: Value, count: int | None = None) -> tuple[int, ...] | None:
    """`value` as a tuple of integers: one number stands for `count` of them. None when not known."""
    if isinstance(value, int):
        return (value,) * (1 if count is None else count)
    if isinstance(value, (tuple, list)):
        numbers = tuple(as_int(item) for item in value)
        if None in numbers or (count is not None and len(numbers) not in (1, count)):
            return None
        known = tuple(number for number in numbers if number is not None)
        return known * count if count is not None and len(known) == 1 else known
    return None


def as_shape(*sizes: Value) -> tuple[int, ...] | None:
    """`sizes` as a shape, or None when one of them is not known."""
    for size in sizes:
        if not isinstance(size, int):
            return None
    return sizes


def as_bool(ctx: Context, value: Value, default: bool) -> bool:
    """Whether `value` is true; `default` when that is not known."""
    if value is True or value is False:
        return bool(value)
    truth = ctx.truth(value)
    return default if truth is None else truth


def is_assumed(*values: Value) -> bool:
    """Whether one of the numbers in `values` was assumed."""
    for value in values:
        if type(value) is Assumed:
            return True
        if isinstance(value, (tuple, list)) and is_assumed(*value):
            return True
    return False


_DTYPES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "int": "int32",
    "long": "int64",
    "short": "int16",
}


def dtype_name(value: Value) -> str | None:
    """The name of a dtype ("float32") from `torch.float32`, `torch.float`, ... or None when it is no dtype."""
    name = value.name if isinstance(value, Symbol) else value
    if not isinstance(name, str):
        return None
    name = name.rpartition(".")[2]
    name = _DTYPES.get(name, name)
    known = name.startswith(("float", "bfloat", "int", "uint", "complex", "bool"))
    return name if known else None


def input_tensor(ctx: Context, value: Value) -> Tensor:
    """The input of a layer as a tensor."""
    return value if isinstance(value, Tensor) else ctx.as_tensor(value)


def first_unknown(values: Iterable[Value]) -> Unknown | None:
    """The first Unknown among `values`, or None."""
    for value in values:
        if isinstance(value, Unknown):
            return value
    return None


REQUIRED = object()
"""The default of a parameter that has none."""


def bind(fields: Mapping[str, Value], args: Sequence[Value], kwargs: Mapping[str, Value]) -> dict[str, Value]:
    """Arguments by name; `fields` maps the parameters, in order, to their defaults. A TypeError as Python's own."""
    if len(args) > len(fields):
        raise TypeError(f"takes {len(fields)} positional arguments but {len(args)} were given")
    bound = dict(fields)
    bound.update(zip(fields, args, strict=False))
    for name, value in kwargs.items():
        if name not in fields:
            raise TypeError(f"got an unexpected keyword argument '{name}'")
        bound[name] = value
    for name, value in bound.items():
        if value is REQUIRED:
            raise TypeError(f"missing a required argument: '{name}'")
    return bound
