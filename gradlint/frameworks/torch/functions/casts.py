"""Tensors under another dtype or on another device, and what leaves the graph: detach, item, numpy."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Symbol, Tensor, Value
from gradlint.frameworks.gradients import pass_on
from gradlint.frameworks.nodes import adopt, folded, reshaped, stopped
from gradlint.frameworks.shapes import is_floating
from gradlint.frameworks.torch.arguments import dtype_name
from gradlint.frameworks.torch.functions.tables import Table, tensor
from gradlint.frameworks.weights import detached
from gradlint.network import Kind

TABLE = Table()

_METHODS = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "int": "int32",
    "long": "int64",
    "short": "int16",
    "char": "int8",
    "byte": "uint8",
    "bool": "bool",
    "cfloat": "complex64",
    "cdouble": "complex128",
}

_PYTHON_TYPES: dict[str, Callable[[float], float]] = {"int": int, "uint": int, "bool": bool, "float": float}


def cast(ctx: Context, x: Tensor, dtype: str) -> Tensor:
    """`x` under another dtype; a gradient does not pass integers."""
    if dtype == x.dtype:
        return x
    kind = next((python for prefix, python in _PYTHON_TYPES.items() if dtype.startswith(prefix)), None)
    values = x.values if kind is None else folded(kind, x)
    if not is_floating(dtype):
        return stopped(ctx, (x,), f"cast to {dtype}", x.shape, dtype, values)
    result = pass_on(x, reshaped(ctx, x, x.shape, "cast", "torch.Tensor.to", values, dtype=dtype))
    result.dtype = dtype
    return result


def _cast_to(dtype: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, *, memory_format: Value = None) -> Value:
        return cast(ctx, tensor(ctx, input), dtype)

    return apply


def dtype_given(*values: Value) -> str | None:
    """The dtype among arguments that may be dtypes, devices, tensors or anything else."""
    for value in values:
        if isinstance(value, Tensor):
            return value.dtype
        if isinstance(value, Symbol) and (name := dtype_name(value)) is not None:
            return name
    return None


def _to(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
    x = tensor(ctx, input)
    dtype = dtype_given(*args, *[kwargs[key] for key in ("dtype", "other") if key in kwargs])
    if dtype is None:
        return moved(ctx, x, *args, *kwargs.values())
    return cast(ctx, x, dtype)


def moved(ctx: Context, x: Tensor, *devices: Value) -> Tensor:
    """A tensor on a device that may be another one: for a parameter that is a copy, which no module registers."""
    if all(device is None for device in devices) or x.node.kind is not Kind.PARAMETER or x.partial:
        return x
    return reshaped(ctx, x, x.shape, "identity")


def _type(ctx: Context, input: Value, dtype: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = tensor(ctx, input)
    if dtype is None:
        return f"torch.{_LEGACY.get(x.dtype, 'Float')}Tensor"
    name = dtype.name if isinstance(dtype, Symbol) else getattr(dtype, "name", dtype)
    if isinstance(name, str) and name.endswith("Tensor"):
        prefix = name.rpartition(".")[2].removesuffix("Tensor")
        wanted = next((key for key, legacy in _LEGACY.items() if legacy == prefix), None)
        return x if wanted is None else cast(ctx, x, wanted)
    return _to(ctx, x, dtype)


_LEGACY = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "int64": "Long",
    "int32": "Int",
    "int16": "Short",
    "int8": "Char",
    "uint8": "Byte",
    "bool": "Bool",
}


def _type_as(ctx: Context, input: Value, other: Value) -> Value:
    return cast(ctx, tensor(ctx, input), tensor(ctx, other).dtype)


def _moved(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
    return tensor(ctx, input)


def _to_accelerator(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
    return moved(ctx, tensor(ctx, input), "cuda")


def _detach(ctx: Context, input: Value) -> Value:
    x = tensor(ctx, input)
    return pass_on(x, detached(ctx, x))


def _detach_in_place(ctx: Context, input: Value) -> Value:
    x = tensor(ctx, input)
    return adopt(ctx, x, detached(ctx, x))


def _out_of_graph(name: str) -> Callable[..., Value]:
    """What turns a tensor into Python numbers or a numpy array."""

    def apply(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
        x = tensor(ctx, input)
        if name != "numpy" and x.values is not None:
            values = x.values
            while name == "item" and isinstance(values, list) and len(values) == 1:
                values = values[0]
            return values
        return stopped(ctx, (x,), name, () if name == "item" else x.shape, x.dtype, x.values)

    return apply


for _name, _dtype in _METHODS.items():
    TABLE.add(_name, _cast_to(_dtype), "m")
TABLE.add("to", _to, "m")
TABLE.add("type", _type, "m")
TABLE.add("type_as", _type_as, "m")
TABLE.add("cpu to_sparse to_mkldnn", _moved, "m")
TABLE.add("cuda xpu ipu mtia", _to_accelerator, "m")
TABLE.add("detach", _detach)
TABLE.add("detach_", _detach_in_place)
for _name in ("item", "tolist", "numpy"):
    TABLE.add(_name, _out_of_graph(_name), "m")
