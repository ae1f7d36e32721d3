"""`compile` and `fit`, gradient tapes, optimizers and losses: what a training loop records."""

from __future__ import annotations

import pytest

from gradlint.network import EventKind, Kind, TrainingLoop
from tests.frameworks.keras.harness import evaluate, network, variables

MODEL = "import keras\nimport tensorflow as tf\nmodel = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])\n"


def loop(text: str) -> TrainingLoop:
    """The one training loop of a program that has the model above."""
    loops = evaluate(MODEL + text).loops
    assert len(loops) == 1
    return loops[0]


@pytest.mark.parametrize(
    ("optimizer", "name", "rate", "clipping"),
    [
        ("'adam'", "Adam", 0.001, ""),
        ("'SGD'", "SGD", 0.01, ""),
        ("'rmsprop'", "RMSprop", 0.001, ""),
        ("keras.optimizers.Adam(0.1)", "Adam", 0.1, ""),
        ("keras.optimizers.SGD(lr=0.5, momentum=0.9)", "SGD", 0.5, ""),
        ("keras.optimizers.AdamW(clipnorm=1.0)", "AdamW", 0.001, "clipnorm"),
        ("tf.keras.optimizers.legacy.Adagrad(clipvalue=0.5)", "Adagrad", 0.001, "clipvalue"),
        ("tf.optimizers.Nadam(global_clipnorm=2.0)", "Nadam", 0.001, "global_clipnorm"),
        ("keras.optimizers.Lion(keras.optimizers.schedules.CosineDecay(0.02, 1000))", "Lion", 0.02, ""),
        ("keras.optimizers.Adam(keras.optimizers.schedules.PiecewiseConstantDecay([9], [0.3, 0.1]))", "Adam", 0.3, ""),
        ("keras.optimizers.Ftrl", "Ftrl", 0.001, ""),
        ("keras.optimizers.get('nadam')", "Nadam", 0.001, ""),
        ("dict(class_name='Adam', config=dict(learning_rate=0.2))", "Adam", 0.2, ""),
        ("something_unknown", "unknown", None, "unknown"),
    ],
)
def test_the_optimizer_of_compile(optimizer: str, name: str, rate: float | None, clipping: str) -> None:
    found = loop(f"model.compile(optimizer={optimizer}, loss='mse')\nmodel.fit(x, y)\n").optimizers[0]
    assert (found.name, found.learning_rate, found.clipping) == (name, rate, clipping)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl"])
def test_a_rate_set_afterwards_counts(name: str) -> None:
    text = f"o = keras.optimizers.{name}()\no.learning_rate = 3.0\nmodel.compile(o, 'mse')\nmodel.fit(x, y)\n"
    assert loop(text.replace("o.learning_rate", "o.lr")).optimizers[0].learning_rate == 3.0


@pytest.mark.parametrize(
    ("loss", "function", "from_logits"),
    [
        ("'mse'", "mse", False),
        ("'binary_crossentropy'", "binary_cross_entropy", False),
        ("'sparse_categorical_crossentropy'", "cross_entropy", False),
        ("keras.losses.CategoricalCrossentropy(from_logits=True)", "cross_entropy", True),
        ("keras.losses.BinaryCrossentropy(True)", "binary_cross_entropy", True),
        ("keras.losses.BinaryCrossentropy(from_logits=flag)", "binary_cross_entropy", None),
        ("keras.losses.mean_squared_error", "mse", False),
        ("tf.keras.losses.Huber", "huber", False),
        ("['mae']", "l1", False),
        ("{'out': 'kld'}", "kl_div", False),
        ("lambda a, b: a - b", "custom", None),
        ("a_name_that_nothing_binds", "unknown", None),
    ],
)
def test_the_loss_of_compile(loss: str, function: str, from_logits: bool | None) -> None:
    found = loop(f"model.compile('sgd', loss={loss})\nmodel.fit(x, y)\n")
    details = found.events_of(EventKind.COMPILE)[0].details
    assert (details["loss"], details["from_logits"]) == (function, from_logits)


def test_fit_is_a_loop_over_the_parameters_that_are_trained() -> None:
    found = loop(
        "model.add(keras.layers.BatchNormalization())\nmodel.compile('sgd', 'mse')\nmodel.fit(x, y, 32, epochs=7)\n"
    )
    assert [event.kind for event in found.events] == [EventKind.COMPILE, EventKind.FIT]
    assert found.events[-1].details["epochs"] == 7
    assert found.events[-1].details["options"]["batch_size"] == 32
    assert [p.name for p in found.optimizers[0].parameters or ()] == ["kernel", "bias", "gamma", "beta"]
    assert [found.parameter_count for found in found.networks] == [39]


TAPE = """
optimizer = keras.optimizers.Adam()
loss_fn = keras.losses.MeanSquaredError()
for x, y in data:
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    grads = tape.gradient(loss, model.trainable_variables)
    {}
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
"""


