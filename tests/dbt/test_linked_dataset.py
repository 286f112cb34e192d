"""One build of a small borough, read as its readers do; then what goes wrong with the next one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
import pytest
import yaml

from accepted_deliveries import columns, deliver
from cares import builds, settings
from fresh_warehouse import FreshWarehouse

ADA = "9876543210"
JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
FEBRUARY = ("2019-02", date(2019, 2, 1), date(2019, 2, 28))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
YEAR = ("2018-19", date(2018, 4, 1), date(2019, 3, 31))
NASTY = ["", " ", "\t", "30/02/2019", "2019-02-30", "99/99/9999", "0000-00-00", "25:61", "1e400", "-", "''; drop table x",
         "٣٤٥", "９９９９９９９９９９", "\u00a0", "ﬃ", "😀" * 20, "9" * 40, "\\N", "NULL", "NaN", "infinity", "+/0/"]  # fmt: skip


@dataclass(frozen=True)
class Built:
    """A published build, and what dbt's unit tests said on its way."""

    build_id: int
    unit_tests: dict[str, str]


@pytest.fixture(scope="module")
def borough(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """Ada in four systems, a child in two, a tenancy without anybody, and every column filled with rubbish once."""
    warehouse = warehouse_of_module
    ada = {"forename": "Ada", "surname": "Ash", "date_of_birth": "28/02/1935", "gender": "F"}
    stay = {
        "nhs_number": ADA, "local_patient_identifier": "P1", "hospital_provider_spell_number": "S1", "date_of_birth": "1935-02-28",
        "start_date_hospital_provider_spell": "2019-01-05", "discharge_date_from_hospital_provider_spell": "2019-01-09",
        "admission_method_hospital_provider_spell": "21", "start_date_consultant_episode": "2019-01-05", "sex": "2",
        "person_given_name": "Ada", "person_family_name": "Ash", "postcode": "WA101AB",
    }  # fmt: skip
    deliver(warehouse, "sthk/admitted_patient_care", JANUARY, "period", {
        "episodes": [stay | {"episode_number": "1"}, stay | {"episode_number": "2"}, {"local_patient_identifier": "P2"}],
    })  # fmt: skip
    deliver(warehouse, "council/adult_social_care", QUARTER, "window", {
        "events": [{
            "nhs_number": "987 654 3210", "la_person_unique_identifier": "A1", "first_name": "Ada", "last_name": "Ash",
            "date_of_birth": "28/02/1935", "event_type": "Service", "event_start_date": "10/01/2019", "service_component": "Reablement",
        }],
    }, window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    deliver(warehouse, "torus/tenancies", JANUARY, "snapshot", {
        "tenancies": [
            {"tenancy_reference": "T1", "postcode": "WA10 1AB", "tenancy_start_date": "01/01/1990", "main_tenant_reference": "H1"},
            {"tenancy_reference": "T2", "tenancy_start_date": "01/01/1990"},
        ],
        "household_members": [ada | {"person_reference": "H1", "tenancy_reference": "T1"}],
    })  # fmt: skip
    deliver(warehouse, "council/childrens_person_file", JANUARY, "snapshot", {
        "people": [{"local_person_id": "C1", "forename": "Ben", "surname": "Beech", "date_of_birth": "01/05/2010", "sex": "M"}],
    })  # fmt: skip
    deliver(warehouse, "council/looked_after_children", YEAR, "period", {
        "header": [{"child": "C1", "sex": "1", "dob": "01/05/2010"}, {"child": "C2", "sex": "2", "dob": "01/06/2011"}],
        "episodes": [{"child": "C1", "decom": "01/02/2019", "place": "U6"}, {"child": "C3", "decom": "01/02/2019"}],
        "reviews": [{"child": "C1", "review": "01/03/2019"}],
    })  # fmt: skip
    for feed, view in [
        ("council/adult_social_care", "cld__events"), ("sthk/admitted_patient_care", "apc__episodes"),
        ("torus/tenancies", "housing__tenancies"), ("torus/tenancies", "housing__household_members"),
        ("council/childrens_person_file", "person_file__people"), ("council/looked_after_children", "ssda903__header"),
        ("council/looked_after_children", "ssda903__oc2"),
    ]:  # fmt: skip
        rows = [dict.fromkeys(columns(warehouse, view), value) for value in NASTY]
        deliver(warehouse, feed, ("2017-01", date(2017, 1, 1), date(2017, 1, 31)), "period", {view.split("__")[1]: rows})
    return warehouse


@pytest.fixture(scope="module")
def built(borough: FreshWarehouse) -> Built:
    """The borough built and published; dbt's unit tests run while the build's own tables are there."""
    build_id = builds.start_build()
    for layer in builds.LAYERS:
        builds.run_layer(build_id, layer)
        if layer == "person_records":
            builds.update_person_index(build_id)
    unit_tests = {result.node.name: str(result.status) for result in builds.run_unit_tests()}
    builds.publish(build_id)
    return Built(build_id, unit_tests)


def test_every_cleaning_rule_does_what_its_unit_test_says(built: Built) -> None:
    assert len(built.unit_tests) >= 16
    assert {name for name, status in built.unit_tests.items() if status != "pass"} == set()


def test_one_person_known_to_hospital_social_care_and_housing_is_one_person(borough: FreshWarehouse, built: Built) -> None:
    # Housing has no NHS number for her: name, birth date and postcode join it to the hospital's record.
    assert borough.rows(
        "select person_records, has_hospital_care, has_adult_social_care, has_social_housing from linked_care.persons where nhs_number = %s",
        ADA,
    ) == [(3, True, True, True)]
    timeline = borough.rows(
        """select kind, started_on from linked_care.care_timeline join linked_care.persons using (person_id)
           where nhs_number = %s order by started_on""",
        ADA,
    )
    assert timeline == [
        ("tenancy", date(1990, 1, 1)),
        ("hospital stay", date(2019, 1, 5)),
        ("social care service", date(2019, 1, 10)),
    ]


def test_a_childs_name_comes_from_the_person_file_and_a_child_of_the_return_alone_is_still_a_person(
    borough: FreshWarehouse, built: Built
) -> None:
    children = borough.rows(
        """select local_person_id, forename, described_by from intermediate.int_person_records
           where source = 'person_file' and local_person_id in ('C1', 'C2', 'C3') order by 1"""
    )
    assert children == [("C1", "Ben", "person_file"), ("C2", None, "ssda903"), ("C3", None, "ssda903_episodes")]


def test_every_accepted_row_is_in_a_mart_or_counted_with_the_reason(borough: FreshWarehouse, built: Built) -> None:
    counted = borough.rows("select staging_table, outcome, rows from linked_care.rows_accounted_for")
    assert ("stg_apc__episodes", "in hospital_stays", 2) in counted
    assert ("stg_housing__tenancies", "nobody in the household") in [(table, why) for table, why, _ in counted]
    assert ("stg_ssda903__reviews", "describes looked_after_health", 1) in counted
    assert [table for table, why, _ in counted if why == "no mart reads this table"] == []
    assert sum(rows for table, _, rows in counted if table == "stg_apc__episodes") == 3 + len(NASTY)


def test_an_analyst_reads_insight_and_the_board_s_figures_and_nothing_else(borough: FreshWarehouse, built: Built) -> None:
    assert borough.rows("select count(*) from insight.persons", role="analyst") == borough.rows(
        "select count(*) from linked_care.persons"
    )
    schemas = [name for (name,) in borough.rows("select nspname from pg_namespace where nspname !~ '^(pg_|information)'")]
    refused = []
    for schema in schemas:
        tables = borough.rows(
            "select relname from pg_class where relnamespace = to_regnamespace(%s) and relkind in ('r', 'v')", schema
        )
        for (table,) in tables:
            with (
                borough.connect("analyst") as connection,
                pytest.raises(
                    # A view that asks other tables takes no rows from anybody.
                    (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)
                ),
            ):
                if schema in ("insight", "board", "partnership"):
                    connection.execute(f"insert into {schema}.{table} select * from {schema}.{table}")
                connection.execute(f'select * from {schema}."{table}"')
            refused.append(schema)
    assert {
        "linked_care",
        "staging",
        "intermediate",
        "landing",
        "accepted",
        "person_index",
        f"insight__b{built.build_id:06d}",
    } <= set(refused)


def test_nothing_in_insight_points_at_a_person(borough: FreshWarehouse, built: Built) -> None:
    # The calendar holds every day, of nobody.
    tables = [
        name for (name,) in borough.rows("select viewname from pg_views where schemaname = 'insight' and viewname <> 'days'")
    ]
    told = "\n".join(str(row) for table in tables for row in borough.rows(f"select * from insight.{table}"))
    # A pseudonym may hold any four digits by chance.
    told = re.sub(r"\b[0-9a-f]{32}\b", "", told)
    for secret in (ADA, "Ada", "Ash", "WA10", "1935", "P1", "A1", "H1", "S1", "T1", "2019, 1, 5", "2019, 1, 10"):
        assert secret not in told
    assert "80 to 84" in told


def test_published_views_say_what_they_are(borough: FreshWarehouse, built: Built) -> None:
    views = borough.rows(
        """select schemaname || '.' || viewname, obj_description((schemaname || '.' || viewname)::regclass)
           from pg_views where schemaname in ('linked_care', 'shared_care_record', 'insight', 'board', 'partnership')"""
    )
    assert {name.partition(".")[0] for name, _ in views} == {
        "linked_care",
        "shared_care_record",
        "insight",
        "board",
        "partnership",
    }
    assert all(comment and f" Build {built.build_id}. No data from " in comment for _, comment in views)


def test_dbt_keeps_no_value_in_its_files(built: Built) -> None:
    kept = [path for path in (settings.VAR / "dbt").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if path.name in ("run_results.json", "dbt.log", "manifest.json")]
    for path in kept:
        content = path.read_bytes()
        assert b"Beech" not in content and ADA.encode() not in content, path


@pytest.fixture
def staged(borough: FreshWarehouse, built: Built) -> Iterator[FreshWarehouse]:
    """The borough, its build published; whatever the test delivers is withdrawn after it."""
    (last,) = borough.rows("select max(delivery_id) from ledger.delivery")[0]
    yield borough
    with borough.connect() as connection:
        connection.execute("update ledger.delivery set state = 'withdrawn' where delivery_id > %s", (last,))


def build_up_to(warehouse: FreshWarehouse, *layers: str) -> None:
    """Run the first layers of a build that is then given up."""
    build_id = builds.start_build()
    for layer in layers:
        builds.run_layer(build_id, layer)
    give_up(warehouse)


def give_up(warehouse: FreshWarehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("update ledger.build set state = 'failed' where state = 'building'")


def in_force(warehouse: FreshWarehouse, table: str, column: str, organisation: str = "council") -> list[tuple[str, int, bool]]:
    """(value, delivery, in force) of every row staged from 2019 on."""
    build_up_to(warehouse, "staging")
    return staged_rows(warehouse, table, column, organisation)


def staged_rows(warehouse: FreshWarehouse, table: str, column: str, organisation: str) -> list[tuple[str, int, bool]]:
    return warehouse.rows(
        f"""select {column}, delivery_id, superseded_at is null from staging.{table}
            where organisation = %s and period_end >= '2019-01-01' order by delivery_id, line_number""",
        organisation,
    )


def test_the_same_period_again_replaces_the_period_and_only_the_tables_that_came(staged: FreshWarehouse) -> None:
    again = deliver(
        staged, "council/looked_after_children", YEAR, "period", {"episodes": [{"child": "C1", "decom": "05/02/2019"}]}
    )
    children = in_force(staged, "stg_ssda903__episodes", "local_person_id")
    assert [(child, force) for child, _, force in children] == [("C1", False), ("C3", False), ("C1", True)]
    assert children[-1][1] == again
    assert staged.rows("select distinct superseded_at is null from staging.stg_ssda903__reviews") == [(True,)]


def test_a_later_snapshot_replaces_the_whole_and_an_earlier_one_that_comes_late_does_not(staged: FreshWarehouse) -> None:
    person = {"local_person_id": "C9", "forename": "Cy", "surname": "Cedar"}
    later = deliver(staged, "council/childrens_person_file", FEBRUARY, "snapshot", {"people": [person]})
    late = deliver(
        staged, "council/childrens_person_file", ("2018-12", date(2018, 12, 1), date(2018, 12, 31)), "snapshot", {"people": [person]},
        accepted_at="2020-08-01",
    )  # fmt: skip
    in_force(staged, "stg_person_file__people", "local_person_id")
    assert staged.rows(
        """select delivery_id, superseded_at is null, superseded_at = accepted_at from staging.stg_person_file__people
           where delivery_id in (%s, %s) order by delivery_id""",
        later, late,
    ) == [(later, True, None), (late, False, True)]  # fmt: skip


def test_a_later_window_replaces_the_events_that_it_covers(staged: FreshWarehouse) -> None:
    def event(start: str, end: str) -> dict[str, str]:
        return {"la_person_unique_identifier": "A7", "event_type": "Service", "event_start_date": start, "event_end_date": end}

    earlier = deliver(staged, "council/adult_social_care", QUARTER, "window",
                      {"events": [event("01/05/2018", "30/06/2018"), event("01/05/2018", ""), event("01/02/2019", "02/02/2019")]},
                      window=(date(2018, 4, 1), date(2019, 3, 31)))  # fmt: skip
    deliver(staged, "council/adult_social_care", ("2019-Q2", date(2019, 4, 1), date(2019, 6, 30)), "window",
            {"events": [event("01/05/2018", "10/07/2018")]}, window=(date(2018, 7, 1), date(2019, 6, 30)))  # fmt: skip
    events = [force for _, delivery_id, force in in_force(staged, "stg_cld__events", "local_person_id") if delivery_id == earlier]
    assert events == [True, False, False]


def test_rows_by_key_replace_rows_of_the_same_key(staged: FreshWarehouse) -> None:
    def home(reference: str, address: str) -> dict[str, str]:
        return {"tenancy_reference": reference, "address": address}

    deliver(staged, "torus/tenancies", FEBRUARY, "key", {"tenancies": [home("K1", "old"), home("K2", "kept")]})
    deliver(
        staged,
        "torus/tenancies",
        FEBRUARY,
        "key",
        {"tenancies": [home("K1", "new"), home("", "no key")]},
        accepted_at="2020-08-01",
    )
    homes = in_force(staged, "stg_housing__tenancies", "address", "torus")
    assert [(address, force) for address, _, force in homes if address] == [
        ("old", False), ("kept", True), ("new", True), ("no key", True),
    ]  # fmt: skip


def test_a_delivery_taken_back_leaves_staging_and_a_revised_one_is_taken_again(staged: FreshWarehouse) -> None:
    people = [{"local_person_id": "C8"}, {"local_person_id": "C9"}]
    delivery_id = deliver(staged, "council/childrens_person_file", FEBRUARY, "snapshot", {"people": people})
    assert len([row for row in in_force(staged, "stg_person_file__people", "local_person_id") if row[1] == delivery_id]) == 2
    with staged.connect() as connection:
        connection.execute("update ledger.delivery set revision = 2 where delivery_id = %s", (delivery_id,))
        connection.execute("delete from landing.person_file__people where local_person_id = 'C8'")
        connection.execute(
            "update ledger.delivery_file set accepted_rows = 1, set_aside_rows = 1 where delivery_id = %s", (delivery_id,)
        )
    assert in_force(staged, "stg_person_file__people", "local_person_id")[-1] == ("C9", delivery_id, True)
    with staged.connect() as connection:
        connection.execute("update ledger.delivery set state = 'withdrawn' where delivery_id = %s", (delivery_id,))
    remaining = in_force(staged, "stg_person_file__people", "local_person_id")
    assert [(person, force) for person, _, force in remaining] == [("C1", True)]


def test_what_is_accepted_while_a_build_runs_is_for_the_next(staged: FreshWarehouse) -> None:
    build_up_to(staged, "staging")
    before = staged_rows(staged, "stg_ssda903__episodes", "local_person_id", "council")
    build_id = builds.start_build()
    again = deliver(
        staged, "council/looked_after_children", YEAR, "period", {"episodes": [{"child": "C1", "decom": "05/02/2019"}]}
    )
    builds.run_layer(build_id, "staging")
    assert staged_rows(staged, "stg_ssda903__episodes", "local_person_id", "council") == before
    assert builds.has_work()
    give_up(staged)
    children = in_force(staged, "stg_ssda903__episodes", "local_person_id")
    assert [child for child, delivery_id, force in children if force and delivery_id == again] == ["C1"]


@pytest.mark.parametrize("change", ["revision = 2", "state = 'withdrawn'"])
def test_what_is_revised_or_withdrawn_while_a_build_runs_is_never_half_in_it(staged: FreshWarehouse, change: str) -> None:
    def change_it() -> None:
        with staged.connect() as connection:
            connection.execute(f"update ledger.delivery set {change} where delivery_id = %s", (delivery_id,))

    people = {"people": [{"local_person_id": "C8"}]}
    delivery_id = deliver(staged, "council/childrens_person_file", FEBRUARY, "snapshot", people)
    build_up_to(staged, "staging")
    build_id = builds.start_build()
    change_it()
    builds.run_layer(build_id, "staging")
    assert (delivery_id,) in staged.rows("select delivery_id from staging.stg_person_file__people")
    give_up(staged)

    delivery_id = deliver(staged, "council/childrens_person_file", FEBRUARY, "snapshot", people, accepted_at="2020-08-01")
    build_id = builds.start_build()
    change_it()
    with pytest.raises(builds.BuildOvertaken, match=f"Delivery {delivery_id} was changed by somebody while build {build_id}"):
        builds.run_layer(build_id, "staging")


def test_an_nhs_number_that_was_taken_away_links_nobody(staged: FreshWarehouse) -> None:
    member = {"person_reference": "H7", "tenancy_reference": "T7", "forename": "Eve", "surname": "Elm"}
    for nhs_number in ("9434765919", ""):
        deliver(staged, "torus/tenancies", FEBRUARY, "snapshot", {"household_members": [member | {"nhs_number": nhs_number}]})
        build_up_to(staged, "staging", "person_records")
        assert staged.rows(
            "select coalesce(nhs_number, '') from intermediate.int_person_records where person_record_id = 'torus/housing/H7'"
        ) == [(nhs_number,)]


def test_an_nhs_number_is_not_forgotten_because_the_latest_row_in_force_came_without_it(staged: FreshWarehouse) -> None:
    stay = {
        "local_patient_identifier": "P7",
        "hospital_provider_spell_number": "S7",
        "start_date_hospital_provider_spell": "2019-01-05",
    }
    deliver(staged, "sthk/admitted_patient_care", FEBRUARY, "period", {"episodes": [stay | {"nhs_number": "9434765919"}]})
    deliver(
        staged, "sthk/admitted_patient_care", ("2019-03", date(2019, 3, 1), date(2019, 3, 31)), "period", {"episodes": [stay]}
    )
    build_up_to(staged, "staging", "person_records")
    assert staged.rows("select nhs_number from intermediate.int_person_records where local_person_id = 'P7'") == [("9434765919",)]


def test_what_rows_say_of_people_is_read_as_the_list_of_who_describes_them_says(staged: FreshWarehouse) -> None:
    stay = {"hospital_provider_spell_number": "S8", "start_date_hospital_provider_spell": "2019-02-05"}
    told = [
        {"patient_name": "Mr John Paul Pine", "date_of_birth": "1900-01-01", "nhs_number": "9434765918"},
        {"patient_name": "PINE, Joan", "date_of_birth": "2099-01-01", "withheld_identity_reason": "02"},
        {"person_given_name": "Ann", "patient_name": "Mr John Paul Pine", "withheld_identity_reason": "03"},
        {"date_of_birth": "1901-01-01"},
        {"date_of_birth": "1800-01-01"},
        {"date_of_birth": "1901-01-02"},
    ]
    february = deliver(staged, "sthk/admitted_patient_care", FEBRUARY, "period", {
        "episodes": [stay | {"local_patient_identifier": f"Q{number}"} | row for number, row in enumerate(told, 1)],
    })  # fmt: skip
    deliver(staged, "council/looked_after_children", YEAR, "period", {
        "header": [{"child": "C7", "sex": "1"}, {"child": "C8", "sex": "1"}],
        "episodes": [{"child": "C7", "rec": "E11"}, {"child": "C8", "rec": "E4A"}],
    })  # fmt: skip
    with staged.connect() as connection:
        connection.execute(
            """insert into ledger.finding (delivery_id, file_id, line_number, table_name, column_name, rule, if_broken)
               select delivery_id, file_id, 2, 'episodes', 'nhs_number', 'episodes.NHS Number.nhs_number', 'set the value aside'
               from ledger.delivery_file where delivery_id = %s""",
            (february,),
        )
    build_up_to(staged, "staging", "person_records")

    # Names on one line; birth dates that systems fill in and one to come; the number that is nobody's, as it was sent.
    assert staged.rows(
        """select forename, middle_name, surname, born_on, nhs_number, raw_nhs_number from intermediate.int_person_descriptions
           where person_record_id like 'sthk/apc/Q%%' and is_current order by person_record_id"""
    ) == [
        ("John", "Paul", "Pine", None, None, "9434765918"),
        ("Joan", None, "PINE", None, None, None),
        ("Ann", None, "Pine", None, None, None),
        (None, None, None, None, None, None),
        (None, None, None, None, None, None),
        (None, None, None, date(1901, 1, 2), None, None),
    ]  # fmt: skip
    # Who may live under another identity: identity withheld at the Caldicott guardian's request, and a child that was adopted.
    assert staged.rows("select person_record_id from intermediate.int_person_records where has_identity_change order by 1") == [
        ("council/person_file/C7",),
        ("sthk/apc/Q2",),
    ]


def test_a_failed_test_fails_the_build_and_what_was_published_stays(staged: FreshWarehouse, built: Built) -> None:
    delivery_id = deliver(
        staged, "council/childrens_person_file", FEBRUARY, "snapshot", {"people": [{"local_person_id": "ZEBRA"}]}
    )
    with staged.connect() as connection:
        connection.execute(
            "update ledger.delivery_file set received_rows = 2, landed_rows = 2, accepted_rows = 2 where delivery_id = %s",
            (delivery_id,),
        )
    build_id = builds.start_build()
    with pytest.raises(builds.BuildError, match="holds_each_accepted_row_once_stg_person_file__people") as failure:
        builds.run_layer(build_id, "staging")
    assert "ZEBRA" not in str(failure.value)
    assert staged.rows("select state from ledger.build where build_id = %s", build_id) == [("failed",)]
    assert builds.published_build() == built.build_id
    assert staged.rows("select count(*) > 0 from insight.persons", role="analyst") == [(True,)]


def test_every_model_has_a_yml_beside_it_and_says_its_grain_first() -> None:
    for model in (settings.DBT_PROJECT / "models").rglob("*.sql"):
        assert model.with_suffix(".yml").exists(), model.name
        assert Path(model).read_text().startswith("-- One row for each "), model.name


def test_every_column_is_described_and_every_mart_says_for_whom_for_what_and_without_what() -> None:
    for path in (settings.DBT_PROJECT / "models").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            assert model["description"] and all(column["description"] for column in model["columns"]), model["name"]
            if "marts" in path.parts:
                assert {"reader", "purpose", "leaves_out", "agreement"} <= model["config"]["meta"].keys(), model["name"]
