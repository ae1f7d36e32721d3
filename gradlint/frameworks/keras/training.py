"""What trains a Keras model: `compile`, `fit`, `train_on_batch`, and custom training steps, recorded as events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Function, Instance, Native, Property, Symbol, Tensor, Value, tensors_in
from gradlint.frameworks.keras.arguments import is_int, signature
from gradlint.frameworks.keras.losses import LossInfo, emit_loss, loss_of
from gradlint.frameworks.keras.optimizers import optimizer_of
from gradlint.frameworks.keras.sizes import BATCH
from gradlint.frameworks.keras.weights import all_weights
from gradlint.network import EventKind, Kind, Node

_COMPILE = signature(
    optimizer="rmsprop",
    loss=None,
    loss_weights=None,
    metrics=None,
    weighted_metrics=None,
    run_eagerly=False,
    steps_per_execution=1,
    jit_compile="auto",
    auto_scale_loss=True,
)
_FIT = signature(
    x=None,
    y=None,
    batch_size=None,
    epochs=1,
    verbose="auto",
    callbacks=None,
    validation_split=0.0,
    validation_data=None,
    shuffle=True,
    class_weight=None,
    sample_weight=None,
    initial_epoch=0,
    steps_per_epoch=None,
)


def _compile(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    bound, _ = _COMPILE.bind(ctx, "compile", args, kwargs)
    if not args and not kwargs:
        return
    optimizer = optimizer_of(ctx, bound["optimizer"])
    held = bound["optimizer"]
    losses = _losses(bound["loss"])
    ctx.modified(self)
    self.attrs["optimizer"] = held if isinstance(held, Instance) else _as_object(ctx, held)
    self.attrs["loss"] = bound["loss"]
    self.hidden["compiled"] = (optimizer, losses)
    ctx.event(
        EventKind.COMPILE,
        optimizer=optimizer,
        node=_output(self),
        model=self,
        metrics=_metrics(bound["metrics"]),
        objectives=_objectives(ctx, self),
        **_details(losses),
    )


def _as_object(ctx: Context, optimizer: Value) -> Value:
    from gradlint.frameworks.keras.optimizers import get_optimizer

    return get_optimizer(ctx, optimizer)


def _losses(value: Value) -> dict[str, LossInfo]:
    """The losses of a model by output (empty name for the only one)."""
    entries: Iterable[tuple[Any, Value]]
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, (list, tuple)):
        entries = enumerate(value) if len(value) != 1 else [("", value[0])]
    else:
        entries = [("", value)]
    found = {str(key): loss_of(loss) for key, loss in entries}
    return {key: loss for key, loss in found.items() if loss is not None}


def _details(losses: Mapping[str, LossInfo]) -> dict[str, Any]:
    first = next(iter(losses.values()), None)
    return {
        "loss": first.function if first else None,
        "loss_name": first.name if first else "",
        "from_logits": first.from_logits if first else None,
        "losses": dict(losses),
    }


def _metrics(value: Value) -> tuple[str, ...]:
    """The names of the metrics that are known by name."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return tuple(
        item if isinstance(item, str) else item.cls.name.rpartition(".")[2]
        for item in items
        if isinstance(item, (str, Instance))
    )


def _objectives(ctx: Context, self: Instance) -> tuple[Node, ...]:
    """The losses that the model was compiled with, on its outputs; empty while those are not known."""
    loss = self.attrs.get("loss")
    outputs = tensors_in(self.hidden.get("outputs", self.hidden.get("output")))
    if isinstance(loss, dict):
        pairs = _by_output(self, loss, outputs)
    elif isinstance(loss, (list, tuple)):
        pairs = list(zip(loss, outputs, strict=False))
    else:
        pairs = [(loss, output) for output in outputs]
    found = [_objective(ctx, loss, output) for loss, output in pairs]
    return tuple(node for node in found if node is not None)


def _by_output(self: Instance, losses: dict[Any, Value], outputs: list[Tensor]) -> list[tuple[Value, Tensor]]:
    """Losses with the outputs that they are named after: those of the layers that made them."""
    names = self.hidden.get("output_names") or [_layer_name(output.node) for output in outputs]
    by_name = dict(zip(names, outputs, strict=False))
    return [(loss, by_name[name]) for name, loss in losses.items() if name in by_name]


def _layer_name(node: Node) -> str:
    layer = node.layer
    name = layer.attrs.get("name") if isinstance(layer, Instance) else None
    return name if isinstance(name, str) else node.name


def _objective(ctx: Context, loss: Value, output: Tensor) -> Node | None:
    info = loss_of(loss)
    if info is None:
        return None
    if info.function != "custom":
        made = emit_loss(ctx, info, None, output)
        if isinstance(made, Tensor) and info.origin is not None:
            made.node.origin = info.origin
    else:
        made = ctx.call(loss, ctx.as_tensor(ctx.unknown("the targets")), output)
    return made.node if isinstance(made, Tensor) else None


def _output(self: Instance) -> Node | None:
    tensors = tensors_in(self.hidden.get("outputs", self.hidden.get("output")))
    return tensors[0].node if tensors else None


