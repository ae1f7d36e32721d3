"""Scoring of loan applications with a deep functional model."""

import tensorflow as tf
from tensorflow.keras import Input, Model, optimizers, regularizers
from tensorflow.keras.layers import Concatenate, Dense, Embedding, Flatten

NUMERIC, REGIONS = 24, 50


def tower(x, depth=28, units=64):
    for _ in range(depth):
        x = Dense(units, activation="relu", kernel_initializer="he_normal", kernel_regularizer=regularizers.l2(1e-5))(x)
    return x


def make_model():
    numeric = Input(shape=(NUMERIC,), name="numeric")
    region = Input(shape=(1,), dtype="int32", name="region")
    region_vector = Flatten()(Embedding(REGIONS, 8)(region))
    x = Concatenate()([numeric, region_vector])
    x = tower(x)
    return Model([numeric, region], Dense(1, activation="sigmoid")(x))


model = make_model()
model.compile(
    optimizer=optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True),
    loss=tf.keras.losses.BinaryCrossentropy(),
    metrics=[tf.keras.metrics.AUC()],
)
