"""`keras.applications` from outside Keras: pretrained models of known output shape whose inside is not followed."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Instance, Native, Tensor, Value
from gradlint.frameworks.keras.arguments import integer, is_int
from gradlint.frameworks.keras.backend import identity_of
from gradlint.frameworks.keras.inputs import input_tensor
from gradlint.frameworks.keras.models import set_graph
from gradlint.frameworks.keras.state import keras_state, snake_case
from gradlint.frameworks.keras.weights import weight
from gradlint.frameworks.registry import native, resolve
from gradlint.network import Kind

_STRIDE = 32

# Builder -> default size of the input, and channels of the last feature map.
_MODELS: Mapping[str, tuple[int, int]] = {
    "VGG16": (224, 512),
    "VGG19": (224, 512),
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2"), (224, 2048)),
    "Xception": (299, 2048),
    "InceptionV3": (299, 2048),
    "InceptionResNetV2": (299, 1536),
    "MobileNet": (224, 1024),
    "MobileNetV2": (224, 1280),
    "MobileNetV3Small": (224, 576),
    "MobileNetV3Large": (224, 960),
    "DenseNet121": (224, 1024),
    "DenseNet169": (224, 1664),
    "DenseNet201": (224, 1920),
    "NASNetMobile": (224, 1056),
    "NASNetLarge": (331, 4032),
    "EfficientNetB0": (224, 1280),
    "EfficientNetB1": (240, 1280),
    "EfficientNetB2": (260, 1408),
    "EfficientNetB3": (300, 1536),
    "EfficientNetB4": (380, 1792),
    "EfficientNetB5": (456, 2048),
    "EfficientNetB6": (528, 2304),
    "EfficientNetB7": (600, 2560),
    "EfficientNetV2B0": (224, 1280),
    "EfficientNetV2B1": (240, 1280),
    "EfficientNetV2B2": (260, 1408),
    "EfficientNetV2B3": (300, 1536),
    "EfficientNetV2S": (384, 1280),
    "EfficientNetV2M": (480, 1280),
    "EfficientNetV2L": (480, 1280),
    "ConvNeXtTiny": (224, 768),
    "ConvNeXtSmall": (224, 768),
    "ConvNeXtBase": (224, 1024),
    "ConvNeXtLarge": (224, 1536),
    "ConvNeXtXLarge": (224, 2048),
}

# Those that start with convolutions without padding lose a margin before the strides.
_MARGIN = {"InceptionV3": 75, "InceptionResNetV2": 75}


@functools.cache
def find_application(name: str) -> Value:
    """`keras.applications.{name}`: a builder, or one of the functions beside it."""
    if name in ("preprocess_input", "decode_predictions"):
        return identity_of(f"keras.applications.{name}")
    return _builder(name, *_MODELS[name]) if name in _MODELS else MISSING


def _builder(name: str, size: int, channels: int) -> Native:
    def build(
        ctx: Context,
        include_top: Value = True,
        weights: Value = "imagenet",
        input_tensor: Value = None,
        input_shape: Value = None,
        pooling: Value = None,
        classes: Value = 1000,
        classifier_activation: Value = "softmax",
        **options: Value,
    ) -> Value:
        source = input_tensor if isinstance(input_tensor, Tensor) else _input(ctx, input_shape, size)
        model = ctx.instantiate(resolve("keras.Model"), name=options.get("name") or snake_case(name))
        if not isinstance(model, Instance):
            return model
        model.hidden["opaque"] = True
        model.hidden["pretrained"] = weights is not None
        held = weight(ctx, model, "weights", None, None)
        shape = _output_shape(name, source, channels, include_top is not False, pooling, classes)
        out = ctx.emit(
            Kind.OPAQUE,
            [source],
            shape,
            attributes={"reason": f"the layers inside keras.applications.{name} are not followed"},
            parameters={"weights": held.parameter} if held.parameter is not None else {},
            class_name=f"keras.applications.{name}",
            layer=model,
        )
        set_graph(ctx, model, source, out)
        model.hidden["children"] = {}
        state = keras_state(ctx)
        state.serial += 1
        state.owners[id(out.node)] = (out.node, model, state.serial)
        return model

    return native(f"keras.applications.{name}", build)


def _input(ctx: Context, shape: Value, size: int) -> Tensor:
    known = tuple(shape) if isinstance(shape, (list, tuple)) and len(shape) == 3 else (size, size, 3)
    known = tuple(size if entry is None and axis < 2 else entry for axis, entry in enumerate(known))
    return input_tensor(ctx, known)


def _output_shape(
    name: str, source: Tensor, channels: int, top: bool, pooling: Value, classes: Value
) -> tuple[int, ...] | None:
    if source.shape is None or len(source.shape) != 4:
        return None
    batch, height, width, _ = source.shape
    if top:
        count = integer(classes)
        return None if count is None else (batch, count)
    if pooling in ("avg", "max"):
        return (batch, channels)
    margin = _MARGIN.get(name)
    sides = [
        math.ceil(side / _STRIDE) if margin is None else max((side - margin) // _STRIDE + 1, 1)
        for side in (height, width)
        if is_int(side)
    ]
    return (batch, *sides, channels)
