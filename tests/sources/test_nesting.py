from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.sources import SourceError
from gradlint.sources.nesting import MAXIMUM_BRACKETS, MAXIMUM_OPERATORS, check_nesting
from gradlint.sources.parsing import parse

DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "x = " + "(" * n + "1" + ")" * n,
    "lists": lambda n: "x = " + "[" * n + "1" + "]" * n,
    "calls": lambda n: "x = " + "f(" * n + "1" + ")" * n,
    "dicts": lambda n: "x = " + "{1:" * n + "1" + "}" * n,
    "sum": lambda n: "x = 1" + "+1" * n,
    "sum over lines": lambda n: "x = (1" + "\n+1" * n + ")",
    "joined lines": lambda n: "x = 1" + " \\\n+1" * n,
    "power": lambda n: "x = 1" + "**1" * n,
    "minus": lambda n: "x = " + "-" * n + "1",
    "not": lambda n: "x = " + "not " * n + "1",
    "attributes": lambda n: "x = a" + ".a" * n,
    "calls of calls": lambda n: "x = a" + "()" * n,
    "subscripts": lambda n: "x = a" + "[0]" * n,
    "strings": lambda n: "x = " + "''" * 4 * n,
    "lambdas": lambda n: "x = " + "lambda:" * n + "1",
    "elifs": lambda n: "if a:\n a\n" + "elif a:\n a\n" * 2 * n,
    "conditionals": lambda n: "x = " + "a if a else " * n + "1",
    "and": lambda n: "x = 1" + " and 1" * n,
    "generators": lambda n: "x = [a " + "for a in b " * n + "]",
    "long strings that hold lines": lambda n: "x = 1" + '+"""\nreturn """' * n,
    "long strings of the other kind": lambda n: "x = 1" + "+'''\ndef f'''" * n,
    "long strings after a quote in a comment": lambda n: 'x = [  # """\n' + '1 + """\nreturn """ + ' * n + "1]",
    "strings of several lines": lambda n: "x = 1" + "+'\\\ndef f'" * n,
    "lines that go on": lambda n: "x = 1" + " \\\r\n+1" * n,
    "strings in strings": lambda n: "x = " + "f'{" * n + "1" + "}'" * n,
}


@pytest.mark.parametrize("kind", DEEP)
def test_what_would_overrun_the_parser_is_refused(kind: str) -> None:
    with pytest.raises(SourceError):
        parse(DEEP[kind](20_000))


@pytest.mark.parametrize("kind", DEEP)
def test_what_people_write_is_not(kind: str) -> None:
    check_nesting(DEEP[kind](150))


@pytest.mark.parametrize(
    "text",
    [
        "x = [" + "-1.5, " * 5000 + "]",
        "x = {\n" + '    "name": (1, -2, a.b),\n' * 5000 + "}",
        "x = f(a + b)\n" * 5000,
        "x = 1  # ((((( \n" * 500,
        'x = ")" + "((("\n' * 1000,
        '"""' + "((( + - \n" * 1000 + '"""\n',
        "x = a.b.c(d)[0]\n" * 1000,
    ],
)
def test_long_is_not_deep(text: str) -> None:
    check_nesting(text)


def test_the_line_is_that_of_the_depth() -> None:
    text = '"""a\nb\nc"""\nx = 1  # one\ny = (\n' + "(" * MAXIMUM_BRACKETS
    with pytest.raises(SourceError) as caught:
        check_nesting(text + " " * 400)
    assert caught.value.line == 6
    text = "x = 'a'\ny = 1" + " + 1" * MAXIMUM_OPERATORS + " + 1"
    with pytest.raises(SourceError) as caught:
        check_nesting(text)
    assert caught.value.line == 2


def test_a_bracket_left_open_is_called_so() -> None:
    with pytest.raises(SourceError, match="never closed"):
        parse("x = (\n" + "y.a = b + 1\n" * 2000)
