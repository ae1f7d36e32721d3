"""`eval` of a known string: an expression of the program like any other, which this evaluator follows."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.values import Unknown, Value
from gradlint.findings import Span
from gradlint.network import Origin
from gradlint.sources import SourceError
from gradlint.sources.nesting import check_nesting

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter

_LONGEST = 1_000
"""Characters of text that is evaluated; what is longer is data, not the name of a layer."""


class _Inside:
    """Stands for the file of an expression that is in no file: everything in it is where `eval` is called."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.name = origin.source.name

    def span(self, syntax: object) -> Span:
        return self.origin.span


def evaluated_text(context: Context, text: Value, *variables: Value) -> Value:
    """The value of the expression `text` in the variables around the call."""
    if isinstance(text, Unknown):
        return text
    scope = context.frame.scope
    if not isinstance(text, str) or len(text) > _LONGEST or variables or scope is None:
        return context.unknown("eval() depends on the world outside")
    syntax = _parsed(text)
    origin = context.origin()
    frame = Frame(_Inside(origin), context.frame.function, origin.caller)
    frame.scope, frame.arguments = scope, context.frame.arguments
    depth = len(context.frames)
    context.frames.append(frame)
    try:
        return context.evaluate(syntax, scope)
    finally:
        del context.frames[depth:]


@lru_cache(maxsize=256)
def _parsed(text: str) -> cst.BaseExpression:
    try:
        check_nesting(text)
        return cst.parse_expression(text.strip())
    except (cst.ParserSyntaxError, SourceError, ValueError, RecursionError) as error:
        raise Raised("SyntaxError", f"eval() of {text[:40]!r}: {type(error).__name__}") from None
