"""`torch.nn.utils`: sequences of different lengths, vectors of parameters, fused layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.copying import copied
from gradlint.evaluation.values import Instance, Native, Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import as_bool, as_int, input_tensor
from gradlint.frameworks.torch.recurrent import PACKED
from gradlint.network import UNKNOWN, ZEROS, Kind

NAMES: dict[str, Value] = {}

_PADDED = "padded_shape"
"""Key of the attributes of `batch_sizes`: (batch first, sizes of the batch and time axes) of what was packed."""


# Packed sequences: the tensor itself, padded as it was, marked as packed.


def _packed(ctx: Context, x: Tensor, batch_first: bool) -> Tensor:
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
    return _packed(ctx, input_tensor(ctx, input), as_bool(ctx, batch_first, False))


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
    return _packed(ctx, nodes.reshaped(ctx, x, shape, "view"), batch_first)


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
    return _packed(ctx, _pad_sequence(ctx, sequences), False)


def _unpad_sequence(ctx: Context, padded_sequences: Value, lengths: Value, batch_first: Value = False) -> list[Value]:
    x = input_tensor(ctx, padded_sequences)
    return ctx.iterate(x) if as_bool(ctx, batch_first, False) else [ctx.opaque("sequences of different length", [x])]


# Vectors of parameters.


def _parameters_to_vector(ctx: Context, parameters: Value) -> Tensor:
    tensors = [item for item in ctx.iterate(parameters) if isinstance(item, Tensor)]
    sizes = [None if tensor.shape is None else math.prod(tensor.shape) for tensor in tensors]
    flat = [
        nodes.reshaped(ctx, tensor, None if size is None else (size,), "view")
        for tensor, size in zip(tensors, sizes, strict=True)
    ]
    total = None if None in sizes else (sum(size for size in sizes if size is not None),)
    return ctx.emit(Kind.CONCATENATE, flat, total, attributes={"axis": 0})


def _vector_to_parameters(ctx: Context, vec: Value, parameters: Value) -> None:
    for tensor in ctx.iterate(parameters):
        if isinstance(tensor, Tensor) and tensor.parameter is not None:
            ctx.modified(tensor.parameter)
            tensor.parameter.initialize(UNKNOWN)


# Fusion, and construction without initialization.


def _fuse_into_first(ctx: Any, first: Value, norm: Value, *args: Value, **kwargs: Value) -> Value:
    """A layer with the normalization folded into its weights: the same layer, always with a bias."""
    fused = copied(ctx, first, deep=True)
    if isinstance(fused, Instance) and fused.attrs.get("bias") is None:
        channels = as_int(fused.attrs.get("out_channels", fused.attrs.get("out_features")))
        fused.attrs["bias"] = ctx.parameter(None if channels is None else (channels,), ZEROS)
    return fused


def _skip_init(ctx: Context, module_cls: Value, *args: Value, **kwargs: Value) -> Value:
    return ctx.call(module_cls, *args, **{key: value for key, value in kwargs.items() if key != "device"})


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "rnn.pack_padded_sequence": _pack_padded_sequence,
    "rnn.pad_packed_sequence": _pad_packed_sequence,
    "rnn.pad_sequence": _pad_sequence,
    "rnn.pack_sequence": _pack_sequence,
    "rnn.unpad_sequence": _unpad_sequence,
    "parameters_to_vector": _parameters_to_vector,
    "vector_to_parameters": _vector_to_parameters,
    "convert_parameters.parameters_to_vector": _parameters_to_vector,
    "convert_parameters.vector_to_parameters": _vector_to_parameters,
    "fuse_conv_bn_eval": _fuse_into_first,
    "fuse_linear_bn_eval": _fuse_into_first,
    "fusion.fuse_conv_bn_eval": _fuse_into_first,
    "fusion.fuse_linear_bn_eval": _fuse_into_first,
    "skip_init": _skip_init,
    "init.skip_init": _skip_init,
}
NAMES.update({f"nn.utils.{name}": Native(f"torch.nn.utils.{name}", call) for name, call in _FUNCTIONS.items()})
NAMES["nn.utils.rnn.PackedSequence"] = framework_class(
    "torch.nn.utils.rnn.PackedSequence", (), {"__new__": _new_packed}
)
