"""What others run gradlint with: pre-commit for real; workflows and recipes by the schemas of GitHub and GitLab."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import ROOT, environment
from tests.shell_sessions import GIT, Shell

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGE = ROOT / "docs" / "continuous-integration.md"
RECIPES = dict(re.findall(r'```yaml title="([^"]+)"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL))


def command(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command, both streams as one."""
    return subprocess.run(
        arguments,
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def lines_of_gradlint(recipe: Any) -> list[str]:
    """The command lines of gradlint in a recipe, in order."""
    if isinstance(recipe, dict):
        return [line for value in recipe.values() for line in lines_of_gradlint(value)]
    if isinstance(recipe, list):
        return [line for value in recipe for line in lines_of_gradlint(value)]
    return [recipe] if isinstance(recipe, str) and recipe.startswith("gradlint ") else []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "name", "text"),
    [("github-workflows", path.name, path.read_text(encoding="utf-8")) for path in WORKFLOWS]
    + [
        ("github-workflows", "recipe.yml", RECIPES[".github/workflows/gradlint.yml"]),
        ("gitlab-ci", ".gitlab-ci.yml", RECIPES[".gitlab-ci.yml"]),
    ],
    ids=lambda value: value if value.endswith(".yml") else "",
)
def test_workflows_are_valid(schema: str, name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    module = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    assert command(*module, name, cwd=tmp_path).stdout == "ok -- validation done\n"
    (tmp_path / name).write_text(text + "\nnonsense: [1]\n", encoding="utf-8")
    assert command(*module, name, cwd=tmp_path).returncode == 1


@pytest.mark.parametrize("name", [name for name in RECIPES if lines_of_gradlint(yaml.safe_load(RECIPES[name]))])
def test_recipes_do_what_they_say(name: str, tmp_path: Path) -> None:
    """What a recipe hands on to other tools is there after its command, which fails for what it finds."""
    shell = Shell.new(tmp_path)
    (line,) = lines_of_gradlint(yaml.safe_load(RECIPES[name]))
    output = shell.output(f"{line}; echo status $?")
    assert output.endswith("status 1\n")
    assert "GRD505" in output
    handed_on = re.findall(r"(?:sarif_file|codequality): (\S+)", RECIPES[name])
    assert handed_on
    for file in handed_on:
        assert "GRD505" in json.dumps(json.loads((shell.folder / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("config", RECIPES[".pre-commit-config.yaml"]),
        ("manifest", (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")),
    ],
    ids=["config", "manifest"],
)
def test_pre_commit_takes_our_files(what: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(text, encoding="utf-8")
    done = command(sys.executable, "-m", "pre_commit", f"validate-{what}", "file.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_workflow_that_uploads_may() -> None:
    for text in (RECIPES[".github/workflows/gradlint.yml"], *(path.read_text(encoding="utf-8") for path in WORKFLOWS)):
        workflow = yaml.safe_load(text)
        assert workflow["permissions"]["contents"] == "read"
        assert ("upload-sarif" in text) == (workflow["permissions"].get("security-events") == "write")


def test_our_workflow_runs_what_ci_runs() -> None:
    (tests,) = (path for path in WORKFLOWS if path.name == "tests.yml")
    assert [step["run"] for step in yaml.safe_load(tests.read_text())["jobs"]["tests"]["steps"] if "run" in step] == [
        ".ci/run"
    ]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what pre-commit installs of ours."""
    copy = tmp_path_factory.mktemp("ours")
    for name in ("gradlint", "rules"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, copy / name)
    for line in (["init", "-q"], ["add", "."], ["commit", "-qm", "All"]):
        done = command("git", *line, cwd=copy, **GIT)
        assert done.returncode == 0, done.stdout
    return copy


@pytest.mark.slow
def test_pre_commit(checkout: Path, tmp_path: Path) -> None:
    """A repository of several files: clean, then with a mistake, which the hook holds back until it is mended.

    Nothing is fetched: the environment that pre-commit makes sees the packages of this one.
    """
    repository = Shell.new(tmp_path).folder
    shutil.rmtree(repository / "examples" / "bad")
    packages = sysconfig.get_path("purelib")
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_USE_PEP517": "1"}
    env = (
        GIT | offline | {"PRE_COMMIT_HOME": str(tmp_path / "home"), "PYTHONPATH": packages, "PRE_COMMIT_COLOR": "never"}
    )

    def hook(*arguments: str) -> subprocess.CompletedProcess[str]:
        assert command("git", "add", ".", cwd=repository).returncode == 0
        line = [sys.executable, "-m", "pre_commit", "try-repo", str(checkout), "gradlint", *arguments]
        return command(*line, cwd=repository, **env)

    assert command("git", "init", "-q", cwd=repository).returncode == 0
    (repository / "notes.txt").write_text("torch keras\n")
    clean = hook("--all-files", "--verbose")
    assert clean.returncode == 0, clean.stdout
    assert "No findings in 4 files (4 networks)." in clean.stdout
    assert command("git", "commit", "-qm", "Clean", cwd=repository, **env).returncode == 0
    shutil.copy(ROOT / "examples" / "bad" / "sentiment.py", repository / "train.py")
    bad = hook()
    assert bad.returncode == 1
    assert "train.py:16:16: GRD601 double-activation" in bad.stdout
    assert "Found 1 error and 1 warning in 1 file" in bad.stdout
    (repository / "gradlint.toml").write_text('exclude = ["train.py"]\n')
    assert hook().returncode == 0
