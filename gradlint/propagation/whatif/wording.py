"""Changes to a network in the words of its framework."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gradlint.network import Framework, Kind, Network
from gradlint.propagation.whatif.transformations import branches
from gradlint.propagation.whatif.vocabulary import meaning

Words = Mapping[str, str]

_ANYWHERE: Words = {
    "skip": "a skip connection around each layer: x = x + layer(x)",
    "residual-scaling": "residual branches scaled by {scale}",
    "forget-bias": "a forget gate bias of {value}",
    "large-forget-bias": "a forget gate bias of 3",
}
WORDS: Mapping[Framework, Words] = {
    Framework.KERAS: {
        **_ANYWHERE,
        "he": 'kernel_initializer="he_normal"',
        "xavier": 'kernel_initializer="glorot_uniform"',
        "lecun": 'kernel_initializer="lecun_normal"',
        "orthogonal": 'kernel_initializer="orthogonal"',
        "batchnorm": "BatchNormalization() before each activation",
        "layernorm": "LayerNormalization() before each activation",
        "rmsnorm": "RMSNormalization() before each activation",
        "forget-bias": "unit_forget_bias=True",
        "orthogonal-recurrent": 'recurrent_initializer="orthogonal" for each gate',
        "rnn": "SimpleRNN",
        "lstm": "LSTM",
        "gru": "GRU",
    },
    Framework.TORCH: {
        **_ANYWHERE,
        "he": 'nn.init.kaiming_normal_(weight, nonlinearity="relu")',
        "xavier": "nn.init.xavier_uniform_(weight)",
        "lecun": 'nn.init.kaiming_normal_(weight, nonlinearity="linear")',
        "orthogonal": "nn.init.orthogonal_(weight)",
        "batchnorm": "{batchnorm} before each activation",
        "layernorm": "{layernorm} before each activation",
        "rmsnorm": "nn.RMSNorm before each activation",
        "orthogonal-recurrent": "nn.init.orthogonal_(weight_hh) for each gate",
        "rnn": "nn.RNN",
        "lstm": "nn.LSTM",
        "gru": "nn.GRU",
    },
}
_LAYERS: Words = {
    "relu": "ReLU", "relu6": "ReLU6", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "rrelu": "RReLU", "elu": "ELU",
    "selu": "SELU", "celu": "CELU", "gelu": "GELU", "silu": "SiLU", "mish": "Mish", "softplus": "Softplus",
    "softsign": "Softsign", "sigmoid": "Sigmoid", "tanh": "Tanh", "hard_sigmoid": "Hardsigmoid",
    "hard_silu": "Hardswish", "hard_tanh": "Hardtanh", "log_sigmoid": "LogSigmoid", "tanh_shrink": "Tanhshrink",
    "soft_shrink": "Softshrink", "hard_shrink": "Hardshrink", "threshold": "Threshold",
}  # fmt: skip
"""Activations that are layers of torch.nn."""
_FUNCTIONS = frozenset({"arctan", "cos", "cosh", "erf", "exp", "expm1", "log1p", "sin", "sinh"})
"""Functions of torch that are no layers of it."""


def wording(words: Sequence[str], network: Network) -> str:
    """A combination of changes in the words of the network's framework."""
    ranks = {len(n.shape) for n in network.nodes if n.kind is Kind.CONVOLUTION and n.shape is not None}
    dimensions = max(ranks) - 2 if ranks else 1
    values = {
        "batchnorm": f"nn.BatchNorm{min(max(dimensions, 1), 3)}d",
        "layernorm": "nn.GroupNorm(1, channels)" if ranks else "nn.LayerNorm",
        "scale": f"{1.0 / math.sqrt(max(len(branches(network)), 1)):.2g}",
        "value": "1",
    }
    parts = [_filled(word, values, network.framework) for word in words]
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        return " with ".join(parts)
    return f"{parts[0]} with {', '.join(parts[1:-1])} and {parts[-1]}"


def _filled(word: str, values: Mapping[str, str], framework: Framework) -> str:
    name, value = meaning(word)
    own = {} if value is None else {"scale": f"{value:g}", "value": f"{value:g}"}
    words = _ANYWHERE if value is not None else WORDS[framework]
    text = words.get(name) or _activation(name, framework)
    for key, filling in {**values, **own}.items():
        text = text.replace(f"{{{key}}}", filling)
    return text


def _activation(name: str, framework: Framework) -> str:
    if framework is Framework.KERAS:
        return f'activation="{name}"'
    if name in _LAYERS:
        return f"nn.{_LAYERS[name]}()"
    return f"torch.{name}" if name in _FUNCTIONS else name
