"""The rules: each a page of Markdown in a folder of pages, paired with the check of the same stem."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from gradlint.findings import Confidence, Severity
from gradlint.subjects import NetworkSubject, Problem, SourceSubject, TrainingSubject

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SourceCheck = Callable[[SourceSubject], Iterable[Problem]]
NetworkCheck = Callable[[NetworkSubject], Iterable[Problem]]
TrainingCheck = Callable[[TrainingSubject], Iterable[Problem]]

_METADATA = re.compile(r"^```toml[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SECTION = re.compile(r"^## +(.+?) *$", re.MULTILINE)
_TITLE = re.compile(r"^# +(?P<name>[a-z][a-z0-9-]*) +\((?P<code>[A-Z]+\d+)\) *$", re.MULTILINE)
_SENTENCE = re.compile(r"(.+?[.!?])(?:\s|$)", re.DOTALL)
_CODE = re.compile(r"[A-Z]+\d+")

_REQUIRED = {"code": str, "severity": str, "confidence": str, "frameworks": list, "since": str}
_OPTIONAL = {"preview": bool, "yields-to": list, "looks-at": str}
_LOOKS_AT = ("networks", "files")


class CatalogueError(Exception):
    """A rule folder that cannot be used, or a selector that means no rule."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What a check's file offers: a function for each kind of subject that it looks at."""

    source: SourceCheck | None
    network: NetworkCheck | None
    training: TrainingCheck | None


@dataclass(frozen=True)
class Rule:
    """One rule: what its page says of it, and where page and check are.

    `check` is the name of a module of gradlint, or the file of a user's own check. `yields_to` names the
    rules whose finding on the same network makes a finding of this one superfluous. `of_files` marks a rule that
    looks at files as such, and at no network or training loop: only these are asked about files without any.
    """

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    frameworks: tuple[str, ...]
    since: str
    page: Traversable
    check: str | Path
    preview: bool = False
    yields_to: tuple[str, ...] = ()
    of_files: bool = False

    @cached_property
    def text(self) -> str:
        """The whole page."""
        return self.page.read_text(encoding="utf-8")

    @cached_property
    def sections(self) -> Mapping[str, str]:
        """The sections of the page by their headings."""
        parts = _SECTION.split(self.text)
        return {heading: body.strip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)}

    @property
    def summary(self) -> str:
        """The first sentence of what the rule does."""
        body = " ".join(self.sections.get("What it does", "").split("\n\n")[0].split())
        match = _SENTENCE.match(body)
        return match[1] if match else body

    @cached_property
    def checks(self) -> Checks:
        """The check's functions; imports its file.

        Raises:
            CatalogueError: the file fails to import, or offers none.
        """
        module = _user_module(self.check) if isinstance(self.check, Path) else importlib.import_module(self.check)
        checks = Checks(*(getattr(module, f"check_{subject}", None) for subject in ("source", "network", "training")))
        if checks == Checks(None, None, None):
            raise CatalogueError(f"{self.check}: no check_source, check_network or check_training in it")
        if self.of_files != (checks.source is not None):
            raise CatalogueError(f'{self.page}: `looks-at = "files"` goes with check_source, and with nothing else')
        return checks


class _FromSource(SourceFileLoader):
    """Compiles a file each time: a compiled file beside it counts as new where both are of the same second."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _user_module(path: Path) -> ModuleType:
    name = f"gradlint_user_rule_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's own file raises is the user's to read
        raise CatalogueError(f"{path}: {type(error).__name__}: {error}") from error
    return module


class Catalogue:
    """All rules of a run, by code."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: rule.code))
        self._index: dict[str, Rule] = {}
        for rule in self.rules:
            for key in (rule.code, rule.name):
                other = self._index.setdefault(key.lower(), rule)
                if other is not rule:
                    raise CatalogueError(f"two rules are called {key}: {other.page} and {rule.page}")

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def get(self, name_or_code: str) -> Rule | None:
        """The rule of this name or code, in any case."""
        return self._index.get(name_or_code.lower())

    def find(self, name_or_code: str) -> Rule:
        """The rule of this name or code.

        Raises:
            CatalogueError: there is none.
        """
        rule = self.get(name_or_code)
        if rule is None:
            raise self._unknown(name_or_code)
        return rule

    def matching(self, selector: str) -> tuple[Rule, ...]:
        """The rules that a selector means: a name, a code, the first letters and digits of a code, or ALL.

        Raises:
            CatalogueError: it means none.
        """
        rule = self.get(selector)
        if rule is not None:
            return (rule,)
        prefix = selector.upper()
        rules = self.rules if prefix == "ALL" else tuple(r for r in self.rules if prefix and r.code.startswith(prefix))
        if not rules:
            raise self._unknown(selector)
        return rules

    def _unknown(self, name: str) -> CatalogueError:
        from difflib import get_close_matches  # only where something went wrong

        close = get_close_matches(name.lower(), self._index, n=1)
        suggestion = f" (did you mean {self._index[close[0]].name}?)" if close else ""
        return CatalogueError(f"unknown rule {name!r}{suggestion}; `gradlint rules` lists all")

    def select(
        self, select: Sequence[str], extend_select: Sequence[str], ignore: Sequence[str], preview: bool = False
    ) -> tuple[Rule, ...]:
        """The rules that are on. A preview rule is on only under `preview`, or where it is named in full.

        Raises:
            CatalogueError: a selector means no rule.
        """
        chosen = {rule.code for rule in self.rules} if not select else set()
        for selector in (*select, *extend_select):
            chosen.update(rule.code for rule in self.matching(selector))
        named = {rule.code for selector in (*select, *extend_select) if (rule := self.get(selector))}
        for selector in ignore:
            chosen.difference_update(rule.code for rule in self.matching(selector))
        return tuple(r for r in self.rules if r.code in chosen and (preview or not r.preview or r.code in named))


