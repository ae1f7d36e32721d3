"""Objects of code that is not analysed: what methods of theirs do in a training loop, by names that are common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Native, Unknown, Value, tensors_in
from gradlint.frameworks.nodes import number
from gradlint.frameworks.torch.training import backward
from gradlint.network import EventKind


def _backward(ctx: Context, self: Unknown, *args: Value, **kwargs: Value) -> Value:
    """`loss.backward()` of a loss that is not known, or `engine.backward(loss)`."""
    losses = tensors_in(*args)
    retain = kwargs.get("retain_graph")
    backward(ctx, losses[0] if losses else ctx.as_tensor(self), retain_graph=retain)
    return self


def _zero_grad(ctx: Context, self: Unknown, *args: Value, **kwargs: Value) -> Value:
    ctx.event(EventKind.ZERO_GRAD)
    return self


def _clip(method: str) -> Callable[..., Value]:
    def clip(ctx: Context, self: Unknown, *args: Value, **kwargs: Value) -> Value:
        ctx.event(EventKind.CLIP, method=method, limit=next((n for n in map(number, args) if n is not None), None))
        return self

    return clip


METHODS: Mapping[str, Callable[..., Value]] = {
    "backward": _backward,
    "zero_grad": _zero_grad,
    "clip_grad_norm_": _clip("norm"),
    "clip_grad_value_": _clip("value"),
}


def method_of(value: Unknown, name: str) -> Native:
    """The method `name` of an object that is not known, as a function that records what it does."""
    return Native(name, lambda ctx, *args, **kwargs: METHODS[name](ctx, value, *args, **kwargs))
