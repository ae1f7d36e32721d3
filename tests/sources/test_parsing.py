from __future__ import annotations

import gc
import textwrap

import pytest

from gradlint.sources import SourceError
from gradlint.sources.parsing import parse, syntax_error


@pytest.mark.parametrize(
    ("text", "line", "column", "part"),
    [
        ("def f(:\n", 1, 7, "invalid syntax"),
        ("x = (1\ny = 2\n", 1, 5, "'(' was never closed"),
        ("if x:\nprint(1)\n", 2, 1, "expected an indented block"),
        ("print 'a'\n", 1, 1, "Missing parentheses"),
        ("x = '''abc\n", 1, 5, "unterminated"),
        ("x = 1\n  y = 2\n", 2, 3, "unexpected indent"),
        ("# ä ö\nx = = 1\n", 2, 5, "invalid syntax"),
    ],
)
def test_errors_are_in_the_words_and_places_of_python(text: str, line: int, column: int, part: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse(text)
    assert part in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("text", ["", "\n", "# comment", "x = 1", "\f\nx = 1\n", "x = 1\r\ny = 2\r\n"])
def test_empty_and_odd_texts_parse(text: str) -> None:
    assert parse(text).code == text


def test_syntax_of_today_parses() -> None:
    text = textwrap.dedent(
        """
        async def f[T](x: T, /, *, y=1) -> T:
            match x:
                case {"a": [1, *rest], **other} if (n := len(rest)) > 1:
                    return f"{n!r:>{n}}"
            try:
                pass
            except* ValueError:
                pass
            with (open("a") as a, open("b") as b):
                yield
        """
    )
    assert parse(text).code == text


def test_nothing_wrong_is_none() -> None:
    assert syntax_error("x = 1\n") is None


def test_warnings_of_the_compiler_stay_silent(recwarn: pytest.WarningsRecorder) -> None:
    syntax_error("x = '\\d'\nif x is 1: pass\ndef f(:\n")
    assert len(recwarn) == 0


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        parse("x = 1\n")
        with pytest.raises(SourceError):
            parse("x = (\n")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
