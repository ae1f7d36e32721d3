"""Attention of `torch.nn.functional`: the scaled dot product, and multi-head attention with its projections."""

from __future__ import annotations

import math

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Value
from gradlint.frameworks import operators, shapes
from gradlint.frameworks.nodes import integer, number, reshaped
from gradlint.frameworks.torch.functions.linear_algebra import linear
from gradlint.frameworks.torch.functions.tables import Table, tensor
from gradlint.network import Kind, Shape

TABLE = Table()


def _scaled_dot_product_attention(
    ctx: Context,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value = None,
    dropout_p: Value = 0.0,
    is_causal: Value = False,
    scale: Value = None,
    enable_gqa: Value = False,
) -> Value:
    q, k, v = tensor(ctx, query), tensor(ctx, key), tensor(ctx, value)
    shape: Shape | None = None
    if q.shape is not None and v.shape is not None and k.shape is not None:
        if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
            raise ShapeMismatch(f"attention of query {q.shape}, key {k.shape} and value {v.shape}")
        shape = (*q.shape[:-1], v.shape[-1])
        if enable_gqa is not True:
            batch = shapes.broadcast(q.shape[:-2], k.shape[:-2], v.shape[:-2])
            shape = None if batch is None else (*batch, q.shape[-2], v.shape[-1])
    factor = number(scale)
    if factor is None and scale is None and q.shape:
        factor = 1 / math.sqrt(q.shape[-1]) if q.shape[-1] else None
    return ctx.emit(
        Kind.ATTENTION,
        (q, k, v),
        shape,
        attributes={"heads": 1, "scale": factor, "causal": is_causal is True, "dropout": number(dropout_p)},
        class_name="torch.nn.functional.scaled_dot_product_attention",
    )


def _multi_head_attention_forward(
    ctx: Context,
    query: Value,
    key: Value,
    value: Value,
    embed_dim_to_check: Value,
    num_heads: Value,
    in_proj_weight: Value,
    in_proj_bias: Value,
    bias_k: Value,
    bias_v: Value,
    add_zero_attn: Value,
    dropout_p: Value,
    out_proj_weight: Value,
    out_proj_bias: Value,
    training: Value = True,
    key_padding_mask: Value = None,
    need_weights: Value = True,
    attn_mask: Value = None,
    use_separate_proj_weight: Value = False,
    q_proj_weight: Value = None,
    k_proj_weight: Value = None,
    v_proj_weight: Value = None,
    static_k: Value = None,
    static_v: Value = None,
    average_attn_weights: Value = True,
    is_causal: Value = False,
) -> Value:
    heads = integer(num_heads)
    sources = [tensor(ctx, source) for source in (query, key, value)]
    if use_separate_proj_weight is True:
        matrices = [q_proj_weight, k_proj_weight, v_proj_weight]
    else:
        matrices = _thirds(ctx, in_proj_weight)
    biases = _thirds(ctx, in_proj_bias) if in_proj_bias is not None else [None] * 3
    q, k, v = (
        linear(ctx, source, matrix, bias) for source, matrix, bias in zip(sources, matrices, biases, strict=True)
    )
    width = q.shape[-1] if q.shape else None
    scale = None if width is None or not heads else 1 / math.sqrt(width // heads)
    attended = ctx.emit(
        Kind.ATTENTION,
        (q, k, v),
        q.shape,
        attributes={
            "heads": heads,
            "scale": scale,
            "causal": is_causal is True,
            "dropout": number(dropout_p),
            "time_axis": 0,
        },
        class_name="torch.nn.functional.multi_head_attention_forward",
    )
    output = linear(ctx, attended, out_proj_weight, out_proj_bias)
    if need_weights is False:
        return (output, None)
    shape: Shape | None = None
    if q.shape is not None and k.shape is not None and heads is not None:
        lengths = (q.shape[0], k.shape[0])
        batch = q.shape[1:2] if len(q.shape) == 3 else ()
        shape = (*batch, *lengths) if average_attn_weights is not False else (*batch, heads, *lengths)
    maps = ctx.emit(Kind.ACTIVATION, (attended,), shape, attributes={"function": "softmax", "axis": -1})
    return (output, maps)


def _thirds(ctx: Context, packed: Value) -> list[Value]:
    whole = tensor(ctx, packed)
    if whole.shape is None:
        return [reshaped(ctx, whole, None, "split") for _ in range(3)]
    size = whole.shape[0] // 3
    return [operators.get_item(ctx, whole, slice(part * size, (part + 1) * size)) for part in range(3)]


TABLE.add("scaled_dot_product_attention", _scaled_dot_product_attention, "f")
TABLE.add("multi_head_attention_forward", _multi_head_attention_forward, "f")
