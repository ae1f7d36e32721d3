"""Sentiment with a frozen encoder."""

import keras
from keras import layers

VOCABULARY = 20000
LENGTH = 256


def build_encoder(width=128):
    inputs = keras.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(VOCABULARY, width)(inputs)  # error: [frozen-untrained-layers]
    x = layers.Conv1D(width, 5, activation="relu", padding="same")(x)
    x = layers.GlobalMaxPooling1D()(x)
    outputs = layers.Dense(width, activation="relu")(x)
    return keras.Model(inputs, outputs, name="encoder")


def build_classifier(encoder):
    inputs = keras.Input((LENGTH,), dtype="int32")
    features = encoder(inputs)
    x = layers.Dropout(0.5)(features)
    x = layers.Dense(64, activation="relu")(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    return keras.Model(inputs, outputs, name="sentiment")


def main():
    (x_train, y_train), (x_test, y_test) = keras.datasets.imdb.load_data(num_words=VOCABULARY)
    x_train = keras.utils.pad_sequences(x_train, maxlen=LENGTH)
    x_test = keras.utils.pad_sequences(x_test, maxlen=LENGTH)

    encoder = build_encoder()
    encoder.trainable = False
    model = build_classifier(encoder)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=5, batch_size=64, validation_split=0.2)
    print(model.evaluate(x_test, y_test))


if __name__ == "__main__":
    main()
