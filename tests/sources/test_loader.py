from __future__ import annotations

import os
from pathlib import Path

import pytest

from gradlint.sources import SourceFile, SourceLoader

TREE = [
    "pyproject.toml",
    "train.py",
    "config.py",
    "src/nets/__init__.py",
    "src/nets/blocks.py",
    "src/nets/deep/__init__.py",
    "src/nets/deep/core.py",
    "src/nets/both.py",
    "src/nets/both/__init__.py",
    "scripts/run.py",
    "scripts/helper.py",
    "namespace/inner/module.py",
    "venv/site-packages/torchthing/__init__.py",
    "venv/site-packages/torchthing/a.py",
    "venv/site-packages/torchthing/b.py",
    "venv/site-packages/other/__init__.py",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in TREE:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "outside.py").write_text("")
    return root


@pytest.mark.parametrize(
    ("from_file", "dotted", "level", "found"),
    [
        ("train.py", "config", 0, "config.py"),
        ("train.py", "nets.blocks", 0, "src/nets/blocks.py"),
        ("train.py", "nets", 0, "src/nets/__init__.py"),
        ("train.py", "nets.deep.core", 0, "src/nets/deep/core.py"),
        ("train.py", "nets.both", 0, "src/nets/both/__init__.py"),
        ("train.py", "namespace.inner.module", 0, "namespace/inner/module.py"),
        ("train.py", "namespace", 0, None),
        ("train.py", "torch.nn", 0, None),
        ("train.py", "outside", 0, None),
        ("scripts/run.py", "helper", 0, "scripts/helper.py"),
        ("scripts/run.py", "config", 0, "config.py"),
        ("src/nets/deep/core.py", "blocks", 2, "src/nets/blocks.py"),
        ("src/nets/deep/core.py", "", 1, "src/nets/deep/__init__.py"),
        ("src/nets/deep/core.py", "", 2, "src/nets/__init__.py"),
        ("src/nets/deep/__init__.py", "core", 1, "src/nets/deep/core.py"),
        ("src/nets/deep/core.py", "nets.blocks", 0, "src/nets/blocks.py"),
        ("src/nets/deep/core.py", "config", 0, "config.py"),
        ("train.py", "outside", 2, None),
        ("train.py", "x", 50, None),
        ("venv/site-packages/torchthing/a.py", "torchthing.b", 0, "venv/site-packages/torchthing/b.py"),
        ("venv/site-packages/torchthing/a.py", "other", 0, None),
    ],
)
def test_imports_are_found_inside_the_project(
    project: Path, from_file: str, dotted: str, level: int, found: str | None
) -> None:
    result = SourceLoader().find_module(project / from_file, dotted, level)
    assert result == (None if found is None else project / found)


def test_without_marks_the_project_is_the_folder_above_the_package(tmp_path: Path) -> None:
    for name in ("lib/pkg/__init__.py", "lib/pkg/a.py", "lib/pkg/sub/__init__.py", "lib/pkg/sub/b.py", "lib/other.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    loader = SourceLoader()
    assert loader.find_module(tmp_path / "lib/pkg/sub/b.py", "a", 2) == tmp_path / "lib/pkg/a.py"
    assert loader.find_module(tmp_path / "lib/pkg/sub/b.py", "other", 0) == tmp_path / "lib/other.py"
    assert loader.find_module(tmp_path / "lib/pkg/sub/b.py", "other", 3) == tmp_path / "lib/other.py"
    assert loader.find_module(tmp_path / "lib/pkg/sub/b.py", "x", 4) is None


def test_files_are_read_once_and_bear_the_name_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1\n")
    link = tmp_path / "link.py"
    link.symlink_to(file)
    loader = SourceLoader({Path(os.path.realpath(file)): "./named/a.py"})
    source = loader.load(file)
    assert source is not None
    assert source.name == "./named/a.py"
    assert loader.load(link) is source


def test_the_trees_used_least_lately_are_let_go(tmp_path: Path) -> None:
    loader = SourceLoader()
    sources = {}
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text("x = 1\n")
        sources[name] = loader.load(tmp_path / name)
        assert sources[name] is not None
        assert sources[name].module.body
    loader.load(tmp_path / "a.py")
    loader.release(maximum=18)
    assert all(source.is_parsed for source in sources.values())
    loader.release(maximum=17)
    assert [name for name, source in sources.items() if source.is_parsed] == ["a.py", "c.py"]
    assert loader.load(tmp_path / "b.py") is sources["b.py"]
    assert sources["b.py"].module.body


def test_the_trees_that_nobody_imports_are_let_go_first(tmp_path: Path) -> None:
    loader = SourceLoader()
    sources = []
    for name, imported in (("a.py", "b.py"), ("b.py", "a.py"), ("c.py", "a.py")):
        loader.forget()
        for file in (tmp_path / name, tmp_path / imported):
            file.write_text("x = 1\n")
            source = loader.load(file)
            assert source is not None
            assert source.module.body
        sources.append(loader.load(tmp_path / name))
        loader.done(tmp_path / name)
    loader.release(maximum=12)
    assert [source is not None and source.is_parsed for source in sources] == [True, True, False]


def test_other_files_are_named_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.py").write_text("")
    (tmp_path / "b.py").write_text("")
    monkeypatch.chdir(tmp_path / "sub")
    loader = SourceLoader()
    inside, outside = loader.load(tmp_path / "sub" / "a.py"), loader.load(tmp_path / "b.py")
    assert inside is not None
    assert outside is not None
    assert (inside.name, outside.name) == ("a.py", str(Path(os.path.realpath(tmp_path)) / "b.py"))


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert SourceLoader().load(tmp_path / "missing.py") is None


def test_a_source_that_is_added_stands_for_its_file(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("on disk")
    loader = SourceLoader()
    edited = SourceFile(b"in the editor", "a.py", file)
    loader.add(edited)
    assert loader.load(file) is edited
