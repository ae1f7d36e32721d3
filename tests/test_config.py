from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.config import KEYS, ConfigError, Settings, common_folder, load_settings
from gradlint.findings import Confidence, Severity


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(("name", "table"), [("gradlint.toml", ""), ("pyproject.toml", "[tool.gradlint]")])
def test_every_key_is_read(tmp_path: Path, name: str, table: str) -> None:
    prefix = "tool.gradlint." if table else ""
    file = write(
        tmp_path / name,
        f"""
        {table}
        select = ["GRD1"]
        extend-select = ["vanilla-rnn"]
        ignore = ["GRD102"]
        preview = true
        min-severity = "warning"
        min-confidence = "low"
        fail-severity = "error"
        exclude = ["old"]
        extend-exclude = ["older"]
        force-exclude = true
        respect-gitignore = false
        rule-folders = ["lint/rules"]
        baseline = "old/known.json"
        cache-dir = ".cache"
        output-format = "concise"
        vanishing = 1e-4
        exploding = 10_000
        jobs = 3
        probe-device = "cuda"
        probe-memory-limit = 1.5
        probe-seeds = 3
        probe-steps = 2
        probe-time-limit = 20
        [{prefix}severity]
        deep-sigmoid-stack = "note"
        [{prefix}per-file-ignores]
        "tests/*" = ["GRD1"]
        """,
    )
    settings = load_settings(tmp_path)
    assert settings == Settings(
        select=("GRD1",),
        extend_select=("vanilla-rnn",),
        ignore=("GRD102",),
        preview=True,
        min_severity=Severity.WARNING,
        min_confidence=Confidence.LOW,
        fail_severity=Severity.ERROR,
        exclude=("old",),
        extend_exclude=("older",),
        force_exclude=True,
        respect_gitignore=False,
        rule_folders=("lint/rules",),
        baseline="old/known.json",
        cache_dir=".cache",
        output_format="concise",
        vanishing=1e-4,
        exploding=1e4,
        jobs=3,
        probe_device="cuda",
        probe_memory_limit=1.5,
        probe_seeds=3,
        probe_steps=2,
        probe_time_limit=20.0,
        severity=(("deep-sigmoid-stack", Severity.NOTE),),
        per_file_ignores=(("tests/*", ("GRD1",)),),
        root=tmp_path,
        file=file,
        origins=settings.origins,
    )
    assert {key for key, _ in settings.origins} == {key.replace("-", "_") for key in KEYS}
    assert {origin for _, origin in settings.origins} == {str(file)}
    assert settings.excluded == ("old", "older")
    assert settings.folders_of_rules == (tmp_path / "lint/rules",)


def test_defaults_show_sure_findings_of_any_severity() -> None:
    settings = Settings()
    assert settings.min_confidence is Confidence.HIGH
    assert settings.min_severity is Severity.NOTE
    assert settings.fail_severity is Severity.WARNING


def test_the_nearest_file_wins_and_nothing_is_merged(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.gradlint]\nignore = ["A"]\npreview = true\n')
    near = write(tmp_path / "a/b/gradlint.toml", 'ignore = ["B"]\n')
    settings = load_settings(tmp_path / "a" / "b" / "c")
    assert (settings.ignore, settings.preview, settings.file) == (("B",), False, near)
    assert load_settings(tmp_path / "a").ignore == ("A",)


def test_the_dedicated_file_comes_before_the_shared_one(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.gradlint]\nignore = ["A"]\n')
    write(tmp_path / "gradlint.toml", 'ignore = ["B"]\n')
    assert load_settings(tmp_path).ignore == ("B",)


def test_a_shared_file_without_a_word_of_gradlint_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.gradlint]\npreview = true\n")
    write(tmp_path / "a/pyproject.toml", "[project]\nname = 'a'\n")
    assert load_settings(tmp_path / "a").preview


def test_an_empty_table_counts(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.gradlint]\npreview = true\n")
    write(tmp_path / "a/pyproject.toml", "[tool.gradlint]\n")
    assert not load_settings(tmp_path / "a").preview


