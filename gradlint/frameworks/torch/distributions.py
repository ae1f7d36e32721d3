"""What torch draws parameters from: the defaults of its layers, and how a draw overwrites a parameter."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import nodes
from gradlint.network import ONES, UNKNOWN, ZEROS, Distribution, Shape

TORCH_GAIN = 1 / math.sqrt(3)
"""Gain of torch's default for weights, `kaiming_uniform_(a=sqrt(5))`: sqrt(2 / (1 + 5))."""


@lru_cache(maxsize=512)
def uniform_default(bound_fan: int | None, text: str = "") -> Distribution:
    """U(-1/sqrt(fan), 1/sqrt(fan)): torch's default for the weights and biases of most layers."""
    if bound_fan is None:
        return replace(UNKNOWN, family="uniform", scheme="torch")
    std = 1 / math.sqrt(3 * bound_fan) if bound_fan > 0 else 0.0
    return Distribution("uniform", 0.0, std, "torch", TORCH_GAIN, text or "torch's default")


@lru_cache(maxsize=512)
def xavier_default(family: Literal["uniform", "normal"], fan_in: int | None, fan_out: int | None) -> Distribution:
    """Glorot and Bengio 2010, equation 16: variance 2 / (fan_in + fan_out)."""
    if fan_in is None or fan_out is None or fan_in + fan_out == 0:
        return replace(UNKNOWN, family=family, scheme="xavier")
    return Distribution(family, 0.0, math.sqrt(2 / (fan_in + fan_out)), "xavier", 1.0, "torch's default")


STANDARD_NORMAL = Distribution("normal", 0.0, 1.0, "torch", text="torch's default")
"""N(0, 1): the default of `nn.Embedding`."""


def constant(value: float | None, text: str = "") -> Distribution:
    """Every entry is `value`."""
    if value is None:
        return replace(UNKNOWN, scheme="constant", text=text)
    if not text and value in (0.0, 1.0):
        return ONES if value else ZEROS
    return Distribution("constant", float(value), 0.0, "constant", text=text or f"{value:g}")


def fans(shape: Shape | None) -> tuple[int, int] | None:
    """Fan-in and fan-out of a weight in torch's layout (out, in, *kernel); None below two dimensions."""
    if shape is None or len(shape) < 2:
        return None
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


def uniform(low: float | None, high: float | None, text: str) -> Distribution:
    """U(low, high)."""
    if low is None or high is None:
        return replace(UNKNOWN, family="uniform", scheme="explicit", text=text)
    return Distribution("uniform", (low + high) / 2, abs(high - low) / math.sqrt(12), "explicit", text=text)


def normal(mean: float | None, std: float | None, text: str) -> Distribution:
    """N(mean, std^2)."""
    if mean is None or std is None:
        return replace(UNKNOWN, family="normal", scheme="explicit", text=text)
    return Distribution("normal", float(mean), abs(float(std)), "explicit", text=text)


def truncated_normal(
    mean: float | None, std: float | None, low: float | None, high: float | None, text: str
) -> Distribution:
    """N(mean, std^2) cut to [low, high]; the moments are those after the cut."""
    if mean is None or std is None or low is None or high is None:
        return replace(UNKNOWN, family="truncated_normal", scheme="explicit", text=text)
    if std <= 0 or high <= low:
        return Distribution("constant", min(max(mean, low), high), 0.0, "constant", text=text)
    alpha, beta = (low - mean) / std, (high - mean) / std
    mass = (math.erf(beta / math.sqrt(2)) - math.erf(alpha / math.sqrt(2))) / 2
    if mass < 1e-12:
        return replace(UNKNOWN, family="truncated_normal", scheme="explicit", text=text)
    at_alpha, at_beta = (math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (alpha, beta))
    shift = (at_alpha - at_beta) / mass
    variance = 1 + (alpha * at_alpha - beta * at_beta) / mass - shift * shift
    return Distribution(
        "truncated_normal", mean + shift * std, std * math.sqrt(max(variance, 0.0)), "explicit", text=text
    )


def identity(ones: int, size: int, text: str) -> Distribution:
    """A tensor of `size` entries of which `ones` are one and the others zero."""
    mean = ones / size if size else 0.0
    return Distribution("identity", mean, math.sqrt(mean * (1 - mean)), "constant", text=text)


def distribution_of(tensor: Tensor) -> Distribution:
    """What the entries of `tensor` are drawn from, as far as it is known."""
    known = nodes.distribution_of(tensor)
    return _empirical(tensor.values) if known is None else known


def _empirical(values: Value) -> Distribution:
    flat: list[float] = []
    stack = [values]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, (int, float)) and math.isfinite(item):
            flat.append(float(item))
        else:
            return UNKNOWN
    if not flat:
        return UNKNOWN
    if min(flat) == max(flat):
        return constant(flat[0])
    mean = sum(flat) / len(flat)
    std = math.sqrt(sum((x - mean) ** 2 for x in flat) / len(flat))
    return Distribution("unknown", mean, std, "explicit")


def assign(tensor: Tensor, distribution: Distribution, ctx: Context | None = None) -> None:
    """Overwrite the entries of `tensor`, a parameter, a view of one or any other tensor, with a fresh draw.

    A draw into a part of a parameter is kept in `Distribution.parts`; parts that cover the whole parameter
    with draws of one kind replace its distribution.
    """
    parameter = tensor.parameter
    if parameter is None:
        tensor.attributes[nodes.DISTRIBUTION] = distribution
        tensor.values = None
        return
    if ctx is not None:
        ctx.modified(parameter)
    if not tensor.partial:
        parameter.initialize(distribution)
        return
    before = parameter.distribution
    parts = (*(part for part in before.parts if part[0] != tensor.window), (tensor.window, distribution))
    whole = _covering(parts, parameter.shape)
    if whole is not None:
        parameter.initialize(whole)
    else:
        parameter.history.append(before)
        parameter.distribution = replace(before, parts=parts)


def _covering(
    parts: tuple[tuple[tuple[int, int, int] | None, Distribution], ...], shape: Shape | None
) -> Distribution | None:
    """The one kind of draw that all of a parameter was overwritten with, part by part; None when it was not."""
    last = parts[-1][1]
    alike = [
        window for window, draw in parts if (draw.family, draw.mean, draw.std) == (last.family, last.mean, last.std)
    ]
    if shape is None or len(alike) != len(parts) or None in alike:
        return None
    windows = sorted(window for window in alike if window is not None)
    axis, end = windows[0][0], 0
    if axis >= len(shape):
        return None
    for window_axis, start, stop in windows:
        if window_axis != axis or start > end:
            return None
        end = max(end, stop)
    return last if end >= shape[axis] else None
