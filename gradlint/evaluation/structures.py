"""Named tuples, enums, dataclasses and argparse: classes whose objects the standard library builds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gradlint.evaluation.builtins import CLASSES
from gradlint.evaluation.classes import python_class
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.operators import equals
from gradlint.evaluation.values import (
    MISSING,
    Class,
    ClassMethod,
    Function,
    Instance,
    Native,
    Property,
    StaticMethod,
    Value,
)

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter


# Named tuples.


def _make_named_tuple(fields: tuple[str, ...], defaults: dict[str, Value]) -> dict[str, Value]:
    def new(context: Context, cls: Class, *args: Value, **kwargs: Value) -> Value:
        values = []
        for index, field in enumerate(fields):
            if index < len(args):
                values.append(args[index])
            elif field in kwargs:
                values.append(kwargs[field])
            elif field in defaults:
                values.append(defaults[field])
            elif context.spread is not None:
                values.append(context.spread)
            else:
                raise Raised("TypeError", f"missing required argument: '{field}'")
        return Instance(cls, payload=tuple(values), origin=context.origin())

    def make(context: Context, cls: Class, values: Value) -> Value:
        return new(context, cls, *context.iterate(values))

    return {
        "__new__": Native("NamedTuple", new),
        "_fields": fields,
        "_field_defaults": defaults,
        "_make": ClassMethod(Native("_make", make)),
    }


def _finish_named_tuple(context: Context, cls: Class) -> None:
    fields = tuple(cls.namespace.get("__annotations__", {}))
    if fields:
        defaults = {field: cls.namespace.pop(field) for field in fields if field in cls.namespace}
        cls.namespace.update(_make_named_tuple(fields, defaults))


def _namedtuple(context: Context, name: Value, fields: Value, **kwargs: Value) -> Value:
    if isinstance(fields, str):
        fields = fields.replace(",", " ").split()
    names = tuple(item if isinstance(item, str) else context.iterate(item)[0] for item in context.iterate(fields))
    given = kwargs.get("defaults") or ()
    defaults = dict(zip(names[len(names) - len(given) :], given, strict=False))
    return python_class(str(name), (CLASSES["tuple"],), _make_named_tuple(names, defaults))


NAMED_TUPLES: dict[str, Value] = {
    "typing.NamedTuple": python_class(
        "typing.NamedTuple", (CLASSES["tuple"],), {"__gradlint_finish__": Native("finish", _finish_named_tuple)}
    ),
    "collections.namedtuple": Native("collections.namedtuple", _namedtuple),
}


# Enums.


def _finish_enum(context: Context, cls: Class) -> None:
    members: dict[str, Instance] = {}
    count = 0
    for name, value in list(cls.namespace.items()):
        if name.startswith("_") or isinstance(value, (Function, Native, Property, ClassMethod, StaticMethod)):
            continue
        count += 1
        if value is _AUTO:
            value = name.lower() if cls.derives_from("enum.StrEnum") else count
        member = Instance(cls, {"name": name, "value": value, "_value_": value}, value)
        initializer = cls.find("__init__")
        if isinstance(initializer, Function):
            context.call(initializer, member, *(value if isinstance(value, tuple) else (value,)))
        members[name] = cls.namespace[name] = member
    if members:
        cls.namespace["__members__"] = members
        cls.namespace["__new__"] = _ENUM.namespace["__new__"]  # also where `str` or `int` comes before Enum


def _enum_member(context: Context, cls: Class, value: Value, *args: Value) -> Value:
    for member in cls.namespace.get("__members__", {}).values():
        if member is value or equals(member.payload, value) is True:
            return member
    missing = cls.find("_missing_")
    if missing is not MISSING:
        return context.call(getattr(missing, "function", missing), cls, value)
    raise Raised("ValueError", f"{value!r} is not a valid {cls.name}")


_AUTO = object()

_ENUM = python_class(
    "enum.Enum",
    namespace={"__gradlint_finish__": Native("finish", _finish_enum), "__new__": Native("Enum", _enum_member)},
)
ENUMS: dict[str, Value] = {
    "enum.Enum": _ENUM,
    "enum.auto": Native("enum.auto", lambda context: _AUTO),
    "enum.unique": Native("enum.unique", lambda context, cls: cls),
    "enum.EnumMeta": CLASSES["type"],
    **{f"enum.{name}": python_class(f"enum.{name}", (_ENUM,)) for name in ("IntEnum", "StrEnum", "Flag", "IntFlag")},
}


# Dataclasses.


_FIELD = python_class("dataclasses.Field")
_NO_DEFAULT = Instance(python_class("dataclasses._MISSING_TYPE"))


def _field(context: Context, *, default: Value = MISSING, default_factory: Value = MISSING, **kwargs: Value) -> Value:
    return Instance(_FIELD, hidden={"default": default, "factory": default_factory, "init": kwargs.get("init", True)})


def _dataclass(context: Context, cls: Value = None, **options: Value) -> Value:
    if cls is None:
        return Native("dataclass", lambda context, cls: _dataclass(context, cls, **options))
    if isinstance(cls, Class):
        make_dataclass(context, cls)
    return cls


def make_dataclass(context: Context, cls: Class) -> None:
    """Give `cls` the `__init__` that `dataclasses.dataclass` would."""
    fields: dict[str, Value] = {}
    for base in reversed(cls.mro):
        if isinstance(base, Class):
            for name, annotation in base.namespace.get("__annotations__", {}).items():
                if getattr(annotation, "name", "").endswith("ClassVar"):
                    continue
                default = base.namespace.get(name, MISSING)
                fields[name] = base.namespace.get("__fields__", {}).get(name, default)
    cls.namespace["__fields__"] = fields
    cls.namespace["__match_args__"] = tuple(fields)
    for name, default in fields.items():
        if isinstance(default, Instance) and default.cls is _FIELD:
            if default.hidden["default"] is not MISSING:
                cls.namespace[name] = default.hidden["default"]
            else:
                cls.namespace.pop(name, None)
    if not isinstance(cls.namespace.get("__init__"), Function):
        cls.namespace["__init__"] = Native(f"{cls.name}.__init__", _dataclass_init(cls, fields))


def _dataclass_init(cls: Class, fields: dict[str, Value]) -> Callable[..., None]:
    def initialize(context: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        positional = iter(args)
        for name, default in fields.items():
            special = default.hidden if isinstance(default, Instance) and default.cls is _FIELD else None
            value: Value = MISSING
            if special is None or special["init"] is True:
                value = next(positional, MISSING)
                if value is MISSING and name in kwargs:
                    value = kwargs.pop(name)
            if value is MISSING:
                if special is None:
                    value = default
                elif special["default"] is not MISSING:
                    value = special["default"]
                elif special["factory"] is not MISSING:
                    value = context.call(special["factory"])
            if value is MISSING:
                if special is not None and special["init"] is not True:
                    continue
                if context.spread is None:
                    raise Raised("TypeError", f"{cls.name}() missing required argument: '{name}'")
                value = context.spread
            context.modified(self)
            self.attrs[name] = value
        if kwargs:
            raise Raised("TypeError", f"{cls.name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        after = self.cls.find("__post_init__")
        if after is not MISSING:
            context.call(after, self)

    return initialize


def _replace(context: Context, value: Instance, **changes: Value) -> Value:
    return Instance(value.cls, {**value.attrs, **changes}, value.payload, value.origin)


def _asdict(context: Context, value: Value) -> Value:
    if isinstance(value, Instance):
        names = value.cls.find("__fields__")
        return {name: _asdict(context, value.attrs.get(name)) for name in names} if isinstance(names, dict) else {}
    return value


def _fields_of(value: Value) -> dict[str, Value]:
    cls = value.cls if isinstance(value, Instance) else value
    fields = cls.find("__fields__") if isinstance(cls, Class) else MISSING
    return fields if isinstance(fields, dict) else {}


def _fields(context: Context, value: Value) -> Value:
    return tuple(_described(name, default) for name, default in _fields_of(value).items())


def _described(name: str, default: Value) -> Instance:
    """What `dataclasses.fields` says of a field."""
    factory: Value = MISSING
    init = True
    if isinstance(default, Instance) and default.cls is _FIELD:
        default, factory, init = (default.hidden[key] for key in ("default", "factory", "init"))
    default, factory = (_NO_DEFAULT if value is MISSING else value for value in (default, factory))
    return Instance(_FIELD, {"name": name, "default": default, "default_factory": factory, "init": init})


DATACLASSES: dict[str, Value] = {
    "dataclasses.dataclass": Native("dataclasses.dataclass", _dataclass),
    "dataclasses.field": Native("dataclasses.field", _field),
    "dataclasses.replace": Native("dataclasses.replace", _replace),
    "dataclasses.asdict": Native("dataclasses.asdict", _asdict),
    "dataclasses.fields": Native("dataclasses.fields", _fields),
    "dataclasses.MISSING": _NO_DEFAULT,
    "dataclasses.is_dataclass": Native("is_dataclass", lambda context, value: bool(_fields_of(value))),
    "pydantic.dataclasses.dataclass": Native("dataclasses.dataclass", _dataclass),
    "pydantic.BaseModel": python_class(
        "pydantic.BaseModel", namespace={"__gradlint_finish__": Native("finish", make_dataclass)}
    ),
    "pydantic.Field": Native(
        "pydantic.Field", lambda context, default=MISSING, **kwargs: _field(context, default=default, **kwargs)
    ),
}


# Command lines: what a script gets when it is run without arguments.


def _parser(context: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    self.hidden["defaults"] = {}


def _add_argument(context: Context, self: Instance, *flags: Value, **options: Value) -> None:
    names = [flag for flag in flags if isinstance(flag, str)]
    longest = max(names, key=lambda name: (name.startswith("--"), len(name)), default="")
    destination = options.get("dest", longest.lstrip("-").replace("-", "_"))
    if "default" in options:
        default = options["default"]
    elif options.get("action") in ("store_true", "store_false"):
        default = options["action"] == "store_false"
    elif longest.startswith("-") and options.get("required") is not True:
        default = None
    else:
        default = context.unknown(f"the command-line argument {longest}")
    self.hidden["defaults"][str(destination)] = default


def _parse_args(context: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return Instance(_NAMESPACE, dict(self.hidden["defaults"]), origin=context.origin())


def _set_defaults(context: Context, self: Instance, **defaults: Value) -> None:
    self.hidden["defaults"].update(defaults)


def _same(context: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return self


_NAMESPACE = python_class("argparse.Namespace")
_NAMESPACE.namespace["__init__"] = Native("Namespace", lambda context, self, **kwargs: self.attrs.update(kwargs))
_PARSER_METHODS: dict[str, Callable[..., Value]] = {
    "__init__": _parser,
    "add_argument": _add_argument,
    "parse_args": _parse_args,
    "parse_known_args": lambda context, self, *args, **kwargs: (_parse_args(context, self), []),
    "set_defaults": _set_defaults,
    "add_argument_group": _same,
    "add_mutually_exclusive_group": _same,
    "add_subparsers": _same,
    "add_parser": _same,
    "print_help": lambda context, self, *args: None,
}
_PARSER = python_class(
    "argparse.ArgumentParser", namespace={name: Native(name, function) for name, function in _PARSER_METHODS.items()}
)
ARGPARSE: dict[str, Value] = {"argparse.ArgumentParser": _PARSER, "argparse.Namespace": _NAMESPACE}
