"""The made-up borough outside hospital and council: homes, practices, police, fire, voluntary sector and reference files."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from cares import contracts
from cares.simulator import bodies
from cares.simulator.days import NEVER, age, day
from cares.simulator.lives import safety
from cares.simulator.lives.voluntary import directory, is_closed_for_now
from cares.simulator.organisations import (
    gp_practices,
    halton_st_helens_vca,
    merseyside_fire,
    merseyside_police,
    nhs_england,
    ons,
    torus,
)
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story, Told

ORGANISATIONS = (gp_practices, halton_st_helens_vca, merseyside_fire, merseyside_police, nhs_england, ons, torus)
FIRST, LAST = date(2019, 8, 1), date(2020, 4, 30)


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(Told(5000, 3, FIRST, LAST, "999"))


@pytest.fixture(scope="module")
def senders(story: Story) -> dict[str, Sender]:
    return {sender.slug: sender for organisation in ORGANISATIONS for sender in organisation.feeds(story)}


def sent(senders: dict[str, Sender], feed: str, period: str) -> dict[str, pd.DataFrame]:
    """The files of a period as tables of text."""
    of = contracts.load().feed(feed)
    sheets = senders[feed].sheets(of.period(period), of.format.tables)
    return {name: table(sheet) for name, sheet in sheets.items()}


def table(sheet: Sheet) -> pd.DataFrame:
    return pd.DataFrame({header: sheet.values(header) for header in sheet.columns})


# --- homes


def test_a_tenant_who_fell_or_had_reablement_gets_an_adaptation_in_the_home_where_they_live(
    story: Story, senders: dict[str, Sender]
) -> None:
    found = story.neighbourhood.adaptations
    since = found[found["requested"] >= story.borough.begins]
    falls, helped = (
        story.stays[story.stays["reason"] == "fall"],
        story.social_care[story.social_care["component"] == "Reablement"],
    )
    before = pd.concat(
        [
            falls[["person", "discharged"]].set_axis(["person", "on"], axis=1),
            helped[["person", "ends"]].set_axis(["person", "on"], axis=1),
        ]
    )
    joined = since.merge(before, on="person")
    waited = joined["requested"] - joined["on"]
    assert set(joined.loc[waited.between(1, 21), "number"]) == set(since["number"])
    assert (story.borough.residences.on(since["person"].to_numpy(), since["requested"].to_numpy()) == since["home"]).all()
    shown = sent(senders, "torus/neighbourhoods", "2020-04")["adaptations"]
    assert set(shown["Tenancy Reference"]) - {""} <= set(
        sent(senders, "torus/tenancies", "2020-04")["tenancies"]["Tenancy Reference"]
    )
    assert len(shown) > 5


def test_people_in_damp_homes_have_somewhat_more_chest_infections(story: Story) -> None:
    ill = story.stays[story.stays["reason"] == "respiratory infection"]
    damp = story.neighbourhood.is_damp
    at_home = damp[story.borough.residences.on(story.borough.everybody, story.borough.begins)]
    of_the_ill = damp[story.borough.residences.on(ill["person"].to_numpy(), ill["admitted"].to_numpy())]
    assert at_home.mean() < of_the_ill.mean() < 4 * at_home.mean()


def test_repairs_of_damp_are_reported_in_winter_and_wait_for_the_end_of_the_lockdown(story: Story) -> None:
    repairs = story.neighbourhood.repairs
    month = pd.to_datetime(repairs.loc[repairs["category"] == "Damp and Mould", "reported"], unit="D").dt.month
    assert month.isin([11, 12, 1, 2]).sum() > month.isin([5, 6, 7, 8]).sum()
    assert (repairs["completed"] >= repairs["reported"]).all()


def test_arrears_come_in_bands_of_tenancies_that_are_behind_or_were(senders: dict[str, Sender]) -> None:
    before, after = (sent(senders, "torus/neighbourhoods", month)["arrears"] for month in ("2020-02", "2020-03"))
    assert "Arrears Band" in after and not [header for header in after if "Amount" in header]
    caught_up = after.loc[after["Arrears Band"] == "None", "Tenancy Reference"]
    assert set(caught_up) <= set(before.loc[before["Arrears Band"] != "None", "Tenancy Reference"])


# --- practices


def test_a_practice_that_did_not_sign_sends_nothing_and_one_that_signs_sends_all_it_has_once(senders: dict[str, Sender]) -> None:
    months = {month: sent(senders, "gp_practices/summary", month) for month in ("2019-08", "2019-09", "2019-10")}
    practices = {month: set(tables["registrations"]["Practice Code"]) for month, tables in months.items()}
    assert [len(months[month]["sharing_agreements"]) for month in months] == [12, 13, 13]
    assert len(practices["2019-08"]) == 12
    (new,) = practices["2019-09"] - practices["2019-08"]
    rows = {month: Counter(tables["registrations"]["Practice Code"])[new] for month, tables in months.items()}
    assert rows["2019-09"] > 3 * rows["2019-10"] > 0
    assert practices["2019-10"] <= set(months["2019-10"]["sharing_agreements"]["Practice Code"])


def test_whoever_a_practice_tells_something_of_is_registered_in_the_same_delivery(senders: dict[str, Sender]) -> None:
    for month in ("2019-08", "2020-04"):
        tables = sent(senders, "gp_practices/summary", month)
        known = set(zip(tables["registrations"]["Practice Code"], tables["registrations"]["Patient ID"], strict=True))
        assert len(known) == len(tables["registrations"])
        for name in ("problems", "medication", "results", "appointments"):
            assert len(tables[name]) > 10
            assert set(zip(tables[name]["Practice Code"], tables[name]["Patient ID"], strict=True)) <= known


def test_problems_are_those_that_people_have_and_medicines_are_for_them(story: Story) -> None:
    problems, medicines = story.general_practice.problems, story.general_practice.medicines
    diabetic = problems.loc[problems["problem"] == "diabetes", "person"]
    assert story.borough.conditions["E119"].to_numpy()[diabetic].all()
    assert set(medicines.loc[medicines["medicine"] == "metformin", "person"]) <= set(diabetic)
    broken = problems.loc[(problems["problem"] == "hip fracture"), "person"]
    assert set(broken) <= set(story.stays.loc[story.stays["primary"].isin(["S720", "S721"]), "person"])
    assert len(broken) > 2


def test_from_march_2020_practices_see_fewer_people_and_most_of_them_by_telephone(senders: dict[str, Sender]) -> None:
    february, april = (sent(senders, "gp_practices/summary", month)["appointments"] for month in ("2020-02", "2020-04"))
    assert (february["Mode"] == "Telephone").mean() < 0.3
    assert (april["Mode"] == "Telephone").mean() > 0.45
    assert (april["Status"] != "Booked").sum() < 0.85 * (february["Status"] != "Booked").sum()


def test_a_few_of_a_hundred_patients_object_and_some_of_them_take_it_back(senders: dict[str, Sender]) -> None:
    codes = Counter(sent(senders, "gp_practices/summary", "2019-08")["registrations"]["Type 1 Opt-out Code"])
    known = set(contracts.load().formats["gp_summary"].tables["registrations"].codes("type_1_opt_out", "1"))
    objecting = sum(number for code, number in codes.items() if code)
    assert set(codes) - {""} <= known
    assert 0.01 < objecting / sum(codes.values()) < 0.06


def test_who_died_or_moved_away_is_told_once_with_the_day(story: Story, senders: dict[str, Sender]) -> None:
    ended = [sent(senders, "gp_practices/summary", month)["registrations"] for month in ("2019-11", "2019-12", "2020-01")]
    told = pd.concat(ended)
    gone = told[told["Registered To"] != ""]
    assert (gone["Died Date"] != "").any()
    away = story.general_practice.registrations["leaves"] < NEVER
    assert 0 < away.mean() < 0.02


def test_whoever_moved_away_is_told_of_by_nobody_else(story: Story) -> None:
    registrations = story.general_practice.registrations
    leaves = np.full(len(story.borough.people), NEVER)
    leaves[registrations["person"]] = registrations["leaves"]
    assert (leaves < NEVER).any()
    for events, on in (
        (story.emergency, "arrived"),
        (story.outpatients, "on"),
        (story.stays, "discharged"),
        (story.social_care, "ends"),
        (story.community.referrals, "closed"),
        (story.mental_health.referrals, "closed"),
        (story.safety.visits[story.safety.visits["person"] >= 0], "day"),
        (story.safety.involved.assign(day=story.safety.incidents["day"].to_numpy()[story.safety.involved["incident"]]), "day"),
        (story.referrals, "ended"),
        (story.permissions, "written"),
    ):
        person, last = events["person"].to_numpy(), np.minimum(events[on].to_numpy(), NEVER)
        assert (last <= leaves[person]).all()


# --- police, fire and voluntary sector


def test_a_child_missing_from_care_is_reported_to_the_police_on_that_day(story: Story) -> None:
    child, on = int(story.looked_after.spells["person"].iloc[-1]), story.borough.ends - 20
    times = pd.DataFrame({"person": child, "kind": ["M", "A"], "starts": [on, on + 5], "ends": [on + 1, on + 6]})
    told = safety.lives(story.seed, story.borough, replace(story.looked_after, missing=times), story.neighbourhood)
    theirs = told.involved[(told.involved["person"] == child) & told.involved["is_missing"]]
    incident = told.incidents.iloc[theirs["incident"].to_numpy()]
    assert incident[["day", "category"]].to_numpy().tolist() == [
        [on, "Missing person"]
    ]  # who is away without leave is not missing
    assert theirs["child_at_risk"].all()


def test_the_same_households_are_in_domestic_incidents_again_and_again(story: Story) -> None:
    involved, incidents = story.safety.involved, story.safety.incidents
    harmed = involved[(involved["role"] == "Victim") & incidents["is_domestic"].to_numpy()[involved["incident"]]]
    assert harmed["person"].value_counts().max() >= 3
    assert harmed["is_repeat"].any()
    assert not involved.loc[involved["role"] == "Suspect", "marac"].any()


def test_nobody_is_suspected_after_death_and_no_child_named_in_a_home_that_it_has_left(story: Story) -> None:
    involved, people = story.safety.involved, story.borough.people
    on, person = story.safety.incidents["day"].to_numpy()[involved["incident"]], involved["person"].to_numpy()
    assert (people["died"].to_numpy()[person] > on).all()
    of_home = (involved["role"] == "At Risk").to_numpy() & story.safety.incidents["is_domestic"].to_numpy()[involved["incident"]]
    assert of_home.any()
    left = np.zeros(len(person), dtype=bool)
    for spell in story.looked_after.spells.itertuples():
        until = NEVER if spell.adopted_on < NEVER else spell.ends
        left |= (person == spell.person) & (on >= spell.starts) & (on < until)
    assert not (of_home & left).any()


def test_somebody_is_known_to_the_police_the_fire_service_and_the_voluntary_sector(story: Story) -> None:
    known = [story.safety.involved["person"], story.safety.visits["person"], story.referrals["person"]]
    everywhere = set.intersection(*(set(persons[persons >= 0]) for persons in known))
    assert everywhere & set(story.neighbourhood.known_to_many)


def test_visits_go_to_older_people_alone_and_find_what_is_true_of_them(story: Story) -> None:
    visits, found = story.safety.visits, story.safety.vulnerabilities
    of = found.assign(person=visits["person"].to_numpy()[found["visit"]])
    of = of[of["person"] >= 0]
    smokers = of.loc[of["found"] == "Smoking", "person"].to_numpy()
    assert (story.borough.conditions["F171"].to_numpy()[smokers] | np.isin(smokers, story.neighbourhood.known_to_many)).all()
    named = visits.loc[visits["person"] >= 0, "person"].to_numpy()
    born = story.borough.people["born"].to_numpy()
    assert (age(born[named], story.borough.begins) >= 65).mean() > 0.4
    assert (visits["person"] < 0).any()


def test_people_are_referred_to_services_of_the_directory_that_take_them_then(story: Story, senders: dict[str, Sender]) -> None:
    services = directory()["services"]
    for referral in story.referrals.to_dict("records"):
        service = services[referral["service"]]
        assert service["reason"] == referral["reason"]
        assert not is_closed_for_now(service, referral["referred"])
    for quarter in ("2019-Q4", "2020-Q1"):
        listed = set(sent(senders, "halton_st_helens_vca/services", quarter)["services"]["id"])
        month = {"2019-Q4": "2019-12", "2020-Q1": "2020-03"}[quarter]
        assert set(sent(senders, "halton_st_helens_vca/referrals", month)["referrals"]["Service ID"]) <= listed


def test_the_directory_points_to_nothing_that_it_does_not_hold_and_closes_what_cannot_meet(senders: dict[str, Sender]) -> None:
    tables = sent(senders, "halton_st_helens_vca/services", "2020-Q1")
    for name, header, other in (
        ("services", "organization_id", "organisations"),
        ("schedules", "service_at_location_id", "service_at_locations"),
        ("service_at_locations", "location_id", "locations"),
        ("phones", "contact_id", "contacts"),
        ("attributes", "taxonomy_term_id", "taxonomy_terms"),
        ("addresses", "location_id", "locations"),
    ):
        assert set(tables[name][header]) - {""} <= set(tables[other]["id"]), name
    assert "temporarily closed" in set(tables["services"]["status"])
    assert set(sent(senders, "halton_st_helens_vca/services", "2019-Q4")["services"]["status"]) == {"active"}


# --- reference files


def test_the_register_tells_of_a_succession_from_the_day_on_which_it_took_place(senders: dict[str, Sender]) -> None:
    before, after = (sent(senders, "nhs_england/organisations", quarter) for quarter in ("2021-Q1", "2021-Q2"))
    assert "successions" not in before
    assert after["successions"].iloc[:, [0, 1, 3]].to_numpy().tolist() == [["RTV", "RW4", "20210601"]]
    closed = after["organisations"].set_index("Organisation Code")["Close Date"]
    assert closed["RTV"] == "20210531"
    assert not before["organisations"]["Close Date"].any()
    later = sent(senders, "nhs_england/organisations", "2022-Q3")["successions"]
    assert ["01X", "QYG", "20220701"] in later.iloc[:, [0, 1, 3]].to_numpy().tolist()


def test_every_practice_in_the_register_is_invented_and_says_so(senders: dict[str, Sender]) -> None:
    practices = sent(senders, "nhs_england/organisations", "2019-Q4")["gp_practices"]
    assert practices["Name"].str.endswith("(SIMULATED)").all()
    assert practices["Organisation Code"].str.startswith("Y99").all()


def test_every_home_has_a_postcode_that_lies_within_its_council(story: Story, senders: dict[str, Sender]) -> None:
    postcodes = sent(senders, "ons/postcodes", "2019-Q4")["postcodes"].set_index("pcds")
    homes = story.borough.homes
    known = homes[~homes["postcode"].str.startswith("ZZ99")]
    assert set(known["postcode"]) == set(postcodes.index)
    assert postcodes.index.is_unique
    for (council, outward), (west, east, south, north) in ons.BOUNDS.items():
        here = postcodes[(postcodes["oslaua"] == bodies.COUNCILS[council]) & postcodes.index.str.startswith(f"{outward} ")]
        assert here["oseast1m"].astype(int).between(west, east).all()
        assert here["osnrth1m"].astype(int).between(south, north).all()
    assert postcodes.loc[postcodes.index.str.startswith("L35 "), "oslaua"].nunique() == 2


def test_populations_are_those_of_the_simulated_residents(story: Story, senders: dict[str, Sender]) -> None:
    tables = sent(senders, "ons/areas", "2019-20")
    populations = tables["populations"].assign(Persons=lambda rows: rows["Persons"].astype(int))
    people, on = story.borough.people, day(date(2019, 6, 30))
    home = story.borough.residences.on(story.borough.everybody, on)
    lives = (people["born"] <= on) & (people["died"] > on) & ~story.general_practice.is_away(len(people), on)
    lives &= story.borough.homes["council"].to_numpy()[home] == "st_helens"
    council = populations[populations["Area Code"] == "E08000013"]
    assert council["Persons"].sum() == lives.sum()
    children = council[council["Age To"].isin(["4", "9", "14", "17"])]
    assert children["Persons"].sum() == (lives & (age(people["born"].to_numpy(), on) < 18)).sum()
    areas = tables["areas"]
    assert areas["Area Name"].str.contains("imulated").all()
    small = areas[areas["Kind"] == "LSOA11"]
    assert small["Deprivation Decile"].astype(int).between(1, 10).all()
    assert set(populations["Area Code"]) == set(areas["Area Code"])
