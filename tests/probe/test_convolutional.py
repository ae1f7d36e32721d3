"""Convolutional LSTM layers against those of Keras."""

from __future__ import annotations

import os
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("torch")
pytest.importorskip("keras")

import keras
import torch

from gradlint.probe.convolutional import convolutional_lstm
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import CONVOLUTIONAL, NodeSpec

LAYERS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "same": ("ConvLSTM2D", {"kernel_size": 3, "padding": "same"}, (2, 4, 6, 5, 3)),
    "valid": ("ConvLSTM2D", {"kernel_size": (2, 3)}, (2, 4, 6, 5, 3)),
    "even kernel": ("ConvLSTM2D", {"kernel_size": 4, "padding": "same"}, (2, 3, 6, 5, 3)),
    "all steps": ("ConvLSTM2D", {"kernel_size": 3, "padding": "same", "return_sequences": True}, (2, 4, 6, 5, 3)),
    "no bias": ("ConvLSTM2D", {"kernel_size": 3, "use_bias": False, "activation": "relu"}, (2, 4, 6, 5, 3)),
    "one axis": ("ConvLSTM1D", {"kernel_size": 3, "padding": "same"}, (2, 4, 9, 3)),
    "three axes": ("ConvLSTM3D", {"kernel_size": 2, "return_sequences": True}, (1, 2, 4, 5, 3, 2)),
}


def node(layer: Any) -> NodeSpec:
    config = layer.get_config()
    attributes = {"cell": CONVOLUTIONAL, "return_sequences": config["return_sequences"]}
    attributes |= {key: config[key] for key in ("activation", "recurrent_activation")}
    return NodeSpec("recurrent", (), None, attributes, {}, name=layer.name)


def weights(layer: Any) -> dict[str, Any]:
    names = {"kernel": "weight_ih_l0", "recurrent_kernel": "weight_hh_l0", "bias": "bias_ih_l0"}
    return {names[weight.name]: torch.tensor(weight.numpy()) for weight in layer.weights if weight.name in names}


@pytest.mark.parametrize("name", LAYERS)
def test_it_computes_what_keras_does(name: str) -> None:
    cls, settings, shape = LAYERS[name]
    layer = getattr(keras.layers, cls)(4, **settings, bias_initializer="random_normal")
    x = torch.randn(shape)
    expected = layer(x).detach().cpu()
    y, hidden, memory = convolutional_lstm(x, weights(layer), node(layer), tuple(expected.shape))
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    assert hidden.shape == memory.shape == (1, *(y[:, -1] if settings.get("return_sequences") else y).shape)


def test_strides_are_not_followed() -> None:
    layer = keras.layers.ConvLSTM2D(4, 3, strides=2, padding="same")
    x = torch.randn(1, 2, 6, 6, 3)
    shape = tuple(layer(x).shape)
    with pytest.raises(NotMeasurable, match="strides"):
        convolutional_lstm(x, weights(layer), node(layer), shape)
