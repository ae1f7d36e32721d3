"""Builtins that look into objects: `getattr` and its kin, `type`, `vars`, `callable`, `super`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gradlint.evaluation import attributes
from gradlint.evaluation.classes import python_class
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import (
    MISSING,
    BoundMethod,
    Class,
    Function,
    Instance,
    ModuleValue,
    Native,
    Symbol,
    Unknown,
    Value,
    contains_unknown,
)

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter


def _getattr(context: Context, value: Value, name: Value, *default: Value) -> Value:
    if isinstance(name, Unknown) or not isinstance(name, str):
        return context.unknown("getattr() with a name that is not known")
    if isinstance(value, Unknown):
        return value
    if default and isinstance(value, Instance) and _own(context, value, name) is MISSING:
        fallback = value.cls.find("__getattr__")
        if not isinstance(fallback, Function):
            return context.unknown("a base class is not analysed") if value.cls.opaque else default[0]
    found = attributes.find(context, value, name)
    if found is MISSING:
        if default:
            return default[0]
        raise Raised("AttributeError", f"no attribute '{name}'")
    return found


def _own(context: Context, value: Instance, name: str) -> Value:
    if name in value.attrs:
        return value.attrs[name]
    found = value.cls.find(name)
    if found is MISSING and value.payload is not None:
        return attributes.of_payload(context, value, name)
    return found


def _hasattr(context: Context, value: Value, name: Value) -> Value:
    if isinstance(value, Symbol) and isinstance(name, str):
        # What a table knows is there; what it does not know may be there all the same.
        if not isinstance(context.getattr(value, name), Symbol):
            return True
        return context.unknown(f"whether {value.name} has '{name}'")
    if isinstance(value, (Unknown, Symbol)) or not isinstance(name, str):
        return context.unknown("hasattr() of something unknown")
    if isinstance(value, Instance):
        if _own(context, value, name) is not MISSING:
            return True
        if value.cls.opaque:
            return context.unknown("a base class is not analysed")
        if value.cls.find("__getattr__") is MISSING:
            return False
    try:
        return attributes.find(context, value, name) is not MISSING
    except Raised:
        return False


def _setattr(context: Context, value: Value, name: Value, new: Value) -> None:
    if isinstance(name, str):
        context.setattr(value, name, new)


def _delattr(context: Context, value: Value, name: Value) -> None:
    if isinstance(name, str):
        attributes.delete(context, value, name)


def _callable(context: Context, value: Value) -> Value:
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Instance):
        return value.cls.find("__call__") is not MISSING
    return isinstance(value, (Function, Native, BoundMethod, Class, Symbol))


def _dir(context: Context, value: Value = MISSING) -> Value:
    """The names of a library's module can be asked for one by one, and not be listed."""
    if not isinstance(value, Symbol):
        return context.unknown("dir()")
    return Instance(_LIBRARY_NAMES, hidden={"of": value})


_LIBRARY_NAMES = python_class(
    "gradlint.LibraryNames",
    namespace={
        "__contains__": Native("dir", lambda context, self, name: _hasattr(context, self.hidden["of"], name)),
        "__iter__": Native("dir", lambda context, self: context.unknown("the names of a library")),
    },
)


def _module_named(context: Context, self: Instance, name: Value, *default: Value) -> Value:
    """`sys.modules[name]`: the module whose code runs by its own name, else what an import of the name gives."""
    if not isinstance(name, str):
        return contains_unknown(name) or context.unknown("a module whose name is not known")
    scope = context.frame.scope
    if scope is not None and scope.module.variables.get("__name__") == name:
        return ModuleValue(name, scope.module)
    return context.modules.loaded(name) or context.modules.symbol(name)


MODULES = Instance(
    python_class(
        "sys.modules",
        namespace={
            "__getitem__": Native("sys.modules", _module_named),
            "get": Native("sys.modules.get", _module_named),
            "__contains__": Native("sys.modules", lambda context, self, name: context.unknown("what is imported")),
        },
    )
)
"""`sys.modules`."""


def _vars(context: Context, value: Value = None) -> Value:
    if value is None:
        return dict(context.local_variables())
    found = attributes.find(context, value, "__dict__")
    return context.unknown("vars()") if found is MISSING else found


def _super(context: Context, cls: Value = None, receiver: Value = None) -> Value:
    from gradlint.evaluation.values import Super

    return Super(cls, receiver) if isinstance(cls, Class) else context.unknown("super() of something unknown")


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "getattr": _getattr,
    "hasattr": _hasattr,
    "setattr": _setattr,
    "delattr": _delattr,
    "callable": _callable,
    "dir": _dir,
    "vars": _vars,
    "globals": lambda context: context.modules.globals_of(context),
    "locals": lambda context: dict(context.local_variables()),
    "super": _super,
}
