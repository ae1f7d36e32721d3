"""`keras.Input` and `InputLayer`: the inputs of functional and sequential models."""

from __future__ import annotations

from collections.abc import Sequence

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Assumed, Instance, Symbol, Tensor, Unknown, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.keras.arguments import is_int, signature
from gradlint.frameworks.keras.layer import LayerSpec, start
from gradlint.frameworks.keras.sizes import BATCH, complete_shape
from gradlint.frameworks.keras.state import keras_state
from gradlint.frameworks.modules import named_modules
from gradlint.frameworks.registry import resolve
from gradlint.network import Kind, Shape

ASSUMED_WIDTH = Assumed(64)
"""Assumed number of features where the source takes it from data that is not known."""

_DTYPES = ("float", "int", "uint", "bool", "string", "bfloat", "complex")


def dtype_name(dtype: Value, default: str = "float32") -> str:
    """The name of a dtype given as a string or as `tf.int32` and the like."""
    if isinstance(dtype, Symbol):
        dtype = dtype.name.rpartition(".")[2]
    return dtype if isinstance(dtype, str) and dtype.startswith(_DTYPES) else default


def input_tensor(
    ctx: Context, shape: Sequence[Value] | None, batch: Value = None, dtype: Value = None, layer: Instance | None = None
) -> Tensor:
    """A new INPUT node; `shape` is without the batch, and its open sizes are assumed."""
    sizes: Shape | None = None
    assumed: tuple[int, ...] = ()
    if shape is not None:
        assumed = tuple(axis for axis, size in enumerate(shape, 1) if size is None or isinstance(size, Unknown))
        width = len(shape) - 1
        known = [
            ASSUMED_WIDTH
            if isinstance(size, Unknown) and axis == width
            else None
            if isinstance(size, Unknown)
            else size
            for axis, size in enumerate(shape)
        ]
        complete = complete_shape(known, keras_state(ctx).data_format == "channels_first")
        sizes = None if complete is None else (batch if is_int(batch) else BATCH, *complete)
    name = dtype_name(dtype)
    kind = "float" if shapes.is_floating(name) else "int"
    return ctx.emit(
        Kind.INPUT,
        (),
        sizes,
        attributes={"dtype": kind, "assumed": assumed},
        class_name="keras.layers.InputLayer",
        layer=layer,
        dtype=name,
    )


def keras_input(
    ctx: Context,
    shape: Value = None,
    batch_size: Value = None,
    dtype: Value = None,
    sparse: Value = None,
    ragged: Value = None,
    batch_shape: Value = None,
    name: Value = None,
    tensor: Value = None,
    optional: Value = False,
    **kwargs: Value,
) -> Value:
    """`keras.Input(...)` of Keras 2 and 3."""
    if isinstance(tensor, Tensor):
        return tensor
    if isinstance(dtype, str) and not dtype.startswith(_DTYPES):
        dtype, name = sparse if isinstance(sparse, str) else None, dtype
    batch_shape = batch_shape if batch_shape is not None else kwargs.get("batch_input_shape")
    options = {"name": name, "batch_shape": batch_shape, "shape": shape, "batch_size": batch_size, "dtype": dtype}
    layer = ctx.instantiate(resolve("keras.layers.InputLayer"), **options)
    tensor = layer.hidden.get("tensor") if isinstance(layer, Instance) else None
    return tensor if tensor is not None else ctx.unknown("an input that is not understood")


