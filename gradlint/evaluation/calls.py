"""Calls: arguments, functions of the source, classes, natives, and what cannot be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation import classes
from gradlint.evaluation.branches import Return, merge
from gradlint.evaluation.context import AUTOCAST
from gradlint.evaluation.errors import BudgetExceeded, Raised
from gradlint.evaluation.iteration import is_uncertain
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
    Super,
    Symbol,
    Tensor,
    Unknown,
    Value,
    tensors_in,
)
from gradlint.network import EventKind, Optimizer, Origin

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_NATIVE_ERRORS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ZeroDivisionError, OverflowError)


_RECURSION_IN_BRANCHES = 3
"""How many calls of a function may be in progress while a condition that is not known is followed both ways."""


class GeneratorFull(Exception):
    """A generator has yielded as many items as the limits allow."""


def evaluate_call(interpreter: Interpreter, syntax: cst.Call, scope: Scope) -> Value:
    """The value of a call expression."""
    interpreter.budget.step()
    func = syntax.func
    if type(func) is cst.Name and func.value == "super" and not syntax.args:
        return _super(interpreter, scope)
    function = interpreter.evaluate(func, scope)
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    spread: Unknown | None = None
    for arg in syntax.args:
        value = interpreter.evaluate(arg.value, scope)
        if arg.star and isinstance(value, Unknown):
            spread = value
        if arg.keyword is not None:
            kwargs[arg.keyword.value] = value
        elif not arg.star:
            args.append(value)
        elif arg.star == "*":
            if is_uncertain(value):
                interpreter.uncertain_length()
            args.extend(interpreter.iterate(value))
        else:
            _spread(interpreter, value, kwargs)
    frame = interpreter.frames[-1]
    before, frame.syntax = frame.syntax, syntax
    interpreter.spread = spread
    try:
        return call(interpreter, function, args, kwargs)
    finally:
        frame.syntax = before
        interpreter.spread = None


def _spread(interpreter: Interpreter, value: Value, kwargs: dict[str, Value]) -> None:
    if isinstance(value, Instance) and isinstance(value.payload, dict):
        value = value.payload
    if isinstance(value, dict):
        kwargs.update((key, item) for key, item in value.items() if isinstance(key, str))
    elif isinstance(value, Unknown):
        value.cost += 1


def _super(interpreter: Interpreter, scope: Scope) -> Value:
    frame = scope.function
    function = frame.function if frame is not None else None
    if function is None or function.owner is None or not frame.arguments:
        return interpreter.unknown("super() outside a method")
    return Super(function.owner, next(iter(frame.arguments.values())))


def call(interpreter: Interpreter, function: Value, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call any value."""
    while isinstance(function, BoundMethod):
        args = [function.receiver, *args]
        function = function.function
    if isinstance(function, Native):
        return _call_native(interpreter, function, args, kwargs)
    if isinstance(function, Function):
        return call_function(interpreter, function, args, kwargs)
    if isinstance(function, Class):
        return instantiate(interpreter, function, args, kwargs)
    if isinstance(function, Instance):
        method = function.cls.find("__call__")
        if method is not MISSING:
            if interpreter.layer_calls == 0 and classes.is_network_class(function.cls):
                return _outermost_layer_call(interpreter, method, function, args, kwargs)
            return call(interpreter, method, [function, *args], kwargs)
        return _unknown_result(interpreter, f"calling {function.cls.name} is not modelled", args, kwargs)
    if isinstance(function, (StaticMethod, ClassMethod)):
        return call(interpreter, function.function, args, kwargs)
    if isinstance(function, Symbol):
        return _unknown_result(interpreter, f"{function.name}() is not modelled", args, kwargs)
    if isinstance(function, Unknown):
        function.cost += 1
        tensors = tensors_in(*args, *kwargs.values())
        return interpreter.opaque(function.reason, tensors) if tensors else function
    if function is None or isinstance(function, (int, float, str, list, tuple, dict)):
        raise Raised("TypeError", f"'{type(function).__name__}' object is not callable")
    return _unknown_result(interpreter, f"calling {type(function).__name__.lower()} is not modelled", args, kwargs)


