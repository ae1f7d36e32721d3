"""A file that cannot be decoded or parsed."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.subjects import Problem, SourceSubject


def check_source(subject: SourceSubject) -> Iterator[Problem]:
    """Say why the file cannot be read, where its first error stands."""
    if subject.unreadable is not None:
        yield Problem(subject.unreadable.reason, subject.unreadable.span)
