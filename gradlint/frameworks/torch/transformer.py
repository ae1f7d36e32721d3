"""`torch.nn.Transformer` and its encoder and decoder, built from sub-layers as torch builds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.copying import copied
from gradlint.evaluation.values import Instance, Native, StaticMethod, Value
from gradlint.frameworks import modules, resolve
from gradlint.frameworks.operators import add
from gradlint.frameworks.torch.arguments import as_bool, as_count, as_int, input_tensor
from gradlint.frameworks.torch.attention import CAUSAL, is_causal_mask
from gradlint.frameworks.torch.distributions import fans, xavier_default
from gradlint.frameworks.torch.layers import layer_class
from gradlint.network import Kind, Parameter

NAMES: dict[str, Value] = {}


def _make(ctx: Context, name: str, *args: Value, **kwargs: Value) -> Value:
    return ctx.instantiate(resolve(f"torch.nn.{name}"), *args, **kwargs)


def _activation(ctx: Context, value: Value) -> Value:
    if isinstance(value, str):
        if value not in ("relu", "gelu"):
            ctx.fail("RuntimeError", f"activation should be relu/gelu, not {value}")
        return resolve(f"torch.nn.functional.{value}")
    return resolve("torch.nn.functional.relu") if value is None else value


def _layer_init(blocks: tuple[str, ...], norms: int) -> Callable[..., None]:
    """The constructor of an encoder or decoder layer with these attention blocks."""

    def initialize(
        ctx: Context,
        self: Instance,
        d_model: Value,
        nhead: Value,
        dim_feedforward: Value = 2048,
        dropout: Value = 0.1,
        activation: Value = None,
        layer_norm_eps: Value = 1e-5,
        batch_first: Value = False,
        norm_first: Value = False,
        bias: Value = True,
        device: Value = None,
        dtype: Value = None,
    ) -> None:
        attrs = self.attrs
        for block in blocks:
            attrs[block] = _make(
                ctx,
                "MultiheadAttention",
                d_model,
                nhead,
                dropout=dropout,
                bias=bias,
                batch_first=batch_first,
                dtype=dtype,
            )
        attrs["linear1"] = _make(ctx, "Linear", d_model, dim_feedforward, bias=bias, dtype=dtype)
        attrs["dropout"] = _make(ctx, "Dropout", dropout)
        attrs["linear2"] = _make(ctx, "Linear", dim_feedforward, d_model, bias=bias, dtype=dtype)
        attrs["norm_first"] = norm_first
        for index in range(1, norms + 1):
            attrs[f"norm{index}"] = _make(ctx, "LayerNorm", d_model, eps=layer_norm_eps, bias=bias, dtype=dtype)
        for index in range(1, norms + 1):
            attrs[f"dropout{index}"] = _make(ctx, "Dropout", dropout)
        attrs["activation"] = _activation(ctx, activation)

    return initialize


def _part(ctx: Context, layer: Instance, name: str, *args: Value, **kwargs: Value) -> Value:
    """Call a sub-layer or method of `layer` as its class, or the user's subclass, has it."""
    return ctx.call(ctx.getattr(layer, name), *args, **kwargs)


def _attend(
    ctx: Context, layer: Instance, block: str, dropout: str, x: Value, memory: Value, masks: dict[str, Value]
) -> Value:
    result = _part(ctx, layer, block, x, memory, memory, need_weights=False, **masks)
    if isinstance(result, tuple):
        result = result[0]
    return _part(ctx, layer, dropout, result)


def _self_attention(
    ctx: Context,
    self: Instance,
    x: Value,
    attn_mask: Value = None,
    key_padding_mask: Value = None,
    is_causal: Value = False,
) -> Value:
    masks = {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask, "is_causal": is_causal}
    return _attend(ctx, self, "self_attn", "dropout1", x, x, masks)


def _cross_attention(
    ctx: Context,
    self: Instance,
    x: Value,
    mem: Value,
    attn_mask: Value = None,
    key_padding_mask: Value = None,
    is_causal: Value = False,
) -> Value:
    masks = {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask, "is_causal": is_causal}
    return _attend(ctx, self, "multihead_attn", "dropout2", x, mem, masks)


def _feed_forward(last: str) -> Callable[..., Value]:
    def feed_forward(ctx: Context, self: Instance, x: Value) -> Value:
        x = _part(ctx, self, "activation", _part(ctx, self, "linear1", x))
        return _part(ctx, self, last, _part(ctx, self, "linear2", _part(ctx, self, "dropout", x)))

    return feed_forward


