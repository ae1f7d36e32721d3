"""The documentation: it builds without a warning, and what it shows is what happens.

`python -m tests.test_docs` writes the output of its sessions anew.
"""

from __future__ import annotations

import doctest
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradlint.catalogue import own_rules
from gradlint.cli.main import commands
from gradlint.config import Settings, load_settings, value_of
from gradlint.formats import FORMATS
from gradlint.keys import KEYS
from tests.processes import ROOT, environment
from tests.shell_sessions import replayed

DOCS = ROOT / "docs"
ELSEWHERE = {"probe.md", "accuracy.md", "writing-a-rule.md"}
"""Pages with tests of their own."""
PAGES = sorted(page for page in DOCS.glob("*.md") if page.name not in ELSEWHERE)
ALL_PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

_FENCE = re.compile(
    r"^(?P<indent> *)```(?!`)(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_KEYS = re.compile(r"(<!-- keys: .*? -->\n).*?(<!-- end of keys -->)", re.DOTALL)


def fences(page: Path, language: str) -> Iterator[str]:
    """The blocks of this language on a page."""
    for match in _FENCE.finditer(page.read_text(encoding="utf-8")):
        if match["language"] == language:
            yield match["text"]


def table_of_keys() -> str:
    """The keys of the configuration, with what each must be and does."""
    rows = [f"| `{key}` | {default(key)} | {known.text} | {known.about} |" for key, known in KEYS.items()]
    return "\n".join(["| key | default | value | |", "| --- | --- | --- | --- |", *rows]) + "\n"


def default(key: str) -> str:
    """The default of a key as TOML has it."""
    value = value_of(Settings(), key)
    if key == "exclude":
        return "folders of tools and builds, see `gradlint config`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return "" if value == "" else f"`{json.dumps(value)}`"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built so that any warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING " not in done.stderr
    return folder


@pytest.mark.slow
def test_the_site_has_every_rule(site: Path) -> None:
    index = (site / "rules" / "index.html").read_text(encoding="utf-8")
    groups = re.findall(r'<h2 id="([^"]+)"', index)
    assert (len(groups), groups[:2]) == (8, ["files-and-suppressions", "activations"])
    for rule in own_rules():
        page = (site / "rules" / rule.name / "index.html").read_text(encoding="utf-8")
        assert "Why is this bad?" in page
        assert "code = " not in page
        assert f'href="{rule.name}/"' in index


@pytest.mark.slow
def test_the_site_can_be_searched_and_loads_nothing_from_elsewhere(site: Path) -> None:
    entries = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    assert {"configuration/", "rules/vanilla-rnn/", "changes/"} <= {entry["location"] for entry in entries}
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|link rel="stylesheet"|img)[^>]+(?:src|href)="(https?:[^"]+)"', page.read_text()
        )
        assert not loaded, page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_sessions_show_what_happens(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert replayed(text, tmp_path) == text


def test_python_shows_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    session = "\n".join(fences(DOCS / "python.md", "pycon"))
    test = doctest.DocTestParser().get_doctest(session, {}, "python.md", "python.md", 0)
    failures: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=failures.append)
    assert result.attempted > 10
    assert not failures, "".join(failures)


def test_python_blocks_are_python() -> None:
    for page in ALL_PAGES:
        for block in fences(page, "python"):
            compile(block, str(page), "exec")


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_every_option_of_gradlint_that_is_named_exists(page: Path) -> None:
    groups = [commands, *commands.commands.values()]
    known = {name for command in groups for parameter in command.params for name in parameter.opts} | {"--help"}
    text = page.read_text(encoding="utf-8")
    spans = [match[0] for match in re.finditer(r"`(?:gradlint [^`\n]*|--[a-z][^`\n]*)`", text)]
    spans += [line for line in text.splitlines() if re.match(r"\s*(?:\$ |- (?:run: )?)?(?:\S*/)?gradlint ", line)]
    named = {option for span in spans for option in _OPTION.findall(span)}
    assert named <= known


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere_in_the_repository_too(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_the_table_of_keys_is_that_of_gradlint() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert _KEYS.sub(lambda match: match[1] + table_of_keys() + match[2], text) == text


def test_the_configurations_that_are_shown_can_be_used(tmp_path: Path) -> None:
    shared, complete = fences(DOCS / "configuration.md", "toml")
    (brief,) = fences(ROOT / "README.md", "toml")
    assert tomllib.loads(complete).keys() == KEYS.keys()
    defaults = {key: value_of(Settings(), key) for key in KEYS}
    for name, text in (("pyproject.toml", brief), ("pyproject.toml", shared), ("gradlint.toml", complete)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        settings = load_settings(tmp_path)
        assert settings.file == tmp_path / name
        for key, value in tomllib.loads(complete).items() if name == "gradlint.toml" else ():
            assert value_of(settings, key) == value != defaults[key]


def test_every_format_and_command_has_its_part() -> None:
    formats = (DOCS / "output-formats.md").read_text(encoding="utf-8")
    assert all(f"## {name}\n" in formats for name in FORMATS)
    shown = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert all(f"`gradlint {name}" in shown for name in commands.commands if name != "check")


if __name__ == "__main__":
    for each in PAGES:
        written = _KEYS.sub(lambda match: match[1] + table_of_keys() + match[2], each.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as home:
            each.write_text(replayed(written, Path(home)), encoding="utf-8")
