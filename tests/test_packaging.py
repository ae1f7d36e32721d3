"""gradlint works from a wheel, an sdist, an editable install, a zip and a bare checkout, with its rules in each."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import trove_classifiers
import yaml
from validate_pyproject.api import Validator
from validate_pyproject.errors import ValidationError

from gradlint import __version__
from tests.processes import ROOT, environment

SIGMOIDS = """\
from torch import nn

model = nn.Sequential(*[layer for _ in range(10) for layer in (nn.Linear(64, 64), nn.Sigmoid())], nn.Linear(64, 1))
"""
LEFT_OUT = (".git", ".venv*", "__pycache__", "*_cache", ".hypothesis", "build", "dist", "*.egg-info")
PAGES = len(list((ROOT / "rules").glob("*.md")))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, so that building leaves nothing behind in ours."""
    copy = tmp_path_factory.mktemp("checkout") / "gradlint"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return copy


@pytest.fixture(scope="module")
def built(checkout: Path) -> Path:
    """The folder with a wheel that was made from an sdist, and that sdist."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(checkout / "dist")]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True, env=clean())
    return checkout / "dist"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with one bad network, from which no checkout is in sight."""
    (tmp_path / "net.py").write_text(SIGMOIDS)
    return tmp_path


def clean() -> dict[str, str]:
    """The environment without a way to our own checkout."""
    return {key: value for key, value in environment().items() if key != "PYTHONPATH"}


def new_environment(folder: Path) -> Path:
    """The interpreter of a new virtual environment that sees what this one has installed, except gradlint."""
    home = folder / "venv"
    venv.create(home, symlinks=True)
    (packages,) = home.glob("lib/python*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "ours.pth").write_text("\n".join(ours))
    return home / "bin" / "python"


def works(command: list[str], folder: Path, env: dict[str, str] | None = None) -> None:
    """Hold that this gradlint has all its rules and finds the bad network."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], cwd=folder, env=env or clean(), capture_output=True, text=True, check=False
        )

    listed = run("rules")
    assert len(listed.stdout.splitlines()) == PAGES, listed.stderr
    found = run("net.py", "--output-format", "concise", "--quiet")
    assert found.stdout.startswith("net.py:3:"), found.stderr
    assert found.returncode == 1
    assert run("--version").stdout == f"gradlint {__version__}\n"


def install(python: Path, *arguments: str) -> None:
    common = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--ignore-installed"]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", *common, *arguments]
    done = subprocess.run(pip, env=clean(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_wheel(built: Path, folder: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert sum(re.fullmatch(r"gradlint/rules/[a-z-]+\.md", name) is not None for name in names) == PAGES
    assert {name.split("/")[0] for name in names} == {"gradlint", f"gradlint-{__version__}.dist-info"}
    dist_info = f"gradlint-{__version__}.dist-info"
    assert {"gradlint/py.typed", "gradlint/gradlint.schema.json", f"{dist_info}/licenses/LICENSE"} <= set(names)
    python = new_environment(folder)
    install(python, str(wheel))
    works([str(python.parent / "gradlint")], folder)
    works([str(python), "-m", "gradlint"], folder)


@pytest.mark.slow
def test_sdist(built: Path, folder: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    assert len(list((unpacked / "rules").glob("*.md"))) == PAGES
    for name in ("LICENSE", "CHANGELOG.md", "mkdocs.yml", "docs/index.md", "gradlint/gradlint.schema.json", "tests"):
        assert (unpacked / name).exists()
    python = new_environment(folder)
    install(python, str(sdist))
    works([str(python.parent / "gradlint")], folder)


@pytest.mark.slow
def test_editable(checkout: Path, folder: Path) -> None:
    python = new_environment(folder)
    install(python, "--editable", str(checkout))
    works([str(python.parent / "gradlint")], folder)


@pytest.mark.slow
def test_bare_checkout(checkout: Path, folder: Path) -> None:
    works([sys.executable, "-m", "gradlint"], folder, clean() | {"PYTHONPATH": str(checkout)})


@pytest.mark.slow
def test_zip(built: Path, folder: Path) -> None:
    (wheel,) = built.glob("*.whl")
    zipped = folder / "gradlint.zip"
    shutil.copy(wheel, zipped)
    works([sys.executable, "-m", "gradlint"], folder, clean() | {"PYTHONPATH": str(zipped)})


@pytest.mark.slow
def test_a_strangers_rules_are_not_ours(built: Path, folder: Path) -> None:
    """A package `rules` beside an installed gradlint is none of its business."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "packages")
    (folder / "packages" / "rules").mkdir()
    (folder / "packages" / "rules" / "stranger.md").write_text("# nothing of ours\n")
    works([sys.executable, "-m", "gradlint"], folder, clean() | {"PYTHONPATH": str(folder / "packages")})


def test_the_hook_is_as_pre_commit_wants_it() -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {key: hook[key] for key in ("id", "entry", "language", "types_or", "require_serial")} == {
        "id": "gradlint",
        "entry": "gradlint check --force-exclude",
        "language": "python",
        "types_or": ["python", "jupyter"],
        "require_serial": True,
    }
    assert set(hook) >= {"name", "description", "minimum_pre_commit_version"}


def test_versions_of_the_tests_are_pinned() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert pins["torch"] == "2.13.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = project["dependencies"] + project["optional-dependencies"]["test"]
    names = {re.split(r"[<>=\[ ]", requirement)[0].lower() for requirement in required}
    assert names <= {name.lower() for name in pins}


def test_the_metadata_is_valid() -> None:
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert Validator()(metadata)
    classifiers = metadata["project"]["classifiers"]
    assert set(classifiers) <= trove_classifiers.classifiers
    metadata["project"]["nonsense"] = 1
    with pytest.raises(ValidationError):
        Validator()(metadata)


def test_the_versions_of_python_are_those_that_ci_runs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = [name.split(" :: ")[-1] for name in project["classifiers"] if re.fullmatch(r".* :: 3\.\d+", name)]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    assert stated == workflow["jobs"]["tests"]["strategy"]["matrix"]["python-version"]
    assert project["requires-python"] == f">={stated[0]}"


def test_the_version_is_in_the_changes_and_in_the_recipes() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[([^\]]+)\](?: - \d{4}-\d\d-\d\d)?$", changes, re.MULTILINE)
    assert headings[:2] == ["Unreleased", __version__]
    for page in (ROOT / "README.md", ROOT / "docs" / "continuous-integration.md"):
        named = re.findall(r"gradlint==([\w.]+)|rev: v([\w.]+)", page.read_text(encoding="utf-8"))
        assert {pinned or tagged for pinned, tagged in named} == {__version__}


def test_ci_is_executable() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
