"""What parent and child say to each other: JSON messages, each behind its length, over two pipes."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any

Message = dict[str, Any]

LENGTH = struct.Struct(">4sQ")
MAGIC = b"grdl"
LARGEST = 256 << 20


class Closed(Exception):
    """The other side is gone, or what it sent is no message."""


class TimedOut(Exception):
    """No complete message came within the time allowed."""


def send(descriptor: int, message: Message) -> None:
    """Write one message to the pipe `descriptor`.

    Raises:
        Closed: nobody reads at the other end.
    """
    body = json.dumps(message, separators=(",", ":")).encode()
    view = memoryview(LENGTH.pack(MAGIC, len(body)) + body)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise Closed(str(error)) from error


def receive(descriptor: int, seconds: float | None = None) -> Message:
    """Read one message from the pipe `descriptor`, waiting at most `seconds` for the whole of it.

    Raises:
        Closed: the other end was closed, or sent something that is no message.
        TimedOut: the message was not complete in time.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    magic, size = LENGTH.unpack(_read(descriptor, LENGTH.size, deadline))
    if magic != MAGIC or size > LARGEST:
        raise Closed("no message")
    try:
        message = json.loads(_read(descriptor, size, deadline))
    except ValueError as error:
        raise Closed("no message") from error
    if not isinstance(message, dict):
        raise Closed("no message")
    return message


def _read(descriptor: int, size: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    while size:
        if deadline is not None and not _ready(descriptor, deadline - time.monotonic()):
            raise TimedOut
        try:
            part = os.read(descriptor, min(size, 1 << 20))
        except OSError as error:
            raise Closed(str(error)) from error
        if not part:
            raise Closed("closed")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _ready(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], max(seconds, 0.0))[0])
