"""Single steps of the usual optimizers, from PyTorch's documentation of each. Runs in the child.

`torch.optim` is not used: its first step imports the compiler, which takes longer than all measuring.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.request import StepRequest

State = dict[str, Tensor]
Rule = Callable[[Tensor, State, int, float, "Settings"], Tensor]


class Settings:
    """The options of an optimizer under the names of either framework."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.options = options

    def number(self, default: float, *names: str) -> float:
        """The first of `names` that is a known number."""
        for name in names:
            value = self.options.get(name)
            if isinstance(value, (int, float)):
                return float(value)
        return default

    def betas(self) -> tuple[float, float]:
        """Decay rates of the running means of gradient and squared gradient."""
        pair = self.options.get("betas")
        if isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(b, (int, float)) for b in pair):
            return float(pair[0]), float(pair[1])
        return self.number(0.9, "beta_1"), self.number(0.999, "beta_2")

    def epsilon(self) -> float:
        """What keeps the denominator from zero."""
        return self.number(1e-8, "eps", "epsilon")


def _sgd(gradient: Tensor, state: State, count: int, rate: float, settings: Settings) -> Tensor:
    momentum = settings.number(0.0, "momentum")
    if not momentum:
        return rate * gradient
    velocity = state["velocity"] = momentum * state.get("velocity", torch.zeros_like(gradient)) + gradient
    return rate * (gradient + momentum * velocity if settings.options.get("nesterov") else velocity)


def _adam(gradient: Tensor, state: State, count: int, rate: float, settings: Settings) -> Tensor:
    first, second = settings.betas()
    zeros = torch.zeros_like(gradient)
    mean = state["mean"] = first * state.get("mean", zeros) + (1 - first) * gradient
    square = state["square"] = second * state.get("square", zeros) + (1 - second) * gradient * gradient
    corrected = square / (1 - second**count)
    return rate * (mean / (1 - first**count)) / (corrected.sqrt() + settings.epsilon())


def _adamax(gradient: Tensor, state: State, count: int, rate: float, settings: Settings) -> Tensor:
    first, second = settings.betas()
    zeros = torch.zeros_like(gradient)
    mean = state["mean"] = first * state.get("mean", zeros) + (1 - first) * gradient
    largest = state["largest"] = torch.maximum(second * state.get("largest", zeros), gradient.abs())
    return rate / (1 - first**count) * mean / (largest + settings.epsilon())


def _rmsprop(gradient: Tensor, state: State, count: int, rate: float, settings: Settings) -> Tensor:
    decay = settings.number(0.99, "alpha", "rho")
    square = state.get("square", torch.zeros_like(gradient))
    square = state["square"] = decay * square + (1 - decay) * gradient * gradient
    return rate * gradient / (square.sqrt() + settings.epsilon())


def _adagrad(gradient: Tensor, state: State, count: int, rate: float, settings: Settings) -> Tensor:
    start = settings.number(0.0, "initial_accumulator_value")
    total = state["total"] = state.get("total", torch.full_like(gradient, start)) + gradient * gradient
    return rate * gradient / (total.sqrt() + settings.epsilon())


def _adadelta(gradient: Tensor, state: State, count: int, rate: float, settings: Settings) -> Tensor:
    decay, epsilon = settings.number(0.9, "rho"), settings.number(1e-6, "eps", "epsilon")
    zeros = torch.zeros_like(gradient)
    square = state["square"] = decay * state.get("square", zeros) + (1 - decay) * gradient * gradient
    moved = state.get("moved", zeros)
    change = gradient * ((moved + epsilon).sqrt() / (square + epsilon).sqrt())
    state["moved"] = decay * moved + (1 - decay) * change * change
    return rate * change


def _lion(gradient: Tensor, state: State, count: int, rate: float, settings: Settings) -> Tensor:
    first, second = settings.betas()
    mean = state.get("mean", torch.zeros_like(gradient))
    change = (first * mean + (1 - first) * gradient).sign()
    state["mean"] = second * mean + (1 - second) * gradient
    return rate * change


RULES: Mapping[str, Rule] = {
    "sgd": _sgd,
    "adam": _adam,
    "adamw": _adam,
    "nadam": _adam,
    "radam": _adam,
    "amsgrad": _adam,
    "sparseadam": _adam,
    "adamax": _adamax,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "lion": _lion,
}


class Stepper:
    """Takes steps of one optimizer on the parameters that it holds; weight decay as the optimizer has it.

    Raises:
        NotMeasurable: the optimizer is not one that is known.
    """

    def __init__(self, request: StepRequest, held: Sequence[Tensor]) -> None:
        name = request.optimizer.rpartition(".")[2].lower()
        if name not in RULES:
            raise NotMeasurable(f"steps of the optimizer {request.optimizer} are not known")
        if math.isnan(request.learning_rate):
            raise NotMeasurable("the learning rate is not known")
        self.rule = RULES[name]
        self.decoupled = name in ("adamw", "lion")
        self.rate = request.learning_rate
        self.settings = Settings(request.options)
        self.held = held
        self.states: list[State] = [{} for _ in held]
        self.count = 0

    def step(self) -> None:
        """Move each held parameter that has a gradient."""
        self.count += 1
        decay = self.settings.number(0.01 if self.decoupled else 0.0, "weight_decay")
        for parameter, state in zip(self.held, self.states, strict=True):
            if parameter.grad is None:
                continue
            value, gradient = parameter.data, parameter.grad
            if decay and self.decoupled:
                value.mul_(1 - self.rate * decay)
            elif decay:
                gradient = gradient + decay * value
            value.sub_(self.rule(gradient, state, self.count, self.rate, self.settings))
