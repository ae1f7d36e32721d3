"""Statements: one function per kind of syntax node, in a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation import attributes, calls, classes, exceptions, loops, operators, subscripts
from gradlint.evaluation.branches import BREAK, CONTINUE, Return, fork
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.expressions import BINARY_SYMBOLS
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.targets import bind
from gradlint.evaluation.values import MISSING, Function, Instance, Tensor, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

Handler = Callable[["Interpreter", Any, Scope], Any]
STATEMENTS: dict[type[cst.CSTNode], Handler] = {}


def _handles(*kinds: type[cst.CSTNode]) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for kind in kinds:
            STATEMENTS[kind] = handler
        return handler

    return register


def block(interpreter: Interpreter, body: Any, scope: Scope) -> Any:
    """Run the statements of a body until one of them ends it; the result is the signal that did, or None."""
    table, step = STATEMENTS, interpreter.budget.step
    for statement in body.body:
        step()
        handler = table.get(type(statement))
        if handler is not None:
            signal = handler(interpreter, statement, scope)
            if signal is not None:
                return signal
    return None


@_handles(cst.SimpleStatementLine)
def _line(interpreter: Interpreter, syntax: cst.SimpleStatementLine, scope: Scope) -> Any:
    for statement in syntax.body:
        handler = STATEMENTS.get(type(statement))
        if handler is not None:
            signal = handler(interpreter, statement, scope)
            if signal is not None:
                return signal
    return None


# The statements of a body written on the line of its header: `if x: a; b`.
STATEMENTS[cst.SimpleStatementSuite] = _line


@_handles(cst.Expr)
def _expression(interpreter: Interpreter, syntax: cst.Expr, scope: Scope) -> Any:
    value = syntax.value
    if type(value) is not cst.SimpleString:
        interpreter.evaluate(value, scope)


@_handles(cst.Assign)
def _assign(interpreter: Interpreter, syntax: cst.Assign, scope: Scope) -> Any:
    value = interpreter.evaluate(syntax.value, scope)
    for target in syntax.targets:
        bind(interpreter, target.target, value, scope)


@_handles(cst.AnnAssign)
def _annotated(interpreter: Interpreter, syntax: cst.AnnAssign, scope: Scope) -> Any:
    if scope.is_class and isinstance(syntax.target, cst.Name):
        annotation = interpreter.evaluate(syntax.annotation.annotation, scope)
        scope.variables.setdefault("__annotations__", {})[syntax.target.value] = annotation
    if syntax.value is not None:
        bind(interpreter, syntax.target, interpreter.evaluate(syntax.value, scope), scope)


@_handles(cst.AugAssign)
def _augmented(interpreter: Interpreter, syntax: cst.AugAssign, scope: Scope) -> Any:
    symbol = BINARY_SYMBOLS[_PLAIN_OPERATOR[type(syntax.operator)]]
    target = syntax.target
    current = interpreter.evaluate(target, scope)
    operand = interpreter.evaluate(syntax.value, scope)
    interpreter.frame.syntax = syntax
    bind(interpreter, target, _in_place(interpreter, symbol, current, operand), scope)


def _in_place(interpreter: Interpreter, symbol: str, current: Value, operand: Value) -> Value:
    if isinstance(current, Tensor):
        from gradlint.frameworks.operators import inplace_operation

        return inplace_operation(interpreter, symbol, current, operand)
    if isinstance(current, Instance):
        name = _IN_PLACE_DUNDER.get(symbol, "")
        method = current.cls.find(name)
        if method is not MISSING:
            return interpreter.call(method, current, operand)
    if isinstance(current, list) and symbol == "+":
        interpreter.modified(current)
        if isinstance(operand, Unknown):
            interpreter.uncertain_length()
        if len(current) < interpreter.budget.limits.items:
            current.extend(interpreter.iterate(operand))
        return current
    if isinstance(current, (dict, set)) and symbol == "|" and isinstance(operand, (dict, set)):
        interpreter.modified(current)
        current.update(operand)
        return current
    return operators.binary(interpreter, symbol, current, operand)


_IN_PLACE_DUNDER = {"+": "__iadd__", "-": "__isub__", "*": "__imul__", "/": "__itruediv__", "|": "__ior__"}

_PLAIN_OPERATOR: dict[type[cst.CSTNode], type[cst.CSTNode]] = {
    cst.AddAssign: cst.Add,
    cst.SubtractAssign: cst.Subtract,
    cst.MultiplyAssign: cst.Multiply,
    cst.DivideAssign: cst.Divide,
    cst.FloorDivideAssign: cst.FloorDivide,
    cst.ModuloAssign: cst.Modulo,
    cst.PowerAssign: cst.Power,
    cst.MatrixMultiplyAssign: cst.MatrixMultiply,
    cst.BitAndAssign: cst.BitAnd,
    cst.BitOrAssign: cst.BitOr,
    cst.BitXorAssign: cst.BitXor,
    cst.LeftShiftAssign: cst.LeftShift,
    cst.RightShiftAssign: cst.RightShift,
}


@_handles(cst.Return)
def _return(interpreter: Interpreter, syntax: cst.Return, scope: Scope) -> Any:
    return Return(interpreter.evaluate(syntax.value, scope) if syntax.value is not None else None)


@_handles(cst.Break)
def _break(interpreter: Interpreter, syntax: cst.Break, scope: Scope) -> Any:
    return BREAK


@_handles(cst.Continue)
def _continue(interpreter: Interpreter, syntax: cst.Continue, scope: Scope) -> Any:
    return CONTINUE


@_handles(cst.If)
def _if(interpreter: Interpreter, syntax: cst.If, scope: Scope) -> Any:
    truth = interpreter.truth(interpreter.evaluate(syntax.test, scope))
    if truth is True:
        return block(interpreter, syntax.body, scope)
    orelse = syntax.orelse
    if truth is False:
        return _otherwise(interpreter, orelse, scope)
    return fork(
        interpreter,
        [lambda: block(interpreter, syntax.body, scope), lambda: _otherwise(interpreter, orelse, scope)],
        scope,
    )


def _otherwise(interpreter: Interpreter, orelse: cst.If | cst.Else | None, scope: Scope) -> Any:
    if orelse is None:
        return None
    if isinstance(orelse, cst.If):
        return _if(interpreter, orelse, scope)
    return block(interpreter, orelse.body, scope)


@_handles(cst.For)
def _for(interpreter: Interpreter, syntax: cst.For, scope: Scope) -> Any:
    return loops.run_for(interpreter, syntax, scope)


@_handles(cst.While)
def _while(interpreter: Interpreter, syntax: cst.While, scope: Scope) -> Any:
    return loops.run_while(interpreter, syntax, scope)


@_handles(cst.FunctionDef)
def _function(interpreter: Interpreter, syntax: cst.FunctionDef, scope: Scope) -> Any:
    interpreter.frame.syntax = syntax
    owner = scope.variables.get("__class_under_construction__") if scope.is_class else None
    function = Function(
        syntax.name.value,
        syntax,
        scope,
        calls.defaults(interpreter, syntax.params, scope),
        owner,
    )
    if not scope.is_class and scope.function is None:
        interpreter.record.functions.append(function)
    value: Value = function
    for decorator in reversed(syntax.decorators):
        value = _decorate(interpreter, decorator, value, scope)
    scope.assign(syntax.name.value, value)


def _decorate(interpreter: Interpreter, decorator: cst.Decorator, value: Value, scope: Scope) -> Value:
    function = interpreter.evaluate(decorator.decorator, scope)
    if isinstance(function, Unknown):
        return value
    decorated = calls.call(interpreter, function, [value], {})
    # A decorator that is not understood (a registry, a hint to a compiler) must not hide what it decorates.
    return value if decorated is None or isinstance(decorated, (Unknown, Tensor)) else decorated


@_handles(cst.ClassDef)
def _class(interpreter: Interpreter, syntax: cst.ClassDef, scope: Scope) -> Any:
    value: Value = classes.define(interpreter, syntax, scope)
    for decorator in reversed(syntax.decorators):
        value = _decorate(interpreter, decorator, value, scope)
    scope.assign(syntax.name.value, value)


@_handles(cst.With)
def _with(interpreter: Interpreter, syntax: cst.With, scope: Scope) -> Any:
    managers = []
    for item in syntax.items:
        manager = interpreter.evaluate(item.item, scope)
        entered = manager
        if isinstance(manager, Instance) and (enter := manager.cls.find("__enter__")) is not MISSING:
            entered = interpreter.call(enter, manager)
        elif not isinstance(manager, (Instance, Unknown, Tensor)) and hasattr(manager, "__next__"):
            entered = next(manager, None)
        managers.append(manager)
        if item.asname is not None:
            bind(interpreter, item.asname.name, entered, scope)
    try:
        return block(interpreter, syntax.body, scope)
    finally:
        for manager in reversed(managers):
            if isinstance(manager, Instance) and (leave := manager.cls.find("__exit__")) is not MISSING:
                interpreter.call(leave, manager, None, None, None)


@_handles(cst.Try, cst.TryStar)
def _try(interpreter: Interpreter, syntax: Any, scope: Scope) -> Any:
    return exceptions.run_try(interpreter, syntax, scope)


@_handles(cst.Raise)
def _raise(interpreter: Interpreter, syntax: cst.Raise, scope: Scope) -> Any:
    value = interpreter.evaluate(syntax.exc, scope) if syntax.exc is not None else None
    raise exceptions.raised(interpreter, value)


@_handles(cst.Assert)
def _assert(interpreter: Interpreter, syntax: cst.Assert, scope: Scope) -> Any:
    if interpreter.truth(interpreter.evaluate(syntax.test, scope)) is False:
        raise Raised("AssertionError")


@_handles(cst.Del)
def _delete(interpreter: Interpreter, syntax: cst.Del, scope: Scope) -> Any:
    targets = [e.value for e in syntax.target.elements] if isinstance(syntax.target, cst.Tuple) else [syntax.target]
    for target in targets:
        if isinstance(target, cst.Name):
            scope.variables.pop(target.value, None)
        elif isinstance(target, cst.Attribute):
            attributes.delete(interpreter, interpreter.evaluate(target.value, scope), target.attr.value)
        elif isinstance(target, cst.Subscript):
            receiver = interpreter.evaluate(target.value, scope)
            subscripts.delete(interpreter, receiver, subscripts.key(interpreter, target.slice, scope))


@_handles(cst.Global)
def _global(interpreter: Interpreter, syntax: cst.Global, scope: Scope) -> Any:
    scope.outer_names = {**(scope.outer_names or {}), **{item.name.value: scope.module for item in syntax.names}}


@_handles(cst.Nonlocal)
def _nonlocal(interpreter: Interpreter, syntax: cst.Nonlocal, scope: Scope) -> Any:
    names = {}
    for item in syntax.names:
        owner = scope.parent.owner_of(item.name.value) if scope.parent is not None else None
        if owner is not None:
            names[item.name.value] = owner
    scope.outer_names = {**(scope.outer_names or {}), **names}


@_handles(cst.Import)
def _import(interpreter: Interpreter, syntax: cst.Import, scope: Scope) -> Any:
    interpreter.modules.run_import(interpreter, syntax, scope)


@_handles(cst.ImportFrom)
def _import_from(interpreter: Interpreter, syntax: cst.ImportFrom, scope: Scope) -> Any:
    interpreter.modules.run_import_from(interpreter, syntax, scope)


@_handles(cst.Match)
def _match(interpreter: Interpreter, syntax: cst.Match, scope: Scope) -> Any:
    from gradlint.evaluation.matching import run_match

    return run_match(interpreter, syntax, scope)
