"""Lightning (`lightning.pytorch`, `pytorch_lightning`, Fabric): names, modules, data modules and callbacks."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import (
    MISSING,
    Class,
    ClassMethod,
    Function,
    Instance,
    Native,
    Property,
    Tensor,
    Unknown,
    Value,
)
from gradlint.frameworks.modules import children, named_parameters
from gradlint.frameworks.nodes import number
from gradlint.frameworks.registry import framework_class
from gradlint.network import EventKind

_PACKAGES = ("lightning.pytorch.", "pytorch_lightning.", "lightning.fabric.", "lightning_fabric.", "lightning.")

MODULE = "lightning.pytorch.LightningModule"
"""The dotted name of the class that every Lightning module derives from."""


def lookup(name: str) -> Value:
    """The value that a dotted name of either package stands for, also under the files that define it, or MISSING."""
    prefix = next((package for package in _PACKAGES if name.startswith(package)), None)
    if prefix is None:
        return MISSING
    inner = name[len(prefix) :]
    found = _names().get(inner.rpartition(".")[2], MISSING)
    if found is MISSING and inner.startswith(("callbacks.", "loggers.", "strategies.", "profilers.", "plugins.")):
        return _PASSIVE
    return found


# Hyperparameters.

_HYPERPARAMETERS = framework_class("lightning.pytorch.utilities.AttributeDict", (), {})


def hyperparameters(ctx: Context, values: dict[str, Value]) -> Instance:
    """An object that gives `values` as attributes and as items."""
    return Instance(_HYPERPARAMETERS, values, values, ctx.origin())


def _save_hyperparameters(
    ctx: Context, self: Instance, *args: Value, ignore: Value = None, frame: Value = None, logger: Value = True
) -> None:
    given = dict(ctx.caller_arguments())
    given.pop("self", None)
    for extra in [value for value in given.values() if isinstance(value, dict)]:
        if args and extra in args:
            given.update(extra)
    ignored = [ignore] if isinstance(ignore, str) else list(ctx.iterate(ignore)) if ignore is not None else []
    names = [arg for arg in args if isinstance(arg, str)]
    kept = self.attrs.get("_hparams")
    values: dict[str, Value] = dict(kept.payload) if isinstance(kept, Instance) else {}
    if names or not args:
        values.update({key: value for key, value in given.items() if key in names or not names})
    for arg in args:
        if isinstance(arg, dict):
            values.update({key: value for key, value in arg.items() if isinstance(key, str)})
        elif isinstance(arg, Instance):
            values.update(arg.attrs)
    for key in ignored:
        values.pop(key, None)
    ctx.modified(self)
    self.attrs["_hparams"] = hyperparameters(ctx, values)


def _hparams(ctx: Context, self: Instance) -> Value:
    kept = self.attrs.get("_hparams")
    if kept is None:
        kept = self.attrs["_hparams"] = hyperparameters(ctx, {})
    return kept


def _set_hparams(ctx: Context, self: Instance, value: Value) -> None:
    self.attrs["_hparams"] = hyperparameters(ctx, dict(value)) if isinstance(value, dict) else value


# Modules.


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return None


def _itself(ctx: Context, self: Instance, value: Value = None, *args: Value, **kwargs: Value) -> Value:
    return value


def _forward(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """A module without a `forward` of its own stands for the one network that it holds."""
    inner = [child for child in children(self).values() if not child.cls.derives_from("torch.nn._Loss")]
    trained = [child for child in inner if next(named_parameters(child), None) is not None]
    if len(trained) != 1:
        ctx.fail("NotImplementedError", f"{self.cls.name} has no forward()")
    return ctx.call(trained[0], *args, **kwargs)


def _manual_backward(ctx: Context, self: Instance, loss: Value, *args: Value, **kwargs: Value) -> None:
    if isinstance(loss, Tensor):
        ctx.call(ctx.getattr(loss, "backward"))


def _optimizers(ctx: Context, self: Instance, use_pl_optimizer: Value = True) -> Value:
    held = self.hidden.get("optimizers")
    if held is None:
        return ctx.unknown("the optimizers of a module that is not trained here")
    return held[0] if len(held) == 1 else list(held)


def _schedulers(ctx: Context, self: Instance) -> Value:
    held = self.hidden.get("schedulers")
    if not held:
        return ctx.unknown("the schedulers of a module that is not trained here") if held is None else None
    return held[0] if len(held) == 1 else list(held)


def _clip_gradients(
    ctx: Context,
    self: Instance,
    optimizer: Value,
    gradient_clip_val: Value = None,
    gradient_clip_algorithm: Value = None,
) -> None:
    if gradient_clip_val is not None:
        method = "value" if gradient_clip_algorithm == "value" else "norm"
        ctx.event(EventKind.CLIP, method=method, limit=number(gradient_clip_val))


def _set_trainable(trainable: bool) -> Callable[..., None]:
    def apply(ctx: Context, self: Instance) -> None:
        for _, tensor in named_parameters(self):
            if tensor.parameter is not None:
                ctx.modified(tensor.parameter)
                tensor.parameter.trainable = trainable

    return apply


def _load_from_checkpoint(ctx: Context, cls: Value, checkpoint_path: Value, *args: Value, **kwargs: Value) -> Value:
    if not isinstance(cls, Class):
        return ctx.unknown("a module from a checkpoint")
    for key in ("map_location", "hparams_file", "strict"):
        kwargs.pop(key, None)
    module = ctx.instantiate(cls, **kwargs)
    if isinstance(module, Instance):
        module.hidden["pretrained"] = True
    return module


def _unknown(reason: str) -> Property:
    return Property(Native(reason, lambda ctx, self: ctx.unknown(reason)), Native(reason, _nothing))


def _device(ctx: Context, self: Instance) -> Value:
    from gradlint.frameworks.torch.tensor_methods import CPU

    return CPU


_HOOKS = (
    "on_fit_start on_fit_end on_train_start on_train_end on_train_epoch_start on_train_epoch_end on_train_batch_start "
    "on_train_batch_end on_validation_start on_validation_end on_validation_epoch_start on_validation_epoch_end "
    "on_validation_batch_start on_validation_batch_end on_test_start on_test_end on_test_epoch_start on_test_epoch_end "
    "on_before_zero_grad on_before_backward on_after_backward on_before_optimizer_step on_save_checkpoint "
    "on_load_checkpoint setup teardown prepare_data configure_model configure_callbacks configure_optimizers"
)
_LOGGING = "log log_dict print log_grad_norm to_torchscript to_onnx toggle_optimizer untoggle_optimizer all_gather"


def _lightning_module() -> Class:
    methods: dict[str, Value] = {
        **dict.fromkeys([*_HOOKS.split(), *_LOGGING.split()], _nothing),
        "forward": _forward,
        "save_hyperparameters": _save_hyperparameters,
        "manual_backward": _manual_backward,
        "backward": _manual_backward,
        "optimizers": _optimizers,
        "lr_schedulers": _schedulers,
        "clip_gradients": _clip_gradients,
        "freeze": _set_trainable(False),
        "unfreeze": _set_trainable(True),
        "transfer_batch_to_device": _itself,
    }
    cls = framework_class(MODULE, ("torch.nn.Module",), methods)
    cls.namespace.update(
        {
            "hparams": Property(Native("hparams", _hparams), Native("hparams", _set_hparams)),
            "hparams_initial": Property(Native("hparams_initial", _hparams)),
            "device": Property(Native("device", _device)),
            "load_from_checkpoint": ClassMethod(Native("load_from_checkpoint", _load_from_checkpoint)),
            "automatic_optimization": True,
            "current_epoch": _unknown("the number of the epoch"),
            "global_step": _unknown("the number of the step"),
            "global_rank": 0,
            "local_rank": 0,
            "on_gpu": False,
            "logger": _unknown("a logger"),
        }
    )
    return cls


def is_overridden(module: Instance, name: str) -> bool:
    """Whether the program defines the method `name` of this module itself."""
    return isinstance(module.cls.find(name), Function)


def _data_module() -> Class:
    hooks = (
        "prepare_data",
        "setup",
        "teardown",
        "train_dataloader",
        "val_dataloader",
        "test_dataloader",
        "predict_dataloader",
    )
    cls = framework_class(
        "lightning.pytorch.LightningDataModule",
        (),
        {"__init__": _nothing, "save_hyperparameters": _save_hyperparameters, **dict.fromkeys(hooks, _nothing)},
    )
    cls.namespace["hparams"] = Property(Native("hparams", _hparams), Native("hparams", _set_hparams))
    return cls


_PASSIVE = framework_class("lightning.pytorch.Callback", (), {"__init__": _nothing})


def _first_of_line(ctx: Context, *args: Value, **kwargs: Value) -> Value:
    """A decorator that runs the function on one process only, or a plain switch."""
    if len(args) == 1 and isinstance(args[0], (Function, Native)):
        return args[0]
    return args[0] if args and not isinstance(args[0], Unknown) else None


_cache: dict[str, Value] = {}


def _names() -> dict[str, Value]:
    if not _cache:
        from gradlint.frameworks.lightning_trainer import FABRIC, TRAINER

        _cache.update(
            {
                "LightningModule": _lightning_module(),
                "LightningDataModule": _data_module(),
                "Trainer": TRAINER,
                "Fabric": FABRIC,
                "Callback": _PASSIVE,
                "seed_everything": Native("lightning.pytorch.seed_everything", _first_of_line),
                "rank_zero_only": Native("lightning.pytorch.utilities.rank_zero_only", _first_of_line),
                "AttributeDict": _HYPERPARAMETERS,
            }
        )
    return _cache
