"""What layers of every kind are built with: their classes and their parameters."""

from __future__ import annotations

from collections.abc import Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Class, Function, Instance, Tensor, Value
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import dtype_name
from gradlint.network import Distribution, Parameter, Shape


def layer_class(
    names: dict[str, Value], name: str, methods: Mapping[str, Value], base: str = "torch.nn.Module"
) -> Class:
    """Define `torch.nn.<name>` in the table `names`."""
    cls = framework_class(f"torch.nn.{name}", (base,), dict(methods))
    names[f"nn.{name}"] = cls
    return cls


def add_parameters(
    ctx: Context,
    layer: Instance,
    wanted: Mapping[str, tuple[Shape | None, Distribution] | None],
    dtype: Value = None,
    assumed: bool = False,
) -> None:
    """Register the parameters of a layer in this order, as (shape, default distribution), None for one left out.

    A class of the user that overrides `reset_parameters` has it called, as the constructors of torch do.
    """
    name_of_dtype = dtype_name(dtype) or "float32"
    attrs = layer.attrs
    defaults = layer.hidden.setdefault("defaults", {})
    for name, row in wanted.items():
        if row is None:
            attrs[name] = None
        else:
            shape, distribution = row
            attrs[name] = ctx.parameter(shape, distribution, dtype=name_of_dtype, assumed=assumed)
            defaults[name] = distribution
    if layer.cls.syntax is not None and isinstance(layer.cls.find("reset_parameters"), Function):
        ctx.call(ctx.getattr(layer, "reset_parameters"))


def reset_parameters(ctx: Context, self: Instance) -> None:
    """Draw every parameter of a layer again from its default."""
    for name, distribution in self.hidden.get("defaults", {}).items():
        tensor = self.attrs.get(name)
        if isinstance(tensor, Tensor) and tensor.parameter is not None:
            ctx.modified(tensor.parameter)
            tensor.parameter.initialize(distribution)


def _computed(used: Parameter, start: Parameter | Distribution) -> Parameter:
    """What stands for a weight that is computed: the parameter that it starts as, or one of that distribution."""
    if isinstance(start, Parameter):
        return start
    used.distribution = start
    return used


def parameters_of(layer: Instance, *names: str) -> dict[str, Parameter]:
    """The parameters that a forward pass uses, by role; roles that are None are left out.

    A reparametrized one (weight normalization, say) stands as its effective value.
    """
    found: dict[str, Parameter] = {}
    effective: dict[str, Parameter] = layer.hidden.get("effective", {})
    for name in names:
        if name in effective:
            found[name] = _computed(effective[name], layer.hidden["reparametrized"][name](layer, name))
            continue
        tensor = layer.attrs.get(name)
        if isinstance(tensor, Tensor) and tensor.parameter is not None:
            found[name] = tensor.parameter
    return found
