"""Layers as functions of `torch.nn.functional`: convolution, embedding, normalization, dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import operators, shapes, weights
from gradlint.frameworks.nodes import adopt, integer, number, reduction, reshaped, scaled
from gradlint.frameworks.torch.embedding import check_indices
from gradlint.frameworks.torch.functions.tables import Table, tensor
from gradlint.network import Kind, Parameter, Shape

TABLE = Table()


def _pairs(padding: Value, dims: int, kernel: Shape, dilation: Shape | None) -> shapes.Pads | None:
    if padding == "same" and dilation is not None:
        return shapes.same_padding(kernel, dilation)
    if padding == "valid":
        return ((0, 0),) * dims
    widths = shapes.per_axis(padding, dims)
    return None if widths is None else tuple((width, width) for width in widths)


def _convolution(dims: int, transposed: bool) -> Callable[..., Value]:
    name = f"torch.nn.functional.conv{'_transpose' if transposed else ''}{dims}d"

    def convolve(
        ctx: Context,
        input: Value,
        weight: Value,
        bias: Value,
        stride: Value,
        padding: Value,
        dilation: Value,
        groups: Value,
        output_padding: Value = 0,
    ) -> Value:
        x, w = tensor(ctx, input), tensor(ctx, weight)
        b = None if bias is None else tensor(ctx, bias)
        if w.shape is None:
            inputs = [value for value in (x, w, b) if value is not None]
            return ctx.opaque("a convolution with a kernel whose shape is not known", inputs)
        if len(w.shape) != dims + 2:
            raise ShapeMismatch(
                f"expected a weight of {dims + 2} dimensions for a {dims}d convolution, but got {w.shape}"
            )
        kernel, count = w.shape[2:], integer(groups)
        step, spread = shapes.per_axis(stride, dims), shapes.per_axis(dilation, dims)
        pads, extra = _pairs(padding, dims, kernel, spread), shapes.per_axis(output_padding, dims)
        ins = outs = None
        if count is not None:
            ins, outs = (w.shape[0], w.shape[1] * count) if transposed else (w.shape[1] * count, w.shape[0])
        shape: Shape | None = None
        if x.shape is not None and outs is not None:
            if len(x.shape) not in (dims + 1, dims + 2) or x.shape[-dims - 1] != ins:
                raise ShapeMismatch(f"{dims}d convolution of {x.shape} with a weight of shape {w.shape}")
            if step is not None and spread is not None and pads is not None and extra is not None:
                sizes = x.shape[-dims:]
                if transposed:
                    spatial = shapes.deconvolved(sizes, kernel, step, pads, spread, extra)
                else:
                    spatial = shapes.convolved(sizes, kernel, step, pads, spread)
                shape = (*x.shape[: -dims - 1], outs, *spatial)
        attributes = {
            "in_channels": ins,
            "out_channels": outs,
            "kernel_size": kernel,
            "stride": step,
            "dilation": spread,
            "padding": pads,
            "groups": count,
            "transposed": transposed,
            "padding_mode": "zeros",
            "channel_axis": 1,
        }
        return weights.convolution(ctx, x, w, b, attributes, shape, name)

    if transposed:

        def apply_transposed(
            ctx: Context,
            input: Value,
            weight: Value,
            bias: Value = None,
            stride: Value = 1,
            padding: Value = 0,
            output_padding: Value = 0,
            groups: Value = 1,
            dilation: Value = 1,
        ) -> Value:
            return convolve(ctx, input, weight, bias, stride, padding, dilation, groups, output_padding)

        return apply_transposed

    def apply(
        ctx: Context,
        input: Value,
        weight: Value,
        bias: Value = None,
        stride: Value = 1,
        padding: Value = 0,
        dilation: Value = 1,
        groups: Value = 1,
    ) -> Value:
        return convolve(ctx, input, weight, bias, stride, padding, dilation, groups)

    return apply


def _embedding(
    ctx: Context,
    input: Value,
    weight: Value,
    padding_idx: Value = None,
    max_norm: Value = None,
    norm_type: Value = 2.0,
    scale_grad_by_freq: Value = False,
    sparse: Value = False,
) -> Value:
    indices, table = tensor(ctx, input), tensor(ctx, weight)
    check_indices(indices)
    count, width = table.shape if table.shape is not None and len(table.shape) == 2 else (None, None)
    shape = None if indices.shape is None or width is None else (*indices.shape, width)
    found = weights.weights_of(table)
    if found is None:
        return reshaped(ctx, table, shape, "gather", "torch.nn.functional.embedding")
    result = ctx.emit(
        Kind.EMBEDDING,
        (indices,),
        shape,
        attributes={"num_embeddings": count, "embedding_dim": width, "padding_idx": integer(padding_idx)},
        parameters={"weight": found.parameter},
        class_name="torch.nn.functional.embedding",
        dtype=table.dtype,
    )
    return result if found.factor == 1 else scaled(ctx, result, found.factor)


def _embedding_bag(
    ctx: Context,
    input: Value,
    weight: Value,
    offsets: Value = None,
    max_norm: Value = None,
    norm_type: Value = 2,
    scale_grad_by_freq: Value = False,
    mode: Value = "mean",
    sparse: Value = False,
    per_sample_weights: Value = None,
    include_last_offset: Value = False,
    padding_idx: Value = None,
) -> Value:
    entries = _embedding(ctx, input, weight, padding_idx)
    if entries.shape is None or len(entries.shape) != 3:
        places = tensor(ctx, offsets) if offsets is not None else None
        width = None if entries.shape is None else entries.shape[-1]
        bags = None if places is None or places.shape is None else places.shape[0]
        shape = None if width is None or bags is None else (bags, width)
        return ctx.opaque("bags of unequal length are not modelled", [entries], shape)
    kind = {"mean": "average", "sum": "sum", "max": "max"}.get(mode, "average") if isinstance(mode, str) else "average"
    return reduction(ctx, entries, kind, (1,), class_name="torch.nn.functional.embedding_bag")


# Normalization.


def _normalize(
    ctx: Context,
    x: Tensor,
    kind: str,
    axes: Shape | None,
    eps: Value,
    weight: Value,
    bias: Value,
    name: str,
    **more: Any,
) -> Value:
    """A NORMALIZATION node; weight and bias that are no parameters are applied behind it."""
    parameters: dict[str, Parameter] = {}
    rest: list[tuple[str, Tensor]] = []
    for role, value in (("weight", weight), ("bias", bias)):
        if value is None:
            continue
        given = tensor(ctx, value)
        if given.parameter is not None and given.node.kind is Kind.PARAMETER and not rest:
            parameters[role] = given.parameter
        else:
            rest.append((role, given))
    attributes = {"type": kind, "epsilon": number(eps), "axes": axes, "affine": bool(parameters), **more}
    result: Value = ctx.emit(
        Kind.NORMALIZATION,
        (x,),
        x.shape,
        attributes=attributes,
        parameters=parameters,
        class_name=f"torch.nn.functional.{name}",
    )
    for role, given in rest:
        if more.get("channel_axis") == 1 and x.shape is not None and given.shape is not None and len(given.shape) == 1:
            given = reshaped(ctx, given, (*given.shape, *(1,) * (len(x.shape) - 2)), "view")
        result = operators.multiply(ctx, result, given) if role == "weight" else operators.add(ctx, result, given)
    return result


def _batch_norm(
    ctx: Context,
    input: Value,
    running_mean: Value = None,
    running_var: Value = None,
    weight: Value = None,
    bias: Value = None,
    training: Value = False,
    momentum: Value = 0.1,
    eps: Value = 1e-5,
    *args: Value,
) -> Value:
    x = tensor(ctx, input)
    axes = None if x.shape is None else (0, *range(2, len(x.shape)))
    return _normalize(ctx, x, "batch", axes, eps, weight, bias, "batch_norm", channel_axis=1, momentum=number(momentum))


def _instance_norm(
    ctx: Context,
    input: Value,
    running_mean: Value = None,
    running_var: Value = None,
    weight: Value = None,
    bias: Value = None,
    use_input_stats: Value = True,
    momentum: Value = 0.1,
    eps: Value = 1e-5,
    *args: Value,
) -> Value:
    x = tensor(ctx, input)
    axes = None if x.shape is None else tuple(range(2, len(x.shape)))
    return _normalize(ctx, x, "instance", axes, eps, weight, bias, "instance_norm", channel_axis=1)


def _layer_norm(
    ctx: Context,
    input: Value,
    normalized_shape: Value,
    weight: Value = None,
    bias: Value = None,
    eps: Value = 1e-5,
    *args: Value,
) -> Value:
    x = tensor(ctx, input)
    axes = _trailing(x, normalized_shape)
    return _normalize(ctx, x, "layer", axes, eps, weight, bias, "layer_norm", channel_axis=-1)


def _trailing(x: Tensor, normalized_shape: Value) -> Shape | None:
    if not isinstance(normalized_shape, (tuple, list, int)):
        return None
    count = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    known = shapes.sizes(normalized_shape)
    if x.shape is not None and known is not None and x.shape[-count:] != known:
        raise ShapeMismatch(f"normalized_shape {known} of a tensor of shape {x.shape}")
    return tuple(range(-count, 0))


def _rms_norm(ctx: Context, input: Value, normalized_shape: Value, weight: Value = None, eps: Value = None) -> Value:
    x = tensor(ctx, input)
    epsilon = 1.1920929e-07 if eps is None else eps
    return _normalize(ctx, x, "rms", _trailing(x, normalized_shape), epsilon, weight, None, "rms_norm", channel_axis=-1)


def _group_norm(
    ctx: Context,
    input: Value,
    num_groups: Value,
    weight: Value = None,
    bias: Value = None,
    eps: Value = 1e-5,
    *args: Value,
) -> Value:
    x, groups = tensor(ctx, input), integer(num_groups)
    if x.shape is not None and groups and x.shape[1] % groups:
        raise ShapeMismatch(f"{x.shape[1]} channels in {groups} groups")
    axes = None if x.shape is None else tuple(range(2, len(x.shape)))
    return _normalize(ctx, x, "group", axes, eps, weight, bias, "group_norm", channel_axis=1, groups=groups)


def _unit(ctx: Context, input: Value, p: Value = 2.0, dim: Value = 1, eps: Value = 1e-12, out: Value = None) -> Value:
    x = tensor(ctx, input)
    axes = None if x.shape is None else shapes.axes_of(dim, len(x.shape))
    if number(p) != 2:
        return ctx.opaque("normalize by a norm other than the second", [x], x.shape)
    return _normalize(ctx, x, "l2", axes, eps, None, None, "normalize")


_NEGLIGIBLE_ALPHA = 0.01


def _local_response_norm(
    ctx: Context, input: Value, size: Value, alpha: Value = 1e-4, beta: Value = 0.75, k: Value = 1.0
) -> Value:
    x = tensor(ctx, input)
    share, exponent, offset = number(alpha), number(beta), number(k)
    if share is None or exponent is None or not offset or offset < 0 or abs(share) > _NEGLIGIBLE_ALPHA:
        return ctx.opaque("local response normalization with a large alpha", [x], x.shape)
    return scaled(ctx, x, offset**-exponent, "torch.nn.functional.local_response_norm")


# Dropout.


def _dropout(name: str, kind: str) -> Callable[..., Value]:
    def apply(
        ctx: Context,
        input: Value,
        p: Value = 0.5,
        training: Value = None,
        inplace: Value = False,
        **rest: Value,
    ) -> Value:
        x = tensor(ctx, input)
        if training is None:
            training = name != "alpha_dropout" and not name.startswith("feature")
        active = rest.get("train", training)
        on = ctx.truth(active)
        if on is False or (on is None and not ctx.training) or p == 0:
            return x
        result = ctx.emit(
            Kind.DROPOUT,
            (x,),
            x.shape,
            attributes={"rate": number(p), "type": kind},
            class_name=f"torch.nn.functional.{name}",
        )
        return adopt(ctx, x, result) if inplace is True and x.parameter is None else result

    return apply


for _dims in (1, 2, 3):
    TABLE.add(f"conv{_dims}d", _convolution(_dims, False), "tf")
    TABLE.add(f"conv_transpose{_dims}d", _convolution(_dims, True), "tf")
TABLE.add("embedding", _embedding, "f")
TABLE.add("embedding_bag", _embedding_bag, "f")
TABLE.add("batch_norm", _batch_norm, "tf")
TABLE.add("instance_norm", _instance_norm, "tf")
TABLE.add("layer_norm", _layer_norm, "tf")
TABLE.add("rms_norm", _rms_norm, "tf")
TABLE.add("group_norm", _group_norm, "tf")
TABLE.add("normalize", _unit, "f")
TABLE.add("local_response_norm", _local_response_norm, "f")
for _name, _kind in (
    ("dropout", "element"),
    ("dropout1d", "channel"),
    ("dropout2d", "channel"),
    ("dropout3d", "channel"),
    ("feature_dropout", "channel"),
    ("alpha_dropout", "alpha"),
    ("feature_alpha_dropout", "alpha"),
):
    TABLE.add(_name, _dropout(_name, _kind), "tf" if _name in ("dropout", "alpha_dropout") else "f")
