"""Files that are empty, broken off, badly written or oddly named in their columns."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cares import contracts, landing, settings
from faults.pipeline import AS_PROMISED, MEMBERS, TENANCIES, Pipeline
from fresh_warehouse import FreshWarehouse

Seen = Callable[[str], None]
MARCH = "torus/tenancies/2019-03"


def sent(tenancies: str | bytes) -> dict[str, str | bytes]:
    """Torus's delivery with another file of tenancies."""
    return {**AS_PROMISED, "tenancies.csv": tenancies}


@pytest.fixture
def with_contract(
    warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Callable[[str], str]], None]:
    """Changes one file of the contracts, in a copy, for this test."""

    def change(name: str, rewrite: Callable[[str], str]) -> None:
        root = shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations", dirs_exist_ok=True)
        (root / name).write_text(rewrite((root / name).read_text(encoding="utf-8")), encoding="utf-8")
        changed = contracts.load(root)
        monkeypatch.setattr(contracts, "load", lambda: changed)
        landing.prepare()

    return change


def test_d08_a_file_of_zero_bytes_is_rejected_and_the_sender_is_told_so(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(b""))
    seen(outcome.words)

    assert outcome.state == "rejected"
    assert "is empty (0 bytes); send the file again" in outcome.reason
    assert outcome.in_landing == 0


def test_d09_a_header_without_rows_is_what_the_contract_says(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES.splitlines(keepends=True)[0]))
    nil_return = pipeline.deliver(
        "council/looked_after_children/2018-19", {"missing.csv": "CHILD,DOB,MISSING,MIS_START,MIS_END\n"}
    )
    seen(f"tenancies: {outcome.words}")
    seen(f"looked after children: {nil_return.words}, as a nil return")

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "has a header and no rows" in outcome.reason
    assert (nil_return.state, nil_return.received) == ("accepted", 0)


def test_d10_a_manifest_that_counts_other_rows_rejects_everything(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, {**AS_PROMISED, "manifest.csv": "file,rows\ntenancies.csv,12\nhousehold_members.csv,13\n"})
    accepted = pipeline.warehouse.rows("select count(*) from accepted.housing__tenancies")[0][0]
    seen(f"manifest: {outcome.state}: {outcome.reason.partition('; ')[0]}; {accepted} rows accepted")

    assert (outcome.state, accepted) == ("rejected", 0)
    assert "declares 13 rows in household_members.csv, and 12 were found" in outcome.reason


def test_d10_a_manifest_that_counts_right_accepts(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, {**AS_PROMISED, "manifest.csv": "file,rows\ntenancies.csv,12\nhousehold_members.csv,12\n"})
    seen(f"a manifest that is right: {outcome.words}")

    assert (outcome.state, outcome.accepted) == ("accepted", 24)


@pytest.mark.parametrize(("declared", "state"), [(12, "accepted"), (13, "rejected"), (None, "rejected")])
def test_d10_a_trailer_that_counts_other_rows_or_is_missing_rejects_everything(
    pipeline: Pipeline, seen: Seen, with_contract: Callable[..., None], declared: int | None, state: str
) -> None:
    with_contract("formats/housing/format.yml", lambda text: text + "files: {trailer: TRAILER}\n")
    files = {name: text + "TRAILER,12\n" for name, text in AS_PROMISED.items()}
    files["tenancies.csv"] = TENANCIES + (f"TRAILER,{declared}\n" if declared else "")

    outcome = pipeline.deliver(MARCH, files)
    seen(f"trailer {'that is right' if declared == 12 else 'that is wrong' if declared else 'missing'}: {outcome.words}")

    assert (outcome.state, outcome.accepted) == (state, 24 if state == "accepted" else 0)


def test_d12_a_file_that_is_still_being_written_is_left_until_it_is_still(pipeline: Pipeline, seen: Seen) -> None:
    place = pipeline.put(MARCH, AS_PROMISED)
    (place / "tenancies.csv").write_text(TENANCIES[:400])  # just now, and not whole
    growing = pipeline.collect("torus")
    (place / "tenancies.csv").write_text(TENANCIES)
    pipeline.let_time_pass(place)
    still = pipeline.collect("torus")
    seen(f"while it grows: {growing.words}; a minute after: {still.words}")

    assert (growing.state, still.state, still.accepted) == ("nothing taken", "accepted", 24)


