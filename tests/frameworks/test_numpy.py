"""numpy: arrays of known shape as the data that networks are made for."""

from __future__ import annotations

from typing import Any

import pytest

from gradlint.evaluation.values import Unknown
from tests.frameworks.keras.harness import network, variables


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("np.random.rand(1000, 20)", (1000, 20)),
        ("np.random.random((50, 8)).astype('float32')", (50, 8)),
        ("np.random.normal(0, 1, size=(50, 8))", (50, 8)),
        ("np.random.randint(0, 10, (50, 1))", (50, 1)),
        ("np.zeros((4, 5))", (4, 5)),
        ("np.expand_dims(np.ones((4, 5)), -1)", (4, 5, 1)),
        ("np.concatenate([np.ones((4, 5)), np.zeros((2, 5))])", (6, 5)),
        ("np.reshape(np.ones((4, 6)), (-1, 2, 3))", (4, 2, 3)),
        ("np.random.rand(6, 4)[:4] / 255.0", (4, 4)),
    ],
)
def test_an_array_has_its_shape(expression: str, shape: tuple[int, ...]) -> None:
    assert variables(f"import numpy as np\nx = {expression}\n")["x"].shape == shape


@pytest.mark.parametrize(
    "expression",
    [
        "np.array([[1, 2, 3], [4, 5, 6]])",
        "np.array([[1.5, 2], [3, 4]], dtype=np.float32).T",
        "np.asarray([np.ones(4), np.zeros(4)])",
        "np.array(np.ones((2, 3)))",
        "np.asarray([[[1], [2]]]).reshape(-1)",
        "np.array([0.485, 0.456, 0.406]).reshape(1, 3)",
    ],
)
def test_data_become_an_array(expression: str) -> None:
    text = f"import numpy as np\nx = {expression}\n"
    real: dict[str, Any] = {}
    exec(text, real)
    assert variables(text)["x"].shape == real["x"].shape


def test_a_list_of_numbers_becomes_an_array_of_known_entries() -> None:
    names = variables(
        "import numpy as np\nwidths = np.array([8, 16, 32])\nmixed = np.asarray([1, 0.5])\n"
        "cut = np.array([1.7, 2.2], dtype=np.int64)\none = np.array(3)\ndoubled = [int(w) for w in widths * 2]\n"
        "words = np.array(['a', 'b'])\nempty = np.array([])\n"
    )
    assert list(names["widths"]) == [8, 16, 32]
    assert list(map(type, names["mixed"])) == [float, float]
    assert list(names["cut"]) == [1, 2]
    assert names["one"] == 3
    assert names["doubled"] == [16, 32, 64]
    assert isinstance(names["words"], Unknown)
    assert len(names["empty"]) == 0


def test_a_short_array_is_iterated_like_a_list_and_calculated_with_like_a_tensor() -> None:
    names = variables(
        "import numpy as np\n"
        "rates = [v for v in np.linspace(0, 0.3, 4)]\n"
        "widths = [w for w in np.linspace(8, 32, 4).astype(int)]\n"
        "doubled = np.arange(3) * 2\nindex = np.arange(4)[:, np.newaxis] - np.arange(4)[None, :]\n"
        "angles = np.sin(np.arange(6)[:, None] / np.power(10000, np.arange(8) / 8))\n"
        "parts = np.split(np.linspace(0, 1, 5), [2])\nsquare = np.reshape(np.arange(4), (2, 2))\n"
        "floats, plain = np.arange(0, 1, 0.25), np.arange(3).tolist()\n"
    )
    assert names["rates"] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert names["widths"] == [8, 16, 24, 32]
    assert names["doubled"].values == [0, 2, 4]
    assert (names["index"].shape, names["angles"].shape, names["square"].shape) == ((4, 4), (6, 8), (2, 2))
    assert [len(part) for part in names["parts"]] == [2, 3]
    assert names["floats"] == [0, 0.25, 0.5, 0.75]
    assert names["plain"] == [0, 1, 2]


def test_positions_of_a_transformer_are_known() -> None:
    found = network(
        "import numpy as np\nimport tensorflow as tf\n"
        "def positional_encoding(length, depth):\n"
        "    depth = depth / 2\n"
        "    positions = np.arange(length)[:, np.newaxis]\n"
        "    depths = np.arange(depth)[np.newaxis, :] / depth\n"
        "    angle_rads = positions * (1 / (10000 ** depths))\n"
        "    encoding = np.concatenate([np.sin(angle_rads), np.cos(angle_rads)], axis=-1)\n"
        "    return tf.cast(encoding, dtype=tf.float32)\n"
        "class Embedding(tf.keras.layers.Layer):\n"
        "    def __init__(self, words, width):\n        super().__init__()\n"
        "        self.embedding = tf.keras.layers.Embedding(words, width)\n"
        "        self.encoding = positional_encoding(length=64, depth=width)\n"
        "    def call(self, x):\n        length = tf.shape(x)[1]\n        x = self.embedding(x)\n"
        "        return x * 2.0 + self.encoding[tf.newaxis, :length, :]\n"
        "i = tf.keras.Input((32,), dtype='int32')\nmodel = tf.keras.Model(i, Embedding(100, 16)(i))\n"
    )
    assert found.complete
    assert found.outputs[0].shape == (4, 32, 16)


def test_data_say_how_wide_a_network_is() -> None:
    found = network(
        "import numpy as np\nimport keras\nx = np.random.random((1000, 20))\n"
        "model = keras.Sequential([keras.layers.Dense(4)])\nmodel.compile('sgd', 'mse')\nmodel.fit(x, x)\n"
    )
    assert found.parameter_count == 84
