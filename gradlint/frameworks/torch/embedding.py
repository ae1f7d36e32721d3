"""`torch.nn.Embedding` and `EmbeddingBag`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import ClassMethod, Instance, Native, Tensor, Value
from gradlint.frameworks.shapes import is_floating
from gradlint.frameworks.torch.arguments import as_bool, as_int, as_shape, dtype_name, input_tensor, is_assumed
from gradlint.frameworks.torch.distributions import STANDARD_NORMAL, distribution_of
from gradlint.frameworks.torch.layers import add_parameters, layer_class, parameters_of, reset_parameters
from gradlint.network import ZEROS, Distribution, Kind, Shape

NAMES: dict[str, Value] = {}


def _create(ctx: Context, layer: Instance, weight: Value, dtype: Value) -> None:
    attrs = layer.attrs
    rows, width, padding = attrs["num_embeddings"], attrs["embedding_dim"], attrs["padding_idx"]
    shape = as_shape(rows, width)
    if isinstance(padding, int) and isinstance(rows, int):
        if not -rows <= padding < rows:
            ctx.fail("AssertionError", "Padding_idx must be within num_embeddings")
        attrs["padding_idx"] = padding = padding % rows
    if isinstance(weight, Tensor):
        attrs["weight"] = ctx.parameter(
            weight.shape or shape, distribution_of(weight), dtype=dtype_name(dtype) or weight.dtype
        )
        return
    default: Distribution = STANDARD_NORMAL
    if isinstance(padding, int):
        default = replace(default, parts=(((0, padding, padding + 1), ZEROS),))
    add_parameters(ctx, layer, {"weight": (shape, default)}, dtype, is_assumed(rows, width))


def _embedding_init(
    ctx: Context,
    self: Instance,
    num_embeddings: Value,
    embedding_dim: Value,
    padding_idx: Value = None,
    max_norm: Value = None,
    norm_type: Value = 2.0,
    scale_grad_by_freq: Value = False,
    sparse: Value = False,
    _weight: Value = None,
    _freeze: Value = False,
    device: Value = None,
    dtype: Value = None,
) -> None:
    self.attrs.update(
        num_embeddings=num_embeddings,
        embedding_dim=embedding_dim,
        padding_idx=padding_idx,
        max_norm=max_norm,
        norm_type=norm_type,
        scale_grad_by_freq=scale_grad_by_freq,
        sparse=sparse,
    )
    _create(ctx, self, _weight, dtype)


def _bag_init(
    ctx: Context,
    self: Instance,
    num_embeddings: Value,
    embedding_dim: Value,
    max_norm: Value = None,
    norm_type: Value = 2.0,
    scale_grad_by_freq: Value = False,
    mode: Value = "mean",
    sparse: Value = False,
    _weight: Value = None,
    include_last_offset: Value = False,
    padding_idx: Value = None,
    device: Value = None,
    dtype: Value = None,
) -> None:
    self.attrs.update(
        num_embeddings=num_embeddings,
        embedding_dim=embedding_dim,
        padding_idx=padding_idx,
        max_norm=max_norm,
        norm_type=norm_type,
        scale_grad_by_freq=scale_grad_by_freq,
        mode=mode,
        sparse=sparse,
        include_last_offset=include_last_offset,
    )
    _create(ctx, self, _weight, dtype)


def _look_up(ctx: Context, layer: Instance, x: Tensor, shape: Shape | None, class_name: str) -> Tensor:
    attrs = layer.attrs
    return ctx.emit(
        Kind.EMBEDDING,
        (x,),
        shape,
        attributes={key: as_int(attrs.get(key)) for key in ("num_embeddings", "embedding_dim", "padding_idx")},
        parameters=parameters_of(layer, "weight"),
        class_name=class_name,
        layer=layer,
        dtype=_dtype(layer),
    )


def _dtype(layer: Instance) -> str:
    weight = layer.attrs.get("weight")
    return weight.dtype if isinstance(weight, Tensor) else "float32"


def _width(layer: Instance) -> int | None:
    weight = layer.attrs.get("weight")
    if isinstance(weight, Tensor) and weight.shape is not None and len(weight.shape) == 2:
        return weight.shape[1]
    return as_int(layer.attrs.get("embedding_dim"))


def _embedding_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    x = input_tensor(ctx, input)
    check_indices(x)
    width = _width(self)
    shape = None if x.shape is None or width is None else (*x.shape, width)
    return _look_up(ctx, self, x, shape, "torch.nn.Embedding")


def check_indices(x: Tensor) -> None:
    """Refuse an input of which only a guess says that it holds real numbers."""
    if x.shape is not None and is_floating(x.dtype) and x.node.kind is Kind.INPUT and x.node.get("guessed"):
        raise ShapeMismatch("an embedding looks up integers", Demand(x.shape, indices=True))


def _bag_forward(
    ctx: Context,
    self: Instance,
    input: Value,  # noqa: A002
    offsets: Value = None,
    per_sample_weights: Value = None,
) -> Tensor:
    """Look up, then reduce each bag: the last axis of a matrix, or what `offsets` delimit in a vector."""
    x = input_tensor(ctx, input)
    width = _width(self)
    found = _look_up(
        ctx, self, x, None if x.shape is None or width is None else (*x.shape, width), "torch.nn.EmbeddingBag"
    )
    shape: Shape | None = None
    if width is not None and x.shape is not None:
        if len(x.shape) == 2:
            shape = (x.shape[0], width)
        elif isinstance(offsets, Tensor) and offsets.shape is not None:
            bags = offsets.shape[0] - as_bool(ctx, self.attrs["include_last_offset"], False)
            shape = (bags, width)
    kind = {"sum": "sum", "mean": "average", "max": "max"}.get(str(self.attrs["mode"]), "average")
    return ctx.emit(
        Kind.POOLING,
        (found,),
        shape,
        attributes={"type": kind, "axes": (-2,), "global": True, "keepdims": False},
        class_name="torch.nn.EmbeddingBag",
    )


def _from_pretrained(names: tuple[str, ...]) -> Callable[..., Value]:
    def from_pretrained(ctx: Context, cls: Value, embeddings: Value, freeze: Value = True, **options: Value) -> Value:
        """An embedding with the given weights; weights that the program does not compute are taken as pretrained."""
        known = isinstance(embeddings, Tensor) and embeddings.shape is not None and len(embeddings.shape) == 2
        rows, width = (
            embeddings.shape if known else (ctx.unknown("size of a vocabulary"), ctx.unknown("embedding size"))
        )
        settings = {key: value for key, value in options.items() if key in names}
        layer = ctx.instantiate(cls, rows, width, **settings)
        weight = layer.attrs.get("weight") if isinstance(layer, Instance) else None
        if isinstance(weight, Tensor) and weight.parameter is not None:
            drawn = distribution_of(embeddings) if isinstance(embeddings, Tensor) else None
            if drawn is None or not drawn.known:
                layer.hidden["pretrained"] = True
            else:
                weight.parameter.distribution = drawn
            weight.parameter.trainable = not as_bool(ctx, freeze, True)
        return layer

    return from_pretrained


def _define(
    name: str, initialize: Callable[..., None], forward: Callable[..., Tensor], options: tuple[str, ...]
) -> None:
    layer_class(
        NAMES,
        name,
        {
            "__init__": initialize,
            "forward": forward,
            "reset_parameters": reset_parameters,
            "from_pretrained": ClassMethod(Native(f"torch.nn.{name}.from_pretrained", _from_pretrained(options))),
        },
    )


_OPTIONS = ("padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")
_define("Embedding", _embedding_init, _embedding_forward, _OPTIONS)
_define("EmbeddingBag", _bag_init, _bag_forward, (*_OPTIONS, "mode", "include_last_offset"))