@pytest.mark.parametrize(
    ("clip", "method", "limit"),
    [
        ("grads, _ = tf.clip_by_global_norm(grads, 1.5)", "norm", 1.5),
        ("grads = [tf.clip_by_norm(g, 2.0) for g in grads]", "norm", 2.0),
        ("grads = [tf.clip_by_value(g, -0.5, 0.5) for g in grads]", "value", 0.5),
        ("grads = [keras.ops.clip(g, -0.5, 0.5) for g in grads]", "value", 0.5),
    ],
)
def test_clipping_between_backward_and_step(clip: str, method: str, limit: float) -> None:
    found = loop(TAPE.format(clip))
    steps = (EventKind.FORWARD, EventKind.BACKWARD, EventKind.CLIP, EventKind.STEP)
    assert tuple(event.kind for event in found.events_of(*steps)) == steps
    event = found.events_of(EventKind.CLIP)[0]
    assert (event.details["method"], event.details["limit"]) == (method, limit)


def test_a_tape_without_clipping() -> None:
    found = loop(TAPE.format("pass"))
    assert not found.events_of(EventKind.CLIP)
    backward = found.events_of(EventKind.BACKWARD)[0]
    assert backward.node is not None
    assert backward.node.kind is Kind.LOSS
    assert found.optimizers[0].name == "Adam"
    assert len(found.optimizers[0].parameters or ()) == 2
    assert found.complete


def test_minimize_is_backward_and_step() -> None:
    found = loop(
        "optimizer = tf.optimizers.SGD(0.1)\nfor x, y in data:\n"
        "    optimizer.minimize(lambda: keras.losses.mse(y, model(x)), model.trainable_variables)\n"
    )
    assert found.events_of(EventKind.BACKWARD)
    assert found.events_of(EventKind.STEP)


def test_a_train_step_of_the_source_is_the_loop() -> None:
    loops = evaluate(
        "import keras\nimport tensorflow as tf\n"
        "class Net(keras.Model):\n    def train_step(self, data):\n        x, y = data\n"
        "        with tf.GradientTape() as tape:\n            y_pred = self(x, training=True)\n"
        "            loss = self.compute_loss(y=y, y_pred=y_pred)\n"
        "        gradients = tape.gradient(loss, self.trainable_variables)\n"
        "        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))\n        return {}\n"
        "i = keras.Input((8,))\nmodel = Net(i, keras.layers.Dense(1)(i))\n"
        "model.compile('adam', keras.losses.BinaryCrossentropy(from_logits=True))\nmodel.fit(x, y)\n"
    ).loops
    steps = [event.kind for found in loops for event in found.events]
    assert EventKind.FIT not in steps
    assert [kind for kind in steps if kind in (EventKind.BACKWARD, EventKind.STEP)] == [
        EventKind.BACKWARD,
        EventKind.STEP,
    ]
    backward = next(e for found in loops for e in found.events_of(EventKind.BACKWARD))
    assert backward.node is not None
    assert (backward.node.get("function"), backward.node.get("from_logits")) == ("binary_cross_entropy", True)


def test_losses_called_on_tensors() -> None:
    names = variables(
        MODEL + "x, y = keras.Input((8,)), keras.Input((3,))\np = model(x)\n"
        "a = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=p)\n"
        "b = keras.losses.binary_crossentropy(y, p, from_logits=True)\n"
        "c = keras.losses.MeanSquaredError(reduction='none')(y, p)\n"
        "d = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(y, p))\n"
        "e = keras.losses.Huber()(y, p)\n"
    )
    found = {
        name: (names[name].node.get("function"), names[name].node.get("from_logits"), names[name].shape)
        for name in "abce"
    }
    assert found == {
        "a": ("cross_entropy", True, (4,)),
        "b": ("binary_cross_entropy", True, (4,)),
        "c": ("mse", False, (4,)),
        "e": ("huber", False, ()),
    }
    assert names["d"].node.inputs[0].kind is Kind.LOSS


def test_a_variable_is_a_parameter_with_the_distribution_of_its_initial_value() -> None:
    names = variables(
        "import tensorflow as tf\nimport keras\n"
        "w = tf.Variable(tf.random.normal([784, 100], stddev=0.1))\n"
        "v = tf.Variable(tf.zeros(100), trainable=False)\n"
        "u = tf.Variable(tf.keras.initializers.GlorotUniform()(shape=[64, 32]))\n"
        "k = keras.Variable('he_normal', shape=(50, 10))\n"
        "y = tf.nn.relu(tf.matmul(keras.Input((784,)), w) + v)\n"
    )
    w, v, u, k = (names[name].parameter for name in "wvuk")
    assert (w.shape, w.distribution.std, w.trainable) == ((784, 100), 0.1, True)
    assert (v.shape, v.distribution.mean, v.trainable) == ((100,), 0.0, False)
    assert u.distribution.std == pytest.approx((2 / 96) ** 0.5)
    assert k.distribution.std == pytest.approx((2 / 50) ** 0.5)
    linear = next(node for node in _behind(names["y"].node) if node.kind is Kind.LINEAR)
    assert linear.parameters["weight"] is w


def _behind(node: object) -> list[object]:
    found, stack = [], [node]
    while stack:
        current = stack.pop()
        found.append(current)
        stack.extend(current.inputs)
    return found


def test_the_gradient_stops_at_stop_gradient() -> None:
    found = network(
        "import keras\nimport tensorflow as tf\ni = keras.Input((8,))\nh = keras.layers.Dense(4)(i)\n"
        "model = keras.Model(i, h + tf.stop_gradient(h * 2))\n"
    )
    assert [node.kind for node in found.nodes].count(Kind.STOP) == 1