def _fit(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """`fit`: builds the model for its data, runs a `train_step` of the source if there is one, records the event."""
    bound, _ = _FIT.bind(ctx, "fit", args, {("epochs" if k == "nb_epoch" else k): v for k, v in kwargs.items()})
    data = bound["x"]
    _build_for(ctx, self, data)
    optimizer, losses = self.hidden.get("compiled", (None, {}))
    if optimizer is not None:
        optimizer.parameters = tuple(
            tensor.parameter for tensor in all_weights(self) if tensor.parameter and tensor.parameter.trainable
        )
    step = self.cls.find("train_step")
    if isinstance(step, Function):
        ctx.event(EventKind.LOOP_START)
        given = _batch(ctx, data)
        ctx.call(step, self, given if bound["y"] is None else (given, _batch(ctx, bound["y"])))
        ctx.event(EventKind.LOOP_END)
        return Symbol("keras.callbacks.History")
    known = {key: value for key, value in bound.items() if isinstance(value, (int, float, str, bool))}
    ctx.event(
        EventKind.FIT,
        optimizer=optimizer,
        node=_output(self),
        model=self,
        epochs=bound["epochs"] if is_int(bound["epochs"]) else None,
        options=known,
        callbacks=_callbacks(bound["callbacks"]),
        objectives=_objectives(ctx, self),
        **_details(losses),
    )
    return Symbol("keras.callbacks.History")


def _batch(ctx: Context, data: Value) -> Value:
    """What `train_step` gets of the data that `fit` was given: one batch."""
    if isinstance(data, Tensor) and data.shape:
        kind = "int" if data.dtype.startswith("int") else "float"
        return ctx.emit(Kind.INPUT, (), (BATCH, *data.shape[1:]), attributes={"dtype": kind}, dtype=data.dtype)
    if isinstance(data, (list, tuple)):
        return type(data)(_batch(ctx, item) for item in data)
    if isinstance(data, dict):
        return {key: _batch(ctx, item) for key, item in data.items()}
    return next(iter(ctx.iterate(data)), data) if isinstance(data, Instance) else data


def _callbacks(value: Value) -> tuple[str, ...]:
    items = value if isinstance(value, (list, tuple)) else [value] if value is not None else []
    return tuple(
        item.cls.name.rpartition(".")[2] if isinstance(item, Instance) else getattr(item, "name", "unknown")
        for item in items
    )


def _build_for(ctx: Context, self: Instance, data: Value) -> None:
    """Build a model that has not been called yet on its training data, or on assumed data where it is sequential."""
    if self.hidden.get("outputs") is not None or self.hidden.get("output") is not None:
        return
    if self.cls.derives_from("keras.Sequential"):
        from gradlint.frameworks.keras.sequential import build_with

        build_with(ctx, self, data)
    elif isinstance(data, Tensor) and data.shape is not None:
        ctx.call(self, data)


def _train_on_batch(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """One step on one batch: forward, loss, backward and step of a hand-written loop."""
    _build_for(ctx, self, args[0] if args else kwargs.get("x"))
    optimizer, losses = self.hidden.get("compiled", (None, {}))
    ctx.event(
        EventKind.FIT,
        optimizer=optimizer,
        node=_output(self),
        model=self,
        epochs=1,
        options={},
        callbacks=(),
        objectives=_objectives(ctx, self),
        on_batch=True,
        **_details(losses),
    )
    return Symbol("keras.logs")


def _compute_loss(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """`compute_loss(x, y, y_pred)`, and `compiled_loss(y, y_pred)` of Keras 2: the loss that was compiled."""
    given = dict(zip(("x", "y", "y_pred"), args, strict=False)) | kwargs
    return _compiled_loss(ctx, self, given.get("y"), given.get("y_pred"))


def _compiled_loss(ctx: Context, self: Instance, y: Value, prediction: Value) -> Value:
    _, losses = self.hidden.get("compiled", (None, {}))
    info = next(iter(losses.values()), LossInfo("unknown", "", None))
    return emit_loss(ctx, info, y, prediction)


def _compiled_loss_of(ctx: Context, self: Instance) -> Value:
    return Native(
        "keras.Model.compiled_loss",
        lambda ctx, y=None, y_pred=None, *args, **kwargs: _compiled_loss(ctx, self, y, y_pred),
    )


def _data(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return Symbol("keras.logs")


def _call_self(ctx: Context, self: Instance, x: Value = None, *args: Value, **kwargs: Value) -> Value:
    """`predict`: numbers, that carry no gradient."""
    return ctx.unknown("predictions as numbers")


TRAINING_METHODS: Mapping[str, Any] = {
    "compile": _compile,
    "fit": _fit,
    "fit_generator": _fit,
    "train_on_batch": _train_on_batch,
    "compute_loss": _compute_loss,
    "compiled_loss": Property(Native("keras.Model.compiled_loss", _compiled_loss_of)),
    "compute_metrics": _data,
    "evaluate": _data,
    "evaluate_generator": _data,
    "test_on_batch": _data,
    "predict": _call_self,
    "predict_on_batch": _call_self,
    "reset_metrics": _data,
}
