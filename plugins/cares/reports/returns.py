"""What goes back to the sender of a delivery: a plain letter, and a list of the lines to mend. No value of the data is in them.

Both lie in the organisation's own folder, `<organisation>/<feed>/<period>/`, and say how things stand when they are written.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import psycopg
from jinja2 import Environment, PackageLoader, StrictUndefined
from psycopg.rows import class_row

from cares import contracts, english, settings, simulated, warehouse
from cares.contracts import Feed, Table
from cares.reports import wording
from cares.reports.facts import Check

# Of one rule no more lines are listed; nobody mends more by hand, and the cause is the same.
MOST_LINES_OF_A_RULE = 10_000
_LINES_IN_A_LETTER = 5
_WIDTH = 92
_LETTER = "_letter.txt"

_COLUMNS = ("file", "line", "column", "rule", "what was expected", "how to mend it", "what followed")
_FOLLOWED = {
    wording.SET_ASIDE: "set aside",
    wording.VALUE_ASIDE: "value left out",
    wording.WARN: "warning",
    wording.REJECT: "delivery rejected",
}
_FOLLOWED_IN_WORDS = {
    wording.SET_ASIDE: "Each such row is kept out of the linked dataset until it comes corrected.",
    wording.VALUE_ASIDE: "Each such row is used without that value.",
    wording.WARN: "Each such row is used as it is.",
    wording.REJECT: "That is why the whole delivery was rejected.",
}
_MEND_A_LINE = (
    "give the line one value for each column, and put a value that holds a separator or a quotation mark in quotation marks, "
    "with those inside it doubled"
)


@dataclass(frozen=True)
class _Delivery:
    delivery_id: int
    feed: str
    format_version: str
    period: str
    period_end: date
    state: str
    held_for: str | None
    reason: str | None
    source: str | None
    received_at: datetime
    is_replaced: bool


@dataclass(frozen=True)
class _File:
    file_name: str
    table_name: str | None
    received_rows: int | None
    accepted_rows: int | None
    set_aside_rows: int | None
    unreadable_rows: int | None
    erased_rows: int
    not_needed_rows: int | None
    problem: str | None


@dataclass(frozen=True)
class _Broken:
    """One rule that lines of a file break and that is still open, or none for lines that cannot be read."""

    file_name: str
    table_name: str
    rule: str
    sentence: str
    if_broken: str
    rows: int
    first_lines: list[int]


@dataclass(frozen=True)
class _Disputed:
    """A line that the person it is about says is wrong, in one column or as a whole."""

    file_name: str
    table_name: str
    line: int
    column_name: str | None
    reference: int
    due_on: date


def write(delivery_id: int) -> Path | None:
    """Write the letter on a delivery and the list of lines to mend, and return where the letter is.

    None where there is nothing to tell: no finding, no line that cannot be read or is disputed, neither rejected nor held. Done again it
    says how things stand then, and so do the letters of the deliveries that this one mends. Raises WarehouseError when the
    warehouse does not answer, ContractError when the delivery's feed is not promised any more.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        # The letter and the list are made from several questions, and say the same.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        mended = [one for (one,) in connection.execute(_MENDED, {"delivery": delivery_id}).fetchall()]
        earlier = [one for one in mended if _letter_of(connection, one).exists()]
        letters = {one: _write(connection, one) for one in (*earlier, delivery_id)}
    _remember({one: letter for one, letter in letters.items() if letter})
    return letters[delivery_id]


def letter_of(delivery_id: int) -> Path:
    """Where the letter on a delivery is, or would be."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return _letter_of(connection, delivery_id)


def list_beside(letter: Path) -> Path:
    """Where the list of lines to mend is, by where its letter is."""
    return letter.with_name(f"{letter.name.removesuffix(_LETTER)}.csv")


def _remember(letters: dict[int, Path]) -> None:
    """Write into the ledger which letters stand now, so that the senders are told what they were not told yet."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        for delivery_id, letter in letters.items():
            written = hashlib.sha256(list_beside(letter).read_bytes() + letter.read_bytes()).hexdigest()
            connection.execute(
                """insert into ledger.told_sender (delivery_id, written) values (%s, %s)
                   on conflict (delivery_id) do update set written = excluded.written, written_at = now()""",
                (delivery_id, written),
            )


