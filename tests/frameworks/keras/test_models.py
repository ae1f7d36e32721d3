"""Sequential, functional and subclassed models in all import styles: the same network however it is written."""

from __future__ import annotations

import pytest

from gradlint.network import Framework, Kind
from tests.frameworks.keras.harness import class_names, evaluate, kinds, network, variables

STYLES = {
    "keras": "import keras\nfrom keras import layers, Sequential\n",
    "tensorflow.keras": "from tensorflow import keras\nfrom tensorflow.keras import layers\n"
    "from tensorflow.keras.models import Sequential\n",
    "tf.keras": "import tensorflow as tf\nkeras = tf.keras\nlayers = tf.keras.layers\n"
    "Sequential = tf.keras.models.Sequential\n",
    "tf_keras": "import tf_keras as keras\nfrom tf_keras import layers\nfrom tf_keras.models import Sequential\n",
    "tensorflow.python": "from tensorflow.python import keras\nfrom tensorflow.python.keras import layers\n"
    "from tensorflow.python.keras.models import Sequential\n",
}

FORMS = {
    "list": "model = Sequential([keras.Input((784,))] + [layers.Dense(128, 'sigmoid') for _ in range(10)]"
    " + [layers.Dense(10)])",
    "add": "model = Sequential()\nmodel.add(layers.Dense(128, activation='sigmoid', input_shape=(784,)))\n"
    "for _ in range(9):\n    model.add(layers.Dense(128, activation='sigmoid'))\nmodel.add(layers.Dense(10))",
    "input_dim": "model = Sequential()\nmodel.add(layers.Dense(128, activation='sigmoid', input_dim=784))\n"
    "for _ in range(9):\n    model.add(layers.Dense(128, activation='sigmoid'))\nmodel.add(layers.Dense(10))",
    "input layer": "model = Sequential()\nmodel.add(layers.InputLayer(input_shape=(784,)))\n"
    "for _ in range(10):\n    model.add(layers.Dense(128, activation='sigmoid'))\nmodel.add(layers.Dense(10))",
    "built": "model = Sequential([layers.Dense(128, 'sigmoid') for _ in range(10)])\n"
    "model.add(layers.Dense(10))\nmodel.build((None, 784))",
    "functional": "x = inputs = keras.Input(shape=(784,))\nfor _ in range(10):\n"
    "    x = layers.Dense(128, activation=keras.activations.sigmoid)(x)\n"
    "model = keras.Model(inputs=inputs, outputs=layers.Dense(10)(x))",
    "subclassed": "class Net(keras.Model):\n    def __init__(self):\n        super().__init__()\n"
    "        self.hidden_layers = [layers.Dense(128, activation='sigmoid') for _ in range(10)]\n"
    "        self.head = layers.Dense(10)\n    def call(self, x, training=False):\n"
    "        for layer in self.hidden_layers:\n            x = layer(x)\n        return self.head(x)\n"
    "model = Net()\nmodel.build((None, 784))",
    "functional subclass": "class Net(keras.Model):\n    def __init__(self):\n"
    "        x = inputs = keras.Input((784,))\n        for _ in range(10):\n"
    "            x = layers.Activation('sigmoid')(layers.Dense(128)(x))\n"
    "        super().__init__(inputs, layers.Dense(10)(x))\nmodel = Net()",
}

TEN_SIGMOID_LAYERS = 784 * 128 + 128 + 9 * (128 * 128 + 128) + 128 * 10 + 10


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("style", STYLES)
def test_ten_sigmoid_layers_are_the_same_network_in_every_form_and_import_style(style: str, form: str) -> None:
    found = network(STYLES[style] + FORMS[form])
    assert found.framework is Framework.KERAS
    assert found.complete
    assert found.parameter_count == TEN_SIGMOID_LAYERS
    assert kinds(found) == [Kind.INPUT, *[Kind.LINEAR, Kind.ACTIVATION] * 10, Kind.LINEAR]
    assert {node.get("function") for node in found.nodes if node.kind is Kind.ACTIVATION} == {"sigmoid"}
    assert found.nodes[1].parameters["weight"].distribution.scheme == "keras"


def test_a_sequential_model_without_input_shape_is_built_by_its_data() -> None:
    found = network(
        "import keras\n(x, y), _ = keras.datasets.mnist.load_data()\n"
        "model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])\n"
        "model.compile('sgd', 'mse')\nmodel.fit(x, y)\n"
    )
    assert found.parameter_count == 784 * 10 + 10


def test_a_sequential_model_that_nothing_builds_gets_an_assumed_width() -> None:
    found = network(
        "import keras\nmodel = keras.Sequential([keras.layers.Dense(8), keras.layers.Dense(2)])\nmodel.fit()"
    )
    assert [node.kind for node in found.weighted] == [Kind.LINEAR, Kind.LINEAR]
    assert [parameter.assumed for parameter in found.parameters] == [True, False, False, False]


