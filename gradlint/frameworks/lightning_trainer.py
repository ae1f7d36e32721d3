"""Lightning's `Trainer` and `Fabric`: what one step of training does, hook by hook, in Lightning's order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import Function, Instance, Native, Tensor, Value
from gradlint.frameworks.lightning import is_overridden
from gradlint.frameworks.nodes import number
from gradlint.frameworks.registry import framework_class
from gradlint.network import EventKind, Optimizer

_SCALED = frozenset({"16-mixed", "16", 16})


def _init(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    self.hidden["options"] = kwargs
    self.attrs.update({key: value for key, value in kwargs.items() if key in ("max_epochs", "max_steps", "precision")})


@dataclass(slots=True)
class Plan:
    """What `configure_optimizers` returns, taken apart."""

    optimizers: list[Instance] = field(default_factory=list)
    schedulers: list[Instance] = field(default_factory=list)

    def add(self, ctx: Context, value: Value) -> None:
        """Take in one optimizer, scheduler, dictionary of them, or sequence of such."""
        if isinstance(value, dict):
            for key in ("optimizer", "lr_scheduler", "scheduler"):
                self.add(ctx, value.get(key))
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.add(ctx, item)
        elif isinstance(value, Instance):
            if value.cls.derives_from("torch.optim.lr_scheduler.LRScheduler"):
                self.schedulers.append(value)
            elif "optimizer" in value.hidden:
                self.optimizers.append(value)


def _attempt(ctx: Context, module: Instance, name: str, *args: Value) -> Value:
    """Call a method that the program defines; None when it does not, Unknown when it would stop."""
    if not is_overridden(module, name):
        return None
    try:
        return ctx.call(ctx.getattr(module, name), *args)
    except Raised as error:
        ctx.event(EventKind.ESCAPE)
        return ctx.unknown(f"{name} would stop: {error}")


def _batch(ctx: Context, module: Instance, loaders: Value, datamodule: Value) -> Value:
    """One batch of the training data."""
    loader = loaders
    if loader is None:
        source = datamodule if isinstance(datamodule, Instance) else module
        if isinstance(datamodule, Instance):
            _attempt(ctx, datamodule, "setup", "fit")
        loader = _attempt(ctx, source, "train_dataloader")
    if isinstance(loader, (list, tuple)) and loader:
        loader = loader[0]
    if not isinstance(loader, Instance):
        return ctx.unknown("a batch of data")
    items = ctx.iterate(loader)
    return items[0] if items else ctx.unknown("a batch of data")


def _fit(
    ctx: Context,
    self: Instance,
    model: Value,
    train_dataloaders: Value = None,
    val_dataloaders: Value = None,
    datamodule: Value = None,
    ckpt_path: Value = None,
    **rest: Value,
) -> None:
    options: dict[str, Value] = self.hidden.get("options", {})
    if not isinstance(model, Instance) or not is_overridden(model, "training_step"):
        ctx.event(EventKind.FIT, model=model if isinstance(model, Instance) else None, **_plain(options))
        return
    ctx.modified(model)
    model.attrs["trainer"] = self
    if isinstance(train_dataloaders, Instance) and train_dataloaders.cls.derives_from(
        "lightning.pytorch.LightningDataModule"
    ):
        train_dataloaders, datamodule = None, train_dataloaders
    batch = _batch(ctx, model, rest.get("train_dataloader", train_dataloaders), datamodule)
    train(ctx, model, options, batch)


def _plain(options: dict[str, Value]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if isinstance(value, (bool, int, float, str)) or value is None}


def rehearse(ctx: Context, module: Instance) -> None:
    """Train a module that no trainer of this file trains: what another file adds (clipping, say) is not known."""
    if is_overridden(module, "training_step") and "optimizers" not in module.hidden:
        train(ctx, module, {}, ctx.unknown("a batch of data"), complete=False)


def train(ctx: Context, module: Instance, options: dict[str, Value], batch: Value, complete: bool = True) -> None:
    """The events of one training step of `module` under a trainer with these options, framed as a loop."""
    _attempt(ctx, module, "setup", "fit")
    for hook in ("configure_model", "on_fit_start", "on_train_start"):
        _attempt(ctx, module, hook)
    plan = Plan()
    plan.add(ctx, _attempt(ctx, module, "configure_optimizers"))
    module.hidden["optimizers"], module.hidden["schedulers"] = plan.optimizers, plan.schedulers
    ctx.event(EventKind.LOOP_START, iterations=None, trainer=_plain(options))
    if not complete:
        ctx.event(EventKind.ESCAPE)
    _attempt(ctx, module, "on_train_epoch_start")
    _attempt(ctx, module, "on_train_batch_start", batch, 0)
    if ctx.truth(ctx.getattr(module, "automatic_optimization")) is False:
        _attempt(ctx, module, "training_step", *_step_arguments(ctx, module, batch, 0))
    else:
        for place, optimizer in enumerate(plan.optimizers or [None]):
            _Step(ctx, module, options, batch, optimizer, place).run()
        for scheduler in plan.schedulers:
            name = scheduler.cls.name.rpartition(".")[2]
            ctx.event(EventKind.SCHEDULE, optimizer=_record_of(plan.optimizers), scheduler=name)
    _attempt(ctx, module, "on_train_batch_end", ctx.unknown("the output of a training step"), batch, 0)
    _attempt(ctx, module, "on_train_epoch_end")
    ctx.event(EventKind.LOOP_END, iterations=None)


def _record_of(optimizers: list[Instance]) -> Optimizer | None:
    found: Optimizer | None = optimizers[0].hidden.get("optimizer") if optimizers else None
    return found


def _step_arguments(ctx: Context, module: Instance, batch: Value, place: int) -> list[Value]:
    """The arguments of `training_step`: the batch, and its number and the optimizer's where they are wanted."""
    method = module.cls.find("training_step")
    names: list[str] = []
    if isinstance(method, Function):
        params = method.syntax.params
        names = [param.name.value for param in (*params.posonly_params, *params.params)][2:]
    known = {"optimizer_idx": place}
    return [batch, *[known.get(name, ctx.unknown("the number of a batch")) for name in names[:2]]]


