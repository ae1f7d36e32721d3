"""Preprocessing: rescaling and normalization of data, and random augmentation, which leaves shapes as they are."""

from __future__ import annotations

from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Value
from gradlint.frameworks import nodes
from gradlint.frameworks.keras.arguments import integer, is_number, signature
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.core import identity_call
from gradlint.frameworks.keras.weights import weight
from gradlint.network import Kind


def _rescale(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    """`x * scale + offset`."""
    x = ctx.as_tensor(inputs)
    scale, offset = self.attrs.get("scale"), self.attrs.get("offset")
    if not is_number(scale):
        return identity_call(ctx, self, x)
    known = float(offset) if is_number(offset) else 0.0
    return ctx.emit(
        Kind.ADD,
        [x],
        x.shape,
        attributes={"coefficients": (float(scale),), "constant": known},
        class_name="keras.layers.Rescaling",
        layer=self,
        dtype="float32",
    )


def _normalization_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    """Mean, variance and a counter, none of them trained; given as numbers they are no weights."""
    self.hidden["built"] = True
    if self.attrs.get("mean") is not None:
        return
    axis = self.attrs.get("axis", -1)
    axes = [] if axis is None else [axis] if isinstance(axis, int) else axis
    shape = None
    if isinstance(input_shape, (list, tuple)) and isinstance(axes, (list, tuple)):
        known = [integer(a) for a in axes]
        shape = tuple(input_shape[a] for a in known if a is not None and -len(input_shape) <= a < len(input_shape))
    weight(ctx, self, "adapt_mean", shape, "zeros", trainable=False)
    weight(ctx, self, "adapt_variance", shape, "ones", trainable=False)
    weight(ctx, self, "count", (), "zeros", trainable=False, dtype="int32")


def _spectrum(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    return ctx.opaque("a spectrogram layer is not modelled", [inputs])


def _adapt(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """`adapt(data)`: statistics of data that are not known here."""


_AUGMENTATIONS: dict[str, tuple[str, ...]] = {
    "RandomFlip": ("mode",),
    "RandomRotation": ("factor",),
    "RandomZoom": ("height_factor", "width_factor"),
    "RandomTranslation": ("height_factor", "width_factor"),
    "RandomContrast": ("factor",),
    "RandomBrightness": ("factor",),
    "RandomHeight": ("factor",),
    "RandomWidth": ("factor",),
    "RandomColorDegeneration": ("factor",),
    "RandomColorJitter": ("value_range",),
    "RandomElasticTransform": ("factor",),
    "RandomErasing": ("factor",),
    "RandomGaussianBlur": ("factor",),
    "RandomGrayscale": ("factor",),
    "RandomHue": ("factor",),
    "RandomInvert": ("factor",),
    "RandomPerspective": ("factor",),
    "RandomPosterization": ("factor",),
    "RandomSaturation": ("factor",),
    "RandomSharpness": ("factor",),
    "RandomShear": ("x_factor", "y_factor"),
    "RandAugment": ("value_range",),
    "AugMix": ("value_range",),
    "AutoContrast": ("value_range",),
    "CutMix": ("factor",),
    "MixUp": ("alpha",),
    "Equalization": ("value_range",),
    "ContrastLimitedAdaptiveHistogramEqualization": ("value_range",),
    "Solarization": ("addition_factor",),
    "MaxNumBoundingBoxes": ("max_number",),
}


def _augmentation(name: str, arguments: tuple[str, ...]) -> LayerSpec:
    defaults: dict[str, Any] = dict.fromkeys(arguments)
    return LayerSpec(name, signature(**defaults), identity_call)


def _pipeline_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    for layer in ctx.iterate(self.attrs.get("layers")):
        inputs = ctx.call(layer, inputs)
    return inputs


def _normalization_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    """Known mean and variance as numbers scale and shift; otherwise the data come out standardized."""
    x = ctx.as_tensor(inputs)
    mean, variance = self.attrs.get("mean"), self.attrs.get("variance")
    if is_number(mean) and is_number(variance) and variance > 0:
        scale = float(variance) ** -0.5
        return nodes.shifted(ctx, x, -float(mean) * scale, scale, "keras.layers.Normalization")
    return identity_call(ctx, self, x)


LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec("Rescaling", signature("scale", offset=0.0), _rescale),
    LayerSpec(
        "Normalization",
        signature(axis=-1, mean=None, variance=None, invert=False),
        _normalization_call,
        _normalization_build,
        methods={"adapt": _adapt},
    ),
    LayerSpec("MelSpectrogram", signature(), _spectrum),
    LayerSpec("STFTSpectrogram", signature(mode="log"), _spectrum),
    LayerSpec("Pipeline", signature("layers", name=None), _pipeline_call),
    *(_augmentation(name, arguments) for name, arguments in _AUGMENTATIONS.items()),
)
