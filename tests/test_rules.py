"""Every page of `rules/` is as it must be, and its examples are found to be what they say."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

import gradlint
from gradlint.catalogue import Rule, own_rules, rules_folder
from gradlint.config import Settings
from gradlint.engine import check
from gradlint.findings import Confidence
from gradlint.reports import Context, render
from gradlint.reports.source_text import SourceText
from gradlint.results import Report
from tests.pages import Example, Marks, examples

RULES = own_rules()
EXAMPLES = [example for rule in RULES for example in examples(rule)]
SECTIONS = ["What it does", "Why is this bad?", "Example", "Known limits", "Probe", "References"]
CHECKS = Path(gradlint.__file__).parent / "checks"

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def lint(example: Example, folder: Path) -> Report:
    example.write(folder)
    settings = Settings(
        root=folder, min_confidence=Confidence.LOW, extend_select=(example.rule.code,), jobs=1, respect_gitignore=False
    )
    return check(["."], settings)


def marks(report: Report) -> Marks:
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for finding in report.findings:
        found[finding.span.file, finding.span.line].append(finding.name)
    return {place: tuple(sorted(names)) for place, names in found.items()}


def difference(example: Example, report: Report) -> str:
    """What is wrong, as someone who writes the rule wants to read it."""
    found = marks(report)
    lines = [f"rules/{example.rule.name}.md, example at line {example.line}:"]
    for name, line in sorted(example.expected.keys() | found.keys()):
        wanted, got = example.expected.get((name, line), ()), found.get((name, line), ())
        if wanted != got:
            text = example.files[name].split("\n")[line - 1].strip() if name in example.files else ""
            lines.append(f"  {name}:{line}: {text}")
            lines.append(f"    expected {', '.join(wanted) or 'nothing'}, found {', '.join(got) or 'nothing'}")
    lines += ["", render("full", report, Context(source_line=SourceText()))]
    return "\n".join([*lines, *report.notes])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_example(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = lint(example, tmp_path)
    assert [failure.message + failure.details for failure in report.failures] == []
    assert marks(report) == example.expected, difference(example, report)


def test_every_page_has_a_check_and_every_check_a_page() -> None:
    pages = {page.name.removesuffix(".md").replace("-", "_") for page in rules_folder().iterdir()}
    checks = {path.stem for path in CHECKS.glob("*.py") if not path.name.startswith("_")}
    assert pages == checks


@each_rule
def test_check_is_as_its_page_says(rule: Rule) -> None:
    assert rule.checks


@each_rule
def test_page_has_every_section_in_order(rule: Rule) -> None:
    assert [heading for heading in rule.sections if heading in SECTIONS] == SECTIONS
    assert [heading for heading in SECTIONS if not rule.sections[heading]] == []


@each_rule
def test_page_shows_the_rule_firing_and_silent(rule: Rule) -> None:
    own = [example for example in EXAMPLES if example.rule is rule]
    assert sum(example.fires for example in own) >= 2
    assert len([example for example in own if not example.is_bad]) >= 3


@each_rule
def test_rule_fires_and_is_silent_in_each_of_its_frameworks(rule: Rule) -> None:
    if rule.of_files:
        return  # it looks at files as such, whatever framework they use
    own = [example for example in EXAMPLES if example.rule is rule]
    firing = {name for example in own if example.fires for name in example.frameworks}
    silent = {name for example in own if not example.is_bad for name in example.frameworks}
    assert firing == silent == set(rule.frameworks)


@each_rule
def test_page_shows_the_way_out_after_the_faults(rule: Rule) -> None:
    faults, _, way_out = rule.sections["Example"].partition("\nUse instead:\n")
    assert way_out
    assert "error: [" in faults
    assert "# error: [" not in way_out


@each_rule
def test_page_shows_look_alikes_with_their_reason(rule: Rule) -> None:
    good = [
        text for example in EXAMPLES if example.rule is rule and not example.is_bad for text in example.files.values()
    ]
    assert any("# not an error: " in text for text in good)


@each_rule
def test_page_names_known_rules_only(rule: Rule) -> None:
    known = {other.name for other in RULES} | {other.code for other in RULES}
    expected = {name for example in examples(rule) for names in example.expected.values() for name in names}
    assert expected - known == set()
    assert set(rule.yields_to) - known == set()


@each_rule
def test_name_is_that_of_a_pattern_not_of_its_cure(rule: Rule) -> None:
    assert not rule.name.startswith(("prefer-", "use-", "avoid-", "require-"))


@each_rule
def test_metadata_is_sound(rule: Rule) -> None:
    assert re.fullmatch(r"GRD\d{3}", rule.code)
    assert rule.frameworks
    assert set(rule.frameworks) <= {"torch", "keras"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.since)


@each_rule
def test_summary_is_one_sentence(rule: Rule) -> None:
    assert rule.summary.endswith(".")
    assert len(rule.summary) < 200


@each_rule
def test_negative_examples_carry_their_reason(rule: Rule) -> None:
    for match in re.finditer(r"#.*\bnot an error\b(.*)", rule.text):
        assert re.match(r": \w", match[1]), match[0]
