"""Evaluating text: the variables of a module, its networks and its loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.sources import SourceFile, SourceLoader


@pytest.fixture
def variables() -> Callable[[str], dict[str, Any]]:
    """Evaluates the text of a module and gives its variables."""

    def run(text: str) -> dict[str, Any]:
        modules = ModuleCache(SourceLoader())
        interpreter = Interpreter(modules)
        module = modules.run(interpreter, SourceFile.from_text(text, "module.py"), "module", None)
        return module.scope.variables

    return run


@pytest.fixture
def evaluate_text() -> Callable[..., Evaluation]:
    """Evaluates the text of a file as `gradlint` does."""

    def run(text: str, call: str | None = None) -> Evaluation:
        return Evaluator(SourceLoader()).evaluate(SourceFile.from_text(text, "module.py"), call)

    return run
