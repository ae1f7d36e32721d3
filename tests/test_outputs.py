from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.outputs import Output, OutputError, outputs_of, parse_output


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("full", Output("full")),
        ("sarif:out.sarif", Output("sarif", Path("out.sarif"))),
        ("sarif:C:\\out\\x.sarif", Output("sarif", Path("C:\\out\\x.sarif"))),
        ("junit:sub/a:b.xml", Output("junit", Path("sub/a:b.xml"))),
    ],
)
def test_an_output_is_a_format_and_perhaps_a_file(text: str, output: Output) -> None:
    assert parse_output(text) == output


@pytest.mark.parametrize(("text", "part"), [("xml", "not one of full"), ("C:\\x", "'C' is not"), ("json:", "no file")])
def test_what_is_no_output(text: str, part: str) -> None:
    with pytest.raises(OutputError, match=part):
        parse_output(text)


def test_without_any_the_default_goes_to_standard_output() -> None:
    assert outputs_of([], None, "concise") == (Output("concise"),)
    assert outputs_of([], Path("x"), "concise") == (Output("concise", Path("x")),)


def test_the_output_file_is_for_the_format_without_one() -> None:
    given = [Output("sarif", Path("a")), Output("json")]
    assert outputs_of(given, Path("b"), "full") == (Output("sarif", Path("a")), Output("json", Path("b")))
    with pytest.raises(OutputError, match="nothing to write"):
        outputs_of(given[:1], Path("b"), "full")


@pytest.mark.parametrize(
    ("given", "file", "part"),
    [
        ([Output("json"), Output("full")], None, "standard output"),
        ([Output("json", Path("a")), Output("sarif", Path("a"))], None, "go to a"),
        ([Output("json", Path("a")), Output("sarif")], Path("a"), "go to a"),
    ],
)
def test_two_outputs_cannot_go_to_one_place(given: list[Output], file: Path | None, part: str) -> None:
    with pytest.raises(OutputError, match=part):
        outputs_of(given, file, "full")
