"""Attention without projections: dot-product (Luong et al. 2015) and additive (Bahdanau et al. 2015)."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.keras.activations import emit_activation
from gradlint.frameworks.keras.arguments import flag, signature
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.layers.attention import attend, scores
from gradlint.frameworks.keras.layers.common import tensor_or_none
from gradlint.frameworks.keras.layers.core import last_size
from gradlint.frameworks.keras.weights import weight
from gradlint.network import Kind


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
    result = attend(ctx, self, query, key, value, 1, 1.0, causal)
    if flag(kwargs.get("return_attention_scores")):
        return [result, scores(ctx, self, query, key, 1)]
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


LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec("Attention", signature(use_scale=False, score_mode="dot", dropout=0.0, seed=None), _dot_call, _dot_build),
    LayerSpec("AdditiveAttention", signature(use_scale=True, dropout=0.0), _additive_call, _additive_build),
)
