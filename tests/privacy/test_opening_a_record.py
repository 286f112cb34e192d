"""Direct-care staff open the Shared Care Record through its door only, and only of people who are their business."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from typer.testing import CliRunner

from cares import builds, warehouse
from cares.cli import typer_app
from cares.governance import agreements, audit, permissions, staff
from cares.person_index import withholding
from fresh_warehouse import FreshWarehouse
from privacy.door_story import ADA, BERT, CORA, DORA, EWAN, NOBODY, open_as, refused, tell, written

PARTNERS = ("torus", "merseyside_police", "merseyside_fire", "halton_st_helens_vca")
NO_BUSINESS = "Not shown: your organisation has neither care nor a referral of a person with this NHS number."


@pytest.fixture(scope="module")
def borough(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    tell(warehouse_of_module)
    yield warehouse_of_module


def test_the_hospital_sees_who_permitted_it_with_what_others_sent(borough: FreshWarehouse) -> None:
    (part, person), *care = open_as(borough, "sthk", ADA)

    assert (part, person["forename"], person["nhs_number"], person["postcode"]) == ("person", "Ada", ADA, "WA10 1AB")
    assert [(line["organisation"], line["kind"]) for _, line in care] == [
        ("council", "social care service"),
        ("sthk", "hospital stay"),
    ]
    assert not {"person_id", "guard_feed", "guard_care_event_id"} & {
        key for line in (person, *(line for _, line in care)) for key in line
    }
    assert written(
        borough, "login, organisation, staff, purpose, outcome, relationship, rows, is_emergency, person_id is null"
    ) == [("cares_staff_sthk", "sthk", "S1", "direct care", "shown", "own record", 3, False, False)]


def test_spaces_in_the_number_do_no_harm(borough: FreshWarehouse) -> None:
    assert open_as(borough, "sthk", f" {ADA[:3]} {ADA[3:6]} {ADA[6:]}") == open_as(borough, "sthk", ADA)


@pytest.mark.parametrize("organisation", PARTNERS)
def test_housing_police_fire_and_volunteers_see_no_row_of_it(borough: FreshWarehouse, organisation: str) -> None:
    for number in (ADA, EWAN, NOBODY):
        for purpose in ("direct care", "emergency"):
            assert "only staff of the NHS and of local authorities" in refused(borough, organisation, number, purpose, "a fall")
    for table in ("shared_care_record.persons", "shared_care_record.items", "linked_care.persons", "insight.persons"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            borough.rows(f"select * from {table}", role=f"staff_{organisation}")
    assert written(borough, "organisation, outcome, refused_because") == [(organisation, "refused", "organisation")]


def test_the_record_says_whether_the_person_has_a_type_1_opt_out_today(borough: FreshWarehouse) -> None:
    def told() -> object:
        (_, person), *_ = open_as(borough, "sthk", ADA)
        return person["has_type_1_opt_out"]

    assert told() is False
    with borough.connect() as connection:
        connection.execute(
            "insert into governance.type_1_objector select person_id from linked_care.persons where nhs_number = %s", (ADA,)
        )
    assert told() is True
    with borough.connect() as connection:
        connection.execute("delete from governance.type_1_objector")


@pytest.mark.parametrize("organisation", ["sthk", "council", "halton", "north_west_boroughs"])
def test_there_is_no_way_round_the_door(borough: FreshWarehouse, organisation: str) -> None:
    ways = (
        "select * from shared_care_record.items",
        "select * from audit.opening",
        "select audit.add('a', 'b', 'c', 'd', null, 1, null, null, false, null, 'shown', null, 1, 1)",
        "select * from dblink.dblink('cares_audit', 'select 1') as one (number integer)",
        "create temporary table mine (one text)",
        "set role cares_pipeline",
        "alter function record.open(text, text, text, text) security invoker",
    )
    for way in ways:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            borough.rows(way, role=f"staff_{organisation}")


def test_nobody_but_staff_may_come_to_the_door(borough: FreshWarehouse) -> None:
    for role in ("analyst", "engineer", "governance", "caldicott", "contact_cares", "audit"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            borough.rows("select * from record.open(%s, 'S1', 'direct care')", ADA, role=role)


def test_a_council_knows_whom_it_cares_for_and_no_others(borough: FreshWarehouse) -> None:
    assert open_as(borough, "council", ADA)
    assert refused(borough, "council", BERT) == NO_BUSINESS
    assert written(borough, "refused_because, person_id is null") == [("relationship", False)]


def test_who_is_unknown_is_refused_in_the_same_words(borough: FreshWarehouse) -> None:
    assert refused(borough, "council", NOBODY) == NO_BUSINESS
    assert written(borough, "refused_because, person_id is null, asked is not null") == [("unknown person", True, True)]


def test_a_referral_makes_it_the_business_of_those_referred_to(borough: FreshWarehouse) -> None:
    assert open_as(borough, "north_west_boroughs", DORA)
    assert written(borough, "relationship") == [("referral",)]
    assert refused(borough, "bridgewater", DORA) == NO_BUSINESS


def test_halton_sees_only_people_who_were_referred_through_contact_cares(borough: FreshWarehouse) -> None:
    assert open_as(borough, "halton", DORA)[0][1]["forename"] == "Dora"
    assert written(borough, "relationship") == [("Contact Cares",)]
    for number in (ADA, BERT, CORA, EWAN, NOBODY):
        assert refused(borough, "halton", number) == NO_BUSINESS
        assert refused(borough, "halton", number, "emergency", "a fall") == NO_BUSINESS


def test_who_did_not_permit_it_or_has_not_decided_is_not_shown(borough: FreshWarehouse) -> None:
    for number in (BERT, CORA):
        assert "the person has not permitted it" in refused(borough, "sthk", number)
        assert written(borough, "outcome, refused_because, person_id is null") == [("refused", "permission", False)]


def test_a_withdrawal_counts_within_a_second(borough: FreshWarehouse) -> None:
    permissions.record(CORA, "permitted", "asked", decided_by="person", capacity="has capacity")
    assert open_as(borough, "sthk", CORA)
    before = time.monotonic()
    permissions.record(CORA, "withdrawn", "she rang", decided_by="person", capacity="has capacity")
    assert "has not permitted it" in refused(borough, "sthk", CORA)
    assert time.monotonic() - before < 1
    assert [row[0] for row in written(borough, "outcome", 2)] == ["shown", "refused"]


def test_an_emergency_needs_a_reason_is_flagged_and_expires(borough: FreshWarehouse) -> None:
    assert "an emergency needs its reason" in refused(borough, "sthk", BERT, "emergency", "  ")
    assert open_as(borough, "sthk", BERT, "emergency", "found unconscious")[0][1]["forename"] == "Bert"
    assert written(borough, "is_emergency, outcome, reason, emergency_until - at") == [
        (True, "shown", "found unconscious", pytest.approx(timedelta(hours=4), abs=timedelta(seconds=1)))
    ]
    # The same member of staff need not say it again meanwhile, and for anything but the emergency nothing has changed.
    assert open_as(borough, "sthk", BERT, "emergency")
    ((first, until), (again, still)) = written(borough, "number, emergency_until", 2)
    assert (again, still) == (first + 1, until)
    assert "has not permitted it" in refused(borough, "sthk", BERT)


def test_nobody_lengthens_an_emergency_by_a_way_of_writing_dates(borough: FreshWarehouse) -> None:
    staff.register("sthk", "S6")
    with borough.connect("staff_sthk", options="-c datestyle=SQL,DMY -c timezone=<UTC>12") as connection:
        assert connection.execute("select * from record.open(%s, 'S6', 'emergency', 'found unconscious')", (BERT,)).fetchall()
    assert written(borough, "emergency_until - at") == [(pytest.approx(timedelta(hours=4), abs=timedelta(seconds=1)),)]


def test_the_reason_of_an_emergency_stands_for_hours_only(borough: FreshWarehouse) -> None:
    ((bert,),) = borough.rows("select person_id from linked_care.persons where nhs_number = %s", BERT)
    staff.register("sthk", "S5")
    ask = "select count(*) from record.open(%s, 'S5', 'emergency')"
    borough.rows(
        """select audit.add('cares_staff_sthk', 'sthk', 'S5', 'emergency', 'found unconscious', %s, null, 'own record', true,
             clock_timestamp() + interval '2 seconds', 'shown', null, 2, null)""",
        bert,
        role="audit",
    )
    assert borough.rows(ask, BERT, role="staff_sthk") == [(2,)]
    time.sleep(2)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="an emergency needs its reason"):
        borough.rows(ask, BERT, role="staff_sthk")


def test_nobody_declares_an_emergency_by_a_setting(borough: FreshWarehouse) -> None:
    (bert,) = borough.rows("select person_id from linked_care.persons where nhs_number = %s", BERT)[0]
    with borough.connect("staff_sthk", options=f"-c cares.emergency_person={bert}") as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from record.open(%s, 'S1', 'direct care')", (BERT,))


def test_only_staff_whom_their_organisation_registered_may_open(borough: FreshWarehouse) -> None:
    staff.register("sthk", "S2")
    ask = "select count(*) from record.open(%s, %s, 'direct care')"
    assert borough.rows(ask, ADA, "S2", role="staff_sthk") == [(3,)]
    staff.end("sthk", "S2")
    for name in ("S2", "S99", "", None):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is not registered"):
            borough.rows(ask, ADA, name, role="staff_sthk")
    with pytest.raises(staff.StaffError, match="never used again"):
        staff.register("sthk", "S2")


@pytest.mark.parametrize("purpose", ["planning", "audit", "", "curiosity", None])
def test_any_other_purpose_is_refused(borough: FreshWarehouse, purpose: str) -> None:
    assert "direct care or emergency, and for nothing else" in refused(borough, "sthk", ADA, purpose)
    assert written(borough, "refused_because") == [("purpose",)]


def test_without_a_sharing_agreement_in_force_nobody_opens(borough: FreshWarehouse) -> None:
    (before,) = (one.agreement for one in agreements.recorded() if one.agreement.feed == "sthk/admitted_patient_care")
    with borough.connect() as connection:
        connection.execute("update governance.sharing_agreement set purposes = '{planning}' where feed = %s", (before.feed,))
    try:
        assert "no sharing agreement" in refused(borough, "sthk", ADA)
    finally:
        with borough.connect() as connection:
            connection.execute(
                "update governance.sharing_agreement set purposes = '{direct care,planning,board reporting}' where feed = %s",
                (before.feed,),
            )
    assert open_as(borough, "sthk", ADA)


def test_a_running_build_and_a_step_back_change_nothing_of_it(borough: FreshWarehouse) -> None:
    builds.build()
    assert len(open_as(borough, "sthk", ADA)) == 3
    assert "has not permitted it" in refused(borough, "sthk", BERT)
    builds.back()
    assert len(open_as(borough, "sthk", ADA)) == 3
    assert "has not permitted it" in refused(borough, "sthk", BERT)


def test_each_publication_anchors_the_audit(borough: FreshWarehouse) -> None:
    assert audit.verify().problems == ()
    anchored = audit.verify().anchored_rows
    assert anchored > 0
    open_as(borough, "sthk", ADA)
    audit.anchor()
    assert audit.verify().anchored_rows == audit.verify().rows > anchored


def test_contact_cares_sees_the_case_and_never_the_record(borough: FreshWarehouse) -> None:
    ask = "select contact_id, forename, surname, address, phone, outcome from contact_cares.cases"
    assert borough.rows(ask, role="contact_cares") == [("CC-1", "Dora", "Dogwood", "4 Den Lane", "01744 000004", "Referred On")]
    for table in ("shared_care_record.items", "governance.contact_cares_case", "linked_care.persons", "audit.opening"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            borough.rows(f"select * from {table}", role="contact_cares")


def test_the_command_shows_the_record_and_says_why_not(borough: FreshWarehouse) -> None:
    ask = ["record", "open", "--as", "sthk", "--staff", "S1"]
    shown = CliRunner().invoke(typer_app, ask, input=f"{ADA}\n")
    assert (shown.exit_code, "Ada" in shown.output, "hospital stay" in shown.output) == (0, True, True)
    not_shown = CliRunner().invoke(typer_app, ask, input=f"{BERT}\n")
    assert "has not permitted it" in str(not_shown.exception)
    assert BERT not in str(not_shown.exception)


def test_the_record_is_one_document_in_sections_each_item_with_its_source(borough: FreshWarehouse) -> None:
    asked = CliRunner().invoke(typer_app, ["record", "open", "--as", "sthk", "--staff", "S1", "--json"], input=f"{ADA}\n")
    record = json.loads(asked.output[asked.output.index("{") :])

    assert record["identity"]["forename"] == "Ada"
    assert [section for section, items in record["sections"].items() if items] == ["professionals", "admissions", "social care"]
    (stay,) = record["sections"]["admissions"]
    assert (stay["kind"], stay["started_on"]) == ("hospital stay", "2019-01-05")
    assert stay["source"] == {"organisation": "sthk", "feed": "sthk/admitted_patient_care", "last_updated_on": "2019-01-31"}
    assert written(borough, "organisation, outcome") == [("sthk", "shown")]


def test_use_is_told_by_organisation_and_month_without_small_numbers(borough: FreshWarehouse) -> None:
    count = "select count(*) filter (where outcome = 'shown') from audit.opening where organisation = 'halton'"
    ((before,),) = borough.rows(count)
    for _ in range(7 - before):
        open_as(borough, "halton", DORA)
    assert use("halton")[2:4] == ["*", "0"]
    open_as(borough, "halton", DORA)
    assert use("halton")[2:4] == ["10", "0"]


def use(organisation: str) -> list[str]:
    """The organisation's line: month, organisation, shown, empty, refused, emergencies."""
    lines = CliRunner().invoke(typer_app, ["record", "use"], env={"COLUMNS": "120"}).output.splitlines()
    (told,) = [cells for line in lines if organisation in (cells := line.replace("│", " ").split())]
    return told


def test_who_opened_a_wrong_link_is_listed_and_both_are_shown_to_nobody(borough: FreshWarehouse) -> None:
    withheld = withholding.withhold("sthk/apc/P1", "council/cld/A1", "the tenant is another")
    assert {one.opened_by for one in withheld.openings} == {"S1 of sthk", "S1 of council", "S2 of sthk"}
    assert refused(borough, "sthk", ADA) == NO_BUSINESS


def test_where_openings_cannot_be_written_down_nothing_is_shown(borough: FreshWarehouse) -> None:
    ((before,),) = borough.rows("select max(number) from audit.opening")
    with borough.connect("owner") as connection:
        connection.execute("alter server cares_audit options (set port '1')")
    try:
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is closed: openings cannot be written down"):
            open_as(borough, "halton", DORA)
    finally:
        warehouse.protect_databases()
    assert open_as(borough, "halton", DORA)
    assert borough.rows("select max(number) from audit.opening") == [(before + 1,)]
