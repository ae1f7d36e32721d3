from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator

import pytest

from gradlint.probe.protocol import LENGTH, MAGIC, Closed, TimedOut, receive, send


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    source, sink = os.pipe()
    yield source, sink
    for descriptor in (source, sink):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_messages_arrive_in_order_and_whole(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    large = {"numbers": list(range(200_000))}
    writer = threading.Thread(target=lambda: [send(sink, {"first": 1}), send(sink, large)])
    writer.start()
    assert receive(source) == {"first": 1}
    assert receive(source, 30.0) == large
    writer.join()


def test_infinite_and_undefined_numbers_pass(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    send(sink, {"values": [math.inf, -math.inf, math.nan]})
    values = receive(source)["values"]
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])


def test_a_closed_end_is_told(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    os.close(sink)
    with pytest.raises(Closed):
        receive(source)


def test_nobody_to_read_is_told(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    os.close(source)
    with pytest.raises(Closed):
        send(sink, {"x": 1})


@pytest.mark.parametrize(
    "junk",
    [
        b"hello, this is a print",
        LENGTH.pack(MAGIC, 1 << 60),
        LENGTH.pack(MAGIC, 3) + b"[1]",
        LENGTH.pack(MAGIC, 2) + b"{]",
    ],
)
def test_what_is_no_message_is_refused(pipe: tuple[int, int], junk: bytes) -> None:
    source, sink = pipe
    os.write(sink, junk)
    with pytest.raises(Closed):
        receive(source)


def test_waiting_ends(pipe: tuple[int, int]) -> None:
    source, sink = pipe
    os.write(sink, LENGTH.pack(MAGIC, 100))
    with pytest.raises(TimedOut):
        receive(source, 0.01)
