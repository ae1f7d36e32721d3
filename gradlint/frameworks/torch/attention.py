"""`torch.nn.MultiheadAttention`: three projections, attention, and the projection of its output."""

from __future__ import annotations

from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import resolve
from gradlint.frameworks.torch.arguments import as_bool, as_int, as_number, as_shape, input_tensor, is_assumed
from gradlint.frameworks.torch.distributions import xavier_default
from gradlint.frameworks.torch.layers import add_parameters, layer_class, parameters_of
from gradlint.frameworks.torch.layers_linear import emit_linear
from gradlint.network import ZEROS, Distribution, Kind, Parameter, Shape

NAMES: dict[str, Value] = {}

_CLASS = "torch.nn.MultiheadAttention"

CAUSAL = "causal_mask"
"""Key of `Tensor.attributes` that marks a mask of the future."""


def is_causal_mask(mask: Value) -> bool:
    """Whether `mask` was made by `generate_square_subsequent_mask`."""
    return isinstance(mask, Tensor) and CAUSAL in mask.attributes


def _init(
    ctx: Context,
    self: Instance,
    embed_dim: Value,
    num_heads: Value,
    dropout: Value = 0.0,
    bias: Value = True,
    add_bias_kv: Value = False,
    add_zero_attn: Value = False,
    kdim: Value = None,
    vdim: Value = None,
    batch_first: Value = False,
    device: Value = None,
    dtype: Value = None,
) -> None:
    attrs = self.attrs
    kdim = embed_dim if kdim is None else kdim
    vdim = embed_dim if vdim is None else vdim
    size, heads = as_int(embed_dim), as_int(num_heads)
    if size is not None and heads is not None and (size <= 0 or heads <= 0 or size % heads):
        ctx.fail("AssertionError", "embed_dim must be divisible by num_heads")
    attrs.update(embed_dim=embed_dim, kdim=kdim, vdim=vdim, num_heads=num_heads, dropout=dropout)
    attrs["head_dim"] = size // heads if size is not None and heads is not None else ctx.unknown("width of a head")
    attrs.update(batch_first=batch_first, add_zero_attn=add_zero_attn)
    together = size is None or (as_int(kdim), as_int(vdim)) == (size, size)
    attrs["_qkv_same_embed_dim"] = together
    biased = as_bool(ctx, bias, True)
    extra = as_bool(ctx, add_bias_kv, False)
    wanted: dict[str, tuple[Shape | None, Distribution] | None] = {}
    inner = (("q_proj_weight", embed_dim), ("k_proj_weight", kdim), ("v_proj_weight", vdim))
    for name, width in inner:
        number = as_int(width)
        wanted[name] = None if together else (as_shape(size, number), xavier_default("uniform", number, size))
    rows = None if size is None else 3 * size
    wanted["in_proj_weight"] = (as_shape(rows, size), xavier_default("uniform", size, rows)) if together else None
    wanted["in_proj_bias"] = (as_shape(rows), ZEROS) if biased else None
    out = ctx.instantiate(
        resolve("torch.nn.NonDynamicallyQuantizableLinear"), embed_dim, embed_dim, bias, device, dtype
    )
    attrs["out_proj"] = out
    _zero_bias(out)
    for name in ("bias_k", "bias_v"):
        wanted[name] = ((1, 1, size), xavier_default("normal", size, size)) if extra and size is not None else None
    add_parameters(ctx, self, wanted, dtype, is_assumed(embed_dim, kdim, vdim))


def _zero_bias(projection: Value) -> None:
    """The constructor of torch sets the bias of the output projection to zero."""
    bias = projection.attrs.get("bias") if isinstance(projection, Instance) else None
    if isinstance(bias, Tensor) and bias.parameter is not None:
        bias.parameter.distribution = ZEROS


def _reset_parameters(ctx: Context, self: Instance) -> None:
    for name, distribution in self.hidden.get("defaults", {}).items():
        tensor = self.attrs.get(name)
        if isinstance(tensor, Tensor) and tensor.parameter is not None:
            ctx.modified(tensor.parameter)
            tensor.parameter.initialize(distribution)
    _zero_bias(self.attrs.get("out_proj"))


def _project(ctx: Context, layer: Instance, x: Tensor, position: int) -> Tensor:
    """Query, key or value (`position` 0, 1, 2) from its input, with its rows of the joint weight."""
    attrs = layer.attrs
    size = as_int(attrs["embed_dim"])
    name = (
        "in_proj_weight"
        if attrs["_qkv_same_embed_dim"]
        else ("q_proj_weight", "k_proj_weight", "v_proj_weight")[position]
    )
    width = attrs[("embed_dim", "kdim", "vdim")[position]]
    roles: dict[str, Parameter] = {}
    for role, source in (("weight", name), ("bias", "in_proj_bias")):
        found = parameters_of(layer, source)
        if source in found:
            roles[role] = found[source]
    extra: dict[str, Any] = {}
    if size is not None:
        extra["bias_rows"] = (position * size, (position + 1) * size)
        if attrs["_qkv_same_embed_dim"]:
            extra["rows"] = extra["bias_rows"]
    return emit_linear(ctx, x, roles, attrs["embed_dim"], width, layer, _CLASS, **extra)


