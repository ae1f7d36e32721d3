"""Fashion articles with a convolutional network; hyperparameters in one place."""

import tensorflow as tf
from tensorflow import keras

params = dict(
    filters=(32, 64),
    dense=128,
    dropout=0.4,
    learning_rate=0.5,
    batch_size=128,
    epochs=10,
)

(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train = x_train[..., None].astype("float32") / 255
x_test = x_test[..., None].astype("float32") / 255


def make_model(p):
    model = keras.models.Sequential()
    model.add(keras.layers.Conv2D(p["filters"][0], 3, activation="relu", input_shape=(28, 28, 1)))
    model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Conv2D(p["filters"][1], 3, activation="relu"))
    model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(p["dense"], activation="relu"))
    model.add(keras.layers.Dropout(p["dropout"]))
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


model = make_model(params)
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=tf.keras.optimizers.Adam(learning_rate=params["learning_rate"]),  # error: [high-learning-rate]
    metrics=["accuracy"],
)
model.fit(
    x_train,
    y_train,
    batch_size=params["batch_size"],
    epochs=params["epochs"],
    validation_data=(x_test, y_test),
)
score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
