"""Attribute look-up and assignment on any value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import (
    MISSING,
    BoundMethod,
    Class,
    ClassMethod,
    Deferred,
    Function,
    Instance,
    ModuleValue,
    Native,
    Property,
    StaticMethod,
    Super,
    Symbol,
    Tensor,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def get(interpreter: Interpreter, value: Value, name: str) -> Value:
    """`value.name`; raises `Raised("AttributeError")` when there is none."""
    found = find(interpreter, value, name)
    if found is MISSING:
        raise Raised("AttributeError", f"{_describe(value)} has no attribute '{name}'")
    return found


def absent(interpreter: Interpreter, value: Value, name: str) -> Unknown:
    """What an attribute is that there is not: Unknown, more often a gap of ours than an error in the source."""
    if value is None:
        raise Raised("AttributeError", f"'NoneType' object has no attribute '{name}'")
    return interpreter.unknown(f"attribute '{name}' of {_describe(value)} is not known")


def _describe(value: Value) -> str:
    if isinstance(value, Instance):
        return value.cls.name
    if isinstance(value, (Class, ModuleValue, Symbol)):
        return value.name
    return type(value).__name__.lower()


def find(interpreter: Interpreter, value: Value, name: str) -> Value:
    """`value.name`, or `MISSING`."""
    finder = _FINDERS.get(type(value), _of_python)
    return finder(interpreter, value, name)


def _of_instance(interpreter: Interpreter, value: Instance, name: str) -> Value:
    found = value.attrs.get(name, MISSING)
    attribute = value.cls.find(name) if found is MISSING or name in value.cls.namespace else MISSING
    if isinstance(attribute, Property):
        return interpreter.call(attribute.getter, value)
    if found is not MISSING:
        return found
    if attribute is not MISSING:
        return bind(attribute, value, value.cls)
    if name == "__class__":
        return value.cls
    if name == "__dict__":
        return value.attrs
    if name == "__setattr__":
        return Native(name, lambda context, key, new: assign(context, value, key, new))
    if name in ("__module__", "__doc__"):
        return _of_class(interpreter, value.cls, name)
    if value.payload is not None:
        found = of_payload(interpreter, value, name)
        if found is not MISSING:
            return found
    fallback = value.cls.find("__getattr__")
    if fallback is not MISSING:
        return interpreter.call(fallback, value, name)
    if value.cls.opaque:
        unknown = interpreter.unknown(f"attribute '{name}' comes from a base of {value.cls.name} that is not analysed")
        value.attrs.setdefault(name, unknown) if not interpreter.trails else None
        return unknown
    return MISSING


_MIXED_IN = ("builtins.str", "builtins.int", "enum.IntEnum", "enum.StrEnum", "enum.IntFlag")
"""What makes the member of an enum a string or a number itself."""


def of_payload(interpreter: Interpreter, value: Instance, name: str) -> Value:
    """An attribute of the Python value that an object wraps, or `MISSING`."""
    fields = value.cls.find("_fields")
    if isinstance(fields, tuple) and name in fields and isinstance(value.payload, tuple):
        return value.payload[fields.index(name)]
    if fields is not MISSING and name == "_replace":
        return Native("_replace", lambda context, **changes: _replace(value, fields, changes))
    if fields is not MISSING and name == "_asdict":
        return Native("_asdict", lambda context: dict(zip(fields, value.payload, strict=False)))
    if value.cls.derives_from("enum.Enum") and not any(map(value.cls.derives_from, _MIXED_IN)):
        return MISSING
    return _of_python(interpreter, value.payload, name)


def _replace(value: Instance, fields: tuple[str, ...], changes: dict[str, Value]) -> Instance:
    payload = tuple(changes.get(field, item) for field, item in zip(fields, value.payload, strict=False))
    return Instance(value.cls, dict(value.attrs), payload, value.origin)


def bind(attribute: Value, receiver: Value, cls: Value) -> Value:
    """What a class attribute becomes when it is read through an object (or, with receiver None, through its class)."""
    if isinstance(attribute, (Function, Native)):
        return BoundMethod(attribute, receiver) if receiver is not None else attribute
    if isinstance(attribute, ClassMethod):
        return BoundMethod(attribute.function, cls)
    if isinstance(attribute, StaticMethod):
        return attribute.function
    return attribute


def _of_class(interpreter: Interpreter, value: Class, name: str) -> Value:
    attribute = value.find(name)
    if attribute is not MISSING:
        return bind(attribute, None, value)
    if name in ("__name__", "__qualname__"):
        return value.name.rpartition(".")[2]
    if name == "__module__":
        return value.module or value.name.rpartition(".")[0]
    if name == "__doc__":
        return None
    if name == "__mro__":
        return value.mro
    if name == "__bases__":
        return value.bases
    if name == "__dict__":
        return value.namespace
    if name == "__init__":
        return Native("object.__init__", lambda context, *args, **kwargs: None)
    if name == "__annotations__":
        return value.namespace.get("__annotations__", {})
    if value.syntax is None:
        from gradlint.frameworks import resolve

        nested = resolve(f"{value.name}.{name}")
        if nested is not MISSING:
            return nested
    if value.opaque:
        return interpreter.unknown(f"attribute '{name}' comes from a base of {value.name} that is not analysed")
    return MISSING


def _of_symbol(interpreter: Interpreter, value: Symbol, name: str) -> Value:
    return interpreter.modules.symbol(f"{value.name}.{name}")


def _of_module(interpreter: Interpreter, value: ModuleValue, name: str) -> Value:
    found = value.scope.variables.get(name, MISSING)
    if found is not MISSING:
        if isinstance(found, Deferred):
            found = value.scope.variables[name] = interpreter.modules.force(interpreter, found)
        return found
    if name == "__name__":
        return value.name
    if name == "__dict__":
        return interpreter.modules.variables_of(interpreter, value.scope)
    found = interpreter.modules.submodule(interpreter, value, name)
    if found is not MISSING:
        return found
    return interpreter.modules.star_symbol(value.scope, name)


# What a base that is not analysed is taken to inherit from `object`.
_OF_OBJECT = frozenset({"__new__", "__setattr__", "__delattr__", "__getattribute__"})


def _of_super(interpreter: Interpreter, value: Super, name: str) -> Value:
    receiver = value.receiver
    cls = receiver if isinstance(receiver, Class) else getattr(receiver, "cls", None)
    if not isinstance(cls, Class):
        return interpreter.unknown("super() outside a class")
    mro = cls.mro
    start = mro.index(value.cls) + 1 if value.cls in mro else 1
    for ancestor in mro[start:]:
        if isinstance(ancestor, Class):
            if name in ancestor.namespace:
                attribute = ancestor.namespace[name]
                if isinstance(attribute, Property):
                    return interpreter.call(attribute.getter, receiver)
                return bind(attribute, receiver, cls)
        elif name not in _OF_OBJECT:
            return Native(name, lambda context, *args, **kwargs: context.unknown(f"{name}() of a base not analysed"))
    if name in ("__init__", "__setattr__", "__init_subclass__", "__post_init__", "__delattr__"):
        if name == "__setattr__":
            return Native(name, lambda context, key, new: assign_plain(interpreter, receiver, key, new))
        return Native(name, lambda context, *args, **kwargs: None)
    if name == "__new__":
        return Native(name, lambda context, target, *args, **kwargs: Instance(target, origin=context.origin()))
    if name == "__getattr__":
        return Native(name, lambda context, key: context.fail("AttributeError", str(key)))
    if name == "__getattribute__":
        return Native(name, lambda context, key: context.getattr(receiver, key))
    if isinstance(receiver, Instance) and receiver.payload is not None:
        return _of_python(interpreter, receiver.payload, name)
    return MISSING


def _of_function(interpreter: Interpreter, value: Function, name: str) -> Value:
    if name in value.attributes:
        return value.attributes[name]
    if name in ("__name__", "__qualname__"):
        return value.name
    if name == "__module__":
        return value.scope.module.variables.get("__name__", "")
    if name == "__defaults__":
        return tuple(value.defaults.values())
    if name == "__class__":
        return Symbol("types.FunctionType")
    if name in ("__doc__", "__wrapped__"):
        return None if name == "__doc__" else MISSING
    if name == "__dict__":
        return value.attributes
    return MISSING


def _of_native(interpreter: Interpreter, value: Native, name: str) -> Value:
    if name in ("__name__", "__qualname__"):
        return value.name.rpartition(".")[2]
    if name == "__module__":
        return value.name.rpartition(".")[0]
    return interpreter.modules.symbol(f"{value.name}.{name}")


def _of_bound(interpreter: Interpreter, value: BoundMethod, name: str) -> Value:
    if name == "__self__":
        return value.receiver
    if name == "__func__":
        return value.function
    return find(interpreter, value.function, name)


def _of_tensor(interpreter: Interpreter, value: Tensor, name: str) -> Value:
    if name in value.attributes:
        return value.attributes[name]
    from gradlint.frameworks.operators import tensor_attribute

    return tensor_attribute(interpreter, value, name)


_TRAINING_METHODS = frozenset({"backward", "zero_grad", "clip_grad_norm_", "clip_grad_value_"})


def _of_unknown(interpreter: Interpreter, value: Unknown, name: str) -> Value:
    value.cost += 1
    if name in _TRAINING_METHODS:
        from gradlint.frameworks.strangers import method_of

        return method_of(value, name)
    return value


def _of_property(interpreter: Interpreter, value: Property, name: str) -> Value:
    if name == "setter":
        return Native(name, lambda context, setter: Property(value.getter, setter))
    if name in ("getter", "deleter"):
        return Native(name, lambda context, function: value)
    return MISSING


def _of_python(interpreter: Interpreter, value: Value, name: str) -> Value:
    from gradlint.evaluation.methods import method_of

    return method_of(interpreter, value, name)


_FINDERS: dict[type, Any] = {
    Instance: _of_instance,
    Class: _of_class,
    Symbol: _of_symbol,
    ModuleValue: _of_module,
    Super: _of_super,
    Function: _of_function,
    Native: _of_native,
    BoundMethod: _of_bound,
    Tensor: _of_tensor,
    Unknown: _of_unknown,
    Property: _of_property,
}


def assign(interpreter: Interpreter, receiver: Value, name: str, value: Value) -> None:
    """`receiver.name = value`, through `__setattr__` and properties."""
    if isinstance(receiver, Instance):
        attribute = receiver.cls.find(name)
        if isinstance(attribute, Property):
            if attribute.setter is not None:
                interpreter.call(attribute.setter, receiver, value)
            return
        setter = receiver.cls.find("__setattr__")
        if setter is not MISSING:
            interpreter.call(setter, receiver, name, value)
            return
    assign_plain(interpreter, receiver, name, value)


def assign_plain(interpreter: Interpreter, receiver: Value, name: str, value: Value) -> None:
    """Set an attribute without asking `__setattr__`."""
    if isinstance(receiver, Instance):
        if interpreter.trails:
            interpreter.modified(receiver)
        receiver.attrs[name] = value
        if interpreter.layer_calls and isinstance(value, (Tensor, tuple)):
            interpreter.state_kept = True
    elif isinstance(receiver, Class) and receiver.syntax is not None:
        receiver.namespace[name] = value
    elif isinstance(receiver, ModuleValue):
        receiver.scope.variables[name] = value
    elif isinstance(receiver, Function):
        receiver.attributes[name] = value
    elif isinstance(receiver, Tensor):
        from gradlint.frameworks.operators import set_tensor_attribute

        set_tensor_attribute(interpreter, receiver, name, value)


def delete(interpreter: Interpreter, receiver: Value, name: str) -> None:
    """`del receiver.name`."""
    if isinstance(receiver, Instance):
        method = receiver.cls.find("__delattr__")
        if method is not MISSING:
            interpreter.call(method, receiver, name)
            return
        interpreter.modified(receiver)
        receiver.attrs.pop(name, None)
    elif isinstance(receiver, Class) and receiver.syntax is not None:
        receiver.namespace.pop(name, None)
