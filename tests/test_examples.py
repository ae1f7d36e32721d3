"""The scripts that the README walks through: bad ones are found out, mended ones are clean."""

from __future__ import annotations

from pathlib import Path

import pytest

import gradlint
from gradlint.config import Settings

EXAMPLES = Path(gradlint.__file__).parent.parent / "examples"

FOUND = {
    "house_prices.py": ["missing-zero-grad", "unregistered-parameters"],
    "mnist_mlp.py": ["deep-sigmoid-stack"],
    "plain_cnn.py": ["deep-default-initializer"],
    "sentiment.py": ["double-activation", "missing-gradient-clipping"],
}


def names(folder: str, script: str) -> list[str]:
    report = gradlint.check_paths([EXAMPLES / folder / script], Settings(root=EXAMPLES))
    assert report.failures == ()
    assert report.networks > 0
    return sorted(finding.name for finding in report.findings)


def test_every_bad_script_has_a_mended_twin() -> None:
    scripts = [sorted(path.name for path in (EXAMPLES / folder).glob("*.py")) for folder in ("bad", "mended")]
    assert scripts == [sorted(FOUND), sorted(FOUND)]


@pytest.mark.parametrize("script", FOUND)
def test_bad(script: str) -> None:
    assert names("bad", script) == FOUND[script]


@pytest.mark.parametrize("script", FOUND)
def test_mended(script: str) -> None:
    assert names("mended", script) == []
