"""How deeply an expression nests, found without parsing: libcst's parser overruns the stack on hostile files.

Its time also grows with the square of the length of a chain of operators, so that a few kilobytes can take
minutes. Both are avoided by refusing what no person writes.
"""

from __future__ import annotations

import itertools
import re

from gradlint.sources.errors import SourceError

MAXIMUM_BRACKETS = 200
"""Python's own limit on open brackets (`MAXLEVEL` of its tokenizer)."""

MAXIMUM_OPERATORS = 1000
"""Operators on one path into an expression. Parsing a sum of so many terms takes 0.2 s and 3 MiB of stack."""

MAXIMUM_ELIFS = 2000
"""Each `elif` of a chain lies inside the one before it."""

_HARMLESS_LENGTH = 400
"""Too short to nest deeper than the parser can bear."""

_STRING_WEIGHT = 0.25
"""Neighbouring strings nest too, but cost the parser a quarter of an operator."""

_MARK = "\x01"

_OPAQUE = re.compile(
    r"""#[^\n]*|\\\r?\n"""
    r'''|"""[^\\]*?(?:\\.[^\\]*?)*"""'''
    r"""|'''[^\\]*?(?:\\.[^\\]*?)*'''"""
    r'''|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'''
    r"""|'[^'\\\n]*(?:\\.[^'\\\n]*)*'""",
    re.DOTALL,
)
_WORDS = ("and", "or", "not", "if", "else", "lambda", "elif", "for", "await")
_TOKEN = re.compile(rf"""[()\[\]{{}},\n]|[-+*/%@|&^<>~.]+|"|\b(?:{"|".join(_WORDS)})\b""")

_STATEMENT = re.compile(r"\n(?<!\\\n)(?<!\\\r\n)[ \t]*(?:def|class|return|import|raise|assert|with|try|while)\b")
"""The start of a line that goes on with nothing: no bracket is open where one of these words may stand."""

_NO_TOKENS = bytes(set(range(256)) - set(b"""()[]{}-+*/%@|&^<>~."'#\\"""))
"""Characters that no token is made of, but for its words."""

_BEFORE_LONG_STRING = re.compile(r"""(?:[^"'#\\]*(?:"[^"\\]*"|'[^'\\]*'))*[^"'#\\]*""")
"""What may stand in a line before a long string so that it is one, and not the end of another."""


def check_nesting(text: str) -> None:
    """Refuse a text that nests more deeply than the parser can bear.

    Counts, along the path of open brackets, the operators before each.

    Raises:
        SourceError: with the line where it gets too deep.
    """
    if len(text) < _HARMLESS_LENGTH or _is_flat(text):
        return
    counts = [0.0]
    total = 0.0
    elifs = 0
    for index, token in enumerate(_TOKEN.findall(_OPAQUE.sub('"', text))):
        if token == "\n":
            if len(counts) == 1:
                total = counts[0] = 0.0
        elif token == ",":
            total -= counts[-1]
            counts[-1] = 0.0
        elif token in "([{":
            counts.append(0.0)
            if len(counts) > MAXIMUM_BRACKETS + 1:
                raise SourceError("too many nested brackets", _where(text, index))
        elif token in ")]}":
            if len(counts) > 1:
                total -= counts.pop()
            counts[-1] += 1
            total += 1
        else:
            elifs += token == "elif"
            width = 1.0 if token[0].isalpha() else _STRING_WEIGHT if token == '"' else float(len(token))
            counts[-1] += width
            total += width
        if total > MAXIMUM_OPERATORS or elifs > MAXIMUM_ELIFS:
            raise SourceError("an expression or statement nests too deeply", _where(text, index))


def _where(text: str, index: int) -> int:
    """The line of the token at `index`: the walk is made again with the line ends inside strings kept as marks."""
    marked = _OPAQUE.sub(lambda match: '"' + _MARK * match[0].count("\n"), text)
    token = next(itertools.islice(_TOKEN.finditer(marked), index, None))
    before = marked[: token.start()]
    return 1 + before.count("\n") + before.count(_MARK)


def _is_flat(text: str) -> bool:
    """Whether a look that is many times faster than counting shows that a text cannot nest too deeply."""
    code = _without_long_strings(text)
    if code is None or code.count("elif") > MAXIMUM_ELIFS:
        return False
    return all(len(part) <= MAXIMUM_BRACKETS or _is_light(part) for part in _STATEMENT.split(code))


def _is_light(part: str) -> bool:
    """Whether some statements hold fewer brackets and operators in all than may nest in one of them."""
    if sum(map(part.count, "([{")) > MAXIMUM_BRACKETS:
        return False
    if len(part) <= MAXIMUM_OPERATORS:
        return True
    marks = len(part.encode(errors="surrogatepass").translate(None, _NO_TOKENS))
    return marks + sum(map(part.count, _WORDS)) <= MAXIMUM_OPERATORS


def _without_long_strings(text: str) -> str | None:
    """The text with one quote for each string in triple quotes; None where it is not plain which those are."""
    pieces = text.split('"""')
    outside, inside = pieces[::2], pieces[1::2]
    if len(outside) == len(inside) or any(piece.endswith("\\") for piece in inside):
        return None
    for before in outside[:-1]:
        end = before.rfind("\n")
        if before.endswith(("\\", "\\\r"), 0, max(end, 0)) or not _BEFORE_LONG_STRING.fullmatch(before, end + 1):
            return None
    code = '"'.join(outside)
    return None if "'''" in code else code
