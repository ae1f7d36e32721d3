"""Handwritten digits, one against the rest, with rectified units and an initializer that suits them (Keras)."""

import keras
from keras.layers import Dense
from keras.models import Sequential

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train.reshape(-1, 784).astype("float32") / 255
x_test = x_test.reshape(-1, 784).astype("float32") / 255

model = Sequential()
model.add(keras.Input(shape=(784,)))
for _ in range(10):
    model.add(Dense(128, activation="relu", kernel_initializer="he_normal"))
model.add(Dense(1, activation="sigmoid"))

model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(x_train, (y_train == 7).astype("float32"), epochs=5, batch_size=128)
print(model.evaluate(x_test, (y_test == 7).astype("float32")))
