"""Layers with their arguments and the shapes of inputs that they are called with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.frameworks.torch.harness import Sub

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """`torch.nn.<name>(*args, **kwargs)` called on inputs of these shapes; `indices` > 0: integers below that."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Shape, ...]
    indices: int = 0

    def __str__(self) -> str:
        settings = [*map(str, self.args), *(f"{key}={value}" for key, value in self.kwargs.items())]
        return f"{self.name}({', '.join(settings)})"


def case(name: str, *args: Any, on: Shape | tuple[Shape, ...], indices: int = 0, **kwargs: Any) -> Case:
    """A case; `on` is the shape of the input, or those of several."""
    inputs = on if on and isinstance(on[0], tuple) else (on,)
    return Case(name, args, kwargs, inputs, indices)  # type: ignore[arg-type]


IMAGE = (2, 6, 17, 16)
LINE = (2, 6, 17)
VOLUME = (2, 6, 9, 8, 7)
GRIDS = {1: LINE, 2: IMAGE, 3: VOLUME}

LINEAR = [
    case("Linear", 6, 4, on=(3, 6)),
    case("Linear", 6, 4, bias=False, on=(2, 3, 6)),
    case("Linear", 6, 4, on=(6,)),
    case("Bilinear", 3, 4, 5, on=((2, 3), (2, 4))),
    case("Bilinear", 3, 4, 5, bias=False, on=((2, 7, 3), (2, 7, 4))),
    case("Identity", 54, unused=1, on=(2, 3)),
    case("LazyLinear", 4, on=(3, 6)),
    case("LazyLinear", 4, bias=False, on=(3, 6)),
]

CONVOLUTIONS = [
    made
    for dims, grid in GRIDS.items()
    for made in (
        case(f"Conv{dims}d", 6, 8, 3, on=grid),
        case(f"Conv{dims}d", 6, 8, 3, 2, 1, on=grid),
        case(f"Conv{dims}d", 6, 8, 3, padding=2, dilation=2, groups=2, bias=False, on=grid),
        case(f"Conv{dims}d", 6, 8, 4, padding="same", on=grid),
        case(f"Conv{dims}d", 6, 8, 4, padding="valid", stride=2, on=grid),
        case(f"Conv{dims}d", 6, 8, 3, padding=1, padding_mode="reflect", on=grid),
        case(f"Conv{dims}d", 6, 8, 3, padding=1, padding_mode="circular", on=grid[1:]),
        case(f"ConvTranspose{dims}d", 6, 8, 3, on=grid),
        case(f"ConvTranspose{dims}d", 6, 8, 4, stride=2, padding=1, groups=2, on=grid),
        case(f"ConvTranspose{dims}d", 6, 8, 3, stride=3, output_padding=2, dilation=2, bias=False, on=grid),
        case(f"LazyConv{dims}d", 8, 3, groups=2, on=grid),
        case(f"LazyConvTranspose{dims}d", 8, 3, stride=2, on=grid),
    )
] + [
    case("Conv2d", 6, 6, (3, 5), (2, 1), padding=(1, 2), groups=6, on=IMAGE),
    case("Conv3d", 6, 8, (1, 3, 3), padding=(0, 1, 1), on=VOLUME),
]

NORMALIZATIONS = [
    made
    for dims, grid in GRIDS.items()
    for made in (
        case(f"BatchNorm{dims}d", 6, on=grid),
        case(f"BatchNorm{dims}d", 6, eps=1e-3, affine=False, on=grid),
        case(f"BatchNorm{dims}d", 6, momentum=None, track_running_stats=False, on=grid),
        case(f"InstanceNorm{dims}d", 6, on=grid),
        case(f"InstanceNorm{dims}d", 6, affine=True, track_running_stats=True, on=grid),
        case(f"InstanceNorm{dims}d", 6, affine=True, on=grid[1:]),
        case(f"LazyBatchNorm{dims}d", on=grid),
        case(f"LazyInstanceNorm{dims}d", affine=True, on=grid),
    )
] + [
    case("BatchNorm1d", 6, on=(4, 6)),
    case("LayerNorm", 6, on=(2, 3, 6)),
    case("LayerNorm", (3, 6), bias=False, on=(2, 3, 6)),
    case("LayerNorm", [6], elementwise_affine=False, on=(2, 6)),
    case("RMSNorm", 6, on=(2, 3, 6)),
    case("RMSNorm", (3, 6), 1e-6, elementwise_affine=False, on=(2, 3, 6)),
    case("GroupNorm", 3, 6, on=IMAGE),
    case("GroupNorm", 1, 6, affine=False, on=(2, 6)),
    case("LocalResponseNorm", 3, k=2.0, on=IMAGE),
]

