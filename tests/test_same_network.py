"""The textbook network, ten sigmoid layers and an output, in many ways of writing it: one finding, one number."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from gradlint.config import Settings
from gradlint.engine import check
from gradlint.results import Report

TORCH = {
    "sequential from a list": """
        import torch
        from torch import nn

        layers = [nn.Linear(20, 128), nn.Sigmoid()]
        for _ in range(9):
            layers.append(nn.Linear(128, 128))
            layers.append(nn.Sigmoid())
        layers.append(nn.Linear(128, 1))
        model = nn.Sequential(*layers)
        """,
    "sequential written out": """
        import torch.nn as nn

        net = nn.Sequential(
            nn.Linear(20, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 128), nn.Sigmoid(),
            nn.Linear(128, 1), nn.Sigmoid(),
        )
        """,
    "module list and torch.sigmoid": """
        import torch
        from torch import nn


        class Net(nn.Module):
            def __init__(self, sizes=(20, *[128] * 10)):
                super().__init__()
                self.hidden = nn.ModuleList([nn.Linear(n, m) for n, m in zip(sizes, sizes[1:])])
                self.out = nn.Linear(sizes[-1], 1)

            def forward(self, x):
                for layer in self.hidden:
                    x = torch.sigmoid(layer(x))
                return self.out(x)
        """,
    "attributes and functional calls": """
        import torch.nn as nn
        import torch.nn.functional as F


        class Net(nn.Module):
            def __init__(self):
                super(Net, self).__init__()
                self.fc1 = nn.Linear(20, 128)
                self.fc2 = nn.Linear(128, 128)
                self.fc3 = nn.Linear(128, 128)
                self.fc4 = nn.Linear(128, 128)
                self.fc5 = nn.Linear(128, 128)
                self.fc6 = nn.Linear(128, 128)
                self.fc7 = nn.Linear(128, 128)
                self.fc8 = nn.Linear(128, 128)
                self.fc9 = nn.Linear(128, 128)
                self.fc10 = nn.Linear(128, 128)
                self.fc11 = nn.Linear(128, 1)

            def forward(self, x):
                x = F.sigmoid(self.fc1(x))
                x = F.sigmoid(self.fc2(x))
                x = F.sigmoid(self.fc3(x))
                x = F.sigmoid(self.fc4(x))
                x = F.sigmoid(self.fc5(x))
                x = F.sigmoid(self.fc6(x))
                x = F.sigmoid(self.fc7(x))
                x = F.sigmoid(self.fc8(x))
                x = F.sigmoid(self.fc9(x))
                x = F.sigmoid(self.fc10(x))
                return F.sigmoid(self.fc11(x))
        """,
    "ordered dictionary": """
        from collections import OrderedDict

        from torch import nn

        parts = OrderedDict()
        width = 20
        for index in range(10):
            parts[f"linear{index}"] = nn.Linear(width, 128)
            parts[f"sigmoid{index}"] = nn.Sigmoid()
            width = 128
        parts["output"] = nn.Linear(width, 1)
        model = nn.Sequential(parts)
        """,
    "add_module": """
        from torch import nn


        class MLP(nn.Sequential):
            def __init__(self, features, width, depth):
                super().__init__()
                for i in range(depth):
                    self.add_module("fc%d" % i, nn.Linear(features if i == 0 else width, width))
                    self.add_module("act%d" % i, nn.Sigmoid())
                self.add_module("fc", nn.Linear(width, 1))


        model = MLP(20, 128, depth=10)
        """,
    "blocks, with super and a base class": """
        from torch import nn


        class Block(nn.Module):
            activation = nn.ReLU

            def __init__(self, n, m):
                super().__init__()
                self.linear = nn.Linear(n, m)
                self.act = self.activation()

            def forward(self, x):
                return self.act(self.linear(x))


        class SigmoidBlock(Block):
            activation = nn.Sigmoid


        class Net(nn.Module):
            def __init__(self, block=SigmoidBlock, depth=10, **kwargs):
                super().__init__()
                self.body = nn.Sequential(*(block(20 if i == 0 else 128, 128) for i in range(depth)))
                self.head = nn.Linear(128, kwargs.get("outputs", 1))

            def forward(self, x):
                return self.head(self.body(x))


        net = Net(outputs=1)
        """,
    "setattr and getattr": """
        import torch
        import torch.nn as nn


        class Net(nn.Module):
            def __init__(self, depth=10):
                super().__init__()
                self.depth = depth
                for i in range(1, depth + 1):
                    setattr(self, f"layer{i}", nn.Linear(20 if i == 1 else 128, 128))
                self.output = nn.Linear(128, 1)

            def forward(self, x):
                for i in range(1, self.depth + 1):
                    x = getattr(self, f"layer{i}")(x).sigmoid()
                return self.output(x)


        if __name__ == "__main__":
            model = Net()
        """,
    "parameters and matrix products": """
        import math

        import torch
        from torch import nn


        class Dense(nn.Module):
            def __init__(self, n, m):
                super().__init__()
                self.weight = nn.Parameter(torch.empty(m, n))
                self.bias = nn.Parameter(torch.empty(m))
                bound = 1 / math.sqrt(n)
                nn.init.uniform_(self.weight, -bound, bound)
                nn.init.uniform_(self.bias, -bound, bound)

            def forward(self, x):
                return x @ self.weight.t() + self.bias


        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.ModuleList([Dense(20, 128)] + [Dense(128, 128) for _ in range(9)])
                self.out = Dense(128, 1)

            def forward(self, x):
                for layer in self.layers:
                    x = torch.sigmoid(layer(x))
                return self.out(x)


        net = Net()
        """,
    "dataclass configuration and a table of activations": """
        from dataclasses import dataclass

        from torch import nn

        ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


        @dataclass
        class Config:
            features: int = 20
            width: int = 128
            depth: int = 10
            activation: str = "sigmoid"


        class Net(nn.Module):
            def __init__(self, config: Config):
                super().__init__()
                sizes = [config.features] + [config.width] * config.depth
                modules = []
                for n, m in zip(sizes[:-1], sizes[1:]):
                    modules += [nn.Linear(n, m), ACTIVATIONS[config.activation]()]
                self.net = nn.Sequential(*modules)
                self.head = nn.Linear(config.width, 1)

            def forward(self, x):
                return self.head(self.net(x))


        model = Net(Config())
        """,
    "argparse": """
        import argparse

        import torch.nn as nn


        def make(args):
            layers, n = [], args.features
            while len(layers) < 2 * args.layers:
                layers.extend((nn.Linear(n, args.hidden), nn.Sigmoid()))
                n = args.hidden
            return nn.Sequential(*layers, nn.Linear(n, 1))


        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--features", type=int, default=20)
            parser.add_argument("--hidden", type=int, default=128)
            parser.add_argument("--layers", type=int, default=10)
            args = parser.parse_args()
            model = make(args)
            print(model)


        if __name__ == "__main__":
            main()
        """,
    "layers in one file, network in another": """
        # file: model.py
        from torch import nn

        from layers.dense import stack


        class Net(nn.Module):
            def __init__(self, depth=10):
                super().__init__()
                self.body = stack(20, 128, depth)
                self.head = nn.Linear(128, 1)

            def forward(self, x):
                return self.head(self.body(x))


        # file: layers/__init__.py
        # file: layers/dense.py
        from torch import nn


        def dense(n, m):
            return nn.Sequential(nn.Linear(n, m), nn.Sigmoid())


        def stack(inputs, width, depth):
            return nn.Sequential(dense(inputs, width), *[dense(width, width) for _ in range(depth - 1)])
        """,
    "network in one file, training in another": """
        # file: network.py
        import torch
        from torch import nn


        class Net(nn.Module):
            def __init__(self, inputs, depth, width=128):
                super().__init__()
                self.layers = nn.ModuleList()
                for index in range(depth):
                    self.layers.append(nn.Linear(inputs if index == 0 else width, width))
                self.last = nn.Linear(width, 1)

            def forward(self, x):
                for layer in self.layers:
                    x = torch.sigmoid(layer(x))
                return self.last(x)


        # file: train.py
        import torch

        from network import Net

        model = Net(20, depth=10)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(inputs), targets)
            loss.backward()
            optimizer.step()
        """,
    "a Lightning module": """
        import lightning as L
        import torch
        from torch import nn


        class LitNet(L.LightningModule):
            def __init__(self, depth: int = 10, width: int = 128):
                super().__init__()
                self.save_hyperparameters()
                blocks = [(nn.Linear(20 if i == 0 else width, width), nn.Sigmoid()) for i in range(depth)]
                self.net = nn.Sequential(*[part for block in blocks for part in block], nn.Linear(width, 1))

            def forward(self, x):
                return self.net(x)

            def training_step(self, batch, batch_idx):
                x, y = batch
                return nn.functional.binary_cross_entropy_with_logits(self(x), y)

            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=0.1)
        """,
}

KERAS = {
    "add in a loop": """
        from keras.layers import Dense, Input
        from keras.models import Sequential
        from keras.optimizers import SGD

        model = Sequential()
        model.add(Input((20,)))
        for _ in range(10):
            model.add(Dense(128, activation="sigmoid"))
        model.add(Dense(1, activation="sigmoid"))
        model.compile(optimizer=SGD(learning_rate=0.01), loss="binary_crossentropy")
        """,
    "input_dim on the first layer": """
        from tensorflow.keras.layers import Dense
        from tensorflow.keras.models import Sequential

        model = Sequential()
        model.add(Dense(128, input_dim=20, activation="sigmoid"))
        for i in range(9):
            model.add(Dense(units=128, activation="sigmoid"))
        model.add(Dense(1, activation="sigmoid"))
        model.compile(loss="binary_crossentropy", optimizer="sgd", metrics=["accuracy"])
        """,
    "sequential from a list": """
        import tensorflow as tf

        model = tf.keras.Sequential(
            [tf.keras.layers.Input(shape=(20,))]
            + [tf.keras.layers.Dense(128, activation=tf.nn.sigmoid) for _ in range(10)]
            + [tf.keras.layers.Dense(1, activation=tf.nn.sigmoid)]
        )
        model.compile(optimizer=tf.keras.optimizers.SGD(0.01), loss="binary_crossentropy")
        """,
    "activation layers": """
        import keras
        from keras import layers

        stack = [keras.Input(shape=(20,))]
        for _ in range(10):
            stack += [layers.Dense(128), layers.Activation("sigmoid")]
        stack += [layers.Dense(1), layers.Activation("sigmoid")]
        model = keras.Sequential(stack)
        """,
    "functional": """
        from tensorflow import keras
        from tensorflow.keras import layers

        inputs = keras.Input(shape=(20,))
        x = inputs
        for _ in range(10):
            x = layers.Dense(128, activation="sigmoid")(x)
        outputs = layers.Dense(1, activation="sigmoid")(x)
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "binary_crossentropy")
        """,
    "functional, with a block function": """
        import keras
        from keras import activations, layers


        def block(x, units, activation=activations.sigmoid):
            x = layers.Dense(units)(x)
            return layers.Activation(activation)(x)


        def build(input_shape=(20,), depth=10):
            inputs = layers.Input(shape=input_shape)
            x = block(inputs, 128)
            for _ in range(depth - 1):
                x = block(x, 128)
            return keras.Model(inputs=inputs, outputs=block(x, 1))


        model = build()
        """,
    "a subclassed model": """
        import keras
        from keras import layers


        class Net(keras.Model):
            def __init__(self, depth=10, units=128, **kwargs):
                super().__init__(**kwargs)
                self.hidden = [layers.Dense(units, activation="sigmoid") for _ in range(depth)]
                self.out = layers.Dense(1, activation="sigmoid")

            def call(self, inputs, training=False):
                x = inputs
                for layer in self.hidden:
                    x = layer(x)
                return self.out(x)


        model = Net()
        model.build((None, 20))
        """,
    "a subclassed model of attributes": """
        import tensorflow as tf
        from tensorflow.keras.layers import Dense


        class Net(tf.keras.Model):
            def __init__(self):
                super(Net, self).__init__()
                self.first = Dense(128, activation="sigmoid")
                self.middle = tf.keras.Sequential([Dense(128, activation="sigmoid") for _ in range(9)])
                self.last = Dense(1)

            def call(self, x):
                return tf.sigmoid(self.last(self.middle(self.first(x))))


        model = Net()
        model(tf.keras.Input((20,)))
        """,
    "a custom layer": """
        import keras
        from keras import ops


        class MyDense(keras.layers.Layer):
            def __init__(self, units):
                super().__init__()
                self.units = units

            def build(self, input_shape):
                self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform")
                self.b = self.add_weight(shape=(self.units,), initializer="zeros")

            def call(self, x):
                return ops.sigmoid(ops.matmul(x, self.w) + self.b)


        model = keras.Sequential([keras.Input((20,)), *[MyDense(128) for _ in range(10)], keras.layers.Dense(1)])
        """,
    "configuration in a dictionary": """
        from keras.layers import Dense, InputLayer
        from keras.models import Sequential

        CONFIG = {"units": [128] * 10, "activation": "sigmoid", "inputs": 20}


        def create_model(units, activation, inputs):
            model = Sequential(name="classifier")
            model.add(InputLayer(shape=(inputs,)))
            for count in units:
                model.add(Dense(count, activation=activation))
            model.add(Dense(1, activation=activation))
            return model


        model = create_model(**CONFIG)
        model.compile(optimizer="sgd", loss="binary_crossentropy")
        """,
    "model in one file, training in another": """
        # file: models/__init__.py
        from .mlp import build_mlp

        # file: models/mlp.py
        import keras
        from keras.layers import Dense


        def build_mlp(shape, hidden, depth):
            model = keras.Sequential()
            model.add(keras.Input(shape))
            for _ in range(depth):
                model.add(Dense(hidden, activation=keras.activations.sigmoid))
            model.add(Dense(1, activation=keras.activations.sigmoid))
            return model


        # file: train.py
        import keras

        from models import build_mlp

        model = build_mlp((20,), hidden=128, depth=10)
        model.compile(optimizer=keras.optimizers.SGD(1e-2), loss="binary_crossentropy")
        model.fit(x_train, y_train, epochs=10)
        """,
}


def write(text: str, folder: Path) -> None:
    """Write one file, or those that `# file:` lines name."""
    name, lines = "example.py", []
    files: dict[str, list[str]] = {}
    for line in textwrap.dedent(text).splitlines():
        if line.startswith("# file: "):
            name, lines = line.removeprefix("# file: "), []
            files[name] = lines
        else:
            files.setdefault(name, lines).append(line)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(content) + "\n", encoding="utf-8")


def linted(text: str, folder: Path) -> Report:
    """What the default rules say of a script."""
    write(text, folder)
    report = check([folder], Settings())
    assert not report.failures
    return report


@pytest.fixture(scope="module")
def numbers() -> dict[str, float]:
    """The number that the first way of writing gives, by framework; later ones must give the same."""
    return {}


@pytest.mark.parametrize(
    ("framework", "text"),
    [
        *(pytest.param("torch", text, id=f"torch-{name}") for name, text in TORCH.items()),
        *(pytest.param("keras", text, id=f"keras-{name}") for name, text in KERAS.items()),
    ],
)
def test_every_way_of_writing_gives_the_same_finding(
    framework: str, text: str, tmp_path: Path, numbers: dict[str, float]
) -> None:
    findings = linted(text, tmp_path).findings
    assert [finding.name for finding in findings] == ["deep-sigmoid-stack"]
    finding = findings[0]
    assert finding.message.startswith("10 sigmoid layers shrink the gradient to ")
    assert finding.evidence.predicted_log10 is not None
    expected = numbers.setdefault(framework, finding.evidence.predicted_log10)
    assert finding.evidence.predicted_log10 == pytest.approx(expected, abs=1e-3)
    assert "relu" in finding.remedies[0].text.lower()
    assert finding.remedies[0].predicted_log10 is not None
    assert abs(finding.remedies[0].predicted_log10) < 0.5


def test_the_textbook_case(tmp_path: Path) -> None:
    text = """
        from keras.layers import Dense
        from keras.models import Sequential
        from keras.optimizers import SGD

        model = Sequential()
        for _ in range(10):
            model.add(Dense(128, activation="sigmoid"))
        model.add(Dense(1, activation="sigmoid"))
        model.compile(optimizer=SGD(learning_rate=0.01), loss="binary_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, epochs=20, batch_size=32)
        """
    (finding,) = linted(text, tmp_path).findings
    assert (finding.code, finding.severity, finding.confidence) == ("GRD101", "error", "high")
    assert (finding.span.line, finding.span.column) == (8, 15)
    assert finding.message.startswith("10 sigmoid layers")
    assert "`dense` (layer 1)" in finding.message
    assert finding.evidence.predicted_log10 == pytest.approx(-6.2, abs=0.3)
    assert finding.remedies[0].text == 'activation="relu" with kernel_initializer="he_normal"'
    assert finding.remedies[0].predicted_log10 == pytest.approx(0.0, abs=0.3)


def test_the_textbook_case_mended(tmp_path: Path) -> None:
    text = """
        from keras.layers import Dense
        from keras.models import Sequential
        from keras.optimizers import Adam

        model = Sequential()
        for _ in range(10):
            model.add(Dense(128, activation="relu", kernel_initializer="he_normal"))
        model.add(Dense(1, activation="sigmoid"))
        model.compile(optimizer=Adam(), loss="binary_crossentropy", metrics=["accuracy"])
        model.fit(x_train, y_train, epochs=20, batch_size=32)
        """
    assert linted(text, tmp_path).findings == ()
