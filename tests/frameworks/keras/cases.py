"""Keras layers with arguments and input shapes, to be built both by Keras and by gradlint."""

from __future__ import annotations

IMAGE = (12, 10, 6)
SEQUENCE = (9, 6)
VOLUME = (6, 7, 8, 4)
VECTOR = (12,)

# Expression of a layer -> shapes of its inputs, without the batch.
LAYERS: tuple[tuple[str, tuple[tuple[int, ...], ...]], ...] = (
    ("layers.Dense(7)", (VECTOR,)),
    ("layers.Dense(7, activation='relu', use_bias=False)", (SEQUENCE,)),
    ("layers.Dense(7, 'tanh', True, 'he_normal')", (IMAGE,)),
    ("layers.EinsumDense('abc,cd->abd', output_shape=(None, 8), bias_axes='d')", (SEQUENCE,)),
    ("layers.EinsumDense('...x,xy->...y', output_shape=5, bias_axes='y')", (SEQUENCE,)),
    ("layers.EinsumDense('abc,cde->abde', output_shape=(None, 2, 3), bias_axes='de')", (SEQUENCE,)),
    ("layers.EinsumDense('ab,bc->ac', output_shape=64)", (VECTOR,)),
    ("layers.Embedding(50, 8)", ((9,),)),
    ("layers.Embedding(50, 8, embeddings_initializer='he_uniform', mask_zero=True)", ((9,),)),
    ("layers.Activation('gelu')", (VECTOR,)),
    ("layers.Masking()", (SEQUENCE,)),
    ("layers.Identity()", (VECTOR,)),
    ("layers.Lambda(lambda x: x * 2)", (VECTOR,)),
    ("layers.ActivityRegularization(0.1)", (VECTOR,)),
    *(
        (f"layers.{name}", (shape,))
        for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME))
        for name in (
            f"Conv{rank}D(8, 3)",
            f"Conv{rank}D(8, 3, strides=2, padding='same', use_bias=False)",
            f"Conv{rank}D(8, 2, 1, 'valid', activation='relu')",
            f"Conv{rank}D(4, 3, dilation_rate=2, padding='same', groups=2)",
            f"Conv{rank}DTranspose(8, 3)",
            f"Conv{rank}DTranspose(8, 3, strides=2, padding='same')",
            f"Conv{rank}DTranspose(5, 2, strides=3)",
            f"MaxPooling{rank}D()",
            f"MaxPooling{rank}D(3, strides=1, padding='same')",
            f"AveragePooling{rank}D(2, 3)",
            f"AveragePooling{rank}D(3, padding='same')",
            f"GlobalMaxPooling{rank}D()",
            f"GlobalAveragePooling{rank}D(keepdims=True)",
            f"AdaptiveAveragePooling{rank}D(2)",
            f"AdaptiveMaxPooling{rank}D(3)",
            f"ZeroPadding{rank}D()",
            f"ZeroPadding{rank}D(2)",
            f"Cropping{rank}D(1)",
            f"UpSampling{rank}D()",
            f"UpSampling{rank}D(3)",
            f"SpatialDropout{rank}D(0.3)",
        )
    ),
    ("layers.Conv1D(8, 3, padding='causal', dilation_rate=2)", (SEQUENCE,)),
    ("layers.Conv2D(8, (3, 5), strides=(2, 1), padding='same')", (IMAGE,)),
    ("layers.Conv2DTranspose(8, 4, strides=2, padding='same', output_padding=1)", (IMAGE,)),
    ("layers.Conv2DTranspose(8, 4, strides=3, output_padding=2)", (IMAGE,)),
    ("layers.SeparableConv1D(8, 3)", (SEQUENCE,)),
    ("layers.SeparableConv2D(8, 3, strides=2, padding='same', depth_multiplier=2)", (IMAGE,)),
    ("layers.SeparableConv2D(8, 3, use_bias=False, activation='relu')", (IMAGE,)),
    ("layers.DepthwiseConv1D(3, depth_multiplier=2)", (SEQUENCE,)),
    ("layers.DepthwiseConv2D(3, strides=2, padding='same')", (IMAGE,)),
    ("layers.DepthwiseConv2D((3, 5), depth_multiplier=3, use_bias=False)", (IMAGE,)),
    ("layers.ZeroPadding2D(((1, 2), (3, 4)))", (IMAGE,)),
    ("layers.Cropping2D(((1, 2), (3, 4)))", (IMAGE,)),
    ("layers.ZeroPadding1D((1, 3))", (SEQUENCE,)),
    ("layers.BatchNormalization()", (IMAGE,)),
    ("layers.BatchNormalization(axis=1, scale=False)", (IMAGE,)),
    ("layers.BatchNormalization(center=False, scale=False)", (VECTOR,)),
    ("layers.LayerNormalization()", (SEQUENCE,)),
    ("layers.LayerNormalization(axis=(1, 2))", (SEQUENCE,)),
    ("layers.LayerNormalization(center=False)", (SEQUENCE,)),
    ("layers.RMSNormalization()", (SEQUENCE,)),
    ("layers.GroupNormalization(3)", (IMAGE,)),
    ("layers.GroupNormalization(-1, scale=False)", (IMAGE,)),
    ("layers.UnitNormalization()", (VECTOR,)),
    ("layers.SpectralNormalization(layers.Dense(5))", (VECTOR,)),
    ("layers.SpectralNormalization(layers.Conv2D(5, 3))", (IMAGE,)),
    ("layers.Dropout(0.5)", (VECTOR,)),
    ("layers.AlphaDropout(0.5)", (VECTOR,)),
    ("layers.GaussianDropout(0.5)", (VECTOR,)),
    ("layers.GaussianNoise(0.5)", (VECTOR,)),
    ("layers.Flatten()", (IMAGE,)),
    ("layers.Reshape((3, 4))", (VECTOR,)),
    ("layers.Reshape((-1, 2))", (VECTOR,)),
    ("layers.Permute((2, 1))", (SEQUENCE,)),
    ("layers.RepeatVector(3)", (VECTOR,)),
    ("layers.ReLU(max_value=6)", (VECTOR,)),
    ("layers.LeakyReLU(0.1)", (VECTOR,)),
    ("layers.PReLU()", (IMAGE,)),
    ("layers.PReLU(shared_axes=[1, 2])", (IMAGE,)),
    ("layers.ELU()", (VECTOR,)),
    ("layers.Softmax()", (VECTOR,)),
    ("layers.Rescaling(1 / 255, offset=-1)", (IMAGE,)),
    ("layers.Normalization()", (VECTOR,)),
    ("layers.Normalization(mean=3.0, variance=2.0)", (VECTOR,)),
    ("layers.Resizing(20, 24)", (IMAGE,)),
    ("layers.CenterCrop(4, 5)", (IMAGE,)),
    ("layers.RandomFlip('horizontal')", (IMAGE,)),
    ("layers.RandomRotation(0.1)", (IMAGE,)),
    ("layers.RandomZoom(0.1)", (IMAGE,)),
    ("layers.Add()", (VECTOR, VECTOR)),
    ("layers.Subtract()", (SEQUENCE, SEQUENCE)),
    ("layers.Multiply()", (IMAGE, (1, 1, 6))),
    ("layers.Average()", (VECTOR, VECTOR, VECTOR)),
    ("layers.Maximum()", (VECTOR, VECTOR)),
    ("layers.Minimum()", (VECTOR, VECTOR)),
    ("layers.Concatenate()", (VECTOR, (5,))),
    ("layers.Concatenate(axis=1)", (SEQUENCE, (4, 6))),
    ("layers.Dot(axes=1)", (VECTOR, VECTOR)),
    ("layers.Dot(axes=(2, 2))", (SEQUENCE, (5, 6))),
    ("layers.Dot(axes=-1, normalize=True)", (VECTOR, VECTOR)),
    ("layers.SimpleRNN(5)", (SEQUENCE,)),
    ("layers.SimpleRNN(5, return_sequences=True, use_bias=False)", (SEQUENCE,)),
    ("layers.LSTM(5)", (SEQUENCE,)),
    ("layers.LSTM(5, return_sequences=True, unit_forget_bias=False)", (SEQUENCE,)),
    ("layers.LSTM(5, return_state=True)", (SEQUENCE,)),
    ("layers.LSTM(5, return_state=True, return_sequences=True)", (SEQUENCE,)),
    ("layers.GRU(5)", (SEQUENCE,)),
    ("layers.GRU(5, reset_after=False, go_backwards=True)", (SEQUENCE,)),
    ("layers.GRU(5, return_state=True)", (SEQUENCE,)),
    ("layers.RNN(layers.LSTMCell(4))", (SEQUENCE,)),
    ("layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], return_sequences=True)", (SEQUENCE,)),
    ("layers.RNN(layers.SimpleRNNCell(4), return_state=True)", (SEQUENCE,)),
    ("layers.Bidirectional(layers.LSTM(5))", (SEQUENCE,)),
    ("layers.Bidirectional(layers.LSTM(5, return_sequences=True), merge_mode='sum')", (SEQUENCE,)),
    ("layers.Bidirectional(layers.GRU(5, return_sequences=True), merge_mode='ave')", (SEQUENCE,)),
    ("layers.Bidirectional(layers.GRU(5), merge_mode='mul')", (SEQUENCE,)),
    ("layers.Bidirectional(layers.LSTM(5), backward_layer=layers.LSTM(5, go_backwards=True))", (SEQUENCE,)),
    ("layers.TimeDistributed(layers.Dense(5))", (SEQUENCE,)),
    ("layers.TimeDistributed(layers.Conv2D(5, 3))", ((4, *IMAGE),)),
    ("layers.ConvLSTM1D(3, 2)", ((4, *SEQUENCE),)),
    ("layers.ConvLSTM2D(3, 3, padding='same', return_sequences=True)", ((4, *IMAGE),)),
    ("layers.MultiHeadAttention(2, 4)", (SEQUENCE, SEQUENCE)),
    ("layers.MultiHeadAttention(2, 4, value_dim=3, output_shape=7, use_bias=False)", (SEQUENCE, (5, 8))),
    ("layers.MultiHeadAttention(2, 4)", (SEQUENCE, (5, 8), (5, 3))),
    ("layers.GroupQueryAttention(4, 4, 2)", (SEQUENCE, (5, 6))),
)

