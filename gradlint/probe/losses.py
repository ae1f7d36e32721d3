"""Losses by their names, with targets drawn where none is there. Runs in the child."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody uses
from torch import Generator, Tensor

from gradlint.probe.errors import NotMeasurable

TINY = 1e-7
"""Keras's epsilon: probabilities are kept this far from 0 and 1 before their logarithm is taken."""


def neutral(outputs: list[Tensor], generator: Generator) -> Tensor:
    """A random linear functional of all outputs; the gradient at each output has L2 norm about 1.

    It is the constant zero where no output depends on the parameters in a way that has a gradient.
    """
    total: Tensor | None = None
    for y in outputs:
        if y.is_floating_point() and y.requires_grad:
            direction = torch.randn(y.shape, generator=generator).to(y) / max(1, y.numel()) ** 0.5
            term = (direction * y).sum()
            total = term if total is None else total + term
    return torch.zeros(()) if total is None else total


def loss(
    function: str, prediction: Tensor, from_logits: bool, generator: Generator, target: Tensor | None = None
) -> Tensor:
    """The mean loss of this name for `prediction`; without a target that fits, a random one.

    Raises:
        NotMeasurable: no loss of this name is known.
    """
    if prediction.dim() == 0:
        prediction = prediction.reshape(1, 1)
    if function in _CLASSES:
        return _CLASSES[function](prediction, from_logits, generator)
    elementwise = _ELEMENTWISE.get(function)
    if elementwise is None:
        raise NotMeasurable(f"no such loss in PyTorch: {function or 'unknown'}")
    draw = _binary if function.startswith("binary") else _normal
    if target is None or target.shape != prediction.shape or not target.is_floating_point():
        target = draw(prediction, generator)
    return elementwise(prediction, target, from_logits)


def _normal(prediction: Tensor, generator: Generator) -> Tensor:
    return torch.randn(prediction.shape, generator=generator).to(prediction)


def _binary(prediction: Tensor, generator: Generator) -> Tensor:
    return torch.randint(0, 2, prediction.shape, generator=generator).to(prediction)


def _labels(prediction: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Class scores as (samples, classes), and random labels; the classes are axis 1 of images, else the last."""
    scores = prediction.movedim(1, -1) if prediction.dim() > 3 else prediction
    scores = scores.reshape(-1, scores.shape[-1]) if scores.dim() > 1 else scores.reshape(1, -1)
    labels = torch.randint(0, scores.shape[1], (scores.shape[0],), generator=generator)
    return scores, labels.to(prediction.device)


def _cross_entropy(prediction: Tensor, from_logits: bool, generator: Generator) -> Tensor:
    scores, labels = _labels(prediction, generator)
    if from_logits:
        return F.cross_entropy(scores, labels)
    share = scores / scores.sum(-1, keepdim=True)
    return F.nll_loss(share.clamp(TINY, 1 - TINY).log(), labels)


def _nll(prediction: Tensor, from_logits: bool, generator: Generator) -> Tensor:
    scores, labels = _labels(prediction, generator)
    return F.nll_loss(scores, labels)


_CLASSES: Mapping[str, Callable[[Tensor, bool, Generator], Tensor]] = {
    "cross_entropy": _cross_entropy,
    "categorical_cross_entropy": _cross_entropy,
    "sparse_categorical_cross_entropy": _cross_entropy,
    "nll": _nll,
}


def _binary_cross_entropy(prediction: Tensor, target: Tensor, from_logits: bool) -> Tensor:
    if from_logits:
        return F.binary_cross_entropy_with_logits(prediction, target)
    return F.binary_cross_entropy(prediction.clamp(TINY, 1 - TINY), target)


_ELEMENTWISE: Mapping[str, Callable[[Tensor, Tensor, bool], Tensor]] = {
    "mse": lambda y, t, _: F.mse_loss(y, t),
    "mae": lambda y, t, _: F.l1_loss(y, t),
    "l1": lambda y, t, _: F.l1_loss(y, t),
    "smooth_l1": lambda y, t, _: F.smooth_l1_loss(y, t),
    "huber": lambda y, t, _: F.huber_loss(y, t),
    "hinge": lambda y, t, _: F.relu(1 - y * t.sign()).mean(),
    "kl_div": lambda y, t, _: F.kl_div(y, F.softmax(t, -1), reduction="batchmean"),
    "poisson": lambda y, t, _: (y - t.abs() * torch.log(y.clamp(min=TINY))).mean(),
    "binary_cross_entropy": _binary_cross_entropy,
    "binary_cross_entropy_with_logits": lambda y, t, _: F.binary_cross_entropy_with_logits(y, t),
}
