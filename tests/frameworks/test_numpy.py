"""numpy: arrays of known shape as the data that networks are made for."""

from __future__ import annotations

import pytest

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


def test_ranges_stay_plain_lists() -> None:
    names = variables(
        "import numpy as np\nx = [v for v in np.linspace(0, 0.3, 4)]\ny = np.reshape(np.arange(4), (2, 2))\n"
    )
    assert names["x"] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert not hasattr(names["y"], "shape")


def test_data_say_how_wide_a_network_is() -> None:
    found = network(
        "import numpy as np\nimport keras\nx = np.random.random((1000, 20))\n"
        "model = keras.Sequential([keras.layers.Dense(4)])\nmodel.compile('sgd', 'mse')\nmodel.fit(x, x)\n"
    )
    assert found.parameter_count == 84
