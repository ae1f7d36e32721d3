"""The probe agrees with the pages of all rules: what a bad example claims is measured to be so, in good ones it is not.

Takes in every rule: one whose findings carry claims is measurable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gradlint.catalogue import Rule, own_rules
from gradlint.claims import Claim, ClaimKind, Step
from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.findings import Confidence, Status
from gradlint.network import Network, TrainingLoop
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
    folder.mkdir(exist_ok=True)
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
def test_what_an_example_claims_is_measured_to_be_so(example: Example, tmp_path: Path, probe: Probe) -> None:
    for evaluation in evaluations(example, tmp_path):
        for claims, networks in claimed(example.rule, evaluation):
            found = probe.answer(*questions(networks, claims))
            assert found.status is Status.CONFIRMED, (claims, found)


def measurable(rule: Rule, folder: Path) -> frozenset[ClaimKind]:
    """The kinds of claim that a rule makes on the bad examples of its page; none if it is not measurable."""
    own = (example for example in EXAMPLES if example.rule is rule and example.is_bad)
    return frozenset(
        claim.kind
        for number, example in enumerate(own)
        for evaluation in evaluations(example, folder / f"bad{number}")
        for claims, _ in claimed(rule, evaluation)
        for claim in claims
    )


@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule.name)
def test_a_measurable_rule_has_every_sure_bad_example_measured(rule: Rule, tmp_path: Path) -> None:
    kinds = measurable(rule, tmp_path)
    assert not (kinds and rule.sections["Probe"].startswith("There is nothing to measure"))
    if not kinds:
        pytest.skip("no finding of this rule can be measured")
    for example in EXAMPLES:
        if example.rule is rule and example.is_bad:
            found = [item for evaluation in evaluations(example, tmp_path) for item in problems(rule, evaluation)]
            sure = [(p, networks) for p, networks in found if p.confidence in (None, Confidence.HIGH) and networks]
            assert not sure or any(p.claims for p, _ in sure) or rule.name in UNMEASURED, example.id


UNMEASURED = {
    "symmetric-initial-weights": "what random biases leave of the symmetry shows after hundreds of steps only",
    "unregistered-parameters": "a layer that is made anew each time is drawn again by each forward pass, not kept",
}
"""Measurable rules of which some sure findings are not, and why."""

Asked = Callable[[Network, Sequence[TrainingLoop]], Iterator[Claim]]


def _whole(kind: ClaimKind) -> Asked:
    return lambda network, loops: iter((Claim(kind),))


def _cut_off(network: Network, loops: Sequence[TrainingLoop]) -> Iterator[Claim]:
    if not any(node.get("guessed") for node in network.inputs):  # a wrong guess may leave a softmax one entry
        yield Claim(ClaimKind.BLOCKED)


def _left_alone(network: Network, loops: Sequence[TrainingLoop]) -> Iterator[Claim]:
    for loop in loops:
        for optimizer in loop.optimizers if any(member is network for member in loop.networks) else ():
            step = Step(optimizer.name, optimizer.learning_rate or 0.01, optimizer.options, optimizer.parameters)
            for parameter in network.parameters:
                if parameter.trainable:
                    yield Claim(ClaimKind.UNTRAINED, parameters=(parameter,), step=step)


ASKED: Mapping[ClaimKind, Asked] = {
    **{
        kind: _whole(kind)
        for kind in (
            ClaimKind.VANISHING,
            ClaimKind.EXPLODING,
            ClaimKind.OVERFLOW,
            ClaimKind.DEAD,
            ClaimKind.SATURATED,
            ClaimKind.UNDERFLOW,
        )
    },
    ClaimKind.NAN: lambda network, loops: iter((Claim(ClaimKind.NAN, inputs="zero"),)),
    ClaimKind.BLOCKED: _cut_off,
    ClaimKind.UNTRAINED: _left_alone,
}
"""What is asked of the networks in good examples: that which the rule claims of those in bad ones, where it can be
said of a network without a finding that points at something in it."""


def untouched(network: Network) -> bool:
    """Whether a network starts as it is drawn: with no loaded weights, and none that are zero on purpose."""
    drawn = [p.distribution for node in network.nodes for role, p in node.parameters.items() if role == "weight"]
    return not network.pretrained and all(distribution.std > 0 for distribution in drawn)


@pytest.mark.slow
@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule.name)
def test_of_good_examples_the_same_is_measured_not_to_be_so(rule: Rule, tmp_path: Path, probe: Probe) -> None:
    kinds = measurable(rule, tmp_path) & ASKED.keys()
    for number, example in enumerate(EXAMPLES if kinds else ()):
        if example.rule is not rule or example.is_bad:
            continue
        for evaluation in evaluations(example, tmp_path / f"good{number}"):
            networks = (*evaluation.networks, *(n for loop in evaluation.loops for n in loop.networks))
            for network in filter(untouched, {id(n): n for n in networks}.values()):
                for claim in (claim for kind in kinds for claim in ASKED[kind](network, evaluation.loops)):
                    found = probe.answer(*questions((network,), (claim,)))
                    assert found.status is not Status.CONFIRMED, (example.id, network.name, claim, found)
