"""The module `re`: matched for real on known strings, where a bound on the work shows that it ends soon."""

from __future__ import annotations

import importlib
import itertools
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradlint.evaluation.classes import python_class
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.operators import plain
from gradlint.evaluation.values import Instance, Native, Unknown, Value, contains_unknown

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter

# How Python itself parses patterns: no other way tells what one may cost.
_parser: Any = importlib.import_module("re._parser")
_codes: Any = importlib.import_module("re._constants")

_LONGEST = 2_000
"""Characters of a pattern."""
_MOST_WORK = 50_000_000
"""How many ways of matching one string a pattern may have: each takes about two nanoseconds to try."""
_WORK_OF_A_STEP = 10_000
"""So many ways are counted as one step of evaluation."""
_WIDEST = 100_000
"""How many characters the ranges of a pattern may span: compiled without regard to case, each is looked up."""
_REPEATS = (_codes.MAX_REPEAT, _codes.MIN_REPEAT, _codes.POSSESSIVE_REPEAT)


def _ways(items: Any, length: int) -> tuple[int, int]:
    """What bounds the ways in which parsed `items` match in a string of `length`, which backtracking tries.

    Repeats of single characters share the length of the string: the first number says how many there are, the second is
    the product of all other choices (alternatives, repeats of what has choices itself).
    """
    free, factor = 0, 1
    for code, argument in items:
        if code in _REPEATS:
            fewest, most, inner = argument
            times = min(int(most), length) - min(int(fewest), length) + 1
            each = _total(inner, length)
            if each == 1:
                free += times > 1
            else:
                factor *= each ** min(int(most), length, 64) * max(times, 1)
        elif code is _codes.SUBPATTERN:
            inside, choices = _ways(argument[-1], length)
            free, factor = free + inside, factor * choices
        elif code is _codes.BRANCH:
            factor *= sum(_total(branch, length) for branch in argument[1])
        elif code is _codes.ATOMIC_GROUP:
            factor *= _total(argument, length)
        elif code in (_codes.ASSERT, _codes.ASSERT_NOT):
            factor *= _total(argument[1], length)
        elif code is _codes.GROUPREF_EXISTS:
            factor *= sum(_total(branch, length) for branch in argument[1:] if branch)
        factor = min(max(factor, 1), _MOST_WORK + 1)
    return free, factor


def _total(items: Any, length: int) -> int:
    free, factor = _ways(items, length)
    return min(factor * math.comb(length + free, free), _MOST_WORK + 1)


def _span(items: Any) -> int:
    """How many characters the ranges of parsed items span."""
    total = 0
    for code, argument in items:
        if code is _codes.IN:
            total += sum(part[1] - part[0] for kind, part in argument if kind is _codes.RANGE)
        elif isinstance(argument, (tuple, list)):
            inner = argument[1] if code is _codes.BRANCH else argument
            total += sum(_span(part) for part in inner if isinstance(part, _parser.SubPattern))
    return total


def _ready(context: Context, name: str, pattern: Value, text: Value, flags: Value) -> re.Pattern[str] | Unknown:
    """The compiled pattern, if it and the text are known and matching is sure to end soon."""
    text = plain(text)
    unknown = contains_unknown([pattern, text, flags])
    if unknown is not None:
        unknown.cost += 1
        return unknown
    if isinstance(pattern, Instance) and pattern.cls is _PATTERN and flags == 0:
        compiled: re.Pattern[str] | Unknown = pattern.hidden["pattern"]
    else:
        compiled = _compiled(context, name, pattern, flags)
    if isinstance(compiled, Unknown):
        return compiled
    if not isinstance(text, str):
        return context.unknown(f"re.{name}() of something that is no known string")
    free, factor = _ways(_parser.parse(compiled.pattern, compiled.flags), len(text))
    work = factor * math.comb(len(text) + free + 1, free + 1)  # the place where a match begins is one more choice
    if work > _MOST_WORK:
        return context.unknown(f"re.{name}() that may take very long")
    context.budget.steps += work // _WORK_OF_A_STEP
    return compiled


def _compiled(context: Context, name: str, pattern: Value, flags: Value) -> re.Pattern[str] | Unknown:
    if not isinstance(pattern, str) or not isinstance(flags, int) or len(pattern) > _LONGEST:
        return context.unknown(f"re.{name}() with a pattern that is not known, or very long")
    try:
        if _span(_parser.parse(pattern, flags)) > _WIDEST:
            return context.unknown(f"re.{name}() with ranges of very many characters")
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise Raised("error", str(error)) from None


