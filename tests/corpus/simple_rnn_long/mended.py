"""Arrhythmia from single-lead ECG, 360 samples a beat."""

import numpy as np
import tensorflow as tf

STEPS = 360
CLASSES = 5


class BeatClassifier:
    """A recurrent classifier with its training."""

    def __init__(self, units=64, learning_rate=1e-3):
        self.model = tf.keras.Sequential(
            [
                tf.keras.layers.InputLayer(input_shape=(STEPS, 1)),
                tf.keras.layers.Conv1D(units, 7, strides=5, activation="relu"),
                tf.keras.layers.Conv1D(units, 5, strides=3, activation="relu"),
                tf.keras.layers.LSTM(units),
                tf.keras.layers.Dense(32, activation="relu"),
                tf.keras.layers.Dense(CLASSES, activation="softmax"),
            ]
        )
        self.model.compile(
            optimizer=tf.keras.optimizers.Adam(learning_rate, clipnorm=1.0),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )

    def fit(self, beats, labels, epochs=30):
        stop = tf.keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
        return self.model.fit(
            beats[..., None], labels, validation_split=0.15, epochs=epochs, batch_size=256, callbacks=[stop]
        )

    def evaluate(self, beats, labels):
        return self.model.evaluate(beats[..., None], labels, verbose=0)


def load(path):
    table = np.loadtxt(path, delimiter=",")
    return table[:, :STEPS].astype("float32"), table[:, -1].astype("int32")


if __name__ == "__main__":
    classifier = BeatClassifier()
    classifier.fit(*load("mitbih_train.csv"))
    print(classifier.evaluate(*load("mitbih_test.csv")))
