"""Intent classification over averaged word vectors."""

from keras.layers import Dense, Dropout, Embedding, GlobalAveragePooling1D, Input
from keras.models import Sequential
from keras.utils import to_categorical

MAX_WORDS, LENGTH, INTENTS = 4000, 24, 12

model = Sequential()
model.add(Input(shape=(LENGTH,)))
model.add(Embedding(MAX_WORDS, 50))
model.add(GlobalAveragePooling1D())
model.add(Dense(64, activation="softmax"))  # error: [hidden-softmax]
model.add(Dropout(0.3))
model.add(Dense(INTENTS, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.summary()


def train(tokens, intents, epochs=40):
    history = model.fit(tokens, to_categorical(intents, INTENTS), batch_size=16, epochs=epochs, validation_split=0.2)
    return history.history["val_accuracy"][-1]
