"""Small numbers: 0 stays 0, 1 to 7 reads *, others go to the nearest 5, and nothing else that is published gives a hidden one away."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import Environment

from accepted_deliveries import Row, deliver
from cares import builds
from cares.governance import disclosure as protecting
from cares.governance.disclosure import ALL, Key, Release, what_to_show
from cares.reports import disclosure as report
from cares.settings import DBT_PROJECT
from fresh_warehouse import FreshWarehouse

YEAR = date(2019, 1, 1), date(2019, 12, 31)
# Hospital stays that begin in each month of 2019, and social care services beside them.
STAYS = {1: 1, 2: 7, 3: 8, 4: 12, 5: 13, 6: 6, 7: 20}
SERVICES = {5: 1, 6: 12, 7: 7}


def stays(counts: dict[int, int]) -> list[Row]:
    return [
        {
            "local_patient_identifier": f"P{month}-{number}", "hospital_provider_spell_number": f"S{month}-{number}",
            "date_of_birth": "1935-02-28", "episode_number": "1", "start_date_hospital_provider_spell": f"2019-{month:02}-05",
            "admission_method_hospital_provider_spell": "21", "start_date_consultant_episode": f"2019-{month:02}-05",
        }
        for month, count in counts.items() for number in range(count)
    ]  # fmt: skip


def services(counts: dict[int, int]) -> list[Row]:
    return [
        {
            "la_person_unique_identifier": f"C{month}-{number}", "date_of_birth": "28/02/1935", "event_type": "Service",
            "event_start_date": f"10/{month:02}/2019", "client_type": "Service user",
        }
        for month, count in counts.items() for number in range(count)
    ]  # fmt: skip


Board = dict[tuple[int, str, str], tuple[int | None, str]]


def board(warehouse: FreshWarehouse) -> Board:
    """Care events as the governance lead reads them: month, organisation and kind -> number, and what stands for it."""
    rows = warehouse.rows(
        "select extract(month from started_month)::int, organisation, kind, care_events, care_events_as_shown from board.care_by_month",
        role="governance",
    )
    return {(month, organisation, kind): (number, text) for month, organisation, kind, number, text in rows}


@pytest.fixture(scope="module")
def two_releases(warehouse_of_module: FreshWarehouse) -> tuple[FreshWarehouse, Board, Board]:
    """What is published of some months, and what of the same when February has one stay more and March one fewer."""
    warehouse = warehouse_of_module
    period = ("2019", *YEAR)
    deliver(warehouse, "sthk/admitted_patient_care", period, "period", {"episodes": stays(STAYS)})
    deliver(warehouse, "council/adult_social_care", period, "window", {"events": services(SERVICES)}, window=YEAR)
    builds.build()
    first = board(warehouse)
    later = stays(STAYS | {2: STAYS[2] + 1})
    deliver(warehouse, "sthk/admitted_patient_care", period, "period", {"episodes": later}, accepted_at="2020-08-01")
    builds.build()
    return warehouse, first, board(warehouse)


@pytest.mark.parametrize(
    ("month", "reads", "number"), [(1, "*", None), (2, "*", None), (3, "10", 10), (4, "10", 10), (5, "15", 15), (7, "20", 20)]
)
def test_one_and_seven_read_as_a_star_and_others_go_to_the_nearest_five(
    two_releases: tuple[FreshWarehouse, Board, Board], month: int, reads: str, number: int | None
) -> None:
    assert two_releases[1][month, "sthk", "hospital stay"] == (number, reads)


def test_a_total_is_summed_first_and_rounded_then(two_releases: tuple[FreshWarehouse, Board, Board]) -> None:
    """13 and 1 are 14, which reads 15, although the parts as shown are 15 and *."""
    assert two_releases[1][5, ALL, ALL] == (15, "15")


def test_a_total_that_would_give_a_part_away_is_hidden_too(two_releases: tuple[FreshWarehouse, Board, Board]) -> None:
    """6 and 12 are 18: a 20 beside * and 10 would say that the * is 6 or 7."""
    of_june = {key[1:]: text for key, (_, text) in two_releases[1].items() if key[0] == 6}
    assert of_june["sthk", "hospital stay"] == "*"
    assert "*" in (of_june["council", "social care service"], of_june[ALL, ALL])
    assert (of_june["council", "social care service"], of_june[ALL, ALL]) != ("*", "*")


def test_a_hidden_count_that_grows_by_one_stays_hidden_in_the_next_release(
    two_releases: tuple[FreshWarehouse, Board, Board],
) -> None:
    _, first, second = two_releases
    assert first[2, "sthk", "hospital stay"] == second[2, "sthk", "hospital stay"] == (None, "*")


def test_a_month_that_did_not_change_is_shown_as_it_was_and_not_released_anew(
    two_releases: tuple[FreshWarehouse, Board, Board],
) -> None:
    warehouse, first, second = two_releases
    assert {key: number for key, number in first.items() if key[0] != 2} == {
        key: number for key, number in second.items() if key[0] != 2
    }
    assert warehouse.rows(
        "select extract(month from slice)::int, max(release) from governance.released_cell group by slice order by slice"
    ) == [(month, 2 if month == 2 else 1) for month in sorted(STAYS)]


@pytest.mark.parametrize("role", ["analyst", "governance"])
def test_what_was_counted_is_seen_by_no_reader(two_releases: tuple[FreshWarehouse, Board, Board], role: str) -> None:
    warehouse = two_releases[0]
    columns = warehouse.rows(
        "select column_name from information_schema.columns where table_schema = 'board' and table_name = 'care_by_month'",
        role=role,
    )
    assert {name for (name,) in columns} == {
        "started_month", "organisation", "kind", "people", "care_events", "people_as_shown", "care_events_as_shown",
    }  # fmt: skip
    assert not warehouse.rows("select has_table_privilege(%s, 'governance.released_cell', 'select')", f"cares_{role}")[0][0]


def test_nothing_published_is_a_number_from_1_to_7_or_an_exact_one(two_releases: tuple[FreshWarehouse, Board, Board]) -> None:
    for number, text in [*two_releases[1].values(), *two_releases[2].values()]:
        assert (number is None and text == "*") or (
            number is not None and number % 5 == 0 and number != 5 and text == str(number)
        )


@pytest.fixture(scope="module")
def macros() -> Any:
    text = Path(DBT_PROJECT, "macros", "small_numbers.sql").read_text("utf-8")
    return Environment(extensions=["jinja2.ext.do"]).from_string(text).module


def test_the_marts_and_the_quality_report_follow_one_rule(warehouse_of_module: FreshWarehouse, macros: Any) -> None:
    told = warehouse_of_module.rows(
        f"select count, {macros.shown_count('count')}, {macros.shown_text('count')} from generate_series(0, 300) as count"
    )
    assert told == [(count, report.rounded(count), report.shown(count)) for count in range(301)]


def test_a_percentage_is_taken_from_rounded_parts_on_both_sides(warehouse_of_module: FreshWarehouse, macros: Any) -> None:
    told = warehouse_of_module.rows(
        f"""select part, whole, {macros.shown_percent("part", "whole")}
            from generate_series(0, 40) as part cross join generate_series(0, 40) as whole where part <= whole"""
    )
    for part, whole, percent in told:
        expected = report.percent(part, whole)
        assert (percent is None) == (expected is None)
        assert expected is None or abs(float(percent) - expected) < 1e-9


@pytest.mark.parametrize(("people", "is_shown"), [(0, False), (7, False), (8, True)])
def test_a_mean_needs_eight_on_both_sides(warehouse_of_module: FreshWarehouse, macros: Any, people: int, is_shown: bool) -> None:
    (told,) = warehouse_of_module.rows(f"select {macros.shown_mean('days')} from generate_series(1, {people}) as days")
    assert (told[0] is not None) == is_shown == (report.mean(range(1, people + 1)) is not None)


def test_no_model_rounds_a_count_in_a_way_of_its_own() -> None:
    for path in Path(DBT_PROJECT, "models", "marts").rglob("*.sql"):
        if path.parent.name != "linked_care":
            assert "/ 5" not in path.read_text("utf-8"), f"{path.name}: use shown_count"


# The attacker knows the rule, sees every release, knows which counts changed between them, and tries every whole number.
Leaves = dict[tuple[str, str], int]
OF_EVENTS = "care_events"


def counted(leaves: Leaves) -> dict[Key, int]:
    """The counts of a month in which everybody has one event."""
    cells: dict[tuple[str, ...], int] = {}
    for (organisation, kind), count in leaves.items():
        for cell in itertools.product((organisation, ALL), (kind, ALL)):
            cells[cell] = cells.get(cell, 0) + count
    return {(cell, measure): count for cell, count in cells.items() for measure in ("people", OF_EVENTS)}


def could_be(count: int, shown: int | None) -> range:
    if shown is None:
        return range(1, 8) if count <= 7 else range(1, 41)
    return range(1) if shown == 0 else range(max(8, shown - 2), shown + 3)


def what_the_attacker_finds(releases: list[tuple[Leaves, Release]]) -> Iterator[tuple[Key, int]]:
    """Each hidden number, and how many values are left for it."""
    unknown: dict[tuple[tuple[str, str], int], set[int]] = {}
    for leaves, release in releases:
        for cell, count in leaves.items():
            values = set(could_be(count, release.shown[cell, OF_EVENTS]))
            unknown[cell, count] = unknown.get((cell, count), values) & values
    names = list(unknown)
    tried = np.meshgrid(*(np.array(sorted(unknown[name]), dtype=np.int16) for name in names), indexing="ij", sparse=True)
    agrees = np.array(True)
    sums = []
    for leaves, release in releases:
        for (whole, measure), count in release.counted.items():
            if measure == OF_EVENTS:
                parts = [tried[names.index((leaf, number))] for leaf, number in leaves.items() if is_part(leaf, whole)]
                total = sum(parts[1:], start=parts[0])
                possible = could_be(count, release.shown[whole, measure])
                agrees = agrees & (total >= possible.start) & (total < possible.stop)
                if release.shown[whole, measure] is None:
                    sums.append(((whole, measure), count, total))
    for key, count, total in sums:
        # A number that another release shows is not hidden.
        if not any(one.counted.get(key) == count and one.shown[key] is not None for _, one in releases):
            yield key, len(np.unique(np.broadcast_to(total, agrees.shape)[agrees]))


def is_part(leaf: tuple[str, str], cell: tuple[str, ...]) -> bool:
    return all(of_cell in (ALL, of_leaf) for of_leaf, of_cell in zip(leaf, cell, strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_an_attacker_who_tries_everything_over_two_releases_is_left_with_three_values_or_more(seed: int) -> None:
    chance = random.Random(seed)
    counts = (0, 1, 2, 6, 7, 7, 7, 8, 12, 13)
    leaves = {cell: chance.choice(counts[1:]) for cell in itertools.product("ab", ("x", "y"))}
    first = Release(counted(leaves), what_to_show(counted(leaves), []))
    changed = leaves | {("a", "x"): leaves["a", "x"] + chance.choice((1, 2, 5))}
    second = Release(counted(changed), what_to_show(counted(changed), [first]))
    found = list(what_the_attacker_finds([(leaves, first), (changed, second)]))
    assert [(key, values) for key, values in found if values < 3] == []


def test_the_attacker_would_succeed_if_numbers_were_only_rounded() -> None:
    leaves = {("a", "x"): 7, ("b", "x"): 7}
    only_rounded = {key: report.rounded(count) for key, count in counted(leaves).items()}
    release = Release(counted(leaves), only_rounded)
    assert {values for key, values in what_the_attacker_finds([(leaves, release)]) if key[0] == ("a", "x")} == {2}
    assert (("a", "x"), OF_EVENTS) in protecting.given_away([release])


def test_the_people_of_two_parts_do_not_give_a_hidden_third_away() -> None:
    """Somebody may be in two parts, so that a total of people is no sum; it still is no less than its parts."""
    leaves = {("a", "x"): 12, ("a", "y"): 6, ("b", "y"): 3}
    counts = counted(leaves)
    release = Release(counts, what_to_show(counts, []))
    for key, number in release.shown.items():
        if number is None:
            least, most = protecting.possible_values([release], key)
            assert most - least >= 2, key
