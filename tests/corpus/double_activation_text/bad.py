"""Topic classification of short texts with TensorFlow."""

import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Dense, Dropout, Embedding, GlobalAveragePooling1D
from tensorflow.keras.models import Sequential
from tensorflow.keras.preprocessing.sequence import pad_sequences

CONFIG = {
    "vocabulary": 10000,
    "length": 120,
    "embedding": 64,
    "hidden": 64,
    "topics": 20,
    "batch_size": 128,
    "epochs": 10,
}


def build_model(config):
    model = Sequential()
    model.add(tf.keras.Input(shape=(config["length"],)))
    model.add(Embedding(config["vocabulary"], config["embedding"]))
    model.add(GlobalAveragePooling1D())
    model.add(Dense(config["hidden"], activation="relu"))
    model.add(Dropout(0.3))
    model.add(Dense(config["topics"], activation="softmax"))  # error: [double-activation]
    return model


def load(path):
    with np.load(path, allow_pickle=True) as data:
        x = pad_sequences(data["tokens"], maxlen=CONFIG["length"], padding="post")
        y = data["topics"].astype("int32")
    return x, y


x_train, y_train = load("train.npz")
x_test, y_test = load("test.npz")

model = build_model(CONFIG)
model.compile(
    optimizer=tf.keras.optimizers.Adam(1e-3),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.summary()
history = model.fit(
    x_train,
    y_train,
    validation_split=0.1,
    epochs=CONFIG["epochs"],
    batch_size=CONFIG["batch_size"],
    callbacks=[tf.keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)],
)
print(model.evaluate(x_test, y_test))
