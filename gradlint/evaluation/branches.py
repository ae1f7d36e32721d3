"""Conditions that are not known: both branches are evaluated, and what differs afterwards becomes Unknown.

Before anything is changed in place, `Trail.record` keeps what it was. After each branch the changes are taken
back, so that the next branch starts where the first did; then the outcomes are merged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import MISSING, Instance, Tensor, Unknown, Value
from gradlint.network import UNKNOWN as UNKNOWN_INIT
from gradlint.network import Parameter

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


@dataclass(frozen=True, slots=True)
class Return:
    """The signal that a statement returned from the function."""

    value: Value


_TENSOR_STATE = ("node", "dtype", "values", "parameter", "partial", "window")

_DEEPEST = 10
"""So many conditions that are not known may be nested; below, only the last branch is followed."""

BREAK = object()
CONTINUE = object()


class Trail:
    """What was changed since the trail was laid, with the state before."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: dict[int, tuple[Any, Any]] = {}

    def record(self, thing: Any) -> None:
        """Keep the state of `thing` if it is the first time that it is about to change."""
        if id(thing) not in self._before:
            self._before[id(thing)] = (thing, _state(thing))

    def take_back(self) -> dict[int, tuple[Any, Any]]:
        """Undo every change; the result maps identities to (thing, state after the change)."""
        after = {key: (thing, _state(thing)) for key, (thing, _) in self._before.items()}
        for thing, before in self._before.values():
            _restore(thing, before)
        return after


def _state(thing: Any) -> Any:
    if isinstance(thing, Scope):
        return dict(thing.variables)
    if isinstance(thing, Instance):
        return dict(thing.attrs)
    if isinstance(thing, Parameter):
        return {"distribution": thing.distribution, "trainable": thing.trainable}
    if isinstance(thing, Tensor):
        return {name: getattr(thing, name) for name in _TENSOR_STATE} | {"attributes": dict(thing.attributes)}
    return type(thing)(thing) if isinstance(thing, (list, set)) else dict(thing)


def _restore(thing: Any, state: Any) -> None:
    if isinstance(thing, Scope):
        thing.variables = dict(state)
    elif isinstance(thing, Instance):
        thing.attrs = dict(state)
    elif isinstance(thing, Parameter):
        thing.distribution, thing.trainable = state["distribution"], state["trainable"]
    elif isinstance(thing, Tensor):
        for name, value in state.items():
            setattr(thing, name, value)
    elif isinstance(thing, list):
        thing[:] = state
    else:
        thing.clear()
        thing.update(state)


@dataclass(slots=True)
class _Outcome:
    signal: Any
    states: dict[int, tuple[Any, Any]]


def fork(interpreter: Interpreter, alternatives: list[Callable[[], Any]], scope: Scope, test: Value) -> Any:
    """Run every alternative from the same state, merge what they leave, and return the merged signal.

    `test` is what decides between them. An alternative that raises is taken as one that does not happen, unless all of
    them raise.
    """
    outcomes: list[_Outcome] = []
    raised: Raised | None = None
    interpreter.budget.step()
    if len(interpreter.trails) >= _DEEPEST:
        interpreter.cut_short("deeply nested conditions that are not known")
        alternatives = alternatives[-1:]
    for alternative in alternatives:
        trail = Trail()
        trail.record(scope)
        interpreter.trails.append(trail)
        try:
            signal = alternative()
        except Raised as error:
            raised = error.bare()
            signal = MISSING
        finally:
            interpreter.trails.pop()
            states = trail.take_back()
        if signal is not MISSING:
            outcomes.append(_Outcome(signal, states))
    if not outcomes:
        assert raised is not None
        raise raised
    interpreter.frame.condition = _why(test)
    return _merge_outcomes(interpreter, outcomes)


_DEPENDS = "depends on a condition that is not known"


def _why(test: Value) -> str:
    """What is lost where branches differ, and why the condition is not known."""
    if isinstance(test, Unknown):
        return test.reason if test.reason.startswith(_DEPENDS) else f"{_DEPENDS}: {test.reason}"
    return f"{_DEPENDS}: the value of a tensor" if isinstance(test, Tensor) else _DEPENDS


