"""`re` on known strings gives what Python gives, or nothing where matching might take very long."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.evaluation.values import Unknown
from gradlint.sources import SourceFile, SourceLoader

EXPRESSIONS = [
    r"re.split(r'(\d.*)', 'k3')",
    r"[re.split(r'(\d.*)', part) for part in 'ir_r2_k3_s2_e6_c24_se0.25'.split('_')]",
    r"re.split(r'[,;]\s*', 'a, b;c', maxsplit=1)",
    r"re.match(r'(?P<kind>[a-z]+)(?P<depth>\d+)', 'resnet50').groupdict()",
    r"re.match('x', 'resnet') is None",
    r"bool(re.search(r'\d', 'resnet50'))",
    r"re.fullmatch('[a-z]+', 'resnet50')",
    r"re.search(r'(\d+)x(\d+)', 'conv3x5').groups()",
    r"re.search('b(c)', 'abcd')[1], re.search('b(c)', 'abcd').span(1), re.search('b', 'abc').start()",
    r"re.findall(r'\d+', '3_4_6_3')",
    r"[found.group() for found in re.finditer('[A-Z][a-z]+', 'ResNetBlock')]",
    r"re.sub('(?<!^)(?=[A-Z])', '_', 'ResNetBlock').lower()",
    r"re.sub(r'\.(\d+)\.', r'[\1].', 'layer.3.conv')",
    r"re.sub('[aeiou]', lambda found: found.group().upper(), 'resnet', count=1)",
    r"re.compile('RES', re.IGNORECASE).match('resnet').end()",
    r"re.compile('[0-9]').sub('', 'a1b2'), re.compile('x').pattern, re.escape('a.b')",
    r"re.match('a|b', 'b', re.I | re.M).group(0)",
    r"re.match(r'(\w+)\s*=\s*(\w+)', 'learning_rate_of_the_network = a_long_name_of_a_schedule').groups()",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_has_the_value_that_python_gives_it(
    expression: str, variables: Callable[[str], dict[str, Any]]
) -> None:
    assert variables(f"import re\nvalue = {expression}")["value"] == eval(expression, {"re": re})


PIECES = st.sampled_from(
    ["a", "b", ".", "[ab]", "a*", "b+", "a?", "(a)", "(a|b)", "(?:ab)*", "(a*)*", "(a|a)+", "^", "$"]
)


def evaluated(text: str) -> Any:
    module = ModuleCache(loader := SourceLoader())
    del loader
    return module.run(Interpreter(module), SourceFile.from_text(text, "m.py"), "m", None).scope.variables["value"]


@given(st.lists(PIECES, min_size=1, max_size=5), st.text("abc", max_size=24))
@settings(max_examples=150, deadline=None)
def test_any_pattern_gives_what_python_gives_or_is_not_known(pieces: list[str], text: str) -> None:
    pattern = "".join(pieces)
    found = evaluated(f"import re\nvalue = re.split({pattern!r}, {text!r})")
    assert isinstance(found, Unknown) or found == re.split(pattern, text)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*$", "(a|aa)+$", "((a*)*)*$", "(.*)(.*)(.*)(.*)(.*)x", "(?:a?){60}a{60}"]
)
def test_a_pattern_that_may_take_very_long_is_not_tried(pattern: str) -> None:
    found = evaluated(f"import re\nvalue = re.match({pattern!r}, {'a' * 60!r} + '!')")
    assert isinstance(found, Unknown)
    assert "very long" in found.reason


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("re.match('(?i)' + '[\\u0000-\\U0010ffff]' * 90, 'a')", "ranges of very many characters"),
        ("re.compile('a' * 5_000)", "very long"),
        ("re.split('a', 3)", "no known string"),
    ],
)
def test_a_pattern_that_costs_much_to_compile_is_not_compiled(call: str, reason: str) -> None:
    found = evaluated(f"import re\nvalue = {call}")
    assert isinstance(found, Unknown)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("re.match(name, 'a')", "name 'name' is not defined"),
        ("re.split('a', open('b').read())", "open"),
        ("re.sub('a', 3, 'a')", "3"),
    ],
)
def test_what_is_not_known_or_no_string_is_no_crash(call: str, reason: str) -> None:
    found = evaluated(f"import re\nvalue = None\nvalue = {call}")
    assert found is None or reason in found.reason or "not known" in found.reason
