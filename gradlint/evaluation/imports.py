"""Imports: framework names from the tables, project modules by evaluating their source, the rest as symbols.

A module of the project is evaluated when a name of it is first used, so that importing one helper from a large
library does not evaluate the library.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation import definitions
from gradlint.evaluation.builtins import BUILTINS
from gradlint.evaluation.errors import OWN_ERRORS, Raised
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.records import Record
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import MISSING, Deferred, ModuleValue, Symbol, Value
from gradlint.sources import SourceError, SourceFile, SourceLoader

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


class ModuleCache:
    """The modules of the project that were evaluated so far, by path."""

    def __init__(self, loader: SourceLoader) -> None:
        self.loader = loader
        self.records: dict[Path, Record] = {}
        self.followed: frozenset[Path] = frozenset()
        self._values: dict[Path, ModuleValue] = {}
        self._stars: dict[int, list[str]] = {}

    # Names.

    def symbol(self, name: str) -> Value:
        """The value of a dotted name outside the project."""
        return _library_value(name)

    def builtin(self, interpreter: Interpreter, name: str, scope: Scope) -> Value:
        """What a name means that no scope binds: a builtin, a name from `import *`, or unknown."""
        value = BUILTINS.get(name, MISSING)
        if value is MISSING:
            value = self.star_symbol(scope.module, name)
        return interpreter.unknown(f"name '{name}' is not defined") if value is MISSING else value

    def star_symbol(self, scope: Scope, name: str) -> Value:
        """`name` from the libraries that the module imports everything from, or `MISSING`."""
        for library in self._stars.get(id(scope.module), ()):
            value = self.symbol(f"{library}.{name}")
            if not isinstance(value, Symbol):
                return value
        return MISSING

    def loaded(self, dotted: str) -> ModuleValue | None:
        """The module of the project that has this name, if it has been imported."""
        return next((module for module in self._values.values() if module.name == dotted), None)

    def force(self, interpreter: Interpreter, value: Deferred) -> Value:
        """The value of a deferred import or definition."""
        if value.definition is not None:
            return definitions.define(interpreter, value, self._record_of(value.path))
        if value.busy:
            return interpreter.unknown(f"'{value.attribute or value.dotted}' is imported in a circle")
        value.busy = True
        try:
            return self._imported_value(interpreter, value)
        finally:
            value.busy = False

    def _imported_value(self, interpreter: Interpreter, value: Deferred) -> Value:
        assert value.path is not None
        module = self.module(interpreter, value.path, value.dotted)
        if module is None:
            return interpreter.unknown(f"module {value.dotted} cannot be read")
        if not value.attribute:
            return module
        found = module.scope.variables.get(value.attribute, MISSING)
        if isinstance(found, Deferred):
            found = module.scope.variables[value.attribute] = self.force(interpreter, found)
        if found is MISSING:
            found = self.submodule(interpreter, module, value.attribute)
        if found is MISSING:
            found = self.star_symbol(module.scope, value.attribute)
        if found is MISSING:
            getter = module.scope.variables.get("__getattr__", MISSING)
            if getter is not MISSING:
                return interpreter.call(getter, value.attribute)
            return interpreter.unknown(f"{value.dotted} has no name '{value.attribute}'")
        return found

    def submodule(self, interpreter: Interpreter, module: ModuleValue, name: str) -> Value:
        """The submodule `name` of a package of the project, or `MISSING`."""
        path: Path | None = getattr(module.scope.source, "path", None)
        if path is None or path.name != "__init__.py":
            return MISSING
        found = self.loader.find_module(path, name, 1)
        if found is None:
            return MISSING
        return self.module(interpreter, found, f"{module.name}.{name}") or MISSING

    def globals_of(self, interpreter: Interpreter) -> dict[str, Value]:
        """The variables of the module whose code runs."""
        frame = interpreter.frame
        scope = frame.function.scope.module if frame.function is not None else None
        return {} if scope is None else self.variables_of(interpreter, scope)

    def variables_of(self, interpreter: Interpreter, scope: Scope) -> dict[str, Value]:
        """The variables of a module, all that it defines being defined."""
        for value in list(scope.variables.values()):
            if type(value) is Deferred and value.definition is not None and value.definition[1] is scope:
                self.force(interpreter, value)
        return scope.variables

    def _record_of(self, path: Path | None) -> Record:
        return self.records.get(path, Record()) if path is not None else Record()

    # Modules.

    def close(self) -> None:
        """Empty the modules: functions and the modules that define them hold each other, and all that was made."""
        for module in self._values.values():
            module.scope.variables.clear()
        for record in self.records.values():
            for cls in record.classes:
                cls.namespace.clear()
                cls.bases = cls.mro = ()
        self._values.clear()
        self.records.clear()

    def module(self, interpreter: Interpreter, path: Path, dotted: str, main: bool = False) -> ModuleValue | None:
        """The module in the file `path`, evaluated (or, in an import cycle, as far as it has got)."""
        known = self._values.get(path)
        if known is not None:
            if main:
                self.variables_of(interpreter, known.scope)
                definitions.in_order(self._record_of(path), known.scope.source)
            return known
        source = self.loader.load(path)
        if source is None:
            return None
        try:
            source.module  # noqa: B018 - parses, and raises if that fails
        except SourceError:
            return None
        if not main:
            self.followed |= {path}
        return self.run(interpreter, source, dotted, path, whole=main)

    def run(
        self, interpreter: Interpreter, source: SourceFile, dotted: str, path: Path | None, *, whole: bool = True
    ) -> ModuleValue:
        """Evaluate the top level of `source`; unless the `whole` of it, definitions wait until they are needed."""
        from gradlint.evaluation.statements import statement as run_statement

        scope = Scope(source)
        scope.variables.update({"__name__": dotted, "__file__": source.name, "__doc__": None})
        value = ModuleValue(dotted, scope)
        record = Record()
        if path is not None:
            self._values[path] = value
            self.records[path] = record
        outer, interpreter.record = interpreter.record, record
        trails, interpreter.trails = interpreter.trails, []
        frame = Frame(source, None, None)
        frame.scope = scope
        scope.function = None
        interpreter.frames.append(frame)
        try:
            for statement in source.module.body:
                if not whole and definitions.may_wait(statement, scope):
                    definitions.wait(statement, scope, path, dotted)
                    continue
                frame.syntax = statement
                try:
                    run_statement(interpreter, statement, scope)
                except OWN_ERRORS as error:
                    interpreter.failed(error)
                    del interpreter.frames[interpreter.frames.index(frame) + 1 :]
                    interpreter.trails = []
                except Raised as error:
                    interpreter.unknown(f"the program would stop here: {error}")
                    if isinstance(statement, cst.SimpleStatementLine):
                        continue
        finally:
            interpreter.frames.pop()
            interpreter.record = outer
            interpreter.trails = trails
            if path is None:
                self.records[Path(source.name)] = record
        return value

    # Import statements.

    def import_modules(self, names: Iterable[tuple[str, str]], scope: Scope) -> None:
        """`import a.b.c [as d]`: the names of modules, each with what it is bound to (empty: its first part)."""
        for dotted, target in names:
            named = dotted if target else dotted.partition(".")[0]
            scope.assign(target or named, self._module_named(named, scope))

    def import_names(
        self, interpreter: Interpreter, origin: tuple[str, int], names: Iterable[tuple[str, str]] | None, scope: Scope
    ) -> None:
        """`from origin import c [as d], ...`: names, each with what it is bound to; None for `*`.

        `origin` is a dotted name (which may be empty) and how many dots stand before it.
        """
        dotted, level = origin
        absolute = _absolute(dotted, level, scope)
        in_tables = _is_table_first(absolute)
        path = None if in_tables else self._find(dotted, level, scope)
        if names is None:
            self._import_everything(interpreter, absolute, path, scope)
            return
        for name, target in names:
            if in_tables:
                value = self.symbol(f"{absolute}.{name}")
                # A namespace that the tables know under another name is a symbol of that other name.
                if isinstance(value, Symbol) and value.name == f"{absolute}.{name}":
                    value = self._imported(self._source_of_framework(dotted, level, scope), absolute, name, scope)
            else:
                value = self._imported(path, absolute, name, scope)
            scope.assign(target, value)

    def _imported(self, path: Path | None, absolute: str, name: str, scope: Scope) -> Value:
        """What `name` is in the module `absolute`, which lies at `path` if the project has it."""
        if path is None:
            return self.symbol(f"{absolute}.{name}")
        if path == scope.source.path and name in scope.module.variables:
            return scope.module.variables[name]
        if path.name == "__init__.py":
            inner = self.loader.find_module(path, name, 1)
            if inner is not None and not self._binds(path, name):
                return Deferred(inner, f"{absolute}.{name}")
        return Deferred(path, absolute, name)

    def _binds(self, path: Path, name: str) -> bool:
        known = self._values.get(path)
        return known is not None and name in known.scope.variables

    def _module_named(self, dotted: str, scope: Scope) -> Value:
        path = None if _is_table_first(dotted) else self._find(dotted, 0, scope)
        return self.symbol(dotted) if path is None else Deferred(path, dotted)

    def _find(self, dotted: str, level: int, scope: Scope) -> Path | None:
        origin: Path | None = getattr(scope.source, "path", None)
        return None if origin is None else self.loader.find_module(origin, dotted, level)

    def _source_of_framework(self, dotted: str, level: int, scope: Scope) -> Path | None:
        """Where the source of a framework lies in the project: not in a file of its name in a package of others."""
        path = self._find(dotted, level, scope)
        origin: Path | None = getattr(scope.source, "path", None)
        framework = dotted.partition(".")[0]
        if path is None or origin is None or level or (path.parent, path.stem) != (origin.parent, framework):
            return path
        return None if self.loader.packages_around(origin) else path

    def _import_everything(self, interpreter: Interpreter, absolute: str, path: Path | None, scope: Scope) -> None:
        module = self.module(interpreter, path, absolute) if path is not None else None
        if module is None:
            self._stars.setdefault(id(scope.module), []).append(absolute)
            return
        names = module.scope.variables.get("__all__")
        if not isinstance(names, (list, tuple)):
            names = [name for name in module.scope.variables if not name.startswith("_")]
        for name in names:
            if isinstance(name, str) and name in module.scope.variables:
                scope.assign(name, module.scope.variables[name])
        for library in self._stars.get(id(module.scope), ()):
            self._stars.setdefault(id(scope.module), []).append(library)


# Frameworks that gradlint describes by tables, which come before the framework's own source.
_TABLE_FIRST = ("torch", "keras", "tensorflow", "tf_keras", "lightning", "pytorch_lightning")


def _is_table_first(dotted: str) -> bool:
    return dotted.partition(".")[0] in _TABLE_FIRST


@functools.lru_cache(maxsize=65_536)
def _library_value(name: str) -> Value:
    from gradlint.evaluation.stdlib import lookup

    value = lookup(name)
    if value is not MISSING:
        return value
    from gradlint.frameworks import is_framework, resolve

    if is_framework(name):
        value = resolve(name)
    return Symbol(name) if value is MISSING else value


def _absolute(dotted: str, level: int, scope: Scope) -> str:
    if not level:
        return dotted
    package = str(scope.module.variables.get("__name__", ""))
    path: Path | None = getattr(scope.source, "path", None)
    steps = level - 1 if path is not None and path.name == "__init__.py" else level
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - steps]) if steps < len(parts) else ""
    return ".".join(part for part in (base, dotted) if part)
