"""A hook of MkDocs: the pages that are made from other files of the repository, each time that the site is built.

They are a page for each rule, an index of the rules by group, and the changes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # the site is built with this gradlint, whichever is installed

from gradlint.catalogue import Rule, load_catalogue  # noqa: E402

GROUPS: Mapping[str, str] = {
    "GRD0": "Files and suppressions",
    "GRD1": "Activations",
    "GRD2": "Initial weights",
    "GRD3": "Architecture",
    "GRD4": "Recurrent networks",
    "GRD5": "Training loops and optimizers",
    "GRD6": "Outputs and losses",
    "GRD7": "Gradients that do not arrive",
}
"""What the rules with these first letters of their codes are about."""

INTRODUCTION = """\
Severity says how bad a finding is if it is true; confidence says how sure gradlint is of it, and what it is highly
sure of is reported by default. Each page says what a rule flags and why, with examples that the tests of gradlint run.
In a terminal, `gradlint explain RULE` prints the same pages."""

_METADATA = re.compile(r"^```toml[^\n]*\n.*?^```\n", re.DOTALL | re.MULTILINE)
_FRAMEWORKS = {"torch": "PyTorch", "keras": "Keras"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the rules into the navigation, by group, where it has their index."""
    rules = groupby(load_catalogue(), key=group)
    groups = [{title: [f"rules/{rule.name}.md" for rule in members]} for title, members in rules]
    for entry in config.nav or ():
        if entry == {"Rules": "rules/index.md"}:
            entry["Rules"] = ["rules/index.md", *groups]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of the folder."""
    for name, text in generated():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Let links to the rules in the repository lead to their pages on the site."""
    return markdown.replace("](../rules/)", "](rules/index.md)").replace("](../rules/", "](rules/")


def generated() -> Iterator[tuple[str, str]]:
    """The path and the Markdown of each generated page."""
    rules = load_catalogue()
    yield "rules/index.md", index(rules)
    for rule in rules:
        yield f"rules/{rule.name}.md", page(rule)
    yield "changes.md", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def group(rule: Rule) -> str:
    """What the rule and those with like codes are about."""
    return GROUPS[rule.code[:4]]


def page(rule: Rule) -> str:
    """The page of a rule, with its metadata in a sentence."""
    frameworks = " and ".join(_FRAMEWORKS[name] for name in rule.frameworks)
    grades = f"{rule.severity.value} · {rule.confidence.value} confidence"
    facts = f"*{group(rule)} · {grades} · {frameworks} · since {rule.since}*\n"
    return _METADATA.sub(lambda _: facts, rule.text, count=1)


def index(rules: Iterable[Rule]) -> str:
    """All rules in tables, one for each group."""
    lines = ["# Rules", "", INTRODUCTION]
    for title, members in groupby(rules, key=group):
        lines += ["", f"## {title}", "", "| code | rule | severity | |", "| --- | --- | --- | --- |"]
        lines += [f"| {r.code} | [{r.name}]({r.name}.md) | {r.severity.value} | {r.summary} |" for r in members]
    return "\n".join(lines) + "\n"
