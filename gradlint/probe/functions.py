"""Elementwise functions and softmaxes by their canonical names, as PyTorch computes them. Runs in the child."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody uses
from torch import Tensor

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import NodeSpec

Function = Callable[[Tensor, NodeSpec], Tensor]


def _relu(x: Tensor, node: NodeSpec) -> Tensor:
    slope, threshold, maximum = node.get("negative_slope", 0.0), node.get("threshold", 0.0), node.get("maximum")
    y = F.relu(x) if not slope and not threshold else torch.where(x >= threshold, x, slope * (x - threshold))
    return y if maximum is None else y.clamp(max=maximum)


def _threshold(x: Tensor, node: NodeSpec) -> Tensor:
    return F.threshold(x, node.get("threshold", 0.0), node.get("alpha", 0.0))


def _rrelu(x: Tensor, node: NodeSpec) -> Tensor:
    return F.rrelu(x, node.get("minimum", 1 / 8), node.get("maximum", 1 / 3), training=True)


def _softmax(x: Tensor, node: NodeSpec) -> Tensor:
    return F.softmax(x, _axis(node))


def _gumbel_softmax(x: Tensor, node: NodeSpec) -> Tensor:
    return F.gumbel_softmax(x, tau=node.get("beta", 1.0), dim=_axis(node))


def _axis(node: NodeSpec) -> int:
    axis = node.get("axis", -1)
    return int(axis[0] if isinstance(axis, tuple) else axis)


def _sparsemax(x: Tensor, node: NodeSpec) -> Tensor:
    """Projection onto the simplex (Martins and Astudillo 2016)."""
    axis = _axis(node)
    ordered = x.movedim(axis, -1).sort(descending=True).values
    sums = ordered.cumsum(-1) - 1
    counts = torch.arange(1, ordered.shape[-1] + 1, device=x.device, dtype=x.dtype)
    support = (counts * ordered > sums).sum(-1, keepdim=True)
    level = sums.gather(-1, support - 1) / support
    return F.relu(x.movedim(axis, -1) - level).movedim(-1, axis)


def _sparse_plus(x: Tensor, node: NodeSpec) -> Tensor:
    return torch.where(x <= -1, torch.zeros_like(x), torch.where(x < 1, 0.25 * (x + 1) ** 2, x))


def _squareplus(x: Tensor, node: NodeSpec) -> Tensor:
    return (x + torch.sqrt(x * x + node.get("beta", 4.0))) / 2


def _gelu(x: Tensor, node: NodeSpec) -> Tensor:
    approximate = node.get("approximate", "none")
    return F.gelu(x, approximate="tanh" if approximate in (True, "tanh") else "none")


def _softplus(x: Tensor, node: NodeSpec) -> Tensor:
    return F.softplus(x, beta=node.get("beta", 1.0), threshold=node.get("threshold", 20.0))


def _clamp(x: Tensor, node: NodeSpec) -> Tensor:
    low, high = node.get("minimum"), node.get("maximum")
    return x if low is None and high is None else x.clamp(min=low, max=high)


def _sqrt(x: Tensor, node: NodeSpec) -> Tensor:
    if not node.get("safe", False):
        return torch.sqrt(x)
    return torch.where(x > 0, torch.sqrt(torch.where(x > 0, x, torch.ones_like(x))), torch.zeros_like(x))


def _pow(x: Tensor, node: NodeSpec) -> Tensor:
    exponent = node.get("exponent")
    if exponent is None:
        raise NotMeasurable("a power with an unknown exponent")
    return x**exponent


FUNCTIONS: Mapping[str, Function] = {
    "linear": lambda x, node: x,
    "sigmoid": lambda x, node: torch.sigmoid(x),
    "hard_sigmoid": lambda x, node: F.hardsigmoid(x),
    "tanh": lambda x, node: torch.tanh(x),
    "hard_tanh": lambda x, node: x.clamp(node.get("minimum", -1.0), node.get("maximum", 1.0)),
    "softsign": lambda x, node: F.softsign(x),
    "arctan": lambda x, node: torch.atan(x),
    "erf": lambda x, node: torch.erf(x),
    "sin": lambda x, node: torch.sin(x),
    "relu": _relu,
    "relu6": lambda x, node: F.relu6(x),
    "leaky_relu": lambda x, node: F.leaky_relu(x, node.get("negative_slope", 0.01)),
    "rrelu": _rrelu,
    "threshold": _threshold,
    "gelu": _gelu,
    "silu": lambda x, node: x * torch.sigmoid(node.get("beta", 1.0) * x),
    "mish": lambda x, node: F.mish(x),
    "softplus": _softplus,
    "elu": lambda x, node: F.elu(x, node.get("alpha", 1.0)),
    "celu": lambda x, node: F.celu(x, node.get("alpha", 1.0)),
    "selu": lambda x, node: F.selu(x),
    "hard_silu": lambda x, node: F.hardswish(x),
    "squareplus": _squareplus,
    "softmax": _softmax,
    "log_softmax": lambda x, node: F.log_softmax(x, _axis(node)),
    "softmin": lambda x, node: F.softmin(x, _axis(node)),
    "gumbel_softmax": _gumbel_softmax,
    "sparsemax": _sparsemax,
    "glu": lambda x, node: F.glu(x, _axis(node)),
    "log_sigmoid": lambda x, node: F.logsigmoid(x),
    "tanh_shrink": lambda x, node: F.tanhshrink(x),
    "soft_shrink": lambda x, node: F.softshrink(x, node.get("threshold", 0.5)),
    "hard_shrink": lambda x, node: F.hardshrink(x, node.get("threshold", 0.5)),
    "sparse_plus": _sparse_plus,
    "sparse_sigmoid": lambda x, node: (0.5 * (x + 1)).clamp(0, 1),
    "exp": lambda x, node: torch.exp(x),
    "expm1": lambda x, node: torch.expm1(x),
    "log": lambda x, node: torch.log(x),
    "log1p": lambda x, node: torch.log1p(x),
    "sqrt": _sqrt,
    "rsqrt": lambda x, node: torch.rsqrt(x),
    "pow": _pow,
    "square": lambda x, node: x * x,
    "abs": lambda x, node: torch.abs(x),
    "reciprocal": lambda x, node: torch.reciprocal(x),
    "clamp": _clamp,
    "cos": lambda x, node: torch.cos(x),
    "sinh": lambda x, node: torch.sinh(x),
    "cosh": lambda x, node: torch.cosh(x),
    "sign": lambda x, node: torch.sign(x),
}


def activate(x: Tensor, node: NodeSpec, weight: Tensor | None = None) -> Tensor:
    """The activation `node` of `x`; `weight` is the slope of a prelu.

    Raises:
        NotMeasurable: the function is not one that is known, or lacks a setting.
    """
    name = node.get("function", "")
    if name == "prelu":
        return _prelu(x, node, weight)
    function = FUNCTIONS.get(name)
    if function is None:
        raise NotMeasurable(f"no such activation in PyTorch: {name or node.label}")
    return function(x, node)


def _prelu(x: Tensor, node: NodeSpec, weight: Tensor | None) -> Tensor:
    if weight is None:
        return F.leaky_relu(x, node.get("negative_slope", 0.25))
    slope = weight
    channels_first = weight.dim() == 1 and weight.numel() > 1 and x.dim() > 1 and x.shape[1] == weight.numel()
    if channels_first:
        slope = weight.reshape(-1, *[1] * (x.dim() - 2))
    return torch.where(x >= 0, x, slope * x)


RECTIFIERS = frozenset({"relu", "relu6", "threshold"})
"""Functions whose flat part is an exact zero."""

_EDGE = 0.5 + math.sqrt(0.25 - 0.0025)
"""Above this output y, and below 1 - y, a sigmoid's slope y (1 - y) is below 1 % of its greatest, 1/4."""