_PLAIN = [
    "ReLU",
    "ReLU6",
    "LeakyReLU",
    "RReLU",
    "Hardtanh",
    "ELU",
    "CELU",
    "SELU",
    "GELU",
    "SiLU",
    "Mish",
    "Hardswish",
    "Hardsigmoid",
    "Sigmoid",
    "LogSigmoid",
    "Tanh",
    "Softsign",
    "Softplus",
    "Tanhshrink",
    "Softshrink",
    "Hardshrink",
    "PReLU",
    "GLU",
    "Softmax",
    "LogSoftmax",
    "Softmin",
]
ACTIVATIONS = [
    *(case(name, on=(2, 6)) for name in _PLAIN),
    case("ReLU", inplace=True, on=(2, 6)),
    case("LeakyReLU", 0.2, True, on=(2, 6)),
    case("ELU", alpha=0.5, on=(2, 6)),
    case("GELU", approximate="tanh", on=(2, 6)),
    case("Threshold", 0.1, 20, on=(2, 6)),
    case("PReLU", 6, init=0.1, on=IMAGE),
    case("GLU", dim=1, on=IMAGE),
    case("Softmax", dim=-1, on=IMAGE),
    case("Softmax2d", on=IMAGE),
]

_POOLING_OF = {
    dims: [
        case(f"MaxPool{dims}d", 2, on=grid),
        case(f"MaxPool{dims}d", 3, 2, 1, ceil_mode=True, on=grid),
        case(f"MaxPool{dims}d", 3, 1, dilation=2, return_indices=True, on=grid[1:]),
        case(f"AvgPool{dims}d", 2, on=grid),
        case(f"AvgPool{dims}d", 3, 2, 1, ceil_mode=True, count_include_pad=False, on=grid),
        case(f"LPPool{dims}d", 2, 3, stride=2, on=grid),
        case(f"AdaptiveAvgPool{dims}d", 1, on=grid),
        case(f"AdaptiveAvgPool{dims}d", 3, on=grid[1:]),
        case(f"AdaptiveMaxPool{dims}d", 2, return_indices=True, on=grid),
    ]
    for dims, grid in GRIDS.items()
}
POOLING = [
    *(made for row in _POOLING_OF.values() for made in row),
    case("MaxPool2d", (3, 2), stride=(2, 1), padding=(1, 0), on=IMAGE),
    case("AvgPool2d", 3, divisor_override=2, on=IMAGE),
    case("AdaptiveAvgPool2d", (None, 5), on=IMAGE),
    case("AdaptiveAvgPool2d", (3, 4), on=IMAGE),
    case("FractionalMaxPool2d", 3, output_size=(5, 6), on=IMAGE),
    case("FractionalMaxPool2d", 3, output_ratio=(0.5, 0.5), on=IMAGE),
    case("FractionalMaxPool3d", 2, output_size=4, on=VOLUME),
]

DROPOUT = [
    case("Dropout", on=(2, 6)),
    case("Dropout", 0.1, True, on=(2, 6)),
    case("Dropout1d", on=LINE),
    case("Dropout2d", 0.2, on=IMAGE),
    case("Dropout3d", on=VOLUME),
    case("AlphaDropout", 0.1, on=(2, 6)),
    case("FeatureAlphaDropout", on=IMAGE),
]

RESHAPES = [
    case("Flatten", on=IMAGE),
    case("Flatten", 0, 1, on=IMAGE),
    case("Flatten", start_dim=2, on=IMAGE),
    case("Unflatten", 1, (2, 3), on=IMAGE),
    case("Unflatten", 1, (-1, 3), on=IMAGE),
    case("Upsample", scale_factor=2, on=IMAGE),
    case("Upsample", scale_factor=1.5, mode="bilinear", align_corners=True, on=IMAGE),
    case("Upsample", size=(20, 30), mode="bicubic", on=IMAGE),
    case("Upsample", scale_factor=(2, 3), on=IMAGE),
    case("Upsample", scale_factor=2, mode="linear", on=LINE),
    case("Upsample", scale_factor=2, mode="trilinear", on=VOLUME),
    case("UpsamplingNearest2d", scale_factor=2, on=IMAGE),
    case("UpsamplingBilinear2d", size=7, on=IMAGE),
    case("PixelShuffle", 2, on=(2, 8, 4, 5)),
    case("PixelUnshuffle", 2, on=(2, 3, 4, 6)),
    case("ChannelShuffle", 3, on=IMAGE),
    case("Unfold", 3, padding=1, stride=2, on=IMAGE),
    case("Unfold", (2, 3), on=IMAGE),
    case("Fold", (6, 5), (2, 3), on=(2, 18, 15)),
    *(
        case(f"{kind}Pad{dims}d", padding, on=grid)
        for kind in ("Reflection", "Replication", "Zero", "Circular")
        for dims, grid in GRIDS.items()
        for padding in (2, tuple(range(1, 2 * dims + 1)))
    ),
    *(case(f"ConstantPad{dims}d", 1, 3.5, on=grid) for dims, grid in GRIDS.items()),
    case("CosineSimilarity", on=((2, 6), (2, 6))),
    case("CosineSimilarity", dim=-1, on=((2, 5, 6), (2, 5, 6))),
    case("PairwiseDistance", on=((2, 6), (2, 6))),
    case("PairwiseDistance", keepdim=True, on=((2, 6), (2, 6))),
]

