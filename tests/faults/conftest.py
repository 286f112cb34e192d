"""The scoreboard at the end of `make faults`, and the pipeline that the faults are put through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from faults.board import FAULTS, Scores, number_of
from faults.pipeline import Pipeline
from fresh_warehouse import FreshWarehouse

SCORES = pytest.StashKey[Scores]()

# The same files in every run; with --hypothesis-profile=explore many others, to look for what nobody has found yet.
STEADY = settings(max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("steady", STEADY)
settings.register_profile("explore", STEADY, max_examples=300, derandomize=False)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SCORES] = Scores()


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells the scoreboard what a test saw, in words that were computed from the warehouse and hold no value."""
    number = number_of(request.node.name)
    assert number is not None, "only a test that is named after a fault has a place on the scoreboard"
    return lambda words: request.config.stash[SCORES].note(number, words)


@pytest.fixture
def pipeline(warehouse: FreshWarehouse, tmp_path: Path) -> Pipeline:
    """The pipeline on a fresh warehouse, with an empty outbox."""
    return Pipeline(warehouse, tmp_path / "outbox")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    number = number_of(item.name)
    if number is not None and (report.when == "call" or not report.passed):
        item.config.stash[SCORES].end(number, report.passed)
    return report


def is_whole(config: pytest.Config) -> bool:
    """Are all faults being tested, and not some that were picked?"""
    folder = Path(__file__).parent
    return not config.option.keyword and any(Path(argument).resolve() == folder for argument in config.args)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if is_whole(session.config) and session.config.stash[SCORES].not_as_expected():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    scores = config.stash[SCORES]
    numbers = FAULTS if is_whole(config) else sorted(scores.passed)
    if numbers:
        terminalreporter.write("\n" + scores.table(numbers, terminalreporter.hasmarkup), flush=True)
