"""Statements: one compiler for each kind of syntax node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation import attributes, calls, classes, exceptions, loops, operators, subscripts
from gradlint.evaluation.branches import BREAK, CONTINUE, Return, fork
from gradlint.evaluation.compiling import Run, Table, expression, kept
from gradlint.evaluation.decorators import decorated
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.expressions import BINARY_SYMBOLS
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.syntax import dotted_name
from gradlint.evaluation.targets import target
from gradlint.evaluation.values import MISSING, Function, Instance, Tensor, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def _without_effect(syntax: Any) -> Run:
    return lambda interpreter, scope: None


STATEMENTS = Table(_without_effect)
_handles = STATEMENTS.handles


def block(interpreter: Interpreter, body: Any, scope: Scope) -> Any:
    """Run the statements of a body until one of them ends it; the result is the signal that did, or None."""
    entry = scope.closures.get(id(body))
    statements = entry[1] if entry is not None and entry[0] is body else kept(scope, body, _statements)
    budget = interpreter.budget
    for run in statements:
        budget.steps += 1
        if budget.steps > budget.pause:
            budget.look()
        signal = run(interpreter, scope)
        if signal is not None:
            return signal
    return None


def _statements(body: Any) -> list[Run]:
    return [STATEMENTS.compiled(statement) for statement in body.body]


def statement(interpreter: Interpreter, syntax: Any, scope: Scope) -> Any:
    """Run one statement."""
    interpreter.budget.step()
    return kept(scope, syntax, STATEMENTS.compiled)(interpreter, scope)


@_handles(cst.SimpleStatementLine, cst.SimpleStatementSuite)
def _line(syntax: Any) -> Run:
    statements = [STATEMENTS.compiled(small) for small in syntax.body]
    if len(statements) == 1:
        return statements[0]

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        for small in statements:
            signal = small(interpreter, scope)
            if signal is not None:
                return signal
        return None

    return run


@_handles(cst.Expr)
def _expression(syntax: cst.Expr) -> Run:
    if type(syntax.value) is cst.SimpleString:
        return _without_effect(syntax)
    value = expression(syntax.value)

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        value(interpreter, scope)

    return run


@_handles(cst.Assign)
def _assign(syntax: cst.Assign) -> Run:
    value = expression(syntax.value)
    targets = tuple(target(item.target) for item in syntax.targets)
    only = targets[0]

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        only(interpreter, value(interpreter, scope), scope)

    def several(interpreter: Interpreter, scope: Scope) -> Any:
        result = value(interpreter, scope)
        for assign in targets:
            assign(interpreter, result, scope)

    return run if len(targets) == 1 else several


@_handles(cst.AnnAssign)
def _annotated(syntax: cst.AnnAssign) -> Run:
    value = None if syntax.value is None else expression(syntax.value)
    assign = target(syntax.target)

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        if scope.is_class and isinstance(syntax.target, cst.Name):
            annotations = scope.variables.setdefault("__annotations__", {})
            annotations[syntax.target.value] = _annotation(interpreter, syntax.annotation.annotation, scope)
        if value is not None:
            assign(interpreter, value(interpreter, scope), scope)

    return run


def _annotation(interpreter: Interpreter, syntax: cst.BaseExpression, scope: Scope) -> Value:
    """What an annotation says; those that need more of `typing` than is modelled do no harm."""
    try:
        return interpreter.evaluate(syntax, scope)
    except Raised as error:
        return interpreter.unknown(f"an annotation ({error})")


@_handles(cst.AugAssign)
def _augmented(syntax: cst.AugAssign) -> Run:
    symbol = BINARY_SYMBOLS[_PLAIN_OPERATOR[type(syntax.operator)]]
    current, operand, assign = expression(syntax.target), expression(syntax.value), target(syntax.target)

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        left = current(interpreter, scope)
        right = operand(interpreter, scope)
        interpreter.frames[-1].syntax = syntax
        assign(interpreter, _in_place(interpreter, symbol, left, right), scope)

    return run


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
def _return(syntax: cst.Return) -> Run:
    if syntax.value is None:
        return lambda interpreter, scope: Return(None)
    value = expression(syntax.value)
    return lambda interpreter, scope: Return(value(interpreter, scope))


@_handles(cst.Break)
def _break(syntax: cst.Break) -> Run:
    return lambda interpreter, scope: BREAK


@_handles(cst.Continue)
def _continue(syntax: cst.Continue) -> Run:
    return lambda interpreter, scope: CONTINUE


@_handles(cst.If)
def _if(syntax: cst.If) -> Run:
    test = expression(syntax.test)
    body = syntax.body
    otherwise = _otherwise(syntax.orelse)

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        tested = test(interpreter, scope)
        truth = interpreter.truth(tested)
        if truth is True:
            return block(interpreter, body, scope)
        if truth is False:
            return otherwise(interpreter, scope)
        return fork(
            interpreter,
            [lambda: block(interpreter, body, scope), lambda: otherwise(interpreter, scope)],
            scope,
            tested,
        )

    return run


def _otherwise(orelse: cst.If | cst.Else | None) -> Run:
    if orelse is None:
        return _without_effect(orelse)
    if isinstance(orelse, cst.If):
        # A long chain of `elif` is compiled link by link, as far as it is followed.
        return lambda interpreter, scope: kept(scope, orelse, STATEMENTS.compiled)(interpreter, scope)
    body = orelse.body
    return lambda interpreter, scope: block(interpreter, body, scope)


@_handles(cst.For)
def _for(syntax: cst.For) -> Run:
    return loops.for_loop(syntax)


@_handles(cst.While)
def _while(syntax: cst.While) -> Run:
    return lambda interpreter, scope: loops.run_while(interpreter, syntax, scope)


@_handles(cst.FunctionDef)
def _function(syntax: cst.FunctionDef) -> Run:
    name, params, decorators = syntax.name.value, syntax.params, syntax.decorators
    plain = all(param.default is None for param in (*params.posonly_params, *params.params, *params.kwonly_params))

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        interpreter.frames[-1].syntax = syntax
        is_class = scope.is_class
        owner = scope.variables.get("__class_under_construction__") if is_class else None
        function = Function(name, syntax, scope, {} if plain else calls.defaults(interpreter, params, scope), owner)
        if not is_class and scope.function is None:
            interpreter.record.functions.append(function)
        scope.assign(name, decorated(interpreter, decorators, function, scope) if decorators else function)

    return run


@_handles(cst.ClassDef)
def _class(syntax: cst.ClassDef) -> Run:
    def run(interpreter: Interpreter, scope: Scope) -> Any:
        value = classes.define(interpreter, syntax, scope)
        scope.assign(syntax.name.value, decorated(interpreter, syntax.decorators, value, scope))

    return run


@_handles(cst.With)
def _with(syntax: cst.With) -> Run:
    items = [
        (expression(item.item), None if item.asname is None else target(item.asname.name)) for item in syntax.items
    ]
    body = syntax.body

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        managers = []
        for item, bind in items:
            manager = item(interpreter, scope)
            managers.append(manager)
            entered = _entered(interpreter, manager)
            if bind is not None:
                bind(interpreter, entered, scope)
        try:
            return block(interpreter, body, scope)
        finally:
            for manager in reversed(managers):
                if isinstance(manager, Instance) and (leave := manager.cls.find("__exit__")) is not MISSING:
                    interpreter.call(leave, manager, None, None, None)

    return run


def _entered(interpreter: Interpreter, manager: Value) -> Value:
    if isinstance(manager, Instance) and (enter := manager.cls.find("__enter__")) is not MISSING:
        return interpreter.call(enter, manager)
    if not isinstance(manager, (Instance, Unknown, Tensor)) and hasattr(manager, "__next__"):
        return next(manager, None)
    return manager


@_handles(cst.Try, cst.TryStar)
def _try(syntax: Any) -> Run:
    return lambda interpreter, scope: exceptions.run_try(interpreter, syntax, scope)


@_handles(cst.Raise)
def _raise(syntax: cst.Raise) -> Run:
    def run(interpreter: Interpreter, scope: Scope) -> Any:
        value = interpreter.evaluate(syntax.exc, scope) if syntax.exc is not None else None
        raise exceptions.raised(interpreter, value)

    return run


@_handles(cst.Assert)
def _assert(syntax: cst.Assert) -> Run:
    test = expression(syntax.test)

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        if interpreter.truth(test(interpreter, scope)) is False:
            raise Raised("AssertionError")

    return run


@_handles(cst.Del)
def _delete(syntax: cst.Del) -> Run:
    return lambda interpreter, scope: _run_delete(interpreter, syntax, scope)


def _run_delete(interpreter: Interpreter, syntax: cst.Del, scope: Scope) -> Any:
    items = [e.value for e in syntax.target.elements] if isinstance(syntax.target, cst.Tuple) else [syntax.target]
    for item in items:
        if isinstance(item, cst.Name):
            scope.variables.pop(item.value, None)
        elif isinstance(item, cst.Attribute):
            attributes.delete(interpreter, interpreter.evaluate(item.value, scope), item.attr.value)
        elif isinstance(item, cst.Subscript):
            receiver = interpreter.evaluate(item.value, scope)
            subscripts.delete(interpreter, receiver, subscripts.index(item.slice)(interpreter, scope))


@_handles(cst.Global)
def _global(syntax: cst.Global) -> Run:
    names = tuple(item.name.value for item in syntax.names)

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        scope.outer_names = {**(scope.outer_names or {}), **dict.fromkeys(names, scope.module)}

    return run


@_handles(cst.Nonlocal)
def _nonlocal(syntax: cst.Nonlocal) -> Run:
    def run(interpreter: Interpreter, scope: Scope) -> Any:
        names = {}
        for item in syntax.names:
            owner = scope.parent.owner_of(item.name.value) if scope.parent is not None else None
            if owner is not None:
                names[item.name.value] = owner
        scope.outer_names = {**(scope.outer_names or {}), **names}

    return run


@_handles(cst.Import)
def _import(syntax: cst.Import) -> Run:
    names = [_bound(alias) for alias in syntax.names]
    return lambda interpreter, scope: interpreter.modules.import_modules(names, scope)


@_handles(cst.ImportFrom)
def _import_from(syntax: cst.ImportFrom) -> Run:
    origin = "" if syntax.module is None else dotted_name(syntax.module), len(syntax.relative)
    names = None
    if not isinstance(syntax.names, cst.ImportStar):
        names = [(name, target or name) for name, target in map(_bound, syntax.names)]
    return lambda interpreter, scope: interpreter.modules.import_names(interpreter, origin, names, scope)


def _bound(alias: cst.ImportAlias) -> tuple[str, str]:
    """What an alias of an import statement names, and what it is bound to with `as`, else an empty name."""
    return dotted_name(alias.name), "" if alias.asname is None else dotted_name(alias.asname.name)


@_handles(cst.Match)
def _match(syntax: cst.Match) -> Run:
    from gradlint.evaluation.matching import run_match

    return lambda interpreter, scope: run_match(interpreter, syntax, scope)
