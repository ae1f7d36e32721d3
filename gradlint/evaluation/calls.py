"""Calls: functions of the source, classes, natives, and what cannot be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation import classes
from gradlint.evaluation.arguments import Signature, bind_arguments
from gradlint.evaluation.branches import Return, merge
from gradlint.evaluation.compiling import expression, kept
from gradlint.evaluation.context import AUTOCAST
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import (
    MISSING,
    BoundMethod,
    Class,
    ClassMethod,
    Function,
    Instance,
    Native,
    StaticMethod,
    Symbol,
    Tensor,
    Unknown,
    Value,
    tensors_in,
)
from gradlint.network import EventKind, Optimizer, Origin, Shape

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_NATIVE_ERRORS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ZeroDivisionError, OverflowError)


DECORATED = "__decorated__"
"""Marks a function whose decorator is not understood: it may take other arguments than it seems to."""

_RECURSION_IN_BRANCHES = 3
"""How many calls of a function may be in progress while a condition that is not known is followed both ways."""


class GeneratorFull(Exception):
    """A generator has yielded as many items as the limits allow."""


def call(interpreter: Interpreter, function: Value, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call any value."""
    kind = type(function)
    while kind is BoundMethod:
        args = [function.receiver, *args]
        function = function.function
        kind = type(function)
    return _CALLERS.get(kind, _call_other)(interpreter, function, args, kwargs)


def _call_instance(interpreter: Interpreter, function: Instance, args: list[Value], kwargs: dict[str, Value]) -> Value:
    method = function.cls.find("__call__")
    if method is MISSING:
        return _unknown_result(interpreter, f"calling {function.cls.name} is not modelled", args, kwargs)
    if interpreter.layer_calls == 0 and classes.is_network_class(function.cls):
        return _outermost_layer_call(interpreter, method, function, args, kwargs)
    return call(interpreter, method, [function, *args], kwargs)


