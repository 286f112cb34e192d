"""Files that nobody would think of: made at random out of what is known to break CSV readers, and pushed through.

Whatever comes, the ledger adds up, what landed is what was sent, nothing but a refusal or a rejection stops a delivery,
and no value is quoted anywhere. The same files are made each time; `--hypothesis-profile=explore` makes many others.
"""

from __future__ import annotations

import csv
import io
import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cares import checks, contracts, deliveries, landing
from cares import settings as places
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse
from privacy.reading import text_of

FEED = "torus/tenancies"
MARK = "Qzleak"  # stands in every value that could be taken for somebody's

NASTY = [
    "", " ", MARK, f"{MARK} ", f'"{MARK}', f'{MARK}"', f'"{MARK}"', f'"{MARK},{MARK}"', f'""{MARK}""', f'"{MARK}""{MARK}"', '"', '""',
    f'"{MARK}" ', f' "{MARK}"', f'"{MARK}"{MARK}', f"{MARK}\n{MARK}", f'"{MARK}\n{MARK}"', f'"{MARK}\r\n"', f'"{MARK}\r{MARK}"', "\r",
    f"={MARK}(A1)", f"@{MARK}", f"-2+{MARK}", f"\t{MARK}", f"'; drop table {MARK}; --", "\\.", "\\N", "\\", f"\\{MARK}", f"%({MARK})s", "%s",
    "{}", "$1", ":x", f"{MARK}\x00", f"\x1b[31m{MARK}", f"\u202e{MARK}", f"\ufeff{MARK}", f"{MARK}\x85", f"{MARK}\u2028", f"\x1c{MARK}", "\x0b",
    "\u00a0", "ﬃ", "٣٤٥", "９９９９９９９９９９", "e\u0301", "😀", "\U0010ffff", "30/02/2019", "29/02/2020", "01/01/0001", "31/12/9999", "99/99/9999",
    "2019-02-29", "25:61", "NaN", "infinity", "1e400", "9" * 40, "-", "NULL", "null", "9434765919", " 943 476 5919 ", "9.43E+09", "T001", "M001",
    "Assured", "Y", "WA10 2BQ", "38000000001", MARK * 50, f"{MARK}{'x' * 131_072}",
]  # fmt: skip
RAW = [
    b"\xff",
    b"\xe9",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\x00",
    b"\xef\xbb\xbf",
    b'"',
    b"\n",
    b"\r",
    b",",
    b"\xc0\x80",
]

values = st.sampled_from(NASTY) | st.text(max_size=8).map(lambda text: f"{text}{MARK}{text}")


@st.composite
def lines(draw: st.DrawFn, header: list[str], free_text: set[str], plain: bool) -> str:
    """A line of hostile values, written as CSV is to be written, of about the right number of values; `plain` ones in no marks."""
    count = draw(st.sampled_from([len(header)] * 10 + [len(header) - 1, len(header) + 1]))
    written = []
    for name in [*header, header[0]][:count]:
        value = draw(values).replace("\x00", "")
        if plain or name not in free_text:
            value = value.replace("\n", "").replace("\r", "")
        if plain:
            value = value.replace('"', "")
        must_be_quoted = any(mark in value for mark in ',"\r\n')
        written.append('"' + value.replace('"', '""') + '"' if must_be_quoted or draw(st.booleans()) else value)
    return ",".join(written)


@st.composite
def headers(draw: st.DrawFn, names: list[str]) -> list[str]:
    """The contract's headers, mostly as promised."""
    match draw(st.sampled_from(["as promised"] * 6 + ["shouted", "turned", "unknown", "odd", "twice", "missing"])):
        case "shouted":
            return [name.upper().replace(" ", "_") for name in names]
        case "turned":
            return draw(st.permutations(names))
        case "unknown":
            return [*names, f"{MARK} column"]
        case "odd":
            return [*names, draw(st.sampled_from([" ", f'"{MARK}"";--"', f"={MARK}()", "\u00a0", "x" * 200, "file_id"]))]
        case "twice":
            return [*names, names[0].lower()]
        case "missing":
            return names[1:]
    return names


