"""The community and mental health feeds of the made-up borough: what happens to people in them, and that they agree."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from cares import contracts
from cares.simulator import Simulation
from cares.simulator.days import NEVER, day
from cares.simulator.lives import community
from cares.simulator.lives.occurrences import LOCKDOWN, SERVICES_MOVED
from cares.simulator.lives.spans import ATTENDED, LATE
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story


@pytest.fixture(scope="module")
def borough() -> Simulation:
    return Simulation(8000, 1, "2019-10", "2020-05")


@pytest.fixture(scope="module")
def story(borough: Simulation) -> Story:
    return borough.story


def month(borough: Simulation, slug: str, label: str) -> dict[str, Sheet]:
    """The sheets of one feed for one month."""
    sender: Sender = next(sender for sender in borough.senders if sender.slug == slug)
    feed = contracts.load().feed(slug)
    period = feed.period(label)
    version = feed.version(period)
    return sender.sheets(
        period, {name: table for name, table in feed.format.tables.items() if table.in_version(table.file, version)}
    )


# --- what happens to people


def test_nobody_is_seen_before_a_referral_after_its_end_or_after_a_death(story: Story) -> None:
    died = story.borough.people["died"].to_numpy()
    for told in (story.community, story.mental_health):
        of = told.referrals.iloc[told.contacts["referral"].to_numpy()]
        days = told.contacts["day"].to_numpy()
        assert len(days) > 1000
        assert (days >= of["received"].to_numpy()).all()
        assert (days <= of["closed"].to_numpy()).all()
        assert (days < died[of["person"].to_numpy()]).all()


def test_nobody_is_in_two_psychiatric_beds_at_once_or_in_one_while_in_the_general_hospital(story: Story) -> None:
    spells = story.mental_health.spells.sort_values(["person", "admitted"])
    assert len(spells) > 10
    same = spells["person"].eq(spells["person"].shift())
    assert (spells["admitted"] > spells["discharged"].shift())[same].all()
    both = spells.merge(story.stays, on="person", suffixes=("", "_general"))
    apart = (both["discharged"] <= both["admitted_general"]) | (both["admitted"] >= both["discharged_general"])
    assert apart.all()


def test_the_legal_status_covers_a_whole_psychiatric_stay_one_after_another(story: Story) -> None:
    spells = story.mental_health.spells
    for spell, periods in story.mental_health.detentions.groupby("spell"):
        assert periods["starts"].iloc[0] == spells["admitted"].iat[spell]
        assert periods["ends"].iloc[-1] == spells["discharged"].iat[spell]
        assert (periods["starts"].to_numpy()[1:] == periods["ends"].to_numpy()[:-1]).all()
    assert set(story.mental_health.detentions["status"]) >= {"01", "02"}


def test_a_delay_on_a_psychiatric_ward_is_one_that_the_monthly_return_counts(story: Story) -> None:
    delayed = story.mental_health.spells.query("delayed_from < @NEVER")
    counted = set(zip(story.mental_health_delays["ready"], story.mental_health_delays["left"], strict=True))
    assert 0 < len(delayed) <= len(story.mental_health_delays)
    assert set(zip(delayed["delayed_from"], delayed["discharged"], strict=True)) <= counted


def test_children_wait_longer_for_their_first_and_their_second_contact(story: Story) -> None:
    referrals, contacts = story.mental_health.referrals, story.mental_health.contacts
    days = contacts.groupby("referral")["day"].apply(lambda seen: sorted(seen)[:2])
    seen = referrals.loc[days.index].assign(first=days.str[0], second=days.str[1])
    seen = seen[(seen["received"] >= day(date(2019, 10, 1))) & (seen["stay"] < 0)]
    waits = seen.assign(first=seen["first"] - seen["received"], second=seen["second"] - seen["first"])
    adults, children = (waits[waits["is_child"] == is_child] for is_child in (False, True))
    assert children["first"].median() > 1.5 * adults["first"].median()
    assert children["second"].median() > 1.5 * adults["second"].median()


def test_a_fall_is_followed_by_therapy_from_the_day_of_discharge(story: Story) -> None:
    referrals = story.community.referrals
    after = referrals[(referrals["service"] == "physiotherapy") & (referrals["stay"] >= 0)]
    stays = story.stays.iloc[after["stay"]]
    assert (stays["person"].to_numpy() == after["person"].to_numpy()).all()
    assert (stays["discharged"].to_numpy() == after["received"].to_numpy()).all()
    assert (stays["reason"] == "fall").sum() > 5


def test_the_frail_are_visited_more_often(story: Story) -> None:
    referrals, contacts = story.community.referrals, story.community.contacts
    nursed = referrals[(referrals["service"] == "district nursing") & (referrals["received"] > day(date(2019, 10, 1)))]
    visits = np.bincount(contacts["referral"], minlength=len(referrals))[nursed.index]
    length = np.minimum(nursed["closed"], story.borough.ends) - nursed["received"] + 7
    frail = story.borough.people["frailty"].to_numpy()[nursed["person"]] > 1.2
    assert visits[frail].sum() / length[frail].sum() > 1.3 * visits[~frail].sum() / length[~frail].sum()


def test_lockdown_brings_the_telephone_and_stops_planned_work(story: Story) -> None:
    contacts = story.mental_health.contacts
    before, after = (contacts["medium"][part] for part in (contacts["day"] < LOCKDOWN, contacts["day"] >= LOCKDOWN))
    assert (before == 0).mean() > 0.85
    assert (after == 0).mean() < 0.4
    therapy = story.community.referrals["service"].isin(["physiotherapy", "podiatry"]).to_numpy()
    held = story.community.contacts[story.community.contacts["attendance"].isin((ATTENDED, LATE))]
    days = held["day"].to_numpy()[therapy[held["referral"]]]
    april, november = (np.sum((days >= day(first)) & (days < day(first) + 30)) for first in (date(2020, 4, 1), date(2019, 11, 1)))
    assert april < 0.6 * november


# --- services that go to another provider


def test_only_a_transfer_that_worsens_things_makes_people_wait_longer_for_iv_therapy(story: Story) -> None:
    def response(transfer_worsens: bool) -> tuple[np.ndarray, np.ndarray]:
        since = day(story.told.first)
        told = community.lives(story.seed, story.borough, story.stays, story.looked_after, since, transfer_worsens)
        first = told.contacts[told.contacts["is_first"]].drop_duplicates("referral").set_index("referral")
        mine = told.referrals[(told.referrals["service"] == "IV therapy") & told.referrals.index.isin(first.index)]
        of = first.loc[mine.index]
        hours = (of["day"] - mine["received"]) * 24 + (of["at"] - mine["received_at"]) / 60
        moved = (mine["received"] >= SERVICES_MOVED).to_numpy()
        return hours[~moved].to_numpy(), hours[moved].to_numpy()

    (before, after), (before_worse, after_worse) = response(False), response(True)
    assert len(before) > 5
    assert (before == before_worse).all()
    assert (after_worse >= after).all()
    assert after_worse.mean() > 1.3 * after.mean()


def test_referrals_open_at_the_transfer_go_on_under_the_new_provider(borough: Simulation) -> None:
    went_on = 0
    for old, new in (
        ("bridgewater/iv_therapy", "sthk/iv_therapy"),
        ("bridgewater/looked_after_children_health", "north_west_boroughs/looked_after_children_health"),
    ):
        before, after = month(borough, old, "2019-11"), month(borough, new, "2019-12")
        goes_on = before["referrals"].values("Discharge_Date") == ""
        numbers = set(before["referrals"].values("ServiceRequestID")[goes_on])
        went_on += len(numbers)
        assert numbers <= set(after["referrals"].values("ServiceRequestID"))
        teams = contracts.load().feed(new).file.local_teams
        assert set(after["service_types"].values("TeamID_Local")) == set(teams)
    assert went_on > 5


# --- looked-after children


def test_the_health_service_knows_exactly_the_children_who_are_looked_after(borough: Simulation, story: Story) -> None:
    end = day(date(2019, 10, 31))
    spells = story.looked_after.spells
    cared_for = set(spells["person"][(spells["starts"] < end - 5) & (spells["ends"] > end)])
    patients = month(borough, "bridgewater/looked_after_children_health", "2019-10")["mpi"]
    register = next(records for records in story.registers if records.source == "looked_after_children_health")
    person_of = dict(zip(register.local_id, register.person, strict=True))
    looked_after = patients.values("ChildLookedAfter_Indicator") == "Y"
    assert len(cared_for) > 5
    assert cared_for <= {person_of[number] for number in patients.values("LocalPatientID")[looked_after]}
    assert {person_of[number] for number in patients.values("LocalPatientID")} <= set(spells["person"])


def test_the_return_says_of_a_child_what_the_health_assessments_say(borough: Simulation, story: Story) -> None:
    first, last = day(date(2019, 3, 31)), day(date(2020, 3, 31))
    sender = next(sender for sender in borough.senders if sender.slug == "council/looked_after_children")
    feed = contracts.load().feed(sender.slug)
    oc2 = sender.sheets(feed.period("2019-20"), {"oc2": feed.format.tables["oc2"]})["oc2"]
    spells = story.looked_after.spells
    chosen = spells[(spells["starts"] <= first) & (spells["ends"] > last)]
    held = story.community.health_assessments
    held = held[(held["on"] > first) & (held["on"] <= last)].groupby("person").size()
    born = story.borough.people["born"].to_numpy()[chosen["person"]]
    enough = held.reindex(chosen["person"], fill_value=0).to_numpy() >= np.where((last - born) / 365.2425 < 5, 2, 1)
    assert (oc2.values("HEALTH_ASSESSMENT") == np.where(enough, "1", "0")).all()


def test_no_referral_goes_on_from_the_old_name_of_an_adopted_child_to_the_new_one(borough: Simulation, story: Story) -> None:
    adopted = story.borough.adopted
    assert adopted is not None
    assert len(adopted)
    became = dict(zip(adopted["person"], adopted["on"], strict=True))
    for told in (story.community.referrals, story.mental_health.referrals):
        mine = told[told["person"].isin(adopted["person"])]
        on = mine["person"].map(became)
        assert ((mine["received"] >= on) | (mine["closed"] <= on)).all()
    seen: dict[str, set[str]] = {}
    for label in ("2019-10", "2019-12", "2020-02", "2020-04", "2020-05"):
        referrals = month(borough, "bridgewater/community_services", label)["referrals"]
        for number, patient in zip(referrals.values("ServiceRequestID"), referrals.values("LocalPatientID"), strict=True):
            seen.setdefault(number, set()).add(patient)
    register = next(records for records in story.registers if records.source == "community_services")
    new = set(register.local_id[register.person != register.life])
    assert not [number for number, patients in seen.items() if len(patients) > 1 and patients & new]


def test_each_child_has_an_initial_assessment_and_then_reviews(story: Story) -> None:
    held = story.community.health_assessments
    assert held.groupby("person")["is_initial"].sum().max() == 1
    ordered = held.sort_values(["person", "on"])
    assert ordered.drop_duplicates("person")["is_initial"].all()


def test_mental_health_says_of_the_same_children_that_they_are_looked_after(borough: Simulation, story: Story) -> None:
    indicators = month(borough, "north_west_boroughs/mental_health_services", "2019-12")["patient_indicators"]
    register = next(records for records in story.registers if records.source == "mhsds")
    person_of = dict(zip(register.local_id, register.person, strict=True))
    said = {
        person_of[number]
        for number, status in zip(indicators.values("LocalPatientID"), indicators.values("LACStatus"), strict=True)
        if status == "Y"
    }
    end, spells = day(date(2019, 12, 31)), story.looked_after.spells
    assert said
    assert said <= set(spells["person"][(spells["starts"] <= end) & (spells["ends"] > end)])


# --- what is sent


def test_no_submission_has_a_number_for_which_the_national_service_would_refuse_it(borough: Simulation) -> None:
    patients = month(borough, "north_west_boroughs/mental_health_services", "2020-02")["mpi"]
    numbers = patients.values("NHSNumber")
    filled = numbers[numbers != ""]
    assert len(filled) > 100
    assert len(set(filled)) == len(filled)


@pytest.mark.parametrize("slug", ["bridgewater/community_services", "north_west_boroughs/mental_health_services"])
def test_every_landed_table_and_two_that_are_only_counted_are_sent(borough: Simulation, slug: str) -> None:
    sheets: dict[str, int] = {}
    for label in ("2019-11", "2020-01", "2020-03"):
        for name, sheet in month(borough, slug, label).items():
            sheets[name] = sheets.get(name, 0) + sheet.rows
    counted = set(sheets) & set(contracts.load().feed(slug).format.file.counted_only)
    assert len(counted) == 2
    assert {name for name, rows in sheets.items() if not rows} <= {"discharge_delays", "vulnerability_factors"}  # rare


def test_community_care_is_written_in_the_version_of_its_month() -> None:
    later = Simulation(600, 5, "2022-12", "2023-01")
    old, new = (month(later, "bridgewater/community_services", label)["care_contacts"] for label in ("2022-12", "2023-01"))
    assert {"Consultation_MediumUsed", "AttendOrNot"} <= set(old.columns)
    assert {"ConsMechanism", "AttendanceStatus"} <= set(new.columns)
    assert (new.values("OrgID_Commissioner") == "QYG").all()
    assert NEVER not in later.story.community.contacts["day"].to_numpy()