def _letter_of(connection: psycopg.Connection, delivery_id: int) -> Path:
    feed, period = connection.execute(
        "select feed, period from ledger.delivery where delivery_id = %s", (delivery_id,)
    ).fetchone()
    return _folder(feed, period) / f"delivery_{delivery_id}{_LETTER}"


def _write(connection: psycopg.Connection, delivery_id: int) -> Path | None:
    delivery = _one(connection, _Delivery, _DELIVERY, delivery_id)
    if delivery is None or delivery.state == "received":
        return None
    files = _all(connection, _File, _FILES, delivery_id)
    broken = _all(connection, _Broken, _BROKEN, delivery_id)
    unreadable = _all(connection, _Broken, _UNREADABLE, delivery_id)
    settled = connection.execute(_SETTLED, {"delivery": delivery_id}).fetchall()
    disputed = _all(connection, _Disputed, _DISPUTED, delivery_id)
    letter = _letter_of(connection, delivery_id)
    if not (broken or unreadable or disputed or settled or delivery.state in ("rejected", "held") or letter.exists()):
        return None
    feed = contracts.load().feed(delivery.feed)
    problems = [] if delivery.is_replaced else [file.problem for file in files if file.problem]
    listing = list_beside(letter)
    word = simulated.WORD if simulated.is_simulated() else None
    _write_list(connection, delivery, feed, files, broken, listing, word)
    text = _letter(connection, delivery, feed, files, problems, broken, unreadable, disputed, settled, listing.name, word)
    with _written(letter, "utf-8") as stream:
        stream.write(text)
    return letter


def _write_list(
    connection: psycopg.Connection,
    delivery: _Delivery,
    feed: Feed,
    files: Sequence[_File],
    broken: Sequence[_Broken],
    listing: Path,
    word: str | None,
) -> None:
    # One column more, and not a line above the header, so that any program still finds the columns.
    mark = [word] if word else []

    def rows() -> Iterator[Iterable[Any]]:
        yield (*_COLUMNS, *mark)
        for file in files:
            if file.problem and not delivery.is_replaced:
                found, _, mend = file.problem.rpartition("; ")
                line = re.search(r": line (\d+): ", file.problem)
                expected = f"the file can be taken in, but: {found}"
                place = (file.file_name, int(line[1]) if line else "", "", "the file can be taken in")
                yield (*place, expected, mend, "delivery rejected", *mark)
        told = {one.rule: one for one in broken}
        mends = {one.rule: _how_to_mend(one, feed, delivery.format_version) for one in broken}
        with connection.cursor(name="returns") as cursor:
            cursor.itersize = 5_000
            cursor.execute(_OPEN_LINES, {"delivery": delivery.delivery_id, "most": MOST_LINES_OF_A_RULE})
            for file_name, line, rule, problem in cursor:
                if rule is None:
                    expected = f"the line can be read, but it {problem}"
                    yield (file_name, line, "", "the line can be read", expected, _MEND_A_LINE, "line left out", *mark)
                else:
                    one = told[rule]
                    followed = _FOLLOWED[one.if_broken]
                    yield (file_name, line, _column(one, feed), rule, one.sentence, mends[rule], followed, *mark)
        for one in broken:
            if one.rows > MOST_LINES_OF_A_RULE:
                more = f"and {one.rows - MOST_LINES_OF_A_RULE:,} more lines, which are not listed"
                yield (one.file_name, more, _column(one, feed), one.rule, one.sentence, mends[one.rule], "", *mark)

    # With the mark without which a spreadsheet takes UTF-8 for something else.
    with _written(listing, "utf-8-sig") as stream:
        csv.writer(stream).writerows([harmless(cell) for cell in row] for row in rows())


