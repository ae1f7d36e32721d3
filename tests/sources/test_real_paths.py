"""Real paths: what `os.path.realpath` says, whatever links lie on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradlint.sources.real_paths import RealPaths


@pytest.mark.parametrize(
    "name",
    ["real/a.py", "linked/a.py", "real/link.py", "linked/link.py", "linked/../top.py", "linked/inner/../b.py", "no.py"],
)
def test_files_are_found_through_links_of_folders_and_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "elsewhere" / "inner").mkdir(parents=True)
    (tmp_path / "real").mkdir()
    for file in ("elsewhere/a.py", "elsewhere/b.py", "elsewhere/top.py", "real/a.py", "top.py"):
        (tmp_path / file).touch()
    (tmp_path / "linked").symlink_to("elsewhere/inner/..")
    (tmp_path / "real" / "link.py").symlink_to("../elsewhere/b.py")
    (tmp_path / "elsewhere" / "link.py").symlink_to("a.py")
    monkeypatch.chdir(tmp_path)
    paths = RealPaths()
    for path in (name, str(tmp_path / name), Path(name)):
        assert paths.of(path) == paths.of(path) == os.path.realpath(path)
