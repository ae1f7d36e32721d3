"""Attention with projections and several heads: multi-head and grouped-query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Property, Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.keras.activations import emit_activation
from gradlint.frameworks.keras.arguments import flag, integer, is_int, is_number, number, signature
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import tensor_or_none
from gradlint.frameworks.keras.layers.core import last_size
from gradlint.frameworks.keras.weights import parameters, weight
from gradlint.frameworks.registry import native, resolve
from gradlint.network import Kind

_PROJECTION = "keras.layers.EinsumDense"


def _equation(rank: Value, bound: int, produced: int) -> str:
    """The einsum of a projection: the last `bound` axes of an input of `rank` axes become `produced` others."""
    if not is_int(rank):
        return ""
    free = rank - bound
    labels = _LABELS[: rank + produced]
    kept, summed, made = labels[:free], labels[free:rank], labels[rank:]
    return f"{kept}{summed},{summed}{made}->{kept}{made}"


_LABELS = "abcdefghijklmnopqrstuvwxyz"


def _rank(shape: Value) -> int | None:
    return len(shape) if isinstance(shape, (list, tuple)) and shape else None


def _projection(
    ctx: Context,
    self: Instance,
    name: str,
    kernel: Sequence[Value],
    bias: Sequence[Value],
    rank: int | None,
) -> None:
    """The EinsumDense sub-layer `{name}_dense` with weights of these shapes."""
    key = f"_{name}_dense"
    made = self.attrs.get(key)
    if not isinstance(made, Instance):
        made = ctx.instantiate(resolve(_PROJECTION), "", None, name="attention_output" if name == "output" else name)
        made.origin = self.origin
        made.hidden["trainable"] = self.hidden.get("trainable", True)
        ctx.modified(self)
        self.attrs[key] = made
    given = self.hidden.get("given", ())
    made.hidden["built"] = True
    split = 2 if name == "output" else 1
    made.attrs["equation"] = _equation(rank, split, len(kernel) - split)
    weight(
        ctx,
        made,
        "kernel",
        kernel,
        self.attrs.get("kernel_initializer"),
        explicit="kernel_initializer" in given,
        axes=(range(split), range(split, len(kernel))),
    )
    if self.attrs.get("use_bias") is not False:
        weight(ctx, made, "bias", bias, self.attrs.get("bias_initializer"), explicit="bias_initializer" in given)
    else:
        made.attrs["bias"] = None


def _project(ctx: Context, self: Instance, name: str, x: Tensor, out_features: int | None) -> Tensor:
    """The LINEAR node of a projection, with the heads side by side in the last axis."""
    dense = self.attrs[f"_{name}_dense"]
    in_features = x.shape[-1] if x.shape else None
    return ctx.emit(
        Kind.LINEAR,
        [x],
        (*x.shape[:-1], out_features) if x.shape and out_features is not None else None,
        attributes={"in_features": in_features, "out_features": out_features},
        parameters=parameters(
            weight=tensor_or_none(dense.attrs.get("kernel")), bias=tensor_or_none(dense.attrs.get("bias"))
        ),
        class_name=_PROJECTION,
        layer=dense,
    )


def _product(*factors: int | None) -> int | None:
    result = 1
    for factor in factors:
        if factor is None:
            return None
        result *= factor
    return result


def _multi_head_setup(ctx: Context, self: Instance) -> None:
    size = self.attrs.pop("output_shape", None)
    self.hidden["output_size"] = (size,) if integer(size) is not None else size
    attrs = self.attrs
    if attrs.get("value_dim") is None:
        attrs["value_dim"] = attrs.get("key_dim")
    attrs.update({f"_{name}": attrs.get(name) for name in _PRIVATE})
    width = attrs.get("key_dim")
    attrs["_inverse_sqrt_key_dim"] = width**-0.5 if is_int(width) and width > 0 else ctx.unknown("the width of a head")


_PRIVATE = ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "kernel_initializer", "bias_initializer")
"""Arguments that real layers keep under a leading underscore, where user classes that derive from them look."""


def _compute_attention(
    ctx: Context, self: Instance, query: Value = None, key: Value = None, value: Value = None, *args: Value, **kw: Value
) -> Value:
    """`_compute_attention` on projected (batch, time, heads, width), as classes that override `call` use it."""
    scale = number(self.attrs.get("_inverse_sqrt_key_dim"), 1.0)
    attended = attention_by_heads(ctx, ctx.as_tensor(query), ctx.as_tensor(key), ctx.as_tensor(value), scale, False)
    return attended, None


def attention_by_heads(ctx: Context, query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool) -> Tensor:
    """Attention on (batch, time, heads, width): the heads stand before time while it is calculated."""
    shape = query.shape
    if shape is None or len(shape) != 4 or any(t.shape is None or len(t.shape) != 4 for t in (key, value)):
        return ctx.opaque("attention of unknown shape", [query, key, value])
    order = (0, 2, 1, 3)
    turned = [
        nodes.reshaped(ctx, t, shapes.permuted(t.shape, order), "transpose", axes=order) for t in (query, key, value)
    ]
    width = value.shape[-1] if value.shape else shape[-1]
    result = (shape[0], shape[2], shape[1], width)
    attended = ctx.emit(
        Kind.ATTENTION,
        turned,
        result,
        attributes={"heads": shape[2], "scale": scale, "causal": causal, "dropout": 0.0},
        class_name="keras.ops.dot_product_attention",
    )
    return nodes.reshaped(ctx, attended, shapes.permuted(result, order), "transpose", axes=order)


def _sublayer(name: str) -> Property:
    def getter(ctx: Context, self: Instance) -> Value:
        return self.attrs.get(f"_{name}_dense")

    return Property(native(f"keras.layers.MultiHeadAttention.{name}_dense", getter))


_METHODS: dict[str, Any] = {
    **{f"{name}_dense": _sublayer(name) for name in ("query", "key", "value", "output")},
    "_compute_attention": _compute_attention,
    "_compute_attention_mask": lambda ctx, self, *args, **kwargs: kwargs.get("attention_mask"),
    "_compute_causal_mask": lambda ctx, self, *args, **kwargs: None,
    "_build_attention": lambda ctx, self, *args, **kwargs: None,
}


def _multi_head_build(
    ctx: Context, self: Instance, query_shape: Value = None, value_shape: Value = None, key_shape: Value = None
) -> None:
    """The four projections; done when the shapes of query and value are both known."""
    if value_shape is None:
        return
    self.hidden["built"] = True
    attrs = self.attrs
    heads, key_dim, value_dim = attrs.get("num_heads"), attrs.get("key_dim"), attrs.get("value_dim")
    query, value = last_size(query_shape), last_size(value_shape)
    key = value if key_shape is None else last_size(key_shape)
    out = self.hidden.get("output_size")
    out = tuple(out) if isinstance(out, (list, tuple)) and out else (query,)
    rank, other = _rank(query_shape), _rank(value_shape)
    _projection(ctx, self, "query", (query, heads, key_dim), (heads, key_dim), rank)
    _projection(ctx, self, "key", (key, heads, key_dim), (heads, key_dim), other)
    _projection(ctx, self, "value", (value, heads, value_dim), (heads, value_dim), other)
    if flag(attrs.get("use_gate")):
        _projection(ctx, self, "gate", (query, heads, value_dim), (heads, value_dim), rank)
    _projection(ctx, self, "output", (heads, value_dim, *out), out, None if rank is None else rank + 1)


def _multi_head_call(
    ctx: Context,
    self: Instance,
    query: Value = None,
    value: Value = None,
    key: Value = None,
    *args: Value,
    **kwargs: Value,
) -> Value:
    attrs = self.attrs
    q = ctx.as_tensor(query)
    v = ctx.as_tensor(query if value is None else value)
    k = v if key is None else ctx.as_tensor(key)
    _multi_head_build(ctx, self, q.shape or (), v.shape or (), k.shape or ())
    heads, key_dim = integer(attrs.get("num_heads")), integer(attrs.get("key_dim"))
    value_dim = integer(attrs.get("value_dim"))
    causal = flag(kwargs.get("use_causal_mask", args[5] if len(args) > 5 else False))
    attended = attend(
        ctx,
        self,
        _project(ctx, self, "query", q, _product(heads, key_dim)),
        _project(ctx, self, "key", k, _product(heads, key_dim)),
        _project(ctx, self, "value", v, _product(heads, value_dim)),
        heads,
        key_dim**-0.5 if key_dim else None,
        causal,
    )
    if flag(attrs.get("use_gate")):
        gate = emit_activation(
            ctx, "sigmoid", _project(ctx, self, "gate", q, _product(heads, value_dim)), None, self.attrs["_gate_dense"]
        )
        attended = ctx.emit(Kind.MULTIPLY, [attended, gate], attended.shape, layer=self)
    out = self.hidden.get("output_size")
    width = last_size(out) if isinstance(out, (list, tuple)) and out else (q.shape[-1] if q.shape else None)
    result = _project(ctx, self, "output", attended, width)
    if flag(kwargs.get("return_attention_scores", args[4] if len(args) > 4 else False)):
        return [result, scores(ctx, self, q, k, heads)]
    return result


def attend(
    ctx: Context,
    self: Instance,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    heads: int | None,
    scale: float | None,
    causal: bool,
    **more: Any,
) -> Tensor:
    """The ATTENTION node on (batch, time, heads * width); `more` are further attributes."""
    shape = None
    if query.shape and value.shape:
        if key.shape and key.shape[-1] != query.shape[-1] and not more:
            raise ShapeMismatch(f"attention of queries {query.shape} and keys {key.shape}")
        shape = (*query.shape[:-1], value.shape[-1])
    dropout = self.attrs.get("dropout")
    return ctx.emit(
        Kind.ATTENTION,
        [query, key, value],
        shape,
        attributes={
            "heads": heads,
            "scale": scale,
            "causal": causal,
            "dropout": float(dropout) if is_number(dropout) else 0.0,
            "sequence_axis": 1,
            **more,
        },
        class_name=f"keras.layers.{self.cls.name.rpartition('.')[2]}",
        layer=self,
    )


def scores(ctx: Context, self: Instance, query: Tensor, key: Tensor, heads: int | None) -> Tensor:
    """The attention weights as a tensor of their own (batch, heads, queries, keys)."""
    shape = None
    if query.shape and key.shape and heads is not None and len(query.shape) == 3:
        shape = (query.shape[0], heads, query.shape[1], key.shape[1])
    logits = ctx.emit(Kind.MATMUL, [query, key], shape, layer=self)
    return emit_activation(ctx, "softmax", logits, None, self)


def _grouped_build(
    ctx: Context, self: Instance, query_shape: Value = None, value_shape: Value = None, key_shape: Value = None
) -> None:
    if value_shape is None:
        return
    self.hidden["built"] = True
    attrs = self.attrs
    width, heads, groups = attrs.get("head_dim"), attrs.get("num_query_heads"), attrs.get("num_key_value_heads")
    query, value = last_size(query_shape), last_size(value_shape)
    key = value if key_shape is None else last_size(key_shape)
    rank, other = _rank(query_shape), _rank(value_shape)
    _projection(ctx, self, "query", (query, heads, width), (heads, width), rank)
    _projection(ctx, self, "key", (key, groups, width), (groups, width), other)
    _projection(ctx, self, "value", (value, groups, width), (groups, width), other)
    if flag(attrs.get("use_gate")):
        _projection(ctx, self, "gate", (query, heads, width), (heads, width), rank)
    _projection(ctx, self, "output", (heads, width, query), (query,), None if rank is None else rank + 1)


def _grouped_call(
    ctx: Context,
    self: Instance,
    query: Value = None,
    value: Value = None,
    key: Value = None,
    *args: Value,
    **kwargs: Value,
) -> Value:
    q = ctx.as_tensor(query)
    v = ctx.as_tensor(query if value is None else value)
    k = v if key is None else ctx.as_tensor(key)
    _grouped_build(ctx, self, q.shape or (), v.shape or (), k.shape or ())
    attrs = self.attrs
    width, heads = integer(attrs.get("head_dim")), integer(attrs.get("num_query_heads"))
    groups = integer(attrs.get("num_key_value_heads"))
    full, narrow = _product(heads, width), _product(groups, width)
    repeated = []
    for name, x in (("key", k), ("value", v)):
        projected = _project(ctx, self, name, x, narrow)
        if full != narrow:
            shape = (*projected.shape[:-1], full) if projected.shape and full is not None else None
            projected = nodes.reshaped(ctx, projected, shape, "expand", axes=(-1,))
        repeated.append(projected)
    attended = attend(
        ctx,
        self,
        _project(ctx, self, "query", q, full),
        repeated[0],
        repeated[1],
        heads,
        width**-0.5 if width else None,
        flag(kwargs.get("use_causal_mask")),
    )
    result = _project(ctx, self, "output", attended, q.shape[-1] if q.shape else None)
    if flag(kwargs.get("return_attention_scores")):
        return [result, scores(ctx, self, q, k, heads)]
    return result


_COMMON: dict[str, Any] = {
    "kernel_initializer": "glorot_uniform",
    "bias_initializer": "zeros",
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
    "use_gate": False,
    "seed": None,
}

LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec(
        "MultiHeadAttention",
        signature(
            "num_heads",
            "key_dim",
            value_dim=None,
            dropout=0.0,
            use_bias=True,
            output_shape=None,
            attention_axes=None,
            sliding_window=None,
            flash_attention=None,
            **_COMMON,
        ),
        _multi_head_call,
        _multi_head_build,
        _multi_head_setup,
        methods=_METHODS,
    ),
    LayerSpec(
        "GroupQueryAttention",
        signature(
            "head_dim",
            "num_query_heads",
            "num_key_value_heads",
            dropout=0.0,
            use_bias=True,
            sliding_window=None,
            flash_attention=None,
            **_COMMON,
        ),
        _grouped_call,
        _grouped_build,
    ),
)
