"""A small borough over some months, built for its readers: what comes late, out of order, corrected, badly or not at all.

Each step of the story is made once; the tests look at what stood in the marts after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from cares import builds, notifications, promises
from faults.pipeline import AS_PROMISED, Pipeline, child, event, events, people, stay, stays
from fresh_warehouse import FreshWarehouse, fresh_warehouse

Seen = Callable[[str], None]
Files = dict[str, str]

ADA = "9876543210"
TRUST, COUNCIL, TORUS = "sthk/admitted_patient_care", "council/adult_social_care", "torus/tenancies"
NAMES = ["NA", "Null", "None", "TRUE", "O'Brien", "Nuñez"]


def at(one: dict[str, str], admitted: str, discharged: str) -> dict[str, str]:
    """A stay with the times of day at which it began and ended."""
    return one | {"Start Time (Hospital Provider Spell)": admitted, "Discharge Time (Hospital Provider Spell)": discharged}


def crowd(month: str) -> list[dict[str, str]]:
    """Enough ordinary stays that one that is set aside does not hold the delivery."""
    return [stay(f"G{number}", f"{month}-11", f"{month}-13") for number in range(12)]


# The spell that X begins in January ends in February; each month tells what it knows.
IN_HOSPITAL_SINCE_JANUARY = stay("X", "2019-01-30", "")
JANUARY = stays(
    stay("ADA", "2019-01-05", "2019-01-09")
    | {"NHS Number": "987 654 3210", "Person Given Name": "Ada", "Date of Birth": "1935-02-28"},
    stay("B1", "2019-01-05", "2019-01-09") | {"NHS Number": "9.43E+09", "Person Given Name": "Ben"},
    stay("B2", "2019-01-06", "2019-01-09") | {"NHS Number": "9.43E+09", "Person Given Name": "Cy"},
    stay("NOSPELL", "2019-01-05", "2019-01-09") | {"Hospital Provider Spell Number": ""},
    IN_HOSPITAL_SINCE_JANUARY,
    *crowd("2019-01"),
)
FEBRUARY = stays(
    IN_HOSPITAL_SINCE_JANUARY | {"Discharge Date (From Hospital Provider Spell)": "2019-02-03"},
    stay("R", "2019-02-05", "2019-02-07"),
    *crowd("2019-02"),
)
FEBRUARY_CORRECTED = stays(
    IN_HOSPITAL_SINCE_JANUARY | {"Discharge Date (From Hospital Provider Spell)": "2019-02-04"},
    *crowd("2019-02"),
)
MARCH = stays(
    at(stay("SPRING", "2019-03-31", "2019-03-31"), "00:30", "03:30"),
    at(stay("AUTUMN", "2018-10-28", "2018-10-28"), "00:30", "03:30"),
    at(stay("SUMMER", "2018-07-01", "2018-07-02"), "00:10", "23:50"),
    at(stay("LEAP", "2016-02-29", "2016-03-01"), "23:00", "01:00"),
    at(stay("NEWYEAR", "2018-12-31", "2019-01-01"), "23:00", "01:00"),
    *crowd("2019-03"),
)
FIRST_QUARTER = events(
    event("A1", "10/01/2019", "20/01/2019") | {"NHS Number": "987-654-3210", "First Name": "Ada", "Date of Birth": "28/02/1935"},
    event("A2", "01/05/2018"),
    event("", "10/01/2019"),
    *(event(f"E{number}", "05/02/2019") for number in range(12)),
)
LAST_QUARTER = events(event("A2", "01/05/2018", "30/11/2018"), event("A3", "01/02/2018", "03/03/2018"))
CHILDREN = people(child("00123"), *(child(f"C{number}", surname=name) for number, name in enumerate(NAMES)))
# A home in which nobody is said to live, and somebody without a home.
TORUS_FEBRUARY = {
    "tenancies.csv": AS_PROMISED["tenancies.csv"]
    + 'T013,P013,,"13 Duke Street, St Helens",WA10 2DR,Assured,N,04/04/2015,,M013\n',
    "household_members.csv": AS_PROMISED["household_members.csv"] + "M014,,,Noa,Hale,13/04/1952,M,Main Tenant,,04/04/2015,\n",
}

IN_ORDER: list[tuple[str, Files]] = [
    (f"{COUNCIL}/2018-Q4", LAST_QUARTER),
    (f"{TRUST}/2019-01", JANUARY),
    (f"{TORUS}/2019-01", AS_PROMISED),
    (f"{TRUST}/2019-02", FEBRUARY),
    (f"{TORUS}/2019-02", TORUS_FEBRUARY),
    (f"{TRUST}/2019-03", MARCH),
    (f"{COUNCIL}/2019-Q1", FIRST_QUARTER),
    ("council/childrens_person_file/2019-03", CHILDREN),
]
COMES_LATE = {f"{COUNCIL}/2018-Q4", f"{TRUST}/2019-02", f"{TORUS}/2019-01"}


# Of each table: the column that names its rows.
WATCHED = {
    "staging.stg_apc__episodes": "delivery_id || '/' || line_number",
    "intermediate.int_hospital_stays": "hospital_stay_id",
}


def facts(warehouse: FreshWarehouse) -> dict[str, list[Any]]:
    """Every row of every published table, without the numbers that are given as they come."""
    tables = warehouse.rows(
        "select schemaname || '.' || viewname from pg_views where schemaname in ('insight', 'linked_care') order by 1"
    )
    without_numbers = "select to_jsonb(one) - '{{person_id,pseudonym}}'::text[] from {} as one"
    return {table: sorted((row for (row,) in warehouse.rows(without_numbers.format(table))), key=str) for (table,) in tables}


@dataclass
class Story:
    """The borough's pipeline, and what was noted after each step."""

    pipeline: Pipeline
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> Callable[..., list[tuple[Any, ...]]]:
        return self.pipeline.warehouse.rows

    def versions(self, table: str, key: str) -> dict[Any, str]:
        """Of each row of a table, which transaction wrote it last."""
        return dict(self.rows(f"select {key}, xmin::text from {table}"))