def _outermost_layer_call(
    interpreter: Interpreter, method: Value, layer: Instance, args: list[Value], kwargs: dict[str, Value]
) -> Value:
    """A forward pass that the program itself makes: what goes in is remembered, and that it happens."""
    shapes = [(tensor.shape, tensor.dtype) for tensor in tensors_in(*args, *kwargs.values())]
    if shapes and shapes[0][0] is not None:
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
    from gradlint.evaluation.interpreter import Frame

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
    frame = Frame(function.scope.source, function, origin)
    scope = Scope(function.scope.source, function.scope, frame)
    scope.variables = bind_arguments(interpreter, function, args, kwargs)
    frame.arguments = dict(scope.variables)
    frame.scope = scope
    syntax = function.syntax
    frames.append(frame)
    function.active += 1
    try:
        if isinstance(syntax, cst.Lambda):
            frame.syntax = syntax.body
            return interpreter.evaluate(syntax.body, scope)
        signal = interpreter.block(syntax.body, scope)
    except GeneratorFull:
        signal = None
    finally:
        function.active -= 1
        frames.pop()
    if frame.yields is not None:
        return iter(frame.yields)
    result = signal.value if isinstance(signal, Return) else None
    for possible in frame.possible_returns:
        result = merge(interpreter, possible, result)
    return result


def bind_arguments(
    interpreter: Interpreter, function: Function, args: list[Value], kwargs: dict[str, Value]
) -> dict[str, Value]:
    """The variables of a call, as Python binds them; raises `Raised("TypeError")` when they do not fit."""
    params: cst.Parameters = function.syntax.params
    positional = [*params.posonly_params, *params.params]
    variables: dict[str, Value] = {}
    remaining = dict(kwargs)
    spread, interpreter.spread = interpreter.spread, None
    for index, param in enumerate(positional):
        name = param.name.value
        if index < len(args):
            variables[name] = args[index]
            if name in remaining and params.star_kwarg is None:
                raise Raised("TypeError", f"{function.name}() got multiple values for argument '{name}'")
        elif name in remaining:
            variables[name] = remaining.pop(name)
        elif name in function.defaults:
            variables[name] = function.defaults[name]
        else:
            variables[name] = _missing_argument(interpreter, function, name, spread)
    if isinstance(params.star_arg, cst.Param):
        variables[params.star_arg.name.value] = tuple(args[len(positional) :])
    elif len(args) > len(positional):
        raise Raised("TypeError", f"{function.name}() takes {len(positional)} positional arguments")
    for param in params.kwonly_params:
        name = param.name.value
        if name in remaining:
            variables[name] = remaining.pop(name)
        elif name in function.defaults:
            variables[name] = function.defaults[name]
        else:
            variables[name] = _missing_argument(interpreter, function, name, spread)
    if params.star_kwarg is not None:
        variables[params.star_kwarg.name.value] = remaining
    elif remaining:
        raise Raised("TypeError", f"{function.name}() got an unexpected keyword argument '{next(iter(remaining))}'")
    return variables


def _missing_argument(interpreter: Interpreter, function: Function, name: str, spread: Unknown | None) -> Value:
    """What a parameter gets that nothing is given for: perhaps something of `spread`, whose length is not known."""
    if spread is not None:
        return spread
    raise Raised("TypeError", f"{function.name}() missing required argument: '{name}'")


def defaults(interpreter: Interpreter, params: cst.Parameters, scope: Scope) -> dict[str, Value]:
    """The default values of parameters, evaluated where the function is defined."""
    return {
        param.name.value: interpreter.evaluate(param.default, scope)
        for param in (*params.posonly_params, *params.params, *params.kwonly_params)
        if param.default is not None
    }


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


def call_tensor(interpreter: Interpreter, function: Value, tensor: Tensor) -> Value:
    """Call `function` on one tensor."""
    return call(interpreter, function, [tensor], {})


__all__ = [
    "BudgetExceeded",
    "GeneratorFull",
    "bind_arguments",
    "call",
    "call_function",
    "defaults",
    "evaluate_call",
    "instantiate",
    "text_of",
]
