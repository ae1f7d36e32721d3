"""`torch.autograd.Function`: a forward with a backward of its own, which is tried on numbers: is it the derivative?"""

from __future__ import annotations

import math
from types import NoneType

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import Class, ClassMethod, Instance, Native, Tensor, Value, tensors_in
from gradlint.frameworks.nodes import constant
from gradlint.frameworks.registry import framework_class
from gradlint.network import topological

NAMES: dict[str, Value] = {}

_POINTS = (-7.31, -3.72, -2.23, -1.37, -0.61, -0.17, 0.23, 0.71, 1.43, 2.61, 3.43, 8.13)
"""Where forward and backward are compared: on both sides of zero, between the kinks of the usual functions."""
_WEIGHTS = tuple(1.0 + 0.1 * index for index in range(len(_POINTS)))
"""The gradient that comes in: another one at each point, which a function that mixes entries would not keep apart."""
_STEPS = tuple((1e-5 if index % 3 else -1e-5) * weight for index, weight in enumerate(_WEIGHTS))
"""How far each point is moved: another way for each, so that a function that mixes entries is told apart."""
_TOLERANCE = 1e-4
"""A central difference is off by the square of the step times the third derivative, and by 1e-10 of rounding."""
_VERDICTS = "__backward_is_slope__"
"""Where a class keeps, for each of the settings that it was tried with, whether its backward is the derivative."""

_CONTEXT = framework_class(
    "torch.autograd.function.FunctionCtx",
    (),
    {
        "save_for_backward": lambda ctx, self, *tensors: self.attrs.__setitem__("saved_tensors", tensors),
        "mark_dirty": lambda ctx, self, *tensors: None,
        "mark_non_differentiable": lambda ctx, self, *tensors: None,
        "set_materialize_grads": lambda ctx, self, value: None,
    },
)


def _apply(ctx: Context, cls: Value, *args: Value, **kwargs: Value) -> Value:
    result, _ = _forward(ctx, cls, args, kwargs)
    inputs = tensors_in(*args)
    if isinstance(cls, Class) and len(inputs) == 1 and _can_be_tried(result, inputs[0], args, kwargs):
        settings = tuple([None if value is inputs[0] else value for value in (*args, *kwargs.values())])
        verdicts = cls.namespace.setdefault(_VERDICTS, {})
        if settings not in verdicts:
            verdicts[settings] = _is_slope(ctx, cls, args, kwargs)
        if verdicts[settings]:
            return result
    name = cls.name.rpartition(".")[2] if isinstance(cls, Class) else "Function"

    def opaque(value: Value) -> Value:
        found = tensors_in(value)
        if isinstance(value, (tuple, list)):
            return tuple(opaque(item) for item in value)
        return ctx.opaque(f"{name} has a backward of its own", inputs, found[0].shape) if found else value

    return opaque(result)


def _forward(ctx: Context, cls: Value, args: tuple[Value, ...], kwargs: dict[str, Value]) -> tuple[Value, Instance]:
    """What a function gives, and the object in which it keeps what its backward needs."""
    kept = Instance(_CONTEXT, {"needs_input_grad": (True,) * len(args)}, origin=ctx.origin())
    setup = isinstance(cls, Class) and any("setup_context" in c.namespace for c in cls.mro if isinstance(c, Class))
    if not setup:
        return ctx.call(ctx.getattr(cls, "forward"), kept, *args, **kwargs), kept
    result = ctx.call(ctx.getattr(cls, "forward"), *args, **kwargs)
    ctx.call(ctx.getattr(cls, "setup_context"), kept, args, result)
    return result, kept


def _can_be_tried(result: Value, start: Tensor, args: tuple[Value, ...], kwargs: dict[str, Value]) -> bool:
    """Whether a function of one tensor and plain settings gives one of the same shape, with gradients recorded."""
    if not isinstance(result, Tensor) or result.shape != start.shape or not any(value is start for value in args):
        return False
    if not all(value is start or isinstance(value, (int, float, str, NoneType)) for value in (*args, *kwargs.values())):
        return False
    nodes = topological((result.node,))
    return start.node in nodes and all(node.gradient for node in nodes if node.order > start.node.order)


def _is_slope(ctx: Context, cls: Class, args: tuple[Value, ...], kwargs: dict[str, Value]) -> bool:
    """Whether `backward` multiplies what comes in by the derivative of `forward`, an elementwise function.

    Both are evaluated on known numbers; the derivative is a central difference.
    """

    def run(factor: float) -> tuple[list[float] | None, Instance]:
        moved = [x + factor * step for x, step in zip(_POINTS, _STEPS, strict=True)]
        points = constant(ctx, (len(moved),), values=moved)
        given = tuple(points if isinstance(value, Tensor) else value for value in args)
        result, kept = _forward(ctx, cls, given, kwargs)
        return _numbers(result), kept

    try:
        (above, _), (below, _), (at, kept) = run(1.0), run(-1.0), run(0.0)
        if above is None or below is None or at is None:
            return False
        incoming = constant(ctx, (len(_POINTS),), values=list(_WEIGHTS))
        gradients = ctx.call(ctx.getattr(cls, "backward"), kept, incoming)
    except Raised:
        return False
    position = next(index for index, value in enumerate(args) if isinstance(value, Tensor))
    if isinstance(gradients, tuple):
        gradients = gradients[position] if position < len(gradients) else None
    found = _numbers(gradients)
    slopes = [(high - low) / (2.0 * step) for high, low, step in zip(above, below, _STEPS, strict=True)]
    return found is not None and all(
        math.isclose(gradient, weight * slope, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
        for gradient, weight, slope in zip(found, _WEIGHTS, slopes, strict=True)
    )


def _numbers(value: Value) -> list[float] | None:
    """The entries of a tensor with one for each point, if they are known."""
    values = value.values if isinstance(value, Tensor) else None
    return values if isinstance(values, list) and len(values) == len(_POINTS) else None


FUNCTION = framework_class("torch.autograd.Function", (), {})
FUNCTION.namespace["apply"] = ClassMethod(Native("torch.autograd.Function.apply", _apply))
NAMES["autograd.Function"] = FUNCTION
NAMES["autograd.function.Function"] = FUNCTION
