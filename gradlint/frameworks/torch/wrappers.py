"""Wrappers of torch that compute what they wrap: DataParallel and its kin."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Class, Instance, Value
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
