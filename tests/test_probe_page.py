"""What the page on the probe shows is what happens; `python -m tests.test_probe_page` writes it anew."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from gradlint.config import KEYS, Settings
from tests.processes import ROOT
from tests.test_readme import SHOWN, real_output

PATH = ROOT / "docs" / "probe.md"
PAGE = PATH.read_text(encoding="utf-8")


@pytest.mark.parametrize(("command", "output"), SHOWN.findall(PAGE), ids=[match[1] for match in SHOWN.finditer(PAGE)])
def test_output_is_real(command: str, output: str) -> None:
    assert real_output(command) == output


@pytest.mark.parametrize("key", [key for key in KEYS if key.startswith("probe-")])
def test_every_key_is_on_the_page_with_its_default(key: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if f"| `{key}` |" in line)
    default = getattr(Settings(), key.replace("-", "_"))
    written = f'`"{default}"`' if isinstance(default, str) else f"{default:g}"
    assert f"| `{key}` | {written} |" in row


if __name__ == "__main__":
    PATH.write_text(
        SHOWN.sub(lambda match: f"```console\n$ gradlint {match[1]}\n{real_output(match[1])}```", PAGE),
        encoding="utf-8",
    )
