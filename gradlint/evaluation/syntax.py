"""Reading syntax: walks over the parts of a node that mean something, and dotted names as text."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import fields

import libcst as cst

_BARE = (
    "whitespace",
    "lpar",
    "rpar",
    "leading_lines",
    "lines_",
    "trailing_",
    "comma",
    "semicolon",
    "equal",
    "dot",
    "colon",
    "first_colon",
    "second_colon",
    "header",
    "footer",
    "lbra",
    "rbra",
    "indent",
    "newline",
)
"""How the names of fields begin that hold no meaning."""


@functools.cache
def _meaningful(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if not field.name.startswith(_BARE))


def descendants(root: cst.CSTNode, but: tuple[type[cst.CSTNode], ...] = ()) -> Iterator[cst.CSTNode]:
    """`root` and the nodes below it, in no particular order; nothing below those of the kinds `but`."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        if but and isinstance(node, but):
            continue
        for name in _meaningful(type(node)):
            part = getattr(node, name)
            if isinstance(part, cst.CSTNode):
                stack.append(part)
            elif type(part) in (tuple, list):
                stack.extend([item for item in part if isinstance(item, cst.CSTNode)])


def dotted_name(node: cst.CSTNode) -> str:
    """A name and the attributes behind it as one text (`nn.Linear`); empty for anything else."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    return ".".join([node.value, *reversed(parts)]) if isinstance(node, cst.Name) else ""
