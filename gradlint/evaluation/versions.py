"""Versions of libraries, which code compares before it takes one of two ways: those of today are assumed."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradlint.evaluation.builtins import CLASSES
from gradlint.evaluation.classes import python_class
from gradlint.evaluation.values import Instance, Native, Value, contains_unknown

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter

_INSTALLED = {
    "torch": "2.9.0",
    "torchvision": "0.24.0",
    "torchaudio": "2.9.0",
    "keras": "3.12.0",
    "tensorflow": "2.20.0",
    "numpy": "2.3.0",
    "lightning": "2.6.0",
    "pytorch_lightning": "2.6.0",
    "einops": "0.8.1",
}
_LEADING = re.compile(r"\d+(?:\.\d+)*")


def _release(version: str) -> tuple[int, ...] | None:
    """The numbers that a version begins with; zeros at the end do not matter."""
    found = _LEADING.match(version.strip().removeprefix("v"))
    if found is None:
        return None
    numbers = [int(part) for part in found[0].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _parse(context: Context, text: Value) -> Value:
    if isinstance(text, Instance) and text.cls is _VERSION:
        return text
    if isinstance(text, Instance):
        text = text.payload
    if isinstance(text, tuple):  # which torch's own version can be compared with
        text = ".".join(map(str, text))
    release = _release(text) if isinstance(text, str) else None
    if release is None:
        return contains_unknown([text]) or context.unknown("a version that is not known")
    major, minor, micro = (*release, 0, 0, 0)[:3]
    attrs: dict[str, Value] = {"major": major, "minor": minor, "micro": micro, "release": (major, minor, micro)}
    return Instance(_VERSION, attrs | {"base_version": text, "public": text}, hidden={"release": release})


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[..., Value]:
    def call(context: Context, one: Instance, other: Value) -> Value:
        mine, parsed = _parse(context, one), _parse(context, other)
        return compare(mine.hidden["release"], parsed.hidden["release"]) if isinstance(parsed, Instance) else parsed

    return call


_COMPARISONS: dict[str, Value] = {
    f"__{name}__": Native(f"Version.{name}", _comparison(getattr(operator, name)))
    for name in ("lt", "le", "gt", "ge", "eq", "ne")
}
_VERSION = python_class(
    "packaging.version.Version",
    namespace={"__new__": Native("Version", lambda context, cls, text: _parse(context, text)), **_COMPARISONS},
)
_TORCH_VERSION = python_class("torch.torch_version.TorchVersion", (CLASSES["str"],), _COMPARISONS)
VERSIONS: dict[str, Value] = {
    **{f"{name}.__version__": version for name, version in _INSTALLED.items()},
    "torch.__version__": Instance(_TORCH_VERSION, payload=_INSTALLED["torch"]),
    "packaging.version.Version": _VERSION,
    "packaging.version.parse": Native("packaging.version.parse", _parse),
    "distutils.version.LooseVersion": _VERSION,
    "distutils.version.StrictVersion": _VERSION,
    "looseversion.LooseVersion": _VERSION,
    "pkg_resources.parse_version": Native("pkg_resources.parse_version", _parse),
    "mmengine.utils.digit_version": Native("mmengine.utils.digit_version", _parse),
    "importlib.metadata.version": Native(
        "importlib.metadata.version",
        lambda context, name: _INSTALLED.get(name) or context.unknown("the version of a library"),
    ),
}
