"""Initialization code that does not reach the weights that it could: never called, too early, or for other layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.values import Class, Function, Instance, Value
from gradlint.frameworks.keras.late import LATE, Late
from gradlint.frameworks.modules import is_layer, named_modules, own_parameters
from gradlint.network import EventKind, Origin, Parameter, Unapplied

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_TABLE = "initializers"
_WALKS = frozenset({"modules", "named_modules", "children", "named_children", "parameters", "named_parameters"})
_OF_ALL = frozenset({"modules", "named_modules"})
_DRAWS = re.compile(
    r"\binit\.\w+\(|\b(?:xavier|kaiming|glorot|he)_(?:uniform|normal)_?\("
    r"|\b(?:trunc_normal|orthogonal|sparse|normal|uniform|constant|zeros|ones|dirac|eye|fill|zero)_\("
)
_TRAINS = frozenset({EventKind.BACKWARD, EventKind.STEP})


@dataclass(slots=True, eq=False)
class Walk:
    """One walk of initialization code over layers: an `apply`, or a loop over modules or parameters.

    `visited` are the layers and parameters that it came by, `drawn` those parameters that it drew, `in_vain` whether it
    drew weights that are computed anew in each forward pass, `known` whether nothing that it did is unknown. `code` is
    the syntax of what was done to each. `root` is the layer whose modules it went over, if it went over all of them.
    """

    name: str
    code: Any
    origin: Origin
    visited: list[Value] = field(default_factory=list)
    drawn: list[Parameter] = field(default_factory=list)
    in_vain: bool = False
    known: bool = True
    root: Instance | None = None

    @property
    def text(self) -> str:
        """The source of what is done to each layer."""
        module = getattr(self.origin.source, "module", None)
        return "" if module is None else str(module.code_for_node(self.code))


def watched_apply(interpreter: Interpreter, root: Instance, function: Value, run: Callable[[], Value]) -> Value:
    """Run `root.apply(function)`, and note what it draws."""
    if not isinstance(function, Function) and not isinstance(getattr(function, "function", None), Function):
        return run()
    plain: Function = function if isinstance(function, Function) else function.function
    name = plain.name if isinstance(plain.syntax, cst.FunctionDef) else "apply"
    origin = Origin(plain.scope.source, plain.syntax, interpreter.origin())
    walk = Walk(name, plain.syntax, origin, [layer for _, layer in named_modules(root)], root=root)
    return _watched(interpreter, walk, run)


def watched_loop(interpreter: Interpreter, syntax: cst.For, items: list[Value], run: Callable[[], Value]) -> Value:
    """Run a loop over the modules or parameters of something, and note what it draws."""
    visited = [part for item in items for part in (item if isinstance(item, tuple) else (item,))]
    frame = interpreter.frame
    walk = Walk("", syntax.body, Origin(frame.source, syntax, frame.caller), visited)
    if _method(syntax) in _OF_ALL:
        walk.root = next((thing for thing in visited if is_layer(thing)), None)
    return _watched(interpreter, walk, run)


def walks_layers(syntax: cst.For) -> bool:
    """Whether a loop is one over the modules or parameters of something."""
    return _method(syntax) in _WALKS


def _method(syntax: cst.For) -> str:
    """The name of the method whose result a loop runs over."""
    function = syntax.iter.func if isinstance(syntax.iter, cst.Call) else None
    return function.attr.value if isinstance(function, cst.Attribute) else ""


def _watched(interpreter: Interpreter, walk: Walk, run: Callable[[], Value]) -> Value:
    before = [(parameter, len(parameter.history)) for parameter in _parameters_of(walk.visited)]
    computed = [(parameter, len(parameter.history)) for parameter in _computed_of(walk.visited)]
    unknowns = len(interpreter.record.unknowns)
    try:
        return run()
    finally:
        walk.drawn = [parameter for parameter, length in before if len(parameter.history) > length]
        walk.known = len(interpreter.record.unknowns) == unknowns
        walk.in_vain = any(len(parameter.history) > length for parameter, length in computed)
        interpreter.tables.setdefault(_TABLE, []).append(walk)


def _parameters_of(things: Iterable[Value]) -> Iterator[Parameter]:
    for thing in things:
        if is_layer(thing):
            yield from own_parameters(thing).values()
        elif getattr(thing, "parameter", None) is not None:
            yield thing.parameter


def _computed_of(things: Iterable[Value]) -> Iterator[Parameter]:
    """What stands for the weights that weight normalization and its kin compute anew in each forward pass."""
    for thing in things:
        if is_layer(thing):
            for name in thing.hidden.get("reparametrized", ()):
                parameter = getattr(thing.attrs.get(name), "parameter", None)
                if parameter is not None:
                    yield parameter


def unapplied(
    interpreter: Interpreter, layers: Sequence[tuple[str, Instance]], parameters: Sequence[Parameter]
) -> tuple[Unapplied, ...]:
    """The initialization code that is meant for a network and does not reach all that it could.

    `layers` are the network and all layers below it, by name; `parameters` all that it has.
    """
    walks: list[Walk] = interpreter.tables.get(_TABLE, [])
    found: list[Unapplied] = []
    if walks:
        held = {id(layer) for _, layer in layers} | {id(parameter) for parameter in parameters}
        ours = [walk for walk in walks if walk.visited and _belongs(walk.visited[0], held)]
        found = [*_unmatched(interpreter, walks, ours), *_early(ours, layers)]
    found.extend(_late(interpreter, layers))
    if not found and any(event.kind in _TRAINS for event in interpreter.record.events):
        found.extend(_uncalled(interpreter, layers, parameters))
    return tuple(found)


_MADE_ANEW = re.compile(r"\b(?:clone_model|from_config|model_from_json|load_model)\(")


def _late(interpreter: Interpreter, layers: Sequence[tuple[str, Instance]]) -> Iterator[Unapplied]:
    """Initializers that were assigned to Keras layers after their weights were drawn, and that nothing draws from."""
    places: dict[int, list[tuple[str, Late]]] = {}
    for path, layer in layers:
        for late in layer.hidden.get(LATE, ()):
            if late.idle:
                places.setdefault(id(late.origin.syntax), []).append((path, late))
    source = interpreter.frames[0].source if interpreter.frames else None
    if places and not _MADE_ANEW.search(getattr(source, "text", "")):
        for members in places.values():
            first = members[0][1]
            yield Unapplied("late", first.name, first.origin, tuple(path for path, _ in members))


def _belongs(thing: Value, held: set[int]) -> bool:
    parameter = getattr(thing, "parameter", None)
    return id(thing) in held or (parameter is not None and id(parameter) in held)


def _unmatched(interpreter: Interpreter, walks: list[Walk], ours: list[Walk]) -> Iterator[Unapplied]:
    """Walks of code of this file that drew nothing, here or anywhere else."""
    useful = {id(walk.code) for walk in walks if walk.drawn}
    source = interpreter.frames[0].source if interpreter.frames else None
    for walk in ours:
        if not (walk.known or walk.in_vain):  # it may have drawn what was not followed
            continue
        if id(walk.code) not in useful and walk.origin.source is source and _DRAWS.search(walk.text):
            useful.add(id(walk.code))
            yield Unapplied("overwritten" if walk.in_vain else "unmatched", walk.name, walk.origin)


def _early(ours: list[Walk], ours_below: Sequence[tuple[str, Instance]]) -> Iterator[Unapplied]:
    """Walks that drew layers of a class before others of that class were made, which nothing else drew."""
    for walk in ours:
        if walk.root is None or walk.root.cls.syntax is None:
            continue
        layers = ours_below if walk.root is ours_below[0][1] else list(named_modules(walk.root))
        drawn = {id(parameter) for parameter in walk.drawn}
        visited = {id(thing) for thing in walk.visited}
        classes = {
            id(layer.cls)
            for _, layer in layers
            if any(id(parameter) in drawn for parameter in own_parameters(layer).values())
        }
        missed = tuple(
            path
            for path, layer in layers
            if id(layer) not in visited and id(layer.cls) in classes and _untouched(own_parameters(layer).values())
        )
        if missed:
            yield Unapplied("early", walk.name, walk.origin, missed)


def _untouched(parameters: Iterable[Parameter]) -> bool:
    return not any(parameter.distribution.explicit or len(parameter.history) > 1 for parameter in parameters)


def _uncalled(
    interpreter: Interpreter, layers: Sequence[tuple[str, Instance]], parameters: Sequence[Parameter]
) -> Iterator[Unapplied]:
    """Methods of the network that draw weights and that nothing calls, where no other code draws any."""
    instance = layers[0][1]
    # What is not known may have been drawn where a condition is not known.
    drawn = any(parameter.distribution.explicit or not parameter.distribution.known for parameter in parameters)
    if drawn or instance.cls.opaque:
        return
    seen: set[int] = set()
    for path, layer in layers:
        for function in list(_methods(layer.cls)):
            if id(function) in seen:
                continue
            seen.add(id(function))
            if _would_draw(interpreter, function, layer, parameters):
                yield Unapplied("uncalled", function.name, Origin(function.scope.source, function.syntax), (path,))


def _methods(cls: Class) -> Iterator[Function]:
    """The methods of user classes that draw something and are never called."""
    if any(
        isinstance(base, Class) and base.syntax is None and "reset_parameters" in base.namespace for base in cls.mro
    ):
        return
    for ancestor in cls.mro:
        if isinstance(ancestor, Class) and ancestor.syntax is not None:
            for name, function in list(ancestor.namespace.items()):
                if not isinstance(function, Function) or name.startswith("__") or "__called__" in function.attributes:
                    continue
                module = getattr(function.scope.source, "module", None)
                if module is not None and _DRAWS.search(module.code_for_node(function.syntax)):
                    yield function


def _would_draw(interpreter: Interpreter, function: Function, layer: Instance, parameters: Sequence[Parameter]) -> bool:
    """Whether calling a method, for its layer or for each layer below, would draw weights from something else."""
    required = [p for p in function.syntax.params.params if p.name.value not in function.defaults][1:]
    if len(required) > 1:
        return False
    before = [(parameter, parameter.distribution, len(parameter.history)) for parameter in parameters]
    record = interpreter.record
    lengths = [(items, len(items)) for items in (record.created, record.events, record.unknowns)]
    depth = len(interpreter.frames)
    origin = layer.origin
    frame = Frame(function.scope.source, None, None)
    frame.syntax = origin.syntax if origin is not None else function.syntax
    interpreter.frames.append(frame)
    try:
        for target in [below for _, below in named_modules(layer)] if required else [None]:
            interpreter.call(function, layer, *([target] if required else []))
        return any(parameter.distribution != drawn_from for parameter, drawn_from, _ in before)
    except Raised:
        return False
    finally:
        del interpreter.frames[depth:]
        interpreter.trails.clear()
        for items, length in lengths:
            del items[length:]
        for parameter, distribution, length in before:
            parameter.distribution = distribution
            del parameter.history[length:]
        function.attributes.pop("__called__", None)
