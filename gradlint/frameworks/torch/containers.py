"""Containers of layers and parameters: Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Tensor, Unknown, Value
from gradlint.frameworks import modules
from gradlint.frameworks.torch.arguments import as_int
from gradlint.frameworks.torch.layers import layer_class
from gradlint.frameworks.torch.module import MODULE
from gradlint.frameworks.torch.parameter import PARAMETER

NAMES: dict[str, Value] = {}

_Entries = Callable[[Instance], dict[str, Value]]


def _layers(container: Instance) -> dict[str, Value]:
    """The entries of a container of layers: its sub-layers, and what it was given that is not known."""
    attrs = container.attrs
    return {
        name: value
        for name, value in attrs.items()
        if name in container.hidden.get("entries", ()) or (isinstance(value, Instance) and modules.is_layer(value))
    }


def _entries(container: Instance) -> dict[str, Value]:
    own = container.hidden.get("entries", ())
    return {name: value for name, value in container.attrs.items() if name in own}


def _replace(ctx: Context, container: Instance, old: dict[str, Value], values: list[Value]) -> None:
    """Let the entries of a list-like container be `values`, numbered from 0."""
    ctx.modified(container)
    for name in old:
        container.attrs.pop(name, None)
    for index, value in enumerate(values):
        _put(container, str(index), value)


def _put(container: Instance, name: str, value: Value) -> None:
    container.attrs[name] = value
    container.hidden.setdefault("entries", set()).add(name)


def _prepare(container: Instance) -> None:
    container.hidden.setdefault("entries", set())


def _check_layer(ctx: Context, value: Value) -> None:
    """Torch refuses what is no module."""
    if isinstance(value, (Tensor, str, int, float, list, tuple, dict)) or (
        isinstance(value, Instance) and not modules.is_layer(value) and not value.cls.opaque
    ):
        ctx.fail("TypeError", f"{type(value).__name__} is not a Module subclass")


# What list-like containers share; `entries` lists what a container holds.


def _list_methods(entries: _Entries, check: Callable[[Context, Value], None]) -> dict[str, Value]:
    def values(container: Instance) -> list[Value]:
        return list(entries(container).values())

    def slot(ctx: Context, container: Instance, index: Value) -> str | None:
        number = as_int(index)
        if number is None:
            return None
        names = list(entries(container))
        if not -len(names) <= number < len(names):
            ctx.fail("IndexError", f"index {number} is out of range")
        return names[number]

    def get_item(ctx: Context, self: Instance, idx: Value) -> Value:
        held = values(self)
        if isinstance(idx, slice):
            bounds = (idx.start, idx.stop, idx.step)
            if any(bound is not None and as_int(bound) is None for bound in bounds):
                return ctx.unknown("a slice whose bounds are not known")
            copy = Instance(_plain(self), origin=self.origin)
            _prepare(copy)
            picked = list(entries(self).items())[idx]
            keep_names = copy.cls.derives_from("torch.nn.Sequential")
            for position, (old, value) in enumerate(picked):
                _put(copy, old if keep_names else str(position), value)
            return copy
        name = slot(ctx, self, idx)
        if name is None:
            return held[0] if len(held) == 1 else ctx.unknown("an index that is not known")
        return self.attrs[name]

    def set_item(ctx: Context, self: Instance, idx: Value, value: Value) -> None:
        name = slot(ctx, self, idx)
        if name is not None:
            check(ctx, value)
            ctx.modified(self)
            _put(self, name, value)

    def delete_item(ctx: Context, self: Instance, idx: Value) -> None:
        old = entries(self)
        names = list(old)
        gone = names[idx] if isinstance(idx, slice) else [slot(ctx, self, idx) or ""]
        _replace(ctx, self, old, [value for name, value in old.items() if name not in gone])

    def append(ctx: Context, self: Instance, module: Value) -> Instance:
        check(ctx, module)
        ctx.modified(self)
        _prepare(self)
        _put(self, str(len(entries(self))), module)
        return self

    def extend(ctx: Context, self: Instance, modules: Value) -> Instance:
        _prepare(self)
        for value in ctx.iterate(modules):
            append(ctx, self, value)
        return self

    def insert(ctx: Context, self: Instance, index: Value, module: Value) -> Value:
        check(ctx, module)
        number = as_int(index)
        if number is not None:
            old = entries(self)
            held = list(old.values())
            held.insert(number, module)
            _replace(ctx, self, old, held)
        return self

    def pop(ctx: Context, self: Instance, key: Value = -1) -> Value:
        value = get_item(ctx, self, key)
        delete_item(ctx, self, key)
        return value

    def add(ctx: Context, self: Instance, other: Value) -> Instance:
        copy = Instance(self.cls, origin=ctx.origin())
        _prepare(copy)
        extend(ctx, copy, values(self))
        return extend(ctx, copy, other)

    return {
        "__getitem__": get_item,
        "__setitem__": set_item,
        "__delitem__": delete_item,
        "__len__": lambda ctx, self: len(entries(self)),
        "__iter__": lambda ctx, self: iter(values(self)),
        "__contains__": lambda ctx, self, item: any(value is item for value in values(self)),
        "__add__": add,
        "__iadd__": extend,
        "append": append,
        "extend": extend,
        "insert": insert,
        "pop": pop,
    }


def _plain(container: Instance) -> Value:
    """The framework's class of a container; slices of subclasses are made without their constructor."""
    for cls in container.cls.mro:
        if getattr(cls, "syntax", None) is None:
            return cls
    return container.cls


