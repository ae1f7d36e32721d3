"""Rules as people read them in a terminal: the list of all, and the page of one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from gradlint.catalogue import Rule
from gradlint.reports.style import PLAIN, SEVERITY_COLORS, Style

VERSION = 1

_INLINE_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")


def rules_text(rules: Sequence[Rule], style: Style = PLAIN) -> str:
    """A line for each rule: code, name, severity, what it does."""
    width = max((len(rule.name) for rule in rules), default=0)
    lines = []
    for rule in rules:
        severity = style(f"{rule.severity:<7}", SEVERITY_COLORS[rule.severity])
        preview = " (preview)" if rule.preview else ""
        summary = _INLINE_CODE.sub(r"\1", rule.summary)
        lines.append(f"{style(rule.code, 'bold')}  {rule.name:<{width}}  {severity}  {summary}{preview}\n")
    return "".join(lines)


def rules_json(rules: Sequence[Rule]) -> str:
    """The rules for programs."""
    content = [
        {
            "code": rule.code,
            "name": rule.name,
            "severity": rule.severity.value,
            "confidence": rule.confidence.value,
            "frameworks": list(rule.frameworks),
            "since": rule.since,
            "preview": rule.preview,
            "summary": rule.summary,
        }
        for rule in rules
    ]
    return json.dumps({"version": VERSION, "rules": content}, indent=2) + "\n"


def page_text(rule: Rule, style: Style = PLAIN) -> str:
    """The page of a rule, with its metadata as a sentence and Markdown's marks turned into colours."""
    return "".join(f"{line}\n" for line in _page(rule, style))


def _page(rule: Rule, style: Style) -> Iterator[str]:
    fence = ""
    for line in rule.text.splitlines():
        if line.startswith("```"):
            if not fence:
                fence = line.strip("`").strip() or "text"
                if fence == "toml":
                    yield _grade(rule, style)
            else:
                fence = ""
        elif fence == "toml":
            continue
        elif fence:
            yield f"    {style(line, 'cyan')}".rstrip()
        elif line.startswith("#"):
            yield style(line.lstrip("# "), "bold")
        else:
            yield _LINK.sub(
                r"\1: \2", _INLINE_CODE.sub(lambda match: style(match[1], "cyan") if style.enabled else match[0], line)
            )


def _grade(rule: Rule, style: Style) -> str:
    severity = style(rule.severity.value, SEVERITY_COLORS[rule.severity])
    preview = ", preview" if rule.preview else ""
    return f"{severity}, {rule.confidence} confidence; {', '.join(rule.frameworks)}; since {rule.since}{preview}"
