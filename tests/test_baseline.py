from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gradlint.baseline import Baseline, BaselineError, Fixed
from gradlint.findings import Confidence, Finding, Severity, Span


def finding(file: Path | str, line: int = 1, code: str = "GRD101") -> Finding:
    return Finding(code, "x", Severity.ERROR, Confidence.HIGH, "message", Span(str(file), line, 1, line, 2))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    baseline = Baseline.of([finding("a.py"), finding("a.py", 9), finding("b.py", code="GRD505")], Path("known.json"))
    baseline.save()
    assert Baseline.load(Path("known.json")) == baseline
    assert json.loads(Path("known.json").read_text()) == {
        "version": 1,
        "findings": {"a.py": {"GRD101": 2}, "b.py": {"GRD505": 1}},
    }


def test_findings_that_move_are_known_and_one_more_makes_all_of_them_new() -> None:
    baseline = Baseline.of([finding("a.py"), finding("b.py")], Path("known.json"))
    assert baseline.unknown([finding("a.py", 70), finding("b.py", 3)]) == ()
    new = (finding("a.py", 1), finding("a.py", 2))
    assert baseline.unknown([*new, finding("b.py")]) == new
    other = finding("a.py", code="GRD505")
    assert baseline.unknown([finding("a.py"), other]) == (other,)


def test_paths_count_from_the_folder_of_the_baseline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sub").mkdir()
    file = folder / "known.json"
    Baseline.of([finding("sub/a.py"), finding(folder / "b.py")], file).save()
    assert sorted(json.loads(file.read_text())["findings"]) == ["b.py", "sub/a.py"]
    monkeypatch.chdir(folder / "sub")
    assert Baseline.load(file).unknown([finding("a.py"), finding("../b.py")]) == ()


def test_what_is_fixed_is_told_for_files_and_rules_that_were_looked_at() -> None:
    for name in ("a.py", "c.py"):
        Path(name).touch()
    known = [finding("a.py"), finding("a.py"), finding("a.py", code="GRD505"), finding("gone.py"), finding("c.py")]
    baseline = Baseline.of(known, Path("known.json"))
    fixed = baseline.fixed([finding("a.py")], ["a.py"], {"GRD101"})
    assert fixed == (Fixed("a.py", "GRD101", 1), Fixed("gone.py", "GRD101", 1))
    assert baseline.without(fixed).counts == {("a.py", "GRD101"): 1, ("a.py", "GRD505"): 1, ("c.py", "GRD101"): 1}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "no baseline of gradlint"),
        ("[]", "no baseline of gradlint"),
        ('{"version": 1}', "no baseline of gradlint"),
        ('{"version": 1, "findings": {"a.py": 3}}', "no baseline of gradlint"),
        ('{"version": 2, "findings": {}}', "that this version of gradlint can read"),
        ('{"version": 1, "findings": {"a.py": {"GRD101": "1"}}}', "that this version of gradlint can read"),
    ],
)
def test_what_is_no_baseline(text: str, part: str) -> None:
    Path("known.json").write_text(text)
    with pytest.raises(BaselineError, match=part):
        Baseline.load(Path("known.json"))


def test_a_baseline_that_is_missing_or_cannot_be_written() -> None:
    with pytest.raises(BaselineError, match=re.escape("`--write-baseline known.json` makes a baseline")):
        Baseline.load(Path("known.json"))
    with pytest.raises(BaselineError, match="no such file"):
        Baseline.of([], Path("nowhere/known.json")).save()


def test_nobody_sees_half_a_baseline(folder: Path) -> None:
    file = folder / "known.json"
    Baseline.of([finding("a.py")], file).save()
    file.chmod(0o640)
    Baseline.of([finding("b.py")], file).save()
    assert [path.name for path in folder.iterdir()] == ["known.json"]
    assert file.stat().st_mode & 0o777 == 0o640
