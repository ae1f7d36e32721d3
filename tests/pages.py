"""The examples on the pages of rules: small programs whose comments say what gradlint must find in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gradlint.catalogue import Rule

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"^# file: (\S+)$", re.MULTILINE)
_EXPECTED = re.compile(r"#.*\berror: \[([a-z0-9-]+(?:, *[a-z0-9-]+)*)\]")
_IMPORTS = {
    "torch": re.compile(r"^\s*(?:import|from) (?:torch|lightning|pytorch_lightning)\b", re.MULTILINE),
    "keras": re.compile(r"^\s*(?:import|from) (?:keras|tensorflow)\b", re.MULTILINE),
}

DEFAULT_NAME = "example.py"

Marks = Mapping[tuple[str, int], tuple[str, ...]]
"""Names of rules by file and line, sorted."""


@dataclass(frozen=True)
class Example:
    """One block of Python on a page: its files by name, and which rules must report on which line; no others may.

    `line` is where the block stands on its page.
    """

    rule: Rule
    line: int
    files: Mapping[str, str]
    expected: Marks

    @property
    def is_bad(self) -> bool:
        return bool(self.expected)

    @property
    def fires(self) -> bool:
        """Whether the rule of the page itself has something to report."""
        return any(self.rule.name in names for names in self.expected.values())

    @property
    def frameworks(self) -> frozenset[str]:
        """The frameworks that the example is written in, by their names in the metadata of a page."""
        text = "\n".join(self.files.values())
        return frozenset(name for name, pattern in _IMPORTS.items() if pattern.search(text))

    @property
    def id(self) -> str:
        return f"{self.rule.name}:{self.line}"

    def write(self, folder: Path) -> None:
        """Write the example's files below `folder`."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="latin-1" if "coding: latin-1" in text else "utf-8")


def examples(rule: Rule) -> Iterator[Example]:
    """The examples of a page, in order."""
    for block in _BLOCK.finditer(rule.text):
        files = dict(_files(block[1]))
        yield Example(rule, rule.text.count("\n", 0, block.start()) + 1, files, dict(_expected(files)))


def _files(block: str) -> Iterator[tuple[str, str]]:
    """The files of a block: one, or several that each begin with a line `# file: name.py`."""
    starts = list(_FILE.finditer(block))
    if not starts:
        yield DEFAULT_NAME, block
        return
    assert not block[: starts[0].start()].strip(), "text before the first `# file:` line"
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        yield start[1], block[start.end() + 1 : following.start() if following else None]


def _expected(files: Mapping[str, str]) -> Iterator[tuple[tuple[str, int], tuple[str, ...]]]:
    for name, text in files.items():
        for number, line in enumerate(text.split("\n"), 1):
            match = _EXPECTED.search(line)
            if match:
                yield (name, number), tuple(sorted(rule.strip() for rule in match[1].split(",")))