def test_d12_a_folder_with_a_done_file_is_taken_at_once_and_a_part_file_is_waited_for(pipeline: Pipeline, seen: Seen) -> None:
    place = pipeline.put(MARCH, {"household_members.csv": MEMBERS, "tenancies.csv.part": TENANCIES[:400]})
    unfinished = pipeline.collect("torus")
    (place / "tenancies.csv.part").unlink()
    (place / "tenancies.csv").write_text(TENANCIES)
    (place / "march.done").touch()
    done = pipeline.collect("torus")
    seen(f"beside a .part file: {unfinished.words}; at once with a .done file: {done.words}")

    assert (unfinished.state, done.state, done.accepted) == ("nothing taken", "accepted", 24)
    assert pipeline.warehouse.rows("select count(*) from ledger.delivery_file") == [(2,)]


def test_d13_a_file_that_ends_in_the_middle_of_a_row_is_rejected(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES[: TENANCIES.index("T009,P009") + 20]))
    seen(outcome.words)

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "line 10: the file ends in the middle of a row" in outcome.reason


def test_d13_so_is_one_that_ends_inside_a_quoted_value(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES[: TENANCIES.index("9 Duke Street") + 5]))
    seen(f"inside a quoted value: {outcome.words}")

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "line 10: a quotation mark opens a value and does not close" in outcome.reason


def test_d14_a_quotation_mark_that_does_not_close_is_rejected_with_its_line(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES.replace("T005,P005", 'T005,"P005')))
    seen(outcome.words)

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "line 6: a quot" in outcome.reason


def test_d14_two_marks_that_would_make_five_rows_two_are_rejected_too(pipeline: Pipeline, seen: Seen) -> None:
    stray = TENANCIES.replace("T003,P003", 'T003,"P003').replace("T007,P007,", 'T007,P007",')
    outcome = pipeline.deliver(MARCH, sent(stray))
    seen(f"two stray marks: {outcome.words}")

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "line 4: a quot" in outcome.reason


@pytest.mark.parametrize(("what", "changed", "count"), [("one too many", "T007,X,P007", 11), ("one too few", "T007", 9)])
def test_d15_a_row_with_another_number_of_values_is_set_aside(
    pipeline: Pipeline, seen: Seen, what: str, changed: str, count: int
) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES.replace("T007,P007", changed)))
    line, problem = pipeline.warehouse.rows("select line_number, problem from ledger.unreadable_line")[0]
    seen(f"{what}: {outcome.words}: line {line} {problem}")

    assert (outcome.state, outcome.unreadable, outcome.in_landing) == ("accepted", 1, 23)
    assert (line, problem) == (8, f"has {count} values where the header has 10")
    # No other row has shifted.
    assert pipeline.warehouse.rows("select distinct tenure, sheltered from landing.housing__tenancies") == [("Assured", "N")]


def test_d15_or_the_delivery_is_rejected_where_the_contract_says_so(
    pipeline: Pipeline, seen: Seen, with_contract: Callable[..., None]
) -> None:
    with_contract("torus/tenancies.yml", lambda text: text + "lines_that_cannot_be_read: reject the delivery\n")

    outcome = pipeline.deliver(MARCH, sent(TENANCIES.replace("T007,P007", "T007,X,P007")))
    seen(f"contract that rejects: {outcome.words}")

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "line 8: has 11 values" in outcome.reason


def test_d16_a_mandatory_column_that_is_missing_rejects(pipeline: Pipeline, seen: Seen) -> None:
    rows = [line.rsplit(",", 1)[0] for line in TENANCIES.splitlines()]
    outcome = pipeline.deliver(MARCH, sent("\n".join(rows) + "\n"))
    seen(f"dropped: {outcome.words}")

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "line 1: the mandatory column Main Tenant Reference is missing" in outcome.reason


def test_d16_a_column_that_nobody_knows_is_left_out_with_a_word(pipeline: Pipeline, seen: Seen) -> None:
    rows = TENANCIES.splitlines()
    outcome = pipeline.deliver(MARCH, sent("\n".join([f"{rows[0]},Heating", *(f"{row},gas" for row in rows[1:])]) + "\n"))
    ((word,),) = pipeline.warehouse.rows("select reason from ledger.delivery_event where event = 'columns left out'")
    seen(f"added: {outcome.words}; {word}")

    assert (outcome.state, outcome.in_landing) == ("accepted", 24)
    assert word == "tenancies: the contract does not know the column(s) at position 11"


