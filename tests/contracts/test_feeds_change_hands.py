"""A service moves to another organisation: its feed is handed over, and each period comes from one of the two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from cares import catalogue, contracts, deliveries, landing, promises
from cares.calendar import Agreed, Horizon, promised_periods
from end_to_end.receiving import AS_PROMISED, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse

ENDS = ", last_period: 2019-11}\nhanded_over_to: onward/tenancies\nlocal_teams: {RAINHILL: another service}\n"
ONWARD = {
    "organisation.yml": "name: Onward\nkind: housing association\ndata_owner: head of housing\n",
    "tenancies.yml": """\
title: Tenancies and household members
sends: housing
sent_by: Onward's performance team
allowed_by: St Helens Cares data sharing agreement, schedule 16
arrives: {by: folder, every: month, due_days_after_period: 7, first_period: 2019-12}
""",
}

Handed = Callable[..., Path]


@pytest.fixture
def handed_over(tmp_path: Path) -> Handed:
    """Torus's tenancies went to another landlord on 1 December 2019, with one thing in a contract written otherwise."""

    def write(*changes: tuple[str, str]) -> Path:
        root = few_contracts(tmp_path)
        (root / "onward").mkdir()
        files = {root / "onward" / name: text for name, text in ONWARD.items()}
        torus = root / "torus/tenancies.yml"
        files[torus] = torus.read_text(encoding="utf-8").replace("}\n", ENDS)
        for path, text in files.items():
            for before, after in changes:
                text = text.replace(before, after)
            path.write_text(text, encoding="utf-8")
        return root

    return write


@pytest.fixture
def moved(handed_over: Handed, monkeypatch: pytest.MonkeyPatch) -> contracts.Contracts:
    everything = contracts.load(handed_over())
    monkeypatch.setattr(contracts, "load", lambda: everything)
    return everything


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("first_period: 2019-12", "first_period: 2020-01", "onward/tenancies begins with 2020-01, and the last period here is 2019-11"),
        ("first_period: 2019-12", "first_period: 2019-11", "write the first_period there that begins on 2019-12-01"),
        (", first_period: 2019-12", "", "onward/tenancies names no first_period"),
        ("handed_over_to: onward/tenancies", "handed_over_to: onward/homes", "'onward/homes' is not a feed; known: "),
        ("handed_over_to: onward/tenancies", "handed_over_to: council/adult_social_care", "council/adult_social_care sends cld"),
        (", last_period: 2019-11", "", "handed_over_to needs the last period that this feed sends"),
        ("last_period: 2019-11", "last_period: 2019-Q4", "the period '2019-Q4' is not a month; write it like 2019-03"),
        ("last_period: 2019-11", "first_period: 2019-12, last_period: 2019-11", "ends before it begins"),
    ],
)  # fmt: skip
def test_a_gap_an_overlap_or_a_wrong_name_is_named_with_its_line(
    handed_over: Handed, before: str, after: str, problem: str
) -> None:
    with pytest.raises(contracts.ContractError) as refused:
        contracts.load(handed_over((before, after)))
    (line,) = str(refused.value).splitlines()
    assert line.startswith("expectations/torus/tenancies.yml: line ")
    assert problem in line


def test_each_period_is_promised_by_one_of_the_two(moved: contracts.Contracts) -> None:
    promised = {
        slug: [
            one.period.label
            for one in promised_periods(moved.feed(slug), Agreed(date(2019, 10, 1)), [], Horizon(date(2020, 1, 31)))
        ]
        for slug in ("torus/tenancies", "onward/tenancies")
    }
    assert promised == {"torus/tenancies": ["2019-10", "2019-11"], "onward/tenancies": ["2019-12", "2020-01"]}


def test_what_nobody_signed_for_is_not_promised_although_its_first_period_is_named(moved: contracts.Contracts) -> None:
    assert promised_periods(moved.feed("onward/tenancies"), None, [], Horizon(date(2020, 1, 31))) == []


