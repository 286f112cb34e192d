"""The faults that the pipeline survives, what is expected of each, and the scoreboard that sets beside it what was seen.

A test shows its fault by its name: `test_d14_...` is for fault 14. The numbers that are missing here are for later.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH = 120  # columns of the scoreboard


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and what is expected then."""

    what: str
    expected: str


FAULTS = {
    1: Fault("the same file twice, under the same name", "the second changes nothing and is written down as a duplicate"),
    2: Fault("the same bytes under a new name, for the same period", "nothing changes"),
    3: Fault("a correction: the same name, changed bytes", "a new version; the old rows are superseded and kept"),
    4: Fault("a correction that removes a row", "the row ends and is not left behind; the history shows it"),
    5: Fault("no file at the deadline", "a notice names the sender; marts show the last good day, and no zero"),
    6: Fault("a period comes late, after the next one", "it takes its own place; only what it touches is made anew"),
    7: Fault("periods arrive out of order", "the end is the same as in order"),
    8: Fault("a file of zero bytes", "rejected, and the sender is told"),
    9: Fault("a header and no rows", "as the contract says: rejected, or a nil return; never silent"),
    10: Fault("a trailer or manifest counts other rows than came", "the whole delivery is rejected"),
    11: Fault("60 % fewer rows than usual", "held for a person's word, not published"),
    12: Fault("a file that is still being written", "not taken before it is still, or marked as done"),
    13: Fault("a file that ends in the middle of a row", "rejected, nothing is landed"),
    14: Fault("a quotation mark that does not close", "rejected, with the number of the line"),
    15: Fault(
        "one value too many or too few in one row", "that row is set aside, or all rejected, as the contract says; no shift"
    ),
    16: Fault(
        "columns renamed, dropped, added or in another order",
        "a mandatory one is missing: rejected; added: accepted with a word; renamed or in another order: found by name",
    ),
    17: Fault("a header that is given twice", "rejected"),
    18: Fault("a byte order mark", "left off; the first column is found"),
    19: Fault("other encodings, and several in one file", "only the declared one is taken; names come through as written"),
    20: Fault("every kind of line end; line breaks in quotes", "the same rows"),
    21: Fault("a NUL byte; control characters", "rejected cleanly; no value in a message or the database's log"),
    22: Fault("a value of 200 kB", "that row is set aside; no crash"),
    23: Fault("dates in another form, that do not exist, or that cannot be", "set aside, with the reason"),
    24: Fault(
        "NHS numbers with spaces or dashes; wrong, short, or from a spreadsheet",
        "spaces and dashes do not matter; otherwise the value is set aside, kept as sent and never links; the row counts",
    ),
    25: Fault("a council's number that begins with zeros", "kept as text"),
    26: Fault("people called NA, Null, None, TRUE, O'Brien, Nuñez", "kept as typed"),
    27: Fault("values and names that a spreadsheet would run", "kept as sent; no formula in what we send out; numbers unharmed"),
    28: Fault("SQL as the name of a column or a file", "it is text, and nothing else"),
    29: Fault("names that lead elsewhere: ../, links, absolute paths", "refused, and left where they lie"),
    30: Fault("zip files: a bomb, nested, with paths that lead out, encrypted", "refused before anything is unpacked"),
    38: Fault("one sender's delivery is bad", "the others publish; the bad one shows its last good day, with a word"),
    39: Fault("a test of a mart fails", "nothing is published; what was published stays"),
    40: Fault("rows without the keys that join them", "counted and set aside; no mart is emptied in silence"),
    41: Fault("clocks: nights when they change, 29 February, midnight, the turn of a year", "the right day, and the right hours"),
    43: Fault(
        "a value that can be recognised in every column of a failing file",
        "found in no log, task, test result, notice, report or letter",
    ),
    45: Fault("somebody who is not signed in; default passwords", "401; no default password is shipped"),
}


@dataclass
class Scores:
    """What the tests of one run saw, fault by fault."""

    seen: dict[int, list[str]] = field(default_factory=dict)
    passed: dict[int, bool] = field(default_factory=dict)

    def note(self, number: int, words: str) -> None:
        """Add what one test saw to what others saw of the same fault."""
        if words not in (noted := self.seen.setdefault(number, [])):
            noted.append(words)

    def end(self, number: int, passed: bool) -> None:
        """A test of a fault came to its end."""
        self.passed[number] = self.passed.get(number, True) and passed

    def not_as_expected(self) -> list[int]:
        """The faults of which a test failed, or none was run to its end, or none said what it saw."""
        return [number for number in FAULTS if not (self.passed.get(number) and self.seen.get(number))]

    def table(self, numbers: Iterable[int], colours: bool) -> str:
        """The scoreboard of some faults, 120 columns wide."""
        numbers, missed = list(numbers), self.not_as_expected()
        good = [number for number in numbers if number not in missed]
        title = f"Faults: {len(good)} of {len(numbers)} as expected"
        table = Table(title=title, title_justify="left", show_lines=True, expand=True)
        table.add_column("fault", no_wrap=True)
        table.add_column("what goes wrong", ratio=24)
        table.add_column("expected", ratio=26)
        table.add_column("seen", ratio=50)
        table.add_column("as expected", width=8)
        for number in numbers:
            fault = FAULTS[number]
            seen = "\n".join(self.seen.get(number, [])) or ("nothing" if number in self.passed else "was not run")
            answer = "[bold red]NO[/]" if number in missed else "[green]yes[/]"
            table.add_row(f"D{number}", escape(fault.what), escape(fault.expected), escape(seen), answer)
        console = Console(file=io.StringIO(), width=WIDTH, force_terminal=colours)
        console.print(table)
        return console.file.getvalue()  # type: ignore[attr-defined]


def number_of(test_name: str) -> int | None:
    """The fault that a test is named after; None for a test of something else."""
    found = re.match(r"test_d(\d+)_", test_name)
    return int(found[1]) if found else None
