"""Tables of numbers that the source computes entry by entry, as for the encoding of positions.

Nothing asks for the entries of a large one, and to compute them would cost more than all the rest of a network. So
its shape is found out, and it stands for a constant of unit scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.compiling import Bind, Run, expression
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.syntax import descendants, dotted_name
from gradlint.evaluation.values import MISSING, Array, Function, Native, Symbol, Tensor, Value
from gradlint.network import Kind, Shape, topological

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

LARGE = 4_096
"""Entries of a table that is large; and steps after which a loop that fills one is taken to go on like that."""

MANY = 64
"""A comprehension of fewer rows makes no large table."""

_DEPTH = 3
"""How many functions that only compute numbers may call each other."""

_EFFECTS = (cst.Await, cst.NamedExpr, cst.Yield, cst.Lambda)
_LIBRARIES = frozenset({"math", "numpy", "torch"})
_BUILTINS = frozenset(
    {"abs", "bool", "divmod", "enumerate", "float", "int", "len", "max", "min", "pow", "range", "round"}
)
_GIVEN = frozenset({Kind.INPUT, Kind.PARAMETER, Kind.OPAQUE})
"""What does not come of constants."""


def comprehended(
    interpreter: Interpreter, scope: Scope, items: range, syntax: cst.BaseExpression, bind: Bind, element: Run
) -> Tensor | None:
    """The large table that a comprehension of `syntax` over many `items` makes, if it makes one with equal rows."""
    if not _only_numbers(syntax, scope):
        return None
    rows = []
    for item in (items[0], items[-1]):
        inner = Scope(scope.source, scope)
        bind(interpreter, item, inner)
        rows.append(element(interpreter, inner))
    shape, other = map(_shape, rows)
    if shape is None or shape != other or len(items) * math.prod(shape) <= LARGE:
        return None
    return _table(interpreter, (len(items), *shape), "int64" if all(map(_is_whole, rows)) else "float32")


def _shape(row: Value) -> Shape | None:
    """The shape of a number or of a list of numbers, None for anything else."""
    if isinstance(row, (int, float)):
        return ()
    if type(row) is Tensor:
        return row.shape if row.node.kind is Kind.CONSTANT else None
    if type(row) in (list, tuple, Array) and all(isinstance(entry, (int, float)) for entry in row):
        return (len(row),)
    return None


def _is_whole(row: Value) -> bool:
    """Whether a row, of which one entry says it for all, is of integers."""
    entry = row[0] if isinstance(row, (list, tuple)) and row else row
    return entry.dtype == "int64" if type(entry) is Tensor else isinstance(entry, int)


def _table(interpreter: Interpreter, shape: Shape | None, dtype: str) -> Tensor:
    return interpreter.emit(Kind.CONSTANT, (), shape, dtype=dtype)


def fill(interpreter: Interpreter, syntax: cst.For, scope: Scope) -> bool:
    """Take the tensors that a loop writes numbers into for filled; false if it does anything besides.

    To be called between two iterations.
    """
    targets = list(_targets(syntax.body.body))
    if not targets or None in targets or not _only_numbers(syntax, scope):
        return False
    tensors = [expression(target)(interpreter, scope) for target in targets]
    if not all(type(tensor) is Tensor and _is_constant(tensor) for tensor in tensors):
        return False
    from gradlint.frameworks.nodes import adopt

    for tensor in {id(tensor): tensor for tensor in tensors}.values():
        adopt(interpreter, tensor, _table(interpreter, tensor.shape, tensor.dtype))
    return True


def _targets(statements: Iterable[Any]) -> Iterator[cst.BaseExpression | None]:
    """What some statements write entries of; None for a statement that does something else."""
    for statement in statements:
        if isinstance(statement, cst.SimpleStatementLine):
            yield from _targets(statement.body)
        elif isinstance(statement, (cst.For, cst.If)):
            yield from _targets(statement.body.body)
            if isinstance(statement.orelse, cst.If):
                yield from _targets([statement.orelse])
            elif statement.orelse is not None:
                yield from _targets(statement.orelse.body.body)
        elif isinstance(statement, (cst.Assign, cst.AugAssign)):
            targets = statement.targets if isinstance(statement, cst.Assign) else [statement]
            yield from (_base(item.target) for item in targets if not isinstance(item.target, cst.Name))
        elif not isinstance(statement, (cst.Pass, cst.Continue)):
            yield None


def _base(target: cst.CSTNode) -> cst.BaseExpression | None:
    """The variable or attribute whose entries are written: `table` in `table[i][j]`."""
    base: Any = target
    while isinstance(base, cst.Subscript):
        base = base.value
    return base if base is not target and dotted_name(base) else None


def _is_constant(tensor: Tensor) -> bool:
    nodes = topological((tensor.node,))
    return tensor.parameter is None and all(node.kind not in _GIVEN and not node.parameters for node in nodes)


def _only_numbers(syntax: cst.CSTNode, scope: Scope, depth: int = _DEPTH) -> bool:
    """Whether a piece of source does nothing but compute: it calls only functions of numbers."""
    return all(
        _is_function_of_numbers(node.func, scope, depth)
        if isinstance(node, cst.Call)
        else not isinstance(node, _EFFECTS)
        for node in descendants(syntax)
    )


def _is_function_of_numbers(function: cst.BaseExpression, scope: Scope, depth: int) -> bool:
    name = dotted_name(function)
    head, _, rest = name.partition(".")
    value = scope.find(head) if name else MISSING
    if value is MISSING:
        return not rest and head in _BUILTINS
    if isinstance(value, (Symbol, Native)):
        library, _, inner = f"{value.name}.{rest}".rstrip(".").partition(".")
        return library in _LIBRARIES and "." not in inner and not inner.endswith("_")
    return not rest and isinstance(value, Function) and depth > 0 and _returns_numbers(value, depth - 1)


def _returns_numbers(function: Function, depth: int) -> bool:
    """Whether a function of the source only computes something and returns it."""
    syntax = function.syntax
    if isinstance(syntax, cst.Lambda):
        return _only_numbers(syntax.body, function.scope, depth)
    body = syntax.body.body
    plain = not syntax.decorators and all(isinstance(line, (cst.SimpleStatementLine, cst.Return)) for line in body)
    return plain and all(
        isinstance(small, (cst.Return, cst.Assign, cst.Expr))
        and all(isinstance(t.target, cst.Name) for t in getattr(small, "targets", ()))
        and _only_numbers(small, function.scope, depth)
        for line in body
        for small in getattr(line, "body", [line])
    )
