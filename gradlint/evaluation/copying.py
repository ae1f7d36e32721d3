"""`copy.copy` and `copy.deepcopy` of any value: a deep copy of a layer has parameters of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.network import Kind, Node, Parameter

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def copied(interpreter: Interpreter, value: Value, *, deep: bool, memo: dict[int, Value] | None = None) -> Value:
    """A copy of `value`."""
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, Instance):
        return _instance(interpreter, value, deep, memo)
    if isinstance(value, Tensor):
        return _tensor(interpreter, value, value.parameter, memo) if deep and value.parameter is not None else value
    if isinstance(value, Parameter):
        return _parameter(value, memo) if deep else value
    if isinstance(value, (list, set, frozenset, tuple)):
        if not deep:
            return type(value)(value)
        interpreter.budget.step()
        items: list[Value] = []
        if isinstance(value, list):
            memo[id(value)] = items
        items.extend(copied(interpreter, item, deep=True, memo=memo) for item in value)
        if not isinstance(value, list):
            memo[id(value)] = type(value)(items)
        return memo[id(value)]
    if isinstance(value, dict):
        if not deep:
            return dict(value)
        interpreter.budget.step()
        entries: dict[Value, Value] = {}
        memo[id(value)] = entries
        entries.update((key, copied(interpreter, item, deep=True, memo=memo)) for key, item in value.items())
        return entries
    return value


def _instance(interpreter: Interpreter, value: Instance, deep: bool, memo: dict[int, Value]) -> Instance:
    interpreter.budget.instance()
    made = Instance(value.cls, origin=value.origin)
    memo[id(value)] = made
    if deep:
        made.attrs = {key: copied(interpreter, item, deep=True, memo=memo) for key, item in value.attrs.items()}
        made.hidden = {key: copied(interpreter, item, deep=True, memo=memo) for key, item in value.hidden.items()}
        made.payload = copied(interpreter, value.payload, deep=True, memo=memo)
    else:
        made.attrs, made.hidden, made.payload = dict(value.attrs), dict(value.hidden), value.payload
    return made


def _parameter(source: Parameter, memo: dict[int, Value]) -> Parameter:
    made: Parameter | None = memo.get(id(source))
    if made is None:
        made = Parameter(
            source.shape,
            source.distribution,
            source.trainable,
            source.dtype,
            origin=source.origin,
            assumed=source.assumed,
            history=list(source.history),
            copy_of=source,
        )
        memo[id(source)] = made
    return made


def _tensor(interpreter: Interpreter, value: Tensor, source: Parameter, memo: dict[int, Value]) -> Tensor:
    """A copy of a parameter, or of a view of one, which stays a view."""
    parameter, node = _parameter(source, memo), value.node
    if node.kind is Kind.PARAMETER:
        node = Node(
            Kind.PARAMETER,
            shape=node.shape,
            parameters={"value": parameter},
            origin=node.origin,
            order=interpreter.budget.node(),
        )
    made = Tensor(node, value.dtype, parameter=parameter, partial=value.partial, window=value.window)
    memo[id(value)] = made
    return made
