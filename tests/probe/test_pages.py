"""The probe agrees with the pages of all rules: what a bad example claims is measured to be so, in good ones it is not.

Takes in every rule: one whose findings carry claims is measurable.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gradlint.catalogue import Rule, own_rules
from gradlint.claims import Claim
from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.findings import Status
from gradlint.network import Network
from gradlint.probe import Probe, ProbeSettings, questions
from gradlint.propagation import Settings as Bounds
from gradlint.sources import SourceError, SourceLoader
from gradlint.subjects import NetworkSubject, Problem, TrainingSubject
from tests.pages import Example, examples

EXAMPLES = [example for rule in own_rules() for example in examples(rule)]


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with Probe(ProbeSettings(seeds=3)) as running:
        yield running


def evaluations(example: Example, folder: Path) -> Iterator[Evaluation]:
    example.write(folder)
    evaluator = Evaluator(SourceLoader())
    for name in example.files:
        source = evaluator.modules.loader.load(folder / name)
        assert source is not None
        try:
            yield evaluator.evaluate(source)
        except SourceError:
            continue


def problems(rule: Rule, evaluation: Evaluation) -> Iterator[tuple[Problem, tuple[Network, ...]]]:
    """What a rule finds in a file, with the networks that it looked at."""
    networks = {id(n): n for n in (*evaluation.networks, *(n for loop in evaluation.loops for n in loop.networks))}
    subjects = {
        key: NetworkSubject(n, Bounds(), [loop for loop in evaluation.loops if n in loop.networks])
        for key, n in networks.items()
    }
    if rule.checks.network is not None:
        for network in evaluation.networks:
            for problem in rule.checks.network(subjects[id(network)]):
                yield problem, (network,)
    if rule.checks.training is not None:
        for loop in evaluation.loops:
            members = tuple(subjects[id(network)] for network in loop.networks)
            for problem in rule.checks.training(TrainingSubject(loop, members, Bounds())):
                yield problem, loop.networks


def claimed(rule: Rule, evaluation: Evaluation) -> Iterator[tuple[tuple[Claim, ...], tuple[Network, ...]]]:
    for problem, networks in problems(rule, evaluation):
        if problem.claims and networks:
            yield problem.claims, networks


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_the_probe_agrees_with_the_page(example: Example, tmp_path: Path, probe: Probe) -> None:
    for evaluation in evaluations(example, tmp_path):
        for claims, networks in claimed(example.rule, evaluation):
            found = probe.answer(*questions(networks, claims))
            assert found.status is Status.CONFIRMED, (claims, found)
