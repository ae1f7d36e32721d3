"""Energy of molecules from fingerprints, with a deep GELU network."""

import keras
import numpy as np
from keras import layers

DEPTH, WIDTH = 36, 256


def build_model(features):
    model = keras.Sequential(name="energy")
    model.add(keras.Input(shape=(features,)))
    for index in range(DEPTH):
        model.add(
            layers.Dense(WIDTH, activation="gelu", kernel_initializer="he_normal", name=f"dense_{index}")  # error: [missing-normalization]
        )
    model.add(layers.Dense(1, name="energy"))
    return model


def main():
    with np.load("qm9.npz") as data:
        x, y = data["fingerprints"].astype("float32"), data["energy"].astype("float32")
    y = (y - y.mean()) / y.std()
    model = build_model(x.shape[1] if x.ndim == 2 else 1024)
    schedule = keras.optimizers.schedules.CosineDecay(0.02, decay_steps=50_000)
    model.compile(keras.optimizers.SGD(schedule, momentum=0.9), loss="mse", metrics=["mae"])
    model.fit(x, y, batch_size=512, epochs=100, validation_split=0.1)
    model.save("energy.keras")


if __name__ == "__main__":
    main()
