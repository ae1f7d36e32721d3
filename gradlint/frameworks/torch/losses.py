"""Loss functions of torch and the layers that wrap them: one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gradlint.evaluation.context import AUTOCAST, Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Native, Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.nodes import number, reshaped
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import REQUIRED, bind
from gradlint.frameworks.torch.functions.tables import tensor
from gradlint.network import EventKind, Kind, Shape

NAMES: dict[str, Value] = {}

_REDUCTION: dict[str, Value] = {"size_average": None, "reduce": None, "reduction": "mean"}


def _elementwise(prediction: Shape | None, target: Shape | None) -> Shape | None:
    return prediction if target is None else shapes.broadcast(prediction, target)


def _per_sample(prediction: Shape | None, target: Shape | None) -> Shape | None:
    """One loss per sample: the shape without the last axis."""
    return None if prediction is None else prediction[:-1]


def _per_class(prediction: Shape | None, target: Shape | None) -> Shape | None:
    """One loss per position: the shape without the class axis, which is the second (the first without a batch)."""
    if prediction is None:
        return None
    axis = 1 if len(prediction) > 1 else 0
    shape = (*prediction[:axis], *prediction[axis + 1 :])
    if target is not None and target not in (shape, prediction):
        raise ShapeMismatch(f"expected a target of shape {shape} for logits of shape {prediction}, but got {target}")
    return shape


def _like_target(prediction: Shape | None, target: Shape | None) -> Shape | None:
    return target


def _whole_batch(prediction: Shape | None, target: Shape | None) -> Shape | None:
    return None if prediction is None else prediction[1:2]


@dataclass(frozen=True, slots=True)
class Row:
    """One loss.

    `inputs` are the tensors that it takes, the prediction first, and how many of them are predictions;
    `function_options` and `layer_options` its other parameters in order (`layer_options` None for the same).
    `shape` gives the shape of the unreduced loss.
    """

    function: str
    layer: str
    canonical: str
    inputs: tuple[str, ...]
    function_options: dict[str, Value]
    layer_options: dict[str, Value] | None = None
    shape: Callable[[Shape | None, Shape | None], Shape | None] = _elementwise
    from_logits: bool | None = None
    kept: tuple[str, ...] = field(default=())


_PAIR = ("input", "target")
_WEIGHTED = {"weight": None, **_REDUCTION}

ROWS = (
    Row("l1_loss", "L1Loss", "l1", _PAIR, {**_REDUCTION, "weight": None}, _REDUCTION),
    Row("mse_loss", "MSELoss", "mse", _PAIR, {**_REDUCTION, "weight": None}, _REDUCTION),
    Row("smooth_l1_loss", "SmoothL1Loss", "smooth_l1", _PAIR, {**_REDUCTION, "beta": 1.0}, kept=("beta",)),
    Row("huber_loss", "HuberLoss", "huber", _PAIR, {"reduction": "mean", "delta": 1.0, "weight": None}, {
        "reduction": "mean", "delta": 1.0,
    }, kept=("delta",)),
    Row("cross_entropy", "CrossEntropyLoss", "cross_entropy", _PAIR, {
        "weight": None, "size_average": None, "ignore_index": -100, "reduce": None, "reduction": "mean",
        "label_smoothing": 0.0,
    }, None, _per_class, True, ("label_smoothing",)),
    Row("nll_loss", "NLLLoss", "nll", _PAIR, {
        "weight": None, "size_average": None, "ignore_index": -100, "reduce": None, "reduction": "mean",
    }, None, _per_class, False),
    Row("binary_cross_entropy", "BCELoss", "binary_cross_entropy", _PAIR, _WEIGHTED, None, _elementwise, False),
    Row(
        "binary_cross_entropy_with_logits", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits", _PAIR,
        {**_WEIGHTED, "pos_weight": None}, None, _elementwise, True,
    ),
    Row("kl_div", "KLDivLoss", "kl_divergence", _PAIR, {**_REDUCTION, "log_target": False}, kept=("log_target",)),
    Row("poisson_nll_loss", "PoissonNLLLoss", "poisson_nll", _PAIR, {
        "log_input": True, "full": False, "size_average": None, "eps": 1e-8, "reduce": None, "reduction": "mean",
    }, kept=("log_input",)),
    Row("gaussian_nll_loss", "GaussianNLLLoss", "gaussian_nll", ("input", "target", "var"), {
        "full": False, "eps": 1e-6, "reduction": "mean",
    }),
    Row("hinge_embedding_loss", "HingeEmbeddingLoss", "hinge_embedding", _PAIR, {"margin": 1.0, **_REDUCTION}),
    Row("soft_margin_loss", "SoftMarginLoss", "soft_margin", _PAIR, _REDUCTION, from_logits=True),
    Row("multi_margin_loss", "MultiMarginLoss", "multi_margin", _PAIR, {
        "p": 1, "margin": 1.0, **_WEIGHTED,
    }, None, _like_target),
    Row("multilabel_margin_loss", "MultiLabelMarginLoss", "multilabel_margin", _PAIR, _REDUCTION, None, _per_sample),
    Row(
        "multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss", "binary_cross_entropy_with_logits", _PAIR,
        _WEIGHTED, None, _per_sample, True,
    ),
    Row("margin_ranking_loss", "MarginRankingLoss", "margin_ranking", ("input1", "input2", "target"), {
        "margin": 0.0, **_REDUCTION,
    }),
    Row("cosine_embedding_loss", "CosineEmbeddingLoss", "cosine_embedding", ("input1", "input2", "target"), {
        "margin": 0.0, **_REDUCTION,
    }, None, _per_sample),
    Row("triplet_margin_loss", "TripletMarginLoss", "triplet_margin", ("anchor", "positive", "negative"), {
        "margin": 1.0, "p": 2.0, "eps": 1e-6, "swap": False, **_REDUCTION,
    }, None, _per_sample),
    Row(
        "triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss", "triplet_margin",
        ("anchor", "positive", "negative"),
        {"distance_function": None, "margin": 1.0, "swap": False, "reduction": "mean"}, None, _per_sample,
    ),
    Row("ctc_loss", "CTCLoss", "ctc", ("log_probs", "targets", "input_lengths", "target_lengths"), {
        "blank": 0, "reduction": "mean", "zero_infinity": False,
    }, None, _whole_batch, False),
)  # fmt: skip


def reduction_of(options: dict[str, Value]) -> str:
    """How a loss is reduced, with the old arguments `size_average` and `reduce` taken into account."""
    if options.get("reduce") is False:
        return "none"
    if options.get("size_average") is False:
        return "sum"
    given = options.get("reduction", "mean")
    return given if isinstance(given, str) else "mean"


def emit_loss(
    ctx: Context,
    row: Row,
    inputs: list[Tensor],
    options: dict[str, Value],
    class_name: str,
    layer: Instance | None = None,
) -> Tensor:
    """A LOSS node with its event."""
    reduction = reduction_of(options)
    target = inputs[1].shape if len(inputs) > 1 else None
    unreduced = row.shape(inputs[0].shape, target)
    shape = unreduced if reduction == "none" else ()
    attributes: dict[str, Any] = {"function": row.canonical, "reduction": reduction}
    if row.from_logits is not None:
        attributes["from_logits"] = row.from_logits
    for name in row.kept:
        attributes[name] = number(options.get(name))
    result = ctx.emit(
        Kind.LOSS,
        inputs,
        shape,
        attributes=attributes,
        class_name=class_name,
        layer=layer,
        dtype=inputs[0].dtype if shapes.is_floating(inputs[0].dtype) else "float32",
    )
    ctx.event(EventKind.LOSS, node=result.node, autocast=ctx.tables.get(AUTOCAST))
    return result


def _function(row: Row) -> Callable[..., Value]:
    fields: dict[str, Value] = {**dict.fromkeys(row.inputs, REQUIRED), **row.function_options}
    class_name = f"torch.nn.functional.{row.function}"

    def apply(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        options = bind(fields, args, kwargs)
        inputs = [tensor(ctx, options[name]) for name in row.inputs]
        return emit_loss(ctx, row, inputs, options, class_name)

    return apply


def _layer(row: Row) -> dict[str, Value]:
    fields = row.function_options if row.layer_options is None else row.layer_options
    class_name = f"torch.nn.{row.layer}"

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        options = bind(fields, args, kwargs)
        options["reduction"] = reduction_of(options)
        self.attrs.update({name: value for name, value in options.items() if name not in ("size_average", "reduce")})

    def forward(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
        given = bind(dict.fromkeys(row.inputs, REQUIRED), args, kwargs)
        return emit_loss(ctx, row, [tensor(ctx, given[name]) for name in row.inputs], self.attrs, class_name, self)

    return {"__init__": initialize, "forward": forward}


def _base_init(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    self.attrs["reduction"] = reduction_of(bind(_REDUCTION, args, kwargs))


_BASE = framework_class("torch.nn._Loss", ("torch.nn.Module",), {"__init__": _base_init})
NAMES["nn._Loss"] = NAMES["nn.modules.loss._Loss"] = _BASE
NAMES["nn._WeightedLoss"] = NAMES["nn.modules.loss._WeightedLoss"] = framework_class("torch.nn._WeightedLoss", (), {})
NAMES["nn._WeightedLoss"].bases = (_BASE,)
NAMES["nn._WeightedLoss"].mro = (NAMES["nn._WeightedLoss"], *_BASE.mro)


for _row in ROWS:
    NAMES[f"nn.functional.{_row.function}"] = Native(f"torch.nn.functional.{_row.function}", _function(_row))
    _class = framework_class(f"torch.nn.{_row.layer}", (), _layer(_row))
    _class.bases = (_BASE,)
    _class.mro = (_class, *_BASE.mro)
    NAMES[f"nn.{_row.layer}"] = _class
NAMES["nn.NLLLoss2d"] = NAMES["nn.NLLLoss"]
for _name in ("binary_cross_entropy_with_logits", "kl_div", "ctc_loss", "triplet_margin_loss", "margin_ranking_loss",
              "hinge_embedding_loss", "cosine_embedding_loss", "poisson_nll_loss"):  # fmt: skip
    NAMES[_name] = NAMES[f"nn.functional.{_name}"]


# Adaptive softmax: a head over the frequent classes and clusters, and one small network per cluster.


def _adaptive_init(
    ctx: Context,
    self: Instance,
    in_features: Value,
    n_classes: Value,
    cutoffs: Value,
    div_value: Value = 4.0,
    head_bias: Value = False,
    device: Value = None,
    dtype: Value = None,
) -> None:
    from gradlint.frameworks.registry import resolve

    limits = shapes.sizes(cutoffs)
    self.attrs.update(in_features=in_features, n_classes=n_classes, div_value=div_value, head_bias=head_bias)
    if limits is None or not isinstance(in_features, int) or not isinstance(n_classes, int):
        self.attrs["head"] = ctx.unknown("an adaptive softmax with unknown cutoffs")
        return
    linear, sequential = resolve("torch.nn.Linear"), resolve("torch.nn.Sequential")
    bounds = [*limits, n_classes]
    self.attrs.update(cutoffs=bounds, shortlist_size=bounds[0], n_clusters=len(bounds) - 1)
    self.attrs["head_size"] = bounds[0] + len(bounds) - 1
    ctx.setattr(self, "head", ctx.instantiate(linear, in_features, bounds[0] + len(bounds) - 1, bias=head_bias))
    factor = number(div_value) or 4.0
    tails = []
    for place in range(len(bounds) - 1):
        width = int(in_features // factor ** (place + 1))
        inner = ctx.instantiate(linear, in_features, width, bias=False)
        outer = ctx.instantiate(linear, width, bounds[place + 1] - bounds[place], bias=False)
        tails.append(ctx.instantiate(sequential, inner, outer))
    ctx.setattr(self, "tail", ctx.instantiate(resolve("torch.nn.ModuleList"), tails))


_ADAPTIVE_OUTPUT = framework_class("torch.nn.modules.adaptive._ASMoutput", (), {"_fields": ("output", "loss")})


def _adaptive_forward(ctx: Context, self: Instance, input_: Value, target_: Value) -> Value:
    x, target = tensor(ctx, input_), tensor(ctx, target_)
    head = ctx.call(self.attrs["head"], x)
    outputs = [tensor(ctx, head), *[tensor(ctx, ctx.call(tail, x)) for tail in ctx.iterate(self.attrs.get("tail", []))]]
    attributes = {"function": "cross_entropy", "reduction": "mean", "from_logits": True}
    name = "torch.nn.AdaptiveLogSoftmaxWithLoss"
    loss = ctx.emit(
        Kind.LOSS, [*outputs, target], (), attributes=attributes, class_name=name, layer=self, dtype=x.dtype
    )
    ctx.event(EventKind.LOSS, node=loss.node)
    picked = reshaped(ctx, outputs[0], target.shape, "gather", name)
    return Instance(_ADAPTIVE_OUTPUT, {}, (picked, loss), ctx.origin())


NAMES["nn.AdaptiveLogSoftmaxWithLoss"] = framework_class(
    "torch.nn.AdaptiveLogSoftmaxWithLoss",
    ("torch.nn.Module",),
    {"__init__": _adaptive_init, "forward": _adaptive_forward},
)
