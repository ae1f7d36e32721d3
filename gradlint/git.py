"""What git knows of the files: where their repository is, and which of their lines changed since a revision."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gradlint.config import ConfigError
from gradlint.findings import Finding, Span

_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_FROM_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""A hook of git sets these for itself, relative to where it runs; git finds the repository without them."""

_DIFF = (
    *("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--unified=0", "--find-renames"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "--diff-filter=d"),
)


class GitError(ConfigError):
    """What git cannot tell, in a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Ranges of lines, first and last; None stands for all lines."""

    ranges: tuple[tuple[int, int], ...] | None = None

    def touch(self, first: int, last: int) -> bool:
        """Whether one of them lies between `first` and `last`."""
        return self.ranges is None or any(start <= last and first <= end for start, end in self.ranges)


@dataclass(frozen=True, slots=True)
class Changes:
    """The lines that changed, by the real path of their file."""

    files: Mapping[str, Lines]

    def concern(self, finding: Finding) -> bool:
        """Whether a line of the finding, or of a place that belongs to it, changed.

        Lines of a notebook count within its cells, which git does not know: there any change counts.
        """
        return any(self._touch(span) for span in (finding.span, *(related.span for related in finding.related)))

    def _touch(self, span: Span) -> bool:
        lines = self.files.get(os.path.realpath(span.file))
        return lines is not None and (span.cell is not None or lines.touch(span.line, max(span.end_line, span.line)))


def repository_root(start: Path) -> Path | None:
    """The root of the repository that holds `start`; None where there is none. Asks no process."""
    start = start.absolute()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)


def changes_since(revision: str, folder: Path) -> Changes:
    """The lines of the working tree that changed since it left `revision` behind, and all lines of untracked files.

    What happened to `revision` after the two parted is no change of ours: as in a pull request, their merge base
    counts. Where lines were only taken away, their neighbours count as changed.

    Raises:
        GitError: git is not there, `folder` is in no repository, or there is no such revision.
    """
    top = Path(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")))
    base = _base(revision, top)
    files: dict[str, Lines] = {}
    for path, lines in _changed(_git(top, *_DIFF, base, "--")):
        files[os.path.realpath(top / os.fsdecode(path))] = lines
    for path in _git(top, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0"):
        if path:
            files[os.path.realpath(top / os.fsdecode(path))] = Lines()
    return Changes(files)


def _base(revision: str, top: Path) -> str:
    try:
        commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except GitError:
        raise GitError(f"git knows no revision {revision!r} here; a shallow clone may have to fetch it first") from None
    name = commit.decode().strip()
    try:
        return _git(top, "merge-base", name, "HEAD").decode().strip() or name
    except GitError:  # histories that have nothing in common
        return name


def _git(folder: Path, *arguments: str) -> bytes:
    environment = {key: value for key, value in os.environ.items() if key not in _FROM_HOOKS}
    try:
        done = subprocess.run(
            ["git", "-c", "core.quotePath=true", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise GitError(f"git cannot be run: {(error.strerror or str(error)).lower()}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().split("\n")[0].removeprefix("fatal: ")
        if "not a git repository" in said:
            raise GitError(f"{folder}: not in a git repository")
        raise GitError(f"git {arguments[0]}: {said or 'failed'}")
    return done.stdout


def _changed(patch: bytes) -> Iterator[tuple[bytes, Lines]]:
    """The files of a patch without context, each with its changed lines. Renamed files without a change are none."""
    path: bytes | None = None
    ranges: list[tuple[int, int]] = []
    lines = iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"diff --git "):
            if path is not None:
                yield path, Lines(tuple(ranges))
            path, ranges = None, []
        elif line.startswith(b"+++ "):
            path = _path(line[4:])
        elif (hunk := _HUNK.match(line)) is not None:
            old, first, new = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
            ranges.append((first, first + new - 1) if new else (max(first, 1), first + 1))
            _skip(lines, old + new)
    if path is not None:
        yield path, Lines(tuple(ranges))


def _skip(lines: Iterable[bytes], count: int) -> None:
    """Pass over the lines of a hunk, whatever they look like."""
    for line in lines:
        count -= not line.startswith(b"\\")  # "\ No newline at end of file"
        if not count:
            return


def _path(name: bytes) -> bytes:
    """The path of a line `+++ b/...`, which git quotes where it holds anything unusual."""
    quoted = name.startswith(b'"')
    plain = _ESCAPE.sub(_unescape, name[1 : name.rindex(b'"')]) if quoted else name.removesuffix(b"\t")
    return plain.removeprefix(b"b/")


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8)]) if len(code) == 3 else _ESCAPES.get(code, code)