EMBEDDINGS = [
    case("Embedding", 10, 4, on=(2, 3), indices=10),
    case("Embedding", 10, 4, padding_idx=0, max_norm=1.0, on=(2,), indices=10),
    case("EmbeddingBag", 10, 4, on=(2, 3), indices=10),
    case("EmbeddingBag", 10, 4, mode="sum", on=(2, 3), indices=10),
]

RECURRENT = [
    made
    for name in ("RNN", "LSTM", "GRU")
    for made in (
        case(name, 6, 5, on=(7, 2, 6)),
        case(name, 6, 5, 3, batch_first=True, bidirectional=True, dropout=0.1, on=(2, 7, 6)),
        case(name, 6, 5, num_layers=2, bias=False, on=(7, 6)),
        case(f"{name}Cell", 6, 5, on=(2, 6)),
        case(f"{name}Cell", 6, 5, bias=False, on=(6,)),
    )
] + [
    case("RNN", 6, 5, nonlinearity="relu", on=(7, 2, 6)),
    case("LSTM", 6, 5, 2, proj_size=3, bidirectional=True, on=(7, 2, 6)),
    case("LSTM", 6, 5, proj_size=3, batch_first=True, on=(2, 7, 6)),
]

_TRIPLE = ((7, 2, 8), (5, 2, 8), (5, 2, 8))
_LAYER = Sub("TransformerEncoderLayer", (8, 2, 16), {"batch_first": True})
_DECODER = Sub("TransformerDecoderLayer", (8, 2, 16), {"norm_first": True})
ATTENTION = [
    case("MultiheadAttention", 8, 2, on=_TRIPLE),
    case("MultiheadAttention", 8, 2, bias=False, dropout=0.1, on=((7, 8), (5, 8), (5, 8))),
    case("MultiheadAttention", 8, 2, batch_first=True, kdim=6, vdim=4, on=((2, 7, 8), (2, 5, 6), (2, 5, 4))),
    case("MultiheadAttention", 8, 4, add_bias_kv=True, add_zero_attn=True, on=_TRIPLE),
    case("TransformerEncoderLayer", 8, 2, on=(7, 2, 8)),
    case("TransformerEncoderLayer", 8, 2, 16, activation="gelu", norm_first=True, bias=False, on=(7, 2, 8)),
    case("TransformerDecoderLayer", 8, 2, 16, on=_TRIPLE[:2]),
    case("TransformerEncoder", _LAYER, 3, on=(2, 7, 8)),
    case("TransformerEncoder", _LAYER, 2, norm=Sub("LayerNorm", (8,)), on=(2, 7, 8)),
    case("TransformerDecoder", _DECODER, 2, on=_TRIPLE[:2]),
    case("Transformer", 8, 2, 2, 3, 16, on=((5, 2, 8), (7, 2, 8))),
    case("Transformer", 8, 2, 1, 1, 16, batch_first=True, norm_first=True, bias=False, on=((2, 5, 8), (2, 7, 8))),
]

CONTAINERS = [
    case("Sequential", Sub("Linear", (6, 4)), Sub("ReLU"), Sub("Linear", (4, 2)), on=(3, 6)),
]

ALL = [
    *LINEAR,
    *CONVOLUTIONS,
    *NORMALIZATIONS,
    *ACTIVATIONS,
    *POOLING,
    *DROPOUT,
    *RESHAPES,
    *EMBEDDINGS,
    *RECURRENT,
    *ATTENTION,
    *CONTAINERS,
]