def _letter(
    connection: psycopg.Connection,
    delivery: _Delivery,
    feed: Feed,
    files: Sequence[_File],
    problems: Sequence[str],
    broken: Sequence[_Broken],
    unreadable: Sequence[_Broken],
    disputed: Sequence[_Disputed],
    settled: Sequence[tuple[str, int, int | None]],
    list_name: str,
    word: str | None,
) -> str:
    environment = Environment(
        loader=PackageLoader("cares.reports"), autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"counted": english.counted, "moment": _moment}
    was_taken = delivery.state in ("accepted", "superseded")
    tables = {file.table_name for file in files}
    if was_taken:
        tables = {*(one.table_name for one in (*broken, *unreadable)), *(one.table_name for one in disputed)}
    ask, is_to_come_again = _ask(delivery, feed, bool(problems or broken or unreadable), _today(connection))
    if disputed and not is_to_come_again:
        ask, is_to_come_again = f"Please look into what is disputed {_until(disputed, _today(connection))}.", True
    text = environment.get_template("letter.txt").render(
        delivery=delivery,
        feed=feed,
        files=files,
        reason=_reason(delivery),
        totals=_totals(files),
        problems=problems,
        settled=settled,
        findings=[
            {
                "file_name": one.file_name,
                "wrong": wording.what_is_wrong(Check(delivery.delivery_id, one.table_name, one.rule, one.sentence, "", 0, 0)),
                "rows": one.rows,
                "lines": _lines(one),
                "followed": _FOLLOWED_IN_WORDS[one.if_broken] if was_taken or one.if_broken == wording.REJECT else "",
                "mend": _how_to_mend(one, feed, delivery.format_version),
            }
            for one in broken
        ],
        unreadable=[
            {"file_name": one.file_name, "rows": one.rows, "lines": _lines(one), "mend": _MEND_A_LINE} for one in unreadable
        ],
        disputed=[
            {
                "what": f"the value of {_header(feed, one)}" if one.column_name else "the whole row",
                "file_name": one.file_name,
                "line": one.line,
                "reference": one.reference,
                "due_on": english.day(one.due_on),
            }
            for one in disputed
        ],
        list_name=list_name if broken or unreadable else None,
        ask=ask,
        resend=_resend(feed, delivery, tables, whole=not was_taken) if is_to_come_again else [],
        source=delivery.source if (delivery.source or "").startswith(delivery.feed) else None,
        where=_where(feed, _next_folder(connection, delivery)),
        simulated=word,
    )
    return _wrapped(text)


def _how_to_mend(broken: _Broken, feed: Feed, version: str) -> str:
    """Derived from the rule as the contract has it today; a rule that it has no more is explained by its own sentence."""
    table = _table(feed, broken)
    rules = {rule.id: rule for rule in table.rules(version)} if table and version in table.version_order else {}
    rule = rules.get(table.renamed_rules.get(broken.rule, broken.rule)) if table else None
    if table is None or rule is None:
        return f"see to it that {broken.sentence}"
    return wording.how_to_mend(rule, table, version, feed)


def _column(broken: _Broken, feed: Feed) -> str:
    """The header that a rule looks at; for a rule on the key, all headers of the key."""
    header = broken.rule.removeprefix(f"{broken.table_name}.").rpartition(".")[0]
    table = _table(feed, broken)
    if broken.rule == f"{broken.table_name}.key.unique" and table:
        return ", ".join(table.file.key)
    return "" if broken.rule == f"{broken.table_name}.table.in_version" else header


def _header(feed: Feed, disputed: _Disputed) -> str:
    """The header of the column that is disputed, as the sender writes it."""
    table = feed.format.tables[disputed.table_name]
    return next(
        (header for header, name in table.column_names.items() if name == disputed.column_name), disputed.column_name or ""
    )


