"""Measuring whole networks of torchvision and Keras in PyTorch, beside what gradlint reads from their source."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradlint.network import Network
from gradlint.propagation import Settings, propagate

Row = dict[str, Any]
BATCH = 4
SEEDS = 3
PIXELS = 255.0

# Operators of torchvision's compiled extension, which no classification network uses, but its import names.
_POOLS = ("roi_align", "ps_roi_align", "roi_pool", "ps_roi_pool", "deform_conv2d")
_OPERATORS = ("nms", "qnms", *_POOLS, *[f"_{name}_backward" for name in _POOLS])

TORCHVISION: dict[str, tuple[str, ...]] = {
    "alexnet": ("alexnet",),
    "vgg": ("vgg11", "vgg16", "vgg11_bn", "vgg16_bn"),
    "resnet": ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "wide_resnet50_2"),
    "densenet": ("densenet121", "densenet169"),
    "mobilenetv2": ("mobilenet_v2",),
    "mobilenetv3": ("mobilenet_v3_small", "mobilenet_v3_large"),
    "efficientnet": ("efficientnet_b0", "efficientnet_b1", "efficientnet_v2_s"),
    "inception": ("inception_v3",),
    "googlenet": ("googlenet",),
    "squeezenet": ("squeezenet1_0", "squeezenet1_1"),
    "shufflenetv2": ("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x2_0"),
    "mnasnet": ("mnasnet0_5", "mnasnet1_0"),
    "regnet": ("regnet_y_400mf", "regnet_y_800mf", "regnet_x_400mf", "regnet_x_1_6gf"),
    "convnext": ("convnext_tiny", "convnext_small"),
    "vision_transformer": ("vit_b_16", "vit_b_32"),
    "swin_transformer": ("swin_t", "swin_s", "swin_v2_t"),
    "maxvit": ("maxvit_t",),
}
KERAS: dict[str, tuple[str, ...]] = {
    "vgg16": ("VGG16",),
    "resnet": ("ResNet50", "ResNet101"),
    "resnet_v2": ("ResNet50V2", "ResNet101V2"),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Small", "MobileNetV3Large"),
    "densenet": ("DenseNet121",),
    "efficientnet": ("EfficientNetB0",),
    "efficientnet_v2": ("EfficientNetV2B0",),
    "xception": ("Xception",),
    "inception_v3": ("InceptionV3",),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "convnext": ("ConvNeXtTiny",),
}


def read(file: Path, call: str) -> Network:
    """The network that a call builds, as gradlint reads it from the source."""
    from gradlint.evaluation.driver import Evaluator
    from gradlint.sources import SourceLoader, load
    from gradlint.stack import on_deep_stack

    def evaluate() -> Network:
        source = load(file, str(file))
        loader = SourceLoader()
        loader.add(source)
        return Evaluator(loader).evaluate(source, call).networks[0]

    return on_deep_stack(evaluate)


def folder_of(package: str, *parts: str) -> Path | None:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        print(f"{package} is not installed: its networks are left out")
        return None
    return Path(found.origin).parent.joinpath(*parts)


def _ratio(norms: list[float]) -> float:
    return math.log10(norms[0] / norms[-1]) if norms[0] > 0.0 and norms[-1] > 0.0 else -math.inf


def _row(name: str, network: Network, measured: list[float]) -> Row:
    profile = propagate(network, Settings(dtype="float64", batch=BATCH))
    middle = sorted(measured)[len(measured) // 2]
    return {
        "name": name,
        "predicted": profile.log10_gradient_ratio if network.complete else None,
        "measured": middle,
    }


class Recorder:
    """Outputs of weighted layers, before their activation, in the order in which they run."""

    def __init__(self) -> None:
        self.outputs: list[Tensor] = []

    def record(self, value: Tensor) -> Tensor:
        if not value.requires_grad:
            value.requires_grad_()
        value.retain_grad()
        self.outputs.append(value)
        return value

    def norms(self, outputs: list[Tensor]) -> list[float]:
        """Gradient norms of a random linear function of the outputs of the network."""
        sum((torch.randn_like(value) * value).sum() for value in outputs).backward()  # type: ignore[union-attr]
        return [0.0 if value.grad is None else float(value.grad.double().norm()) for value in self.outputs]


def torchvision_rows(chosen: Mapping[str, Sequence[str]] = TORCHVISION) -> Iterator[Row]:
    """One row for each classification network of these modules; heads that start at zero are drawn like LeCun's."""
    folder = folder_of("torchvision", "models")
    if folder is None:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in _OPERATORS:
        if not hasattr(torch.ops.torchvision, operator):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)
    for stem, names in chosen.items():
        for name in names:
            options = {"init_weights": True} if name in ("inception_v3", "googlenet") else {}
            written = ", ".join(f"{key}={value}" for key, value in options.items())
            network = read(folder / f"{stem}.py", f"{name}({written})")
            found = []
            for seed in range(SEEDS):
                torch.manual_seed(seed)
                model = getattr(torchvision.models, name)(**options).train()
                _fill_zero_heads(model)
                recorder = Recorder()
                for module in model.modules():
                    if isinstance(module, kinds):
                        module.register_forward_hook(lambda _, __, output, r=recorder: r.record(output))
                shape = network.inputs[0].shape
                assert shape is not None
                result = model(torch.randn(BATCH, *shape[1:]))
                outputs = [v for v in (result if isinstance(result, tuple) else [result]) if isinstance(v, Tensor)]
                found.append(_ratio(recorder.norms(outputs)))
            yield _row(f"torchvision {name}", network, found)


def _fill_zero_heads(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Linear) and not module.weight.detach().any():
            nn.init.normal_(module.weight, 0.0, module.in_features**-0.5)


def keras_rows(chosen: Mapping[str, Sequence[str]] = KERAS) -> Iterator[Row]:
    """The same for Keras applications, under Keras's PyTorch backend."""
    os.environ["KERAS_BACKEND"] = "torch"
    folder = folder_of("keras", "src", "applications")
    if folder is None:
        return
    import keras

    for stem, names in chosen.items():
        for name in names:
            network = read(folder / f"{stem}.py", f"{name}(weights=None, classifier_activation=None)")
            found = []
            for seed in range(SEEDS):
                keras.utils.set_random_seed(seed)
                model = getattr(keras.applications, name)(weights=None, classifier_activation=None)
                recorder = Recorder()
                _attach(model, keras, recorder)
                scaled = any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in model.layers)
                shape = [size or 224 for size in model.input_shape[1:]]
                x = torch.rand(BATCH, *shape) * PIXELS if scaled else torch.randn(BATCH, *shape)
                found.append(_ratio(recorder.norms([model(x, training=True)])))
            yield _row(f"Keras {name}", network, found)


def _attach(model: Any, keras: Any, recorder: Recorder) -> None:
    kinds = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _attach(layer, keras, recorder)
        elif isinstance(layer, kinds):
            activation = getattr(layer, "activation", None)
            if activation is not None and activation is not keras.activations.linear:
                layer.activation = _before(activation, recorder)
            else:
                layer.call = _behind(layer.call, recorder)


def _before(activation: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    return lambda value: activation(recorder.record(value))


def _behind(call: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    return lambda *arguments, **options: recorder.record(call(*arguments, **options))
