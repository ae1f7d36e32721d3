from __future__ import annotations

import pytest

from gradlint.sources import SourceError, decode, may_matter
from gradlint.sources.decoding import MAXIMUM_BYTES


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("x = 'ä'\n".encode(), "x = 'ä'\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe4'\n", "# -*- coding: latin-1 -*-\nx = 'ä'\n"),
        (
            b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n\x80\n",
            "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n€\n",
        ),
        (b"\n\n# coding: latin-1\n", "\n\n# coding: latin-1\n"),
        (b"# x\r\n# coding: latin-1\r\n\xe4\r\n", "# x\r\n# coding: latin-1\r\nä\r\n"),
        (b"#" * 3000 + b"\nx = 1\n", "#" * 3000 + "\nx = 1\n"),
    ],
)
def test_decodes_as_python_does(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize(
    ("data", "line", "column", "part"),
    [
        (b"x = 1\ny = '\xff'\n", 2, 6, "0xff as utf-8"),
        ("# ä\nx = 'ö".encode() + b"\xe4'\n", 2, 7, "0xe4 as utf-8"),
        (b"x\0y\n", 1, 2, "null byte"),
        ("x = 1\n".encode("utf-16"), 1, 1, "0xff as utf-8"),
        (b"# coding: klingon\n", 1, 1, "klingon"),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, 1, "utf-8"),
        (b"# coding: ascii\nx = 1\n\xe4\n", 3, 1, "0xe4 as ascii"),
        (b"x" * (MAXIMUM_BYTES + 1), 1, 1, "16 MiB"),
    ],
)
def test_says_where_decoding_fails(data: bytes, line: int, column: int, part: str) -> None:
    with pytest.raises(SourceError) as caught:
        decode(data)
    assert part in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column)


def test_codecs_that_give_no_text_are_refused() -> None:
    with pytest.raises(SourceError):
        decode(b"# coding: hex\n00\n")


@pytest.mark.parametrize("word", ["import torch", "from tensorflow import keras", "import lightning.pytorch as pl"])
def test_a_file_that_names_a_framework_may_matter(word: str) -> None:
    assert may_matter(word.encode())


def test_other_files_do_not_matter() -> None:
    assert not may_matter(b"import numpy as np\n")
