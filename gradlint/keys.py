"""The keys of a configuration file: what each means, how its value is read, and as a JSON schema what it must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gradlint.findings import Confidence, Severity
from gradlint.formats import FORMATS

DEVICES = ("cpu", "cuda", "mps")
HIGHEST_LIMIT = 1e6
"""Of the probe: GiB, or seconds."""


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return tuple(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise TypeError
    return float(value)


def _limit(value: Any) -> float:
    if _positive(value) > HIGHEST_LIMIT:
        raise ValueError
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _at_least_one(value: Any) -> int:
    if not _count(value):
        raise ValueError
    return int(value)


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise TypeError
        return str(value)

    return parse


def _severities(value: Any) -> tuple[tuple[str, Severity], ...]:
    return tuple((rule, Severity(severity)) for rule, severity in value.items())


def _ignores(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((pattern, _strings(rules)) for pattern, rules in value.items())


@dataclass(frozen=True, slots=True)
class Type:
    """A kind of value: how it is read from TOML, in words what it must be, and the same as a JSON schema."""

    parse: Callable[[Any], Any]
    text: str
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the configuration file: the kind of its value, and a sentence on what it does."""

    type: Type
    about: str

    @property
    def parse(self) -> Callable[[Any], Any]:
        """Reads a value; it raises TypeError, ValueError or AttributeError for what is none."""
        return self.type.parse

    @property
    def text(self) -> str:
        """In words what the value must be."""
        return self.type.text


def _choice(values: tuple[str, ...], parse: Callable[[Any], Any] | None = None, text: str = "") -> Type:
    return Type(parse or _one_of(values), text or "one of " + ", ".join(values), {"enum": list(values)})


_LIST: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}}
_GRADES = tuple(severity.value for severity in Severity)

_RULES = Type(_strings, "a list of rules", _LIST)
_PATTERNS = Type(_strings, "a list of patterns", _LIST)
_FOLDERS = Type(_strings, "a list of folders", _LIST)
_SWITCH = Type(_boolean, "true or false", {"type": "boolean"})
_SEVERITY = _choice(_GRADES, Severity, '"note", "warning" or "error"')
_CONFIDENCE = _choice(tuple(grade.value for grade in Confidence), Confidence, '"low", "medium" or "high"')
_FILE = Type(_text, "the name of a file", {"type": "string", "minLength": 1})
_FOLDER = Type(_text, "the name of a folder", {"type": "string", "minLength": 1})
_BOUND = Type(_positive, "a number above 0", {"type": "number", "exclusiveMinimum": 0})
_LIMIT = {"type": "number", "exclusiveMinimum": 0, "maximum": HIGHEST_LIMIT}
_BY_FILE = Type(
    _ignores, "a table from patterns of files to lists of rules", {"type": "object", "additionalProperties": _LIST}
)
_BY_RULE = Type(
    _severities,
    'a table from rules to "note", "warning" or "error"',
    {"type": "object", "additionalProperties": {"enum": list(_GRADES)}},
)

KEYS: Mapping[str, Key] = {
    "baseline": Key(_FILE, "Findings that this file knows are not reported."),
    "cache-dir": Key(_FOLDER, "Where results are kept from run to run; by default where the platform keeps caches."),
    "exclude": Key(_PATTERNS, "Files and folders to leave out, as in a .gitignore; in place of the default ones."),
    "exploding": Key(_BOUND, "A gradient that grows by more than this on its way to the first layer explodes."),
    "extend-exclude": Key(_PATTERNS, "Files and folders to leave out besides."),
    "extend-select": Key(_RULES, "Rules to check besides: codes, first letters of codes, or names."),
    "fail-severity": Key(_SEVERITY, "A finding of this severity or a graver one fails the run."),
    "force-exclude": Key(_SWITCH, "Leave out excluded files even where they are named on the command line."),
    "ignore": Key(_RULES, "Rules not to check."),
    "jobs": Key(
        Type(_count, "a whole number, 0 for as many as there are cores", {"type": "integer", "minimum": 0}),
        "How many processes lint; 0 for as many as there are cores.",
    ),
    "min-confidence": Key(_CONFIDENCE, "Findings that are less sure are not reported."),
    "min-severity": Key(_SEVERITY, "Findings that are less grave are not reported."),
    "output-format": Key(_choice(tuple(FORMATS)), "How findings are printed."),
    "per-file-ignores": Key(_BY_FILE, "Rules not to check in the files that match a pattern."),
    "preview": Key(_SWITCH, "Check rules that are new and may still change, too."),
    "probe-device": Key(_choice(DEVICES), "Where gradients are measured."),
    "probe-memory-limit": Key(
        Type(_limit, "a number of GiB above 0", _LIMIT), "Memory that measuring one network may take, in GiB."
    ),
    "probe-seeds": Key(
        Type(_at_least_one, "a whole number from 1", {"type": "integer", "minimum": 1}),
        "How often each network is drawn at random to be measured.",
    ),
    "probe-steps": Key(
        Type(_count, "a whole number of steps, 0 for none", {"type": "integer", "minimum": 0}),
        "Steps of the optimizer before measuring.",
    ),
    "probe-time-limit": Key(
        Type(_limit, "a number of seconds above 0", _LIMIT), "Time that measuring one network may take, in seconds."
    ),
    "respect-gitignore": Key(_SWITCH, "Leave out what a .gitignore leaves out."),
    "rule-folders": Key(_FOLDERS, "Folders with rules of your own, each a page and a check."),
    "select": Key(_RULES, "The rules to check, in place of all: codes, first letters of codes, or names."),
    "severity": Key(_BY_RULE, "The severity of rules, where it is to differ from that of their pages."),
    "vanishing": Key(_BOUND, "A gradient that shrinks to less than this on its way to the first layer vanishes."),
}
"""The keys of a configuration file. All names of files and folders are relative to it."""
