"""Anomaly detection on server metrics with an autoencoder."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

FEATURES = 38
CODE = 16


def dense(units, activation="relu"):
    return layers.Dense(
        units,
        activation=activation,
        kernel_initializer="he_normal",
    )


def build():
    inputs = keras.Input(shape=(FEATURES,))
    x = dense(128)(inputs)
    x = dense(64)(x)
    code = dense(CODE)(x)
    x = dense(64)(code)
    x = dense(128)(x)
    outputs = layers.Dense(FEATURES)(x)
    return keras.Model(inputs, outputs, name="autoencoder")


def main():
    train = np.load("metrics_train.npy").astype("float32")
    test = np.load("metrics_test.npy").astype("float32")
    model = build()
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9), loss="mae")
    model.fit(train, train, epochs=50, batch_size=256, validation_split=0.1)
    error = np.mean(np.abs(model.predict(test) - test), axis=1)
    print("threshold:", np.quantile(error, 0.99))


if __name__ == "__main__":
    main()
