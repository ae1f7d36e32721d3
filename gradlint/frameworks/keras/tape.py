"""`tf.GradientTape` and what is done with its gradients: the events of a hand-written training loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Class, Instance, Tensor, Value, tensors_in
from gradlint.frameworks import nodes
from gradlint.frameworks.keras.arguments import is_number
from gradlint.frameworks.registry import framework_class
from gradlint.network import EventKind, Kind

GRADIENT = "gradient"
"""Key of `Tensor.attributes` that marks a gradient from a tape; what it holds is shared by those of one call."""


def _start(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """A tape records by itself."""


def _enter(ctx: Context, self: Instance) -> Value:
    return self


def _leave(ctx: Context, self: Instance, *args: Value) -> bool:
    return False


def _gradient(
    ctx: Context, self: Instance, target: Value = None, sources: Value = None, *args: Value, **kwargs: Value
) -> Value:
    """`tape.gradient(loss, variables)`: the backward pass; the gradients come back in the structure of `sources`."""
    loss = next(iter(tensors_in(target)), None)
    ctx.event(EventKind.BACKWARD, node=loss.node if loss is not None else None, scaled=False, accumulates=False)
    return _gradients_of(ctx, sources, {})


def _gradients_of(ctx: Context, sources: Value, group: dict[str, Any]) -> Value:
    if isinstance(sources, (list, tuple)):
        return [_gradients_of(ctx, source, group) for source in sources]
    if isinstance(sources, dict):
        return {key: _gradients_of(ctx, source, group) for key, source in sources.items()}
    if isinstance(sources, Tensor):
        return _marked(ctx, sources, group)
    return sources


def _marked(ctx: Context, source: Tensor, group: dict[str, Any]) -> Tensor:
    made = ctx.emit(Kind.STOP, [source], source.shape, attributes={"operation": "grad"}, dtype=source.dtype)
    made.attributes[GRADIENT] = group
    return made


def clipped(ctx: Context, gradient: Tensor, method: str, limit: float | None) -> Tensor:
    """A gradient that is clipped; gradients of one backward pass that are clipped alike make one event."""
    group: dict[str, Any] = gradient.attributes[GRADIENT]
    if group.get("clipped") != method:
        group["clipped"] = method
        ctx.event(EventKind.CLIP, method=method, limit=limit)
    made = nodes.stopped(ctx, [gradient], f"clip_by_{method}", gradient.shape)
    made.attributes[GRADIENT] = group
    return made


def clipped_elsewhere(tensor: Tensor) -> bool:
    """Whether this is a gradient as it was before it was clipped."""
    group = tensor.attributes.get(GRADIENT)
    return bool(group and group.get("clipped")) and not str(tensor.node.get("operation")).startswith("clip_by_")


def _is_gradient(value: Value) -> bool:
    return isinstance(value, Tensor) and GRADIENT in value.attributes


def _clip_by_norm(ctx: Context, t: Value = None, clip_norm: Value = None, *args: Value, **kwargs: Value) -> Value:
    if isinstance(t, Tensor) and _is_gradient(t):
        return clipped(ctx, t, "norm", float(clip_norm) if is_number(clip_norm) else None)
    if isinstance(t, Tensor):
        return ctx.opaque("clipping a tensor by its norm is not modelled", [t], t.shape)
    return t


def _clip_by_global_norm(
    ctx: Context, t_list: Value = None, clip_norm: Value = None, *args: Value, **kwargs: Value
) -> Value:
    """The clipped gradients, and the norm that they had."""
    limit = float(clip_norm) if is_number(clip_norm) else None
    items = list(t_list) if isinstance(t_list, (list, tuple)) else ctx.iterate(t_list)
    if any(_is_gradient(item) for item in items):
        made = [clipped(ctx, item, "norm", limit) if _is_gradient(item) else item for item in items]
    else:
        ctx.event(EventKind.CLIP, method="norm", limit=limit)
        made = items
    return (made, nodes.constant(ctx, ()))


def _global_norm(ctx: Context, t_list: Value = None, *args: Value, **kwargs: Value) -> Value:
    return nodes.constant(ctx, ())


TAPE_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _start,
    "__enter__": _enter,
    "__exit__": _leave,
    "gradient": _gradient,
    "jacobian": _gradient,
    "batch_jacobian": _gradient,
    "watch": _start,
    "reset": _start,
    "stop_recording": _enter,
}


@functools.cache
def tape_class() -> Class:
    """`tf.GradientTape`."""
    return framework_class("tensorflow.GradientTape", (), dict(TAPE_METHODS))


CLIPPING: dict[str, Callable[..., Value]] = {
    "clip_by_norm": _clip_by_norm,
    "clip_by_global_norm": _clip_by_global_norm,
    "global_norm": _global_norm,
}
