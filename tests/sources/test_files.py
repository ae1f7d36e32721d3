from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradlint.config import DEFAULT_EXCLUDE
from gradlint.sources import Discovery, Found, Missed


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*names: str, text: str = "") -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def found(*paths: str, exclude: tuple[str, ...] = DEFAULT_EXCLUDE, **options: bool) -> list[str]:
    discovery = Discovery(Path.cwd(), exclude, **options)
    return [result.name for result in discovery.find(paths) if isinstance(result, Found)]


def missed(*paths: str) -> list[Missed]:
    return [result for result in Discovery(Path.cwd()).find(paths) if isinstance(result, Missed)]


def test_folders_give_python_files_and_notebooks_in_order() -> None:
    write("b.py", "a.py", "sub/c.ipynb", "sub/d.py", "stub.pyi", "notes.txt", "sub/data.json")
    assert found(".") == ["a.py", "b.py", "sub/c.ipynb", "sub/d.py"]


def test_names_are_as_given() -> None:
    write("sub/a.py")
    assert found("sub") == ["sub/a.py"]
    assert found("./sub/") == ["sub/a.py"]
    assert found(str(Path.cwd() / "sub")) == [str(Path.cwd() / "sub" / "a.py")]


def test_a_named_file_is_taken_whatever_it_is_called() -> None:
    write("script", "a.pyi")
    assert found("script", "a.pyi") == ["script", "a.pyi"]


def test_each_file_is_found_once() -> None:
    write("sub/a.py")
    Path("link.py").symlink_to("sub/a.py")
    assert found("sub/a.py", "sub", ".", "link.py") == ["sub/a.py"]


@pytest.mark.parametrize("name", [".venv/a.py", "x/build/a.py", "node_modules/a.py", "__pycache__/a.py", ".git/a.py"])
def test_folders_that_hold_no_source_of_ones_own_are_left_out(name: str) -> None:
    write(name, "kept.py")
    assert found(".") == ["kept.py"]
    assert found(str(Path(name).parent)) == [name]


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("generated", ["a.py", "x/b.py", "x/y/b.py"]),
        ("generated/", ["a.py", "x/b.py", "x/y/b.py"]),
        ("b.py", ["a.py", "generated/g.py", "x/generated/g.py"]),
        ("/generated", ["a.py", "x/b.py", "x/generated/g.py", "x/y/b.py"]),
        ("x/*.py", ["a.py", "generated/g.py", "x/generated/g.py", "x/y/b.py"]),
        ("**/y/**", ["a.py", "generated/g.py", "x/b.py", "x/generated/g.py"]),
    ],
)
def test_patterns_leave_out(pattern: str, kept: list[str]) -> None:
    write("a.py", "generated/g.py", "x/generated/g.py", "x/b.py", "x/y/b.py")
    assert found(".", exclude=(pattern,)) == kept


def test_a_named_file_is_excluded_only_by_force() -> None:
    write("generated/deep/g.py")
    assert found("generated/deep/g.py", exclude=("generated",)) == ["generated/deep/g.py"]
    assert found("generated/deep/g.py", exclude=("generated",), force_exclude=True) == []
    assert found("generated/deep", exclude=("generated",), force_exclude=True) == []


def test_gitignore_is_respected_at_every_level() -> None:
    write("a.py", "out/b.py", "sub/c.py", "sub/d.py", "sub/keep.log.py", "other/c.py")
    write(".gitignore", text="out/\n*.log.py\n")
    write("sub/.gitignore", text="c.py\n!keep.log.py\n")
    assert found(".") == ["a.py", "other/c.py", "sub/d.py", "sub/keep.log.py"]
    assert found(".", respect_gitignore=False) == [
        "a.py",
        "other/c.py",
        "out/b.py",
        "sub/c.py",
        "sub/d.py",
        "sub/keep.log.py",
    ]


def test_gitignore_holds_from_above_within_the_repository() -> None:
    write("repo/.git/info/exclude", text="local.py\n")
    write("repo/.gitignore", text="/sub/ignored.py\n")
    write("repo/sub/ignored.py", "repo/sub/local.py", "repo/sub/a.py")
    write(".gitignore", text="a.py\n")
    assert found("repo/sub") == ["repo/sub/a.py"]


def test_a_named_file_is_not_ignored() -> None:
    write("a.py")
    write(".gitignore", text="a.py\n")
    assert found("a.py") == ["a.py"]


def test_a_missing_path_is_said_and_the_rest_found() -> None:
    write("a.py")
    assert missed("nowhere") == [Missed("nowhere", "no such file or folder")]
    assert found("nowhere", "a.py") == ["a.py"]


def test_a_path_that_is_none_is_said() -> None:
    assert [item.fatal for item in missed("a\0b")] == [True]


def test_a_folder_without_python_is_said_but_no_failure() -> None:
    write("docs/notes.txt")
    assert missed("docs") == [Missed("docs", "no Python file or notebook in this folder", fatal=False)]


def test_links_that_loop_end() -> None:
    write("sub/a.py")
    Path("sub/loop").symlink_to("..")
    Path("self.py").symlink_to("self.py")
    Path("dangling.py").symlink_to("gone.py")
    assert found(".") == ["sub/a.py"]
    assert [(item.name, item.fatal) for item in missed(".")] == [("self.py", True)]
    assert [(item.name, item.fatal) for item in missed("self.py")] == [("self.py", True)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_said() -> None:
    write("closed/a.py", "b.py")
    Path("closed").chmod(0)
    try:
        assert found(".") == ["b.py"]
        assert [item.name for item in missed(".")] == ["closed"]
    finally:
        Path("closed").chmod(0o700)
