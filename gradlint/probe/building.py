"""Which expressions of the source build the real network, the likeliest first."""

from __future__ import annotations

import ast
from itertools import islice
from pathlib import Path

from gradlint.network import Network, Origin
from gradlint.network.origin import PositionSource

Build = tuple[str, str]
"""The absolute path of a file, and an expression in its namespace."""

_OUTWARDS = 4
"""Calls around the one that makes the network which are tried, too: what it is given may be known there only."""
_CUT = "..."


def builds(network: Network) -> tuple[Build, ...]:
    """The call that makes a network, then those of the functions that it is made in, then the variable of its name.

    A call whose result nobody uses (`main()`) is none of them, nor what is around it: it does more than build.
    """
    if network.origin is None or not network.call:
        return ()
    own = _text(network.origin)
    call = own if _same(own, network.call) else network.call
    found = [(_file(network.origin.source), call)]
    for origin in islice(network.origin.chain(), 1, 1 + _OUTWARDS):
        outer = _text(origin)
        if not outer or _unused(origin):
            break
        found.append((_file(origin.source), outer))
    if network.name.isidentifier() and network.name != callee(call):
        found.append((found[0][0], network.name))
    return tuple(dict.fromkeys(found))


def callee(call: str) -> str:
    """The last name of what an expression calls: `Linear` of "nn.Linear(3, 4)". The expression itself if it is none."""
    try:
        node = ast.parse(call.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return call
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else call


def _file(source: PositionSource) -> str:
    return str(Path(source.name).absolute())


def _same(text: str, call: str) -> bool:
    """Whether `call`, in which space is evened out and the end may be cut off, is short for `text`."""
    even = " ".join(text.split())
    return even.startswith(call.removesuffix(_CUT)) if call.endswith(_CUT) else even == call


def _lines(origin: Origin) -> list[str]:
    """The lines of the source that an origin covers, whole; none where the source has no text of its own."""
    text = getattr(origin.source, "text", "")
    span = origin.span
    if not isinstance(text, str) or span.cell is not None:
        return []
    return text.split("\n")[span.line - 1 : span.end_line]


def _text(origin: Origin) -> str:
    """The source text of an origin if it is an expression, else empty."""
    lines, span = _lines(origin), origin.span
    if not lines:
        return ""
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    text = "\n".join(lines)
    try:
        ast.parse(f"({text}\n)", mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return text


def _unused(origin: Origin) -> bool:
    """Whether a call is a statement of its own."""
    lines, span = _lines(origin), origin.span
    before, after = lines[0][: span.column - 1], lines[-1][span.end_column - 1 :]
    return not before.strip() and not after.partition("#")[0].strip()
