"""Weight and spectral normalization and other reparametrizations: which parameters a layer then has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Native, Tensor, Value
from gradlint.frameworks import modules, nodes, resolve
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import as_int
from gradlint.frameworks.torch.distributions import distribution_of
from gradlint.network import UNKNOWN, Distribution, Kind, Parameter, Shape

NAMES: dict[str, Value] = {}

_Effective = Callable[[Parameter], Distribution]


def _weight(layer: Value, name: Value) -> Tensor | None:
    tensor = layer.attrs.get(name) if isinstance(layer, Instance) and isinstance(name, str) else None
    return tensor if isinstance(tensor, Tensor) and tensor.parameter is not None else None


def _view(ctx: Context, parameter: Tensor) -> Tensor:
    """What stands in place of a parameter that was moved: a tensor that is no parameter itself."""
    return nodes.reshaped(ctx, parameter, parameter.shape, "identity")


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


def _weight_norm(ctx: Context, module: Value, name: Value = "weight", dim: Value = 0) -> Value:
    """`torch.nn.utils.weight_norm`: parameters `weight_g` and `weight_v`."""
    weight = _weight(module, name)
    if weight is not None:
        ctx.modified(module)
        del module.attrs[name]
        module.attrs[f"{name}_g"] = _magnitude(ctx, weight, as_int(dim))
        module.attrs[f"{name}_v"] = weight
        module.attrs[name] = _view(ctx, weight)
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
        return module

    return remove


# Spectral normalization: w = v / sigma(v).


def _spectral(parameter: Parameter) -> Distribution:
    """The distribution after division by the largest singular value.

    That of an m by n matrix of independent entries of deviation s is about s (sqrt(m) + sqrt(n))
    (Marchenko and Pastur 1967).
    """
    shape, drawn = parameter.shape, parameter.distribution
    if not shape or len(shape) < 2 or not drawn.known or not drawn.std:
        return replace(UNKNOWN, scheme="explicit", text="spectral_norm")
    rows, columns = shape[0], math.prod(shape[1:])
    if drawn.family == "orthogonal":
        std = 1 / math.sqrt(max(rows, columns))
    else:
        std = 1 / (math.sqrt(rows) + math.sqrt(columns))
    return replace(drawn, mean=0.0, std=std, scheme="explicit", text="spectral_norm", gain=1.0)


def _orthogonal(parameter: Parameter) -> Distribution:
    shape = parameter.shape
    if not shape or len(shape) < 2:
        return replace(UNKNOWN, family="orthogonal", scheme="orthogonal")
    std = 1 / math.sqrt(max(shape[0], math.prod(shape[1:])))
    return Distribution("orthogonal", 0.0, std, "orthogonal", text="orthogonal")


def _unknown(parameter: Parameter) -> Distribution:
    return UNKNOWN


def _stand_in(ctx: Context, layer: Instance, name: str, original: Tensor, effective: _Effective) -> None:
    """Let the forward pass of `layer` see a weight of the effective distribution."""
    source = original.parameter
    if source is None:
        return
    stand_in = Parameter(
        source.shape,
        effective(source),
        source.trainable,
        source.dtype,
        origin=source.origin,
        assumed=source.assumed,
        history=[source.distribution],
    )
    layer.hidden.setdefault("effective", {})[name] = stand_in
    tensor = ctx.emit(
        Kind.RESHAPE, (original,), original.shape, attributes={"operation": "identity"}, dtype=original.dtype
    )
    tensor.parameter = stand_in
    layer.attrs[name] = tensor


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
        _stand_in(ctx, module, name, weight, _spectral)
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
        module.attrs[name] = _view(ctx, weight)
    return module


def _parametrized(rule: Value, effective: _Effective) -> Callable[..., Value]:
    def register(ctx: Context, module: Value, name: Value = "weight", *args: Value, **kwargs: Value) -> Value:
        weight = _weight(module, name)
        if weight is not None:
            _move(ctx, module, name, ctx.instantiate(rule), {"original": weight})
            _stand_in(ctx, module, name, weight, effective)
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
    _stand_in(ctx, module, tensor_name, weight, _unknown)
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
    "parametrizations.spectral_norm": _parametrized(_SPECTRAL_NORM, _spectral),
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