def load_catalogue(folders: Sequence[Path] = ()) -> Catalogue:
    """Load gradlint's own rules and those of the user's rule folders.

    Raises:
        CatalogueError: a page or a folder is not as it must be.
    """
    user = [rule for folder in folders for rule in _user_rules(folder)]
    return Catalogue([*own_rules(), *user])


@cache
def own_rules() -> tuple[Rule, ...]:
    """The rules that come with gradlint."""
    pages = [page for page in rules_folder().iterdir() if page.name.endswith(".md")]
    return tuple(_rule(page, f"gradlint.checks.{_stem(page)}") for page in sorted(pages, key=lambda page: page.name))


def rules_folder() -> Traversable:
    """The folder of gradlint's own pages: inside the package, or beside it in a checkout."""
    package = Path(__file__).parent
    if (package / "rules").is_dir():
        return package / "rules"
    if (package.parent / "pyproject.toml").is_file():
        return package.parent / "rules"
    from importlib.resources import files  # in a zip file nothing is a path

    return files("gradlint") / "rules"


def _user_rules(folder: Path) -> Iterator[Rule]:
    if not folder.is_dir():
        raise CatalogueError(f"{folder}: no such rule folder")
    checks = {path.stem.replace("_", "-"): path for path in folder.glob("*.py") if not path.name.startswith("_")}
    pages = {path.stem.replace("_", "-"): path for path in folder.glob("*.md")}
    for stem in sorted(checks.keys() ^ pages.keys()):
        has, lacks = (checks[stem], "page") if stem in checks else (pages[stem], "check")
        raise CatalogueError(f"{has}: it has no {lacks} of the same name beside it")
    for stem in sorted(pages):
        yield _rule(pages[stem], checks[stem])


def _stem(page: Traversable) -> str:
    return page.name.removesuffix(".md").replace("-", "_")


def _rule(page: Traversable, check: str | Path) -> Rule:
    text = page.read_text(encoding="utf-8")
    metadata = _metadata(page, text)
    title = _TITLE.search(text)
    name = page.name.removesuffix(".md").replace("_", "-")
    if title is None or title["name"] != name or title["code"] != metadata["code"]:
        raise CatalogueError(f"{page}: its first heading must be `# {name} ({metadata['code']})`")
    if _CODE.fullmatch(metadata["code"]) is None:
        raise CatalogueError(f"{page}: a code is capital letters and digits, as GRD101")
    try:
        severity, confidence = Severity(metadata["severity"]), Confidence(metadata["confidence"])
    except ValueError as error:
        raise CatalogueError(f"{page}: {error}") from None
    return Rule(
        code=metadata["code"],
        name=name,
        severity=severity,
        confidence=confidence,
        frameworks=tuple(metadata["frameworks"]),
        since=metadata["since"],
        page=page,
        check=check,
        preview=metadata.get("preview", False),
        yields_to=tuple(metadata.get("yields-to", ())),
        of_files=metadata.get("looks-at") == "files",
    )


def _metadata(page: Traversable, text: str) -> dict[str, Any]:
    block = _METADATA.search(text)
    if block is None:
        raise CatalogueError(f"{page}: no ```toml block with its code and severity")
    try:
        metadata = tomllib.loads(block[1])
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{page}: {error}") from None
    known = _REQUIRED | _OPTIONAL
    for key in _REQUIRED.keys() - metadata.keys():
        raise CatalogueError(f"{page}: no {key} in its metadata")
    for key, value in metadata.items():
        if key not in known:
            raise CatalogueError(f"{page}: unknown key {key} in its metadata; known: {', '.join(known)}")
        if not isinstance(value, known[key]):
            raise CatalogueError(f"{page}: {key} must be a {known[key].__name__}")
    if metadata.get("looks-at", "networks") not in _LOOKS_AT:
        raise CatalogueError(f"{page}: looks-at must be one of {', '.join(_LOOKS_AT)}")
    return metadata
