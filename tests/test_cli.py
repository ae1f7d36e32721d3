"""The command line, as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradlint import __version__
from gradlint.config import KEYS
from tests.processes import ROOT, environment, python, run

SIGMOIDS = """\
from keras import Sequential
from keras.layers import Dense

model = Sequential()
for _ in range(10):
    model.add(Dense(128, activation="sigmoid"))
model.add(Dense(1, activation="sigmoid"))
model.compile(optimizer="sgd", loss="binary_crossentropy")
"""

BRIEF = ("--output-format", "concise", "--quiet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(SIGMOIDS)
    (tmp_path / "clean.py").write_text("import torch\n")
    return tmp_path


def places(output: str) -> list[str]:
    """File, line and code of each line of concise output."""
    return [f"{line.split(':')[0]}:{line.split(':')[1]} {line.split()[1].rstrip(':')}" for line in output.splitlines()]


def test_findings_go_to_stdout_with_status_1(folder: Path) -> None:
    done = run("check", ".", *BRIEF, cwd=folder)
    assert (places(done.stdout), done.stderr, done.returncode) == (["net.py:6 GRD101"], "", 1)


def test_check_may_be_left_out(folder: Path) -> None:
    assert run(".", *BRIEF, cwd=folder).stdout == run("check", ".", *BRIEF, cwd=folder).stdout
    assert run(*BRIEF, "net.py", cwd=folder).returncode == 1


def test_no_findings_give_status_0(folder: Path) -> None:
    done = run("clean.py", cwd=folder)
    assert (done.stdout, done.stderr, done.returncode) == ("No findings in 1 file (0 networks).\n", "", 0)


def test_without_arguments_the_help_is_shown(folder: Path) -> None:
    done = run(cwd=folder)
    assert done.returncode == 2
    assert "check" in done.stderr + done.stdout


def test_version(folder: Path) -> None:
    done = run("--version", cwd=folder)
    assert (done.stdout, done.returncode) == (f"gradlint {__version__}\n", 0)


@pytest.mark.parametrize("command", [[], ["check"], ["show"], ["explain"], ["rules"], ["config"], ["clean"]])
def test_help(command: list[str], folder: Path) -> None:
    for option in ("--help", "-h"):
        done = run(*command, option, cwd=folder)
        assert done.returncode == 0
        assert "Usage: gradlint" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--bogus"], "No such option"),
        (["net.py", "--output-format", "xml"], "Invalid value for '--output-format'"),
        (["net.py", "--jobs", "-1"], "Invalid value for '--jobs'"),
        (["net.py", "--min-severity", "fatal"], "Invalid value for '--min-severity'"),
        (["net.py", "-"], "standard input cannot be linted together"),
        (["net.py", "-q", "-v"], "exclude each other"),
        (["explain"], "Missing argument"),
        (["rules", "extra"], "unexpected extra argument"),
        (["explain", "unparseable-file"], "did you mean unparsable-file?"),
        (["net.py", "--select", "GRD999"], "unknown rule 'GRD999'"),
        (["net.py", "--ignore", "nope"], "unknown rule 'nope'"),
        (["net.py", "--config", "nope.toml"], "nope.toml: no such file"),
        (["net.py", "--output-file", "nope/out.txt"], "nope/out.txt: no such file"),
        (["nowhere"], "nowhere: no such file or folder"),
        (["show", "nowhere.py"], "nowhere.py: no such file"),
        (["show", "net.py", "--call", "Net("], "is not an expression"),
        (["show", "net.py", "--call", "1 + 1"], "1 + 1"),
    ],
)
def test_what_cannot_be_done_is_said_with_status_2(arguments: list[str], part: str, folder: Path) -> None:
    done = run(*arguments, cwd=folder)
    assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("slect = []", f"unknown key 'slect'; known keys: {', '.join(KEYS)}"),
        ("select = [", "not valid TOML"),
        ("select = ['GRD999']", "select: unknown rule 'GRD999'"),
    ],
)
def test_a_bad_configuration_gives_status_2(text: str, part: str, folder: Path) -> None:
    (folder / "gradlint.toml").write_text(text)
    done = run("net.py", cwd=folder)
    assert part in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)


def test_isolated_ignores_the_configuration(folder: Path) -> None:
    (folder / "gradlint.toml").write_text("slect = []")
    assert run("net.py", "--isolated", *BRIEF, cwd=folder).returncode == 1


def test_the_configuration_counts_and_the_command_line_over_it(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.gradlint]\nignore = ['GRD101']\noutput-format = 'json'\n")
    assert json.loads(run("net.py", cwd=folder).stdout)["findings"] == []
    done = run("net.py", "--output-format", "concise", "-q", "--ignore", "GRD102", cwd=folder)
    assert places(done.stdout) == ["net.py:6 GRD101"]


def test_rules_can_be_listed_with_commas_and_repeated(folder: Path) -> None:
    assert places(run("net.py", *BRIEF, "--select", "GRD002,deep-sigmoid-stack", cwd=folder).stdout) == [
        "net.py:6 GRD101"
    ]
    assert (
        run("net.py", *BRIEF, "--select", "GRD1", "--ignore", "GRD102", "--ignore", "GRD101", cwd=folder).returncode
        == 0
    )
    assert run("net.py", *BRIEF, "--select", "GRD0", "--extend-select", "GRD1", cwd=folder).returncode == 1


def test_the_other_files_are_linted_whatever_is_wrong_with_some(folder: Path) -> None:
    (folder / "syntax.py").write_text("import torch\nx = (\n")
    (folder / "bytes.py").write_bytes(b"import torch\nx = '\xff'\n")
    (folder / "empty.py").write_text("")
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "up").symlink_to("..")
    done = run(".", "nowhere", *BRIEF, cwd=folder)
    assert places(done.stdout) == ["bytes.py:2 GRD001", "net.py:6 GRD101", "syntax.py:2 GRD001"]
    assert done.stderr.splitlines() == [
        "error: loop.py: too many levels of symbolic links",
        "error: nowhere: no such file or folder",
    ]
    assert done.returncode == 2


def test_a_folder_without_python_is_a_warning(folder: Path) -> None:
    (folder / "docs").mkdir()
    done = run("docs", cwd=folder)
    assert done.stderr == "warning: docs: no Python file or notebook in this folder\n"
    assert done.returncode == 0


def test_exit_zero_forgives_findings_but_no_failure(folder: Path) -> None:
    assert run("net.py", "--exit-zero", cwd=folder).returncode == 0
    assert run("net.py", "nowhere", "--exit-zero", cwd=folder).returncode == 2


def test_levels(folder: Path) -> None:
    (folder / "gradlint.toml").write_text("severity = {GRD101 = 'note'}")
    assert run("net.py", *BRIEF, cwd=folder).returncode == 0
    assert run("net.py", *BRIEF, "--min-severity", "warning", cwd=folder).stdout == ""


def test_standard_input(folder: Path) -> None:
    done = run("-", *BRIEF, cwd=folder, input=SIGMOIDS)
    assert (places(done.stdout), done.returncode) == (["<stdin>:6 GRD101"], 1)
    done = run("-", "--stdin-filename", "sub/x.py", cwd=folder, input=SIGMOIDS)
    assert done.stdout.startswith("sub/x.py:6:15: GRD101")
    assert "model.add(Dense" in done.stdout


def test_standard_input_that_is_excluded(folder: Path) -> None:
    (folder / "gradlint.toml").write_text("exclude = ['old']")
    done = run("-", "--stdin-filename", "old/x.py", "--force-exclude", *BRIEF, cwd=folder, input=SIGMOIDS)
    assert (done.stdout, done.returncode) == ("", 0)


def test_output_goes_to_a_file(folder: Path) -> None:
    done = run("net.py", "--output-format", "json", "--output-file", "out.json", cwd=folder)
    assert (done.stdout, done.returncode) == ("", 1)
    assert len(json.loads((folder / "out.json").read_text())["findings"]) == 1


def test_statistics_count_by_rule(folder: Path) -> None:
    (folder / "a.py").write_text("import torch\nx = (\n")
    (folder / "b.py").write_text("import torch\nx = (\n")
    done = run(".", "--statistics", "--output-format", "concise", cwd=folder)
    assert done.stdout.splitlines()[-3:] == [
        "2  GRD001 unparsable-file",
        "1  GRD101 deep-sigmoid-stack",
        "Found 3 errors in 4 files (1 network).",
    ]


@pytest.mark.parametrize(
    ("arguments", "env", "colored"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": ""}, False),
    ],
)
def test_color(arguments: list[str], env: dict[str, str], colored: bool, folder: Path) -> None:
    done = run("net.py", *arguments, cwd=folder, env=env)
    assert ("\x1b[" in done.stdout) is colored


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("term", "colored"), [("xterm", True), ("dumb", False)])
def test_color_on_a_terminal(term: str, colored: bool, folder: Path) -> None:
    import pty

    main, side = pty.openpty()
    command = [sys.executable, "-m", "gradlint", "net.py"]
    process = subprocess.Popen(command, cwd=folder, env=environment(TERM=term), stdout=side, stderr=side)
    os.close(side)
    output = b""
    try:
        while chunk := os.read(main, 65536):
            output += chunk
    except OSError:  # how the end shows on Linux
        pass
    assert process.wait() == 1
    assert (b"\x1b[" in output) is colored


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gradlint", "."],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_ends_the_run_at_once_and_without_a_traceback(jobs: str, folder: Path) -> None:
    rule = folder / "lint"
    rule.mkdir()
    (rule / "slow.py").write_text(
        "import pathlib, time\n\ndef check_network(subject):\n"
        "    pathlib.Path('started').touch()\n    time.sleep(60)\n    yield from ()\n"
    )
    (rule / "slow.md").write_text(
        "# slow (MY001)\n\n```toml\ncode = 'MY001'\nseverity = 'note'\nconfidence = 'high'\n"
        "frameworks = ['torch']\nsince = '1.0.0'\n```\n"
    )
    (folder / "gradlint.toml").write_text("rule-folders = ['lint']")
    (folder / "more.py").write_text(SIGMOIDS)
    process = subprocess.Popen(
        [sys.executable, "-m", "gradlint", "net.py", "more.py", "--jobs", jobs, "--select", "MY"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (folder / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (output, errors.decode().splitlines()[-1], process.returncode) == (b"", "interrupted", 130)
    assert b"Traceback" not in errors


def test_names_and_text_that_the_terminal_cannot_show(folder: Path) -> None:
    (folder / "größe.py").write_text("import torch\nx = 'ü' (\n")
    done = run(".", "--output-format", "full", cwd=folder, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert "gr??e.py:2" in done.stdout


def test_verbose_says_where_the_configuration_is_from(folder: Path) -> None:
    (folder / "gradlint.toml").write_text("")
    done = run("clean.py", "--verbose", cwd=folder)
    assert f"configuration: {folder / 'gradlint.toml'}" in done.stderr


def test_show(folder: Path) -> None:
    done = run("show", "net.py", cwd=folder)
    assert done.returncode == 0
    assert "net.py:4:9: model (keras)" in done.stdout
    assert "vanishing" in done.stdout
    content = json.loads(run("show", "net.py", "--output-format", "json", cwd=folder).stdout)
    (network,) = content["networks"]
    assert (network["verdict"], network["complete"], len(network["layers"])) == ("vanishing", True, 11)


def test_show_builds_what_is_called_for(folder: Path) -> None:
    (folder / "mlp.py").write_text(
        "from torch import nn\n\nclass Mlp(nn.Module):\n    def __init__(self, depth):\n        super().__init__()\n"
        "        self.layers = nn.Sequential(*[nn.Linear(8, 8) for _ in range(depth)])\n"
        "    def forward(self, x):\n        return self.layers(x)\n"
    )
    done = run("show", "mlp.py", "--call", "Mlp(2)", "--call", "Mlp(depth=3)", "--output-format", "json", cwd=folder)
    networks = json.loads(done.stdout)["networks"]
    assert [(network["call"], network["parameters"]) for network in networks] == [
        ("Mlp(2)", 144),
        ("Mlp(depth=3)", 216),
    ]


@pytest.mark.parametrize("rule", ["unparsable-file", "GRD001", "grd001"])
def test_explain(rule: str, folder: Path) -> None:
    done = run("explain", rule, cwd=folder)
    assert done.stdout.startswith("unparsable-file (GRD001)\n")
    assert done.returncode == 0


def test_rules(folder: Path) -> None:
    lines = run("rules", cwd=folder).stdout.splitlines()
    assert lines[0].split()[:3] == ["GRD001", "unparsable-file", "error"]
    listed = json.loads(run("rules", "--output-format", "json", cwd=folder).stdout)["rules"]
    assert [rule["code"] for rule in listed] == [line.split()[0] for line in lines]


def test_rules_and_explain_know_the_users_own(folder: Path) -> None:
    (folder / "gradlint.toml").write_text("rule-folders = ['lint']")
    (folder / "lint").mkdir()
    (folder / "lint" / "mine.py").write_text("def check_network(subject):\n    yield from ()\n")
    (folder / "lint" / "mine.md").write_text(
        "# mine (MY001)\n\n```toml\ncode = 'MY001'\nseverity = 'note'\n"
        "confidence = 'high'\nframeworks = ['torch']\nsince = '1.0.0'\n```\n\n## What it does\n\nNothing yet.\n"
    )
    assert "MY001  mine" in run("rules", cwd=folder).stdout
    assert "Nothing yet." in run("explain", "mine", cwd=folder).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_completion_script(shell: str, folder: Path) -> None:
    done = run(cwd=folder, env={"_GRADLINT_COMPLETE": f"{shell}_source"})
    assert "_GRADLINT_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("gradlint ex", "explain"),
        ("gradlint explain unpar", "unparsable-file"),
        ("gradlint check --sel", "--select"),
        ("gradlint net.py --sel", "--select"),
        ("gradlint check --select GRD00", "GRD001"),
    ],
)
def test_completion(words: str, completed: str, folder: Path) -> None:
    env = {"_GRADLINT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = run(cwd=folder, env=env)
    assert completed in [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_an_unforeseen_error_is_a_sentence(folder: Path) -> None:
    code = (
        "import gradlint.engine as e, sys\n"
        "def fail(*a): raise RuntimeError('boom')\n"
        "e.check = fail\n"
        "from gradlint.cli import run; sys.exit(run(['net.py']))"
    )
    done = python("-c", code, cwd=folder)
    assert (done.stderr, done.returncode) == ("error: internal error: RuntimeError: boom\n", 2)


def test_the_module_and_the_function_are_one_program(folder: Path) -> None:
    assert ROOT.joinpath("gradlint", "__main__.py").exists()
    code = "import sys; sys.argv = ['gradlint', '--version']; from gradlint.__main__ import main; main()"
    assert python("-c", code, cwd=folder).stdout == run("--version", cwd=folder).stdout