def _residual(ctx: Context, layer: Instance, x: Value, norm: str, block: Callable[[Value], Value]) -> Value:
    """One block around its skip connection, with the normalization before it or behind the sum."""
    if as_bool(ctx, layer.attrs["norm_first"], False):
        return add(ctx, x, block(_part(ctx, layer, norm, x)))
    return _part(ctx, layer, norm, add(ctx, x, block(x)))


def _encoder_layer_forward(
    ctx: Context,
    self: Instance,
    src: Value,
    src_mask: Value = None,
    src_key_padding_mask: Value = None,
    is_causal: Value = False,
) -> Value:
    def attend(x: Value) -> Value:
        return _part(ctx, self, "_sa_block", x, src_mask, src_key_padding_mask, is_causal=is_causal)

    x: Value = _residual(ctx, self, input_tensor(ctx, src), "norm1", attend)
    return _residual(ctx, self, x, "norm2", lambda x: _part(ctx, self, "_ff_block", x))


def _decoder_layer_forward(
    ctx: Context,
    self: Instance,
    tgt: Value,
    memory: Value,
    tgt_mask: Value = None,
    memory_mask: Value = None,
    tgt_key_padding_mask: Value = None,
    memory_key_padding_mask: Value = None,
    tgt_is_causal: Value = False,
    memory_is_causal: Value = False,
) -> Value:
    def attend(x: Value) -> Value:
        return _part(ctx, self, "_sa_block", x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)

    def attend_to_memory(x: Value) -> Value:
        return _part(ctx, self, "_mha_block", x, memory, memory_mask, memory_key_padding_mask, memory_is_causal)

    x: Value = _residual(ctx, self, input_tensor(ctx, tgt), "norm1", attend)
    x = _residual(ctx, self, x, "norm2", attend_to_memory)
    return _residual(ctx, self, x, "norm3", lambda x: _part(ctx, self, "_ff_block", x))


layer_class(
    NAMES,
    "TransformerEncoderLayer",
    {
        "__init__": _layer_init(("self_attn",), 2),
        "forward": _encoder_layer_forward,
        "_sa_block": _self_attention,
        "_ff_block": _feed_forward("dropout2"),
    },
)
layer_class(
    NAMES,
    "TransformerDecoderLayer",
    {
        "__init__": _layer_init(("self_attn", "multihead_attn"), 3),
        "forward": _decoder_layer_forward,
        "_sa_block": _self_attention,
        "_mha_block": _cross_attention,
        "_ff_block": _feed_forward("dropout3"),
    },
)


# Stacks.


def clones(ctx: Any, layer: Value, count: Value) -> Value:
    """A ModuleList of deep copies; where their number is not known, of one."""
    number = as_count(ctx, count)
    return _make(ctx, "ModuleList", [copied(ctx, layer, deep=True) for _ in range(number)])


def _stack_init(ctx: Context, self: Instance, layer: Value, num_layers: Value, norm: Value) -> None:
    self.attrs["layers"] = clones(ctx, layer, num_layers)
    self.attrs["num_layers"], self.attrs["norm"] = num_layers, norm


def _encoder_init(
    ctx: Context,
    self: Instance,
    encoder_layer: Value,
    num_layers: Value,
    norm: Value = None,
    enable_nested_tensor: Value = True,
    mask_check: Value = True,
) -> None:
    _stack_init(ctx, self, encoder_layer, num_layers, norm)


def _decoder_init(ctx: Context, self: Instance, decoder_layer: Value, num_layers: Value, norm: Value = None) -> None:
    _stack_init(ctx, self, decoder_layer, num_layers, norm)


def _final_norm(ctx: Context, stack: Instance, x: Value) -> Value:
    return x if stack.attrs.get("norm") is None else _part(ctx, stack, "norm", x)


def _encoder_forward(
    ctx: Context,
    self: Instance,
    src: Value,
    mask: Value = None,
    src_key_padding_mask: Value = None,
    is_causal: Value = None,
) -> Value:
    causal = as_bool(ctx, is_causal, False) or is_causal_mask(mask)
    for layer in ctx.iterate(self.attrs["layers"]):
        src = ctx.call(layer, src, src_mask=mask, is_causal=causal, src_key_padding_mask=src_key_padding_mask)
    return _final_norm(ctx, self, src)


