"""Keras losses: strings, classes and functions, what they compute, and whether they take logits."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, BoundMethod, Class, Function, Instance, Native, Tensor, Unknown, Value
from gradlint.frameworks.keras.arguments import flag
from gradlint.frameworks.keras.state import snake_case
from gradlint.frameworks.registry import framework_class, native
from gradlint.network import Kind, Origin


@dataclass(frozen=True, slots=True)
class LossInfo:
    """A loss as a training loop knows it: the canonical function, Keras's name, and whether it takes logits.

    `function` is "custom" for a function of the source and "unknown" where nothing is known.
    """

    function: str
    name: str = ""
    from_logits: bool | None = False
    reduction: str = "mean"
    origin: Origin | None = None


# Keras's class name -> canonical function. Those of `_LOGITS` have a `from_logits` argument.
LOSSES: Mapping[str, str] = {
    "BinaryCrossentropy": "binary_cross_entropy",
    "BinaryFocalCrossentropy": "binary_focal_cross_entropy",
    "CategoricalCrossentropy": "cross_entropy",
    "CategoricalFocalCrossentropy": "focal_cross_entropy",
    "CategoricalGeneralizedCrossEntropy": "generalized_cross_entropy",
    "SparseCategoricalCrossentropy": "cross_entropy",
    "MeanSquaredError": "mse",
    "MeanAbsoluteError": "l1",
    "MeanAbsolutePercentageError": "mape",
    "MeanSquaredLogarithmicError": "msle",
    "Huber": "huber",
    "LogCosh": "log_cosh",
    "KLDivergence": "kl_div",
    "Poisson": "poisson_nll",
    "CosineSimilarity": "cosine_similarity",
    "Hinge": "hinge",
    "SquaredHinge": "squared_hinge",
    "CategoricalHinge": "categorical_hinge",
    "Dice": "dice",
    "Tversky": "tversky",
    "Circle": "circle",
    "CTC": "ctc",
}

_LOGITS = frozenset(
    {
        "BinaryCrossentropy",
        "BinaryFocalCrossentropy",
        "CategoricalCrossentropy",
        "CategoricalFocalCrossentropy",
        "SparseCategoricalCrossentropy",
    }
)

_STRINGS: Mapping[str, str] = {
    **{snake_case(name): name for name in LOSSES},
    **{name: name for name in LOSSES},
    "mse": "MeanSquaredError",
    "MSE": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "MAE": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "MAPE": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "MSLE": "MeanSquaredLogarithmicError",
    "kld": "KLDivergence",
    "KLD": "KLDivergence",
    "kl_divergence": "KLDivergence",
    "kullback_leibler_divergence": "KLDivergence",
    "bce": "BinaryCrossentropy",
    "BCE": "BinaryCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "logcosh": "LogCosh",
    "log_cosh": "LogCosh",
    "huber_loss": "Huber",
    "cosine_proximity": "CosineSimilarity",
    "ctc": "CTC",
}


def loss_class(name: str) -> Class | None:
    """The class `keras.losses.{name}`, or None."""
    return _class(name) if name in LOSSES or name == "Loss" else None


def loss_function(name: str) -> Native | None:
    """The function `keras.losses.{name}` (`binary_crossentropy`), or None."""
    if name not in _STRINGS or name in LOSSES:
        return None
    stem = _STRINGS[name]

    def call(ctx: Context, y_true: Value = None, y_pred: Value = None, *args: Value, **kwargs: Value) -> Value:
        y_true = kwargs.get("target", y_true)
        y_pred = kwargs.get("output", y_pred)
        logits = kwargs.get("from_logits", args[0] if args else False)
        return emit_loss(ctx, LossInfo(LOSSES[stem], stem, _logits(stem, logits), "none"), y_true, y_pred)

    return native(f"keras.losses.{name}", call)


def _logits(name: str, value: Value) -> bool | None:
    if name not in _LOGITS:
        return False
    return None if isinstance(value, Unknown) else flag(value)


@functools.cache
def _class(name: str) -> Class:
    if name == "Loss":
        return framework_class("keras.losses.Loss", (), {"__init__": _start, "__call__": _call_custom})

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        logits = kwargs.get("from_logits", args[0] if args and name in _LOGITS else False)
        reduction = kwargs.get("reduction", "mean")
        self.attrs.update(kwargs)
        self.hidden["loss"] = LossInfo(
            LOSSES[name], name, _logits(name, logits), reduction if isinstance(reduction, str) else "mean", self.origin
        )

    def call(ctx: Context, self: Instance, y_true: Value = None, y_pred: Value = None, *_: Value, **__: Value) -> Value:
        return emit_loss(ctx, self.hidden.get("loss", LossInfo(LOSSES[name], name)), y_true, y_pred)

    return framework_class(
        f"keras.losses.{name}", ("keras.losses.Loss",), {"__init__": initialize, "__call__": call, "call": call}
    )


def _start(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """`Loss.__init__` as user classes call it."""


def _call_custom(
    ctx: Context, self: Instance, y_true: Value = None, y_pred: Value = None, *_: Value, **__: Value
) -> Value:
    return ctx.call(ctx.getattr(self, "call"), y_true, y_pred)


def emit_loss(ctx: Context, info: LossInfo, y_true: Value, y_pred: Value, *, each_entry: bool = False) -> Value:
    """The LOSS node of a loss that is called on tensors; its first input is the prediction.

    Without reduction there is a loss per sample, or per entry with `each_entry`.
    """
    prediction = ctx.as_tensor(y_pred)
    inputs = [prediction] + ([y_true] if isinstance(y_true, Tensor) else [])
    shape = None
    if info.reduction in ("none", "None") and prediction.shape is not None:
        shape = prediction.shape if each_entry else prediction.shape[:-1]
    elif info.reduction not in ("none", "None"):
        shape = ()
    return ctx.emit(
        Kind.LOSS,
        inputs,
        shape,
        attributes={"function": info.function, "from_logits": info.from_logits, "reduction": info.reduction},
        class_name=f"keras.losses.{info.name}",
    )


def loss_of(value: Value) -> LossInfo | None:
    """What is known of a loss given to `compile`: string, class, object or function; None for no loss."""
    if value is None:
        return None
    if isinstance(value, str):
        known_name = _STRINGS.get(value)
        return LossInfo(LOSSES[known_name], known_name) if known_name else LossInfo("unknown", value, None)
    if isinstance(value, Class) and (name := value.name.rpartition(".")[2]) in LOSSES:
        return LossInfo(LOSSES[name], name)
    if isinstance(value, Instance):
        known = value.hidden.get("loss")
        return known if isinstance(known, LossInfo) else LossInfo("custom", value.cls.name, None, origin=value.origin)
    if isinstance(value, Native) and (found := _STRINGS.get(value.name.rpartition(".")[2])):
        return LossInfo(LOSSES[found], found)
    if isinstance(value, (Function, BoundMethod)):
        return LossInfo("custom", getattr(value, "name", ""), None)
    return LossInfo("unknown", "", None)


def get_loss(ctx: Context, identifier: Value = None) -> Value:
    """`keras.losses.get`."""
    if isinstance(identifier, str) and identifier in _STRINGS:
        return ctx.instantiate(_class(_STRINGS[identifier]))
    return identifier


def find_loss(name: str) -> Value:
    """`keras.losses.{name}`, or `MISSING`."""
    if name == "get":
        return native("keras.losses.get", get_loss)
    return loss_class(name) or loss_function(name) or MISSING