@st.composite
def files(draw: st.DrawFn, table: contracts.Table) -> bytes:
    """One hostile file of a table: well written in most of its lines, and sometimes not at all."""
    header = draw(headers(list(table.file.columns)))
    free_text = {name for name, column in table.file.columns.items() if column.free_text}
    line = lines(header, free_text, plain=draw(st.booleans()))
    text = [",".join(header), *draw(st.lists(line, min_size=draw(st.sampled_from([0, 1, 1, 1])), max_size=6))]
    for stray in draw(st.lists(values | st.just(""), max_size=draw(st.sampled_from([0, 0, 0, 2])))):
        place = draw(st.integers(1, len(text)))
        text[place:place] = [stray]
    if len(text) > 1 and draw(st.sampled_from([False, False, True])):
        place = draw(st.integers(1, len(text) - 1))
        before, _, after = text[place].partition(",")
        text[place] = f"{before},{draw(values)}{after}"
    line_ends = draw(st.sampled_from([["\n"], ["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"], ["\n", "\r"]]))
    joined = "".join(line + line_ends[number % len(line_ends)] for number, line in enumerate(text))
    if draw(st.sampled_from([False, False, True])):
        joined = joined.rstrip("\r\n")
    content = joined.encode(draw(st.sampled_from(["utf-8"] * 12 + ["utf-8-sig", "utf-16", "cp1252"])), errors="replace")
    for noise in draw(st.lists(st.sampled_from(RAW), max_size=draw(st.sampled_from([0] * 8 + [2])))):
        place = draw(st.integers(0, len(content)))
        content = content[:place] + noise + content[place:]
    return content


@st.composite
def sent(draw: st.DrawFn) -> dict[str, bytes]:
    """What comes: one file, or both; now and then one that is no CSV at all."""
    tables = contracts.load().feed(FEED).format.tables
    names = draw(st.sampled_from([["tenancies"], ["household_members"], ["tenancies"], ["tenancies", "household_members"]]))
    return {name: draw(st.one_of([files(tables[name])] * 12 + [st.binary(max_size=60)])) for name in names}


def records(content: bytes) -> list[tuple[int, list[str] | None]]:
    """The records of a file behind its header, with the line on which each starts: a reading of CSV that is nobody else's.

    A record whose quotation marks make no sense has no values.
    """
    text = content.decode("utf-8-sig")
    found: list[tuple[int, list[str] | None]] = []
    at, line = 0, 1
    while at < len(text):
        starts, values_of, end = line, list[str](), False
        while not end:
            if text[at : at + 1] == '"':
                value, at = "", at + 1
                while at < len(text) and (text[at] != '"' or text[at + 1 : at + 2] == '"'):
                    step = 2 if text[at] == '"' else 1
                    line += text[at] == "\n" or (text[at] == "\r" and text[at + 1 : at + 2] != "\n")
                    value, at = value + text[at], at + step
                at += 1
                if text[at : at + 1] not in ("", ",", "\n", "\r"):
                    values_of = None
                    at = next((place for place in range(at, len(text)) if text[place] in "\r\n"), len(text))
                    end = True
            else:
                stop = next((place for place in range(at, len(text)) if text[place] in ",\r\n"), len(text))
                value, at = text[at:stop], stop
            if values_of is not None:
                values_of.append(value)
            if text[at : at + 1] == ",":
                at += 1
            else:
                end = True
        at += 2 if text[at : at + 2] == "\r\n" else 1
        line += 1
        if values_of != [""]:
            found.append((starts, values_of))
    return found[1:]


@dataclass
class Said:
    """All that was said while files were pushed through: refusals, reasons and logs."""

    words: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", autouse=True)
def with_free_text(warehouse_of_module: FreshWarehouse) -> Iterator[None]:
    """Torus's contract, but some columns may hold line breaks, so that rows of several lines can land."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        root = shutil.copytree(places.EXPECTATIONS, Path(folder, "expectations"))
        for table, headers in {"tenancies": ["Address", "Tenure"], "household_members": ["Forename", "Surname"]}.items():
            contract = root / "formats" / "housing" / f"{table}.yml"
            text = contract.read_text(encoding="utf-8")
            for header in headers:
                text = text.replace(f"  {header}:\n", f"  {header}:\n    free_text: true\n")
            contract.write_text(text, encoding="utf-8")
        changed = contracts.load(root)
        patch.setattr(contracts, "load", lambda: changed)
        landing.prepare()
        yield


@pytest.fixture(scope="module")
def said(warehouse_of_module: FreshWarehouse) -> Iterator[Said]:
    """What is said in this module, logs included; and Torus's agreement is signed."""
    sign_agreement(FEED)
    heard = Said()
    handler, root = logging.Handler(logging.INFO), logging.getLogger()
    handler.emit = lambda record: heard.words.append(record.getMessage())  # type: ignore[method-assign]
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield heard
    root.removeHandler(handler)
    root.setLevel(level)