@dataclass(slots=True)
class _Step:
    """One optimization step, automatic as Lightning does it; each hook may be the program's own."""

    ctx: Context
    module: Instance
    options: dict[str, Value]
    batch: Value
    optimizer: Instance | None
    place: int

    def run(self) -> None:
        """Closure, then the step; `optimizer_step` of the program takes both into its own hands."""
        if is_overridden(self.module, "optimizer_step") and self.optimizer is not None:
            closure = Native("closure", lambda ctx: self.closure())
            number_ = self.ctx.unknown("the number of the step")
            _attempt(self.ctx, self.module, "optimizer_step", number_, number_, self.optimizer, closure)
            return
        self.closure()
        if self.optimizer is None:
            self.ctx.event(EventKind.STEP, optimizer=None, scaled=self.scaled)
        elif self.scaled:
            self.ctx.event(EventKind.STEP, optimizer=self.record, scaled=True)
        else:
            self.ctx.call(self.ctx.getattr(self.optimizer, "step"))

    @property
    def record(self) -> Optimizer | None:
        """The optimizer as it was built."""
        found: Optimizer | None = None if self.optimizer is None else self.optimizer.hidden.get("optimizer")
        return found

    @property
    def scaled(self) -> bool:
        """Whether the trainer scales the loss."""
        precision = self.options.get("precision")
        return isinstance(precision, (str, int)) and precision in _SCALED

    def closure(self) -> Value:
        """Forward pass and loss, zero_grad, backward, unscale, clip: the order of Lightning's loop."""
        ctx, module = self.ctx, self.module
        result = _attempt(ctx, module, "training_step", *_step_arguments(ctx, module, self.batch, self.place))
        loss = result.get("loss") if isinstance(result, dict) else result
        ctx.event(EventKind.ZERO_GRAD, optimizer=self.record)
        if isinstance(loss, Tensor):
            _attempt(ctx, module, "on_before_backward", loss)
            if is_overridden(module, "backward"):
                _attempt(ctx, module, "backward", loss)
            else:
                ctx.event(EventKind.BACKWARD, node=loss.node, scaled=self.scaled, retain_graph=False)
        else:
            ctx.event(EventKind.ESCAPE)
        _attempt(ctx, module, "on_after_backward")
        if self.scaled:
            ctx.event(EventKind.UNSCALE, optimizer=self.record)
        _attempt(ctx, module, "on_before_optimizer_step", self.optimizer)
        self.clip()
        return loss

    def clip(self) -> None:
        """What the trainer was told to clip, or what the program's own hook clips."""
        limit, algorithm = self.options.get("gradient_clip_val"), self.options.get("gradient_clip_algorithm")
        if is_overridden(self.module, "configure_gradient_clipping"):
            _attempt(self.ctx, self.module, "configure_gradient_clipping", self.optimizer, limit, algorithm)
        elif limit is not None and limit != 0:
            method = "value" if algorithm == "value" else "norm"
            self.ctx.event(EventKind.CLIP, method=method, limit=number(limit))


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return None


