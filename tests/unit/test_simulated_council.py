"""The made-up borough's council and its money: the front door, children's contacts, permissions, and the partnership's account."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cares import contracts
from cares.simulator import Simulation
from cares.simulator.days import MINUTES_IN_A_DAY, NEVER, day
from cares.simulator.lives.front_door import SERVICES
from cares.simulator.lives.occurrences import CONTACT_CARES_BEGINS
from cares.simulator.story import Story

FIRST, LAST = "2019-01", "2020-06"
POUND = Decimal(1)


@pytest.fixture(scope="module")
def borough() -> Simulation:
    return Simulation(6000, 11, FIRST, LAST)


@pytest.fixture(scope="module")
def story(borough: Simulation) -> Story:
    return borough.story


def sent(borough: Simulation, slug: str, label: str, table: str) -> list[dict[str, str]]:
    """The rows of one table of one delivery, as its organisation writes them."""
    feed = contracts.load().feed(slug)
    sender = next(sender for sender in borough.senders if sender.slug == slug)
    sheet = sender.sheets(feed.period(label), feed.format.tables)[table]
    columns = [sheet.values(header).tolist() for header in sheet.columns]
    return [dict(zip(sheet.columns, values, strict=True)) for values in zip(*columns, strict=True)]


# --- the front door


def referred_to(story: Story, service: str) -> set[tuple[int, int]]:
    """Who was referred to a service on which day."""
    door = story.front_door
    referrals = door.referrals[[SERVICES[to][1] == service for to in door.referrals["to"]]]
    person = door.contacts["person"].to_numpy()[referrals["contact"]]
    return set(zip(person.tolist(), referrals["referred"].tolist(), strict=True))


def test_every_request_for_social_care_came_through_the_front_door(story: Story) -> None:
    events, here = story.social_care, story.borough.live_in("st_helens")
    requests = events[(events["kind"] == "Request") & here[events["person"]]]
    asked = set(zip(requests["person"].tolist(), requests["starts"].tolist(), strict=True))
    assert len(asked) > 50
    assert asked <= referred_to(story, "Adult social care")
    door = story.front_door
    received = door.contacts["received"].to_numpy()[door.referrals["contact"]]
    assert (received // MINUTES_IN_A_DAY <= door.referrals["referred"]).all()


def test_contact_cares_answers_sooner_and_resolves_more_than_the_service_before_it(story: Story) -> None:
    contacts = story.front_door.contacts.assign(waited=lambda table: table["responded"] - table["received"])
    contacts["is_contact_cares"] = contacts["received"] // MINUTES_IN_A_DAY >= CONTACT_CARES_BEGINS
    calls = contacts[(contacts["urgency"] == "Planned") & ~contacts["is_child"] & (contacts["channel"] == "Telephone")]
    at_once = calls.groupby("is_contact_cares")["waited"].agg(lambda waited: (waited < 10).mean())
    assert at_once[True] - at_once[False] == pytest.approx(0.88 - 0.70, abs=0.08)
    left = calls[~calls["outcome"].isin(["Referred On", "Not Eligible"]) | (calls["by"] == "S")]
    resolved = left.groupby("is_contact_cares")["tier"].agg(lambda tier: (tier == "1").mean())
    assert resolved[True] > resolved[False]


def test_nobody_answers_before_the_door_opens_and_each_step_follows_the_one_before(story: Story) -> None:
    contacts = story.front_door.contacts
    assert contacts["responded"].mod(MINUTES_IN_A_DAY).min() >= 8 * 60
    assert (contacts["received"] <= contacts["responded"]).all()
    assert (contacts["responded"] <= contacts["assessed"]).all()
    assert (contacts["responded"] <= contacts["closed"]).all()
    assert contacts.loc[contacts["channel"] == "Telephone", "received"].mod(MINUTES_IN_A_DAY).between(8 * 60, 22 * 60).all()
    assert set(contacts["staff"]) == {"St Helens Council", "Halton Council", "STHK", "North West Boroughs", "Torus"}
    assert set(contacts["channel"]) == {"Telephone", "E-mail", "Online", "Face to Face", "Letter"}


def test_nobody_is_visited_after_their_death(story: Story) -> None:
    contacts, died = story.front_door.contacts, story.borough.people["died"].to_numpy()
    visited = contacts[
        (contacts["person"] >= 0) & (contacts["assessed"] < NEVER * MINUTES_IN_A_DAY) & (contacts["urgency"] == "Planned")
    ]
    assert (visited["assessed"] // MINUTES_IN_A_DAY < died[visited["person"]]).all()


def test_some_call_again_and_again_and_some_after_they_came_home_from_hospital(story: Story) -> None:
    contacts, stays = story.front_door.contacts, story.stays
    adults = contacts[(contacts["person"] >= 0) & ~contacts["is_child"]]
    assert (adults.groupby("person").size() >= 5).sum() >= 3
    came_home = defaultdict(list)
    for person, discharged in zip(stays["person"], stays["discharged"], strict=True):
        came_home[person].append(discharged)
    on = adults["received"] // MINUTES_IN_A_DAY
    soon = [any(1 <= day - home <= 14 for home in came_home[person]) for person, day in zip(adults["person"], on, strict=True)]
    assert sum(soon) > 10


def test_whoever_lives_elsewhere_and_has_a_doctor_elsewhere_is_told_that_the_service_is_not_for_them(story: Story) -> None:
    contacts = story.front_door.contacts
    assert set(contacts["eligible"]) >= {"Both", "Lives in St Helens", "Neither"}
    assert (contacts.loc[contacts["eligible"] == "Neither", "outcome"] == "Not Eligible").all()


def test_a_contact_that_is_open_in_march_comes_again_with_contact_cares_in_april(borough: Simulation) -> None:
    march = {row["Contact ID"]: row for row in sent(borough, "council/isah", "2019-03", "contacts")}
    april = {row["Contact ID"]: row for row in sent(borough, "council/contact_cares", "2019-04", "contacts")}
    again = march.keys() & april.keys()
    assert again
    for contact in again:
        assert march[contact]["Local Person ID"] == april[contact]["Local Person ID"]
        assert march[contact]["Received Date"] == april[contact]["Received Date"]
    still_open = [contact for contact, row in march.items() if not row["Closed Date"]]
    assert still_open
    assert all(march[contact]["Outcome"] == "" for contact in still_open)


# --- children


def test_before_a_child_is_looked_after_somebody_made_contact(story: Story) -> None:
    borough, spells = story.borough, story.looked_after.spells
    contacted = defaultdict(list)
    for person, on in zip(story.childrens_contacts["person"], story.childrens_contacts["on"], strict=True):
        contacted[person].append(on)
    begun = spells[spells["starts"] >= borough.begins + 60]
    assert len(begun) > 2
    assert all(
        any(0 <= start - on <= 60 for on in contacted[person])
        for person, start in zip(begun["person"], begun["starts"], strict=True)
    )
    assert len(story.childrens_contacts) > 10 * len(begun)


def test_contacts_about_children_reach_social_care_through_the_front_door(story: Story) -> None:
    contacts = set(zip(story.childrens_contacts["person"].tolist(), story.childrens_contacts["on"].tolist(), strict=True))
    door = story.front_door.contacts
    died = story.borough.people["died"].to_numpy()
    children = door[door["is_child"] & (door["person"] >= 0)]
    came = set(zip(children["person"].tolist(), (children["received"] // MINUTES_IN_A_DAY).tolist(), strict=True))
    assert {(person, on) for person, on in contacts if on <= died[person]} <= came


def test_a_list_of_contacts_goes_back_six_months_and_names_children_whom_the_person_file_knows(borough: Simulation) -> None:
    listed = sent(borough, "council/childrens_contacts", "2019-09", "contacts")
    days = [date(*map(int, reversed(row["Date of Contact"].split("/")))) for row in listed]
    assert date(2019, 4, 1) <= min(days) < date(2019, 5, 15)
    assert date(2019, 9, 15) < max(days) <= date(2019, 9, 30)
    known = {row["Local Person ID"] for row in sent(borough, "council/childrens_person_file", "2019-09", "people")}
    assert {row["Child Unique ID"] for row in listed} <= known


# --- the Shared Care Record


def test_people_permit_decline_withdraw_object_to_one_organisation_or_are_shown_in_an_emergency(story: Story) -> None:
    decisions = story.permissions
    assert set(decisions["state"]) == {"permitted", "declined", "withdrawn", "undecided", "emergency"}
    objections = decisions[decisions["scope"] == "one organisation"]
    assert len(objections) and (objections["about"] != "").all()
    emergencies = decisions[decisions["state"] == "emergency"]
    assert (emergencies["emergency"] != "").all() and (emergencies["ends"] < NEVER).all()
    assert {"person", "parent", "professional"} <= set(decisions["by"])
    of_children = decisions[decisions["capacity"] == "child"]
    assert set(of_children["by"]) <= {"parent", "professional"}


def test_a_day_often_brings_no_decision_and_the_first_delivery_all_that_came_before(borough: Simulation) -> None:
    decisions = borough.story.permissions
    days = [period for _, feed, period, _ in borough.due() if feed.slug == "council/record_permissions"]
    told = [len(sent(borough, "council/record_permissions", each.label, "decisions")) for each in days]
    assert len(days) == 7 and days[-1].end == borough.last
    assert told[0] == (decisions["written"] <= day(days[0].end)).sum() > 10
    assert told.count(0) >= 2 and sum(told[1:]) > 0


def test_a_record_is_shown_only_where_a_decision_that_is_in_force_says_so(story: Story) -> None:
    whole = story.permissions[story.permissions["scope"] == "whole record"]
    of_person: dict[int, list[Any]] = defaultdict(list)
    for decision in whole.itertuples():
        of_person[decision.person].append(decision)
    shown = 0
    for opening in story.record_use.itertuples():
        before = [one for one in of_person[opening.person] if one.on * MINUTES_IN_A_DAY + one.minute <= opening.opened]
        last = max(before, key=lambda one: (one.on, one.minute), default=None)
        allowed = (
            last is not None and last.state in ("permitted", "emergency") and opening.opened // MINUTES_IN_A_DAY <= last.ends
        )
        assert allowed or opening.outcome != "shown"
        shown += opening.outcome == "shown"
    assert 0.6 < shown / len(story.record_use) < 0.95
    assert set(story.record_use["outcome"]) == {"shown", "refused", "empty"}


def test_the_record_is_opened_three_thousand_times_in_may_2019_at_full_size_and_more_often_later(borough: Simulation) -> None:
    may, october = (len(sent(borough, "ccg/record_accesses", month, "accesses")) for month in ("2019-05", "2019-10"))
    assert may == pytest.approx(3000 * 6000 / 180_000, abs=4)
    assert october > 1.3 * may


def test_only_the_nhs_and_local_authorities_open_the_record(story: Story) -> None:
    councils, trusts = {"E08000013", "E06000006"}, {"RBN", "RTV", "RY2"}
    others = set(story.record_use["organisation"]) - councils - trusts
    assert others and all(code.startswith("Y99") for code in others)  # GP practices
    assert {"", "at night"} <= set(story.record_use["signal"]) <= {"", "at night", "own record"}


# --- money


def pence(rows: list[dict[str, str]], header: str, **only: str) -> Decimal:
    return sum(
        (Decimal(row[header]) for row in rows if all(row[name.replace("_", " ")] == said for name, said in only.items())),
        Decimal(0),
    )


def test_the_partners_invested_1_6_million_pounds_and_the_plan_saves_the_council_80_million(borough: Simulation) -> None:
    assert pence(sent(borough, "ccg/partnership_money", "2019-03", "investments"), "Amount") == 1_600_000 * POUND
    savings = sent(borough, "ccg/partnership_money", "2020-12", "savings")
    planned = pence(savings, "Amount", Partner="St Helens Council", Effect="Saves", Basis="Plan")
    came_about = pence(savings, "Amount", Partner="St Helens Council", Effect="Saves", Basis="Actual")
    assert planned == 80_000_000 * POUND
    assert 0.3 * 80_000_000 < came_about < 0.8 * 80_000_000
    assert {row["Partner"] for row in savings if row["Effect"] == "Pays"} > {"St Helens CCG", "STHK"}
    schemes = sent(borough, "ccg/partnership_money", "2020-12", "schemes")
    assert all("SIMULATED" in row["Title"] for row in schemes)


def test_the_record_costs_more_than_3_million_pounds_in_five_years_and_three_partners_bear_it_to_the_penny(
    borough: Simulation,
) -> None:
    account = {
        name: sent(borough, "ccg/partnership_money", "2023-12", name)
        for name in ("record_costs", "record_cost_shares", "repayments")
    }
    bills, shares, repayments = account.values()
    total = pence(bills, "Amount")
    assert 3_000_000 * POUND < total < 3_300_000 * POUND
    assert pence(shares, "Share") == total
    for bill in bills:
        parts = [row for row in shares if row["Cost Reference"] == bill["Cost Reference"]]
        assert {row["Partner"] for row in parts} == {"St Helens Council", "STHK", "St Helens CCG"}
        assert pence(parts, "Share") == Decimal(bill["Amount"])
    for partner in ("STHK", "St Helens CCG"):
        assert pence(repayments, "Amount Due", Paid_By=partner) == pence(shares, "Share", Partner=partner)
        paid = [row for row in repayments if row["Paid By"] == partner and row["Amount Paid"]]
        assert pence(paid, "Amount Paid") <= pence(repayments, "Amount Due", Paid_By=partner)
    assert {row["Paid To"] for row in repayments} == {"St Helens Council"} == {row["Paid By"] for row in bills}


def test_no_unit_cost_is_taken_for_a_published_one(borough: Simulation) -> None:
    costs = sent(borough, "council/unit_costs", "2018-19", "unit_costs")
    assert all(row["Source"].startswith("SIMULATED") and row["Price Year"] == "2018-19" for row in costs)
    dearer = sent(borough, "council/unit_costs", "2019-20", "unit_costs")
    assert all(Decimal(now["Cost"]) > Decimal(before["Cost"]) for before, now in zip(costs, dearer, strict=True))


# --- Halton


def test_halton_sends_its_own_people_and_no_others(borough: Simulation, story: Story) -> None:
    sent(borough, "halton/adult_social_care", "2019-Q3", "events")
    register = next(register for register in story.registers if register.organisation == "halton")
    people: pd.DataFrame = story.borough.people
    assert register.is_used.any()
    of_halton = (people["council"] == "halton").to_numpy()
    own = register.person[register.is_used]
    assert of_halton[own].all()
    helped = next(register for register in story.registers if register.source == "cld" and register.organisation == "council")
    assert not np.isin(helped.person, own).any()
