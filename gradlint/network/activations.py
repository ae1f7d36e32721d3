"""Canonical names of elementwise functions, and what family each belongs to."""

from __future__ import annotations

SIGMOID_LIKE = frozenset({"sigmoid", "hard_sigmoid"})
TANH_LIKE = frozenset({"tanh", "hard_tanh", "softsign", "arctan", "erf", "sin"})
RELU_LIKE = frozenset({"relu", "relu6", "leaky_relu", "prelu", "rrelu", "threshold"})
SMOOTH_RELU_LIKE = frozenset({"gelu", "silu", "mish", "softplus", "elu", "celu", "selu", "hard_silu", "squareplus"})
SOFTMAX_LIKE = frozenset({"softmax", "log_softmax", "softmin", "gumbel_softmax", "sparsemax"})
OTHER = frozenset(
    {
        "linear",
        "glu",
        "log_sigmoid",
        "tanh_shrink",
        "soft_shrink",
        "hard_shrink",
        "sparse_plus",
        "sparse_sigmoid",
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "rsqrt",
        "pow",
        "square",
        "abs",
        "reciprocal",
        "clamp",
        "cos",
        "sinh",
        "cosh",
        "sign",
    }
)
NAMES = SIGMOID_LIKE | TANH_LIKE | RELU_LIKE | SMOOTH_RELU_LIKE | SOFTMAX_LIKE | OTHER
