"""Sentiment classification with stacked LSTMs; the optimizer clips."""

from tensorflow.keras.datasets import imdb
from tensorflow.keras.layers import LSTM, Bidirectional, Dense, Dropout, Embedding, Input
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import Adam
from tensorflow.keras.preprocessing.sequence import pad_sequences

MAX_FEATURES = 20000
MAX_LENGTH = 80

(x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=MAX_FEATURES)
x_train = pad_sequences(x_train, maxlen=MAX_LENGTH)
x_test = pad_sequences(x_test, maxlen=MAX_LENGTH)

model = Sequential(
    [
        Input(shape=(MAX_LENGTH,)),
        Embedding(MAX_FEATURES, 128),
        Bidirectional(LSTM(64, return_sequences=True)),
        LSTM(64),
        Dropout(0.5),
        Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer=Adam(learning_rate=1e-3, clipnorm=1.0), metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=15, validation_data=(x_test, y_test))
