"""Attention layers: multi-head, grouped-query, dot-product and additive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.keras.activations import emit_activation
from gradlint.frameworks.keras.arguments import flag, integer, is_number, signature
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.common import tensor_or_none
from gradlint.frameworks.keras.layers.core import last_size
from gradlint.frameworks.keras.weights import parameters, weight
from gradlint.frameworks.registry import resolve
from gradlint.network import Kind

_PROJECTION = "keras.layers.EinsumDense"


def _projection(
    ctx: Context, self: Instance, name: str, kernel: Sequence[Value] | None, bias: Sequence[Value] | None
) -> None:
    """The EinsumDense sub-layer `{name}_dense` with weights of these shapes."""
    key = f"{name}_dense"
    made = self.attrs.get(key)
    if not isinstance(made, Instance):
        made = ctx.instantiate(resolve(_PROJECTION), "", None, name="attention_output" if name == "output" else name)
        made.origin = self.origin
        made.hidden["trainable"] = self.hidden.get("trainable", True)
        ctx.modified(self)
        self.attrs[key] = made
    given = self.hidden.get("given", ())
    made.hidden["built"] = True
    rank = 0 if kernel is None else len(kernel)
    split = 2 if name == "output" else 1
    weight(
        ctx,
        made,
        "kernel",
        kernel,
        self.attrs.get("kernel_initializer"),
        explicit="kernel_initializer" in given,
        axes=(range(split), range(split, rank)),
    )
    if self.attrs.get("use_bias") is not False:
        weight(ctx, made, "bias", bias, self.attrs.get("bias_initializer"), explicit="bias_initializer" in given)
    else:
        made.attrs["bias"] = None


def _project(ctx: Context, self: Instance, name: str, x: Tensor, out_features: int | None) -> Tensor:
    """The LINEAR node of a projection, with the heads side by side in the last axis."""
    dense = self.attrs[f"{name}_dense"]
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
    if self.attrs.get("value_dim") is None:
        self.attrs["value_dim"] = self.attrs.get("key_dim")


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
    _projection(ctx, self, "query", (query, heads, key_dim), (heads, key_dim))
    _projection(ctx, self, "key", (key, heads, key_dim), (heads, key_dim))
    _projection(ctx, self, "value", (value, heads, value_dim), (heads, value_dim))
    if flag(attrs.get("use_gate")):
        _projection(ctx, self, "gate", (query, heads, value_dim), (heads, value_dim))
    _projection(ctx, self, "output", (heads, value_dim, *out), out)


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
    attended = _attend(
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
            ctx, "sigmoid", _project(ctx, self, "gate", q, _product(heads, value_dim)), None, self.attrs["gate_dense"]
        )
        attended = ctx.emit(Kind.MULTIPLY, [attended, gate], attended.shape, layer=self)
    out = self.hidden.get("output_size")
    width = last_size(out) if isinstance(out, (list, tuple)) and out else (q.shape[-1] if q.shape else None)
    result = _project(ctx, self, "output", attended, width)
    if flag(kwargs.get("return_attention_scores", args[4] if len(args) > 4 else False)):
        return [result, _scores(ctx, self, q, k, heads)]
    return result


def _attend(
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


def _scores(ctx: Context, self: Instance, query: Tensor, key: Tensor, heads: int | None) -> Tensor:
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
    _projection(ctx, self, "query", (query, heads, width), (heads, width))
    _projection(ctx, self, "key", (key, groups, width), (groups, width))
    _projection(ctx, self, "value", (value, groups, width), (groups, width))
    if flag(attrs.get("use_gate")):
        _projection(ctx, self, "gate", (query, heads, width), (heads, width))
    _projection(ctx, self, "output", (heads, width, query), (query,))


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
    attended = _attend(
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
        return [result, _scores(ctx, self, q, k, heads)]
    return result


def _first_shape(shape: Value) -> Value:
    return shape[0] if isinstance(shape, (list, tuple)) and shape and not isinstance(shape[0], int) else shape


def _dot_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    self.hidden["built"] = True
    if flag(self.attrs.get("use_scale")):
        weight(ctx, self, "scale", (), "ones", explicit=False)
    if self.attrs.get("score_mode") == "concat":
        weight(ctx, self, "concat_score_weight", (), "ones", explicit=False)


def _three(ctx: Context, inputs: Value) -> tuple[Tensor, Tensor, Tensor]:
    """Query, value and key of the list that attention layers are called on."""
    items = [ctx.as_tensor(item) for item in (inputs if isinstance(inputs, (list, tuple)) else [inputs])]
    query = items[0]
    value = items[1] if len(items) > 1 else query
    return query, value, items[2] if len(items) > 2 else value


def _dot_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    query, value, key = _three(ctx, inputs)
    causal = flag(kwargs.get("use_causal_mask"))
    result = _attend(ctx, self, query, key, value, 1, 1.0, causal)
    if flag(kwargs.get("return_attention_scores")):
        return [result, _scores(ctx, self, query, key, 1)]
    return result


def _additive_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    width = last_size(_first_shape(input_shape))
    self.hidden["built"] = width is not None
    if flag(self.attrs.get("use_scale", True), True):
        weight(ctx, self, "scale", None if width is None else (width,), "glorot_uniform", explicit=False)


def _additive_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    """softmax(sum(scale * tanh(query + key))) @ value (Bahdanau et al. 2015)."""
    query, value, key = _three(ctx, inputs)
    q, k = query, key
    if query.shape and key.shape and len(query.shape) == len(key.shape) == 3:
        q = nodes.reshaped(ctx, query, (*query.shape[:2], 1, query.shape[2]), "view")
        k = nodes.reshaped(ctx, key, (key.shape[0], 1, *key.shape[1:]), "view")
    hidden = emit_activation(ctx, "tanh", nodes.added(ctx, q, k), None, self)
    scale = tensor_or_none(self.attrs.get("scale"))
    if scale is not None:
        hidden = nodes.elementwise(ctx, Kind.MULTIPLY, (hidden, scale))
    rank = len(hidden.shape) if hidden.shape is not None else None
    logits = nodes.reduction(ctx, hidden, "sum", None if rank is None else (rank - 1,))
    shares = emit_activation(ctx, "softmax", logits, None, self)
    shape = shapes.matmul(shares.shape, value.shape)
    result = ctx.emit(Kind.MATMUL, [shares, value], shape, class_name="keras.layers.AdditiveAttention", layer=self)
    return [result, shares] if flag(kwargs.get("return_attention_scores")) else result


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
    LayerSpec("Attention", signature(use_scale=False, score_mode="dot", dropout=0.0, seed=None), _dot_call, _dot_build),
    LayerSpec("AdditiveAttention", signature(use_scale=True, dropout=0.0), _additive_call, _additive_build),
)