def _until(disputed: Sequence[_Disputed], today: date) -> str:
    due_on = min(one.due_on for one in disputed)
    return f"by {english.day(due_on)}" if due_on > today else "as soon as you can"


def _table(feed: Feed, broken: _Broken) -> Table | None:
    return feed.format.tables.get(broken.table_name)


def _lines(broken: _Broken) -> str:
    first = ", ".join(f"{line:,}" for line in broken.first_lines[:_LINES_IN_A_LETTER])
    more = broken.rows - min(broken.rows, _LINES_IN_A_LETTER)
    return f"line{'s' if broken.rows > 1 else ''} {first}" + (f" and {more:,} more" if more else "")


def _totals(files: Sequence[_File]) -> dict[str, int] | None:
    """The rows of all files together; None where a file could not be taken in, so that there is nothing to add up."""
    if not files or any(file.received_rows is None or file.accepted_rows is None for file in files):
        return None
    return {
        "received": sum((file.received_rows or 0) - (file.not_needed_rows or 0) for file in files),
        "accepted": sum(file.accepted_rows or 0 for file in files),
        "set_aside": sum(file.set_aside_rows or 0 for file in files),
        "unreadable": sum(file.unreadable_rows or 0 for file in files),
        "erased": sum(file.erased_rows for file in files),
        "not_needed": sum(file.not_needed_rows or 0 for file in files),
    }


def _reason(delivery: _Delivery) -> str:
    """Why, without the last clause of what we decided ourselves: it says what the engineer does about it."""
    reason = (delivery.reason or "none is recorded").rstrip(".")
    if delivery.held_for in ("rows set aside", "an unusual volume"):
        return reason.rpartition("; ")[0] or reason
    return reason


def _ask(delivery: _Delivery, feed: Feed, is_open: bool, today: date) -> tuple[str, bool]:
    """What the sender is asked to do and by when, and whether something is to be sent again for it."""
    if delivery.is_replaced:
        return "Nothing: a later delivery has taken its place.", False
    if delivery.state == "withdrawn":
        return "Nothing.", False
    if delivery.held_for == "a sharing agreement":
        return "Nothing now: it is taken up when the agreement is in force.", False
    when = _by_when(feed, delivery.period_end, today)
    if delivery.state == "rejected":
        return f"Please correct what is named here and send the delivery again, {when}.", True
    if delivery.held_for == "an unusual volume":
        return f"Please tell us {when} whether these numbers are right. If they are not, send the whole delivery again.", True
    if delivery.held_for == "rows set aside":
        return f"Please correct these rows where you keep them, and send the delivery again, {when}.", True
    if delivery.state == "held":
        return f"Please look into it and tell us, or send the delivery again, {when}.", True
    if not is_open:
        return "Nothing: there is nothing left to mend.", False
    following = contracts.period_of(delivery.period_end + timedelta(days=1), feed.file.arrives.every)
    return (
        f"Please correct these rows where you keep them, and send them again, {_by_when(feed, following.end, today)}. What is "
        "not corrected at its source comes back with the next delivery.",
        True,
    )


def _by_when(feed: Feed, period_end: date, today: date) -> str:
    due_on = period_end + timedelta(days=feed.file.arrives.due_days_after_period)
    return f"by {english.day(due_on)}" if due_on > today else "as soon as you can"


def _resend(feed: Feed, delivery: _Delivery, tables: set[str | None], whole: bool) -> list[str]:
    """How each of the tables is sent again, which follows from what a later delivery of it replaces."""
    named: dict[str, list[str]] = {}
    for name, table in feed.format.tables.items():
        if name in tables:
            named.setdefault(_how_it_is_sent(table, delivery.period, whole), []).append(name)
    sentences = [sentence.replace("{}", english.all_of(names)) for sentence, names in named.items()]
    if not sentences:
        known = ", ".join(sorted(feed.format.tables))
        sentences.append(f"Name each file after the table that it holds, which is one of: {known}.")
    return sentences


