"""Bank customers who leave: a small network on a table."""

import keras
import pandas as pd
from keras import layers
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

data = pd.read_csv("Churn_Modelling.csv")
X = pd.get_dummies(data.iloc[:, 3:13], columns=["Geography", "Gender"], drop_first=True)
y = data["Exited"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)


def create_model(units=(16, 16), dropout=0.1):
    model = keras.Sequential(name="churn")
    model.add(keras.Input(shape=(11,)))
    for n in units:
        model.add(layers.Dense(n, kernel_initializer="he_uniform", activation="relu"))
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(1, kernel_initializer="glorot_uniform", activation="sigmoid"))
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


classifier = create_model()
classifier.fit(X_train, y_train, batch_size=32, epochs=100, validation_split=0.1, verbose=2)

y_pred = classifier.predict(X_test) > 0.5
print((y_pred[:, 0] == y_test.to_numpy()).mean())
