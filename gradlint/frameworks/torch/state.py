"""Saving and loading the state of a module: whether its weights come from elsewhere."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Native, Property, Tensor, Value
from gradlint.frameworks import modules
from gradlint.frameworks.registry import framework_class

_KEYS = framework_class(
    "torch.nn.modules.module._IncompatibleKeys", (), {"_fields": ("missing_keys", "unexpected_keys")}
)


def _state_dict(
    ctx: Context,
    self: Instance,
    *args: Value,
    destination: Value = None,
    prefix: Value = "",
    keep_vars: Value = False,
) -> dict[str, Value]:
    start = prefix if isinstance(prefix, str) else ""
    state: dict[str, Value] = OrderedDict()
    _collect(self, start, state, ())
    return state


def _collect(layer: Instance, prefix: str, state: dict[str, Value], above: tuple[Instance, ...]) -> None:
    """Parameters and persistent buffers under every name that they have; `above` guards against circles."""
    for name, tensor in modules.own_parameter_tensors(layer).items():
        state[prefix + name] = tensor
    for name, persistent in layer.hidden.get("buffers", {}).items():
        if persistent and layer.attrs.get(name) is not None:
            state[prefix + name] = layer.attrs[name]
    for name, child in modules.children(layer).items():
        if child is not layer and child not in above:
            _collect(child, f"{prefix}{name}.", state, (*above, layer))


def _load_state_dict(
    ctx: Context, self: Instance, state_dict: Value, strict: Value = True, assign: Value = False
) -> Instance:
    known = state_dict if isinstance(state_dict, dict) else None
    entries = list(known.values()) if known is not None else []
    if entries and all(isinstance(entry, Tensor) for entry in entries):
        _copy(ctx, self, known or {})
    else:
        self.hidden["pretrained"] = True
    missing = ctx.unknown("which keys of a state are missing is only known when it is loaded")
    return Instance(_KEYS, {}, (missing, missing), ctx.origin())


def _copy(ctx: Context, layer: Instance, state: dict[str, Value]) -> None:
    """Take over the distributions of the parameters in `state`, which belong to another module of the program."""
    for name, tensor in modules.named_parameters(layer):
        source = state.get(name)
        parameter = tensor.parameter
        if isinstance(source, Tensor) and source.parameter not in (None, parameter) and parameter is not None:
            ctx.modified(parameter)
            assert source.parameter is not None
            parameter.initialize(source.parameter.distribution)
            parameter.copy_of = source.parameter


STATE_METHODS: dict[str, Value] = {
    "state_dict": _state_dict,
    "load_state_dict": _load_state_dict,
    "get_extra_state": lambda ctx, self: None,
    "set_extra_state": lambda ctx, self, state: None,
    "_load_from_state_dict": lambda ctx, self, *args, **kwargs: None,
    "_save_to_state_dict": lambda ctx, self, *args, **kwargs: None,
}


class _Registry(dict[str, Value]):
    """`_modules`, `_parameters` or `_buffers`: writing to it registers on the layer."""

    def __init__(self, ctx: Context, layer: Instance, entries: Mapping[str, Value]) -> None:
        super().__init__(entries)
        self.ctx = ctx
        self.layer = layer

    def __setitem__(self, key: str, value: Value) -> None:
        super().__setitem__(key, value)
        self.ctx.modified(self.layer)
        self.layer.attrs[key] = value

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.ctx.modified(self.layer)
        self.layer.attrs.pop(key, None)

    def pop(self, key: str, *default: Any) -> Any:
        value = super().pop(key, *default)
        self.ctx.modified(self.layer)
        self.layer.attrs.pop(key, None)
        return value


def _registry(entries: Callable[[Instance], Mapping[str, Value]]) -> Property:
    return Property(Native("torch.nn.Module.registry", lambda ctx, self: _Registry(ctx, self, entries(self))))


def own_buffers(layer: Instance) -> dict[str, Value]:
    """The buffers of a layer without those of its sub-layers, by name."""
    return {name: layer.attrs.get(name) for name in layer.hidden.get("buffers", ())}


REGISTRIES: dict[str, Value] = {
    "_modules": _registry(modules.children),
    "_parameters": _registry(modules.own_parameter_tensors),
    "_buffers": _registry(own_buffers),
}
