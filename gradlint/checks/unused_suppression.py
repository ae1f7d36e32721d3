"""A suppression that suppresses nothing, or names no rule."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.subjects import Problem, SourceSubject, SuppressionUse


def check_source(subject: SourceSubject) -> Iterator[Problem]:
    """Say of each suppression what is wrong with it; most have nothing wrong."""
    for use in subject.suppressions:
        for message in _faults(use):
            yield Problem(message, use.span)


def _faults(use: SuppressionUse) -> Iterator[str]:
    if use.misplaced:
        yield "`ignore-file` has no effect here: it must stand at the top of the file"
        return
    for rule in use.unknown:
        yield f"`{rule}` is not the name or code of a rule"
    if not use.rules:
        names = ", ".join(use.suppressed)
        yield (
            f"`{use.written}` names no rule: write `{use.written}[{names}]`"
            if names
            else f"`{use.written}` names no rule and suppresses nothing"
        )
    elif use.unused:
        names = ", ".join(f"`{rule}`" for rule in use.unused)
        yield f"{names} would not be reported here: the suppression suppresses nothing"
