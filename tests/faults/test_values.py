"""Values that are wrong, that only look wrong, and that a spreadsheet or a clock would change."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from cares import checks, deliveries, landing
from cares.reports import returns
from faults.pipeline import AS_PROMISED, MEMBERS, TENANCIES, Pipeline, child, event, events, people, stay, stays

Seen = Callable[[str], None]


def test_d23_a_date_is_set_aside_with_the_reason_where_it_is_no_such_date(pipeline: Pipeline, seen: Seen) -> None:
    cases = {
        2: ("03.04.2019 where dashes or strokes are promised", stay("P2", "03.04.2019", "")),
        3: ("a 30 February", stay("P3", "2019-02-30", "")),
        4: ("31/12/29", stay("P4", "31/12/29", "")),
        5: ("a discharge before the admission", stay("P5", "2019-03-05", "2019-03-01")),
        6: ("a birth in the future", stay("P6", "2019-03-05", "2019-03-06") | {"Date of Birth": "2099-01-01"}),
    }
    good = [stay(f"G{number}", "2019-03-01", "2019-03-02") for number in range(60)]
    outcome = pipeline.deliver("sthk/admitted_patient_care/2019-03", stays(*(row for _, row in cases.values()), *good))
    found: dict[int, set[str]] = {}
    for rule, line, _ in pipeline.rules_broken(outcome.delivery_id):
        found.setdefault(line, set()).add(rule)
    aside = {line for _, line, then in pipeline.rules_broken(outcome.delivery_id) if then != "warn"}
    seen(f"{outcome.words}; and {len(aside) - outcome.set_aside} value")

    assert outcome.state == "accepted"
    assert aside == set(cases)
    assert outcome.set_aside == 4  # the birth in the future is a value, and its row stays
    start = "episodes.Start Date (Hospital Provider Spell).date_either_way"
    assert all(start in found[line] for line in (2, 3, 4))
    assert "episodes.Discharge Date (From Hospital Provider Spell).not_before" in found[5]
    assert "episodes.Date of Birth.not_in_future" in found[6]


def test_d23_a_death_before_the_birth_is_set_aside(pipeline: Pipeline, seen: Seen) -> None:
    good = [event(f"B{number}", "05/01/2019") for number in range(20)]
    outcome = pipeline.deliver(
        "council/adult_social_care/2019-Q1", events(event("A1", "05/01/2019") | {"Date of Death": "01/02/1939"}, *good)
    )
    ((aside, then),) = [
        (line, then) for rule, line, then in pipeline.rules_broken(outcome.delivery_id) if rule.endswith("Death.not_before")
    ]
    ((kept,),) = pipeline.warehouse.rows("select count(date_of_death) from accepted.cld__events")
    seen(f"a death before the birth: {then}, line {aside}; {kept} such deaths are accepted")

    assert (outcome.state, aside, then, kept) == ("accepted", 2, "set the value aside", 0)


NHS_NUMBERS = {
    "943 476 5919": True,
    "943-476-5919": True,
    "9434765919": True,
    "9434765918": False,
    "943476591": False,
    "9.43E+09": False,
}


def test_d24_a_wrong_nhs_number_is_left_out_and_kept_as_sent_and_its_row_counts(pipeline: Pipeline, seen: Seen) -> None:
    rows = [child(f"C{number}") | {"NHS Number": sent} for number, sent in enumerate(NHS_NUMBERS)]
    outcome = pipeline.deliver("council/childrens_person_file/2019-03", people(*rows))
    read = "select array_agg(nhs_number is not null order by line_number) from {}.person_file__people"
    ((sent,),) = pipeline.warehouse.rows(read.format("landing"))
    ((accepted,),) = pipeline.warehouse.rows(read.format("accepted"))
    seen(
        f"{outcome.words}; spaces, dashes and none: {sum(accepted[:3])} of 3 numbers accepted; wrong check digit, 9 digits, "
        f"from a spreadsheet: {sum(accepted[3:])} of 3 accepted, {sum(sent[3:])} kept as sent"
    )

    assert (outcome.state, outcome.accepted, outcome.set_aside) == ("accepted", 6, 0)
    assert accepted == list(NHS_NUMBERS.values())
    assert all(sent)
    assert [line for rule, line, _ in pipeline.rules_broken(outcome.delivery_id) if rule.endswith("nhs_number")] == [5, 6, 7]


FORMULAS = ["=HYPERLINK(x)", "@SUM(A1:A9)", "-2+3", "+cmd", "\t=1+1"]


def test_d27_a_value_that_a_spreadsheet_would_run_is_kept_as_sent(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(
        "council/childrens_person_file/2019-03", people(*(child(f"C{n}", surname=one) for n, one in enumerate(FORMULAS)))
    )
    kept = [name for (name,) in pipeline.warehouse.rows("select surname from landing.person_file__people order by line_number")]
    seen(f"{outcome.words}; {sum(a == b for a, b in zip(kept, FORMULAS, strict=True))} of {len(FORMULAS)} values as sent")

    assert (outcome.state, kept) == ("accepted", FORMULAS)


def test_d27_what_goes_back_to_the_sender_holds_no_formula_and_its_numbers_are_numbers(
    pipeline: Pipeline, seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARES_RETURNS", str(tmp_path / "returns"))
    broken = TENANCIES.replace("02/04/2015,,M001", "=1+1,,M001")
    outcome = pipeline.deliver("torus/tenancies/2019-03", {"-tenancies.csv": broken, "household_members.csv": MEMBERS})
    letter = returns.write(outcome.delivery_id)
    with next(letter.parent.glob("*.csv")).open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    cells = [cell for row in rows for cell in row]
    formulas = sum(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    numbers = sum(row[1] == "2" for row in rows)
    seen(
        f"list for the sender: {len(rows)} row(s), {numbers} with its line as a number, {formulas} cells that begin like a formula"
    )

    assert (outcome.state, outcome.set_aside) == ("accepted", 1)
    assert rows and (numbers, formulas) == (len(rows), 0)
    assert not any("1+1" in cell for cell in cells) and "1+1" not in letter.read_text()


def test_d28_a_header_that_is_sql_is_a_column_that_nobody_knows(pipeline: Pipeline, seen: Seen) -> None:
    rows = AS_PROMISED["tenancies.csv"].splitlines()
    header = '"""; drop table ledger.delivery; --"'
    text = "\n".join([f"{rows[0]},{header}", *(f"{row},x" for row in rows[1:])]) + "\n"
    outcome = pipeline.deliver("torus/tenancies/2019-03", {**AS_PROMISED, "tenancies.csv": text})
    ((word,),) = pipeline.warehouse.rows("select reason from ledger.delivery_event where event = 'columns left out'")
    seen(f"as a header: {outcome.words}; {word}")

    assert (outcome.state, outcome.accepted) == ("accepted", 24)
    assert "drop" not in word


