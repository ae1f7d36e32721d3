"""Hands on `.grad`: steps and clipping that user code writes out itself."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Value, tensors_in
from gradlint.frameworks.nodes import number
from gradlint.frameworks.weights import uses_gradient
from gradlint.network import EventKind, Kind, Parameter

_GRADIENT = "gradient"


def gradient(ctx: Context, tensor: Tensor) -> Tensor:
    """`tensor.grad`: a STOP node with `operation` "grad". The parameter counts as one in training from here on."""
    result = ctx.emit(Kind.STOP, (tensor,), tensor.shape, attributes={"operation": "grad"}, dtype=tensor.dtype)
    result.attributes[_GRADIENT] = tensor
    if tensor.parameter is not None:
        trained(ctx).add(id(tensor.parameter))
    return result


def trained(ctx: Context) -> set[int]:
    """Identities of the parameters whose `.grad` was read: changes in place are no initialization any more."""
    found: set[int] = ctx.tables.setdefault("torch.trained", set())
    return found


def gradient_of(tensor: Tensor) -> Tensor | None:
    """The tensor whose `.grad` (or a view of it) this is, or None."""
    found: Tensor | None = tensor.attributes.get(_GRADIENT)
    return found


def pass_on(source: Tensor, view: Tensor) -> Tensor:
    """A view of a gradient is the gradient still: what is done to it in place is done to `.grad`."""
    if _GRADIENT in source.attributes:
        view.attributes[_GRADIENT] = source.attributes[_GRADIENT]
    return view


def scale_gradient(ctx: Context, tensor: Tensor, symbol: str, operand: Value) -> None:
    """Arithmetic in place on a gradient: by something computed it is clipping by hand, by a number it is not."""
    if symbol in "*/" and number(operand) is None:
        clip_by_hand(ctx)


def clip_by_hand(ctx: Context, limit: float | None = None) -> None:
    """Record that user code clips gradients without the framework's help."""
    ctx.event(EventKind.CLIP, method="manual", limit=limit)


def updates_by_gradient(ctx: Context, tensor: Tensor, *operands: Value) -> bool:
    """Whether changing a parameter by these operands is a step of a hand-written optimizer, which is recorded."""
    if any(uses_gradient(operand.node) for operand in tensors_in(*operands)):
        ctx.event(EventKind.STEP, method="manual")
        return True
    parameter: Parameter | None = tensor.parameter
    return parameter is not None and id(parameter) in trained(ctx)
