"""What compiles, traces, scripts or checkpoints a module: for reading a network all of it changes nothing."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import BoundMethod, Class, Function, Instance, Native, Value
from gradlint.frameworks.torch.module import MODULE

NAMES: dict[str, Value] = {}


def _same(ctx: Context, value: Value = None, *args: Value, **kwargs: Value) -> Value:
    """`f(value)` is `value`; called without one, as a decorator with arguments, it gives a decorator."""
    if isinstance(value, (Function, Native, BoundMethod, Class, Instance)):
        return value
    if value is None or isinstance(value, (bool, str)):
        return Native("torch.jit.decorator", _same)
    return value


def _constant(result: Value) -> Callable[..., Value]:
    return lambda ctx, *args, **kwargs: result


def _call(ctx: Context, function: Value, /, *args: Value, **kwargs: Value) -> Value:
    return ctx.call(function, *args, **kwargs)


_CHECKPOINT_OPTIONS = ("use_reentrant", "context_fn", "determinism_check", "debug", "preserve_rng_state", "early_stop")


def _checkpoint(ctx: Context, function: Value, /, *args: Value, **kwargs: Value) -> Value:
    rest = {key: value for key, value in kwargs.items() if key not in _CHECKPOINT_OPTIONS}
    return ctx.call(function, *args, **rest)


def _checkpoint_sequential(
    ctx: Context,
    functions: Value,
    segments: Value,
    input: Value,  # noqa: A002
    **kwargs: Value,
) -> Value:
    result = input
    for layer in ctx.iterate(functions):
        result = ctx.call(layer, result)
    return result


def _annotate(ctx: Context, the_type: Value, the_value: Value) -> Value:
    return the_value


_SAME = (
    "jit.script",
    "jit.trace",
    "jit.trace_module",
    "jit.ignore",
    "jit.unused",
    "jit.export",
    "jit.script_if_tracing",
    "jit.script_method",
    "jit.interface",
    "jit.freeze",
    "jit.optimize_for_inference",
    "jit.wait",
    "jit.Attribute",
    "jit._overload",
    "jit._overload_method",
    "_jit_internal._overload",
    "_jit_internal._overload_method",
    "_jit_internal._copy_to_script_wrapper",
    "_jit_internal.ignore",
    "_jit_internal.unused",
    "_jit_internal.export",
    "compile",
    "compiler.disable",
    "compiler.allow_in_graph",
    "compiler.assume_constant_result",
    "_dynamo.disable",
    "_dynamo.allow_in_graph",
    "_dynamo.optimize",
    "fx.wrap",
    "fx.symbolic_trace",
)
_FALSE = (
    "jit.is_scripting",
    "jit.is_tracing",
    "compiler.is_compiling",
    "compiler.is_dynamo_compiling",
    "compiler.is_exporting",
    "_dynamo.is_compiling",
    "fx._symbolic_trace.is_fx_tracing",
    "overrides.has_torch_function",
    "overrides.has_torch_function_unary",
    "overrides.has_torch_function_variadic",
    "_C._get_tracing_state",
)
_NOTHING = (
    "_C._log_api_usage_once",
    "jit.save",
    "jit.enable_onednn_fusion",
    "jit.set_fusion_strategy",
    "compiler.reset",
    "compiler.cudagraph_mark_step_begin",
    "_dynamo.mark_dynamic",
    "_dynamo.reset",
    "_dynamo.graph_break",
)

_FUNCTIONS: dict[str, Callable[..., Value]] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_FALSE, _constant(False)),
    **dict.fromkeys(_NOTHING, _constant(None)),
    "jit.fork": _call,
    "jit.annotate": _annotate,
    "utils.checkpoint.checkpoint": _checkpoint,
    "utils.checkpoint.checkpoint_sequential": _checkpoint_sequential,
}
NAMES.update({name: Native(f"torch.{name}", function) for name, function in _FUNCTIONS.items()})
NAMES["jit.ScriptModule"] = NAMES["fx.GraphModule"] = MODULE