def test_isolated_looks_at_no_file(tmp_path: Path) -> None:
    write(tmp_path / "gradlint.toml", "preview = true\n")
    assert not load_settings(tmp_path, isolated=True).preview


def test_a_file_can_be_named(tmp_path: Path) -> None:
    write(tmp_path / "gradlint.toml", "preview = true\n")
    other = write(tmp_path / "ci/lint.toml", 'ignore = ["A"]\n')
    settings = load_settings(tmp_path, config=other)
    assert (settings.preview, settings.ignore, settings.root) == (False, ("A",), tmp_path / "ci")


def test_the_command_line_comes_before_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "gradlint.toml", 'ignore = ["A"]\nselect = ["B"]\n')
    settings = load_settings(tmp_path).override({"ignore": ("C",), "select": None})
    assert (settings.ignore, settings.select) == (("C",), ("B",))
    assert dict(settings.origins) == {"ignore": "command line", "select": str(file)}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("slect = []", "unknown key 'slect'; known keys: baseline, "),
        ("select = 'GRD101'", "select must be a list of rules, not 'GRD101'"),
        ("select = [1]", "select must be a list of rules"),
        ("preview = 1", "preview must be true or false"),
        ("vanishing = 0", "vanishing must be a number above 0"),
        ("vanishing = true", "vanishing must be a number above 0"),
        ("vanishing = nan", "vanishing must be a number above 0"),
        ("jobs = -1", "jobs must be a whole number"),
        ("min-severity = 'fatal'", 'min-severity must be "note", "warning" or "error", not \'fatal\''),
        ("min-confidence = 1", "min-confidence must be"),
        ("output-format = 'xml'", "output-format must be one of full, concise, json, sarif, github, gitlab, junit"),
        ("probe-device = 'tpu'", "probe-device must be one of cpu, cuda, mps, not 'tpu'"),
        ("probe-memory-limit = 0", "probe-memory-limit must be a number of GiB above 0"),
        ("probe-memory-limit = inf", "probe-memory-limit must be a number of GiB above 0"),
        ("probe-seeds = 0", "probe-seeds must be a whole number from 1"),
        ("probe-steps = -1", "probe-steps must be a whole number of steps"),
        ("probe-time-limit = '1 min'", "probe-time-limit must be a number of seconds above 0"),
        ("measuring = 'live'", "unknown key 'measuring'"),
        ("calls = ['Net()']", "unknown key 'calls'"),
        ("severity = ['a']", "severity must be a table"),
        ("severity = {GRD101 = 'fatal'}", "severity must be a table"),
        ("per-file-ignores = {'a' = 'GRD101'}", "per-file-ignores must be a table"),
        ("select = [", "not valid TOML"),
        ("\udcff", "not valid TOML"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, text: str, part: str) -> None:
    file = tmp_path / "gradlint.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert part in str(caught.value)
    assert str(file) in str(caught.value)


def test_the_unknown_key_message_lists_every_key(tmp_path: Path) -> None:
    write(tmp_path / "gradlint.toml", "x = 1")
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert str(caught.value).endswith(", ".join(sorted(KEYS)))


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\ngradlint = 3"])
def test_odd_shared_files(tmp_path: Path, text: str) -> None:
    write(tmp_path / "pyproject.toml", text)
    if "gradlint" in text:
        with pytest.raises(ConfigError, match="must be a table"):
            load_settings(tmp_path)
    else:
        assert load_settings(tmp_path).file != tmp_path / "pyproject.toml"


def test_a_named_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nope\.toml: no such file"):
        load_settings(tmp_path, config=tmp_path / "nope.toml")


def test_common_folder(tmp_path: Path) -> None:
    write(tmp_path / "a/b/x.py", "")
    write(tmp_path / "a/c/y.py", "")
    assert common_folder([tmp_path / "a/b/x.py", tmp_path / "a/c"]) == tmp_path / "a"
    assert common_folder([tmp_path / "a/b/x.py"]) == tmp_path / "a/b"
    assert common_folder([]) == Path.cwd()
