"""The scoreboard itself: nothing is missing from it, and nothing is on it twice or for nothing."""

from __future__ import annotations

import re
from pathlib import Path

from faults.board import FAULTS, Scores


def test_every_fault_of_the_list_has_a_test_that_is_named_after_it() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))

    assert {int(number) for number in re.findall(r"def test_d(\d+)_", tests)} == FAULTS.keys()


def test_the_list_is_whole() -> None:
    assert FAULTS.keys() == {*range(1, 31), *range(38, 42), 43, 45}


def test_a_fault_is_as_expected_when_each_of_its_tests_passed_and_said_what_it_saw() -> None:
    scores = Scores()
    for number in (1, 2, 3):
        scores.note(number, "accepted")
    for number, passed in [(1, True), (2, True), (2, False), (4, True)]:
        scores.end(number, passed)

    assert sorted(FAULTS.keys() - set(scores.not_as_expected())) == [1]


def test_the_scoreboard_can_be_read_in_120_columns() -> None:
    scores = Scores()
    scores.note(14, "rejected: line 6: a quotation mark opens a value and does not close on that line; 0 rows in landing")
    scores.end(14, True)
    board = scores.table([14, 15], colours=False)

    assert max(map(len, board.splitlines())) <= 120
    assert "Faults: 1 of 2 as expected" in board
    assert "was not run" in board