def test_a_period_of_the_other_side_is_refused_and_the_message_says_who_sends_it(
    moved: contracts.Contracts, warehouse: FreshWarehouse
) -> None:
    sign_agreement("torus/tenancies", "onward/tenancies")

    with pytest.raises(deliveries.DeliveryRefused, match=r"after the last one .* 2019-11.*; onward/tenancies sends what follows"):
        deliveries.receive("torus/tenancies", AS_PROMISED, "2019-12")
    with pytest.raises(
        deliveries.DeliveryRefused, match=r"before the first one .* 2019-12.*; torus/tenancies sends what lies bef"
    ):
        deliveries.receive("onward/tenancies", AS_PROMISED, "2019-11")

    assert deliveries.receive("torus/tenancies", AS_PROMISED, "2019-11").state == "accepted"
    assert deliveries.receive("onward/tenancies", AS_PROMISED, "2019-12").state == "accepted"
    assert warehouse.rows("select feed, period from ledger.delivery order by delivery_id") == [
        ("torus/tenancies", "2019-11"),
        ("onward/tenancies", "2019-12"),
    ]


def test_the_list_of_promises_ends_with_the_last_period_and_begins_with_the_first(
    moved: contracts.Contracts, warehouse: FreshWarehouse
) -> None:
    sign_agreement("torus/tenancies", "onward/tenancies", starts=date(2019, 10, 1))
    promises.check(date(2020, 1, 31))

    standing = {one.feed: [period.period for period in one.not_come] for one in promises.standing()}
    assert standing == {"torus/tenancies": ["2019-10", "2019-11"], "onward/tenancies": ["2019-12"]}
    assert [one.no_data_since for one in promises.standing("onward")] == [date(2019, 12, 1)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bridgewater/urgent_treatment_centre", "sthk/urgent_treatment_centre"),
        ("bridgewater/iv_therapy", "sthk/iv_therapy"),
        ("bridgewater/looked_after_children_health", "north_west_boroughs/looked_after_children_health"),
    ],
)
def test_the_services_that_moved_on_the_first_of_december_2019_come_from_the_new_provider_from_then_on(
    before: str, after: str
) -> None:
    everything = contracts.load()
    ends, begins = everything.feed(before), everything.feed(after)
    assert ends.file.handed_over_to == after and begins.taken_over_from == (before,)
    assert ends.file.arrives.last and ends.file.arrives.last.end == date(2019, 11, 30)
    assert begins.file.arrives.first and begins.file.arrives.first.start == date(2019, 12, 1)
    assert ends.file.local_teams == begins.file.local_teams


def test_the_catalogue_says_who_took_over_from_whom(moved: contracts.Contracts) -> None:
    before, after = (catalogue.feed_in_words(moved.feed(slug)) for slug in ("torus/tenancies", "onward/tenancies"))
    assert "until 2019-11; what does not come" in before
    assert "- Handed over to `onward/tenancies`, which sends what follows." in before
    assert "- Taken over from `torus/tenancies`." in after
    assert "- The local team `RAINHILL` gives: another service." in before


def test_a_local_team_with_an_unknown_service_is_a_problem_with_its_line(handed_over: Handed) -> None:
    with pytest.raises(contracts.ContractError, match="line 8: local_teams > RAINHILL: found 'a new one'; use one of 'urgent tr"):
        contracts.load(handed_over(("another service", "a new one")))


def test_the_ledger_knows_the_local_teams_and_remembers_what_became_of_them(
    handed_over: Handed, warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def teams_of(everything: contracts.Contracts) -> list[tuple[str, ...]]:
        monkeypatch.setattr(contracts, "load", lambda: everything)
        landing.prepare()
        return warehouse.rows("select * from ledger.local_team where feed = 'torus/tenancies'")

    as_committed = contracts.load()
    with_a_team = contracts.load(handed_over())
    assert teams_of(as_committed) == []
    assert teams_of(with_a_team) == [("torus/tenancies", "RAINHILL", "another service")]
    assert teams_of(as_committed) == []
    assert [one.change for one in landing.history() if "RAINHILL" in one.change] == [
        "torus/tenancies: the local team RAINHILL gives another service",
        "torus/tenancies: the local team RAINHILL is not known any more",
    ]
