"""Restricted persons (S-flag): nobody finds their home, in what any organisation ever sent, in any schema that somebody reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import sql
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds
from cares.cli import typer_app
from cares.governance import permissions, protections, restrictions
from cares.governance.restrictions import RestrictionError
from fresh_warehouse import FreshWarehouse
from privacy.people import ADA, BOB, JANUARY, Someone, send_episodes, send_services

TENANT = "torus/housing/A1"


@pytest.fixture(scope="module")
def borough(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """Ada and Bob share a tenancy; the hospital knows where they live, and the council their general practice."""
    warehouse = warehouse_of_module
    homes = {"patient_usual_address": "1 Ash Lane, St Helens", "postcode": "WA101AB"}
    send_episodes(warehouse, ADA.episode(**homes), BOB.episode(**homes))
    send_services(warehouse, *(one.service(gp_practice_code="N83001") for one in (ADA, BOB)))
    deliver(warehouse, "torus/tenancies", JANUARY, "snapshot", {
        "tenancies": [{
            "tenancy_reference": "T1", "address": "1 Ash Lane", "postcode": "WA10 1AB", "uprn": "39012345",
            "tenancy_start_date": "01/01/1990", "main_tenant_reference": "A1",
        }],
        "household_members": [{
            "person_reference": one.key, "tenancy_reference": "T1", "forename": one.forename, "surname": one.surname,
            "date_of_birth": f"{one.born:%d/%m/%Y}", "nhs_number": one.nhs_number, "gender": "F", "phone": "01744 000001",
        } for one in (ADA, BOB)],
    })  # fmt: skip
    builds.build()
    for one in (ADA, BOB):
        permissions.record(one.hospital_record, "permitted", "asked", decided_by="person", capacity="has capacity")
    yield warehouse


@pytest.fixture
def restricted(borough: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """Ada is restricted by the record that the council has of her."""
    restrictions.restrict(ADA.council_record, "somebody looks for her")
    yield borough
    if any(one.lifted_at is None for one in restrictions.recorded()):
        restrictions.lift(ADA.council_record, "the test is over")


def told_of_home(warehouse: FreshWarehouse, someone: Someone) -> dict[str, list[Any]]:
    """Whatever tells of somebody's home in all that anybody reads: schema.table.column -> its values."""
    (person_id,) = warehouse.rows(
        "select person_id from person_index.membership where valid_to is null and person_record_id = %s", someone.hospital_record
    )[0]
    pseudonyms = [one for (one,) in warehouse.rows("select pseudonym from governance.pseudonym where person_id = %s", person_id)]
    found: dict[str, list[Any]] = {}
    for schema, use in protections.USES.items():
        columns = warehouse.rows(
            "select table_name, column_name from information_schema.columns where table_schema = %s", schema
        ) if use else []  # fmt: skip
        keys = {table: column for table, column in columns if column in ("person_id", "pseudonym")}
        for table, column in columns:
            if table in keys and (column in protections.TELLS_OF_HOME or column == "kind"):
                query = sql.SQL("select {} from {} where {}::text = any(%s)").format(
                    sql.Identifier(column), sql.Identifier(schema, table), sql.Identifier(keys[table])
                )
                with warehouse.connect() as connection:
                    values = [one for (one,) in connection.execute(query, ([*pseudonyms, str(person_id)],)) if one is not None]
                found[f"{schema}.{table}.{column}"] = [
                    one for one in values if column != "kind" or one in protections.KINDS_THAT_TELL_OF_HOME
                ]
    return {place: values for place, values in found.items() if values}


def test_before_readers_find_the_home_in_many_places(borough: FreshWarehouse) -> None:
    assert told_of_home(borough, ADA) == {
        "shared_care_record.persons.address": ["1 Ash Lane, St Helens"],
        "shared_care_record.persons.postcode": ["WA10 1AB"],
        "shared_care_record.persons.phone": ["01744 000001"],
        "shared_care_record.persons.gp_practice_code": ["N83001"],
        "insight.persons.has_social_housing": [True],
        "insight.care_timeline.kind": ["tenancy"],
    }


def test_one_record_that_is_restricted_hides_what_every_organisation_sent_of_the_home(restricted: FreshWarehouse) -> None:
    assert told_of_home(restricted, ADA) == {}


def test_the_care_itself_goes_on_being_shown(restricted: FreshWarehouse) -> None:
    kinds = restricted.rows(
        """select distinct kind from shared_care_record.items join person_index.membership using (person_id)
           where person_record_id = %s order by kind""",
        ADA.hospital_record,
    )
    assert kinds == [("hospital stay",), ("social care service",)]


def test_who_lives_with_them_is_not_restricted(restricted: FreshWarehouse) -> None:
    assert told_of_home(restricted, BOB)["shared_care_record.persons.phone"] == ["01744 000001"]


def test_a_record_that_comes_to_be_linked_later_is_hidden_too_in_the_build_that_shows_it_apart(
    restricted: FreshWarehouse,
) -> None:
    with restricted.connect() as connection:
        hidden = "select count(*) from governance.restricted_person_in_build"
        before = connection.execute(hidden).fetchone()
        # Bob's records turn out to be Ada's, while the build that shows him as another person still stands.
        connection.execute(
            """with moved as (
                   update person_index.membership set valid_to = now() where split_part(person_record_id, '/', 3) = 'B1'
                   returning person_record_id
               )
               insert into person_index.membership (person_record_id, person_id, rule)
               select moved.person_record_id, ada.person_id, 'of this test'
               from moved cross join person_index.membership as ada where ada.person_record_id = %s""",
            (ADA.hospital_record,),
        )
        after = connection.execute(hidden).fetchone()
        connection.rollback()
    assert (before, after) == ((1,), (2,))


def test_the_commands_say_what_they_do_and_name_nobody(borough: FreshWarehouse) -> None:
    run = CliRunner().invoke(typer_app, ["restrict", "--because", "somebody looks for her"], input=f"{ADA.nhs_number}\n")
    assert "3 person records" in run.output
    assert told_of_home(borough, ADA) == {}
    with pytest.raises(RestrictionError, match="restricted already"):
        restrictions.restrict(ADA.nhs_number, "again")
    lifted = CliRunner().invoke(typer_app, ["unrestrict", "--because", "the danger is over"], input=f"{TENANT}\n")
    assert lifted.exit_code == 0
    assert told_of_home(borough, ADA) != {}
    assert not {ADA.nhs_number, "Ada", "Ash"} & set((run.output + lifted.output).split())
    with pytest.raises(RestrictionError, match="is not restricted"):
        restrictions.lift(ADA.nhs_number, "again")
