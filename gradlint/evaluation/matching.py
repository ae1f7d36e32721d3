"""`match` statements."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation import operators
from gradlint.evaluation.branches import fork
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import MISSING, Class, Instance, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def run_match(interpreter: Interpreter, syntax: cst.Match, scope: Scope) -> Any:
    """Run the first case that matches; from the first one of which that is not known, all that may."""
    subject = interpreter.evaluate(syntax.subject, scope)
    possible: list[cst.MatchCase] = []
    for case in syntax.cases:
        matched = _matches(interpreter, case.pattern, subject, scope)
        if matched is True and case.guard is not None:
            matched = interpreter.truth(interpreter.evaluate(case.guard, scope))
        if matched is True and not possible:
            return interpreter.block(case.body, scope)
        if matched is not False:
            possible.append(case)
        if matched is True:
            break
    if not possible:
        return None
    return fork(interpreter, [partial(interpreter.block, case.body, scope) for case in possible], scope, subject)


def _matches(interpreter: Interpreter, pattern: Any, subject: Value, scope: Scope) -> bool | None:
    if isinstance(pattern, cst.MatchAs):
        matched = True if pattern.pattern is None else _matches(interpreter, pattern.pattern, subject, scope)
        if matched is not False and pattern.name is not None:
            scope.assign(pattern.name.value, subject)
        return matched
    if isinstance(pattern, cst.MatchOr):
        results = [_matches(interpreter, element.pattern, subject, scope) for element in pattern.patterns]
        return True if True in results else None if None in results else False
    if isinstance(pattern, (cst.MatchValue, cst.MatchSingleton)):
        expected = interpreter.evaluate(pattern.value, scope)
        return interpreter.truth(operators.compare(interpreter, "==", subject, expected))
    if isinstance(subject, Unknown):
        return None
    if isinstance(pattern, cst.MatchClass):
        return _matches_class(interpreter, pattern, subject, scope)
    if isinstance(pattern, (cst.MatchList, cst.MatchTuple)):
        return _matches_sequence(interpreter, pattern, subject, scope)
    return None


def _matches_class(interpreter: Interpreter, pattern: cst.MatchClass, subject: Value, scope: Scope) -> bool | None:
    from gradlint.evaluation.kinds import is_instance

    matched = is_instance(interpreter, subject, interpreter.evaluate(pattern.cls, scope))
    if matched is not True:
        return matched
    checks: list[tuple[str, Any]] = [(element.key.value, element.pattern) for element in pattern.kwds]
    names = subject.cls.find("__match_args__") if isinstance(subject, Instance) else MISSING
    if isinstance(names, tuple):
        checks += [(name, element.value) for name, element in zip(names, pattern.patterns, strict=False)]
    for name, inner in checks:
        result = _matches(interpreter, inner, interpreter.getattr(subject, name), scope)
        if result is not True:
            return result
    return True


def _matches_sequence(interpreter: Interpreter, pattern: Any, subject: Value, scope: Scope) -> bool | None:
    subject = operators.plain(subject)
    if not isinstance(subject, (list, tuple)):
        return None if not isinstance(subject, (str, int, float, dict, Class)) else False
    if any(isinstance(element, cst.MatchStar) for element in pattern.patterns):
        return None
    if len(subject) != len(pattern.patterns):
        return False
    results = [
        _matches(interpreter, element.value, item, scope)
        for element, item in zip(pattern.patterns, subject, strict=True)
    ]
    return False if False in results else None if None in results else True
