"""Keras optimizers and learning-rate schedules: their defaults, and the record that a training loop keeps of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Class, Instance, Native, Property, Tensor, Value, tensors_in
from gradlint.frameworks.keras.arguments import Signature, is_number, signature
from gradlint.frameworks.keras.tape import clipped_elsewhere
from gradlint.frameworks.registry import framework_class, native
from gradlint.network import EventKind, Optimizer

CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


def _row(learning_rate: float = 0.001, **options: Any) -> Signature:
    return signature(learning_rate=learning_rate, **options)


_MOMENTS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

OPTIMIZERS: Mapping[str, Signature] = {
    "SGD": _row(0.01, momentum=0.0, nesterov=False, weight_decay=None),
    "RMSprop": _row(rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, weight_decay=None),
    "Adam": _row(**_MOMENTS, amsgrad=False, weight_decay=None),
    "AdamW": _row(weight_decay=0.004, **_MOMENTS, amsgrad=False),
    "Adadelta": _row(rho=0.95, epsilon=1e-7, weight_decay=None),
    "Adagrad": _row(initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=None),
    "Adamax": _row(**_MOMENTS, weight_decay=None),
    "Nadam": _row(**_MOMENTS, weight_decay=None),
    "Adafactor": _row(beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=1e-3, clip_threshold=1.0, relative_step=True),
    "Ftrl": _row(learning_rate_power=-0.5, initial_accumulator_value=0.1),
    "Lion": _row(beta_1=0.9, beta_2=0.99, weight_decay=None),
    "Lamb": _row(**_MOMENTS, weight_decay=None),
    "Muon": _row(adam_beta_1=0.9, adam_beta_2=0.999, epsilon=1e-7, weight_decay=0.1, momentum=0.95),
    "ScheduleFreeAdamW": _row(0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.0),
}

_STRINGS = {name.lower(): name for name in OPTIMIZERS}

# The argument that holds the rate at the first step.
_SCHEDULES: Mapping[str, str] = {
    "ExponentialDecay": "initial_learning_rate",
    "PiecewiseConstantDecay": "values",
    "PolynomialDecay": "initial_learning_rate",
    "InverseTimeDecay": "initial_learning_rate",
    "CosineDecay": "initial_learning_rate",
    "CosineDecayRestarts": "initial_learning_rate",
}
_SCHEDULE_POSITIONS = {"PiecewiseConstantDecay": 1}


def optimizer_class(name: str) -> Class | None:
    """The class `keras.optimizers.{name}`, or None."""
    if name in OPTIMIZERS or name in ("Optimizer", "LossScaleOptimizer"):
        return _class(name)
    return None


def schedule_class(name: str) -> Class | None:
    """The class `keras.optimizers.schedules.{name}`, or None."""
    return _schedule(name) if name in _SCHEDULES or name == "LearningRateSchedule" else None


@functools.cache
def _class(name: str) -> Class:
    if name == "Optimizer":
        return framework_class("keras.optimizers.Optimizer", (), dict(_METHODS))
    if name == "LossScaleOptimizer":
        return framework_class(
            "keras.optimizers.LossScaleOptimizer", ("keras.optimizers.Optimizer",), {"__init__": _wrap}
        )
    row = OPTIMIZERS[name]

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        if "lr" in kwargs and "learning_rate" not in kwargs:
            kwargs["learning_rate"] = kwargs.pop("lr")
        bound, options = row.bind(ctx, name, args, kwargs)
        self.attrs.update(bound)
        self.attrs.update({key: value for key, value in options.items() if key in CLIPPING})
        self.attrs["name"] = options.get("name", name)
        self.hidden["optimizer"] = record(name, bound, options)
        self.hidden["optimizer"].origin = self.origin

    return framework_class(f"keras.optimizers.{name}", ("keras.optimizers.Optimizer",), {"__init__": initialize})


def record(name: str, arguments: Mapping[str, Value], options: Mapping[str, Value]) -> Optimizer:
    """What a training loop remembers of an optimizer with these arguments."""
    known = {key: value for key, value in arguments.items() if isinstance(value, (int, float, str, bool))}
    known.pop("learning_rate", None)
    clipping = ""
    for way in CLIPPING:
        if options.get(way) is not None:
            clipping = way
            if is_number(options[way]):
                known[way] = options[way]
    if isinstance(schedule := arguments.get("learning_rate"), Instance):
        known["schedule"] = schedule.cls.name.rpartition(".")[2]
    return Optimizer(name, _rate(arguments.get("learning_rate")), None, clipping, known)


def _rate(value: Value) -> float | None:
    """The learning rate at the first step: of a number, of a schedule, of a variable; None where not known."""
    if isinstance(value, Instance):
        value = value.hidden.get("initial_rate")
    if isinstance(value, Tensor):
        value = value.values
    return float(value) if is_number(value) else None


def optimizer_of(ctx: Context, value: Value) -> Optimizer:
    """The record of an optimizer given to `compile`: an object, a class, a string, or something unknown."""
    if isinstance(value, dict):
        config = value.get("config")
        value = value.get("class_name")
        if isinstance(value, str) and isinstance(config, dict) and (name := _STRINGS.get(value.lower())):
            return record(name, {**OPTIMIZERS[name].defaults, **config}, config)
    if isinstance(value, str):
        name = _STRINGS.get(value.lower(), value)
        optimizer = record(name, OPTIMIZERS[name].defaults if name in OPTIMIZERS else {}, {})
        optimizer.origin = ctx.origin()
        return optimizer
    if isinstance(value, Class):
        value = ctx.instantiate(value)
    if isinstance(value, Instance) and isinstance(known := value.hidden.get("optimizer"), Optimizer):
        return known
    name = value.cls.name if isinstance(value, Instance) else "unknown"
    return Optimizer(name.rpartition(".")[2], None, None, "unknown", {}, ctx.origin())


def get_optimizer(ctx: Context, identifier: Value = None, **kwargs: Value) -> Value:
    """`keras.optimizers.get`."""
    if isinstance(identifier, str) and (name := _STRINGS.get(identifier.lower())):
        return ctx.instantiate(_class(name))
    return identifier


def _start(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """`Optimizer.__init__` as user classes call it."""
    given = dict(zip(("learning_rate",), args, strict=False)) | kwargs
    self.attrs.update({key: value for key, value in given.items() if key in ("learning_rate", "name", *CLIPPING)})
    self.hidden["optimizer"] = record(self.cls.name.rpartition(".")[2], given, given)
    self.hidden["optimizer"].origin = self.origin


def _wrap(ctx: Context, self: Instance, inner_optimizer: Value = None, *args: Value, **kwargs: Value) -> None:
    self.attrs["inner_optimizer"] = inner_optimizer
    inner = optimizer_of(ctx, inner_optimizer)
    self.hidden["optimizer"] = Optimizer(
        inner.name, inner.learning_rate, None, inner.clipping, {**inner.options, "loss_scale": True}, self.origin
    )


def _apply(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """`apply_gradients(grads_and_vars)` and `apply(grads, trainable_variables)`: one step."""
    optimizer = self.hidden.get("optimizer")
    pairs = ctx.iterate(args[0]) if args else []
    held = tuple(tensor.parameter for tensor in tensors_in(pairs, *args[1:]) if tensor.parameter is not None)
    if isinstance(optimizer, Optimizer) and held:
        optimizer.parameters = held
    known = optimizer if isinstance(optimizer, Optimizer) else None
    ctx.event(EventKind.STEP, optimizer=known, scaled=False, unclipped=any(map(clipped_elsewhere, tensors_in(pairs))))


def _minimize(
    ctx: Context, self: Instance, loss: Value = None, var_list: Value = None, *args: Value, **kw: Value
) -> None:
    """`minimize(loss, var_list)`: backward and step in one."""
    value = ctx.call(loss) if not isinstance(loss, Tensor) else loss
    node = value.node if isinstance(value, Tensor) else None
    ctx.event(EventKind.BACKWARD, node=node, scaled=False)
    _apply(ctx, self, var_list)


def _get_rate(ctx: Context, self: Instance) -> Value:
    return self.attrs.get("learning_rate")


def _set_rate(ctx: Context, self: Instance, value: Value) -> None:
    ctx.modified(self)
    self.attrs["learning_rate"] = value
    known = self.hidden.get("optimizer")
    if isinstance(known, Optimizer):
        known.learning_rate = _rate(value)


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """Of no consequence for gradients."""


def _same(ctx: Context, self: Instance, value: Value = None, *args: Value, **kwargs: Value) -> Value:
    return value


_METHODS: Mapping[str, Any] = {
    "__init__": _start,
    "apply_gradients": _apply,
    "apply": _apply,
    "minimize": _minimize,
    "build": _nothing,
    "get_config": lambda ctx, self: dict(self.attrs),
    "get_scaled_loss": _same,
    "scale_loss": _same,
    "get_unscaled_gradients": _same,
    "lr": Property(Native("keras.optimizers.Optimizer.lr", _get_rate), Native("keras.optimizers.lr", _set_rate)),
}


@functools.cache
def _schedule(name: str) -> Class:
    if name == "LearningRateSchedule":
        return framework_class("keras.optimizers.schedules.LearningRateSchedule", (), {"__init__": _nothing})
    key, position = _SCHEDULES[name], _SCHEDULE_POSITIONS.get(name, 0)

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        self.attrs.update(kwargs)
        value = args[position] if len(args) > position else kwargs.get(key)
        if isinstance(value, (list, tuple)):
            value = value[0] if value else None
        if is_number(kwargs.get("warmup_target")):
            value = kwargs["warmup_target"]
        self.hidden["initial_rate"] = value

    return framework_class(
        f"keras.optimizers.schedules.{name}",
        ("keras.optimizers.schedules.LearningRateSchedule",),
        {"__init__": initialize},
    )


def find_optimizer(name: str) -> Value:
    """`keras.optimizers.{name}` and `keras.optimizers.schedules.{name}`, or `MISSING`."""
    if name == "get":
        return native("keras.optimizers.get", get_optimizer)
    if name.startswith("schedules."):
        return schedule_class(name.removeprefix("schedules.")) or MISSING
    return optimizer_class(name) or schedule_class(name) or MISSING
