"""What torch says about dtypes, shapes and kinds of objects."""

from __future__ import annotations

import math
from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Native, Symbol, Tensor, Unknown, Value
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.shapes import is_floating, promoted
from gradlint.frameworks.torch.arguments import dtype_name

NAMES: dict[str, Value] = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}

# Largest number, machine epsilon, smallest normal number, bits.
_FLOATS: dict[str, tuple[float, float, float, int]] = {
    "float16": (65504.0, 2.0**-10, 2.0**-14, 16),
    "bfloat16": (3.3895313892515355e38, 2.0**-7, 2.0**-126, 16),
    "float32": (3.4028234663852886e38, 2.0**-23, 2.0**-126, 32),
    "float64": (1.7976931348623157e308, 2.0**-52, 2.0**-1022, 64),
}
_INTEGERS: dict[str, tuple[int, int]] = {
    "uint8": (0, 255),
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
}


def _finfo_init(ctx: Context, self: Instance, dtype: Value = None) -> None:
    name = "float32" if dtype is None else dtype_name(dtype)
    largest, epsilon, tiny, bits = _FLOATS.get(name or "float32", _FLOATS["float32"])
    self.attrs.update(
        max=largest,
        min=-largest,
        eps=epsilon,
        tiny=tiny,
        smallest_normal=tiny,
        resolution=10.0 ** math.floor(math.log10(epsilon) + 1),
        bits=bits,
        dtype=name,
    )


def _iinfo_init(ctx: Context, self: Instance, dtype: Value) -> None:
    name = dtype_name(dtype) or "int64"
    low, high = _INTEGERS.get(name, _INTEGERS["int64"])
    self.attrs.update(min=low, max=high, bits=(high - low).bit_length(), dtype=name)


NAMES["finfo"] = framework_class("torch.finfo", (), {"__init__": _finfo_init})
NAMES["iinfo"] = framework_class("torch.iinfo", (), {"__init__": _iinfo_init})


def _size(ctx: Context, sizes: Value = ()) -> Value:
    return sizes if isinstance(sizes, Unknown) else tuple(ctx.iterate(sizes))


def _is_tensor(ctx: Context, obj: Value) -> Value:
    return ctx.unknown("whether something unknown is a tensor") if isinstance(obj, Unknown) else isinstance(obj, Tensor)


def _is_floating_point(ctx: Context, input: Value) -> Value:  # noqa: A002
    if not isinstance(input, Tensor):
        return ctx.unknown("dtype of something that is no known tensor")
    return is_floating(input.dtype)


def _numel(ctx: Context, input: Value) -> Value:  # noqa: A002
    if not isinstance(input, Tensor) or input.shape is None:
        return ctx.unknown("the size of a tensor is not known")
    return math.prod(input.shape)


def _promote(ctx: Context, *values: Value) -> Value:
    names = [value.dtype if isinstance(value, Tensor) else dtype_name(value) for value in values]
    if None in names:
        return ctx.unknown("a dtype that is not known")
    return Symbol(f"torch.{promoted(name for name in names if name is not None)}")


def _answer(value: Value) -> Callable[..., Value]:
    return lambda ctx, *args, **kwargs: value


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "Size": _size,
    "is_tensor": _is_tensor,
    "is_floating_point": _is_floating_point,
    "is_storage": _answer(False),
    "numel": _numel,
    "promote_types": _promote,
    "result_type": _promote,
    "get_default_dtype": _answer(Symbol("torch.float32")),
}
for _name, _function in _FUNCTIONS.items():
    NAMES[_name] = Native(f"torch.{_name}", _function)
NAMES["Generator"] = framework_class(
    "torch.Generator",
    (),
    {
        "__init__": lambda ctx, self, device="cpu": None,
        "manual_seed": lambda ctx, self, seed: self,
        "seed": lambda ctx, self: 0,
        "initial_seed": lambda ctx, self: 0,
    },
)