def test_pop_takes_the_last_layer_off() -> None:
    found = network(
        "import keras\nmodel = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])\n"
        "model.pop()\n"
    )
    assert found.parameter_count == 15
    assert found.outputs[0].shape == (4, 3)


def test_a_model_inside_a_model_is_run_through_with_shared_weights() -> None:
    found = network(
        "import keras\nfrom keras import layers\n"
        "inner_in = keras.Input((6,))\n"
        "inner = keras.Model(inner_in, layers.Dense(5, activation='relu')(inner_in), name='encoder')\n"
        "a, b = keras.Input((6,)), keras.Input((6,))\n"
        "model = keras.Model([a, b], layers.concatenate([inner(a), inner(b)]))\n"
    )
    assert found.parameter_count == 35
    assert len(found.weighted) == 2
    assert found.weighted[0].parameters["weight"] is found.weighted[1].parameters["weight"]
    assert found.outputs[0].shape == (4, 10)


def test_a_sequential_model_is_a_layer_of_another() -> None:
    found = network(
        "import keras\nfrom keras import layers\n"
        "block = keras.Sequential([layers.Dense(8, 'relu'), layers.Dense(6)])\n"
        "x = inputs = keras.Input((6,))\nx = layers.add([x, block(x)])\n"
        "model = keras.Model(inputs, block(x))\n"
    )
    assert found.parameter_count == (6 * 8 + 8) + (8 * 6 + 6)
    assert class_names(found).count("Dense") == 4


def test_a_functional_model_takes_images_of_another_size() -> None:
    found = network(
        "import keras\nfrom keras import layers\n"
        "i = keras.Input((32, 32, 3))\n"
        "x = layers.MaxPooling2D()(layers.Conv2D(4, 3, strides=2, padding='same', activation='relu')(i))\n"
        "inner = keras.Model(i, layers.BatchNormalization()(x))\n"
        "j = keras.Input((64, 48, 3))\nmodel = keras.Model(j, inner(j))\n"
    )
    assert found.outputs[0].shape == (4, 16, 12, 4)


def test_layers_and_tensors_of_a_model_can_be_taken_from_it() -> None:
    names = variables(
        "import keras\nfrom keras import layers\n"
        "i = keras.Input((8,), name='features')\n"
        "h = layers.Dense(4, name='hidden')(i)\n"
        "model = keras.Model(i, layers.Dense(2)(h))\n"
        "feature_model = keras.Model(model.input, model.get_layer('hidden').output)\n"
        "count, width = len(model.layers), model.output_shape[-1]\n"
        "name, units = model.layers[0].name, model.layers[-1].units\n"
        "parameters, inner = model.count_params(), feature_model.count_params()\n"
    )
    assert (names["count"], names["width"], names["name"], names["units"]) == (3, 2, "features", 2)
    assert (names["parameters"], names["inner"]) == (46, 36)


def test_a_frozen_layer_is_not_trained_and_thaws_without_its_statistics() -> None:
    text = (
        "import keras\nfrom keras import layers\n"
        "model = keras.Sequential([keras.Input((8,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])\n"
        "{}\n"
    )
    assert network(text.format("")).trainable_count == 36 + 8 + 10
    assert network(text.format("model.layers[0].trainable = False")).trainable_count == 8 + 10
    assert network(text.format("model.trainable = False")).trainable_count == 0
    thawed = network(text.format("model.trainable = False\nmodel.trainable = True"))
    assert thawed.trainable_count == 36 + 8 + 10
    assert thawed.parameter_count == 36 + 16 + 10


def test_a_layer_frozen_before_it_is_built_stays_so() -> None:
    found = network(
        "import keras\nlayer = keras.layers.Dense(4)\nlayer.trainable = False\n"
        "model = keras.Sequential([keras.Input((8,)), layer, keras.layers.Dense(2, trainable=False)])\n"
    )
    assert found.trainable_count == 0
    assert found.parameter_count == 46


