"""Breast cancer: benign or malignant."""

import keras
import numpy as np
from keras.layers import Dense, Dropout
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

EPOCHS, BATCH = 100, 16


def load():
    data = load_breast_cancer()
    x = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    return train_test_split(x.astype("float32"), data.target.astype("float32"), test_size=0.2, random_state=1)


class CancerModel:
    def __init__(self, features, units=32):
        self.model = keras.Sequential(
            [
                keras.Input((features,)),
                Dense(units, activation="relu"),
                Dropout(0.2),
                Dense(units // 2, activation="relu"),
                Dense(1, activation="sigmoid"),
            ]
        )
        self.model.compile(optimizer="sgd", loss="binary_crossentropy", metrics=["accuracy"])

    def fit(self, x, y):
        return self.model.fit(x, y, epochs=EPOCHS, batch_size=BATCH, validation_split=0.1, verbose=0)

    def report(self, x, y):
        predicted = self.model.predict(x)[:, 0] > 0.5
        print("accuracy", np.mean(predicted == (y > 0.5)))


if __name__ == "__main__":
    x_train, x_test, y_train, y_test = load()
    model = CancerModel(x_train.shape[1])
    model.fit(x_train, y_train)
    model.report(x_test, y_test)