@pytest.fixture(scope="module")
def facts_in_order(warehouse_server: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What is published where all comes in order and is built once."""
    with fresh_warehouse() as warehouse:
        pipeline = Pipeline(warehouse, tmp_path_factory.mktemp("in order") / "outbox")
        for folder, files in IN_ORDER:
            assert pipeline.deliver(folder, files).state == "accepted", folder
        builds.build()
        return facts(warehouse)


@pytest.fixture(scope="module")
def without_the_late(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The borough without what comes late, the latest periods first, built."""
    story = Story(Pipeline(warehouse_of_module, tmp_path_factory.mktemp("story") / "outbox"))
    for folder, files in reversed(IN_ORDER):
        if folder not in COMES_LATE:
            outcome = story.pipeline.deliver(folder, files)
            assert outcome.state == "accepted", folder
            story.notes[folder] = outcome
    builds.build()
    return story


@pytest.fixture(scope="module")
def late(facts_in_order: dict[str, list[Any]], without_the_late: Story) -> Story:
    """What comes late has come, each after a later period of its feed, and was built."""
    story = without_the_late
    before = {table: story.versions(table, key) for table, key in WATCHED.items()}
    for folder, files in IN_ORDER:
        if folder in COMES_LATE:
            story.notes[folder] = story.pipeline.deliver(folder, files)
            assert story.notes[folder].state == "accepted", folder
    builds.build()
    story.notes["before"] = before
    story.notes["after"] = {table: story.versions(table, key) for table, key in WATCHED.items()}
    story.notes["facts"] = facts(story.pipeline.warehouse)
    return story


@pytest.fixture(scope="module")
def corrected(late: Story) -> Story:
    """The trust has corrected February, Torus has sent a March that cannot be taken, and it was built."""
    spoiled = AS_PROMISED["tenancies.csv"].replace("Tenancy Start Date", "Start", 1)
    late.notes["correction"] = late.pipeline.deliver(f"{TRUST}/2019-02__corrected", FEBRUARY_CORRECTED)
    late.notes["bad"] = late.pipeline.deliver(f"{TORUS}/2019-03", {**AS_PROMISED, "tenancies.csv": spoiled})
    late.notes["build"] = builds.build()
    return late


def test_d07_periods_that_arrive_out_of_order_end_as_if_in_order(
    facts_in_order: dict[str, list[Any]], late: Story, seen: Seen
) -> None:
    found = late.notes["facts"]
    different = [table for table in facts_in_order if facts_in_order[table] != found.get(table)]
    rows = sum(map(len, facts_in_order.values()))
    seen(
        f"March before February, a later snapshot and a later window first: {rows} rows in {len(facts_in_order)} published tables, "
        f"{len(different)} of them different from those built in order"
    )

    assert different == [] and facts_in_order.keys() == found.keys()
    assert rows > 100


def test_d06_a_late_period_takes_its_own_place_and_touches_nothing_else(late: Story, seen: Seen) -> None:
    before, after = late.notes["before"], late.notes["after"]
    touched = {table: sum(version != after[table].get(key) for key, version in before[table].items()) for table in WATCHED}
    (discharged,) = late.rows("select discharged_on::text from linked_care.hospital_stays where spell_number = 'S-X-2019-01-30'")
    seen(
        f"trust: {late.notes[f'{TRUST}/2019-02'].words}; of {len(before['intermediate.int_hospital_stays'])} stays "
        f"{touched['intermediate.int_hospital_stays']} made anew, and of {len(before['staging.stg_apc__episodes'])} staged rows "
        f"{touched['staging.stg_apc__episodes']}"
    )

    assert touched["staging.stg_apc__episodes"] == 0
    assert touched["intermediate.int_hospital_stays"] == 1  # the spell that both months tell of
    assert discharged == ("2019-02-03",)


def test_d03_a_correction_supersedes_the_old_rows_and_keeps_them(corrected: Story, seen: Seen) -> None:
    old, new = corrected.notes[f"{TRUST}/2019-02"].delivery_id, corrected.notes["correction"].delivery_id
    staged = dict(
        corrected.rows(
            """select delivery_id, array_agg(distinct coalesce(superseded_by_delivery_id, 0)) from staging.stg_apc__episodes
               where delivery_id in (%s, %s) group by delivery_id""",
            old,
            new,
        )
    )
    ((state,),) = corrected.rows("select state from ledger.delivery where delivery_id = %s", old)
    ((count,),) = corrected.rows("select count(*) from staging.stg_apc__episodes where delivery_id = %s", old)
    ((discharged,),) = corrected.rows(
        "select discharged_on::text from linked_care.hospital_stays where spell_number = 'S-X-2019-01-30'"
    )
    seen(
        f"{corrected.notes['correction'].words}; the delivery before is {state}, its {count} rows are kept, each "
        f"superseded; the mart has the corrected day: {'yes' if discharged == '2019-02-04' else 'no'}"
    )

    assert state == "superseded"
    assert staged == {old: [new], new: [0]}
    assert discharged == "2019-02-04"


def test_d04_a_row_that_a_correction_removes_ends(corrected: Story, seen: Seen) -> None:
    in_mart = corrected.rows("select count(*) from linked_care.hospital_stays where spell_number = 'S-R-2019-02-05'")[0][0]
    history = corrected.rows(
        "select superseded_at is not null, superseded_by_delivery_id from staging.stg_apc__episodes where local_person_id = 'R'"
    )
    seen(
        f"the row removed: {in_mart} in the mart; {len(history)} in the history, ended by the correction: "
        f"{'yes' if history[0][0] else 'no'}"
    )

    assert in_mart == 0
    assert history == [(True, corrected.notes["correction"].delivery_id)]


def test_d05_a_feed_that_is_late_is_told_with_the_name_of_its_sender(pipeline: Pipeline, seen: Seen) -> None:
    pipeline.deliver(f"{TRUST}/2019-03", MARCH)
    told = []
    for day in (date(2019, 5, 20), date(2019, 5, 21)):  # the last day on which April is in time, and the next
        promises.check(day)
        told.append([one for one in notifications.waiting("email") if one.feed == TRUST and one.period == "2019-04"])
    seen(f"on the due day {len(told[0])} notices, the day after: {', '.join(one.subject for one in told[1])}")

    assert told[0] == []
    assert [one.kind for one in told[1]] == ["late"]
    assert "Nothing has been accepted from sthk/admitted_patient_care for 2019-04" in told[1][0].text


def test_d05_marts_say_the_last_good_day_and_no_zero(corrected: Story, seen: Seen) -> None:
    ((until, since),) = corrected.rows(
        "select data_until::text, no_data_since::text from insight.feed_freshness where feed = %s", TRUST, role="analyst"
    )
    zeros, missing = corrected.rows(
        """select count(*) filter (where received_rows = 0 or deliveries = 0), count(*) from insight.feed_coverage
           where feed = %s and status = 'missing'""",
        TRUST,
        role="analyst",
    )[0]
    seen(f"mart: data until {until}, no data since {since}; {missing} missing periods, {zeros} of them with a zero")

    assert (until, since, zeros) == ("2019-03-31", "2019-04-01", 0)
    assert missing > 0


def test_d38_one_bad_delivery_stops_nobody_else_and_its_last_good_day_is_said(corrected: Story, seen: Seen) -> None:
    ((until, since),) = corrected.rows(
        "select data_until::text, no_data_since::text from insight.feed_freshness where feed = %s", TORUS, role="analyst"
    )
    ((comment,),) = corrected.rows("select obj_description('insight.persons'::regclass)", role="analyst")
    banner = f"No data from {TORUS} since {since}."
    tenancies = corrected.rows("select count(*) from linked_care.tenancies")[0][0]
    seen(
        f"Torus {corrected.notes['bad'].state}, trust {corrected.notes['correction'].state}, "
        f"{'published' if builds.published_build() == corrected.notes['build'] else 'not published'}; "
        f"Torus: {tenancies} tenancies of the last good day, {until}; on the tables: {banner if banner in comment else 'nothing'}"
    )

    assert corrected.notes["bad"].state == "rejected"
    assert builds.published_build() == corrected.notes["build"]
    assert (until, since, tenancies) == ("2019-02-28", "2019-03-01", 12)
    assert banner in comment


def test_d40_rows_without_keys_are_counted_and_set_aside_and_no_mart_is_emptied(corrected: Story, seen: Seen) -> None:
    without_keys = [corrected.notes[folder] for folder in (f"{TRUST}/2019-01", f"{COUNCIL}/2019-Q1", f"{TORUS}/2019-02")]
    ((nobody,),) = corrected.rows("select rows from linked_care.rows_accounted_for where outcome = 'nobody in the household'")
    marts = dict(
        corrected.rows(
            """select 'stays', count(*) from linked_care.hospital_stays union all
               select 'events', count(*) from linked_care.social_care_events union all
               select 'tenancies', count(*) from linked_care.tenancies"""
        )
    )
    seen(
        f"no spell number, no person, no tenancy: {', '.join(str(one.set_aside) for one in without_keys)} set aside; "
        f"a tenancy without anybody: {nobody} counted, with the reason; marts: "
        + ", ".join(f"{count} {name}" for name, count in marts.items())
    )

    assert [one.set_aside for one in without_keys] == [1, 1, 1]
    assert nobody == 1
    assert all(count > 10 for count in marts.values())


def test_d24_only_a_valid_nhs_number_links(corrected: Story, seen: Seen) -> None:
    ((ada,),) = corrected.rows("select person_records from linked_care.persons where nhs_number = %s", ADA)
    ((linked,),) = corrected.rows(
        """select count(distinct membership.person_id) from person_index.membership_in_build as membership
           where person_record_id in ('sthk/apc/B1', 'sthk/apc/B2')"""
    )
    seen(f"one number with spaces and with dashes: {ada} records, one person; two people with 9.43E+09: {linked} persons")

    assert (ada, linked) == (2, 2)


def test_d25_a_number_that_begins_with_zeros_is_text(corrected: Story, seen: Seen) -> None:
    kept = corrected.rows(
        """select count(*) from landing.person_file__people as landed join staging.stg_person_file__people as staged
             on staged.local_person_id = landed.local_person_id
           where landed.local_person_id = '00123' and pg_typeof(staged.local_person_id)::text = 'text'"""
    )[0][0]
    seen(f"{kept} row, as text with its zeros in landing and in staging")

    assert kept == 1


def test_d26_names_are_kept_as_typed(corrected: Story, seen: Seen) -> None:
    surnames = {name for (name,) in corrected.rows("select surname from linked_care.persons")}
    kept = [name for name in NAMES if name in surnames]
    seen(f"{len(kept)} of {len(NAMES)} stand in linked_care.persons as typed")

    assert kept == NAMES


def test_d41_hours_and_days_are_right_when_clocks_change(corrected: Story, seen: Seen) -> None:
    hours = dict(
        corrected.rows(
            """select split_part(spell_number, '-', 2), (extract(epoch from discharged_at - admitted_at) / 3600)::float
               from linked_care.hospital_stays where admitted_at is not null"""
        )
    )
    ((day, month),) = corrected.rows(
        "select admitted_on::text, extract(month from admitted_at at time zone 'Europe/London')::int "
        "from linked_care.hospital_stays where spell_number like 'S-SUMMER%%'"
    )
    seen(
        f"00:30 to 03:30 in the night of spring: {hours['SPRING']:g} hours, of autumn: {hours['AUTUMN']:g}; 23:00 to 01:00 over "
        f"29 February: {hours['LEAP']:g}, over New Year: {hours['NEWYEAR']:g}; ten past midnight of 1 July is {day}"
    )

    assert (hours["SPRING"], hours["AUTUMN"], hours["LEAP"], hours["NEWYEAR"]) == (2, 4, 2, 2)
    assert (day, month) == ("2018-07-01", 7)


@pytest.fixture
def spoiled_marts(corrected: Story) -> Iterator[str]:
    """A build in which a mart would show one stay twice: the words with which it failed."""
    corrected.pipeline.deliver(f"{TRUST}/2019-02__again", stays(*crowd("2019-02")[:-1], stay("NEW", "2019-02-05", "2019-02-06")))
    build_id = builds.start_build()
    for layer in ("staging", "person_records"):
        builds.run_layer(build_id, layer)
    builds.update_person_index(build_id)
    builds.run_layer(build_id, "care_events")
    with corrected.pipeline.warehouse.connect() as connection:
        connection.execute("insert into intermediate.int_hospital_stays select * from intermediate.int_hospital_stays limit 1")
    with pytest.raises(builds.BuildError) as failure:
        builds.run_layer(build_id, "marts")
    with pytest.raises(builds.BuildError):
        builds.publish(build_id)
    yield str(failure.value)


def test_d39_a_mart_whose_test_fails_is_not_published(corrected: Story, seen: Seen, request: pytest.FixtureRequest) -> None:
    before = facts(corrected.pipeline.warehouse)
    why = request.getfixturevalue("spoiled_marts")
    ((state,),) = corrected.rows("select state from ledger.build order by build_id desc limit 1")
    same = builds.published_build() == corrected.notes["build"] and facts(corrected.pipeline.warehouse) == before
    seen(f"the build {state} ({why.partition('.')[0]}); what was published before is {'unchanged' if same else 'changed'}")

    assert state == "failed"
    assert "key_hospital_stays_hospital_stay_id" in why
    assert same
