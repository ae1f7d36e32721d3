"""Functions and classes of imported modules, which are defined when they are first needed.

Importing one helper from a large module would otherwise evaluate the defaults and bodies of everything beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.errors import OWN_ERRORS, Raised
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.records import Record
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import MISSING, Deferred, Value

if TYPE_CHECKING:
    from pathlib import Path

    from gradlint.evaluation.interpreter import Interpreter
    from gradlint.sources import SourceFile


def may_wait(statement: Any, scope: Scope) -> bool:
    """Whether a statement only defines a name, so that nobody can tell when that happens.

    Decorators may register what they decorate, as may metaclasses and other keywords of a class.
    """
    if type(statement) is cst.FunctionDef:
        return not statement.decorators and statement.name.value not in scope.variables
    if type(statement) is cst.ClassDef:
        plain = not statement.decorators and not statement.keywords
        return plain and statement.name.value not in scope.variables
    return False


def wait(statement: Any, scope: Scope, path: Path | None, dotted: str) -> None:
    """Let a statement of the module `dotted` wait until the name that it defines is needed."""
    name = statement.name.value
    scope.variables[name] = Deferred(path, dotted, name, (statement, scope))


def define(interpreter: Interpreter, value: Deferred, record: Record) -> Value:
    """The function or class that a deferred definition defines; `record` is that of its module."""
    if value.result is not MISSING:
        return value.result
    assert value.definition is not None
    statement, scope = value.definition
    name = statement.name.value
    outer, interpreter.record = interpreter.record, record
    trails, interpreter.trails = interpreter.trails, []
    frame = Frame(scope.source, None, None)
    frame.syntax = statement
    interpreter.frames.append(frame)
    depth = len(interpreter.frames)
    scope.variables.pop(name, None)
    try:
        from gradlint.evaluation.statements import statement as run_statement

        run_statement(interpreter, statement, scope)
    except OWN_ERRORS as error:
        interpreter.failed(error)
    except Raised as error:
        interpreter.unknown(f"the program would stop here: {error}")
    finally:
        del interpreter.frames[depth - 1 :]
        interpreter.record = outer
        interpreter.trails = trails
    found = scope.variables.get(name, MISSING)
    value.result = interpreter.unknown(f"{name} could not be defined") if found is MISSING else found
    return value.result


def in_order(record: Record, source: SourceFile) -> None:
    """Sort what a module defines as its source has it, in whatever order it was needed."""
    places = {id(statement): place for place, statement in enumerate(source.module.body)}
    for defined in (record.classes, record.functions):
        defined.sort(key=lambda thing: places.get(id(thing.syntax), len(places)))
