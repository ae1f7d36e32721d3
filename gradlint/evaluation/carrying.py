"""What one iteration of a training loop hands to the next: a second one is run to see what its gradients reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gradlint.evaluation.branches import Trail
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import tensors_in
from gradlint.network import Event, EventKind, Kind, Node, topological

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_FIXED = frozenset({Kind.PARAMETER, Kind.CONSTANT, Kind.INPUT})


class Carrying:
    """Watches the first iteration of a loop, and looks for gradients that go back from the second one into it."""

    def __init__(self, interpreter: Interpreter, scope: Scope) -> None:
        self.interpreter = interpreter
        self.scope = scope
        self.names = frozenset(scope.variables)
        self.first = interpreter.budget.nodes
        interpreter.state_kept = False

    def look(self, iterate: Callable[[], Any], events: list[Event], start: int) -> None:
        """Where something computed lives on, run `iterate` once more and note on the backward events what it reaches.

        `events[start:]` are those of the first iteration; neither they nor anything else is changed by the second.
        """
        passes = [event for event in events[start:] if event.kind is EventKind.BACKWARD and event.node is not None]
        if not passes or not (self.interpreter.state_kept or self._variable_kept()):
            return
        last = self.interpreter.budget.nodes
        freed = {id(node) for event in passes if event.node is not None for node in topological((event.node,))}
        for again in _again(self.interpreter, self.scope, iterate):
            for event in passes:
                if event.origin is not None and again.origin is not None and event.origin.syntax is again.origin.syntax:
                    node = _reached(again.node, self.first, last, freed)
                    if node is not None and isinstance(event.details, dict):
                        event.details["carried"] = node

    def _variable_kept(self) -> bool:
        """Whether a variable from before the loop now holds something computed in it."""
        values = (self.scope.variables.get(name) for name in self.names)
        return any(
            tensor.node.order > self.first and tensor.node.kind is not Kind.STOP and tensor.node.kind not in _FIXED
            for value in values
            if not isinstance(value, dict)
            for tensor in tensors_in(value)[:4]
        )


def _again(interpreter: Interpreter, scope: Scope, iterate: Callable[[], Any]) -> Iterable[Event]:
    """The backward events of another iteration, all of whose effects are undone."""
    record = interpreter.record
    lists: tuple[list[Any], ...] = (record.events, record.created, record.unknowns)
    lengths = [len(items) for items in lists]
    trail = Trail()
    trail.record(scope)
    interpreter.trails.append(trail)
    try:
        iterate()
    except Raised:
        pass
    finally:
        interpreter.trails.remove(trail)
        trail.take_back()
    found = [event for event in record.events[lengths[0] :] if event.kind is EventKind.BACKWARD]
    for items, length in zip(lists, lengths, strict=True):
        del items[length:]
    return found


def _reached(loss: Node | None, first: int, last: int, freed: set[int]) -> Node | None:
    """A node of the first iteration that the gradient of a later loss gets to, and that an earlier one went through."""
    for node in _gradient_path(loss):
        if first < node.order <= last and node.kind not in _FIXED and id(node) in freed:
            trained = (p.trainable for source in _gradient_path(node) for p in source.parameters.values())
            if any(trained):
                return node
    return None


def _gradient_path(start: Node | None) -> Iterator[Node]:
    """The nodes that a gradient at `start` surely gets to."""
    stack = [start] if start is not None else []
    seen: set[int] = set()
    while stack:
        node = stack.pop()
        if id(node) in seen or node.kind in (Kind.STOP, Kind.OPAQUE) or not node.gradient:
            continue
        seen.add(id(node))
        yield node
        stack.extend(node.inputs)