def _merge_outcomes(interpreter: Interpreter, outcomes: list[_Outcome]) -> Any:
    going_on = [outcome for outcome in outcomes if outcome.signal is None]
    returned = [outcome for outcome in outcomes if isinstance(outcome.signal, Return)]
    if not going_on and len(returned) == len(outcomes):
        _apply(interpreter, outcomes)
        value = returned[0].signal.value
        for outcome in returned[1:]:
            value = merge(interpreter, value, outcome.signal.value)
        return Return(value)
    if going_on:
        interpreter.frame.possible_returns.extend(outcome.signal.value for outcome in returned)
        if any(outcome.signal is BREAK for outcome in outcomes):
            interpreter.frame.possible_break = True
        _apply(interpreter, going_on)
        return None
    interpreter.frame.possible_returns.extend(outcome.signal.value for outcome in returned)
    jumping = [outcome for outcome in outcomes if outcome not in returned]
    _apply(interpreter, jumping)
    return jumping[0].signal


def _apply(interpreter: Interpreter, outcomes: list[_Outcome]) -> None:
    things = {key: thing for outcome in outcomes for key, (thing, _) in outcome.states.items()}
    for key, thing in things.items():
        states = [outcome.states[key][1] if key in outcome.states else _state(thing) for outcome in outcomes]
        merged = states[0]
        for state in states[1:]:
            merged = _merge_states(interpreter, thing, merged, state)
        interpreter.modified(thing)
        _restore(thing, merged)


def _merge_states(interpreter: Interpreter, thing: Any, first: Any, second: Any) -> Any:
    if isinstance(first, dict):
        if isinstance(thing, Parameter):
            return first if first == second else {"distribution": UNKNOWN_INIT, "trainable": first["trainable"]}
        if isinstance(thing, Tensor):
            return _merge_tensor_states(interpreter, first, second)
        merged = {}
        for key in first if len(first) >= len(second) else second:
            merged[key] = _merge_entry(interpreter, first.get(key, MISSING), second.get(key, MISSING))
        for key in (first | second).keys() - merged.keys():
            merged[key] = _merge_entry(interpreter, first.get(key, MISSING), second.get(key, MISSING))
        return merged
    if isinstance(first, list):
        if len(first) == len(second):
            return [merge(interpreter, a, b) for a, b in zip(first, second, strict=True)]
        interpreter.uncertain_length()
        return max(first, second, key=len)
    return first | second


def _merge_tensor_states(interpreter: Interpreter, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """What an operation in place in one branch leaves of a tensor: the alternative of both states."""
    if first["node"] is second["node"]:
        return first
    made = merge(interpreter, Tensor(first["node"], first["dtype"]), Tensor(second["node"], second["dtype"]))
    return first | {"node": made.node, "values": None, "parameter": None}


def _merge_entry(interpreter: Interpreter, first: Value, second: Value) -> Value:
    if first is MISSING:
        return second
    if second is MISSING:
        return first
    return merge(interpreter, first, second)


def merge(interpreter: Interpreter, first: Value, second: Value) -> Value:
    """The value that is `first` or `second`, whichever: itself if they are the same, else Unknown or an alternative."""
    if first is second:
        return first
    if isinstance(first, Unknown):
        return first
    if isinstance(second, Unknown):
        return second
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        if first.node is second.node:
            return first
        shape = first.shape if first.shape == second.shape else None
        return interpreter.opaque(interpreter.frame.condition or _DEPENDS, [first, second], shape)
    if type(first) is type(second):
        if isinstance(first, (int, float, str, bytes)) and first == second:
            return first
        if isinstance(first, (list, tuple)) and len(first) == len(second):
            return type(first)([merge(interpreter, a, b) for a, b in zip(first, second, strict=True)])
    return interpreter.unknown(interpreter.frame.condition or _DEPENDS)