def push(said: Said, content: dict[str, bytes], all_the_way: bool) -> int | None:
    """Register and land a delivery, and check and decide it too; its number, or None where it was refused."""
    period = contracts.parse_period(f"{2018 + len(said.outcomes) // 12}-{1 + len(said.outcomes) % 12:02d}", "month").label
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{name}.csv") for name in content]
        for path, file in zip(paths, content.values(), strict=True):
            path.write_bytes(file)
        try:
            delivery_id = deliveries.register(FEED, paths, period, "a test").delivery_id
        except deliveries.DeliveryRefused as refusal:
            said.words.append(str(refusal))
            said.outcomes.append("refused")
            return None
    landing.land(delivery_id)
    if all_the_way:
        checks.check([delivery_id])
    decision = deliveries.decide(delivery_id)
    said.words.append(decision.reason)
    said.outcomes.append(decision.state)
    return delivery_id


def assert_it_adds_up(warehouse: FreshWarehouse, delivery_id: int, content: dict[str, bytes]) -> None:
    """The counts of the ledger, the landing tables and our own reading of the files say the same."""
    ((state,),) = warehouse.rows("select state from ledger.delivery where delivery_id = %s", delivery_id)
    counts = warehouse.rows(
        """select file_id, table_name, received_rows, landed_rows, unreadable_rows, accepted_rows, set_aside_rows, erased_rows
           from ledger.delivery_file where delivery_id = %s""",
        delivery_id,
    )
    for file_id, table, received, landed, unreadable, accepted, aside, erased in counts:
        columns = contracts.load().feed(FEED).format.tables[table].column_names
        in_landing = warehouse.rows(
            f"select line_number, {', '.join(columns.values())} from landing.housing__{table} where file_id = %s order by 1",
            file_id,
        )
        if state == "rejected":
            assert received is landed is None and not in_landing
            continue
        unread = dict(warehouse.rows("select line_number, problem from ledger.unreadable_line where file_id = %s", file_id))
        assert received == landed + unreadable and landed == accepted + aside + erased
        assert (landed, unreadable) == (len(in_landing), len(unread))
        sent_records = records(content[table])
        assert received == len(sent_records)
        assert {line for line, *_ in in_landing} | unread.keys() == {line for line, _ in sent_records}
        header = next(csv.reader(io.StringIO(content[table].decode("utf-8-sig").split("\n")[0].split("\r")[0])))
        known = contracts.load().feed(FEED).format.tables[table].headers
        position = {known.get(contracts.normalised(name)): place for place, name in enumerate(header)}
        values_of = dict(sent_records)
        for line, *landed_values in in_landing:
            values = values_of[line]
            assert values is not None and len(values) == len(header)
            assert landed_values == [values[position[name]] or None if name in position else None for name in columns]


@given(content=sent())
@settings(max_examples=4 * settings.default.max_examples)
def test_whatever_lands_is_what_was_sent_and_is_counted(
    warehouse_of_module: FreshWarehouse, said: Said, content: dict[str, bytes]
) -> None:
    delivery_id = push(said, content, all_the_way=False)
    if delivery_id is not None:
        assert_it_adds_up(warehouse_of_module, delivery_id, content)


@given(content=sent())
def test_whatever_is_checked_and_decided_adds_up(
    warehouse_of_module: FreshWarehouse, said: Said, content: dict[str, bytes]
) -> None:
    delivery_id = push(said, content, all_the_way=True)
    if delivery_id is not None:
        assert_it_adds_up(warehouse_of_module, delivery_id, content)


def test_the_files_were_of_every_kind(said: Said) -> None:
    assert set(said.outcomes) >= {"accepted", "held", "rejected"}


def test_no_word_or_log_quotes_a_value(warehouse_of_module: FreshWarehouse, said: Said) -> None:
    with warehouse_of_module.connect("engineer") as connection:
        ledger = text_of(connection, ("ledger", "governance"))
    logs = "\n".join(path.read_text(errors="replace") for path in (places.VAR / "server").glob("*.log"))

    assert said.words
    assert MARK not in "\n".join(said.words)
    assert MARK not in ledger
    assert MARK not in logs