def _match(found: re.Match[str] | None) -> Instance | None:
    return None if found is None else Instance(_MATCH, hidden={"match": found})


def _finding(name: str, results: Callable[[Any], Value]) -> Native:
    """`re.NAME(pattern, string, flags=0)`, which is the method of a pattern as well."""

    def call(context: Context, pattern: Value, string: Value, flags: Value = 0) -> Value:
        ready = _ready(context, name, pattern, string, flags)
        return ready if isinstance(ready, Unknown) else results(getattr(ready, name)(plain(string)))

    return Native(f"re.{name}", call)


def _split(context: Context, pattern: Value, string: Value, maxsplit: Value = 0, flags: Value = 0) -> Value:
    ready = _ready(context, "split", pattern, string, flags)
    if isinstance(ready, Unknown):
        return ready
    return (
        ready.split(plain(string), maxsplit)
        if isinstance(maxsplit, int)
        else context.unknown("re.split() of an unknown")
    )


def _sub(context: Context, pattern: Value, repl: Value, string: Value, count: Value = 0, flags: Value = 0) -> Value:
    ready = _ready(context, "sub", pattern, string, flags)
    if isinstance(ready, Unknown):
        return ready
    if not isinstance(count, int):
        return context.unknown("re.sub() of a number that is not known")
    parts: list[str] = []
    end = 0
    string = plain(string)
    for found in itertools.islice(ready.finditer(string), count or None):
        new = _expanded(found, repl) if isinstance(repl, str) else context.call(repl, _match(found))
        if not isinstance(new, str):
            return context.unknown("re.sub() with a replacement that is not known")
        parts += [string[end : found.start()], new]
        end = found.end()
        if sum(map(len, parts)) > context.budget.limits.characters:
            return context.unknown("re.sub() with a very long result")
    return "".join([*parts, string[end:]])


def _expanded(found: re.Match[str], replacement: str) -> str:
    try:
        return found.expand(replacement)
    except (re.error, IndexError) as error:
        raise Raised("error", str(error)) from None


def _compile(context: Context, pattern: Value, flags: Value = 0) -> Value:
    if isinstance(pattern, Instance) and pattern.cls is _PATTERN:
        return pattern
    compiled = contains_unknown([pattern, flags]) or _compiled(context, "compile", pattern, flags)
    if isinstance(compiled, Unknown):
        return compiled
    return Instance(_PATTERN, {"pattern": pattern, "flags": compiled.flags}, hidden={"pattern": compiled})


def _of_match(name: str) -> Native:
    def call(context: Context, match: Instance, *args: Value, **kwargs: Value) -> Value:
        try:
            return getattr(match.hidden["match"], name)(*args, **kwargs)
        except (IndexError, TypeError, re.error) as error:
            raise Raised(type(error).__name__, str(error)) from None

    return Native(f"re.Match.{name}", call)


_FUNCTIONS: dict[str, Value] = {
    **{name: _finding(name, _match) for name in ("match", "search", "fullmatch")},
    "findall": _finding("findall", list),
    "finditer": _finding("finditer", lambda matches: iter([_match(found) for found in matches])),
    "split": Native("re.split", _split),
    "sub": Native("re.sub", _sub),
}
_PATTERN = python_class("re.Pattern", namespace=dict(_FUNCTIONS))
_MATCH = python_class(
    "re.Match",
    namespace={
        name: _of_match(name) for name in ("group", "groups", "groupdict", "start", "end", "span", "__getitem__")
    },
)
_FLAGS = ("IGNORECASE", "I", "MULTILINE", "M", "DOTALL", "S", "VERBOSE", "X", "ASCII", "A", "UNICODE", "U")

REGULAR_EXPRESSIONS: dict[str, Value] = {
    **{f"re.{name}": function for name, function in _FUNCTIONS.items()},
    **{f"re.{name}": int(getattr(re, name)) for name in _FLAGS},
    "re.compile": Native("re.compile", _compile),
    "re.escape": Native(
        "re.escape", lambda context, pattern: re.escape(pattern) if isinstance(pattern, str) else pattern
    ),
    "re.Pattern": _PATTERN,
    "re.Match": _MATCH,
}
