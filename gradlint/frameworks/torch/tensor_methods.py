"""Methods and attributes of torch tensors, and the class `torch.Tensor`."""

from __future__ import annotations

import math
from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, Raised
from gradlint.evaluation.values import Instance, Native, Property, Symbol, Tensor, Unknown, Value
from gradlint.frameworks import nodes, operators
from gradlint.frameworks.gradients import clip_by_hand, gradient, gradient_of, pass_on, updates_by_gradient
from gradlint.frameworks.nodes import adopt, integer, number
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.shapes import is_floating
from gradlint.frameworks.torch import creation, distributions, training
from gradlint.frameworks.torch.functional import TABLE
from gradlint.frameworks.torch.functions import casts, views
from gradlint.frameworks.torch.functions.tables import Table, in_place_of, tensor
from gradlint.frameworks.weights import detached, overwrite, uses_gradient
from gradlint.network import UNKNOWN, Distribution, EventKind, Kind

_TABLE = Table()
_TABLE.include(TABLE, casts.TABLE)
_TABLE.methods.update(creation.METHODS)
_TABLE.methods.update(training.METHODS)


# Sizes.


def _size(ctx: Context, self: Tensor, dim: Value = None) -> Value:
    if self.shape is None:
        return Unknown("the shape of a tensor is not known", ctx.origin(), self)
    if dim is None:
        return self.shape
    axis = integer(dim)
    if axis is None:
        return ctx.unknown("the size of an axis that is not known")
    if not -len(self.shape) <= axis < len(self.shape):
        message = f"Dimension out of range (got {axis} for a tensor of {len(self.shape)} dimensions)"
        raise Raised("IndexError", message, demand=Demand(self.shape, axis + 1 if axis >= 0 else -axis))
    return self.shape[axis]


def _rank(ctx: Context, self: Tensor) -> Value:
    return ctx.unknown("the rank of a tensor is not known") if self.shape is None else len(self.shape)


def _count(ctx: Context, self: Tensor) -> Value:
    return ctx.unknown("the size of a tensor is not known") if self.shape is None else math.prod(self.shape)


def _strides(ctx: Context, self: Tensor, dim: Value = None) -> Value:
    if self.shape is None:
        return ctx.unknown("the strides of a tensor are not known")
    strides = tuple(math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape)))
    axis = integer(dim)
    return strides if axis is None else strides[axis]


# Initialization in place.


def _draw(ctx: Context, self: Tensor, distribution: Distribution, value: float | None = None) -> Tensor:
    """Overwrite the entries: of a parameter, of what is to become one, or of any other tensor."""
    if gradient_of(self) is not None:
        if value == 0:
            ctx.event(EventKind.ZERO_GRAD, method="manual")
        return self
    if self.parameter is not None:
        overwrite(ctx, self, distribution)
        return self
    return adopt(ctx, self, nodes.constant(ctx, self.shape, self.dtype, value, distribution=distribution))


def _normal(ctx: Context, self: Tensor, mean: Value = 0.0, std: Value = 1.0, *, generator: Value = None) -> Value:
    middle, spread = number(mean), number(std)
    text = f".normal_({_shown(middle)}, {_shown(spread)})"
    return _draw(ctx, self, distributions.normal(middle, spread, text))


def _uniform(ctx: Context, self: Tensor, *bounds: Value, generator: Value = None, **named: Value) -> Value:
    low = number(named.get("from", named.get("a", bounds[0] if bounds else 0.0)))
    high = number(named.get("to", named.get("b", bounds[1] if len(bounds) > 1 else 1.0)))
    return _draw(ctx, self, distributions.uniform(low, high, f".uniform_({_shown(low)}, {_shown(high)})"))


