"""Every layer of Keras between two dense layers: there is a number, and Keras on PyTorch agrees with it."""

from __future__ import annotations

import math
import os
import statistics
from typing import Any

import pytest
import torch

from gradlint.propagation import Settings, propagate
from tests.frameworks.keras.cases import LAYERS, SEPARATE_ARGUMENTS
from tests.frameworks.keras.harness import network, run_keras

FIRST = {
    expression.partition("(")[0].removeprefix("layers."): (expression, shapes)
    for expression, shapes in reversed(LAYERS)
    if "Embedding" not in expression
}
"""A case of each layer that takes real numbers."""
ACTIVATIONS = (
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu"),
    *("log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax"),
    *("softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh", "tanh_shrink"),
)
BATCH = 8
ERROR = 0.4


def program(expression: str, shapes: tuple[tuple[int, ...], ...]) -> str:
    names = [f"x{index}" for index in range(len(shapes))]
    lines = ["import keras", "from keras import layers"]
    for name, shape in zip(names, shapes, strict=True):
        lines += [f"{name} = keras.Input({shape!r})", f"first_{name} = layers.Dense({shape[-1]})"]
    called = ", ".join(f"first_{name}({name})" for name in names)
    if len(names) > 1 and not expression.startswith(SEPARATE_ARGUMENTS):
        called = f"[{called}]"
    lines += [f"y = {expression}({called})", "y = y[0] if isinstance(y, (list, tuple)) else y"]
    lines += ["last = layers.Dense(3)", f"model = keras.Model([{', '.join(names)}], last(y))"]
    return "\n".join(lines) + "\n"


def recorded(layer: Any, outputs: list[torch.Tensor]) -> None:
    call = layer.call

    def kept(*arguments: Any, **options: Any) -> torch.Tensor:
        output: torch.Tensor = call(*arguments, **options)
        output.retain_grad()
        outputs.append(output)
        return output

    layer.call = kept


def measured(text: str, shapes: tuple[tuple[int, ...], ...]) -> float:
    """Median log10 of the largest gradient before the layer over that at the end."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    found = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        variables = run_keras(text)
        before: list[torch.Tensor] = []
        for index in range(len(shapes)):
            recorded(variables[f"first_x{index}"], before)
        inputs = [torch.randn(BATCH, *shape) for shape in shapes]
        last = variables["model"](inputs if len(inputs) > 1 else inputs[0], training=True)
        last.retain_grad()
        (last * torch.randn_like(last)).sum().backward()
        norms = [float(tensor.grad.norm()) for tensor in before if tensor.grad is not None]
        found.append(math.log10(max(norms) / float(last.grad.norm())))
    return statistics.median(found)


def check(expression: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    text = program(expression, shapes)
    expected = measured(text, shapes)
    profile = propagate(network(text), Settings(dtype="float64", batch=BATCH))
    before = [layer.log10_gradient for layer in profile.layers[: len(shapes)] if layer.log10_gradient is not None]
    assert before, profile.reason
    assert max(before) == pytest.approx(expected, abs=ERROR)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FIRST))
def test_layer(name: str) -> None:
    check(*FIRST[name])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    check(f"layers.Activation({name!r})", ((64,),))


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ("", ""),
        ("", ", power_iterations=5"),
        (", kernel_initializer=keras.initializers.RandomNormal(stddev=0.001)", ""),
    ],
)
def test_spectral_normalization_leaves_one_scale_whatever_was_drawn(settings: str, options: str) -> None:
    text = (
        "import keras\nfrom keras import layers\n"
        f"wrapped = [layers.SpectralNormalization(layers.Dense(64{settings}){options}) for _ in range(9)]\n"
        "last = layers.Dense(10)\n"
        "stack = [layer for one in wrapped for layer in (one, layers.ReLU())]\n"
        "model = keras.Sequential([keras.Input((20,)), *stack, last])\n"
    )
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    found = []
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        variables = run_keras(text)
        outputs: list[torch.Tensor] = []
        recorded(variables["wrapped"][0].layer, outputs)
        recorded(variables["last"], outputs)
        result = variables["model"](torch.randn(32, 20), training=True)
        (result * torch.randn_like(result)).sum().backward()
        first, last = (float(output.grad.norm()) for output in outputs if output.grad is not None)
        found.append(math.log10(first / last))
    profile = propagate(network(text), Settings(dtype="float64"))
    assert profile.log10_gradient_ratio == pytest.approx(statistics.median(found), abs=0.2)
