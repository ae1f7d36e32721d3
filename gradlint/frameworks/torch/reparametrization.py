"""Weight and spectral normalization and other reparametrizations: which parameters a layer then has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Native, Tensor, Value
from gradlint.frameworks import modules, resolve
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.singular_values import largest_singular_value
from gradlint.frameworks.torch.arguments import as_int
from gradlint.frameworks.torch.distributions import distribution_of
from gradlint.network import UNKNOWN, Distribution, Kind, Parameter, Shape

NAMES: dict[str, Value] = {}

# What a layer's weight starts as, by its name: one of the parameters that it is computed from, or another draw.
_Rule = Callable[[Instance, str], Parameter | Distribution]


def _weight(layer: Value, name: Value) -> Tensor | None:
    tensor = layer.attrs.get(name) if isinstance(layer, Instance) and isinstance(name, str) else None
    return tensor if isinstance(tensor, Tensor) and tensor.parameter is not None else None


def _parameter(layer: Instance, *names: str) -> Parameter | None:
    """The parameter of the first of these names, of the layer itself or of what its parametrizations hold."""
    for name in names:
        holder: Value = layer
        for part in name.split(".")[:-1]:
            holder = modules.children(holder).get(part) if isinstance(holder, Instance) else None
        tensor = holder.attrs.get(name.rpartition(".")[2]) if isinstance(holder, Instance) else None
        if isinstance(tensor, Tensor) and tensor.parameter is not None:
            return tensor.parameter
    return None


def _computed(ctx: Context, layer: Instance, name: str, original: Tensor, rule: _Rule) -> None:
    """Let the forward pass of `layer` see a weight that is computed from `original`, anew each time.

    The weight is no parameter: what is written to it is gone with the next forward pass.
    """
    source = original.parameter
    if source is None:
        return
    shown, used = (
        Parameter(
            source.shape,
            source.distribution,
            source.trainable,
            source.dtype,
            origin=source.origin,
            assumed=source.assumed,
            history=[source.distribution],
        )
        for _ in range(2)
    )
    layer.hidden.setdefault("effective", {})[name] = used
    layer.hidden.setdefault("reparametrized", {})[name] = rule
    tensor = ctx.emit(
        Kind.RESHAPE, (original,), original.shape, attributes={"operation": "identity"}, dtype=original.dtype
    )
    tensor.parameter = shown
    layer.attrs[name] = tensor


# Weight normalization: w = g v / |v|, |v| over all axes but `dim`. At initialization g = |v|, so w is v.


def _norm_shape(shape: Shape | None, dim: int | None) -> Shape | None:
    if shape is None or dim is None or dim == -1:
        return None if shape is None else ()
    return tuple(size if axis == dim % len(shape) else 1 for axis, size in enumerate(shape))


def _magnitude(ctx: Context, v: Tensor, dim: int | None) -> Tensor:
    """The parameter g, which starts as the norm of v: about sqrt(entries) times their root mean square."""
    shape = _norm_shape(v.shape, dim)
    drawn = distribution_of(v)
    distribution = UNKNOWN
    if drawn.known and shape is not None and v.shape is not None:
        entries = math.prod(v.shape) / max(math.prod(shape), 1)
        scale = math.sqrt(drawn.mean_square)
        distribution = Distribution("unknown", scale * math.sqrt(entries), scale / math.sqrt(2), "constant")
    assumed = v.parameter is not None and v.parameter.assumed
    return ctx.parameter(shape, distribution, dtype=v.dtype, assumed=assumed)


def _remember(layer: Instance, name: str, *parameters: Tensor) -> None:
    """Keep what parameters were drawn from when a weight came to be computed from them."""
    layer.hidden.setdefault("drawn_before", {})[name] = tuple(distribution_of(tensor) for tensor in parameters)


def _normalized_weight(layer: Instance, name: str) -> Parameter | Distribution:
    """The product of g and v / |v|: of the family of v, and of the scale of g, which stays when v is drawn again."""
    v = _parameter(layer, f"{name}_v", f"parametrizations.{name}.original1")
    g = _parameter(layer, f"{name}_g", f"parametrizations.{name}.original0")
    before, magnitude = layer.hidden.get("drawn_before", {}).get(name, (UNKNOWN, UNKNOWN))
    if v is None or g is None:
        return UNKNOWN
    if v.distribution == before and g.distribution == magnitude:
        return v
    drawn, size = v.distribution, g.size
    chosen: Distribution = before
    scale = math.sqrt(before.mean_square)
    if g.distribution != magnitude and v.size and size:
        scale, chosen = math.sqrt(g.distribution.mean_square * size / v.size), g.distribution
    length = math.sqrt(drawn.mean_square)
    if not length > 0.0 or math.isnan(scale):
        return replace(UNKNOWN, scheme="reparametrized", text="weight_norm")
    mean, std = drawn.mean / length * scale, drawn.std / length * scale
    return replace(chosen, family=drawn.family, mean=mean, std=std, parts=())


def _weight_norm(ctx: Context, module: Value, name: Value = "weight", dim: Value = 0) -> Value:
    """`torch.nn.utils.weight_norm`: parameters `weight_g` and `weight_v`."""
    weight = _weight(module, name)
    if weight is not None:
        ctx.modified(module)
        del module.attrs[name]
        module.attrs[f"{name}_g"] = _magnitude(ctx, weight, as_int(dim))
        module.attrs[f"{name}_v"] = weight
        _remember(module, name, weight, module.attrs[f"{name}_g"])
        _computed(ctx, module, name, weight, _normalized_weight)
    return module


def _remove(*suffixes: str) -> Callable[..., Value]:
    """Restore the one parameter that was moved to the last of `suffixes`."""

    def remove(ctx: Context, module: Value, name: Value = "weight") -> Value:
        if isinstance(module, Instance) and isinstance(module.attrs.get(f"{name}{suffixes[-1]}"), Tensor):
            ctx.modified(module)
            original = module.attrs[f"{name}{suffixes[-1]}"]
            for suffix in ("", *suffixes):
                module.attrs.pop(f"{name}{suffix}", None)
            module.attrs[name] = original
            module.hidden.get("effective", {}).pop(name, None)
            module.hidden.get("reparametrized", {}).pop(name, None)
        return module

    return remove


# Spectral normalization: w = v / sigma(v), sigma by power iterations.

_WARM_UP = 15
"""Power iterations that `torch.nn.utils.parametrizations.spectral_norm` makes at once; the older one makes none."""
_TRANSPOSED = ("torch.nn.ConvTranspose1d", "torch.nn.ConvTranspose2d", "torch.nn.ConvTranspose3d")


def _spectral(iterations: int, axis: int | None, warm_up: int = 0) -> _Rule:
    """The distribution after division by the largest singular value, whatever was drawn.

    `warm_up` are the iterations that were made on what the weight was drawn from then.
    """

    def rule(layer: Instance, name: str) -> Distribution:
        source = _parameter(layer, f"{name}_orig", f"parametrizations.{name}.original")
        shape, drawn = (None, UNKNOWN) if source is None else (source.shape, source.distribution)
        if not shape or len(shape) < 2 or not drawn.known or not drawn.std:
            return replace(UNKNOWN, scheme="reparametrized", text="spectral_norm")
        rows = shape[(axis if axis is not None else int(layer.cls.name in _TRANSPOSED)) % len(shape)]
        columns = math.prod(shape) // max(rows, 1)
        if drawn.family == "orthogonal":
            std = 1 / math.sqrt(max(rows, columns))
        else:
            warm = layer.hidden.get("drawn_before", {}).get(name) == (drawn,)
            std = 1 / largest_singular_value(rows, columns, iterations + (warm_up if warm else 0))
        return Distribution(drawn.family, 0.0, std, "reparametrized", text="spectral_norm")

    return rule


def _orthogonal(layer: Instance, name: str) -> Distribution:
    source = _parameter(layer, f"parametrizations.{name}.original")
    shape = None if source is None else source.shape
    if not shape or len(shape) < 2:
        return replace(UNKNOWN, family="orthogonal", scheme="reparametrized")
    std = 1 / math.sqrt(max(shape[0], math.prod(shape[1:])))
    return Distribution("orthogonal", 0.0, std, "reparametrized", text="orthogonal")


def _unknown(layer: Instance, name: str) -> Distribution:
    return UNKNOWN


def _spectral_norm(
    ctx: Context,
    module: Value,
    name: Value = "weight",
    n_power_iterations: Value = 1,
    eps: Value = 1e-12,
    dim: Value = None,
) -> Value:
    """`torch.nn.utils.spectral_norm`: parameter `weight_orig`, buffers `weight_u` and `weight_v`."""
    weight = _weight(module, name)
    if weight is not None:
        ctx.modified(module)
        del module.attrs[name]
        module.attrs[f"{name}_orig"] = weight
        _computed(ctx, module, name, weight, _spectral(as_int(n_power_iterations) or 1, as_int(dim)))
        module.attrs[name].parameter = weight.parameter  # until the first forward pass both are one tensor
        shape = weight.shape
        for suffix, size in (("_u", shape and shape[0]), ("_v", shape and math.prod(shape[1:]))):
            buffer = ctx.emit(Kind.CONSTANT, (), (size,) if isinstance(size, int) else None)
            module.attrs[name + suffix] = buffer
            module.hidden.setdefault("buffers", {})[name + suffix] = True
    return module


# `torch.nn.utils.parametrize`: the original parameter lives in `module.parametrizations.<name>`.

_LIST = framework_class("torch.nn.utils.parametrize.ParametrizationList", ("torch.nn.ModuleList",), {})
_WEIGHT_NORM = framework_class("torch.nn.utils.parametrizations._WeightNorm", ("torch.nn.Module",), {})
_SPECTRAL_NORM = framework_class("torch.nn.utils.parametrizations._SpectralNorm", ("torch.nn.Module",), {})
_ORTHOGONAL = framework_class("torch.nn.utils.parametrizations._Orthogonal", ("torch.nn.Module",), {})


def _move(ctx: Context, layer: Instance, name: str, rule: Value, originals: dict[str, Tensor]) -> None:
    """Register `rule` and the parameters that it computes `layer.<name>` from."""
    ctx.modified(layer)
    layer.attrs.pop(name, None)
    tables = layer.attrs.get("parametrizations")
    if not isinstance(tables, Instance):
        tables = ctx.instantiate(resolve("torch.nn.ModuleDict"))
        layer.attrs["parametrizations"] = tables
    entry = ctx.instantiate(_LIST, [rule])
    entry.attrs.update(originals)
    ctx.call(ctx.getattr(tables, "__setitem__"), name, entry)


def _parametrized_weight_norm(ctx: Context, module: Value, name: Value = "weight", dim: Value = 0) -> Value:
    weight = _weight(module, name)
    if weight is not None:
        originals = {"original0": _magnitude(ctx, weight, as_int(dim)), "original1": weight}
        _move(ctx, module, name, ctx.instantiate(_WEIGHT_NORM), originals)
        _remember(module, name, weight, originals["original0"])
        _computed(ctx, module, name, weight, _normalized_weight)
    return module


def _parametrized_spectral_norm(
    ctx: Context,
    module: Value,
    name: Value = "weight",
    n_power_iterations: Value = 1,
    eps: Value = 1e-12,
    dim: Value = None,
) -> Value:
    weight = _weight(module, name)
    if weight is not None:
        _remember(module, name, weight)
    rule = _spectral(as_int(n_power_iterations) or 1, as_int(dim), _WARM_UP)
    return _parametrized(_SPECTRAL_NORM, rule)(ctx, module, name)


def _parametrized(rule: Value, effective: _Rule) -> Callable[..., Value]:
    def register(ctx: Context, module: Value, name: Value = "weight", *args: Value, **kwargs: Value) -> Value:
        weight = _weight(module, name)
        if weight is not None:
            _move(ctx, module, name, ctx.instantiate(rule), {"original": weight})
            _computed(ctx, module, name, weight, effective)
        return module

    return register


def _register_parametrization(
    ctx: Context, module: Value, tensor_name: Value, parametrization: Value, *, unsafe: Value = False
) -> Value:
    weight = _weight(module, tensor_name)
    if weight is None:
        return module
    tables = module.attrs.get("parametrizations")
    present = modules.children(tables).get(tensor_name) if isinstance(tables, Instance) else None
    if present is not None:
        ctx.call(ctx.getattr(present, "append"), parametrization)
        return module
    _move(ctx, module, tensor_name, parametrization, {"original": weight})
    _computed(ctx, module, tensor_name, weight, _unknown)
    return module


def _is_parametrized(ctx: Context, module: Value, tensor_name: Value = None) -> bool:
    tables = module.attrs.get("parametrizations") if isinstance(module, Instance) else None
    if not isinstance(tables, Instance):
        return False
    return tensor_name is None or tensor_name in modules.children(tables)


def _remove_parametrizations(
    ctx: Context, module: Value, tensor_name: Value, leave_parametrized: Value = True
) -> Value:
    if _is_parametrized(ctx, module, tensor_name) and isinstance(tensor_name, str):
        ctx.modified(module)
        tables = module.attrs["parametrizations"]
        entry = tables.attrs.pop(tensor_name)
        original = entry.attrs.get("original", entry.attrs.get("original1"))
        module.attrs[tensor_name] = original
        module.hidden.get("effective", {}).pop(tensor_name, None)
        module.hidden.get("reparametrized", {}).pop(tensor_name, None)
        if not modules.children(tables):
            del module.attrs["parametrizations"]
    return module


def _set_mask(ctx: Context, module: Value, *args: Value, **kwargs: Value) -> Value:
    """Pruning zeroes entries; the parameters stay."""
    return module


_PRUNING = (
    "identity",
    "random_unstructured",
    "l1_unstructured",
    "random_structured",
    "ln_structured",
    "custom_from_mask",
    "remove",
    "global_unstructured",
)

_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "weight_norm": _weight_norm,
    "remove_weight_norm": _remove("_g", "_v"),
    "spectral_norm": _spectral_norm,
    "remove_spectral_norm": _remove("_u", "_v", "_orig"),
    "parametrizations.weight_norm": _parametrized_weight_norm,
    "parametrizations.spectral_norm": _parametrized_spectral_norm,
    "parametrizations.orthogonal": _parametrized(_ORTHOGONAL, _orthogonal),
    "parametrize.register_parametrization": _register_parametrization,
    "parametrize.is_parametrized": _is_parametrized,
    "parametrize.remove_parametrizations": _remove_parametrizations,
    **{f"prune.{name}": _set_mask for name in _PRUNING},
    "prune.is_pruned": lambda ctx, module: False,
}
NAMES.update({f"nn.utils.{name}": Native(f"torch.nn.utils.{name}", call) for name, call in _FUNCTIONS.items()})
for _module in ("weight_norm", "spectral_norm"):
    for _name in (_module, f"remove_{_module}"):
        NAMES[f"nn.utils.{_module}.{_name}"] = NAMES[f"nn.utils.{_name}"]
NAMES["nn.utils.parametrize.ParametrizationList"] = _LIST