def _extended(ctx: Context, layer: Instance, x: Tensor, name: str, axis: int) -> Tensor:
    """Keys or values with the learned extra entry and the entry of zeros, where the layer has them."""
    bias = layer.attrs.get(name)
    parts = [x]
    if isinstance(bias, Tensor):
        parts.append(bias)
    if as_bool(ctx, layer.attrs["add_zero_attn"], False):
        parts.append(
            ctx.emit(Kind.CONSTANT, (), (1, 1, as_int(layer.attrs["embed_dim"]) or 1), attributes={"value": 0.0})
        )
    if len(parts) == 1:
        return x
    shape = x.shape
    if shape is not None:
        shape = tuple(size + (len(parts) - 1 if position == axis else 0) for position, size in enumerate(shape))
    return ctx.emit(Kind.CONCATENATE, parts, shape, attributes={"axis": axis})


def _forward(
    ctx: Context,
    self: Instance,
    query: Value,
    key: Value,
    value: Value,
    key_padding_mask: Value = None,
    need_weights: Value = True,
    attn_mask: Value = None,
    average_attn_weights: Value = True,
    is_causal: Value = False,
) -> Value:
    attrs = self.attrs
    tensors = [input_tensor(ctx, item) for item in (query, key, value)]
    rank = next((len(tensor.shape) for tensor in tensors if tensor.shape is not None), 3)
    if rank not in (2, 3):
        message = f"query should be unbatched 2D or batched 3D tensor but received {rank}-D"
        raise ShapeMismatch(message, Demand(tensors[0].shape, 3))
    batch_first = rank == 3 and as_bool(ctx, attrs["batch_first"], False)
    axis = 1 if batch_first else 0
    _check(tensors, axis)
    q, k, v = (_project(ctx, self, tensor, position) for position, tensor in enumerate(tensors))
    k, v = _extended(ctx, self, k, "bias_k", axis), _extended(ctx, self, v, "bias_v", axis)
    heads, width = as_int(attrs["num_heads"]), as_int(attrs["head_dim"])
    attended = ctx.emit(
        Kind.ATTENTION,
        (q, k, v),
        q.shape,
        attributes={
            "heads": heads,
            "scale": None if not width else width**-0.5,
            "causal": as_bool(ctx, is_causal, False) or is_causal_mask(attn_mask),
            "dropout": as_number(attrs["dropout"]),
            "sequence_axis": axis,
        },
        class_name=_CLASS,
        layer=self,
    )
    out = attrs["out_proj"]
    roles = parameters_of(out, "weight", "bias")
    result = emit_linear(ctx, attended, roles, attrs["embed_dim"], attrs["embed_dim"], out)
    if not as_bool(ctx, need_weights, True):
        return (result, None)
    average = as_bool(ctx, average_attn_weights, True)
    return (result, _attention_weights(ctx, q, k, axis, None if average else heads))


def _check(tensors: list[Tensor], axis: int) -> None:
    """Keys and values are of one length, and all three of one batch."""
    query, key, value = (tensor.shape for tensor in tensors)
    if key is not None and value is not None and key[:-1] != value[:-1]:
        raise ShapeMismatch(f"key's sequence and batch dims {key} do not match value's {value}")
    if query is not None and key is not None and len(query) == len(key) == 3 and query[1 - axis] != key[1 - axis]:
        raise ShapeMismatch(f"expecting key {key} and query {query} of one batch size")


def _attention_weights(ctx: Context, q: Tensor, k: Tensor, axis: int, heads: int | None) -> Tensor:
    """The softmax of the scores, averaged over the heads where `heads` is None."""
    shape: Shape | None = None
    if q.shape is not None and k.shape is not None:
        batch = () if len(q.shape) == 2 else (q.shape[1 - axis],)
        shape = (*batch, *(() if heads is None else (heads,)), q.shape[axis], k.shape[axis])
    scores = ctx.emit(Kind.MATMUL, (q, k), shape, attributes={"transposed": True}, class_name=_CLASS)
    return ctx.emit(
        Kind.ACTIVATION, (scores,), shape, attributes={"function": "softmax", "axis": -1}, class_name=_CLASS
    )


layer_class(
    NAMES, "MultiheadAttention", {"__init__": _init, "forward": _forward, "_reset_parameters": _reset_parameters}
)