def _setup(ctx: Context, self: Instance) -> None:
    attrs = self.attrs
    shape, batch = attrs.get("shape"), attrs.get("batch_size")
    batch_shape = attrs.get("batch_shape")
    if isinstance(batch_shape, (list, tuple)) and batch_shape:
        shape, batch = batch_shape[1:], batch_shape[0]
    elif shape is None:
        shape = self.hidden.get("input_shape")
    shape = (shape,) if is_int(shape) else shape
    tensor = attrs.pop("input_tensor", None)
    if not isinstance(tensor, Tensor):
        known = shape if isinstance(shape, (list, tuple)) else None
        tensor = input_tensor(ctx, known, batch, attrs.get("dtype"), self)
    attrs["batch_shape"] = tensor.shape
    self.hidden.update(tensor=tensor, built=True, input=tensor, output=tensor)
    state = keras_state(ctx)
    state.serial += 1
    state.owners[id(tensor.node)] = (tensor.node, self, state.serial)


def _initialize_dtype(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    bound, options = _SIGNATURE.bind(ctx, "InputLayer", args, kwargs)
    self.attrs.update(bound)
    start(ctx, self, {**options, "name": bound["name"], "dtype": bound["dtype"]})
    _setup(ctx, self)


_SIGNATURE = signature(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    input_tensor=None,
    optional=False,
    name=None,
)

LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec(
        "InputLayer",
        _SIGNATURE,
        lambda ctx, self, *args, **kwargs: args[0] if args else self.hidden.get("tensor"),
        methods={"__init__": _initialize_dtype},
    ),
)


_WIDTH = (ASSUMED_WIDTH,)
_SEQUENCE = (None, ASSUMED_WIDTH)
_IMAGE = (None, None, None)
_VOLUME = (None, None, None, None)

# The shape of the input, without the batch, that the first layer which tells implies; None entries are assumed sizes.
_ASSUMED_INPUTS: dict[str, tuple[tuple[Value, ...], str]] = {
    **dict.fromkeys(("Dense", "Flatten"), (_WIDTH, "float32")),
    "Embedding": ((None,), "int32"),
    **dict.fromkeys(
        (
            *("Conv1D", "SeparableConv1D", "DepthwiseConv1D", "Conv1DTranspose", "MaxPooling1D", "AveragePooling1D"),
            *("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "TimeDistributed", "ZeroPadding1D", "Masking"),
            *("SpatialDropout1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D"),
        ),
        (_SEQUENCE, "float32"),
    ),
    **dict.fromkeys(
        (
            *("Conv2D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose", "MaxPooling2D", "AveragePooling2D"),
            *("ZeroPadding2D", "Cropping2D", "UpSampling2D", "Rescaling", "Resizing", "CenterCrop", "RandomFlip"),
            *("RandomRotation", "RandomZoom", "RandomContrast", "RandomCrop", "RandomTranslation", "RandomBrightness"),
            *("RandomHeight", "RandomWidth", "SpatialDropout2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D"),
        ),
        (_IMAGE, "float32"),
    ),
    **dict.fromkeys(("Conv3D", "MaxPooling3D", "AveragePooling3D", "ZeroPadding3D"), (_VOLUME, "float32")),
}


def assumed_input(layers: Sequence[Value]) -> tuple[tuple[Value, ...] | None, str]:
    """The shape (without batch) and dtype that the first layers imply; the shape is None when they tell nothing."""
    for layer in layers:
        if not isinstance(layer, Instance):
            return None, "float32"
        if "layers" in layer.hidden:
            return assumed_input(layer.hidden["layers"])
        for cls in layer.cls.mro:
            name = getattr(cls, "name", "").rpartition(".")[2]
            if getattr(cls, "syntax", None) is None and name in _ASSUMED_INPUTS:
                return _ASSUMED_INPUTS[name]
        if layer.cls.syntax is not None:
            return None, "float32"
    return None, "float32"


def first_input(instance: Instance) -> tuple[Shape, str] | None:
    """The shape (with batch) and dtype of the input that the layers inside a model imply; None when none tells."""
    layers = [layer for _, layer in named_modules(instance)][1:]
    for layer in layers:
        shape, dtype = assumed_input([layer])
        complete = None if shape is None else complete_shape(shape)
        if complete is not None:
            return (BATCH, *complete), dtype
    return None


FUNCTIONS = {"Input": keras_input}