_SATURATED: Mapping[str, Callable[[Tensor, NodeSpec], Tensor]] = {
    # told from the output y; the slope of tanh is 1 - y^2, of softsign (1 - |y|)^2, of erf exp(-x^2)
    "sigmoid": lambda y, node: (y - 0.5).abs() > _EDGE - 0.5,
    "hard_sigmoid": lambda y, node: (y <= 0) | (y >= 1),
    "sparse_sigmoid": lambda y, node: (y <= 0) | (y >= 1),
    "tanh": lambda y, node: y * y > 0.99,
    "hard_tanh": lambda y, node: (y <= node.get("minimum", -1.0)) | (y >= node.get("maximum", 1.0)),
    "softsign": lambda y, node: y.abs() > 0.9,
    "erf": lambda y, node: y.abs() > math.erf(math.sqrt(-math.log(0.01))),
    "softmax": lambda y, node: y.amax(_axis(node)) > _EDGE,
}


def saturated_share(y: Tensor, node: NodeSpec) -> float | None:
    """Share of the entries of the output `y` where the slope is below 1 % of its greatest; None if unbounded.

    For a softmax: share of the places where one probability has all but 0.25 %.
    """
    test = _SATURATED.get(node.get("function", ""))
    return None if test is None else float(test(y.detach(), node).float().mean())


def dead_share(y: Tensor, node: NodeSpec, channel_axis: int) -> float | None:
    """Share of the units of the output `y` that are zero for all samples and positions; None if no rectifier."""
    if node.get("function", "") not in RECTIFIERS or node.get("negative_slope") or y.dim() < 2:
        return None
    units = y.detach().movedim(channel_axis, 0).flatten(1)
    return float((units == 0).all(1).float().mean())
