"""Squeeze-and-excitation blocks in the functional API: the sigmoids are gates."""

from keras import Model, layers


def se_block(x, reduction=16):
    channels = x.shape[-1]
    squeeze = layers.GlobalAveragePooling2D()(x)
    excitation = layers.Dense(channels // reduction, activation="relu", use_bias=False)(squeeze)
    excitation = layers.Dense(channels, activation="sigmoid", use_bias=False)(excitation)
    excitation = layers.Reshape((1, 1, channels))(excitation)
    return layers.Multiply()([x, excitation])


def bottleneck(x, filters, strides=1):
    shortcut = x
    y = layers.Conv2D(filters, 1, use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(4 * filters, 1, use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    y = se_block(y)
    if strides != 1 or shortcut.shape[-1] != 4 * filters:
        shortcut = layers.Conv2D(4 * filters, 1, strides=strides, use_bias=False)(shortcut)
        shortcut = layers.BatchNormalization()(shortcut)
    return layers.ReLU()(layers.Add()([shortcut, y]))


def SEResNet(stages=(3, 4, 6, 3), classes=1000):
    inputs = layers.Input((224, 224, 3))
    x = layers.Conv2D(64, 7, strides=2, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for stage, count in enumerate(stages):
        for index in range(count):
            x = bottleneck(x, 64 * 2**stage, strides=2 if stage and not index else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(classes, activation="softmax")(x))


model = SEResNet()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