def _results(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return ctx.unknown("results of a trainer")


TRAINER = framework_class(
    "lightning.pytorch.Trainer",
    (),
    {
        "__init__": _init,
        "fit": _fit,
        "validate": _results,
        "test": _results,
        "predict": _results,
        "save_checkpoint": _nothing,
        "print": _nothing,
    },
)
TRAINER.namespace.update({"is_global_zero": True, "world_size": 1, "num_devices": 1, "global_rank": 0, "local_rank": 0})


# Fabric: the program's own loop, with the backward pass and clipping going through an object.


def _setup(ctx: Context, self: Instance, module: Value = None, *optimizers: Value, **kwargs: Value) -> Value:
    given = ([] if module is None else [module]) + list(optimizers)
    return given[0] if len(given) == 1 else tuple(given)


def _backward(ctx: Context, self: Instance, tensor: Value, *args: Value, **kwargs: Value) -> None:
    if isinstance(tensor, Tensor):
        precision = self.hidden.get("options", {}).get("precision")
        scaled = isinstance(precision, (str, int)) and precision in _SCALED
        ctx.event(EventKind.BACKWARD, node=tensor.node, scaled=scaled, retain_graph=bool(kwargs.get("retain_graph")))


def _clip(
    ctx: Context,
    self: Instance,
    module: Value,
    optimizer: Value = None,
    clip_val: Value = None,
    max_norm: Value = None,
    *args: Value,
    **kwargs: Value,
) -> None:
    limit = max_norm if max_norm is not None else clip_val
    ctx.event(EventKind.CLIP, method="norm" if max_norm is not None else "value", limit=number(limit))


_BLOCK = framework_class(
    "lightning.fabric._Block", (), {"__enter__": lambda ctx, self: self, "__exit__": lambda ctx, self, *args: False}
)


def _block(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return Instance(_BLOCK, origin=ctx.origin())


def _device(ctx: Context, self: Instance, value: Value = None) -> Value:
    return value


FABRIC = framework_class(
    "lightning.fabric.Fabric",
    (),
    {
        "__init__": _init,
        "setup": _setup,
        "setup_module": _setup,
        "setup_optimizers": _setup,
        "setup_dataloaders": _setup,
        "backward": _backward,
        "clip_gradients": _clip,
        "to_device": _device,
        "no_backward_sync": _block,
        "autocast": _block,
        "init_module": _block,
        "rank_zero_first": _block,
        **dict.fromkeys(("launch", "print", "log", "log_dict", "save", "barrier", "seed_everything"), _nothing),
        "load": _results,
        "all_reduce": _device,
        "all_gather": _device,
        "broadcast": _device,
    },
)
FABRIC.namespace.update({"is_global_zero": True, "world_size": 1, "global_rank": 0, "local_rank": 0})
