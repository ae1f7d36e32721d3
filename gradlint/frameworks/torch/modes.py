"""Modes of torch that hold for a block (no_grad, inference_mode, autocast), and switches without effect on a graph."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import AUTOCAST, GRADIENTS_OFF, Context
from gradlint.evaluation.values import BoundMethod, Class, Function, Instance, Native, Unknown, Value
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import dtype_name

NAMES: dict[str, Value] = {}


def _is_function(value: Value) -> bool:
    return isinstance(value, (Function, Native, BoundMethod))


def _decorated(manager: Instance, function: Value) -> Value:
    """`function` run inside the block that `manager` is."""
    if isinstance(function, Class):
        return function

    def run(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        ctx.call(manager.cls.find("__enter__"), manager)
        try:
            return ctx.call(function, *args, **kwargs)
        finally:
            ctx.call(manager.cls.find("__exit__"), manager, None, None, None)

    name = function.name if isinstance(function, (Function, Native)) else "function"
    return Native(name, run)


def _call(ctx: Context, self: Instance, function: Value) -> Value:
    return _decorated(self, function)


# Whether gradients are recorded.


def _switch(ctx: Context, manager: Instance) -> None:
    """Switch the recording of gradients, and remember what switched it off."""
    manager.hidden.setdefault("before", []).append((ctx.gradients, ctx.tables.get(GRADIENTS_OFF)))
    ctx.gradients = manager.hidden["mode"]
    ctx.tables[GRADIENTS_OFF] = None if ctx.gradients else manager.origin


def _enter_gradients(ctx: Context, self: Instance) -> Value:
    if not self.hidden.pop("at_once", False):
        _switch(ctx, self)
    return self


def _exit_gradients(ctx: Context, self: Instance, *args: Value) -> bool:
    before = self.hidden.get("before")
    if before:
        ctx.gradients, ctx.tables[GRADIENTS_OFF] = before.pop()
    return False


_GRADIENT_MODE = framework_class(
    "torch.autograd.grad_mode._GradientMode",
    (),
    {"__enter__": _enter_gradients, "__exit__": _exit_gradients, "__call__": _call, "clone": lambda ctx, self: self},
)


def _gradient_mode(fixed: bool | None) -> Callable[..., Value]:
    """`no_grad` and its kin; with no fixed mode the argument says which."""

    def make(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        given = args[0] if args else kwargs.get("mode", True)
        mode = fixed if fixed is not None else ctx.truth(given) is not False
        manager = Instance(_GRADIENT_MODE, origin=ctx.origin(), hidden={"mode": mode})
        return _decorated(manager, given) if args and _is_function(given) else manager

    return make


def _inference_mode(ctx: Context, mode: Value = True) -> Value:
    on = _is_function(mode) or ctx.truth(mode) is not False
    manager = Instance(_GRADIENT_MODE, origin=ctx.origin(), hidden={"mode": not on})
    return _decorated(manager, mode) if _is_function(mode) else manager


def _set_grad_enabled(ctx: Context, mode: Value) -> Value:
    """Takes effect at once; as a block, the mode before returns at its end."""
    manager = Instance(_GRADIENT_MODE, origin=ctx.origin(), hidden={"mode": ctx.truth(mode) is not False})
    _switch(ctx, manager)
    manager.hidden["at_once"] = True
    return manager


for _name, _function in (
    ("no_grad", _gradient_mode(False)),
    ("enable_grad", _gradient_mode(True)),
    ("inference_mode", _inference_mode),
    ("set_grad_enabled", _set_grad_enabled),
):
    for _home in ("", "autograd.", "autograd.grad_mode."):
        NAMES[_home + _name] = Native(f"torch.{_name}", _function)
NAMES["is_grad_enabled"] = Native("torch.is_grad_enabled", lambda ctx: ctx.gradients)
NAMES["is_inference_mode_enabled"] = Native("torch.is_inference_mode_enabled", lambda ctx: not ctx.gradients)


# Automatic mixed precision.


def _autocast_init(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    device = kwargs.get("device_type", args[0] if args and isinstance(args[0], (str, Unknown)) else "cuda")
    given = kwargs.get("dtype", next((arg for arg in args if dtype_name(arg) is not None and arg is not device), None))
    enabled = ctx.truth(kwargs.get("enabled", args[0] if args and isinstance(args[0], bool) else True))
    usual = None if not isinstance(device, str) else "bfloat16" if device.startswith("cpu") else "float16"
    dtype = usual if given is None else dtype_name(given)
    self.hidden["dtype"] = dtype if enabled is not False else None


def _enter_autocast(ctx: Context, self: Instance) -> Value:
    self.hidden["outer"] = ctx.tables.get(AUTOCAST)
    ctx.tables[AUTOCAST] = self.hidden.get("dtype")
    return self


def _exit_autocast(ctx: Context, self: Instance, *args: Value) -> bool:
    ctx.tables[AUTOCAST] = self.hidden.get("outer")
    return False


_AUTOCAST = framework_class(
    "torch.autocast",
    (),
    {"__init__": _autocast_init, "__enter__": _enter_autocast, "__exit__": _exit_autocast, "__call__": _call},
)
for _name in ("autocast", "amp.autocast", "cuda.amp.autocast", "cpu.amp.autocast", "amp.autocast_mode.autocast"):
    NAMES[_name] = _AUTOCAST


def _unchanged(ctx: Context, *args: Value, **kwargs: Value) -> Value:
    """A decorator, bare or with arguments, that leaves the function as it is."""
    if len(args) == 1 and not kwargs and isinstance(args[0], (Function, Native, BoundMethod, Class)):
        return args[0]
    return Native("decorator", lambda ctx, function: function)


for _name in ("custom_fwd", "custom_bwd"):
    for _home in ("amp.", "cuda.amp."):
        NAMES[_home + _name] = Native(f"torch.amp.{_name}", _unchanged)


# Blocks without an effect on the graph, and switches.

_BLOCK = framework_class(
    "torch.autograd.profiler._Block",
    (),
    {
        "__init__": lambda ctx, self, *args, **kwargs: None,
        "__enter__": lambda ctx, self: self,
        "__exit__": lambda ctx, self, *args: False,
        "__call__": _call,
        "step": lambda ctx, self: None,
    },
)
for _name in (
    "autograd.detect_anomaly",
    "autograd.set_detect_anomaly",
    "autograd.profiler.profile",
    "autograd.profiler.record_function",
    "autograd.graph.saved_tensors_hooks",
    "autograd.graph.save_on_cpu",
    "profiler.profile",
    "profiler.record_function",
    "nn.attention.sdpa_kernel",
    "backends.cuda.sdp_kernel",
    "backends.cudnn.flags",
    "random.fork_rng",
    "cuda.device",
    "cuda.stream",
):
    NAMES[_name] = _BLOCK


def _nothing(ctx: Context, *args: Value, **kwargs: Value) -> Value:
    return None


def _answer(value: Value) -> Callable[..., Value]:
    return lambda ctx, *args, **kwargs: value


_SILENT = [
    "manual_seed",
    "seed",
    "set_default_dtype",
    "set_default_device",
    "set_default_tensor_type",
    "set_num_threads",
    "set_num_interop_threads",
    "set_printoptions",
    "set_float32_matmul_precision",
    "use_deterministic_algorithms",
    "set_flush_denormal",
    "set_rng_state",
    "save",
    "_assert",
    "_check",
    "cuda.manual_seed",
    "cuda.manual_seed_all",
    "cuda.empty_cache",
    "cuda.synchronize",
    "cuda.set_device",
    "cuda.reset_peak_memory_stats",
    "mps.empty_cache",
    "mps.manual_seed",
    "random.manual_seed",
    "distributed.init_process_group",
    "distributed.destroy_process_group",
    "distributed.barrier",
    "multiprocessing.set_start_method",
    "multiprocessing.set_sharing_strategy",
    "autograd.set_grad_enabled_",
    "backends.cuda.enable_flash_sdp",
    "backends.cuda.enable_mem_efficient_sdp",
    "backends.cuda.enable_math_sdp",
]
for _name in _SILENT:
    NAMES[_name] = Native(f"torch.{_name}", _nothing)

_ANSWERS: dict[str, Value] = {
    "cuda.is_available": False,
    "cuda.device_count": 0,
    "cuda.is_bf16_supported": False,
    "backends.mps.is_available": False,
    "backends.mps.is_built": False,
    "backends.cuda.is_built": False,
    "xpu.is_available": False,
    "mps.is_available": False,
    "distributed.is_available": False,
    "distributed.is_initialized": False,
    "distributed.get_rank": 0,
    "distributed.get_world_size": 1,
    "onnx.is_in_onnx_export": False,
    "is_autocast_enabled": False,
    "is_complex": False,
    "get_num_threads": 1,
    "are_deterministic_algorithms_enabled": False,
}
for _name, _value in _ANSWERS.items():
    NAMES[_name] = Native(f"torch.{_name}", _answer(_value))
