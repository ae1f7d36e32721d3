"""Gated dilated convolutions in the functional API."""

from tensorflow import keras
from tensorflow.keras import layers


def gated_block(x, channels, dilation):
    filtered = layers.Conv1D(channels, 2, padding="causal", dilation_rate=dilation, activation="tanh")(x)
    gate = layers.Conv1D(channels, 2, padding="causal", dilation_rate=dilation, activation="sigmoid")(x)
    z = layers.Multiply()([filtered, gate])
    skip = layers.Conv1D(channels, 1)(z)
    return layers.Add()([x, skip]), skip


def build(length=1024, channels=32, depth=8, classes=64):
    inputs = keras.Input((length, 1))
    x = layers.Conv1D(channels, 1)(inputs)
    skips = []
    for dilation in [2**i for i in range(depth)] * 2:
        x, skip = gated_block(x, channels, dilation)
        skips.append(skip)
    x = layers.Activation("relu")(layers.Add()(skips))
    x = layers.Conv1D(channels, 1, activation="relu")(x)
    outputs = layers.Conv1D(classes, 1, activation="softmax")(x)
    return keras.Model(inputs, outputs)


model = build()
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy")
