"""The JSON schema of the configuration says what gradlint itself says."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from validate_pyproject.api import Validator
from validate_pyproject.errors import ValidationError
from validate_pyproject.plugins import PluginWrapper

import gradlint
from gradlint.config import ConfigError, Settings, load_settings, value_of
from gradlint.keys import KEYS
from gradlint.schema import FILE, schema
from tests.processes import ROOT, run

WORDS = st.sampled_from(["GRD101", "note", "high", "full", "json", "cpu", "", "x"])
VALUES = st.one_of(
    WORDS,
    st.booleans(),
    st.integers(-1, 3),
    st.sampled_from([0.5, -0.5, 1e-9, 2e6 + 0.5]),  # 2.0 is a whole number to JSON, and none to TOML
    st.lists(WORDS, max_size=2),
    st.lists(st.integers(), max_size=1),
    st.dictionaries(WORDS, WORDS, max_size=2),
    st.dictionaries(WORDS, st.lists(WORDS, max_size=2), max_size=2),
)


def accepted(key: str, value: Any) -> bool:
    try:
        KEYS[key].parse(value)
    except (TypeError, ValueError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("key", KEYS)
@given(value=VALUES)
def test_the_schema_accepts_what_gradlint_accepts(key: str, value: Any) -> None:
    assert jsonschema.Draft7Validator(schema()).is_valid({key: value}) is accepted(key, value)


def test_it_knows_every_key_and_no_other() -> None:
    jsonschema.Draft7Validator.check_schema(schema())
    assert list(schema()["properties"]) == list(KEYS)
    assert not jsonschema.Draft7Validator(schema()).is_valid({"slect": []})


def test_the_defaults_that_it_names_are_those_that_hold() -> None:
    defaults = {key: entry["default"] for key, entry in schema()["properties"].items() if "default" in entry}
    jsonschema.Draft7Validator(schema()).validate(defaults)
    assert defaults.keys() == KEYS.keys() - {"baseline", "cache-dir"}
    for key, value in defaults.items():
        assert getattr(Settings(), key.replace("-", "_")) == KEYS[key].parse(value)
        assert value_of(Settings(), key) == value


def test_the_file_of_the_package_is_the_schema() -> None:
    file = Path(gradlint.__file__).parent / FILE
    assert json.loads(file.read_text(encoding="utf-8")) == schema(), "gradlint config --schema > gradlint/" + FILE
    assert json.loads(run("config", "--schema", cwd=file.parent).stdout) == schema()


def test_validate_pyproject_finds_it_and_sees_mistakes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["entry-points"]["validate_pyproject.tool_schema"]["gradlint"].partition(":")
    validator = Validator(plugins=[PluginWrapper("gradlint", getattr(importlib.import_module(module), name))])
    good = {"tool": {"gradlint": {"select": ["GRD1"], "severity": {"GRD101": "note"}}}}
    assert validator(good) == good
    for table in ({"slect": []}, {"vanishing": 0}, {"severity": {"GRD101": "fatal"}}):
        with pytest.raises(ValidationError):
            validator({"tool": {"gradlint": table}})


def test_what_the_schema_refuses_gradlint_refuses(tmp_path: Path) -> None:
    (tmp_path / "gradlint.toml").write_text("select = {GRD101 = 1}")
    with pytest.raises(ConfigError, match="select must be a list of rules"):
        load_settings(tmp_path)