def test_d41_29_february_is_a_day_in_leap_years_only(pipeline: Pipeline, seen: Seen) -> None:
    good = [stay(f"G{number}", "2020-02-01", "2020-02-02") for number in range(20)]
    rows = [stay("P2", "2020-02-29", "2020-03-01"), stay("P3", "2019-02-29", "")]
    outcome = pipeline.deliver("sthk/admitted_patient_care/2020-02", stays(*rows, *good))
    aside = sorted({line for _, line, then in pipeline.rules_broken(outcome.delivery_id) if then == "set the row aside"})
    seen(f"29 February 2020 and 2019: {outcome.words}, line(s) {', '.join(map(str, aside))}")

    assert (outcome.state, aside) == ("accepted", [3])


@pytest.mark.parametrize(
    ("received_at", "day", "is_future"),
    [
        ("2019-06-30 23:30+00", "2019-07-01", False),  # half past midnight of 1 July in London
        ("2019-06-30 22:30+00", "2019-07-01", True),
        ("2018-12-31 23:59+00", "2019-01-01", True),
        ("2019-01-01 00:00+00", "2019-01-01", False),
    ],
)
def test_d41_the_day_of_receipt_is_london_s(pipeline: Pipeline, seen: Seen, received_at: str, day: str, is_future: bool) -> None:
    pipeline.put("sthk/admitted_patient_care/2019-06", stays(stay("P2", "2019-06-01", "2019-06-02") | {"Date of Birth": day}))
    (delivery_id,) = deliveries.take("sthk", pipeline.outbox, "a run of the DAG")
    with pipeline.warehouse.connect() as connection:
        connection.execute("update ledger.delivery set received_at = %s where delivery_id = %s", (received_at, delivery_id))
    landing.land(delivery_id)
    checks.check([delivery_id])
    deliveries.decide(delivery_id)
    future = [rule for rule, *_ in pipeline.rules_broken(delivery_id) if rule.endswith("Date of Birth.not_in_future")]
    seen(f"received {received_at[:16]} UTC, born {day}: {'in the future' if future else 'not in the future'}")

    assert bool(future) == is_future


def test_d41_a_period_at_the_turn_of_a_year_keeps_its_days(pipeline: Pipeline, seen: Seen) -> None:
    december, january = (
        pipeline.deliver(f"sthk/admitted_patient_care/{month}", stays(stay("P2", "2018-12-31", "2019-01-01")))
        for month in ("2018-12", "2019-01")
    )
    periods = pipeline.warehouse.rows("select period_start::text, period_end::text from ledger.delivery order by period_start")
    seen(f"December and January: {december.state}, {january.state}; {' and '.join(' to '.join(period) for period in periods)}")

    assert periods == [("2018-12-01", "2018-12-31"), ("2019-01-01", "2019-01-31")]
