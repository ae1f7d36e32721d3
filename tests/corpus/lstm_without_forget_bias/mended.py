"""Remaining useful life of turbofan engines."""

from dataclasses import asdict, dataclass

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers


@dataclass(frozen=True)
class Settings:
    window: int = 250
    sensors: int = 14
    units: int = 100
    dropout: float = 0.2
    epochs: int = 60
    batch_size: int = 200


settings = Settings()


def windows(series, length):
    return np.stack([series[i : i + length] for i in range(len(series) - length + 1)])


def build(s: Settings) -> keras.Model:
    inputs = keras.Input(shape=(s.window, s.sensors))
    x = layers.LSTM(s.units, dropout=s.dropout)(inputs)
    x = layers.Dense(s.units // 2, activation="relu")(x)
    outputs = layers.Dense(1)(x)
    model = keras.Model(inputs, outputs, name="rul")
    model.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=1e-3, global_clipnorm=1.0),
        loss="mse",
        metrics=[keras.metrics.RootMeanSquaredError()],
    )
    return model


def main():
    print(asdict(settings))
    train = np.load("FD001_train.npz")
    x = np.concatenate([windows(train[k], settings.window) for k in train.files if k.startswith("engine")])
    y = train["rul"]
    model = build(settings)
    model.fit(x, y, epochs=settings.epochs, batch_size=settings.batch_size, validation_split=0.05, verbose=2)
    model.save("rul.keras")


if __name__ == "__main__":
    main()
