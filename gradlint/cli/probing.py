"""The options that have gradients measured, for all commands that have them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gradlint.cli.errors import Failed
from gradlint.config import DEVICES, Measuring, Settings

if TYPE_CHECKING:
    from gradlint.probe import Probe

F = TypeVar("F", bound=Callable[..., Any])

LIVE_NOTE = "note: --probe-live imports the files that it measures: their code is run"

_OPTIONS = (
    click.option("--probe", is_flag=True, help="Measure real gradients of what is found, without running your code."),
    click.option("--probe-live", is_flag=True, help="The same on the real networks: this imports and RUNS your code."),
    click.option(
        "--probe-steps", type=click.IntRange(min=0), metavar="N", help="Measure after N steps of an optimizer."
    ),
    click.option("--probe-device", type=click.Choice(DEVICES), help="Where to measure."),
)

call_option = click.option(
    "--call",
    "calls",
    multiple=True,
    metavar="EXPRESSION",
    help='With --probe-live: build the network that it calls like this: "Net(depth=20)".',
)


def probe_options(function: F) -> F:
    """Options of measuring; `probe_overrides` reads them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def probe_overrides(options: dict[str, Any]) -> dict[str, Any]:
    """The settings that the options of measuring say.

    Raises:
        UsageError: they do not go together, or a call is no expression.
    """
    measuring = Measuring.LIVE if options["probe_live"] else Measuring.TWIN if options["probe"] else None
    if measuring is None:
        for name in ("probe_steps", "probe_device"):
            if options[name] is not None:
                raise click.UsageError(f"--{name.replace('_', '-')} needs --probe or --probe-live")
    return {"measuring": measuring, "probe_steps": options["probe_steps"], "probe_device": options["probe_device"]}


def calls_override(options: dict[str, Any]) -> dict[str, Any]:
    """The settings that `--call` says where it goes with `--probe-live` only.

    Raises:
        UsageError: it stands alone, or is no expression.
    """
    calls: tuple[str, ...] = options["calls"]
    if calls and not options["probe_live"]:
        raise click.UsageError("--call needs --probe-live")
    for call in calls:
        try:
            ast.parse(call.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise click.UsageError(f"--call: {call} is not an expression") from None
    return {"calls": calls or None}


def announce(settings: Settings, quiet: bool = False) -> None:
    """Say that the user's code is going to run, if so."""
    if settings.measuring is Measuring.LIVE and not quiet:
        click.echo(LIVE_NOTE, err=True)


@contextmanager
def probe_errors(settings: Settings) -> Iterator[None]:
    """What keeps gradlint from measuring at all becomes the sentence that ends the command."""
    if settings.measuring is Measuring.OFF:
        yield
        return
    from gradlint.probe import ProbeUnavailable

    try:
        yield
    except ProbeUnavailable as error:
        raise Failed(str(error)) from None


@contextmanager
def probe_for(settings: Settings) -> Iterator[Probe | None]:
    """The probe that the settings ask for, which tells on a terminal what it is doing; None where they ask for none."""
    if settings.measuring is Measuring.OFF:
        yield None
        return
    from gradlint.cli.progress import progress_on
    from gradlint.probe import Probe
    from gradlint.probing import probe_settings

    with probe_errors(settings), progress_on(sys.stderr) as progress:
        told = None if progress is None else lambda name: progress(f"measuring {name}")
        with Probe(probe_settings(settings), told) as probe:
            probe.warm()
            yield probe
