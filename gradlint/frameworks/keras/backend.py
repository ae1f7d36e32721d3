"""`keras.backend`, `keras.config` and `keras.utils`: settings, name scopes, decorators and small helpers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Instance, Native, Symbol, Tensor, Unknown, Value
from gradlint.frameworks.keras.arguments import integer
from gradlint.frameworks.keras.sizes import BATCH
from gradlint.frameworks.keras.state import keras_state
from gradlint.frameworks.registry import framework_class, native
from gradlint.network import Kind


def _image_data_format(ctx: Context) -> str:
    return keras_state(ctx).data_format


def _set_image_data_format(ctx: Context, data_format: Value = None) -> None:
    if isinstance(data_format, str):
        keras_state(ctx).data_format = data_format


def _standardize_data_format(ctx: Context, data_format: Value = None) -> Value:
    return keras_state(ctx).data_format if data_format is None else data_format


def _floatx(ctx: Context) -> str:
    return keras_state(ctx).float_type


def _set_floatx(ctx: Context, value: Value = None) -> None:
    if isinstance(value, str):
        keras_state(ctx).float_type = value


def _is_keras_tensor(ctx: Context, x: Value = None) -> bool:
    return isinstance(x, Tensor)


def _get_uid(ctx: Context, prefix: Value = "") -> Value:
    name = prefix if isinstance(prefix, str) else ""
    state = keras_state(ctx)
    count = state.names.get(f"uid:{name}", 0) + 1
    state.names[f"uid:{name}"] = count
    return count


def _clear_session(ctx: Context, *args: Value, **kwargs: Value) -> None:
    keras_state(ctx).names.clear()


def _nothing(ctx: Context, *args: Value, **kwargs: Value) -> None:
    """Accepted and of no consequence for gradients."""


def _decorator(ctx: Context, *args: Value, **kwargs: Value) -> Value:
    """A decorator with arguments that leaves what it decorates as it is."""
    return native("keras.decorator", lambda ctx, decorated=None, *more, **options: decorated)


def _passing_decorator(ctx: Context, *args: Value, **kwargs: Value) -> Value:
    """A decorator with or without arguments that leaves what it decorates as it is."""
    if args and not isinstance(args[0], (str, list, tuple, bool, int)) and args[0] is not None:
        return args[0]
    return _decorator(ctx)


def _to_categorical(ctx: Context, x: Value = None, num_classes: Value = None, *args: Value, **kwargs: Value) -> Value:
    classes = integer(num_classes)
    if isinstance(x, Tensor) and x.shape is not None and classes is not None:
        shape = x.shape[:-1] if len(x.shape) > 1 and x.shape[-1] == 1 else x.shape
        return ctx.emit(Kind.STOP, [x], (*shape, classes), attributes={"operation": "one_hot"}, dtype="float32")
    return ctx.unknown("one-hot labels of data that are not known")


def _get_source_inputs(ctx: Context, tensor: Value = None) -> Value:
    """The INPUT nodes that a tensor was computed from, as tensors."""
    if not isinstance(tensor, Tensor):
        return ctx.unknown("the inputs of something that is no tensor")
    owners, found, seen, stack = keras_state(ctx).owners, [], set[int](), [tensor.node]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.kind is Kind.INPUT:
            owner = owners.get(id(node))
            made = owner[1].hidden.get("tensor") if owner is not None else None
            found.append(made if isinstance(made, Tensor) else Tensor(node))
        stack.extend(node.inputs)
    return found


def _pack(ctx: Context, x: Value = None, y: Value = None, sample_weight: Value = None) -> Value:
    """Data, labels and weights as one tuple, as `fit` takes them."""
    if y is None:
        return x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def _unpack(ctx: Context, data: Value = None) -> Value:
    """Data, labels and weights out of what `train_step` is given; None for what is missing."""
    if isinstance(data, Unknown):
        return (data, data, None)
    parts = list(data) if isinstance(data, (list, tuple)) else [data]
    return tuple((*parts, None, None)[:3])


def _pad_sequences(ctx: Context, sequences: Value = None, maxlen: Value = None, *args: Value, **kwargs: Value) -> Value:
    """Word indices as one array of known length."""
    length = integer(maxlen)
    if length is None:
        return ctx.unknown("sequences padded to the longest one")
    return ctx.emit(Kind.INPUT, (), (BATCH, length), attributes={"dtype": "int"}, dtype="int32")


def _int_shape(ctx: Context, x: Value = None) -> Value:
    return x.shape if isinstance(x, Tensor) and x.shape is not None else ctx.unknown("the shape of a tensor")


def _learning_phase(ctx: Context) -> bool:
    return ctx.training


def _enter(ctx: Context, self: Instance) -> Value:
    return self


def _leave(ctx: Context, self: Instance, *args: Value) -> bool:
    return False


def _ignore(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """Scopes have no state that matters here."""


@functools.cache
def scope_class(name: str) -> Value:
    """A context manager without effect on the graph (`name_scope`, `device`, strategies)."""
    return framework_class(name, (), {"__init__": _ignore, "__enter__": _enter, "__exit__": _leave})


@functools.cache
def plain_class(name: str) -> Value:
    """A class whose objects only hold what they were given (callbacks, regularizers, constraints, metrics)."""
    quiet = dict.fromkeys(
        ("update_state", "reset_state", "reset_states", "add_weight", "set_model", "on_epoch_end"), _ignore
    )
    methods = {"__init__": _keep, "__call__": _measure, "result": _measure, "get_config": _config, **quiet}
    return framework_class(name, (), methods)


def _keep(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    self.attrs.update(kwargs)


def _measure(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """A measured number, which nothing is trained on."""
    return Symbol("keras.logs")


def _config(ctx: Context, self: Instance) -> Value:
    return dict(self.attrs)


def identity_of(name: str) -> Native:
    """A function that returns its first argument."""
    return native(name, lambda ctx, value=None, *args, **kwargs: value)


_SETTINGS: Mapping[str, Callable[..., Value]] = {
    "image_data_format": _image_data_format,
    "set_image_data_format": _set_image_data_format,
    "standardize_data_format": _standardize_data_format,
    "floatx": _floatx,
    "set_floatx": _set_floatx,
    "epsilon": lambda ctx: 1e-7,
    "set_epsilon": _nothing,
    "backend": lambda ctx: "tensorflow",
    "set_backend": _nothing,
    "set_session": _nothing,
    "get_uid": _get_uid,
    "is_keras_tensor": _is_keras_tensor,
    "is_tensor": _is_keras_tensor,
    "clear_session": _clear_session,
    "manual_variable_initialization": _nothing,
    "learning_phase": _learning_phase,
    "set_learning_phase": _nothing,
    "int_shape": _int_shape,
    "standardize_dtype": lambda ctx, dtype=None: dtype,
    "dtype_policy": lambda ctx: Symbol("keras.float32"),
    "set_dtype_policy": _nothing,
    "set_global_policy": _nothing,
    "disable_interactive_logging": _nothing,
    "enable_interactive_logging": _nothing,
    "disable_traceback_filtering": _nothing,
    "enable_traceback_filtering": _nothing,
    "enable_unsafe_deserialization": _nothing,
    "enable_flash_attention": _nothing,
    "disable_flash_attention": _nothing,
    "set_random_seed": _nothing,
    "to_categorical": _to_categorical,
    "pad_sequences": _pad_sequences,
    "pack_x_y_sample_weight": _pack,
    "unpack_x_y_sample_weight": _unpack,
    "get_source_inputs": _get_source_inputs,
    "register_keras_serializable": _decorator,
    "keras_export": _decorator,
    "plot_model": _nothing,
    "model_to_dot": _nothing,
}

_SCOPES = frozenset({"name_scope", "custom_object_scope", "CustomObjectScope"})


@functools.cache
def find_setting(name: str) -> Value:
    """A function or class of `keras.backend`, `keras.config` or `keras.utils`, or `MISSING`."""
    function = _SETTINGS.get(name)
    if function is not None:
        return native(f"keras.backend.{name}", function)
    return scope_class(f"keras.{name}") if name in _SCOPES else MISSING


def find_backend(name: str) -> Value:
    """`keras.backend.{name}`: a setting, or one of the tensor functions that Keras 2 had there."""
    found = find_setting(name)
    if found is MISSING:
        from gradlint.frameworks.keras.ops import find_tensorflow_operation

        found = find_tensorflow_operation(_OLD_NAMES.get(name, name))
    return found


_OLD_NAMES = {
    "permute_dimensions": "transpose",
    "concatenate": "backend_concatenate",
    "pow": "power",
    "constant": "convert_to_tensor",
    "variable": "convert_to_tensor",
    "dot": "matmul",
    "batch_dot": "matmul",
}


def _find_plain(namespace: str) -> Callable[[str], Value]:
    """A finder for a namespace whose classes only hold settings."""

    def find(name: str) -> Value:
        if name == "get":
            return identity_of(f"keras.{namespace}.get")
        if name in ("serialize", "deserialize"):
            return MISSING
        return plain_class(f"keras.{namespace}.{name}")

    return find


find_regularizer = _find_plain("regularizers")
find_constraint = _find_plain("constraints")
find_callback = _find_plain("callbacks")
_find_metric_class = _find_plain("metrics")


def find_metric(name: str) -> Value:
    """`keras.metrics.{name}`: a class, or the function of the loss of that name."""
    from gradlint.frameworks.keras.losses import loss_function

    return loss_function(name) or _find_metric_class(name)


def decorator(name: str) -> Native:
    """A decorator that leaves what it decorates as it is, with or without arguments."""
    return native(name, _passing_decorator)