def test_d16_a_renamed_column_is_found_by_both_its_names(
    pipeline: Pipeline, seen: Seen, with_contract: Callable[..., None]
) -> None:
    unknown = pipeline.deliver(MARCH, sent(TENANCIES.replace("Tenancy Start Date", "Began On", 1)))
    with_contract(
        "formats/housing/tenancies.yml",
        lambda text: text.replace("Tenancy Start Date", "Began On").replace(
            "  Began On:\n", "  Began On:\n    renamed_from: [Tenancy Start Date]\n"
        ),
    )
    new = pipeline.deliver(f"{MARCH}__new", sent(TENANCIES.replace("Tenancy Start Date", "Began On", 1)))
    old = pipeline.deliver("torus/tenancies/2019-04", AS_PROMISED)
    ((filled,),) = pipeline.warehouse.rows("select count(began_on) from accepted.housing__tenancies")
    seen(f"renamed, unknown to the contract: {unknown.words}")
    seen(f"renamed, told by the contract: new name {new.state}, old name {old.state}, {filled} values in one column")

    assert (unknown.state, new.state, old.state, filled) == ("rejected", "accepted", "accepted", 24)


def test_d16_columns_in_another_order_are_found_by_name(pipeline: Pipeline, seen: Seen) -> None:
    turned = "\n".join(",".join([*row.split(",", 1)[1:], row.split(",", 1)[0]]) for row in TENANCIES.splitlines()) + "\n"
    outcome = pipeline.deliver(MARCH, sent(turned))
    seen(f"in another order: {outcome.words}")

    assert (outcome.state, outcome.in_landing) == ("accepted", 24)
    assert pipeline.warehouse.rows(
        "select tenancy_reference, main_tenant_reference from landing.housing__tenancies where line_number = 2"
    ) == [("T001", "M001")]


def test_d17_a_header_that_is_given_twice_rejects(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES.replace("UPRN", "property_reference", 1)))
    seen(outcome.words)

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "line 1: the header Property Reference is given twice; keep one" in outcome.reason


def test_d18_a_byte_order_mark_does_not_hide_the_first_column(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, {name: "\ufeff" + text for name, text in AS_PROMISED.items()})
    ((first, filled),) = pipeline.warehouse.rows(
        "select min(tenancy_reference) = 'T001', count(tenancy_reference) from landing.housing__tenancies"
    )
    seen(f"{outcome.words}; the first column is filled in {filled} of 12 rows and begins with no mark")

    assert (outcome.state, filled, first) == ("accepted", 12, True)


WITH_NAMES = MEMBERS.replace("O'Brien", "O\u2019Brien")


def test_d19_a_name_comes_through_the_declared_encoding(
    pipeline: Pipeline, seen: Seen, with_contract: Callable[..., None]
) -> None:
    with_contract("formats/housing/format.yml", lambda text: text + "files: {encoding: cp1252}\n")

    outcome = pipeline.deliver(MARCH, {"tenancies.csv": TENANCIES, "household_members.csv": WITH_NAMES.encode("cp1252")})
    surnames = {name for (name,) in pipeline.warehouse.rows("select surname from landing.housing__household_members")}
    kept = len(surnames & {"O\u2019Brien", "Nuñez"})
    seen(f"cp1252 as declared: {outcome.words}; {kept} of 2 names with other letters as written")

    assert (outcome.state, kept) == ("accepted", 2)


@pytest.mark.parametrize(
    ("what", "file", "line"),
    [
        ("cp1252 where UTF-8 is declared", WITH_NAMES.encode("cp1252"), 2),
        ("UTF-16", WITH_NAMES.encode("utf-16"), 1),
        ("UTF-16 without its mark", WITH_NAMES.encode("utf-16-le"), 1),
        ("mixed", WITH_NAMES.encode().replace("ñ".encode(), b"\xf1"), 3),
    ],
)
def test_d19_any_other_encoding_is_rejected_with_its_line(
    pipeline: Pipeline, seen: Seen, what: str, file: bytes, line: int
) -> None:
    outcome = pipeline.deliver(MARCH, {"tenancies.csv": TENANCIES, "household_members.csv": file})
    seen(f"{what}: {outcome.state}, naming line {line}; {outcome.in_landing} rows in landing")

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert f"line {line}: " in outcome.reason
    assert "Brien" not in outcome.reason and "Nu" not in outcome.reason