# Sequential.


def _sequential_init(ctx: Context, self: Instance, *args: Value) -> None:
    _prepare(self)
    if len(args) == 1 and isinstance(args[0], dict):
        for name, value in args[0].items():
            _check_layer(ctx, value)
            _put(self, str(name), value)
        return
    for index, value in enumerate(args):
        _check_layer(ctx, value)
        _put(self, str(index), value)


def _sequential_forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
    for value in _layers(self).values():
        input = ctx.call(value, input)  # noqa: A001
    return input


layer_class(
    NAMES,
    "Sequential",
    {"__init__": _sequential_init, "forward": _sequential_forward, **_list_methods(_layers, _check_layer)},
)


# ModuleList.


def _module_list_init(ctx: Context, self: Instance, modules: Value = None) -> None:
    _prepare(self)
    if modules is not None:
        for index, value in enumerate(ctx.iterate(modules)):
            _check_layer(ctx, value)
            _put(self, str(index), value)


layer_class(NAMES, "ModuleList", {"__init__": _module_list_init, **_list_methods(_layers, _check_layer)})
NAMES["nn.Container"] = MODULE


# Dictionaries.


def _pairs(ctx: Context, given: Value, held: Callable[[Instance], dict[str, Value]]) -> list[tuple[Value, Value]]:
    """The entries of a mapping or of an iterable of pairs."""
    if isinstance(given, dict):
        return list(given.items())
    if isinstance(given, Instance) and "entries" in given.hidden:
        return list(held(given).items())
    if isinstance(given, Instance) and isinstance(given.payload, dict):
        return list(given.payload.items())
    pairs = []
    for item in ctx.iterate(given):
        pair = item if isinstance(item, Unknown) else ctx.iterate(item)
        if isinstance(pair, list) and len(pair) == 2:
            pairs.append((pair[0], pair[1]))
    return pairs


