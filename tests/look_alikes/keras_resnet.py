"""A residual network for CIFAR images in the functional API."""

import keras
from keras import layers, regularizers


def conv_bn(x, filters, kernel_size=3, strides=1, activation="relu"):
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=regularizers.l2(1e-4),
    )(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def residual_block(x, filters, strides=1):
    shortcut = x
    x = conv_bn(x, filters, strides=strides)
    x = conv_bn(x, filters, activation=None)
    if strides != 1 or shortcut.shape[-1] != filters:
        shortcut = conv_bn(shortcut, filters, kernel_size=1, strides=strides, activation=None)
    x = layers.add([x, shortcut])
    return layers.Activation("relu")(x)


def build_resnet(input_shape=(32, 32, 3), num_classes=10, blocks_per_stage=9):
    inputs = keras.Input(shape=input_shape)
    x = conv_bn(inputs, 16)
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(blocks_per_stage):
            x = residual_block(x, filters, strides=2 if stage > 0 and block == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="resnet56")


(x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
x_train, x_test = x_train.astype("float32") / 255.0, x_test.astype("float32") / 255.0

model = build_resnet()
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=128, epochs=180, validation_data=(x_test, y_test))
