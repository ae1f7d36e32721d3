"""`torch.nn.init`: what each initializer draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Native, Tensor, Value
from gradlint.frameworks.torch.arguments import as_int, as_number
from gradlint.frameworks.torch.distributions import (
    TORCH_GAIN,
    assign,
    constant,
    fans,
    identity,
    normal,
    truncated_normal,
    uniform,
)
from gradlint.network import UNKNOWN, Distribution

_GAINS: dict[str, float] = {
    **dict.fromkeys(("linear", "sigmoid", "conv1d", "conv2d", "conv3d"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def gain_of(nonlinearity: Value, param: Value = None) -> float | None:
    """`torch.nn.init.calculate_gain`; None for an argument that is not known or not supported."""
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else as_number(param)
        return None if slope is None else math.sqrt(2 / (1 + slope * slope))
    return _GAINS.get(nonlinearity) if isinstance(nonlinearity, str) else None


def _calculate_gain(ctx: Context, nonlinearity: Value, param: Value = None) -> Value:
    gain = gain_of(nonlinearity, param)
    if gain is None:
        if isinstance(nonlinearity, str) and nonlinearity != "leaky_relu":
            ctx.fail("ValueError", f"Unsupported nonlinearity {nonlinearity}")
        return ctx.unknown("gain of an unknown nonlinearity")
    return gain


def _calculate_fans(ctx: Context, tensor: Value) -> Value:
    if not isinstance(tensor, Tensor) or tensor.shape is None:
        return (ctx.unknown("fan-in of an unknown shape"), ctx.unknown("fan-out of an unknown shape"))
    found = fans(tensor.shape)
    if found is None:
        ctx.fail("ValueError", "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    return found


def _calculate_correct_fan(ctx: Context, tensor: Value, mode: Value) -> Value:
    both = _calculate_fans(ctx, tensor)
    mode = mode.lower() if isinstance(mode, str) else mode
    if mode not in ("fan_in", "fan_out"):
        return ctx.unknown("fan of an unknown mode")
    return both[mode == "fan_out"]


def _draw(ctx: Context, tensor: Value, distribution: Distribution) -> Value:
    if tensor is None:
        ctx.fail("AttributeError", "'NoneType' object has no attribute 'dim'")
    if isinstance(tensor, Tensor):
        assign(tensor, replace(distribution, explicit=True, origin=ctx.origin()), ctx)
    return tensor


def _text(name: str, **settings: Value) -> str:
    """How a call of an initializer reads, with the settings that differ from its defaults."""
    shown = ", ".join(f"{key}={_shown(value)}" for key, value in settings.items() if value is not None)
    return f"nn.init.{name}({shown})"


def _shown(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return repr(value) if isinstance(value, (int, str)) else "?"


def _uniform_(ctx: Context, tensor: Value, a: Value = 0.0, b: Value = 1.0, generator: Value = None) -> Value:
    return _draw(ctx, tensor, uniform(as_number(a), as_number(b), _text("uniform_", a=a, b=b)))


def _normal_(ctx: Context, tensor: Value, mean: Value = 0.0, std: Value = 1.0, generator: Value = None) -> Value:
    text = _text("normal_", mean=None if mean == 0 else mean, std=std)
    return _draw(ctx, tensor, normal(as_number(mean), as_number(std), text))


def _trunc_normal_(
    ctx: Context,
    tensor: Value,
    mean: Value = 0.0,
    std: Value = 1.0,
    a: Value = -2.0,
    b: Value = 2.0,
    generator: Value = None,
) -> Value:
    text = _text("trunc_normal_", std=std)
    numbers = (as_number(mean), as_number(std), as_number(a), as_number(b))
    return _draw(ctx, tensor, truncated_normal(*numbers, text))


def _constant_(ctx: Context, tensor: Value, val: Value) -> Value:
    return _draw(ctx, tensor, constant(as_number(val), _text("constant_", val=val)))


def _ones_(ctx: Context, tensor: Value) -> Value:
    return _draw(ctx, tensor, constant(1.0, "nn.init.ones_()"))


def _zeros_(ctx: Context, tensor: Value, generator: Value = None) -> Value:
    return _draw(ctx, tensor, constant(0.0, "nn.init.zeros_()"))


def _scaled(ctx: Context, tensor: Value, family: str, scheme: str, gain: float | None, fan: str, text: str) -> Value:
    """A draw of variance gain^2 / fan; `fan` is "fan_in", "fan_out" or "mean"."""
    if not isinstance(tensor, Tensor):
        return _draw(ctx, tensor, UNKNOWN)
    both = fans(tensor.shape)
    if both is None and tensor.shape is not None:
        ctx.fail("ValueError", "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    std = math.nan
    if both is not None and gain is not None:
        size = {"fan_in": both[0], "fan_out": both[1], "mean": (both[0] + both[1]) / 2}.get(fan)
        if size is not None:
            std = abs(gain) / math.sqrt(size) if size else 0.0
    mean = 0.0 if not math.isnan(std) else math.nan
    known_family = "uniform" if family == "uniform" else "normal"
    return _draw(
        ctx,
        tensor,
        Distribution(known_family, mean, std, scheme, math.nan if gain is None else gain, text),  # type: ignore[arg-type]
    )


def _xavier(family: str) -> Callable[..., Value]:
    def initialize(ctx: Context, tensor: Value, gain: Value = 1.0, generator: Value = None) -> Value:
        text = _text(f"xavier_{family}_", gain=None if gain == 1 else gain)
        return _scaled(ctx, tensor, family, "xavier", as_number(gain), "mean", text)

    return initialize


def _kaiming(family: str) -> Callable[..., Value]:
    def initialize(
        ctx: Context,
        tensor: Value,
        a: Value = 0,
        mode: Value = "fan_in",
        nonlinearity: Value = "leaky_relu",
        generator: Value = None,
    ) -> Value:
        if isinstance(nonlinearity, str) and nonlinearity != "leaky_relu" and nonlinearity not in _GAINS:
            ctx.fail("ValueError", f"Unsupported nonlinearity {nonlinearity}")
        gain = gain_of(nonlinearity, a)
        mode = mode.lower() if isinstance(mode, str) else "unknown"
        scheme = "he"
        if gain is not None and math.isclose(gain, TORCH_GAIN, rel_tol=1e-6):
            scheme = "torch"
        elif gain == 1:
            scheme = "lecun"
        text = _text(
            f"kaiming_{family}_",
            a=a if a != 0 else None,
            mode=mode if mode != "fan_in" else None,
            nonlinearity=nonlinearity if nonlinearity != "leaky_relu" else None,
        )
        return _scaled(ctx, tensor, family, scheme, gain, mode, text)

    return initialize


def _orthogonal_(ctx: Context, tensor: Value, gain: Value = 1, generator: Value = None) -> Value:
    text = _text("orthogonal_", gain=None if gain == 1 else gain)
    number, shape = as_number(gain), tensor.shape if isinstance(tensor, Tensor) else None
    if shape is not None and len(shape) < 2:
        ctx.fail("ValueError", "Only tensors with 2 or more dimensions are supported")
    if shape is None or number is None:
        return _draw(ctx, tensor, replace(UNKNOWN, family="orthogonal", scheme="orthogonal", text=text))
    larger = max(shape[0], math.prod(shape[1:]))
    std = abs(number) / math.sqrt(larger) if larger else 0.0
    return _draw(ctx, tensor, Distribution("orthogonal", 0.0, std, "orthogonal", number, text))


def _eye_(ctx: Context, tensor: Value) -> Value:
    shape = tensor.shape if isinstance(tensor, Tensor) else None
    if shape is None:
        return _draw(ctx, tensor, replace(UNKNOWN, family="identity", text="nn.init.eye_()"))
    if len(shape) != 2:
        ctx.fail("ValueError", "Only tensors with 2 dimensions are supported")
    return _draw(ctx, tensor, identity(min(shape), math.prod(shape), "nn.init.eye_()"))


def _dirac_(ctx: Context, tensor: Value, groups: Value = 1) -> Value:
    shape = tensor.shape if isinstance(tensor, Tensor) else None
    number = as_int(groups)
    if shape is None or not number:
        return _draw(ctx, tensor, replace(UNKNOWN, family="identity", text="nn.init.dirac_()"))
    if len(shape) not in (3, 4, 5):
        ctx.fail("ValueError", "Only tensors with 3, 4, or 5 dimensions are supported")
    ones = number * min(shape[0] // number, shape[1])
    return _draw(ctx, tensor, identity(ones, math.prod(shape), "nn.init.dirac_()"))


def _sparse_(ctx: Context, tensor: Value, sparsity: Value, std: Value = 0.01, generator: Value = None) -> Value:
    text = _text("sparse_", sparsity=sparsity, std=std)
    shape = tensor.shape if isinstance(tensor, Tensor) else None
    fraction, scale = as_number(sparsity), as_number(std)
    if shape is None or len(shape) != 2 or fraction is None or scale is None or not shape[0]:
        return _draw(ctx, tensor, replace(UNKNOWN, family="normal", text=text))
    kept = 1 - math.ceil(fraction * shape[0]) / shape[0]
    return _draw(ctx, tensor, Distribution("normal", 0.0, scale * math.sqrt(max(kept, 0.0)), "explicit", text=text))


_INITIALIZERS: dict[str, Callable[..., Value]] = {
    "uniform": _uniform_,
    "normal": _normal_,
    "trunc_normal": _trunc_normal_,
    "constant": _constant_,
    "ones": _ones_,
    "zeros": _zeros_,
    "eye": _eye_,
    "dirac": _dirac_,
    "sparse": _sparse_,
    "orthogonal": _orthogonal_,
    "xavier_uniform": _xavier("uniform"),
    "xavier_normal": _xavier("normal"),
    "kaiming_uniform": _kaiming("uniform"),
    "kaiming_normal": _kaiming("normal"),
}

_INTERNAL: dict[str, Callable[..., Value]] = {
    "calculate_gain": _calculate_gain,
    "_calculate_fan_in_and_fan_out": _calculate_fans,
    "_calculate_correct_fan": _calculate_correct_fan,
    "_no_grad_uniform_": _uniform_,
    "_no_grad_normal_": _normal_,
    "_no_grad_trunc_normal_": _trunc_normal_,
    "_no_grad_fill_": _constant_,
    "_no_grad_zero_": _zeros_,
}

NAMES: dict[str, Value] = {
    f"nn.init.{name}{suffix}": Native(f"torch.nn.init.{name}{suffix}", call)
    for suffix in ("_", "")
    for name, call in _INITIALIZERS.items()
} | {f"nn.init.{name}": Native(f"torch.nn.init.{name}", call) for name, call in _INTERNAL.items()}

__all__ = ["NAMES", "assign", "gain_of"]
