"""Hugging Face accelerate: an `Accelerator` through which backward passes and clipping go."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Instance, Tensor, Value
from gradlint.frameworks.nodes import constant, number
from gradlint.frameworks.registry import framework_class
from gradlint.network import EventKind


def _init(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    precision = kwargs.get("mixed_precision", "no")
    self.hidden["scaled"] = precision == "fp16"
    self.attrs.update(mixed_precision=precision, state=ctx.unknown("the state of an accelerator"))
    self.attrs["gradient_accumulation_steps"] = kwargs.get("gradient_accumulation_steps", 1)


def _prepare(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return args[0] if len(args) == 1 else tuple(args)


def _backward(ctx: Context, self: Instance, loss: Value, **kwargs: Value) -> None:
    node = (loss if isinstance(loss, Tensor) else ctx.as_tensor(loss)).node
    retain = ctx.truth(kwargs.get("retain_graph", False)) is True
    ctx.event(EventKind.BACKWARD, node=node, scaled=self.hidden.get("scaled", False), retain_graph=retain)


def _clip(method: str) -> Callable[..., Value]:
    """Clipping unscales first, where the accelerator scales."""

    def apply(
        ctx: Context, self: Instance, parameters: Value, limit: Value = None, *args: Value, **kwargs: Value
    ) -> Value:
        given = next((kwargs[key] for key in ("max_norm", "clip_value") if key in kwargs), limit)
        if self.hidden.get("scaled"):
            ctx.event(EventKind.UNSCALE)
        ctx.event(EventKind.CLIP, method=method, limit=number(given))
        return constant(ctx, ())

    return apply


def _unscale(ctx: Context, self: Instance, *args: Value) -> None:
    if self.hidden.get("scaled"):
        ctx.event(EventKind.UNSCALE)


def _same(ctx: Context, self: Instance, value: Value = None, *args: Value, **kwargs: Value) -> Value:
    return value


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return None


_BLOCK = framework_class(
    "accelerate._Block", (), {"__enter__": lambda ctx, self: self, "__exit__": lambda ctx, self, *args: False}
)


def _block(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return Instance(_BLOCK, origin=ctx.origin())


ACCELERATOR = framework_class(
    "accelerate.Accelerator",
    (),
    {
        "__init__": _init,
        "prepare": _prepare,
        "prepare_model": _prepare,
        "prepare_optimizer": _prepare,
        "prepare_data_loader": _prepare,
        "prepare_scheduler": _prepare,
        "backward": _backward,
        "clip_grad_norm_": _clip("norm"),
        "clip_grad_value_": _clip("value"),
        "unscale_gradients": _unscale,
        **dict.fromkeys(("unwrap_model", "gather", "gather_for_metrics", "reduce", "pad_across_processes"), _same),
        **dict.fromkeys(("accumulate", "autocast", "no_sync", "main_process_first", "profile"), _block),
        **dict.fromkeys(
            ("print", "log", "save", "save_state", "load_state", "save_model", "wait_for_everyone", "free_memory",
             "init_trackers", "end_training", "register_for_checkpointing", "set_trigger", "clear"),
            _nothing,
        ),
    },
)  # fmt: skip
ACCELERATOR.namespace.update(
    {
        "is_main_process": True,
        "is_local_main_process": True,
        "is_last_process": True,
        "num_processes": 1,
        "process_index": 0,
        "sync_gradients": True,
        "optimizer_step_was_skipped": False,
    }
)
_NAMES: dict[str, Value] = {"Accelerator": ACCELERATOR}


def lookup(name: str) -> Value:
    """The value that `accelerate.<...>` stands for, or MISSING."""
    return _NAMES.get(name.rpartition(".")[2], MISSING)