def _how_it_is_sent(table: Table, period: str, whole: bool) -> str:
    """The sentence on a table's rows, with a gap for its name."""
    replaces = table.file.replaces
    if replaces == "key" and not whole:
        return (
            "Of {}, send the corrected rows alone: each takes the place of the row with the same "
            f"{' and '.join(table.file.key)}."
        )
    rows, place = {
        "period": (f"every row of {period}", f"all that you sent for {period} before"),
        "snapshot": (f"every row as it stood at the end of {period}", "all that you sent before"),
        "window": (f"every row of the {table.file.window_months} months that end with {period}", "what you sent of these months"),
        "key": (f"every row of {period}", f"what you sent for {period} before"),
    }[replaces]
    return (
        f"Send {{}} whole, with {rows}: that takes the place of {place}, and a row that is not in it any more is taken as gone."
    )


def _where(feed: Feed, folder: str) -> str:
    """Where the sender puts it when it is sent again, the way that the feed comes; `folder` is like torus/tenancies/2019-03__2."""
    arrives, alike = feed.file.arrives, "like the one before; only the word after the two underscores is another."
    if arrives.mesh:
        return (
            f"Pack the files into {folder.rpartition('/')[2]}.zip, and send it as one message of the workflow {arrives.mesh.workflow} from "
            f"your mailbox {arrives.mesh.mailbox}. Its name is {alike}"
        )
    then = " Then name each of them in deliveries.csv." if arrives.by == "https" else ""
    return f"Put the files into the folder {folder}. It is laid out {alike}{then}"


def _next_folder(connection: psycopg.Connection, delivery: _Delivery) -> str:
    """The first folder of the organisation's outbox that was never seen: `torus/tenancies/2019-03__2`."""
    place = f"{delivery.feed}/{delivery.period}"
    seen = {
        source
        for (source,) in connection.execute(
            "select source from ledger.arrival union select source from ledger.delivery where feed = %s", (delivery.feed,)
        )
    }
    number = 2
    while f"{place}__{number}" in seen:
        number += 1
    return f"{place}__{number}"


def _today(connection: psycopg.Connection) -> date:
    today: date = connection.execute("select current_date").fetchone()[0]
    return today


