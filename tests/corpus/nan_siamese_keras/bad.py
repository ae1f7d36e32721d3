"""Pairs of digits: the same or not?"""

import random

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras.layers import Dense, Dropout, Flatten, Input, Lambda
from tensorflow.keras.models import Model
from tensorflow.keras.optimizers import RMSprop


def euclidean_distance(vects):
    x, y = vects
    return K.sqrt(K.sum(K.square(x - y), axis=1, keepdims=True))  # error: [nan-gradient]


def contrastive_loss(y_true, y_pred):
    margin = 1.0
    return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(margin - y_pred, 0.0)))


def create_pairs(x, digit_indices):
    pairs, labels = [], []
    n = min(len(d) for d in digit_indices) - 1
    for d in range(10):
        for i in range(n):
            a, b = digit_indices[d][i], digit_indices[d][i + 1]
            pairs.append([x[a], x[b]])
            other = (d + random.randrange(1, 10)) % 10
            pairs.append([x[a], x[digit_indices[other][i]]])
            labels += [1, 0]
    return np.array(pairs), np.array(labels).astype("float32")


def create_base_network(input_shape):
    inputs = Input(shape=input_shape)
    x = Flatten()(inputs)
    x = Dense(128, activation="relu")(x)
    x = Dropout(0.1)(x)
    x = Dense(128, activation="relu")(x)
    return Model(inputs, x)


(x_train, y_train), _ = tf.keras.datasets.mnist.load_data()
x_train = x_train.astype("float32") / 255
pairs, labels = create_pairs(x_train, [np.where(y_train == i)[0] for i in range(10)])

base_network = create_base_network((28, 28))
input_a = Input(shape=(28, 28))
input_b = Input(shape=(28, 28))
distance = Lambda(euclidean_distance)([base_network(input_a), base_network(input_b)])
model = Model([input_a, input_b], distance)
model.compile(loss=contrastive_loss, optimizer=RMSprop())
model.fit([pairs[:, 0], pairs[:, 1]], labels, batch_size=128, epochs=20)
