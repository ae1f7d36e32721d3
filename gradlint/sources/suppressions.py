"""Comments that suppress findings: `# gradlint: ignore[rule]`, `# gradlint: ignore-file[rule]`, `# noqa: GRD101`."""

from __future__ import annotations

import enum
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

_MARKER = re.compile(r"#\s*(?:gradlint\s*:|noqa\s*:)", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*gradlint\s*:\s*(?P<kind>ignore-file|ignore)\b(?!-)\s*(?:\[(?P<rules>[^\]]*)\])?")
_NOQA = re.compile(r"#\s*noqa\s*:\s*(?P<rules>[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)", re.IGNORECASE)
_SEPARATOR = re.compile(r"[,\s]+")


class Scope(enum.StrEnum):
    """How a suppression is written, and so how far it reaches."""

    STATEMENT = "ignore"
    FILE = "ignore-file"
    NOQA = "noqa"


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment that suppresses.

    `line`, `column` and `end_column` (from 1, the end exclusive) are where it stands in the text.
    `first_line` and `last_line` are those of the statement that it belongs to. `rules` are names or codes as
    written; none means all. `misplaced` marks an `ignore-file` that does not stand at the top: it has no effect.
    """

    scope: Scope
    rules: tuple[str, ...]
    line: int
    column: int
    end_column: int
    first_line: int
    last_line: int
    misplaced: bool = False

    def reaches(self, line: int) -> bool:
        """Whether a finding that starts on `line` of the text is within reach."""
        if self.scope is Scope.FILE:
            return not self.misplaced
        return self.first_line <= line <= self.last_line


@dataclass(frozen=True, slots=True)
class Suppressions:
    """All suppressions of a file, in order."""

    entries: tuple[Suppression, ...] = ()


@dataclass(frozen=True, slots=True)
class _Comment:
    text: str
    line: int
    column: int
    first_line: int
    last_line: int
    at_top: bool


def read_suppressions(text: str) -> Suppressions:
    """The suppressions in the comments of `text`; a text without any costs one search."""
    last = max((match.end() for match in _MARKER.finditer(text)), default=None)
    if last is None:
        return Suppressions()
    found: list[Suppression] = []
    for comment in _comments(text, 1 + text.count("\n", 0, last)):
        for match in _DIRECTIVE.finditer(comment.text):
            scope = Scope(match["kind"])
            misplaced = scope is Scope.FILE and not comment.at_top
            found.append(_suppression(comment, match, scope, misplaced))
        found.extend(_suppression(comment, match, Scope.NOQA) for match in _NOQA.finditer(comment.text))
    return Suppressions(tuple(found))


def _suppression(comment: _Comment, match: re.Match[str], scope: Scope, misplaced: bool = False) -> Suppression:
    return Suppression(
        scope=scope,
        rules=tuple(rule for rule in _SEPARATOR.split(match["rules"] or "") if rule),
        line=comment.line,
        column=comment.column + match.start() + 1,
        end_column=comment.column + match.end() + 1,
        first_line=comment.first_line,
        last_line=comment.last_line,
        misplaced=misplaced,
    )


def _comments(text: str, last: int) -> Iterator[_Comment]:
    """Every comment as far as the line `last`, with the lines of the statement that it stands in.

    Where the text cannot be tokenized to its end, the comments up to there.
    """
    waiting: list[tokenize.TokenInfo] = []
    first_line = 0
    words: list[int] = []
    at_top = True
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            line = token.start[0]
            if line > last and not words:
                return
            if token.type == tokenize.COMMENT:
                if not words:
                    yield _Comment(token.string, line, token.start[1], line, line, at_top)
                else:
                    waiting.append(token)
            elif token.type == tokenize.NEWLINE:
                for comment in waiting:
                    yield _Comment(comment.string, comment.start[0], comment.start[1], first_line, line, False)
                at_top = at_top and words == [tokenize.STRING]
                waiting, words = [], []
            elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
                if not words:
                    first_line = line
                words.append(token.type)
    except (tokenize.TokenError, SyntaxError):
        for comment in waiting:
            yield _Comment(comment.string, comment.start[0], comment.start[1], first_line, comment.start[0], False)
