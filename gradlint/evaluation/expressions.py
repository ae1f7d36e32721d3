"""Expressions: one function per kind of syntax node, in a table."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation import attributes, calls, operators, subscripts
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.iteration import is_uncertain
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.targets import bind
from gradlint.evaluation.values import MISSING, Deferred, Function, Tensor, Unknown, Value, contains_unknown

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

Handler = Callable[["Interpreter", Any, Scope], Value]


class _Table(dict[type[cst.CSTNode], Handler]):
    """The handlers by kind of syntax; a kind without one is Unknown."""

    def __missing__(self, kind: type[cst.CSTNode]) -> Handler:
        return _not_modelled


def _not_modelled(interpreter: Interpreter, syntax: Any, scope: Scope) -> Value:
    return interpreter.unknown(f"{type(syntax).__name__} is not modelled")


EXPRESSIONS = _Table()


def _handles(*kinds: type[cst.CSTNode]) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for kind in kinds:
            EXPRESSIONS[kind] = handler
        return handler

    return register


@functools.lru_cache(maxsize=8192)
def _literal(text: str) -> Any:
    return ast.literal_eval(text)


@_handles(cst.Name)
def _name(interpreter: Interpreter, syntax: cst.Name, scope: Scope) -> Value:
    name = syntax.value
    value = scope.variables.get(name, MISSING)
    if value is MISSING:
        value = scope.find(name)
        if value is MISSING:
            return interpreter.modules.builtin(interpreter, name, scope)
    if type(value) is Deferred:
        value = interpreter.modules.force(interpreter, value)
        owner = scope.owner_of(syntax.value)
        if owner is not None:
            owner.variables[syntax.value] = value
    return value


@_handles(cst.Integer, cst.Float, cst.Imaginary, cst.SimpleString)
def _constant(interpreter: Interpreter, syntax: Any, scope: Scope) -> Value:
    text = syntax.value
    if len(text) > interpreter.budget.limits.characters:
        return interpreter.unknown("a literal that is too large")
    try:
        return _literal(text)
    except (ValueError, SyntaxError, MemoryError):
        return interpreter.unknown("a literal that Python does not accept")


@_handles(cst.ConcatenatedString)
def _concatenated(interpreter: Interpreter, syntax: cst.ConcatenatedString, scope: Scope) -> Value:
    left, right = interpreter.evaluate(syntax.left, scope), interpreter.evaluate(syntax.right, scope)
    return operators.binary(interpreter, "+", left, right)


@_handles(cst.FormattedString)
def _formatted(interpreter: Interpreter, syntax: cst.FormattedString, scope: Scope) -> Value:
    parts: list[str] = []
    part: Any
    for part in syntax.parts:
        if isinstance(part, cst.FormattedStringText):
            parts.append(part.value.replace("{{", "{").replace("}}", "}"))
            continue
        value = interpreter.evaluate(part.expression, scope)
        text = calls.text_of(interpreter, value, _format_spec(interpreter, part, scope))
        if isinstance(text, Unknown):
            return text
        parts.append(text)
    joined = "".join(parts)
    if "\\" in joined and "r" not in syntax.start.lower():
        joined = joined.replace("\\n", "\n").replace("\\t", "\t")
    if len(joined) > interpreter.budget.limits.characters:
        return interpreter.unknown("a string that is too long")
    return joined


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


@_handles(cst.Tuple)
def _tuple(interpreter: Interpreter, syntax: cst.Tuple, scope: Scope) -> Value:
    return tuple(_elements(interpreter, syntax.elements, scope))


@_handles(cst.List)
def _list(interpreter: Interpreter, syntax: cst.List, scope: Scope) -> Value:
    return _elements(interpreter, syntax.elements, scope)


@_handles(cst.Set)
def _set(interpreter: Interpreter, syntax: cst.Set, scope: Scope) -> Value:
    try:
        return set(_elements(interpreter, syntax.elements, scope))
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None


def _elements(interpreter: Interpreter, elements: Any, scope: Scope) -> list[Value]:
    values: list[Value] = []
    for element in elements:
        value = interpreter.evaluate(element.value, scope)
        if isinstance(element, cst.StarredElement):
            if is_uncertain(value):
                interpreter.uncertain_length()
            values.extend(interpreter.iterate(value))
        else:
            values.append(value)
    return values


@_handles(cst.Dict)
def _dict(interpreter: Interpreter, syntax: cst.Dict, scope: Scope) -> Value:
    result: dict[Value, Value] = {}
    element: Any
    for element in syntax.elements:
        value = interpreter.evaluate(element.value, scope)
        if isinstance(element, cst.StarredDictElement):
            value = operators.plain(value)
            if isinstance(value, dict):
                result.update(value)
            continue
        key = interpreter.evaluate(element.key, scope)
        try:
            result[key] = value
        except TypeError as error:
            raise Raised("TypeError", str(error)) from None
    return result


@_handles(cst.Attribute)
def _attribute(interpreter: Interpreter, syntax: cst.Attribute, scope: Scope) -> Value:
    value = interpreter.evaluate(syntax.value, scope)
    if type(value) is Tensor:
        interpreter.frame.syntax = syntax
    return attributes.get_or_unknown(interpreter, value, syntax.attr.value)


@_handles(cst.Subscript)
def _subscript(interpreter: Interpreter, syntax: cst.Subscript, scope: Scope) -> Value:
    value = interpreter.evaluate(syntax.value, scope)
    key = subscripts.key(interpreter, syntax.slice, scope)
    if type(value) is Tensor:
        interpreter.frame.syntax = syntax
    return subscripts.get(interpreter, value, key)


@_handles(cst.Call)
def _call(interpreter: Interpreter, syntax: cst.Call, scope: Scope) -> Value:
    return calls.evaluate_call(interpreter, syntax, scope)


@_handles(cst.BinaryOperation)
def _binary(interpreter: Interpreter, syntax: cst.BinaryOperation, scope: Scope) -> Value:
    # A long chain `a + b + c + ...` nests to the left; it is walked without recursion.
    chain: list[cst.BinaryOperation] = []
    node: Any = syntax
    while isinstance(node, cst.BinaryOperation):
        chain.append(node)
        node = node.left
    value = interpreter.evaluate(node, scope)
    for operation in reversed(chain):
        right = interpreter.evaluate(operation.right, scope)
        interpreter.frame.syntax = operation
        value = operators.binary(interpreter, BINARY_SYMBOLS[type(operation.operator)], value, right)
    return value


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
def _unary(interpreter: Interpreter, syntax: cst.UnaryOperation, scope: Scope) -> Value:
    operand = interpreter.evaluate(syntax.expression, scope)
    interpreter.frame.syntax = syntax
    return operators.unary(interpreter, _UNARY_SYMBOLS[type(syntax.operator)], operand)


@_handles(cst.BooleanOperation)
def _boolean(interpreter: Interpreter, syntax: cst.BooleanOperation, scope: Scope) -> Value:
    left = interpreter.evaluate(syntax.left, scope)
    truth = interpreter.truth(left)
    decisive = isinstance(syntax.operator, cst.Or)
    if truth is decisive:
        return left
    right = interpreter.evaluate(syntax.right, scope)
    if truth is not None:
        return right
    return right if interpreter.truth(right) is decisive and isinstance(right, bool) else left


@_handles(cst.Comparison)
def _comparison(interpreter: Interpreter, syntax: cst.Comparison, scope: Scope) -> Value:
    left = interpreter.evaluate(syntax.left, scope)
    result: Value = True
    for target in syntax.comparisons:
        right = interpreter.evaluate(target.comparator, scope)
        interpreter.frame.syntax = syntax
        result = operators.compare(interpreter, _COMPARISON_SYMBOLS[type(target.operator)], left, right)
        if len(syntax.comparisons) > 1 and interpreter.truth(result) is not True:
            return result
        left = right
    return result


@_handles(cst.IfExp)
def _conditional(interpreter: Interpreter, syntax: cst.IfExp, scope: Scope) -> Value:
    truth = interpreter.truth(interpreter.evaluate(syntax.test, scope))
    if truth is not None:
        return interpreter.evaluate(syntax.body if truth else syntax.orelse, scope)
    from gradlint.evaluation.branches import Return, fork

    signal = fork(
        interpreter,
        [
            lambda: Return(interpreter.evaluate(syntax.body, scope)),
            lambda: Return(interpreter.evaluate(syntax.orelse, scope)),
        ],
        scope,
    )
    return signal.value


@_handles(cst.Lambda)
def _lambda(interpreter: Interpreter, syntax: cst.Lambda, scope: Scope) -> Value:
    return Function("<lambda>", syntax, scope, calls.defaults(interpreter, syntax.params, scope))


@_handles(cst.NamedExpr)
def _walrus(interpreter: Interpreter, syntax: cst.NamedExpr, scope: Scope) -> Value:
    value = interpreter.evaluate(syntax.value, scope)
    bind(interpreter, syntax.target, value, scope)
    return value


@_handles(cst.Await)
def _await(interpreter: Interpreter, syntax: cst.Await, scope: Scope) -> Value:
    return interpreter.evaluate(syntax.expression, scope)


@_handles(cst.Yield)
def _yield(interpreter: Interpreter, syntax: cst.Yield, scope: Scope) -> Value:
    frame = scope.function
    if isinstance(syntax.value, cst.From):
        values = interpreter.iterate(interpreter.evaluate(syntax.value.item, scope))
    else:
        values = [interpreter.evaluate(syntax.value, scope) if syntax.value is not None else None]
    if frame is not None:
        # A function turns out to be a generator at its first `yield`; it is run to its end, not lazily.
        frame.yields = (frame.yields or []) + values
        if len(frame.yields) > interpreter.budget.limits.iterations:
            interpreter.cut_short("a generator that yields very many items")
            raise calls.GeneratorFull
    return None


@_handles(cst.ListComp)
def _list_comprehension(interpreter: Interpreter, syntax: cst.ListComp, scope: Scope) -> Value:
    return _comprehension(interpreter, syntax.for_in, scope, syntax.elt)


@_handles(cst.SetComp)
def _set_comprehension(interpreter: Interpreter, syntax: cst.SetComp, scope: Scope) -> Value:
    try:
        return set(_comprehension(interpreter, syntax.for_in, scope, syntax.elt))
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None


@_handles(cst.GeneratorExp)
def _generator(interpreter: Interpreter, syntax: cst.GeneratorExp, scope: Scope) -> Value:
    return iter(_comprehension(interpreter, syntax.for_in, scope, syntax.elt))


@_handles(cst.DictComp)
def _dict_comprehension(interpreter: Interpreter, syntax: cst.DictComp, scope: Scope) -> Value:
    pairs = _comprehension(interpreter, syntax.for_in, scope, (syntax.key, syntax.value))
    try:
        return dict(pairs)
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None


def _comprehension(interpreter: Interpreter, loop: cst.CompFor, scope: Scope, element: Any) -> list[Value]:
    inner = Scope(scope.source, scope)
    results: list[Value] = []
    _comprehension_loop(interpreter, loop, inner, element, results)
    return results


def _comprehension_loop(
    interpreter: Interpreter, loop: cst.CompFor, scope: Scope, element: Any, results: list[Value]
) -> None:
    iterable = interpreter.evaluate(loop.iter, scope)
    uncertain = is_uncertain(iterable)
    interpreter.uncertain += uncertain
    try:
        for item in interpreter.iterate(iterable):
            interpreter.budget.step()
            bind(interpreter, loop.target, item, scope)
            if any(interpreter.truth(interpreter.evaluate(test.test, scope)) is False for test in loop.ifs):
                continue
            if loop.inner_for_in is not None:
                _comprehension_loop(interpreter, loop.inner_for_in, scope, element, results)
            elif isinstance(element, tuple):
                key = interpreter.evaluate(element[0], scope)
                results.append((key, interpreter.evaluate(element[1], scope)))
            else:
                results.append(interpreter.evaluate(element, scope))
            if len(results) > interpreter.budget.limits.iterations:
                interpreter.cut_short("a comprehension over very many items")
                break
    finally:
        interpreter.uncertain -= uncertain


@_handles(cst.Ellipsis)
def _ellipsis(interpreter: Interpreter, syntax: cst.Ellipsis, scope: Scope) -> Value:
    return Ellipsis


@_handles(cst.Arg)
def _argument(interpreter: Interpreter, syntax: cst.Arg, scope: Scope) -> Value:
    return interpreter.evaluate(syntax.value, scope)


__all__ = ["BINARY_SYMBOLS", "EXPRESSIONS", "contains_unknown"]
