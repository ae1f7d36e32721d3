"""Drawing parameters from their initial distributions. Runs in the child."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import ParameterSpec

_TRUNCATION_SHRINK = 0.87962566103423978
"""Standard deviation of a standard normal variable that is cut off at two standard deviations."""


def draw(spec: ParameterSpec, generator: Generator, layout: str = "torch") -> Tensor:
    """A tensor drawn from the distribution of `spec`, float32 on the CPU.

    `layout` says which axis of the shape counts the outputs: the first ("torch") or the last ("keras");
    only orthogonal and identity matrices depend on it.

    Raises:
        NotMeasurable: shape or distribution are not known.
    """
    if spec.shape is None:
        raise NotMeasurable(f"the shape of `{spec.name or 'a parameter'}` is not known")
    whole = _draw_whole(spec, spec.shape, generator, layout)
    for (axis, start, stop), part in spec.parts:
        whole.narrow(axis, start, stop - start).copy_(draw(part, generator, layout))
    return whole


def _draw_whole(spec: ParameterSpec, shape: tuple[int, ...], generator: Generator, layout: str) -> Tensor:
    mean, std = spec.mean, spec.std
    if spec.family == "constant":
        return torch.full(shape, mean)
    if math.isnan(std) or math.isnan(mean):
        raise NotMeasurable(f"what `{spec.name or 'a parameter'}` is initialized with is not known")
    if spec.family == "uniform":
        reach = std * math.sqrt(3.0)
        return torch.empty(shape).uniform_(mean - reach, mean + reach, generator=generator)
    if spec.family == "truncated_normal":
        return truncated_normal(shape, generator) * (std / _TRUNCATION_SHRINK) + mean
    if spec.family == "orthogonal" and len(shape) > 1:
        return orthogonal(shape, generator, layout) * spec.gain
    if spec.family == "identity" and len(shape) > 1:
        return identity(shape, layout) * spec.gain
    return torch.empty(shape).normal_(mean, std, generator=generator)


def truncated_normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """A standard normal variable cut off at two standard deviations, by inverting its distribution function."""
    edge = math.erf(math.sqrt(2.0))
    uniform = torch.empty(shape, dtype=torch.float64).uniform_(-edge, edge, generator=generator)
    return (torch.erfinv(uniform) * math.sqrt(2.0)).float()


def orthogonal(shape: tuple[int, ...], generator: Generator, layout: str) -> Tensor:
    """A matrix with orthonormal rows or columns (Saxe et al. 2014), as the framework flattens `shape`."""
    rows, columns = _matrix(shape, layout)
    tall = torch.empty(max(rows, columns), min(rows, columns)).normal_(generator=generator)
    q, r = torch.linalg.qr(tall)
    q = q * torch.diagonal(r).sign()
    return (q if rows >= columns else q.t()).reshape(shape)


def identity(shape: tuple[int, ...], layout: str) -> Tensor:
    """The identity matrix; for a kernel, one that passes each channel on at its centre (Dirac)."""
    if len(shape) == 2:
        return torch.eye(*shape)
    kernel = torch.zeros(shape)
    channels, sizes = (shape[:2], shape[2:]) if layout == "torch" else (shape[-2:], shape[:-2])
    centre = tuple(size // 2 for size in sizes)
    for channel in range(min(channels)):
        kernel[(channel, channel, *centre) if layout == "torch" else (*centre, channel, channel)] = 1.0
    return kernel


def _matrix(shape: tuple[int, ...], layout: str) -> tuple[int, int]:
    if layout == "torch":
        return shape[0], math.prod(shape[1:])
    return math.prod(shape[:-1]), shape[-1]
