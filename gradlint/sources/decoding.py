"""Bytes to text by PEP 263, and a cheap look at the bytes that tells whether a file can matter at all."""

from __future__ import annotations

import re
import tokenize

from gradlint.sources.errors import SourceError

FRAMEWORK_WORDS = (b"torch", b"keras", b"tensorflow", b"lightning")
"""A file that names none of these builds no network that gradlint knows."""

MAXIMUM_BYTES = 16 * 1024 * 1024
"""Larger files are data; parsing one would take minutes."""

NEWLINE = re.compile(r"\r\n?|\n")
"""What ends a line of Python; `str.splitlines` knows further ones, which Python does not."""


def may_matter(data: bytes) -> bool:
    """Whether a file can hold a network: it names a framework somewhere."""
    return any(word in data for word in FRAMEWORK_WORDS)


def decode(data: bytes) -> str:
    """The text of a Python file, decoded by its byte order mark or coding line, else as UTF-8.

    Raises:
        SourceError: the bytes are no text in that encoding, or the encoding is not known.
    """
    if len(data) > MAXIMUM_BYTES:
        raise SourceError(f"larger than {MAXIMUM_BYTES // 1024 // 1024} MiB")
    encoding = encoding_of(data)
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError, ValueError):
        raise _undecodable(data, encoding, f"cannot decode the file as {encoding}") from None
    null = text.find("\0")
    if null >= 0:
        raise SourceError("the file contains a null byte", *_position(text, null))
    return text


def encoding_of(data: bytes) -> str:
    """The encoding of a Python file, with `-sig` where it starts with a byte order mark.

    Raises:
        SourceError: the encoding is not known.
    """
    lines = (
        iter(data.splitlines(keepends=True)[:2]) if len(data) < 1024 else iter(data[:1024].splitlines(keepends=True))
    )
    try:
        return tokenize.detect_encoding(lambda: next(lines, b""))[0]
    except SyntaxError as error:
        raise _undecodable(data, "utf-8-sig", str(error)) from None


def _undecodable(data: bytes, encoding: str, reason: str) -> SourceError:
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, errors="replace")
        byte = f"0x{data[error.start]:02x}"
        return SourceError(
            f"cannot decode byte {byte} as {encoding.removesuffix('-sig')}", *_position(before, len(before))
        )
    except (LookupError, ValueError):
        pass
    return SourceError(reason)


def _position(text: str, offset: int) -> tuple[int, int]:
    lines = NEWLINE.split(text[:offset])
    return len(lines), len(lines[-1]) + 1
