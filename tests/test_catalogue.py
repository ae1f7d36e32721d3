from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.catalogue import Catalogue, CatalogueError, load_catalogue, own_rules
from gradlint.findings import Confidence, Severity

PAGE = """# {name} ({code})

```toml
code = "{code}"
severity = "note"
confidence = "medium"
frameworks = ["torch"]
since = "1.2.3"
{more}
```

## What it does

It reports `this` and
that. Much more follows.

Even more.

## Known limits
None.
"""

CHECK = """
from gradlint.subjects import Problem

def check_network(subject):
    yield Problem("found it", subject.network.origin)
"""


def add_rule(folder: Path, name: str = "my-rule", code: str = "MY001", more: str = "", check: str = CHECK) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(PAGE.format(name=name, code=code, more=more))
    (folder / f"{name.replace('-', '_')}.py").write_text(check)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    add_rule(tmp_path)
    add_rule(tmp_path, "my-other-rule", "MY002", more="preview = true\nyields-to = ['my-rule']")
    return load_catalogue([tmp_path])


def test_own_rules_have_checks_with_the_stem_of_their_page() -> None:
    rules = {rule.name: rule for rule in own_rules()}
    assert rules["unparsable-file"].code == "GRD001"
    assert rules["unparsable-file"].checks.source is not None
    assert rules["unparsable-file"].checks.network is None


def test_a_page_says_all_there_is_to_say(catalogue: Catalogue) -> None:
    rule = catalogue.find("my-rule")
    assert (rule.code, rule.severity, rule.confidence) == ("MY001", Severity.NOTE, Confidence.MEDIUM)
    assert (rule.frameworks, rule.since, rule.preview, rule.yields_to) == (("torch",), "1.2.3", False, ())
    assert rule.summary == "It reports `this` and that."
    assert rule.sections["Known limits"] == "None."
    other = catalogue.find("MY002")
    assert (other.preview, other.yields_to) == (True, ("my-rule",))


def test_user_rules_stand_beside_our_own(catalogue: Catalogue) -> None:
    codes = [rule.code for rule in catalogue]
    assert codes == sorted(codes)
    assert {"GRD001", "MY001"} <= set(codes)
    assert catalogue.find("my-rule").checks.network is not None


@pytest.mark.parametrize("name", ["my-rule", "MY001", "my001", "My-Rule"])
def test_rules_go_by_name_and_code_in_any_case(catalogue: Catalogue, name: str) -> None:
    assert catalogue.find(name).code == "MY001"


def test_selectors_are_codes_prefixes_and_names(catalogue: Catalogue) -> None:
    def names(selector: str) -> list[str]:
        return [rule.name for rule in catalogue.matching(selector)]

    assert names("MY") == ["my-rule", "my-other-rule"]
    assert names("my002") == ["my-other-rule"]
    assert names("GRD00") == ["unparsable-file", "unused-suppression"]
    assert len(names("ALL")) == len(catalogue.rules)


@pytest.mark.parametrize("selector", ["", "nope", "GRD9999", "unparsable", "-"])
def test_an_unknown_selector_is_said(catalogue: Catalogue, selector: str) -> None:
    with pytest.raises(CatalogueError, match="unknown rule"):
        catalogue.matching(selector)


def test_a_near_miss_is_guessed(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match=r"did you mean unparsable-file\?"):
        catalogue.find("unparseable-file")


def test_selection(catalogue: Catalogue) -> None:
    def codes(*arguments: tuple[str, ...], preview: bool = False) -> set[str]:
        return {rule.code for rule in catalogue.select(*arguments, preview=preview)}

    everything = {rule.code for rule in catalogue}
    stable = {rule.code for rule in catalogue if not rule.preview}
    assert codes((), (), ()) == stable
    assert codes((), (), (), preview=True) == everything
    assert codes(("GRD001",), (), ()) == {"GRD001"}
    assert codes(("GRD001",), ("my-rule",), ()) == {"GRD001", "MY001"}
    assert codes(("GRD00",), (), ("GRD002",)) == {"GRD001"}
    assert codes(("MY",), (), ()) == {"MY001"}
    assert codes(("MY002",), (), ()) == {"MY002"}
    assert codes((), ("my-other-rule",), ()) == stable | {"MY002"}


@pytest.mark.parametrize(
    ("name", "code", "more", "part"),
    [
        ("my-rule", "MY001", "colour = 1", "unknown key colour"),
        ("my-rule", "MY001", "preview = 1", "preview must be a bool"),
        ("my-rule", "MY001", "looks-at = 'stars'", "looks-at must be one of networks, files"),
        ("my-rule", "MY001", "x = ", "Invalid value"),
        ("my-rule", "my-1", "", "must be `# my-rule"),
        ("unparsable-file", "MY001", "", "two rules are called unparsable-file"),
        ("my-rule", "GRD001", "", "two rules are called GRD001"),
    ],
)
def test_a_page_that_cannot_be_used_is_said(tmp_path: Path, name: str, code: str, more: str, part: str) -> None:
    add_rule(tmp_path, name, code, more)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue([tmp_path])
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('code = "MY001"\n', "", "no code in its metadata"),
        ('severity = "note"', 'severity = "fatal"', "fatal"),
        ("```toml", "```yaml", "no ```toml block"),
        ("# my-rule (MY001)", "# My rule", "must be `# my-rule (MY001)`"),
    ],
)
def test_a_page_without_what_it_needs_is_said(tmp_path: Path, old: str, new: str, part: str) -> None:
    add_rule(tmp_path)
    page = tmp_path / "my-rule.md"
    page.write_text(page.read_text().replace(old, new))
    with pytest.raises(CatalogueError) as caught:
        load_catalogue([tmp_path])
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("more", "check"),
    [("", "def check_source(subject):\n    yield from ()\n"), ("looks-at = 'files'", CHECK)],
)
def test_a_page_says_whether_its_check_looks_at_files(tmp_path: Path, more: str, check: str) -> None:
    add_rule(tmp_path, more=more, check=check)
    with pytest.raises(CatalogueError, match='`looks-at = "files"` goes with check_source'):
        load_catalogue([tmp_path]).find("my-rule").checks  # noqa: B018 - imports


def test_page_and_check_come_in_pairs(tmp_path: Path) -> None:
    add_rule(tmp_path)
    (tmp_path / "_helper.py").write_text("")
    assert load_catalogue([tmp_path]).find("my-rule")
    (tmp_path / "lonely.py").write_text("")
    with pytest.raises(CatalogueError, match=r"lonely\.py: it has no page"):
        load_catalogue([tmp_path])
    (tmp_path / "lonely.py").unlink()
    (tmp_path / "alone.md").write_text("")
    with pytest.raises(CatalogueError, match=r"alone\.md: it has no check"):
        load_catalogue([tmp_path])


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no such rule folder"):
        load_catalogue([tmp_path / "nope"])


@pytest.mark.parametrize(
    ("check", "part"),
    [
        ("x = 1\n", "no check_source, check_network or check_training"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("def f(:\n", "SyntaxError"),
    ],
)
def test_a_check_that_cannot_be_used_is_said(tmp_path: Path, check: str, part: str) -> None:
    add_rule(tmp_path, check=check)
    rule = load_catalogue([tmp_path]).find("my-rule")
    with pytest.raises(CatalogueError, match=part):
        rule.checks  # noqa: B018 - imports
