from __future__ import annotations

import json
from pathlib import Path

from syrupy.assertion import SnapshotAssertion

from gradlint.catalogue import Rule
from gradlint.findings import Confidence, Severity
from gradlint.reports.pages import page_text, rules_json, rules_text
from gradlint.reports.style import Style

PAGE = """# some-rule (GRD999)

```toml
code = "GRD999"
```

## What it does

It reports `this`, as [a paper](https://example.org) says. More.

## Example

```python
x = 1  # error: [some-rule]

y = 2
```

## References

- none
"""


def rule(folder: Path, **changes: object) -> Rule:
    page = folder / "some-rule.md"
    page.write_text(PAGE)
    values = {
        "code": "GRD999",
        "name": "some-rule",
        "severity": Severity.WARNING,
        "confidence": Confidence.MEDIUM,
        "frameworks": ("torch", "keras"),
        "since": "0.1.0",
        "page": page,
        "check": "x",
    }
    return Rule(**(values | changes))  # type: ignore[arg-type]


def test_page(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert page_text(rule(tmp_path)) == snapshot
    assert page_text(rule(tmp_path), Style(enabled=True)) == snapshot


def test_list(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    rules = [rule(tmp_path), rule(tmp_path, code="GRD998", name="a-longer-name", preview=True, severity=Severity.ERROR)]
    assert rules_text(rules) == snapshot


def test_list_for_programs(tmp_path: Path) -> None:
    assert json.loads(rules_json([rule(tmp_path)])) == {
        "version": 1,
        "rules": [
            {
                "code": "GRD999",
                "name": "some-rule",
                "severity": "warning",
                "confidence": "medium",
                "frameworks": ["torch", "keras"],
                "since": "0.1.0",
                "preview": False,
                "summary": "It reports `this`, as [a paper](https://example.org) says.",
            }
        ],
    }
