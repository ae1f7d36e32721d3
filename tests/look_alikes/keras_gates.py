"""Sigmoids and tanhs that gate, in Keras: gated linear units, a highway network, gated attention pooling."""

import keras
from keras import layers, ops


class GatedLinearUnit(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.linear = layers.Dense(units)
        self.sigmoid = layers.Dense(units, activation="sigmoid")

    def call(self, inputs):
        return self.linear(inputs) * self.sigmoid(inputs)


class GatedResidualNetwork(layers.Layer):
    def __init__(self, units, dropout_rate=0.1):
        super().__init__()
        self.units = units
        self.elu_dense = layers.Dense(units, activation="elu")
        self.linear_dense = layers.Dense(units)
        self.dropout = layers.Dropout(dropout_rate)
        self.gated_linear_unit = GatedLinearUnit(units)
        self.layer_norm = layers.LayerNormalization()

    def call(self, inputs):
        x = self.elu_dense(inputs)
        x = self.linear_dense(x)
        x = self.dropout(x)
        x = inputs + self.gated_linear_unit(x)
        return self.layer_norm(x)


def highway(x, units, depth=10):
    for _ in range(depth):
        gate = layers.Dense(units, activation="sigmoid", bias_initializer=keras.initializers.Constant(-2.0))(x)
        transformed = layers.Dense(units, activation="relu")(x)
        carry = layers.Lambda(lambda t: 1.0 - t)(gate)
        x = layers.Add()([layers.Multiply()([gate, transformed]), layers.Multiply()([carry, x])])
    return x


inputs = keras.Input((24,))
x = layers.Dense(64)(inputs)
for _ in range(6):
    x = GatedResidualNetwork(64)(x)
grn = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
grn.compile(optimizer="adam", loss="sparse_categorical_crossentropy")

inputs = keras.Input((24,))
x = highway(layers.Dense(64, activation="relu")(inputs), 64)
highway_model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
highway_model.compile(optimizer="adam", loss="binary_crossentropy")

bag = keras.Input((50, 32))
h = layers.Dense(64, activation="relu")(bag)
gated = layers.Multiply()([layers.Dense(32, activation="tanh")(h), layers.Dense(32, activation="sigmoid")(h)])
weights = layers.Softmax(axis=1)(layers.Dense(1)(gated))
pooled = ops.sum(layers.Multiply()([weights, h]), axis=1)
attention = keras.Model(bag, layers.Dense(1, activation="sigmoid")(pooled))
attention.compile(optimizer="adam", loss="binary_crossentropy")