def _shown(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def _fill(ctx: Context, self: Tensor, value: Value) -> Value:
    known = number(value)
    return _draw(ctx, self, distributions.constant(known, f".fill_({_shown(known)})"), known)


def _zero(ctx: Context, self: Tensor) -> Value:
    return _draw(ctx, self, distributions.constant(0.0, ".zero_()"), 0.0)


def _unknown_draw(ctx: Context, self: Tensor, *args: Value, **kwargs: Value) -> Value:
    return _draw(ctx, self, UNKNOWN)


def _bernoulli(ctx: Context, self: Tensor, p: Value = 0.5, *, generator: Value = None) -> Value:
    chance = number(p)
    return _draw(ctx, self, UNKNOWN if chance is None else creation.bernoulli(chance))


def _exponential(ctx: Context, self: Tensor, lambd: Value = 1.0, *, generator: Value = None) -> Value:
    rate = number(lambd)
    known = UNKNOWN if not rate else Distribution("unknown", 1 / rate, 1 / rate, "explicit")
    return _draw(ctx, self, known)


def _copy(ctx: Context, self: Tensor, src: Value, non_blocking: Value = False) -> Value:
    if gradient_of(self) is not None or (self.parameter is not None and updates_by_gradient(ctx, self, src)):
        return self
    if self.parameter is not None:
        overwrite(ctx, self, _entries_of(src))
        if isinstance(src, Tensor) and src.parameter is not self.parameter:
            self.parameter.copy_of = src.parameter
        return self
    source = tensor(ctx, src)
    return operators.in_place(
        ctx, self, views.expanded(ctx, source, self.shape if self.shape is not None else source.shape)
    )


def _entries_of(value: Value) -> Distribution:
    return distributions.distribution_of(value) if isinstance(value, Tensor) else UNKNOWN


def _fill_diagonal(ctx: Context, self: Tensor, fill_value: Value, wrap: Value = False) -> Value:
    if self.parameter is not None:
        overwrite(ctx, self, UNKNOWN)
    return self


# Gradients.


def _requires_grad(ctx: Context, self: Tensor, requires_grad: Value = True) -> Value:
    _set_requires_grad(ctx, self, requires_grad)
    return self


def _set_requires_grad(ctx: Context, self: Tensor, value: Value) -> None:
    wanted = ctx.truth(value)
    if self.parameter is not None:
        ctx.modified(self.parameter)
        self.parameter.trainable = wanted is not False
    else:
        self.attributes["requires_grad"] = wanted is not False


def _set_data(ctx: Context, self: Tensor, value: Value) -> None:
    if self.parameter is not None:
        if not updates_by_gradient(ctx, self, value):
            overwrite(ctx, self, _entries_of(value))
    elif gradient_of(self) is not None:
        _set_gradient(ctx, self, value)
    elif isinstance(value, Tensor):
        adopt(ctx, self, value)


def _set_gradient(ctx: Context, self: Tensor, value: Value) -> None:
    if value is None:
        ctx.event(EventKind.ZERO_GRAD, method="manual")
    elif isinstance(value, Tensor) and uses_gradient(value.node) and gradient_of(value) is None:
        clip_by_hand(ctx)


def _data(ctx: Context, self: Tensor) -> Value:
    return pass_on(self, detached(ctx, self, "data"))


def _needs_gradient(ctx: Context, self: Tensor) -> Value:
    if self.parameter is not None and self.node.kind is Kind.PARAMETER:
        return self.parameter.trainable
    kept = self.attributes.get("requires_grad")
    if kept is not None:
        return kept
    return self.node.kind not in (Kind.CONSTANT, Kind.INPUT, Kind.STOP) and is_floating(self.dtype)


def _hook(ctx: Context, self: Tensor, hook: Value) -> Value:
    """A hook that changes the gradient counts as clipping by hand where it calls `clamp` or multiplies."""
    before = gradient(ctx, self)
    result = ctx.call(hook, before)
    if isinstance(result, Tensor) and result is not before and self.parameter is not None:
        clip_by_hand(ctx)
    return ctx.unknown("a handle of a hook")


def _nothing(ctx: Context, self: Tensor, *args: Value, **kwargs: Value) -> Value:
    return None


def _itself(ctx: Context, self: Tensor, *args: Value, **kwargs: Value) -> Value:
    return self


def _answer(value: Value) -> Callable[..., Value]:
    def apply(ctx: Context, self: Tensor, *args: Value, **kwargs: Value) -> Value:
        return value

    return apply


def _floating(ctx: Context, self: Tensor) -> Value:
    return is_floating(self.dtype)


def _apply(ctx: Context, self: Tensor, function: Value, *args: Value) -> Value:
    return _draw(ctx, self, UNKNOWN)


_WIDTHS: dict[str, int] = {
    "float64": 8,
    "int64": 8,
    "complex64": 8,
    "float16": 2,
    "bfloat16": 2,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}


def _get(ctx: Context, self: Tensor, key: Value, default: Value = None) -> Value:
    """Of an input that turns out to be a dictionary."""
    part = ctx.named_part(self, key) if isinstance(key, str) else None
    return ctx.unknown("attribute 'get' of tensor is not known") if part is None else part


_METHODS: dict[str, Callable[..., Value]] = {
    "get": _get,
    "size": _size,
    "dim": _rank,
    "ndimension": _rank,
    "numel": _count,
    "nelement": _count,
    "stride": _strides,
    "normal_": _normal,
    "uniform_": _uniform,
    "fill_": _fill,
    "zero_": _zero,
    "bernoulli_": _bernoulli,
    "exponential_": _exponential,
    "random_": _unknown_draw,
    "cauchy_": _unknown_draw,
    "log_normal_": _unknown_draw,
    "geometric_": _unknown_draw,
    "apply_": _apply,
    "copy_": _copy,
    "fill_diagonal_": _fill_diagonal,
    "requires_grad_": _requires_grad,
    "retain_grad": _nothing,
    "register_hook": _hook,
    "register_post_accumulate_grad_hook": _nothing,
    "record_stream": _nothing,
    "set_": _itself,
    "as_subclass": _itself,
    "is_floating_point": _floating,
    "is_complex": _answer(False),
    "is_contiguous": _answer(True),
    "is_pinned": _answer(False),
    "is_shared": _answer(False),
    "is_inference": _answer(False),
    "is_set_to": _answer(False),
    "get_device": _answer(-1),
    "data_ptr": lambda ctx, self: id(self.node),
    "element_size": lambda ctx, self: _WIDTHS.get(self.dtype, 4),
    "storage_offset": _answer(0),
    "__len__": operators.length,
    "__getitem__": operators.get_item,
    "__setitem__": operators.set_item,
}


_DUNDERS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "matmul": "@",
    "pow": "**",
    "floordiv": "//",
    "mod": "%",
}