def _folder(feed: str, period: str) -> Path:
    folder = Path(os.environ.get("CARES_RETURNS") or settings.var_folder("returns"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (*feed.split("/"), period):
        folder = folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def _written(path: Path, encoding: str) -> Iterator[TextIO]:
    """A file to write, for its owner alone, that takes its place when it is whole and not at all otherwise."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "w", encoding=encoding, newline="") as stream:
            yield stream
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise


def harmless(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _wrapped(text: str) -> str:
    """Paragraphs broken into lines of a letter's width, and no more than one blank line between them."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text.strip())]
    lines = [
        textwrap.fill(one, _WIDTH, subsequent_indent="  " if one.startswith("- ") else "", break_on_hyphens=False)
        for one in paragraphs
    ]
    return "\n\n".join(lines) + "\n"


def _moment(at: datetime) -> str:
    return f"{english.day(at.date())} at {at:%H:%M}"


def _all(connection: psycopg.Connection, kind: type[Any], query: str, delivery_id: int) -> list[Any]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, {"delivery": delivery_id}).fetchall()


def _one(connection: psycopg.Connection, kind: type[Any], query: str, delivery_id: int) -> Any:
    return next(iter(_all(connection, kind, query, delivery_id)), None)


# Replaced is a delivery of which nothing is waited for: a later accepted one brings all of its tables, or its period.
_DELIVERY = """
    select delivery_id, feed, format_version, period, period_end, state, held_for, reason, source, received_at,
           state = 'superseded' or state in ('rejected', 'held') and exists (
               select from ledger.delivery as later
               where later.feed = delivery.feed and later.period = delivery.period
                 and later.state in ('accepted', 'superseded')
                 and (later.received_at, later.delivery_id) > (delivery.received_at, delivery.delivery_id)) as is_replaced
    from ledger.delivery where delivery_id = %(delivery)s
"""

# A file of several tables is named with the part that one of them is.
_FILE_NAME = "file.file_name || coalesce(' (' || file.part || ')', '')"

_FILES = f"""
    select {_FILE_NAME} as file_name, table_name, received_rows, accepted_rows, set_aside_rows, unreadable_rows, erased_rows,
           not_needed_rows, problem
    from ledger.delivery_file as file where delivery_id = %(delivery)s order by file_id
"""

_BROKEN = f"""
    select {_FILE_NAME} as file_name, result.table_name, result.rule, result.sentence, result.if_broken, open.rows, open.first_lines
    from (select file_id, rule, count(*) as rows,
                 (array_agg(line_number order by line_number))[:{_LINES_IN_A_LETTER}] as first_lines
          from ledger.finding_status where delivery_id = %(delivery)s and status = 'open' group by 1, 2) as open
    join ledger.delivery_file as file using (file_id)
    join ledger.check_result as result on result.delivery_id = file.delivery_id and result.rule = open.rule
    order by file.file_id, open.rows desc, result.rule
"""

# What is said to be wrong with it stays with us: a letter holds no value.
_DISPUTED = f"""
    select {_FILE_NAME} as file_name, asked.table_name, asked.now_line_number as line, asked.column_name,
           asked.rectification_id as reference, asked.due_on
    from governance.rectification as asked
    join ledger.delivery_file as file on file.delivery_id = asked.now_delivery_id and file.table_name = asked.table_name
    where asked.now_delivery_id = %(delivery)s and asked.ended_at is null order by asked.rectification_id
"""

_STILL_UNREADABLE = """
    ledger.unreadable_line as line join ledger.delivery_file as file using (file_id)
    join ledger.delivery using (delivery_id)
    where delivery_id = %(delivery)s and delivery.state <> 'withdrawn'
      and not exists (select from ledger.cleared_table as cleared
                      where cleared.delivery_id = file.delivery_id and cleared.table_name = file.table_name)
"""

_UNREADABLE = f"""
    select {_FILE_NAME} as file_name, file.table_name, '' as rule, '' as sentence, '' as if_broken, count(*) as rows,
           (array_agg(line.line_number order by line.line_number))[:{_LINES_IN_A_LETTER}] as first_lines
    from {_STILL_UNREADABLE} group by file.file_id order by file.file_id
"""

_OPEN_LINES = f"""
    select file_name, line_number, rule, problem from (
        select file.file_id, {_FILE_NAME} as file_name, finding.line_number, finding.rule, null as problem,
               row_number() over (partition by finding.rule order by finding.line_number) as place
        from ledger.finding_status as finding join ledger.delivery_file as file using (file_id)
        where finding.delivery_id = %(delivery)s and finding.status = 'open'
        union all
        select file.file_id, {_FILE_NAME}, line.line_number, null, line.problem, 0 from {_STILL_UNREADABLE}) as listed
    where place <= %(most)s
    order by file_id, line_number, rule
"""

_SETTLED = """
    select status, count(*), cleared_by_delivery_id from ledger.finding_status
    where delivery_id = %(delivery)s and status in ('cleared', 'released') group by 1, 3 order by 1, 3
"""

_MENDED = """
    select delivery_id from ledger.cleared_table where cleared_by_delivery_id = %(delivery)s
    union
    select file.delivery_id from ledger.cleared_row join ledger.delivery_file as file using (file_id)
    where cleared_by_delivery_id = %(delivery)s
    union
    select earlier.delivery_id from ledger.delivery
    join ledger.delivery as earlier using (feed, period)
    where delivery.delivery_id = %(delivery)s and (earlier.received_at, earlier.delivery_id) <
          (delivery.received_at, delivery.delivery_id)
    order by 1
"""
