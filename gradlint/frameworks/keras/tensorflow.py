"""TensorFlow's own functions that model code uses."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from gradlint.evaluation.values import MISSING, Value
from gradlint.frameworks.keras.backend import decorator, identity_of, scope_class
from gradlint.frameworks.keras.initializers import initializer_class
from gradlint.frameworks.keras.ops import find_operation, find_random, find_tensorflow_operation
from gradlint.frameworks.keras.ops.creation import variable
from gradlint.frameworks.keras.ops.operation import operation
from gradlint.frameworks.keras.tape import CLIPPING, tape_class
from gradlint.frameworks.registry import framework_class, native

# Namespaces of TensorFlow in which a name means the same as at the top.
_PLAIN = ("math.", "nn.", "linalg.", "image.", "raw_ops.", "experimental.numpy.", "compat.v1.", "compat.v2.", "manip.")

# Names there that are called otherwise in `keras.ops`.
_RENAMED = {
    "mul": "multiply",
    "sub": "subtract",
    "truediv": "divide",
    "div": "divide",
    "neg": "negative",
    "inv": "reciprocal",
    "norm": "norm",
    "math_mean": "mean",
    "batch_matmul": "matmul",
    "matrix_transpose": "swap_last",
    "logical_not": "logical_not",
    "unique": "unique",
    "is_tensor": "is_tensor",
}

_DECORATORS = frozenset({"function", "custom_gradient", "recompute_grad", "autograph.experimental.do_not_convert"})
_SCOPES = frozenset(
    {
        *("name_scope", "device", "control_dependencies", "init_scope", "variable_scope", "summary.record_if"),
        *("distribute.MirroredStrategy", "distribute.get_strategy", "distribute.OneDeviceStrategy"),
        *("distribute.TPUStrategy", "distribute.MultiWorkerMirroredStrategy", "profiler.experimental.Trace"),
    }
)
_IDENTITIES = frozenset(
    {"no_op", "print", "debugging.check_numerics", "debugging.assert_equal", "debugging.assert_rank"}
)


@functools.cache
def lookup_tensorflow(name: str) -> Value:
    """The value of a name of TensorFlow outside Keras, or `MISSING`."""
    if not name.startswith("tensorflow."):
        return MISSING
    short = name.removeprefix("tensorflow.").removeprefix("compat.v1.").removeprefix("compat.v2.")
    special = _SPECIAL.get(short)
    if special is not None:
        return special()
    if short in _DECORATORS:
        return decorator(name)
    if short in _SCOPES:
        return scope_class(name)
    if short in _IDENTITIES:
        return identity_of(name)
    if short in CLIPPING:
        return native(name, CLIPPING[short])
    if short.startswith("random."):
        return find_random(short.removeprefix("random.").removeprefix("stateless_"))
    plain = next((short.removeprefix(prefix) for prefix in _PLAIN if short.startswith(prefix)), short)
    if "." in plain:
        found = _nested(plain)
        return found if found is not None else MISSING
    found = initializer_class(plain) if plain.endswith("_initializer") or plain.startswith("initializers") else None
    return find_tensorflow_operation(_RENAMED.get(plain, plain)) if found is None else found


def _nested(name: str) -> Value | None:
    head, _, last = name.rpartition(".")
    if head == "initializers":
        return initializer_class(last)
    return None


_NO_DEVICES = native("tensorflow.config.list_physical_devices", lambda ctx, *args, **kwargs: [])

_SPECIAL: Mapping[str, Callable[[], Value]] = {
    "Variable": lambda: operation("tensorflow.Variable", variable),
    "GradientTape": tape_class,
    "Module": functools.cache(lambda: framework_class("tensorflow.Module", (), {"__init__": _module_init})),
    "newaxis": lambda: None,
    "config.list_physical_devices": lambda: _NO_DEVICES,
    "config.list_logical_devices": lambda: _NO_DEVICES,
    "config.experimental.list_physical_devices": lambda: _NO_DEVICES,
    "config.experimental.list_logical_devices": lambda: _NO_DEVICES,
    "nn.swish": lambda: find_operation("silu"),
    "math.l2_normalize": lambda: find_operation("l2_normalize"),
}


def _module_init(ctx: object, self: object, *args: Value, **kwargs: Value) -> None:
    """`tf.Module` keeps no state of its own."""
