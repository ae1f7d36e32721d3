"""Functions of `keras.ops`, `keras.backend` and TensorFlow: shapes and kinds of nodes, against Keras where it is there."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

from gradlint.evaluation.values import Tensor
from gradlint.network import Kind
from tests.frameworks.keras.harness import evaluate, variables
from tests.frameworks.keras.op_cases import INPUTS, OPS, TENSORFLOW, program


def result(text: str) -> Any:
    return variables(text)["result"]


@pytest.fixture(scope="module")
def keras() -> Any:
    """Keras with its PyTorch backend."""
    os.environ["KERAS_BACKEND"] = "torch"
    module = pytest.importorskip("keras")
    if module.backend.backend() != "torch":
        pytest.skip("Keras is already loaded with another backend")
    return module


@pytest.mark.slow
@pytest.mark.parametrize("expression", OPS)
def test_an_operation_gives_the_shape_that_keras_gives(expression: str, keras: Any) -> None:
    given: dict[str, Any] = {name: keras.ops.ones((4, *shape)) for name, shape in INPUTS.items()}
    real = eval(expression, {"keras": keras, "ops": keras.ops, **given})
    ours = result(program(expression))
    assert isinstance(ours, Tensor)
    assert ours.node.kind is not Kind.OPAQUE or expression.startswith(("ops.mod", "ops.prod", "ops.cumsum"))
    assert ours.shape == tuple(real.shape)


@pytest.mark.parametrize(("expression", "shape"), TENSORFLOW, ids=lambda value: str(value))
def test_a_tensorflow_function_gives_its_shape(expression: str, shape: tuple[int, ...]) -> None:
    names = "import tensorflow as tf\nimport tensorflow.keras.backend as K\nfrom tensorflow import keras\n"
    ours = result(names + program(expression).partition("\n")[2].replace("from keras import ops\n", ""))
    assert isinstance(ours, Tensor)
    assert ours.node.kind is not Kind.OPAQUE
    assert ours.shape == shape


@pytest.mark.parametrize(
    ("expression", "function"),
    [
        ("ops.relu(a)", "relu"),
        ("ops.maximum(a, 0)", "relu"),
        ("keras.layers.ReLU(6)(a)", "relu6"),
        ("keras.layers.ReLU(negative_slope=0.2)(a)", "leaky_relu"),
        ("keras.layers.LeakyReLU(alpha=0.1)(a)", "leaky_relu"),
        ("keras.layers.Activation(keras.activations.swish)(a)", "silu"),
        ("keras.layers.Activation('hard_sigmoid')(a)", "hard_sigmoid"),
        ("keras.layers.Dense(3, activation=keras.layers.LeakyReLU())(a)", "leaky_relu"),
        ("keras.layers.Dense(3, activation=lambda x: ops.tanh(x))(a)", "tanh"),
        ("ops.clip(a, 0, 1)", "clamp"),
        ("a ** 2", "square"),
    ],
)
def test_the_canonical_name_of_an_activation(expression: str, function: str) -> None:
    node = result(program(expression)).node
    assert node.kind is Kind.ACTIVATION
    assert node.get("function") == function


def test_settings_of_activations() -> None:
    attributes = {
        expression: dict(result(program(expression)).node.attributes)
        for expression in (
            "keras.layers.LeakyReLU(alpha=0.1)(a)",
            "keras.activations.relu(a, max_value=6.0, threshold=0.5)",
            "ops.gelu(a, approximate=True)",
            "ops.elu(a, alpha=0.7)",
            "ops.softmax(a, axis=1)",
        )
    }
    assert list(attributes.values()) == [
        {"function": "leaky_relu", "negative_slope": 0.1},
        {"function": "threshold", "maximum": 6.0, "threshold": 0.5},
        {"function": "gelu", "approximate": "tanh"},
        {"function": "elu", "alpha": 0.7},
        {"function": "softmax", "axis": 1},
    ]


def test_a_product_with_a_variable_is_a_linear_layer() -> None:
    text = "w = keras.Variable('he_normal', shape=(6, 9))\nresult = ops.einsum('bij,jk->bik', a, w)\n"
    ours = result(program("a") + text)
    assert ours.node.kind is Kind.LINEAR
    assert (ours.node.get("in_features"), ours.node.get("out_features")) == (6, 9)


@pytest.mark.parametrize(
    "expression",
    [
        "ops.reshape(unknown, (2, 3))",
        "ops.concatenate(unknown)",
        "ops.matmul(a, unknown)",
        "keras.layers.Dense(unknown)(a)",
        "keras.layers.Dense(3, activation=unknown)(a)",
        "keras.layers.Conv2D(unknown, unknown, strides=unknown)(im)",
        "keras.layers.Conv2D(8, 3)(unknown)",
        "keras.layers.LSTM(unknown)(a)",
        "keras.layers.Embedding(unknown, unknown)(unknown)",
        "keras.layers.MultiHeadAttention(unknown, 4)(a, a)",
        "keras.layers.BatchNormalization(axis=unknown)(a)",
        "keras.layers.Reshape(unknown)(a)",
        "keras.layers.Concatenate(axis=unknown)([a, b])",
        "keras.layers.Add()([a, unknown])",
        "keras.layers.RNN(unknown)(a)",
        "keras.layers.Bidirectional(unknown)(a)",
        "keras.layers.TimeDistributed(unknown)(a)",
        "keras.layers.Dense(3, kernel_initializer=unknown)(a)",
        "keras.Model(a, unknown)",
        "keras.Sequential(unknown)",
        "keras.Sequential([unknown, keras.layers.Dense(3)])(a)",
        "keras.layers.Lambda(unknown)(a)",
        "keras.Input(unknown)",
        "keras.Input((unknown, 3))",
    ],
)
def test_what_is_not_known_makes_nothing_fail(expression: str) -> None:
    names = variables(program("a") + f"result = {expression}\nafterwards = 1\n")
    assert names["afterwards"] == 1
    assert "result" in names


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("ops.cond(True, lambda: a * 2, lambda: a + 2)", Kind.MULTIPLY),
        ("ops.cond(False, lambda: a * 2, lambda: a + 2)", Kind.ADD),
        ("ops.cond(unknown, lambda: a * 2, lambda: a + 2)", Kind.RESHAPE),
        ("ops.fori_loop(0, 3, lambda i, x: x * 2, a)", Kind.MULTIPLY),
        ("ops.slice_update(a, (0, 0, 0), b)", Kind.RESHAPE),
    ],
)
def test_control_flow_as_functions(expression: str, kind: Kind) -> None:
    ours = result(program(expression))
    assert (ours.node.kind, ours.shape) == (kind, (4, 4, 6))


def test_a_class_that_overrides_attention_finds_its_projections() -> None:
    text = (
        "class Mine(keras.layers.MultiHeadAttention):\n"
        "    def call(self, query, value):\n"
        "        q, k, v = self._query_dense(query), self._key_dense(value), self._value_dense(value)\n"
        "        out, _ = self._compute_attention(q, k, v)\n"
        "        return self._output_dense(out)\n"
        "    def build(self, query_shape, value_shape):\n        super().build(query_shape, value_shape)\n"
        "result = Mine(num_heads=2, key_dim=5)(a, b)\n"
    )
    ours = result(program("a") + text)
    assert ours.shape == (4, 4, 6)
    assert ours.node.kind is not Kind.OPAQUE


THEMES = ("core", "convolution", "pooling", "regularization", "normalization", "reshaping", "activation", "merging")
OTHER_THEMES = ("recurrent", "wrappers", "attention", "attention_single", "preprocessing", "cells")


@pytest.mark.parametrize("theme", [*THEMES, *OTHER_THEMES])
@pytest.mark.parametrize("value", ["unknown", "None", "-1", "'x'", "[unknown, 2]"])
def test_odd_arguments_of_a_layer_are_no_error_of_ours(theme: str, value: str) -> None:
    rows = importlib.import_module(f"gradlint.frameworks.keras.layers.{theme}").LAYERS
    calls = "".join(
        f"def f{index}():\n    return layers.{row.name}({arguments})({inputs})\n"
        for index, (row, arguments, inputs) in enumerate(
            (row, ", ".join(f"{name}={value}" for name in row.signature.names if some or name in required), inputs)
            for row in rows
            for required in [set(row.signature.names) - set(row.signature.defaults)]
            for some in (False, True)
            for inputs in ("a", "[a, a]", "im", "unknown")
        )
    )
    reasons = [u.reason for u in evaluate(program("a") + "from keras import layers\n" + calls).unresolved]
    assert [
        reason for reason in reasons if reason.startswith("keras.") and "not known" not in reason and ": " in reason
    ] == []
