"""What goes into a network: shapes to try, guessed from its first layers, for the symbolic forward pass.

Source rarely says how large an image or how long a sequence is. The sizes here are tried in order; where one
does not fit (`ShapeMismatch`), what the operation asked for comes first (`refining`), then the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks.modules import named_modules
from gradlint.network import Kind, Node, Shape

BATCH = 4
STEPS = 32
"""Assumed length of a sequence."""

_IMAGE_SIZES = (224, 32, 28, 64, 128, 256, 299, 512, 96, 84, 48, 16)
_VOLUME_SIZES = ((16, 112, 112), (16, 224, 224), (32, 32, 32), (64, 64, 64))
_LINE_SIZES = (128, 1024, 16000, 32)
_FEATURE_RANKS = ("flat", "sequence", "grid")


@dataclass(frozen=True, slots=True)
class InputShape:
    """One input of a forward pass: its shape (None: not known) and whether it holds floats or indices.

    `guessed` is false where the program itself makes this forward pass.
    """

    shape: Shape | None
    dtype: str = "float32"
    guessed: bool = True


def candidates(instance: Instance, hint: Node | None = None) -> Iterator[InputShape]:
    """Shapes to try for the main input of `instance`.

    `hint` is the first layer that the input is known to reach; without it, the first registered layer is taken.
    """
    if hint is not None:
        yield from _for_node(hint)
        return
    if instance.cls.derives_from("keras.Layer"):
        # Keras layers are built by their first input, so only the kind of the first layer tells.
        from gradlint.frameworks.keras.inputs import first_input

        known = first_input(instance)
        if known is not None:
            yield InputShape(*known)
        return
    for _, layer in named_modules(instance):
        shapes = list(_for_layer(layer))
        if shapes:
            yield from shapes
            return


_SPATIAL = {"1d": 1, "2d": 2, "3d": 3}


def _for_layer(layer: Instance) -> Iterator[InputShape]:
    name = next((getattr(c, "name", "") for c in layer.cls.mro if getattr(c, "syntax", 1) is None), "")
    short = name.rpartition(".")[2]
    attrs = layer.attrs
    if short.startswith(("Conv", "BatchNorm", "InstanceNorm")) and short[-2:].lower() in _SPATIAL:
        channels = attrs.get("in_channels", attrs.get("num_features"))
        yield from _spatial(_SPATIAL[short[-2:].lower()], channels)
    elif short == "Linear":
        yield from _features(attrs.get("in_features"))
    elif short in ("LayerNorm", "RMSNorm"):
        shape = attrs.get("normalized_shape")
        if isinstance(shape, tuple) and shape:
            yield from _features(shape[-1])
    elif short in ("Embedding", "EmbeddingBag"):
        yield from _tokens()
    elif short in ("RNN", "LSTM", "GRU"):
        yield from _sequence(attrs.get("input_size"), bool(attrs.get("batch_first")))
    elif short == "MultiheadAttention":
        yield from _sequence(attrs.get("embed_dim"), bool(attrs.get("batch_first")))


def _for_node(node: Node) -> Iterator[InputShape]:
    if node.kind is Kind.CONVOLUTION:
        kernel = node.get("kernel_size")
        rank = len(kernel) if isinstance(kernel, tuple) else 2
        yield from _spatial(rank, node.get("in_channels"), node.get("channel_axis", 1) == -1)
    elif node.kind is Kind.LINEAR:
        yield from _features(node.get("in_features"))
    elif node.kind is Kind.EMBEDDING:
        yield from _tokens()
    elif node.kind is Kind.RECURRENT:
        yield from _sequence(node.get("input_size"), node.get("time_axis", 1) == 1)


def _spatial(rank: int, channels: Value, channels_last: bool = False) -> Iterator[InputShape]:
    if not isinstance(channels, int):
        channels = 3
    sizes: tuple[tuple[int, ...], ...] = (
        tuple((size,) for size in _LINE_SIZES)
        if rank == 1
        else tuple((size, size) for size in _IMAGE_SIZES)
        if rank == 2
        else _VOLUME_SIZES
    )
    for size in sizes:
        yield InputShape((BATCH, *size, channels) if channels_last else (BATCH, channels, *size))


def _features(size: Value) -> Iterator[InputShape]:
    if not isinstance(size, int):
        return
    yield InputShape((BATCH, size))
    yield InputShape((BATCH, STEPS, size))
    for channels in (1, 3):
        side = round((size / channels) ** 0.5)
        if side > 1 and channels * side * side == size:
            yield InputShape((BATCH, channels, side, side))
    yield InputShape((BATCH, 8, 8, size))
    yield InputShape((STEPS, size))


def _tokens() -> Iterator[InputShape]:
    yield InputShape((BATCH, STEPS), "int64")
    yield InputShape((BATCH,), "int64")


def _sequence(size: Value, batch_first: bool) -> Iterator[InputShape]:
    if isinstance(size, int):
        yield InputShape((BATCH, STEPS, size) if batch_first else (STEPS, BATCH, size))
        yield InputShape((STEPS, BATCH, size) if batch_first else (BATCH, STEPS, size))


_PASSING = frozenset(
    {Kind.RESHAPE, Kind.NORMALIZATION, Kind.ACTIVATION, Kind.DROPOUT, Kind.POOLING, Kind.MULTIPLY, Kind.ADD}
)


def first_layer(entry: Tensor, outputs: tuple[Node, ...]) -> Node | None:
    """The first weighted layer that the input `entry` reaches, looking through what has no weights."""
    from gradlint.network import topological

    reached = {id(entry.node)}
    for node in topological(outputs):
        if any(id(source) in reached for source in node.inputs):
            if node.weighted:
                return node
            if node.kind in _PASSING:
                reached.add(id(node))
    return None