def test_d20_every_kind_of_line_end_gives_the_same_rows(pipeline: Pipeline, seen: Seen) -> None:
    read = "select tenancy_reference, line_number, address, main_tenant_reference from landing.housing__tenancies"
    rows = {}
    for month, line_end in enumerate(["\n", "\r\n", "\r", "mixed"], 1):
        text = TENANCIES.replace("\n", "\r\n", 5) if line_end == "mixed" else TENANCIES.replace("\n", line_end)
        outcome = pipeline.deliver(f"torus/tenancies/2019-0{month}", sent(text))
        assert (outcome.state, outcome.in_landing) == ("accepted", 24)
        rows[line_end] = sorted(
            pipeline.warehouse.rows(
                f"{read} join ledger.delivery_file using (file_id) where delivery_id = %s", outcome.delivery_id
            )
        )
    same = sum(rows[line_end] == rows["\n"] for line_end in rows)
    seen(f"LF, CRLF, CR and mixed: {same} of 4 files give the same 12 rows with the same line numbers")

    assert same == 4


def test_d20_a_line_break_in_quotes_stays_in_its_value_where_the_column_is_free_text(
    pipeline: Pipeline, seen: Seen, with_contract: Callable[..., None]
) -> None:
    with_contract(
        "formats/housing/tenancies.yml",
        lambda text: text.replace("means: the address of the home, on one line", "means: the address\n    free_text: true"),
    )
    outcome = pipeline.deliver(MARCH, sent(TENANCIES.replace("5 Duke Street, St", "5 Duke Street\nSt")))
    ((breaks, last),) = pipeline.warehouse.rows(
        r"select count(*) filter (where address like '%%' || chr(10) || '%%'), max(line_number) from landing.housing__tenancies"
    )
    seen(f"a line break in free text: {outcome.words}; {breaks} value holds it, the last row is line {last} of the file")

    assert (outcome.state, outcome.in_landing, breaks, last) == ("accepted", 24, 1, 14)


def test_d21_a_nul_byte_is_rejected_and_no_log_quotes_the_row(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES.replace("6 Duke Street", "NULMARKER\x00Street")))
    quoted = sum(b"NULMARKER" in log.read_bytes() for log in database_logs())
    seen(f"NUL: {outcome.words}; the value is in {quoted} logs of the database")

    assert (outcome.state, outcome.in_landing, quoted) == ("rejected", 0, 0)
    assert "line 7: holds a NUL byte" in outcome.reason
    assert "NULMARKER" not in outcome.reason


def test_d21_other_control_characters_are_kept_and_break_nothing(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES.replace("6 Duke", "6\x01\x1b[31m\x7f\x0b\x0c\x85\u2028Duke")))
    ((kept,),) = pipeline.warehouse.rows(
        r"select count(*) from landing.housing__tenancies where address ~ E'\x01' and line_number = 7"
    )
    seen(f"control characters: {outcome.words}; kept as sent in {kept} row")

    assert (outcome.state, outcome.in_landing, kept) == ("accepted", 24, 1)


def test_d21_an_error_that_is_passed_over_is_logged_without_its_row(
    pipeline: Pipeline, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    """The database refuses a line while we find out that it has to be read in another way: two errors, one of them passed over."""
    rows = TENANCIES.replace("T002,P002", "LOGMARKER").rstrip("\n").replace("M012", 'M012"')
    with caplog.at_level("INFO"):
        outcome = pipeline.deliver(MARCH, sent(rows))
    passed_over = [record for record in caplog.records if record.name == "psycopg"]
    quoted = "LOGMARKER" in caplog.text
    seen(f"an error passed over: {len(passed_over)} in the log, {'with' if quoted else 'without'} its row; {outcome.words}")

    assert passed_over and not quoted
    assert (outcome.state, outcome.unreadable) == ("accepted", 1)


def database_logs() -> list[Path]:
    """The logs that the database server writes."""
    return [path for path in (settings.VAR / "server").rglob("*log*") if path.is_file() and "data/base" not in str(path)]


def test_d22_a_value_of_200_kb_sets_its_row_aside(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, sent(TENANCIES.replace("P003", "P" * 200_000)))
    line, problem = pipeline.warehouse.rows("select line_number, problem from ledger.unreadable_line")[0]
    seen(f"{outcome.words}: line {line} {problem}")

    assert (outcome.state, outcome.unreadable, outcome.in_landing) == ("accepted", 1, 23)
    assert line == 4
