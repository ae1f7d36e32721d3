"""The spiral, with a deep network."""

import numpy as np
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense
from tensorflow.keras.optimizers import SGD

N_HIDDEN = 10
N_UNITS = 128


def spiral(n, noise=0.2, seed=0):
    rng = np.random.default_rng(seed)
    t = np.sqrt(rng.uniform(size=n)) * 3 * np.pi
    label = rng.integers(0, 2, size=n)
    sign = 2 * label - 1
    points = np.stack([sign * t * np.cos(t), sign * t * np.sin(t)], axis=1)
    points += noise * rng.standard_normal(points.shape)
    return (points / 10).astype("float32"), label.astype("float32")


x_train, y_train = spiral(2000)
x_test, y_test = spiral(500, seed=1)

model = Sequential()
model.add(Dense(N_UNITS, activation="relu", input_shape=(2,)))
for _ in range(N_HIDDEN):
    model.add(Dense(N_UNITS, activation="sigmoid"))  # error: [deep-sigmoid-stack]
model.add(Dense(1, activation="sigmoid"))

model.compile(loss="binary_crossentropy", optimizer=SGD(learning_rate=0.01), metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=200, batch_size=32, validation_data=(x_test, y_test), verbose=0)
print(history.history["val_accuracy"][-1])
