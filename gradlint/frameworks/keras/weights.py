"""The weights of Keras layers: making them, finding them through sub-layers, freezing and counting them."""

from __future__ import annotations

from collections.abc import Sequence

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks.keras.arguments import assumed, is_int
from gradlint.frameworks.keras.initializers import FanAxes, distribution
from gradlint.frameworks.modules import named_modules, named_parameters, own_parameter_tensors
from gradlint.network import Parameter, Shape


def is_layer(value: Value) -> bool:
    """Whether `value` is an object of a Keras layer or model class."""
    return isinstance(value, Instance) and value.cls.derives_from("keras.Layer")


def weight(
    ctx: Context,
    self: Instance,
    name: str,
    shape: Sequence[Value] | None,
    initializer: Value,
    *,
    trainable: bool = True,
    explicit: bool | None = None,
    dtype: str = "float32",
    axes: FanAxes | None = None,
) -> Tensor:
    """The weight `name` of a layer, made on first use; a shape that was not known then is filled in.

    `explicit` says whether user code chose the initializer (default: whether it gave `{name}_initializer`);
    `axes` are those of the fan-in and fan-out where they are not the usual ones.
    """
    sizes: Shape | None = None
    if shape is not None and all(is_int(size) for size in shape):
        sizes = tuple(shape)
    weights: dict[str, Tensor] = self.hidden.setdefault("weights", {})
    known = weights.get(name)
    if explicit is None:
        explicit = f"{name}_initializer" in self.hidden.get("given", ())
    if known is not None and known.parameter is not None:
        if known.parameter.shape is None and sizes is not None:
            ctx.modified(known.parameter)
            known.parameter.shape = known.node.shape = sizes
            known.parameter.distribution = distribution(
                ctx, initializer, sizes, explicit=explicit, origin=self.origin, axes=axes
            )
        ctx.modified(self)
        self.attrs[name] = known
        return known
    drawn = distribution(ctx, initializer, sizes, explicit=explicit, origin=self.origin, axes=axes)
    enabled = trainable and self.hidden.get("trainable", True) is not False
    tensor = ctx.parameter(sizes, drawn, trainable=enabled, dtype=dtype, assumed=assumed(sizes))
    assert tensor.parameter is not None
    tensor.parameter.name = name
    if self.origin is not None:
        tensor.parameter.origin = self.origin
    if not trainable:
        self.hidden.setdefault("fixed", set()).add(name)
    weights[name] = tensor
    ctx.modified(self)
    self.attrs[name] = tensor
    return tensor


def parameters(**tensors: Tensor | None) -> dict[str, Parameter]:
    """The parameters of weights that are there, by role, as a node holds them."""
    return {role: t.parameter for role, t in tensors.items() if t is not None and t.parameter is not None}


def all_layers(layer: Instance) -> list[Instance]:
    """`layer` and every layer inside it, each once, outer ones first."""
    return [inner for _, inner in named_modules(layer)]


def all_weights(layer: Instance) -> list[Tensor]:
    """The weights of `layer` and of all layers inside it, each once."""
    return [tensor for _, tensor in named_parameters(layer)]


def set_trainable(ctx: Context, layer: Instance, value: bool) -> None:
    """Freeze or thaw `layer` and everything inside it; statistics of normalization layers stay frozen."""
    for inner in all_layers(layer):
        inner.hidden["trainable"] = value
        fixed = inner.hidden.get("fixed", ())
        for name, tensor in own_parameter_tensors(inner).items():
            if tensor.parameter is not None and name not in fixed:
                ctx.modified(tensor.parameter)
                tensor.parameter.trainable = value


def mark_pretrained(layer: Instance) -> None:
    """Note that values from elsewhere are loaded into `layer`, so that its initialization says nothing."""
    for inner in all_layers(layer):
        inner.hidden["pretrained"] = True
