"""The hospital of the made-up borough: emergencies, clinics, delays, and what its feeds say of them, hold together."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cares import contracts
from cares.simulator.days import MINUTES_IN_A_DAY, NEVER, date_of, day
from cares.simulator.lives import emergency, outpatients
from cares.simulator.lives.emergency import CENTRE, DEPARTMENT
from cares.simulator.organisations import bridgewater, north_west_boroughs, sthk
from cares.simulator.sheets import Sheet
from cares.simulator.story import Story, Told

FIRST, LAST = date(2019, 9, 1), date(2020, 5, 31)
MOVED = day(date(2019, 12, 1))


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(Told(3000, 3, FIRST, LAST, "999"))


@pytest.fixture(scope="module")
def sent(story: Story) -> dict[str, object]:
    """The senders by feed."""
    organisations = (bridgewater, north_west_boroughs, sthk)
    return {sender.slug: sender for organisation in organisations for sender in organisation.feeds(story)}


def table(sent: dict[str, object], slug: str, period: str, name: str) -> pd.DataFrame:
    """What a feed says in one table of a period."""
    feed = contracts.load().feed(slug)
    sheet: Sheet = sent[slug].sheets(feed.period(period), feed.format.tables)[name]  # type: ignore[attr-defined]
    return pd.DataFrame({header: sheet.values(header) for header in sheet.columns})


def of_month(days: pd.Series, month: str) -> pd.Series:
    period = contracts.parse_period(month, "month")
    return days.between(day(period.start), day(period.end))


# --- emergencies


def test_whoever_is_admitted_through_the_emergency_department_was_there_until_the_stay_began(story: Story) -> None:
    stays = story.stays[(story.stays["method"] == "21") & (story.stays["admitted"] > day(FIRST) + 1)]
    there = story.emergency[story.emergency["stay"] >= 0].set_index("stay").loc[stays.index]
    arrived = there["arrived"] * MINUTES_IN_A_DAY + there["minute"]
    assert len(there) == len(stays) > 100
    assert (there["person"] == stays["person"]).all()
    assert (arrived + there["left"] == stays["admitted"] * MINUTES_IN_A_DAY + stays["admitted_minute"]).all()
    assert (there["assessed"] <= there["treated"]).all()
    assert (there["treated"] <= there["decided"]).all()
    assert (there["decided"] <= there["left"]).all()


def test_the_feeds_of_the_department_and_of_the_wards_tell_the_same_times(story: Story, sent: dict[str, object]) -> None:
    wards = table(sent, "sthk/admitted_patient_care", "2019-11", "episodes")
    came = pd.concat(table(sent, "sthk/emergency_care", month, "attendances") for month in ("2019-10", "2019-11"))
    left = set(zip(came["Emergency Care Departure Date"], came["Emergency Care Departure Time"], strict=True))
    through = wards[(wards["Admission Method (Hospital Provider Spell)"] == "21") & (wards["Episode Number"] == "1")]
    through = through[through["Start Date (Hospital Provider Spell)"] >= "2019-10-02"]
    began = list(
        zip(through["Start Date (Hospital Provider Spell)"], through["Start Time (Hospital Provider Spell)"], strict=True)
    )
    assert len(began) > 10
    assert set(began) <= left


def test_nobody_who_is_in_a_ward_comes_to_the_emergency_department_or_to_the_centre(story: Story) -> None:
    walked_in = story.emergency[story.emergency["stay"] < 0]
    both = walked_in.merge(story.stays[["person", "admitted", "discharged"]], on="person")
    assert not ((both["arrived"] >= both["admitted"]) & (both["arrived"] <= both["discharged"])).any()
    died = story.borough.people["died"].to_numpy()[walked_in["person"]]
    assert (walked_in["arrived"] <= died).all()


def test_the_centre_is_open_by_day_and_sends_some_on_to_the_department(story: Story) -> None:
    centre = story.emergency[story.emergency["service"] == CENTRE]
    assert centre["minute"].between(7 * 60, 22 * 60 - 1).all()
    sent_on = centre[centre["status"] == emergency.TO_DEPARTMENT]
    went = sent_on.merge(story.emergency[story.emergency["source"] == "Urgent treatment centre"], on=["person", "arrived"])
    assert len(went) == len(sent_on) > 5
    assert (went["minute_y"] > went["minute_x"] + went["left_x"]).all()


def test_half_as_many_people_come_in_april_2020_and_waits_are_longest_in_winter(story: Story) -> None:
    at_department = story.emergency[story.emergency["service"] == DEPARTMENT]
    number = {month: int(of_month(at_department["arrived"], month).sum()) for month in ("2019-11", "2020-04")}
    assert 0.35 < number["2020-04"] / number["2019-11"] < 0.65
    over = at_department["left"] > emergency.FOUR_HOURS
    assert (
        over[of_month(at_department["arrived"], "2019-12")].mean()
        > 1.5 * over[of_month(at_department["arrived"], "2020-05")].mean()
    )


# --- the centre changes hands


def test_the_centre_keeps_its_site_when_it_changes_hands(sent: dict[str, object]) -> None:
    before = table(sent, "bridgewater/urgent_treatment_centre", "2019-11", "attendances")
    after = table(sent, "sthk/urgent_treatment_centre", "2019-12", "attendances")
    for one, provider in ((before, "RY2"), (after, "RBN")):
        assert set(one["Organisation Identifier (Code Of Provider)"]) == {provider}
        assert set(one["Emergency Care Department Type"]) == {"03"}
    site = "Organisation Site Identifier (Of Treatment)"
    assert set(before[site]) == set(after[site])
    number = "Emergency Care Attendance Identifier"
    assert not set(before[number]) & set(after[number])


def test_waits_at_the_centre_get_longer_after_it_changed_hands_only_if_that_is_told(story: Story) -> None:
    worse = emergency.attendances(story.seed, story.borough, story.stays, day(FIRST), centre_worsens=True)
    for told, longer in ((story.emergency, False), (worse, True)):
        centre = told[told["service"] == CENTRE]
        before, after = (centre["left"][chosen].median() for chosen in (centre["arrived"] < MOVED, centre["arrived"] >= MOVED))
        assert (after > 1.25 * before) == longer


# --- clinics


def test_a_broken_bone_is_seen_in_the_fracture_clinic_within_two_weeks(story: Story) -> None:
    broken = story.emergency[story.emergency["diagnosis"].str.startswith("Fracture") & (story.emergency["stay"] < 0)]
    broken = broken[broken["arrived"] < day(date(2020, 2, 1))]
    clinic = story.outpatients[story.outpatients["clinic"] == outpatients.clinics().index("trauma and orthopaedics")]
    seen = broken.merge(clinic, left_on=["person", "arrived"], right_on=["person", "referred"])
    soon = seen[seen["on"] - seen["referred"] <= 14]
    assert soon["person"].nunique() > 0.7 * broken["person"].nunique() > 20


def test_antenatal_clinics_come_before_a_birth(story: Story) -> None:
    births = story.stays[
        (story.stays["reason"] == "delivery") & story.stays["admitted"].between(day(date(2020, 1, 1)), day(LAST))
    ]
    midwives = story.outpatients[story.outpatients["clinic"] == outpatients.clinics().index("midwifery")]
    for person, on in zip(births["person"], births["admitted"], strict=True):
        visits = midwives.loc[midwives["person"] == person, "on"]
        assert (visits.between(on - 230, on + 7)).sum() >= 2
    assert len(births) > 3


def test_a_planned_stay_was_decided_in_a_clinic(story: Story) -> None:
    planned = story.stays[story.stays["is_planned"] & story.stays["decided"].between(day(FIRST) + 40, day(date(2020, 2, 1)))]
    seen = planned.merge(story.outpatients, on="person")
    assert (planned["decided"] < planned["admitted"]).all()
    near = seen[(seen["on"] - seen["decided"]).between(0, 4)]
    assert near["person"].nunique() > 0.7 * planned["person"].nunique()


def test_clinics_are_held_on_working_days_and_mostly_called_off_or_by_telephone_in_april_2020(story: Story) -> None:
    days = {date_of(on) for on in story.outpatients["on"].unique()}
    assert all(on.weekday() < 5 for on in days)
    assert not days & {date(2019, 12, 25), date(2020, 4, 10), date(2020, 4, 13), date(2020, 5, 25)}
    april = story.outpatients[of_month(story.outpatients["on"], "2020-04")]
    usual = story.outpatients[of_month(story.outpatients["on"], "2019-11")]
    assert (april["attended"] == "4").mean() > 4 * (usual["attended"] == "4").mean()
    assert april["by_telephone"].mean() > 0.35 > usual["by_telephone"].mean()


def test_appointments_of_a_pathway_follow_its_referral_and_each_other(story: Story) -> None:
    appointments = story.outpatients
    assert (appointments["on"] >= appointments["referred"]).all()
    followed = appointments.sort_values(["pathway", "on"], kind="stable")
    same = followed["pathway"].eq(followed["pathway"].shift())
    assert not (followed["first"] & ~followed["first"].shift(fill_value=False) & same).any()
    missed = followed["last_missed"] < NEVER
    assert (followed["last_missed"] <= followed["on"])[missed].all()
    assert 0.04 < (appointments["attended"] == "3").mean() < 0.1


# --- delays


def test_delays_begin_when_somebody_was_fit_to_leave_and_fit_what_came_after(story: Story) -> None:
    delays, stays = story.delays, story.stays.loc[story.delays["stay"]]
    assert (delays["ready"].to_numpy() == stays["ready"].to_numpy()).all()
    assert (delays["left"].to_numpy() == stays["discharged"].to_numpy()).all()
    services = story.social_care[story.social_care["kind"] == "Service"]
    helped = delays.merge(services, left_on=["person", "left"], right_on=["person", "starts"]).drop_duplicates("stay")
    assert len(helped) > 1
    assert helped["reason"].isin(["A", "E", "F", "Di", "Dii"]).all()


def test_a_return_counts_the_nights_of_its_month_by_council_and_ends_with_february_2020(
    story: Story, sent: dict[str, object]
) -> None:
    days = 0
    for month in ("2019-10", "2019-11", "2019-12", "2020-01", "2020-02"):
        returned = table(sent, "sthk/delayed_transfers", month, "delayed_days")
        days += returned["Delayed Days"].astype(int).sum()
        assert not returned.duplicated(["Council Code", "Reason", "Responsible Organisation"]).any()
    first, after = day(date(2019, 10, 1)), day(date(2020, 3, 1))
    nights = story.delays["left"].clip(upper=after) - story.delays["ready"].clip(lower=first)
    assert days == nights.clip(lower=0).sum() > 0
    assert set(table(sent, "north_west_boroughs/delayed_transfers", "2020-01", "delayed_days")["Setting"]) <= {"Non-acute"}
    for slug in ("sthk/delayed_transfers", "north_west_boroughs/delayed_transfers"):
        assert contracts.load().feed(slug).file.arrives.last.end == date(2020, 2, 29)  # type: ignore[union-attr]


# --- lists


def test_every_code_that_attendances_use_is_in_the_lists_of_its_quarter_and_none_of_ours_is_snomed_ct(
    sent: dict[str, object],
) -> None:
    lists = table(sent, "sthk/clinical_lists", "2020-Q1", "members")
    known = lists.groupby("List")["Code"].agg(set)
    came = table(sent, "sthk/emergency_care", "2020-03", "attendances")
    for header, name in (
        ("Emergency Care Chief Complaint (SNOMED CT)", "chief_complaint"),
        ("Emergency Care Injury Mechanism (SNOMED CT)", "injury_mechanism"),
        ("Emergency Care Discharge Status (SNOMED CT)", "discharge_status"),
    ):
        assert set(came[header]) - {""} <= known[name]
    assert set(table(sent, "sthk/emergency_care", "2020-03", "diagnoses")["code"]) <= known["diagnosis"]
    published = {"discharge_status", "discharge_destination"}
    ours = lists[~lists["List"].isin(published)]["Code"]
    assert ours.str[-3:-1].eq("99").all()  # where an identifier of SNOMED CT says what kind it is, which is never 99
    assert np.isin(list(published), lists["List"]).all()
    assert lists["Valid To"].ne("").any()
