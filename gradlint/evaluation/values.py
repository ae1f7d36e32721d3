"""What expressions evaluate to: Python's own constants and containers as themselves, and the classes here for the rest.

Known numbers, strings, tuples, lists, dicts, sets, ranges, slices and None are represented by real Python objects;
their elements may be any value of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradlint.network import Node, Origin, Parameter, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from gradlint.evaluation.scopes import Scope

Value = Any
"""Any value of the analysed program: a Python object or one of the classes of this module."""


class Unknown:
    """A value that is not known, and why. It absorbs: what is computed from it is the same Unknown.

    `cost` counts what was computed from it. `shape_of` is the tensor whose shape this stands for, if any.
    """

    __slots__ = ("cost", "origin", "reason", "shape_of")

    def __init__(self, reason: str, origin: Origin | None = None, shape_of: Tensor | None = None) -> None:
        self.reason = reason
        self.origin = origin
        self.cost = 0
        self.shape_of = shape_of

    def __repr__(self) -> str:
        return f"Unknown({self.reason!r})"


class Assumed(int):
    """An integer that nothing in the source gives, assumed so that a class can be built at all.

    Arithmetic with it is assumed too. It stands for a width; as a number of layers it is not to be trusted.
    """

    __slots__ = ()

    def __add__(self, other: int) -> int:
        return _assumed(int.__add__(self, other))

    def __radd__(self, other: int) -> int:
        return _assumed(int.__radd__(self, other))

    def __sub__(self, other: int) -> int:
        return _assumed(int.__sub__(self, other))

    def __rsub__(self, other: int) -> int:
        return _assumed(int.__rsub__(self, other))

    def __mul__(self, other: int) -> int:
        return _assumed(int.__mul__(self, other))

    def __rmul__(self, other: int) -> int:
        return _assumed(int.__rmul__(self, other))

    def __floordiv__(self, other: int) -> int:
        return _assumed(int.__floordiv__(self, other))

    def __neg__(self) -> int:
        return _assumed(int.__neg__(self))


def _assumed(result: int) -> int:
    return Assumed(result) if type(result) is int else result


class Symbol:
    """A name of a library that is not analysed, such as `torch.float32` or `numpy.array`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Symbol({self.name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(slots=True, eq=False)
class Tensor:
    """A symbolic tensor: a node of the graph.

    `values` are its entries where they are known (nested lists), as for `torch.linspace` or `torch.tensor`.
    `parameter` is set on a tensor that is a parameter, or a view (`.data`, `.t()`, a slice) of one:
    in-place initialization goes through it. `partial` is true for a view of only some of its entries
    and `window` then says which (axis, start, stop) if known.
    """

    node: Node
    dtype: str = "float32"
    values: Any = None
    parameter: Parameter | None = None
    partial: bool = False
    window: tuple[int, int, int] | None = None
    attributes: dict[str, Value] = field(default_factory=dict)

    @property
    def shape(self) -> Shape | None:
        """Its sizes; None while the rank is unknown."""
        return self.node.shape


@dataclass(slots=True, eq=False)
class Function:
    """A function or lambda of the analysed source, with the scope that it closes over.

    `owner` is the class in whose body it was defined (for `super()` without arguments); `active` is the number
    of its calls in progress.
    """

    name: str
    syntax: Any
    scope: Scope
    defaults: dict[str, Value]
    owner: Class | None = None
    attributes: dict[str, Value] = field(default_factory=dict)
    active: int = 0


@dataclass(slots=True, eq=False)
class Native:
    """A function that gradlint itself provides: `call(context, *args, **kwargs)`.

    Framework tables, builtins and the pure functions of the standard library are of this class.
    """

    name: str
    call: Callable[..., Value]


@dataclass(slots=True, eq=False)
class BoundMethod:
    """A function with its first argument."""

    function: Value
    receiver: Value


@dataclass(slots=True, eq=False)
class Class:
    """A class, of the analysed source (`syntax` set) or of a framework table (`name` dotted).

    `namespace` holds methods and class attributes; `mro` the classes to search, this one first.
    """

    name: str
    bases: tuple[Value, ...] = ()
    namespace: dict[str, Value] = field(default_factory=dict)
    mro: tuple[Value, ...] = ()
    syntax: Any = None
    origin: Origin | None = None
    module: str = ""

    def find(self, name: str) -> Value:
        """The attribute `name` along the method resolution order, or `MISSING`."""
        for cls in self.mro:
            if type(cls) is Class:
                found = cls.namespace.get(name, MISSING)
                if found is not MISSING:
                    return found
        return MISSING

    def derives_from(self, name: str) -> bool:
        """Whether the framework class `name` (dotted) is among its ancestors, or it is that class itself."""
        return any(getattr(cls, "name", None) == name and getattr(cls, "syntax", None) is None for cls in self.mro)

    @property
    def opaque(self) -> bool:
        """Whether some ancestor is not known, so that a missing attribute proves nothing."""
        return any(not isinstance(cls, Class) for cls in self.mro)


@dataclass(slots=True, eq=False)
class Instance:
    """An object of a class.

    `payload` is the Python value it wraps if its class derives from a builtin container or number, a named
    tuple (a tuple) or an enum (its value). For framework layers `attrs` holds what the real object has under
    the same name (`in_features`, `weight`, ...), in the order in which it was set, which is the order of
    registration; what gradlint keeps for itself is in `hidden`.
    """

    cls: Class
    attrs: dict[str, Value] = field(default_factory=dict)
    payload: Value = None
    origin: Origin | None = None
    hidden: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class ModuleValue:
    """A module of the project, evaluated. Its names are the variables of `scope`."""

    name: str
    scope: Scope


@dataclass(slots=True, eq=False)
class Super:
    """The result of `super()`: looks attributes up behind `cls` in the order of `receiver`'s class."""

    cls: Class
    receiver: Value


@dataclass(slots=True, eq=False)
class Property:
    """A property: `getter` runs on access, `setter` on assignment."""

    getter: Value
    setter: Value = None


@dataclass(slots=True, eq=False)
class StaticMethod:
    """A function that is not bound on access."""

    function: Value


@dataclass(slots=True, eq=False)
class ClassMethod:
    """A function that is bound to the class on access."""

    function: Value


class Deferred:
    """A name of a module of the project that has not been needed yet.

    It is imported from `path`; or, where `definition` is set, it is defined by this statement of that scope, and
    `result` is its value once it was needed. `busy` while it is being looked up, which a circle comes back to.
    """

    __slots__ = ("attribute", "busy", "definition", "dotted", "path", "result")

    def __init__(
        self, path: Path | None, dotted: str, attribute: str = "", definition: tuple[Any, Scope] | None = None
    ) -> None:
        self.path = path
        self.dotted = dotted
        self.attribute = attribute
        self.definition = definition
        self.result: Value = MISSING
        self.busy = False


class DefaultDict(dict[Any, Any]):
    """A dict with the value that makes its missing entries."""

    default_factory: Value = None


class Array(list[Any]):
    """A one-dimensional array of numpy with known entries.

    It is iterated, and indexed by numbers, like a list; arithmetic with it is that of a tensor.
    """


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()
"""What a look-up returns when there is nothing of that name."""


_CONTAINERS = frozenset({list, tuple, dict, set, frozenset, DefaultDict})


def walk(value: Value, depth: int = 6) -> Iterator[Value]:
    """`value` and, if it is a container, what it contains, at most `depth` levels down."""
    yield value
    if depth and type(value) in _CONTAINERS:
        for item in value.values() if isinstance(value, dict) else value:
            if type(item) in _CONTAINERS:
                yield from walk(item, depth - 1)
            else:
                yield item


def contains_unknown(value: Value) -> Unknown | None:
    """The first Unknown in `value`, itself or inside it, or None."""
    kind = type(value)
    if kind is Unknown:
        return value  # type: ignore[no-any-return]
    if kind in _CONTAINERS:
        for item in walk(value):
            if type(item) is Unknown:
                return item
    return None


def tensors_in(*values: Value) -> list[Tensor]:
    """The tensors in `values`, themselves or inside containers."""
    found: list[Tensor] = []
    for value in values:
        kind = type(value)
        if kind is Tensor:
            found.append(value)
        elif kind in _CONTAINERS and value:
            found.extend(item for item in walk(value) if type(item) is Tensor)
    return found