def _dict_methods(entries: _Entries, check: Callable[[Context, Value], None]) -> dict[str, Value]:
    def set_item(ctx: Context, self: Instance, key: Value, value: Value) -> None:
        if isinstance(key, str):
            check(ctx, value)
            ctx.modified(self)
            _put(self, key, value)

    def get_item(ctx: Context, self: Instance, key: Value) -> Value:
        held = entries(self)
        if not isinstance(key, str):
            return ctx.unknown("a key that is not known")
        if key not in held:
            ctx.fail("KeyError", repr(key))
        return held[key]

    def delete_item(ctx: Context, self: Instance, key: Value) -> None:
        ctx.modified(self)
        self.attrs.pop(key, None)

    def pop(ctx: Context, self: Instance, key: Value) -> Value:
        value = get_item(ctx, self, key)
        delete_item(ctx, self, key)
        return value

    def update(ctx: Context, self: Instance, given: Value) -> None:
        _prepare(self)
        for key, value in _pairs(ctx, given, entries):
            set_item(ctx, self, key, value)

    def initialize(ctx: Context, self: Instance, given: Value = None) -> None:
        _prepare(self)
        if given is not None:
            update(ctx, self, given)

    def clear(ctx: Context, self: Instance) -> None:
        _replace(ctx, self, entries(self), [])

    def get(ctx: Context, self: Instance, key: Value, default: Value = None) -> Value:
        return entries(self).get(key, default) if isinstance(key, str) else ctx.unknown("a key that is not known")

    return {
        "__init__": initialize,
        "__getitem__": get_item,
        "__setitem__": set_item,
        "__delitem__": delete_item,
        "__len__": lambda ctx, self: len(entries(self)),
        "__iter__": lambda ctx, self: iter(list(entries(self))),
        "__contains__": lambda ctx, self, key: key in entries(self),
        "keys": lambda ctx, self: list(entries(self)),
        "values": lambda ctx, self: list(entries(self).values()),
        "items": lambda ctx, self: list(entries(self).items()),
        "get": get,
        "pop": pop,
        "update": update,
        "clear": clear,
    }


layer_class(NAMES, "ModuleDict", _dict_methods(_layers, _check_layer))


# Containers of parameters. Plain tensors become parameters on the way in, as in torch.


def _as_parameter(ctx: Context, value: Value) -> Value:
    if isinstance(value, Tensor) and not modules.is_parameter(value):
        return ctx.call(PARAMETER, value)
    return value


def _parameter_list_init(ctx: Context, self: Instance, values: Value = None) -> None:
    _prepare(self)
    if values is not None:
        _parameter_list_extend(ctx, self, values)


def _parameter_list_append(ctx: Context, self: Instance, value: Value) -> Instance:
    ctx.modified(self)
    _prepare(self)
    _put(self, str(len(_entries(self))), _as_parameter(ctx, value))
    return self


def _parameter_list_extend(ctx: Context, self: Instance, values: Value) -> Instance:
    for value in ctx.iterate(values):
        _parameter_list_append(ctx, self, value)
    return self


def _parameter_list_set(ctx: Context, self: Instance, idx: Value, param: Value) -> None:
    number = as_int(idx)
    names = list(_entries(self))
    if number is not None and -len(names) <= number < len(names):
        ctx.modified(self)
        _put(self, names[number], _as_parameter(ctx, param))


_ANY: Callable[[Context, Value], None] = lambda ctx, value: None  # noqa: E731

layer_class(
    NAMES,
    "ParameterList",
    _list_methods(_entries, _ANY)
    | {
        "__init__": _parameter_list_init,
        "__setitem__": _parameter_list_set,
        "__iadd__": _parameter_list_extend,
        "append": _parameter_list_append,
        "extend": _parameter_list_extend,
    },
)

_PARAMETER_DICT = _dict_methods(_entries, _ANY)


def _parameter_dict_set(ctx: Context, self: Instance, key: Value, value: Value) -> None:
    _PARAMETER_DICT["__setitem__"](ctx, self, key, _as_parameter(ctx, value))


def _parameter_dict_update(ctx: Context, self: Instance, given: Value) -> None:
    _prepare(self)
    for key, value in _pairs(ctx, given, _entries):
        _parameter_dict_set(ctx, self, key, value)


def _parameter_dict_init(ctx: Context, self: Instance, parameters: Value = None) -> None:
    _prepare(self)
    if parameters is not None:
        _parameter_dict_update(ctx, self, parameters)


layer_class(
    NAMES,
    "ParameterDict",
    _PARAMETER_DICT
    | {"__init__": _parameter_dict_init, "__setitem__": _parameter_dict_set, "update": _parameter_dict_update},
)
