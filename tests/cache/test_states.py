from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradlint.cache import states
from gradlint.cache.states import GONE, States
from gradlint.files import digest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a.py"
    file.write_bytes(b"one")
    return file


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been as it is for long."""
    monkeypatch.setattr(states, "_SETTLED", -(10**15))


def test_the_digest_is_that_of_the_content(file: Path) -> None:
    assert States({}).digest(str(file)) == digest(b"one")
    assert States({}).digest(str(file.parent / "b.py")) == GONE


@pytest.mark.usefixtures("settled")
def test_a_file_with_the_same_stamp_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = States({})
    first.digest(str(file))
    assert first.learned == 1
    second = States(first.known)
    monkeypatch.setattr(Path, "read_bytes", None)
    assert second.digest(str(file)) == digest(b"one")
    assert second.learned == 0


@pytest.mark.usefixtures("settled")
def test_a_change_that_leaves_size_and_time_is_seen(file: Path) -> None:
    first = States({})
    first.digest(str(file))
    status = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert States(first.known).digest(str(file)) == digest(b"two")


def test_a_file_that_just_changed_gets_no_stamp(file: Path) -> None:
    fresh = States({})
    fresh.digest(str(file))
    assert (fresh.known, fresh.learned) == ({}, 0)


@pytest.mark.usefixtures("settled")
def test_what_was_read_is_noted(file: Path) -> None:
    noted = States({})
    noted.note(str(file), digest(b"one"))
    assert States(noted.known).digest(str(file)) == digest(b"one")
    noted.note(str(file), GONE)
    assert noted.known == {}


def test_an_import_leads_to_a_file_or_to_none(file: Path) -> None:
    looked = States({})
    assert looked.module((str(file.parent), "a", 0)) == str(file)
    assert looked.module((str(file.parent), "b", 0)) is None
