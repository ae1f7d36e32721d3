from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gradlint.catalogue import CatalogueError
from gradlint.config import ConfigError, Settings, load_settings
from gradlint.engine import check, check_bytes
from gradlint.findings import Confidence, Severity
from gradlint.results import Report

SIGMOIDS = """\
from torch import nn

layers = []
for _ in range(10):
    layers += [nn.Linear(64, 64), nn.Sigmoid()]
model = nn.Sequential(*layers, nn.Linear(64, 1))
"""
FINDING_LINE = next(number for number, line in enumerate(SIGMOIDS.splitlines(), 1) if "Sigmoid" in line)

PAGE = """# {name} ({code})

```toml
code = "{code}"
severity = "warning"
confidence = "high"
frameworks = ["torch"]
since = "1.0.0"
{more}
```

## What it does

It says something of every network.
"""

NETWORK_CHECK = """
from gradlint.subjects import Problem

def check_network(subject):
    yield Problem("a network", subject.network.origin, network=subject.network.name)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def add_rule(name: str, code: str, check_text: str, more: str = "") -> None:
    write(f"lint/{name}.md", PAGE.format(name=name, code=code, more=more))
    write(f"lint/{name.replace('-', '_')}.py", check_text)


def run(*paths: str, **settings: object) -> Report:
    defaults = {"root": Path.cwd(), "select": ("GRD00", "GRD101"), "jobs": 1}
    return check(list(paths) or ["."], Settings(**(defaults | settings)))  # type: ignore[arg-type]


def said(report: Report) -> list[tuple[str, int, str]]:
    return [(finding.span.file, finding.span.line, finding.name) for finding in report.findings]


def test_a_bad_network_is_found_and_counted() -> None:
    write("net.py", SIGMOIDS)
    write("plain.py", "x = 1\n")
    report = run()
    assert said(report) == [("net.py", FINDING_LINE, "deep-sigmoid-stack")]
    assert (report.files, report.networks, report.failures, report.suppressed) == (2, 1, (), 0)
    assert report.seconds > 0


def test_findings_are_sorted_by_file_line_column_and_code() -> None:
    write("b.py", SIGMOIDS + "x = 1  # gradlint: ignore\n")
    write("a.py", "import torch\ndef f(:\n")
    assert [name for _, _, name in said(run("b.py", "a.py"))] == [
        "unparsable-file",
        "deep-sigmoid-stack",
        "unused-suppression",
    ]


def test_only_selected_rules_report() -> None:
    write("net.py", SIGMOIDS)
    assert said(run(select=("GRD102",))) == []
    assert said(run(ignore=("deep-sigmoid-stack",))) == []


def test_one_network_of_two_files_is_one_finding_where_its_layers_are() -> None:
    write(
        "net.py",
        SIGMOIDS.replace("layers = []", "def build():\n  layers = []")
        .replace("\nfor", "\n  for")
        .replace("\n    layers", "\n    layers")
        .replace("\nmodel =", "\n  return"),
    )
    write("train.py", "from net import build\nimport torch\n\nmodel = build()\n")
    write("other.py", "import torch\nfrom net import build\n\nmodel = build()\n")
    assert said(run()) == [("net.py", FINDING_LINE + 1, "deep-sigmoid-stack")]


def test_a_layer_in_a_file_that_is_not_linted_is_reported_where_it_is_used() -> None:
    write(
        "net.py",
        "from torch import nn\n\ndef build():\n    layers = []\n    for _ in range(10):\n"
        "        layers += [nn.Linear(64, 64), nn.Sigmoid()]\n    return nn.Sequential(*layers, nn.Linear(64, 1))\n",
    )
    write("train.py", "import torch\nfrom net import build\n\nmodel = build()\n")
    report = run("train.py")
    assert said(report) == [("train.py", 4, "deep-sigmoid-stack")]
    assert ("net.py", 6) in {(related.span.file, related.span.line) for related in report.findings[0].related}


@pytest.mark.parametrize(
    "comment", ["# gradlint: ignore[deep-sigmoid-stack] known", "# gradlint: ignore[GRD101]", "# noqa: GRD101"]
)
def test_a_suppressed_finding_is_not_reported(comment: str) -> None:
    lines = SIGMOIDS.splitlines()
    lines[FINDING_LINE - 1] += f"  {comment}"
    write("net.py", "\n".join(lines))
    report = run()
    assert said(report) == []
    assert report.suppressed == 1


def test_a_whole_file_can_be_suppressed() -> None:
    write("net.py", f"# gradlint: ignore-file[GRD101] on purpose\n{SIGMOIDS}")
    assert said(run()) == []


def test_a_bare_suppression_suppresses_and_is_reported_with_the_rule_to_name() -> None:
    lines = SIGMOIDS.splitlines()
    lines[FINDING_LINE - 1] += "  # gradlint: ignore"
    write("net.py", "\n".join(lines))
    (finding,) = run().findings
    assert finding.name == "unused-suppression"
    assert "ignore[deep-sigmoid-stack]" in finding.message


def test_a_suppression_is_unused_only_if_its_rule_was_looked_for() -> None:
    write("net.py", "import torch  # gradlint: ignore[GRD101]\n")
    assert [name for _, _, name in said(run())] == ["unused-suppression"]
    assert said(run(select=("GRD002",))) == []
    assert said(run(per_file_ignores=(("net.py", ("GRD101",)),))) == []


def test_a_suppression_in_a_file_without_networks_is_judged_too() -> None:
    write("plain.py", "x = 1  # gradlint: ignore[GRD101]\n")
    assert said(run()) == [("plain.py", 1, "unused-suppression")]


def test_a_suppression_of_a_finding_below_the_level_is_used() -> None:
    write(
        "net.py",
        "\n".join(
            line + "  # gradlint: ignore[GRD101]" * (number == FINDING_LINE)
            for number, line in enumerate(SIGMOIDS.splitlines(), 1)
        ),
    )
    assert said(run(severity=(("GRD101", Severity.NOTE),), min_severity=Severity.WARNING)) == []


def test_suppressions_of_a_notebook_hold_in_their_cell() -> None:
    cells = [SIGMOIDS, "# nothing", SIGMOIDS.replace("nn.Sigmoid()]", "nn.Sigmoid()]  # gradlint: ignore[GRD101]")]
    import json

    write("a.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]}))
    (finding,) = run().findings
    assert (finding.span.cell, finding.span.line, finding.name) == (1, FINDING_LINE, "deep-sigmoid-stack")


def test_broken_files_are_findings_and_the_others_are_linted() -> None:
    write("syntax.py", "import torch\nx = (\n")
    Path("bytes.py").write_bytes(b"import torch\nx = '\xff'\n")
    write("empty.py", "")
    write("net.py", SIGMOIDS)
    report = run()
    assert said(report) == [
        ("bytes.py", 2, "unparsable-file"),
        ("net.py", FINDING_LINE, "deep-sigmoid-stack"),
        ("syntax.py", 2, "unparsable-file"),
    ]
    assert report.failures == ()


def test_a_file_that_names_no_framework_is_parsed_only_if_it_is_named() -> None:
    write("sub/a.py", "x = (\n")
    assert said(run("sub")) == []
    assert said(run("sub/a.py")) == [("sub/a.py", 1, "unparsable-file")]


def test_files_that_import_each_other_end() -> None:
    write("a.py", "import torch\nfrom b import y\nx = y\n")
    write("b.py", "import torch\nfrom a import x\ny = x\n")
    report = run()
    assert (said(report), report.failures, report.files) == ([], (), 2)


def test_a_file_is_read_the_same_whichever_file_came_before() -> None:
    importing = (
        "from torch import nn\nfrom blocks import block\n\nmodel = nn.Sequential(*block(64), nn.Linear(64, 1))\n"
    )
    Path("blocks").mkdir()
    Path("blocks/__init__.py").write_text(importing)
    Path("train.py").write_text(importing)
    alone = [check([name], Settings(cache=False)).unresolved for name in ("train.py", "blocks/__init__.py")]
    assert check(["train.py", "blocks/__init__.py"], Settings(cache=False, jobs=1)).unresolved == sum(alone)
    assert check(["blocks/__init__.py", "train.py"], Settings(cache=False, jobs=1)).unresolved == sum(alone)


def test_missing_and_unreadable_paths_are_failures_and_the_rest_is_linted() -> None:
    write("net.py", SIGMOIDS)
    Path("loop.py").symlink_to("loop.py")
    report = run("nowhere", "loop.py", "net.py")
    assert said(report) == [("net.py", FINDING_LINE, "deep-sigmoid-stack")]
    assert [failure.message.split(":")[0] for failure in report.failures] == ["nowhere", "loop.py"]
    assert report.exit_status(Settings()) == 2


def test_a_folder_without_python_is_a_warning() -> None:
    Path("docs").mkdir()
    report = run("docs")
    assert report.warnings == ("docs: no Python file or notebook in this folder",)
    assert report.exit_status(Settings()) == 0


def test_exit_status() -> None:
    write("net.py", SIGMOIDS)
    report = run()
    assert report.exit_status(Settings()) == 1
    assert report.exit_status(Settings(fail_severity=Severity.ERROR)) == 1
    assert run(severity=(("GRD101", Severity.NOTE),)).exit_status(Settings()) == 0
    assert run(severity=(("GRD101", Severity.WARNING),)).exit_status(Settings(fail_severity=Severity.ERROR)) == 0
    assert Report().exit_status(Settings()) == 0


def test_severities_can_be_set_by_rule() -> None:
    write("net.py", SIGMOIDS)
    (finding,) = run(severity=(("GRD1", Severity.NOTE),)).findings
    assert finding.severity is Severity.NOTE
    assert run(severity=(("GRD1", Severity.NOTE),), min_severity=Severity.WARNING).findings == ()


@pytest.mark.parametrize("pattern", ["nets/*", "net.py", "nets/net.py", "*.py"])
def test_rules_can_be_ignored_by_file(pattern: str) -> None:
    write("nets/net.py", SIGMOIDS)
    assert said(run(per_file_ignores=((pattern, ("GRD1",)),))) == []
    assert said(run(per_file_ignores=(("tests/*", ("GRD1",)),))) != []


def test_the_thresholds_decide() -> None:
    write("net.py", SIGMOIDS)
    assert said(run(vanishing=1e-30)) == []


@pytest.mark.parametrize("key", ["select", "ignore", "extend_select"])
def test_an_unknown_rule_on_the_command_line_is_said(key: str) -> None:
    with pytest.raises(CatalogueError, match="unknown rule 'GRD999'"):
        run(**{key: ("GRD999",)})


@pytest.mark.parametrize(
    "text", ["ignore = ['GRD999']", "severity = {GRD999 = 'note'}", "per-file-ignores = {'a.py' = ['GRD999']}"]
)
def test_an_unknown_rule_in_the_configuration_is_said_with_its_file(text: str) -> None:
    write("gradlint.toml", text)
    with pytest.raises(ConfigError, match=r"gradlint\.toml: [a-z-]+: unknown rule 'GRD999'"):
        check(["."], load_settings(Path.cwd()))


def test_a_rule_of_the_users_own_is_treated_like_ours() -> None:
    add_rule("any-network", "MY001", NETWORK_CHECK)
    write("net.py", SIGMOIDS)
    assert said(run(select=("MY",), rule_folders=("lint",))) == [("net.py", 6, "any-network")]
    assert said(run(select=("MY",), ignore=("any-network",), rule_folders=("lint",))) == []
    write("net.py", SIGMOIDS.replace("Linear(64, 1))", "Linear(64, 1))  # gradlint: ignore[MY001]"))
    assert said(run(select=("MY", "GRD002"), rule_folders=("lint",))) == []


def test_a_preview_rule_is_off_until_it_is_asked_for() -> None:
    add_rule("any-network", "MY001", NETWORK_CHECK, "preview = true")
    write("net.py", SIGMOIDS)
    folders = {"rule_folders": ("lint",)}
    assert "any-network" not in {name for _, _, name in said(run(select=(), **folders))}
    assert "any-network" in {name for _, _, name in said(run(select=(), preview=True, **folders))}
    assert "any-network" in {name for _, _, name in said(run(select=("MY001",), **folders))}


def test_a_rule_yields_to_what_says_it_better() -> None:
    add_rule("any-network", "MY001", NETWORK_CHECK, "yields-to = ['deep-sigmoid-stack']")
    write("net.py", SIGMOIDS)
    write("healthy.py", "from torch import nn\n\nmodel = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))\n")
    folders = {"rule_folders": ("lint",)}
    assert said(run(select=("MY", "GRD101"), **folders)) == [
        ("healthy.py", 3, "any-network"),
        ("net.py", FINDING_LINE, "deep-sigmoid-stack"),
    ]
    assert said(run(select=("MY",), **folders)) == [("healthy.py", 3, "any-network")]


def test_a_check_that_fails_costs_only_itself() -> None:
    add_rule("any-network", "MY001", "def check_network(subject):\n    raise ValueError('boom')\n    yield\n")
    add_rule("any-file", "MY002", "def check_source(subject):\n    return 1 / 0\n", "looks-at = 'files'")
    write("net.py", SIGMOIDS)
    write("other.py", "import torch\n")
    report = run(
        select=("GRD101", "MY"),
        rule_folders=("lint",),
    )
    assert said(report) == [("net.py", FINDING_LINE, "deep-sigmoid-stack")]
    assert {failure.message for failure in report.failures} == {
        "net.py: internal error: ValueError: boom",
        "lint/any_file.py: internal error: ZeroDivisionError: division by zero",
        "lint/any_network.py: internal error: ZeroDivisionError: division by zero",
        "net.py: internal error: ZeroDivisionError: division by zero",
        "other.py: internal error: ZeroDivisionError: division by zero",
    }
    assert all("Traceback" in failure.details for failure in report.failures)
    assert report.exit_status(Settings()) == 2


@pytest.mark.parametrize("error", ["RecursionError", "MemoryError", "KeyError"])
def test_an_evaluation_that_fails_costs_only_its_file(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradlint.evaluation.driver import Evaluator

    evaluate = Evaluator.evaluate

    def fail(self: Evaluator, source: object, call: str | None = None) -> object:
        if getattr(source, "name", "") == "bad.py":
            raise {"RecursionError": RecursionError, "MemoryError": MemoryError, "KeyError": KeyError}[error]
        return evaluate(self, source, call)  # type: ignore[arg-type]

    monkeypatch.setattr(Evaluator, "evaluate", fail)
    write("bad.py", SIGMOIDS)
    write("net.py", SIGMOIDS)
    report = run()
    assert said(report) == [("net.py", FINDING_LINE, "deep-sigmoid-stack")]
    assert [failure.message for failure in report.failures] == [f"bad.py: internal error: {error}"]


def test_several_processes_give_what_one_gives() -> None:
    for number in range(40):
        write(f"pkg/net{number:02}.py", SIGMOIDS if number % 3 else "import torch\nx = (\n")
    write("pkg/loop.py", "")
    Path("pkg/loop.py").unlink()
    Path("pkg/loop.py").symlink_to("loop.py")
    one, two = run(jobs=1), run(jobs=2)
    assert replace(one, seconds=0) == replace(two, seconds=0)
    assert len(one.findings) == 40


def test_a_process_that_dies_costs_only_the_file_that_killed_it() -> None:
    add_rule(
        "any-network",
        "MY001",
        "import os\n\ndef check_network(subject):\n"
        "    if subject.network.origin.source.name == 'deadly.py':\n        os._exit(1)\n    yield from ()\n",
    )
    write("deadly.py", SIGMOIDS)
    for number in range(20):
        write(f"net{number:02}.py", SIGMOIDS)
    report = run(select=("GRD101", "MY"), rule_folders=("lint",), jobs=2)
    assert len(report.findings) == 20
    assert [failure.message for failure in report.failures] == ["deadly.py: internal error: the process died"]


def test_bytes_are_linted_under_a_name() -> None:
    write("blocks.py", SIGMOIDS.replace("model =", "def build():\n    return"))
    report = check_bytes(SIGMOIDS.encode(), "sub/net.py", Settings(root=Path.cwd(), select=("GRD101",)))
    assert said(report) == [("sub/net.py", FINDING_LINE, "deep-sigmoid-stack")]


def test_bytes_import_what_lies_beside_their_name() -> None:
    write("sub/depth.py", "DEPTH = 10\n")
    text = "from depth import DEPTH\n" + SIGMOIDS.replace("range(10)", "range(DEPTH)")
    settings = Settings(root=Path.cwd(), select=("GRD101",))
    assert len(check_bytes(text.encode(), "sub/net.py", settings).findings) == 1


def test_bytes_of_an_excluded_name_are_left_alone() -> None:
    settings = Settings(root=Path.cwd(), exclude=("sub",), force_exclude=True)
    assert check_bytes(SIGMOIDS.encode(), "sub/net.py", settings).files == 0


def test_the_default_level_is_high_confidence(project: Path) -> None:
    add_rule(
        "any-network",
        "MY001",
        NETWORK_CHECK.replace('"a network"', '"a network"').replace(
            "network=", "confidence=__import__('gradlint.findings').findings.Confidence.MEDIUM, network="
        ),
    )
    write("net.py", SIGMOIDS)
    assert said(run(select=("MY",), rule_folders=("lint",))) == []
    assert len(said(run(select=("MY",), rule_folders=("lint",), min_confidence=Confidence.MEDIUM))) == 1
