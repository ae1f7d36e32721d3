"""Wrappers of torch that compute what they wrap: DataParallel and its kin, autograd functions."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Class, Instance, Native, Value, tensors_in
from gradlint.frameworks.registry import framework_class

NAMES: dict[str, Value] = {}


# Parallel training: one more level in the names of parameters.


def _wrap(ctx: Context, self: Instance, module: Value, *args: Value, **kwargs: Value) -> None:
    ctx.setattr(self, "module", module)


def _forward(ctx: Context, self: Instance, /, *args: Value, **kwargs: Value) -> Value:
    return ctx.call(self.attrs["module"], *args, **kwargs)


def _missing_attribute(ctx: Context, self: Instance, name: Value) -> Value:
    module = self.attrs.get("module", MISSING)
    if module is MISSING or not isinstance(name, str):
        ctx.fail("AttributeError", f"wrapper has no attribute {name!r}")
    return ctx.getattr(module, name)


def _no_sync(ctx: Context, self: Instance) -> Value:
    return Instance(_NO_SYNC, origin=ctx.origin())


_NO_SYNC = framework_class(
    "torch.nn.parallel._NoSync",
    (),
    {"__enter__": lambda ctx, self: self, "__exit__": lambda ctx, self, *args: False},
)


def _wrapper(name: str, transparent: bool) -> Class:
    methods: dict[str, Value] = {"__init__": _wrap, "forward": _forward, "no_sync": _no_sync}
    if transparent:
        methods["__getattr__"] = _missing_attribute
    return framework_class(f"torch.{name}", ("torch.nn.Module",), methods)


_PARALLEL = _wrapper("nn.DataParallel", False)
_DISTRIBUTED = _wrapper("nn.parallel.DistributedDataParallel", False)
_SHARDED = _wrapper("distributed.fsdp.FullyShardedDataParallel", True)
NAMES.update(
    {
        "nn.DataParallel": _PARALLEL,
        "nn.parallel.DataParallel": _PARALLEL,
        "nn.parallel.data_parallel.DataParallel": _PARALLEL,
        "nn.parallel.DistributedDataParallel": _DISTRIBUTED,
        "nn.parallel.distributed.DistributedDataParallel": _DISTRIBUTED,
        "distributed.fsdp.FullyShardedDataParallel": _SHARDED,
        "distributed.fsdp.fully_sharded_data_parallel.FullyShardedDataParallel": _SHARDED,
    }
)


# Functions with a backward of their own. Their forward is evaluated; the gradient is what the user wrote, so the
# result is opaque, with the shape that the forward gives.

_CONTEXT = framework_class(
    "torch.autograd.function.FunctionCtx",
    (),
    {
        "save_for_backward": lambda ctx, self, *tensors: self.attrs.__setitem__("saved_tensors", tensors),
        "mark_dirty": lambda ctx, self, *tensors: None,
        "mark_non_differentiable": lambda ctx, self, *tensors: None,
        "set_materialize_grads": lambda ctx, self, value: None,
    },
)


def _apply(ctx: Context, cls: Value, *args: Value, **kwargs: Value) -> Value:
    forward = ctx.getattr(cls, "forward")
    has_setup = isinstance(cls, Class) and any("setup_context" in c.namespace for c in cls.mro if isinstance(c, Class))
    given = args if has_setup else (Instance(_CONTEXT, origin=ctx.origin()), *args)
    result = ctx.call(forward, *given, **kwargs)
    inputs = tensors_in(*args)
    name = cls.name.rpartition(".")[2] if isinstance(cls, Class) else "Function"

    def opaque(value: Value) -> Value:
        found = tensors_in(value)
        if isinstance(value, (tuple, list)):
            return tuple(opaque(item) for item in value)
        return ctx.opaque(f"{name} has a backward of its own", inputs, found[0].shape) if found else value

    return opaque(result)


def _function() -> Class:
    from gradlint.evaluation.values import ClassMethod

    cls = framework_class("torch.autograd.Function", (), {})
    cls.namespace["apply"] = ClassMethod(Native("torch.autograd.Function.apply", _apply))
    return cls


FUNCTION = _function()
NAMES["autograd.Function"] = FUNCTION
NAMES["autograd.function.Function"] = FUNCTION