def _call_wrapped(
    interpreter: Interpreter, function: StaticMethod | ClassMethod, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    return call(interpreter, function.function, args, kwargs)


def _call_symbol(interpreter: Interpreter, function: Symbol, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return _unknown_result(interpreter, f"{function.name}() is not modelled", args, kwargs)


def _call_unknown(interpreter: Interpreter, function: Unknown, args: list[Value], kwargs: dict[str, Value]) -> Value:
    function.cost += 1
    tensors = tensors_in(*args, *kwargs.values())
    return interpreter.opaque(function.reason, tensors) if tensors else function


def _call_other(interpreter: Interpreter, function: Value, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if function is None or isinstance(function, (int, float, str, list, tuple, dict)):
        raise Raised("TypeError", f"'{type(function).__name__}' object is not callable")
    return _unknown_result(interpreter, f"calling {type(function).__name__.lower()} is not modelled", args, kwargs)


def _outermost_layer_call(
    interpreter: Interpreter, method: Value, layer: Instance, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """A forward pass that the program itself makes: what goes in is remembered, and that it happens."""
    given: list[tuple[int | str, Value]] = [*enumerate(args), *kwargs.items()]
    tensors = tensors_in(given[0][1]) if given else []
    if tensors and tensors[0].shape is not None:
        shapes: dict[int | str, tuple[Shape | None, str]] = {0: (tensors[0].shape, tensors[0].dtype)}
        shapes.update(
            {key: (value.shape, value.dtype) for key, value in given[1:] if isinstance(value, Tensor) and value.shape}
        )
        interpreter.record.forwards.setdefault(id(layer), shapes)
    interpreter.layer_calls += 1
    try:
        result = call(interpreter, method, [layer, *args], kwargs)
    finally:
        interpreter.layer_calls = max(interpreter.layer_calls - 1, 0)
    node = next((tensor.node for tensor in tensors_in(result)), None)
    autocast = interpreter.tables.get(AUTOCAST)
    interpreter.event(EventKind.FORWARD, node=node, grad=interpreter.gradients, model=layer, autocast=autocast)
    return result


def _unknown_result(interpreter: Interpreter, reason: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    given = (*args, *kwargs.values())
    if interpreter.record.events and any(map(_is_trained, given)):
        interpreter.event(EventKind.ESCAPE)
    for value in given:
        if isinstance(value, Instance) and isinstance(optimizer := value.hidden.get("optimizer"), Optimizer):
            optimizer.shared = True
    tensors = tensors_in(*args, *kwargs.values())
    if tensors:
        return interpreter.opaque(reason, tensors)
    return interpreter.unknown(reason)


def _is_trained(value: Value) -> bool:
    """Whether code that gets `value` could change how it is trained: a layer, an optimizer, parameters."""
    if isinstance(value, Instance):
        return classes.is_layer_class(value.cls) or "optimizer" in value.hidden
    if isinstance(value, (list, tuple)):
        return any(isinstance(item, (Tensor, Instance)) and _is_trained(item) for item in value[:4])
    return isinstance(value, Tensor) and value.parameter is not None


def _call_native(interpreter: Interpreter, function: Native, args: list[Value], kwargs: dict[str, Value]) -> Value:
    try:
        result = function.call(interpreter, *args, **kwargs)
        if type(result) is Instance and not isinstance(result.cls, Class):
            return interpreter.unknown("an object of a class that is not analysed")
        return result
    except _NATIVE_ERRORS as error:
        reason = f"{function.name}: {error}" if str(error) else f"{function.name}: {type(error).__name__}"
        return _unknown_result(interpreter, reason, args, kwargs)


def call_function(interpreter: Interpreter, function: Function, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Run a function of the analysed source."""
    interpreter.budget.step()
    frames = interpreter.frames
    if len(frames) >= interpreter.budget.limits.depth:
        interpreter.cut_short("deeply nested calls")
        return interpreter.unknown(f"{function.name} is called too deeply nested")
    if function.active >= _RECURSION_IN_BRANCHES and interpreter.trails:
        # Each level would double the branches to follow.
        return interpreter.unknown(f"{function.name} calls itself under a condition that is not known")
    function.attributes.setdefault("__called__", True)
    caller = frames[-1] if frames else None
    origin = Origin(caller.source, caller.syntax, caller.caller) if caller is not None and caller.syntax else None
    defined_in = function.scope
    frame = Frame(defined_in.source, function, origin)
    scope = Scope(defined_in.source, defined_in, frame)
    try:
        scope.variables = bind_arguments(interpreter, function, args, kwargs)
    except Raised:
        if DECORATED in function.attributes:
            return _unknown_result(
                interpreter, f"what a decorator makes of {function.name}() is not known", args, kwargs
            )
        raise
    frame.arguments = dict(scope.variables)
    frame.scope = scope
    syntax = function.syntax
    frames.append(frame)
    function.active += 1
    try:
        if type(syntax) is cst.Lambda:
            frame.syntax = syntax.body
            return kept(scope, syntax.body, expression)(interpreter, scope)
        signal = interpreter.block(syntax.body, scope)
    except GeneratorFull:
        signal = None
    finally:
        function.active -= 1
        frames.pop()
        frame.scope = None  # or each would keep the other alive, and all its tensors
    if frame.yields is not None:
        return iter(frame.yields)
    result = signal.value if type(signal) is Return else None
    for possible in frame.possible_returns:
        result = merge(interpreter, possible, result)
    return result


def defaults(interpreter: Interpreter, params: cst.Parameters, scope: Scope) -> dict[str, Value]:
    """The default values of parameters, evaluated where the function is defined."""
    return {name: value(interpreter, scope) for name, value in kept(scope, params, Signature).defaults}


def instantiate(interpreter: Interpreter, cls: Class, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A new object of `cls`, initialized."""
    constructor = cls.find("__new__")
    if isinstance(constructor, (StaticMethod, ClassMethod)):
        constructor = constructor.function
    if constructor is not MISSING:
        made = call(interpreter, constructor, [cls, *args], kwargs)
        if not isinstance(made, Instance) or made.cls is not cls:
            return made
    else:
        interpreter.budget.instance()
        made = Instance(cls, origin=interpreter.origin() if interpreter.frames else None)
    classes.note_creation(interpreter, made)
    initializer = cls.find("__init__")
    if initializer is not MISSING:
        building = cls.syntax is not None and classes.is_layer_class(cls)
        interpreter.constructing += building
        try:
            call(interpreter, initializer, [made, *args], kwargs)
        finally:
            interpreter.constructing -= building
    return made


def text_of(interpreter: Interpreter, value: Value, spec: str | None = "") -> str | Unknown:
    """`format(value, spec)` where it is known."""
    if isinstance(value, Instance):
        method = value.cls.find("__str__")
        if method is not MISSING:
            value = call(interpreter, method, [value], {})
        elif value.payload is not None:
            value = value.payload
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, (Class, Function)):
        return value.name
    if not isinstance(value, (str, int, float, bool, complex, type(None), tuple, list, dict, bytes)) or spec is None:
        return interpreter.unknown(f"text of {type(value).__name__.lower()} is not modelled")
    if len(spec) > 8 or (isinstance(value, (list, tuple, dict)) and len(value) > 1000):
        return interpreter.unknown("a string that is too long")
    if isinstance(value, (tuple, list, dict)) and any(not isinstance(v, (str, int, float, tuple)) for v in value):
        return interpreter.unknown("text of a container is not modelled")
    try:
        digits = "".join(c for c in spec if c.isdigit())
        return interpreter.unknown("a string that is too long") if len(digits) > 4 else format(value, spec)
    except (ValueError, TypeError) as error:
        raise Raised(type(error).__name__, str(error)) from None


_CALLERS: dict[type, Any] = {
    Native: _call_native,
    Function: call_function,
    Class: instantiate,
    Instance: _call_instance,
    StaticMethod: _call_wrapped,
    ClassMethod: _call_wrapped,
    Symbol: _call_symbol,
    Unknown: _call_unknown,
}
