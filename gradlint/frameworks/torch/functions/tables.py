"""How the functions of torch are entered into tables: one row gives `torch.f`, `F.f`, `Tensor.f` and `Tensor.f_`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Native, Tensor, Unknown, Value
from gradlint.frameworks.gradients import clip_by_hand, gradient_of, scale_gradient, updates_by_gradient
from gradlint.frameworks.nodes import number
from gradlint.frameworks.operators import change_parameter, in_place, writable
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.weights import overwrite
from gradlint.network import UNKNOWN, EventKind

Function = Callable[..., Value]

_PREFIXES = {"t": "", "f": "nn.functional.", "l": "linalg.", "s": "special.", "x": "fft."}


class Table:
    """Functions by dotted name (without "torch.") and by name of the tensor method."""

    def __init__(self) -> None:
        self.names: dict[str, Value] = {}
        self.methods: dict[str, Native] = {}

    def add(self, names: str, function: Function, homes: str = "tm") -> None:
        """Enter `function` under each of the space-separated `names`.

        Homes: "t" `torch`, "f" `torch.nn.functional`, "l" `torch.linalg`, "s" `torch.special`, "x" `torch.fft`,
        "m" a method of tensors, "i" a method that works in place, with an underscore (also a function, where it
        is one without the underscore).
        """
        for name in names.split():
            inner = in_place_of(name, function) if "i" in homes else None
            for home, prefix in _PREFIXES.items():
                if home in homes:
                    self.names[prefix + name] = Native(f"torch.{prefix}{name}", function)
                    if inner is not None and home in "tf":
                        self.names[f"{prefix}{name}_"] = Native(f"torch.{prefix}{name}_", inner)
            if "m" in homes:
                self.methods[name] = Native(f"torch.Tensor.{name}", function)
            if inner is not None:
                self.methods[f"{name}_"] = Native(f"torch.Tensor.{name}_", inner)

    def include(self, *others: Table) -> None:
        """Take over the rows of other tables."""
        for other in others:
            self.names.update(other.names)
            self.methods.update(other.methods)


_ARITHMETIC = {
    "add": "+",
    "sub": "-",
    "subtract": "-",
    "mul": "*",
    "multiply": "*",
    "div": "/",
    "divide": "/",
    "true_divide": "/",
    "pow": "**",
}


def in_place_of(name: str, function: Function) -> Function:
    """The variant of `function` that changes its tensor: a layer's output, a parameter, or a gradient."""
    symbol = _ARITHMETIC.get(name)

    def apply(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
        if not isinstance(input, Tensor):
            return function(ctx, input, *args, **kwargs)
        if gradient_of(input) is not None:
            _on_gradient(ctx, input, name, symbol, args)
            return input
        if input.parameter is not None and writable(ctx, input):
            _on_parameter(ctx, input, symbol, args, kwargs)
            return input
        result = function(ctx, input, *args, **kwargs)
        return in_place(ctx, input, result) if isinstance(result, Tensor) else result

    return apply


def _on_gradient(ctx: Context, tensor: Tensor, name: str, symbol: str | None, args: tuple[Value, ...]) -> None:
    if name == "zero":
        ctx.event(EventKind.ZERO_GRAD, method="manual")
    elif name.startswith(("clamp", "clip")):
        clip_by_hand(ctx, next((limit for limit in map(number, reversed(args)) if limit is not None), None))
    elif symbol is not None and args:
        scale_gradient(ctx, tensor, symbol, args[0])


def _on_parameter(
    ctx: Context, tensor: Tensor, symbol: str | None, args: tuple[Value, ...], kwargs: dict[str, Value]
) -> None:
    operands = [*args, *kwargs.values()]
    if symbol is None or not operands:
        if not updates_by_gradient(ctx, tensor, *operands):
            overwrite(ctx, tensor, UNKNOWN)
        return
    alpha = number(kwargs.get("alpha", 1))
    operand = operands[0]
    if alpha == 1:
        change_parameter(ctx, tensor, symbol, operand)
    elif alpha is None or not isinstance(operand, Tensor):
        change_parameter(ctx, tensor, symbol, ctx.unknown("a factor that is not known"))
    else:
        from gradlint.frameworks.nodes import scaled

        change_parameter(ctx, tensor, symbol, scaled(ctx, operand, alpha))


def named(name: str, *fields: str) -> Callable[..., Value]:
    """A function `(ctx, *values)` that makes one of torch's named tuples, such as that of `torch.max`."""
    cls = framework_class(f"torch.return_types.{name}", (), {"_fields": fields})

    def make(ctx: Context, *values: Value) -> Value:
        from gradlint.evaluation.values import Instance

        return Instance(cls, {}, values, ctx.origin())

    return make


def dimension(value: Value, rest: dict[str, Any]) -> Value:
    """An argument `dim`, which numpy's name `axis` may stand for."""
    return rest.get("axis", value) if rest else value


def keeping(ctx: Context, value: Value, rest: dict[str, Any]) -> bool:
    """An argument `keepdim`, which numpy's name `keepdims` may stand for."""
    value = rest.get("keepdims", value) if rest else value
    return value is True or (value is not False and bool(ctx.truth(value)))


def tensor(ctx: Context, value: Value) -> Tensor:
    """An argument as a tensor."""
    return value if isinstance(value, Tensor) else ctx.as_tensor(value)


def tensors(ctx: Context, value: Value) -> list[Tensor] | None:
    """A sequence of tensors; None when it is not known which."""
    if isinstance(value, Unknown):
        return None
    if isinstance(value, Tensor):
        value = ctx.iterate(value)
    return [tensor(ctx, item) for item in ctx.iterate(value)]


def spread(args: tuple[Value, ...]) -> tuple[Value, ...]:
    """Sizes or axes that may be given one by one or as one sequence."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        return tuple(args[0])
    return args