# Layers that are called with several arguments rather than with a list.
SEPARATE_ARGUMENTS = ("layers.MultiHeadAttention", "layers.GroupQueryAttention")
# Layers that are called with a list even of the one input.
LISTS = (
    ("layers.Attention()", (SEQUENCE, (5, 6))),
    ("layers.Attention(use_scale=True)", (SEQUENCE, (5, 6), (5, 6))),
    ("layers.AdditiveAttention()", (SEQUENCE, (5, 6))),
    ("layers.AdditiveAttention(use_scale=False)", (SEQUENCE, (5, 6))),
)


def program(expression: str, shapes: tuple[tuple[int, ...], ...]) -> str:
    """A program that builds a functional model of one layer."""
    names = [f"x{index}" for index in range(len(shapes))]
    inputs = "\n".join(f"{name} = keras.Input({shape!r})" for name, shape in zip(names, shapes, strict=True))
    joined = ", ".join(names)
    called = joined if len(names) == 1 or expression.startswith(SEPARATE_ARGUMENTS) else f"[{joined}]"
    return (
        f"import keras\nfrom keras import layers\n{inputs}\nmodel = keras.Model([{joined}], {expression}({called}))\n"
    )


# Large layers, so that the spread of their initial weights can be measured.
INITIALIZED: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("layers.Dense(400)", (300,)),
    *(
        (f"layers.Dense(400, kernel_initializer={initializer})", (300,))
        for initializer in (
            "'he_normal'",
            "'he_uniform'",
            "'lecun_normal'",
            "'lecun_uniform'",
            "'glorot_normal'",
            "'random_normal'",
            "'random_uniform'",
            "'truncated_normal'",
            "'orthogonal'",
            "'zeros'",
            "'ones'",
            "'identity'",
            "keras.initializers.HeNormal()",
            "keras.initializers.HeNormal",
            "keras.initializers.RandomNormal(mean=0.1, stddev=0.5)",
            "keras.initializers.TruncatedNormal(stddev=0.3)",
            "keras.initializers.RandomUniform(-0.2, 0.4)",
            "keras.initializers.VarianceScaling(0.5, 'fan_out', 'uniform')",
            "keras.initializers.VarianceScaling(3.0, mode='fan_avg', distribution='untruncated_normal')",
            "keras.initializers.Orthogonal(gain=0.5)",
            "keras.initializers.Constant(0.3)",
            "keras.initializers.get('he_normal')",
        )
    ),
    ("layers.Dense(400, bias_initializer='random_normal')", (300,)),
    ("layers.Conv2D(128, 3)", (8, 8, 64)),
    ("layers.Conv2D(128, 3, kernel_initializer='he_normal', groups=2)", (8, 8, 64)),
    ("layers.Conv1D(128, 5, kernel_initializer='lecun_uniform')", (9, 64)),
    ("layers.Conv2DTranspose(128, 3, kernel_initializer='he_normal')", (8, 8, 64)),
    ("layers.DepthwiseConv2D(5, depthwise_initializer='he_normal', depth_multiplier=4)", (8, 8, 256)),
    ("layers.SeparableConv2D(128, 5, depth_multiplier=2, pointwise_initializer='he_uniform')", (8, 8, 256)),
    ("layers.LSTM(128)", (5, 64)),
    ("layers.LSTM(128, recurrent_initializer='glorot_uniform', unit_forget_bias=False)", (5, 64)),
    ("layers.GRU(128, kernel_initializer='he_normal')", (5, 64)),
    ("layers.SimpleRNN(128, recurrent_initializer=keras.initializers.Identity(0.9))", (5, 64)),
    ("layers.EinsumDense('abc,cde->abde', output_shape=(None, 16, 32))", (9, 64)),
    ("layers.EinsumDense('abcd,cde->abe', output_shape=(None, 64), kernel_initializer='he_normal')", (5, 16, 32)),
    ("(lambda x: layers.MultiHeadAttention(8, 64)(x, x))", (9, 256)),
    ("layers.BatchNormalization(gamma_initializer='zeros', beta_initializer='ones')", (300,)),
)