def _operator(symbol: str, reflected: bool) -> Callable[..., Value]:
    def apply(ctx: Context, self: Tensor, other: Value) -> Value:
        left, right = (other, self) if reflected else (self, other)
        return operators.binary_operation(ctx, symbol, left, right)

    return apply


for _name, _symbol in _DUNDERS.items():
    _METHODS[f"__{_name}__"] = _operator(_symbol, False)
    _METHODS[f"__r{_name}__"] = _operator(_symbol, True)

METHODS: dict[str, Native] = _TABLE.methods
METHODS.update({name: Native(f"torch.Tensor.{name}", function) for name, function in _METHODS.items()})
for _name in ("relu", "sigmoid"):
    METHODS.setdefault(f"{_name}_", Native(f"torch.Tensor.{_name}_", in_place_of(_name, METHODS[_name].call)))


# Attributes.


def _device(ctx: Context, self: Instance, type: Value = "cpu", index: Value = None) -> None:
    kind: Value = type
    if isinstance(kind, str) and ":" in kind:
        kind, _, place = kind.partition(":")
        index = int(place) if place.isdecimal() else index
    elif isinstance(kind, Instance):
        kind, index = kind.attrs.get("type"), kind.attrs.get("index")
    self.attrs["type"], self.attrs["index"] = kind, index


DEVICE = framework_class("torch.device", (), {"__init__": _device})
CPU = Instance(DEVICE, {"type": "cpu", "index": None})
"""The device on which every tensor is taken to be."""


def _dtype(ctx: Context, self: Tensor) -> Value:
    return self.dtype if "keras" in ctx.tables else Symbol(f"torch.{self.dtype}")


def _is_leaf(ctx: Context, self: Tensor) -> Value:
    return self.node.kind in (Kind.PARAMETER, Kind.CONSTANT, Kind.INPUT)


def _gradient_function(ctx: Context, self: Tensor) -> Value:
    return None if _is_leaf(ctx, self) else ctx.unknown("grad_fn of a tensor")


def _gradient(ctx: Context, self: Tensor) -> Value:
    return gradient(ctx, self)


def _part_of_complex(ctx: Context, self: Tensor) -> Value:
    return ctx.call(TABLE.names["real"], self)


ATTRIBUTES: dict[str, Callable[..., Value]] = {
    "ndim": _rank,
    "dtype": _dtype,
    "device": _answer(CPU),
    "T": views.reversed_axes,
    "mT": views.matrix_transpose,
    "H": views.reversed_axes,
    "mH": views.matrix_transpose,
    "data": _data,
    "grad": _gradient,
    "grad_fn": _gradient_function,
    "requires_grad": _needs_gradient,
    "is_leaf": _is_leaf,
    "is_cuda": _answer(False),
    "is_sparse": _answer(False),
    "is_quantized": _answer(False),
    "is_meta": _answer(False),
    "is_mps": _answer(False),
    "is_nested": _answer(False),
    "is_cpu": _answer(True),
    "real": _part_of_complex,
    "imag": _part_of_complex,
    "layout": _answer(Symbol("torch.strided")),
    "itemsize": lambda ctx, self: _WIDTHS.get(self.dtype, 4),
    "names": lambda ctx, self: (None,) * len(self.shape or ()),
}

SETTERS: dict[str, Callable[..., None]] = {
    "data": _set_data,
    "grad": _set_gradient,
    "requires_grad": _set_requires_grad,
}

_namespace: dict[str, Value] = {
    **METHODS,
    **{name: Property(Native(f"torch.Tensor.{name}", getter)) for name, getter in ATTRIBUTES.items()},
}
TENSOR = framework_class("torch.Tensor", (), {})
TENSOR.namespace.update(_namespace)
_construct = creation.legacy("float32")
TENSOR.namespace["__new__"] = Native("torch.Tensor", lambda ctx, cls, *args, **kwargs: _construct(ctx, *args, **kwargs))

NAMES: dict[str, Value] = {
    "Tensor": TENSOR,
    "FloatTensor": TENSOR,
    "device": DEVICE,
    **casts.TABLE.names,
}