def _decoder_forward(
    ctx: Context,
    self: Instance,
    tgt: Value,
    memory: Value,
    tgt_mask: Value = None,
    memory_mask: Value = None,
    tgt_key_padding_mask: Value = None,
    memory_key_padding_mask: Value = None,
    tgt_is_causal: Value = None,
    memory_is_causal: Value = False,
) -> Value:
    causal = as_bool(ctx, tgt_is_causal, False) or is_causal_mask(tgt_mask)
    for layer in ctx.iterate(self.attrs["layers"]):
        tgt = ctx.call(
            layer,
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=causal,
            memory_is_causal=memory_is_causal,
        )
    return _final_norm(ctx, self, tgt)


layer_class(NAMES, "TransformerEncoder", {"__init__": _encoder_init, "forward": _encoder_forward})
layer_class(NAMES, "TransformerDecoder", {"__init__": _decoder_init, "forward": _decoder_forward})


# The whole transformer.


def _subsequent_mask(ctx: Context, sz: Value, device: Value = None, dtype: Value = None) -> Value:
    size = as_int(sz)
    mask = ctx.emit(Kind.CONSTANT, (), None if size is None else (size, size))
    mask.attributes[CAUSAL] = True
    return mask


def _transformer_init(
    ctx: Context,
    self: Instance,
    d_model: Value = 512,
    nhead: Value = 8,
    num_encoder_layers: Value = 6,
    num_decoder_layers: Value = 6,
    dim_feedforward: Value = 2048,
    dropout: Value = 0.1,
    activation: Value = None,
    custom_encoder: Value = None,
    custom_decoder: Value = None,
    layer_norm_eps: Value = 1e-5,
    batch_first: Value = False,
    norm_first: Value = False,
    bias: Value = True,
    device: Value = None,
    dtype: Value = None,
) -> None:
    settings = (dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype)
    for side, custom, count in (
        ("Encoder", custom_encoder, num_encoder_layers),
        ("Decoder", custom_decoder, num_decoder_layers),
    ):
        if custom is None:
            layer = _make(ctx, f"Transformer{side}Layer", d_model, nhead, *settings)
            norm = _make(ctx, "LayerNorm", d_model, eps=layer_norm_eps, bias=bias, dtype=dtype)
            custom = _make(ctx, f"Transformer{side}", layer, count, norm)
        self.attrs[side.lower()] = custom
    _reset_parameters(ctx, self)
    self.attrs.update(d_model=d_model, nhead=nhead, batch_first=batch_first)


def _reset_parameters(ctx: Context, self: Instance) -> None:
    """Xavier-uniform on every parameter of two dimensions or more."""
    for parameter in modules.all_parameters(self):
        _draw_xavier(ctx, parameter)


def _draw_xavier(ctx: Context, parameter: Parameter) -> None:
    both = fans(parameter.shape)
    if both is not None:
        ctx.modified(parameter)
        parameter.initialize(xavier_default("uniform", *both))


def _transformer_forward(
    ctx: Context,
    self: Instance,
    src: Value,
    tgt: Value,
    src_mask: Value = None,
    tgt_mask: Value = None,
    memory_mask: Value = None,
    src_key_padding_mask: Value = None,
    tgt_key_padding_mask: Value = None,
    memory_key_padding_mask: Value = None,
    src_is_causal: Value = None,
    tgt_is_causal: Value = None,
    memory_is_causal: Value = False,
) -> Value:
    memory = _part(
        ctx,
        self,
        "encoder",
        src,
        mask=src_mask,
        src_key_padding_mask=src_key_padding_mask,
        is_causal=src_is_causal,
    )
    return _part(
        ctx,
        self,
        "decoder",
        tgt,
        memory,
        tgt_mask=tgt_mask,
        memory_mask=memory_mask,
        tgt_key_padding_mask=tgt_key_padding_mask,
        memory_key_padding_mask=memory_key_padding_mask,
        tgt_is_causal=tgt_is_causal,
        memory_is_causal=memory_is_causal,
    )


layer_class(
    NAMES,
    "Transformer",
    {
        "__init__": _transformer_init,
        "forward": _transformer_forward,
        "_reset_parameters": _reset_parameters,
        "generate_square_subsequent_mask": StaticMethod(
            Native("torch.nn.Transformer.generate_square_subsequent_mask", _subsequent_mask)
        ),
    },
)
NAMES["nn.modules.transformer._get_clones"] = Native("torch.nn.modules.transformer._get_clones", clones)
