"""Expressions: one compiler for each kind of syntax node. Calls and comprehensions have modules of their own."""

from __future__ import annotations

import ast
import functools
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation import attributes, calls, operators, subscripts
from gradlint.evaluation.branches import Return, fork
from gradlint.evaluation.compiling import EXPRESSIONS, Run, expression, late
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.iteration import is_uncertain
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.targets import target
from gradlint.evaluation.values import MISSING, Deferred, Function, Instance, Tensor, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_handles = EXPRESSIONS.handles


@functools.lru_cache(maxsize=8192)
def _literal(text: str) -> Any:
    """The value of a literal; the most common ones do without Python's compiler."""
    if text.isdecimal() and (text[0] != "0" or text == "0"):
        return int(text)
    if text[0] in "'\"" and "\\" not in text and "\r" not in text:
        return text[3:-3] if text[:3] in _TRIPLE else text[1:-1]
    return ast.literal_eval(text)


_TRIPLE = ('"""', "'''")


@_handles(cst.Name)
def _name(syntax: cst.Name) -> Run:
    name = syntax.value

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        value = scope.variables.get(name, MISSING)
        if value is MISSING:
            value = scope.find_around(name)
            if value is MISSING:
                return interpreter.modules.builtin(interpreter, name, scope)
        if type(value) is Deferred:
            value = interpreter.modules.force(interpreter, value)
            owner = scope.owner_of(name)
            if owner is not None:
                owner.variables[name] = value
        return value

    return run


@_handles(cst.Integer, cst.Float, cst.Imaginary, cst.SimpleString)
def _constant(syntax: Any) -> Run:
    text = syntax.value
    if len(text) < _SHORT:
        return _parsed(text)

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        if len(text) > interpreter.budget.limits.characters:
            return interpreter.unknown("a literal that is too large")
        return _parsed(text)(interpreter, scope)

    return run


_SHORT = 1000
"""Literals of fewer characters are within the limits, whatever these are."""


def _parsed(text: str) -> Run:
    try:
        value = _literal(text)
    except (ValueError, SyntaxError, MemoryError):
        return lambda interpreter, scope: interpreter.unknown("a literal that Python does not accept")
    return lambda interpreter, scope: value


@_handles(cst.ConcatenatedString)
def _concatenated(syntax: cst.ConcatenatedString) -> Run:
    left, right = expression(syntax.left), expression(syntax.right)
    return lambda interpreter, scope: operators.binary(
        interpreter, "+", left(interpreter, scope), right(interpreter, scope)
    )


@_handles(cst.FormattedString)
def _formatted(syntax: cst.FormattedString) -> Run:
    raw = "r" in syntax.start.lower()

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        parts: list[str] = []
        part: Any
        for part in syntax.parts:
            if isinstance(part, cst.FormattedStringText):
                parts.append(part.value.replace("{{", "{").replace("}}", "}"))
                continue
            value = expression(part.expression)(interpreter, scope)
            text = calls.text_of(interpreter, value, _format_spec(interpreter, part, scope))
            if isinstance(text, Unknown):
                return text
            parts.append(text)
        joined = "".join(parts)
        if "\\" in joined and not raw:
            joined = joined.replace("\\n", "\n").replace("\\t", "\t")
        if len(joined) > interpreter.budget.limits.characters:
            return interpreter.unknown("a string that is too long")
        return joined

    return run


def _format_spec(interpreter: Interpreter, part: Any, scope: Scope) -> str | None:
    if part.format_spec is None:
        return ""
    spec = []
    for piece in part.format_spec:
        if isinstance(piece, cst.FormattedStringText):
            spec.append(piece.value)
        else:
            spec.append(str(interpreter.evaluate(piece.expression, scope)))
    return "".join(spec)


def _elements(syntax: Any) -> Any:
    """A closure that makes the list of some elements."""
    elements = tuple((expression(e.value), isinstance(e, cst.StarredElement)) for e in syntax.elements)
    if not any(starred for _, starred in elements):
        items = tuple(item for item, _ in elements)
        return lambda interpreter, scope: [item(interpreter, scope) for item in items]

    def run(interpreter: Interpreter, scope: Scope) -> list[Value]:
        values: list[Value] = []
        for item, starred in elements:
            value = item(interpreter, scope)
            if starred:
                if is_uncertain(value):
                    interpreter.uncertain_length()
                values.extend(interpreter.iterate(value))
            else:
                values.append(value)
        return values

    return run


EXPRESSIONS[cst.List] = _elements


@_handles(cst.Tuple)
def _tuple(syntax: cst.Tuple) -> Run:
    elements = _elements(syntax)
    return lambda interpreter, scope: tuple(elements(interpreter, scope))


@_handles(cst.Set)
def _set(syntax: cst.Set) -> Run:
    elements = _elements(syntax)

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        try:
            return set(elements(interpreter, scope))
        except TypeError as error:
            raise Raised("TypeError", str(error)) from None

    return run


@_handles(cst.Dict)
def _dict(syntax: cst.Dict) -> Run:
    elements = tuple(
        (expression(e.key) if isinstance(e, cst.DictElement) else None, expression(e.value)) for e in syntax.elements
    )

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        result: dict[Value, Value] = {}
        for key_of, item in elements:
            if key_of is None:
                value = operators.plain(item(interpreter, scope))
                if isinstance(value, dict):
                    result.update(value)
                continue
            key = key_of(interpreter, scope)
            value = item(interpreter, scope)
            try:
                result[key] = value
            except TypeError as error:
                raise Raised("TypeError", str(error)) from None
        return result

    return run


