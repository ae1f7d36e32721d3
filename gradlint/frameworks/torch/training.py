"""What training loops of torch use beside optimizers: backward, clipping, scalers, gradient modes, data, wrappers."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Instance, Native, Tensor, Value, tensors_in
from gradlint.frameworks.gradients import gradient
from gradlint.frameworks.nodes import constant, number
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch import autograd_functions, data, modes, wrappers
from gradlint.frameworks.torch.functions.tables import tensor
from gradlint.frameworks.torch.optim import current_rate
from gradlint.network import EventKind, Kind, Optimizer, Parameter, topological

NAMES: dict[str, Value] = {**data.NAMES, **modes.NAMES, **wrappers.NAMES, **autograd_functions.NAMES}
METHODS: dict[str, Native] = {}


# Backward passes.


def backward(
    ctx: Context,
    self: Tensor,
    gradient: Value = None,
    retain_graph: Value = None,
    create_graph: Value = False,
    inputs: Value = None,
) -> None:
    """`tensor.backward()`: a BACKWARD event of the tensor."""
    retain = (ctx.truth(retain_graph) if retain_graph is not None else False) or ctx.truth(create_graph)
    ctx.event(
        EventKind.BACKWARD,
        node=self.node,
        scaled=is_scaled(self),
        retain_graph=bool(retain),
        half=any(p.dtype == "float16" for node in topological((self.node,)) for p in node.parameters.values()),
    )


def is_scaled(loss: Tensor) -> bool:
    """Whether a loss came out of `GradScaler.scale`, perhaps divided by a number since."""
    node = loss.node
    while True:
        if node.class_name == _SCALED:
            return True
        if node.kind not in (Kind.MULTIPLY, Kind.ADD, Kind.POOLING, Kind.RESHAPE) or not node.inputs:
            return False
        node = node.inputs[0]


def _autograd_backward(ctx: Context, tensors: Value, *args: Value, **kwargs: Value) -> None:
    for loss in tensors_in(tensors):
        backward(ctx, loss, retain_graph=kwargs.get("retain_graph"))


def _autograd_grad(
    ctx: Context,
    outputs: Value,
    inputs: Value,
    grad_outputs: Value = None,
    retain_graph: Value = None,
    create_graph: Value = False,
    **rest: Value,
) -> Value:
    sources = tensors_in(outputs)
    targets = [inputs] if isinstance(inputs, Tensor) else [tensor(ctx, item) for item in ctx.iterate(inputs)]
    if ctx.truth(create_graph):
        reason = "a gradient that is differentiated again"
        return tuple(ctx.opaque(reason, [*sources, target], target.shape) for target in targets)
    return tuple(gradient(ctx, target) for target in targets)


# Clipping.


def _clip_norm(
    ctx: Context, parameters: Value, max_norm: Value, norm_type: Value = 2.0, *args: Value, **kwargs: Value
) -> Value:
    ctx.event(EventKind.CLIP, method="norm", limit=number(max_norm), parameters=_clipped(ctx, parameters))
    return constant(ctx, ())


def _clip_value(ctx: Context, parameters: Value, clip_value: Value, foreach: Value = None) -> None:
    ctx.event(EventKind.CLIP, method="value", limit=number(clip_value), parameters=_clipped(ctx, parameters))


def _clipped(ctx: Context, given: Value) -> tuple[Parameter, ...] | None:
    """The parameters whose gradients are clipped; None when one of them is not known."""
    tensors = [given] if isinstance(given, Tensor) else ctx.iterate(given)
    known = [tensor.parameter for tensor in tensors if isinstance(tensor, Tensor) and tensor.parameter is not None]
    return tuple(known) if len(known) == len(tensors) else None


def _total_norm(ctx: Context, tensors: Value, *args: Value, **kwargs: Value) -> Value:
    return constant(ctx, ())


for _name, _function in (
    ("clip_grad_norm_", _clip_norm),
    ("clip_grad_norm", _clip_norm),
    ("clip_grad_value_", _clip_value),
    ("clip_grads_with_norm_", _clip_norm),
    ("get_total_norm", _total_norm),
):
    for _home in ("nn.utils.", "nn.utils.clip_grad."):
        NAMES[_home + _name] = Native(f"torch.nn.utils.{_name}", _function)


# Loss scaling for half precision.

_SCALED = "torch.amp.GradScaler.scale"


def _scaler_init(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    enabled = ctx.truth(kwargs.get("enabled", True))
    self.hidden["enabled"] = enabled is not False
    self.hidden["init_scale"] = number(kwargs.get("init_scale", 2.0**16))


def _scale(ctx: Context, self: Instance, outputs: Value) -> Value:
    if isinstance(outputs, (list, tuple)):
        return type(outputs)(_scale(ctx, self, output) for output in outputs)
    loss = tensor(ctx, outputs)
    if not self.hidden.get("enabled", True):
        return loss
    attributes = {"constant": self.hidden.get("init_scale") or 2.0**16}
    return ctx.emit(Kind.MULTIPLY, (loss,), loss.shape, attributes=attributes, class_name=_SCALED)


def optimizer_of(value: Value) -> Optimizer | None:
    """The optimizer that an object is, or wraps."""
    if not isinstance(value, Instance):
        return None
    known: Optimizer | None = value.hidden.get("optimizer")
    return known


def _scaler_step(ctx: Context, self: Instance, optimizer: Value, *args: Value, **kwargs: Value) -> Value:
    method = optimizer.cls.find("step") if isinstance(optimizer, Instance) else MISSING
    if not isinstance(method, (Native, type(MISSING))):
        return ctx.call(method, optimizer, *args, **kwargs)
    rate = current_rate(optimizer) if isinstance(optimizer, Instance) else None
    scaled = self.hidden.get("enabled", True)
    ctx.event(EventKind.STEP, optimizer=optimizer_of(optimizer), scaled=scaled, learning_rate=rate)
    return None


def _unscale(ctx: Context, self: Instance, optimizer: Value) -> None:
    ctx.event(EventKind.UNSCALE, optimizer=optimizer_of(optimizer))


def _update(ctx: Context, self: Instance, new_scale: Value = None) -> None:
    ctx.event(EventKind.UPDATE_SCALER)


def _unknown_number(reason: str) -> Callable[..., Value]:
    return lambda ctx, self, *args, **kwargs: ctx.unknown(reason)


_SCALER = framework_class(
    "torch.amp.GradScaler",
    (),
    {
        "__init__": _scaler_init,
        "scale": _scale,
        "step": _scaler_step,
        "unscale_": _unscale,
        "update": _update,
        "get_scale": _unknown_number("the scale of the loss"),
        "is_enabled": lambda ctx, self: self.hidden.get("enabled", True),
        "state_dict": lambda ctx, self: {},
        "load_state_dict": lambda ctx, self, state_dict: None,
    },
)
for _home in ("", "amp.", "cuda.amp.", "amp.grad_scaler.", "cuda.amp.grad_scaler.", "cpu.amp."):
    NAMES[f"{_home}GradScaler"] = _SCALER
NAMES["distributed.fsdp.sharded_grad_scaler.ShardedGradScaler"] = _SCALER

METHODS["backward"] = Native("torch.Tensor.backward", backward)
NAMES["autograd.backward"] = Native("torch.autograd.backward", _autograd_backward)
NAMES["autograd.grad"] = Native("torch.autograd.grad", _autograd_grad)
