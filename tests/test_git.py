from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from gradlint.findings import Confidence, Finding, Related, Severity, Span
from gradlint.git import Changes, GitError, changes_since, repository_root

TEN = "".join(f"line {number}\n" for number in range(1, 11))


def git(*arguments: str, cwd: Path) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *who, *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a.py", "sub/b.py", "c.py", 'odd "ü\t.py'):
        (tmp_path / name).write_text(TEN)
    git("init", "-q", cwd=tmp_path)
    git("add", ".", cwd=tmp_path)
    git("commit", "-qm", "first", cwd=tmp_path)
    return tmp_path


def at(file: Path | str, first: int, last: int | None = None, cell: int | None = None) -> Finding:
    span = Span(str(file), first, 1, last or first, 2, cell)
    return Finding("GRD101", "x", Severity.ERROR, Confidence.HIGH, "message", span)


def concerned(changes: Changes, file: Path) -> list[int]:
    """The lines of a file on which a finding would be reported."""
    return [line for line in range(1, 13) if changes.concern(at(file, line))]


def test_lines_that_were_changed_and_added(repository: Path) -> None:
    lines = TEN.splitlines(keepends=True)
    lines[2] = "changed\n"
    lines[6:6] = ["++ new\n", "-- new\n", "@@ -1 +1 @@\n"]
    (repository / "a.py").write_text("".join(lines))
    changes = changes_since("HEAD", repository)
    assert concerned(changes, repository / "a.py") == [3, 7, 8, 9]
    assert concerned(changes, repository / "c.py") == []


def test_the_neighbours_of_lines_that_were_taken_away(repository: Path) -> None:
    lines = TEN.splitlines(keepends=True)
    del lines[4]
    (repository / "a.py").write_text("".join(lines))
    assert concerned(changes_since("HEAD", repository), repository / "a.py") == [4, 5]


def test_what_is_staged_committed_and_untracked_counts(repository: Path) -> None:
    (repository / "a.py").write_text("new\n" + TEN)
    git("add", ".", cwd=repository)
    (repository / "sub" / "new.py").write_text(TEN)
    (repository / "ignored.py").write_text(TEN)
    (repository / ".gitignore").write_text("ignored.py\n")
    changes = changes_since("HEAD", repository)
    assert concerned(changes, repository / "a.py") == [1]
    assert len(concerned(changes, repository / "sub/new.py")) == 12
    assert concerned(changes, repository / "ignored.py") == []
    git("commit", "-qm", "second", cwd=repository)
    assert concerned(changes_since("HEAD~1", repository), repository / "a.py") == [1]


def test_a_renamed_file_keeps_its_old_lines(repository: Path) -> None:
    git("mv", "a.py", "sub/moved.py", cwd=repository)
    (repository / "sub/moved.py").write_text(TEN + "new\n")
    assert concerned(changes_since("HEAD", repository), repository / "sub/moved.py") == [11]


def test_a_deleted_file_and_odd_names(repository: Path) -> None:
    (repository / "a.py").unlink()
    (repository / 'odd "ü\t.py').write_text("new\n" + TEN)
    changes = changes_since("HEAD", repository)
    assert concerned(changes, repository / 'odd "ü\t.py') == [1]
    assert len(changes.files) == 1


def test_a_file_without_a_newline_at_its_end(repository: Path) -> None:
    (repository / "a.py").write_text(TEN + "last")
    (repository / "sub/b.py").write_text("new\n" + TEN)
    changes = changes_since("HEAD", repository)
    assert concerned(changes, repository / "a.py") == [11]
    assert concerned(changes, repository / "sub/b.py") == [1]


def test_it_works_from_a_subfolder_and_for_relative_paths(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "a.py").write_text("new\n" + TEN)
    monkeypatch.chdir(repository / "sub")
    changes = changes_since("HEAD", Path.cwd())
    assert changes.concern(at("../a.py", 1))
    assert not changes.concern(at("../a.py", 2))


def test_it_works_in_a_hook_of_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    (repository / "a.py").write_text("new\n" + TEN)
    assert concerned(changes_since("HEAD", repository / "sub"), repository / "a.py") == [1]


def test_what_happened_on_the_other_branch_is_no_change_of_ours(repository: Path) -> None:
    git("checkout", "-qb", "ours", cwd=repository)
    (repository / "a.py").write_text("ours\n" + TEN)
    git("commit", "-qam", "ours", cwd=repository)
    git("checkout", "-q", "main", cwd=repository)
    (repository / "c.py").write_text("theirs\n" + TEN)
    git("commit", "-qam", "theirs", cwd=repository)
    git("checkout", "-q", "ours", cwd=repository)
    changes = changes_since("main", repository)
    assert (concerned(changes, repository / "a.py"), concerned(changes, repository / "c.py")) == ([1], [])


def test_all_lines_of_a_finding_count_and_the_places_that_belong_to_it(repository: Path) -> None:
    (repository / "a.py").write_text(TEN.replace("line 5\n", "five\n"))
    changes = changes_since("HEAD", repository)
    assert changes.concern(at(repository / "a.py", 3, 6))
    assert not changes.concern(at(repository / "a.py", 6, 9))
    related = Related(Span(str(repository / "a.py"), 5, 1, 5, 2), "see")
    assert changes.concern(replace(at(repository / "c.py", 1), related=(related,)))


def test_any_change_of_a_notebook_counts(repository: Path) -> None:
    (repository / "n.ipynb").write_text("{}")
    assert changes_since("HEAD", repository).concern(at(repository / "n.ipynb", 7, cell=3))


@pytest.mark.parametrize("revision", ["nonsense", "--output=x", "HEAD~5"])
def test_a_revision_that_does_not_exist(repository: Path, revision: str) -> None:
    with pytest.raises(GitError, match="git knows no revision"):
        changes_since(revision, repository)


def test_a_folder_in_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(GitError, match="not in a git repository"):
        changes_since("HEAD", tmp_path)


def test_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(GitError, match="git cannot be run"):
        changes_since("HEAD", repository)


def test_the_root_of_a_repository(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert repository_root(repository / "sub") == repository
    assert repository_root(tmp_path_factory.mktemp("elsewhere")) is None