@_handles(cst.Attribute)
def _attribute(syntax: cst.Attribute) -> Run:
    receiver, name = expression(syntax.value), syntax.attr.value
    find, absent = attributes.find, attributes.absent

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        return of(interpreter, receiver(interpreter, scope))

    def of(interpreter: Interpreter, value: Value) -> Value:
        if type(value) is Tensor:
            interpreter.frames[-1].syntax = syntax
        found = find(interpreter, value, name)
        return absent(interpreter, value, name) if found is MISSING else found

    if type(syntax.value) is not cst.Name:
        return run
    variable = syntax.value.value

    def of_variable(interpreter: Interpreter, scope: Scope) -> Value:
        value = scope.variables.get(variable)
        if type(value) is not Instance:
            return of(interpreter, receiver(interpreter, scope))
        found = value.attrs.get(name, MISSING)
        if found is MISSING or name in value.cls.namespace:
            return of(interpreter, value)
        return found

    return of_variable


@_handles(cst.Subscript)
def _subscript(syntax: cst.Subscript) -> Run:
    receiver, index = expression(syntax.value), subscripts.index(syntax.slice)

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        value = receiver(interpreter, scope)
        key = index(interpreter, scope)
        if type(value) is Tensor:
            interpreter.frames[-1].syntax = syntax
        return subscripts.get(interpreter, value, key)

    return run


@_handles(cst.BinaryOperation)
def _binary(syntax: cst.BinaryOperation) -> Run:
    # A long chain `a + b + c + ...` nests to the left; it is walked without recursion.
    chain: list[tuple[cst.BinaryOperation, str, Run]] = []
    node: Any = syntax
    while isinstance(node, cst.BinaryOperation):
        chain.append((node, BINARY_SYMBOLS[type(node.operator)], expression(node.right)))
        node = node.left
    first = expression(node)
    chain.reverse()
    binary = operators.binary

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        value = first(interpreter, scope)
        for operation, symbol, operand in chain:
            right = operand(interpreter, scope)
            interpreter.frames[-1].syntax = operation
            value = binary(interpreter, symbol, value, right)
        return value

    return run


BINARY_SYMBOLS: dict[type[cst.CSTNode], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.MatrixMultiply: "@",
    cst.BitAnd: "&",
    cst.BitOr: "|",
    cst.BitXor: "^",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
}

_UNARY_SYMBOLS: dict[type[cst.CSTNode], str] = {cst.Minus: "-", cst.Plus: "+", cst.BitInvert: "~", cst.Not: "not"}

_COMPARISON_SYMBOLS: dict[type[cst.CSTNode], str] = {
    cst.Equal: "==",
    cst.NotEqual: "!=",
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.Is: "is",
    cst.IsNot: "is not",
}


@_handles(cst.UnaryOperation)
def _unary(syntax: cst.UnaryOperation) -> Run:
    operand, symbol = expression(syntax.expression), _UNARY_SYMBOLS[type(syntax.operator)]

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        value = operand(interpreter, scope)
        interpreter.frames[-1].syntax = syntax
        return operators.unary(interpreter, symbol, value)

    return run


@_handles(cst.BooleanOperation)
def _boolean(syntax: cst.BooleanOperation) -> Run:
    first, second = expression(syntax.left), expression(syntax.right)
    decisive = isinstance(syntax.operator, cst.Or)

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        left = first(interpreter, scope)
        truth = interpreter.truth(left)
        if truth is decisive:
            return left
        if truth is not None:
            return second(interpreter, scope)
        try:
            right = second(interpreter, scope)
        except Raised:
            return decisive  # where the program goes on, the left side has decided
        return right if interpreter.truth(right) is decisive and isinstance(right, bool) else left

    return run


@_handles(cst.Comparison)
def _comparison(syntax: cst.Comparison) -> Run:
    first = expression(syntax.left)
    targets = tuple((_COMPARISON_SYMBOLS[type(t.operator)], expression(t.comparator)) for t in syntax.comparisons)
    chained = len(targets) > 1
    compare = operators.compare

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        left = first(interpreter, scope)
        result: Value = True
        for symbol, comparator in targets:
            right = comparator(interpreter, scope)
            interpreter.frames[-1].syntax = syntax
            result = compare(interpreter, symbol, left, right)
            if chained and interpreter.truth(result) is not True:
                return result
            left = right
        return result

    return run


@_handles(cst.IfExp)
def _conditional(syntax: cst.IfExp) -> Run:
    test, body, orelse = expression(syntax.test), late(syntax.body), late(syntax.orelse)

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        tested = test(interpreter, scope)
        truth = interpreter.truth(tested)
        if truth is not None:
            return body(interpreter, scope) if truth else orelse(interpreter, scope)
        signal = fork(
            interpreter,
            [lambda: Return(body(interpreter, scope)), lambda: Return(orelse(interpreter, scope))],
            scope,
            tested,
        )
        return signal.value

    return run


@_handles(cst.Lambda)
def _lambda(syntax: cst.Lambda) -> Run:
    return lambda interpreter, scope: Function(
        "<lambda>", syntax, scope, calls.defaults(interpreter, syntax.params, scope)
    )


@_handles(cst.NamedExpr)
def _walrus(syntax: cst.NamedExpr) -> Run:
    item, bind = expression(syntax.value), target(syntax.target)

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        value = item(interpreter, scope)
        bind(interpreter, value, scope)
        return value

    return run


@_handles(cst.Await)
def _await(syntax: cst.Await) -> Run:
    return expression(syntax.expression)


@_handles(cst.Ellipsis)
def _ellipsis(syntax: cst.Ellipsis) -> Run:
    return lambda interpreter, scope: Ellipsis


@_handles(cst.Arg)
def _argument(syntax: cst.Arg) -> Run:
    return expression(syntax.value)
