"""`torch.nn.utils.rnn`: sequences of different lengths, padded and packed."""

from __future__ import annotations

import math
from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Native, Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import as_bool, input_tensor
from gradlint.network import Kind

NAMES: dict[str, Value] = {}

PACKED = "packed"
"""Key of `Tensor.attributes` that marks a packed sequence; what it holds is whether the batch comes first."""

_PADDED = "padded_shape"
"""Key of the attributes of `batch_sizes`: (batch first, sizes of the batch and time axes) of what was packed."""


# Packed sequences: the tensor itself, padded as it was, marked as packed.


def packed(ctx: Context, x: Tensor, batch_first: bool) -> Tensor:
    """`x` as a packed sequence, padded as it was."""
    result = nodes.reshaped(ctx, x, x.shape, "identity", class_name="torch.nn.utils.rnn.PackedSequence")
    result.attributes[PACKED] = batch_first
    shape = x.shape
    flat = None if shape is None else (math.prod(shape[:2]), *shape[2:])
    result.attributes["data"] = nodes.reshaped(ctx, x, flat, "view")
    sizes = ctx.emit(Kind.CONSTANT, (), None if shape is None else (shape[1 if batch_first else 0],), dtype="int64")
    sizes.attributes[_PADDED] = (batch_first, None if shape is None else shape[:2])
    result.attributes["batch_sizes"] = sizes
    result.attributes["sorted_indices"] = result.attributes["unsorted_indices"] = None
    return result


def _pack_padded_sequence(
    ctx: Context,
    input: Value,  # noqa: A002
    lengths: Value,
    batch_first: Value = False,
    enforce_sorted: Value = True,
) -> Tensor:
    return packed(ctx, input_tensor(ctx, input), as_bool(ctx, batch_first, False))


def _new_packed(
    ctx: Context,
    cls: Value,
    data: Value,
    batch_sizes: Value = None,
    sorted_indices: Value = None,
    unsorted_indices: Value = None,
) -> Tensor:
    """`PackedSequence(data, batch_sizes)`: the padded form again, of the width that `data` has now."""
    x = input_tensor(ctx, data)
    batch_first, sizes = True, None
    if isinstance(batch_sizes, Tensor):
        batch_first, sizes = batch_sizes.attributes.get(_PADDED, (True, None))
    shape = None if sizes is None or x.shape is None else (*sizes, *x.shape[1:])
    return packed(ctx, nodes.reshaped(ctx, x, shape, "view"), batch_first)


def _pad_packed_sequence(
    ctx: Context,
    sequence: Value,
    batch_first: Value = False,
    padding_value: Value = 0.0,
    total_length: Value = None,
) -> Value:
    x = input_tensor(ctx, sequence)
    wanted = as_bool(ctx, batch_first, False)
    have = x.attributes.get(PACKED, wanted)
    result = nodes.reshaped(ctx, x, x.shape, "identity")
    if have != wanted:
        order = None if x.shape is None else (1, 0, *range(2, len(x.shape)))
        shape = None if order is None else shapes.permuted(x.shape, order)
        result = nodes.reshaped(ctx, x, shape, "transpose", axes=order)
    batch = None if result.shape is None else result.shape[0 if wanted else 1]
    lengths = ctx.emit(Kind.CONSTANT, (), None if batch is None else (batch,), dtype="int64")
    return (result, lengths)


def _pad_sequence(
    ctx: Context,
    sequences: Value,
    batch_first: Value = False,
    padding_value: Value = 0.0,
    padding_side: Value = "right",
) -> Tensor:
    if isinstance(sequences, Tensor):
        return sequences
    given = ctx.iterate(sequences)
    tensors = [item for item in given if isinstance(item, Tensor)]
    if not tensors or len(tensors) != len(given):
        return ctx.opaque("sequences that are not known", given)
    known = [tensor.shape for tensor in tensors if tensor.shape]
    axis = 0 if as_bool(ctx, batch_first, False) else 1
    shape = None
    if len(known) == len(tensors) and len({item[1:] for item in known}) == 1:
        longest = max(item[0] for item in known)
        shape = (len(known), longest, *known[0][1:]) if axis == 0 else (longest, len(known), *known[0][1:])
    return ctx.emit(Kind.CONCATENATE, tensors, shape, attributes={"axis": axis, "stacked": True})


def _pack_sequence(ctx: Context, sequences: Value, enforce_sorted: Value = True) -> Tensor:
    return packed(ctx, _pad_sequence(ctx, sequences), False)


def _unpad_sequence(ctx: Context, padded_sequences: Value, lengths: Value, batch_first: Value = False) -> list[Value]:
    x = input_tensor(ctx, padded_sequences)
    return ctx.iterate(x) if as_bool(ctx, batch_first, False) else [ctx.opaque("sequences of different length", [x])]


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "pack_padded_sequence": _pack_padded_sequence,
    "pad_packed_sequence": _pad_packed_sequence,
    "pad_sequence": _pad_sequence,
    "pack_sequence": _pack_sequence,
    "unpad_sequence": _unpad_sequence,
}
NAMES.update({f"nn.utils.rnn.{name}": Native(f"torch.nn.utils.rnn.{name}", call) for name, call in _FUNCTIONS.items()})
NAMES["nn.utils.rnn.PackedSequence"] = framework_class(
    "torch.nn.utils.rnn.PackedSequence", (), {"__new__": _new_packed}
)