def test_a_layer_of_the_source_builds_its_weights_in_either_argument_order() -> None:
    found = network(
        "import keras\nfrom keras import layers\n"
        "class Scale(layers.Layer):\n"
        "    def __init__(self, units, **kwargs):\n        super().__init__(**kwargs)\n        self.units = units\n"
        "    def build(self, input_shape):\n"
        "        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer='he_normal', name='w')\n"
        "        self.b = self.add_weight('b', (self.units,), initializer='zeros')\n"
        "        self.step = self.add_weight(shape=(), trainable=False, name='step')\n"
        "        super().build(input_shape)\n"
        "    def call(self, inputs):\n        return keras.ops.matmul(inputs, self.w) + self.b\n"
        "i = keras.Input((8,))\nmodel = keras.Model(i, Scale(3)(i))\n"
    )
    assert [parameter.shape for parameter in found.parameters] == [(8, 3), (3,), ()]
    assert found.trainable_count == 27
    weight = next(node for node in found.nodes if node.kind is Kind.LINEAR).parameters["weight"]
    assert (weight.distribution.scheme, weight.distribution.explicit) == ("he", True)


def test_training_is_passed_to_layers_that_take_it_and_to_no_others() -> None:
    names = variables(
        "import keras\n"
        "class A(keras.layers.Layer):\n    def call(self, x, training):\n        return x * 2 if training else x\n"
        "class B(keras.layers.Layer):\n    def call(self, x):\n        return x\n"
        "i = keras.Input((3,))\na, b = A()(i), B()(i, training=True)\n"
    )
    assert names["a"].node.kind is Kind.MULTIPLY
    assert names["b"].node.kind is Kind.INPUT


def test_pretrained_weights_are_noted() -> None:
    text = "import keras\nmodel = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])\n"
    assert not network(text).pretrained
    assert network(text + "model.load_weights('weights.h5')").pretrained
    assert network(text + "model.layers[0].set_weights(saved)").pretrained


def test_a_model_from_applications_is_pretrained_and_its_inside_not_followed() -> None:
    networks = evaluate(
        "import keras\nbase = keras.applications.ResNet50(include_top=False, input_shape=(128, 128, 3))\n"
        "base.trainable = False\nx = keras.layers.GlobalAveragePooling2D()(base.output)\n"
        "model = keras.Model(base.input, keras.layers.Dense(10)(x))\n"
    ).networks
    model = next(found for found in networks if found.call.startswith("keras.Model"))
    assert model.pretrained
    assert not model.complete
    assert model.trainable_count == 2048 * 10 + 10


def test_a_model_that_only_holds_others_is_no_network() -> None:
    networks = evaluate(
        "import keras\n"
        "class Pair(keras.Model):\n    def __init__(self, a, b):\n        super().__init__()\n"
        "        self.a, self.b = a, b\n"
        "    def train_step(self, data):\n        return {}\n"
        "a = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])\n"
        "b = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])\n"
        "pair = Pair(a, b)\npair.compile('adam')\n"
    ).networks
    assert sorted(found.parameter_count or 0 for found in networks) == [10, 12]


def test_channels_first_moves_the_channels() -> None:
    found = network(
        "import keras\nkeras.backend.set_image_data_format('channels_first')\n"
        "model = keras.Sequential([keras.Input((3, 32, 32)), keras.layers.Conv2D(8, 3), keras.layers.MaxPooling2D(),"
        " keras.layers.GlobalAveragePooling2D()])\n"
    )
    assert [node.shape for node in found.nodes] == [(4, 3, 32, 32), (4, 8, 30, 30), (4, 8, 15, 15), (4, 8)]


def test_open_sizes_are_assumed() -> None:
    shapes = [
        node.shape
        for text in ("(None,)", "(None, 16)", "(None, None, 3)")
        for node in network(
            f"import keras\ni = keras.Input({text})\nmodel = keras.Model(i, keras.layers.Activation('relu')(i))\n"
        ).inputs
    ]
    assert shapes == [(4, 32), (4, 32, 16), (4, 224, 224, 3)]


def test_a_layer_that_asks_layers_what_they_take() -> None:
    found = network(
        "import inspect\nimport keras\n"
        "class Block(keras.layers.Layer):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.parts = [keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dropout(0.1)]\n"
        "    def call(self, x, training=None):\n"
        "        for part in self.parts:\n"
        "            takes = 'training' in dict(inspect.signature(part.call).parameters)\n"
        "            x = part(x, training=training) if takes else part(x)\n"
        "        return x\n"
        "model = keras.Sequential([keras.Input((4,)), Block()])\n"
    )
    assert found.complete
    assert [node.kind for node in found.nodes] == [Kind.INPUT, Kind.LINEAR, Kind.NORMALIZATION, Kind.DROPOUT]


def test_a_builder_that_is_asked_whether_to_include_a_head_does() -> None:
    found = network(
        "import keras\n"
        "def Small(include_top, classes=10):\n"
        "    x = inputs = keras.Input((4,))\n    x = keras.layers.Dense(8)(x)\n"
        "    if include_top:\n        x = keras.layers.Dense(classes)(x)\n"
        "    return keras.Model(inputs, x)\n"
    )
    assert found.complete
    assert len(found.weighted) == 2
