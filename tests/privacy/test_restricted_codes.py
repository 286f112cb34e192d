"""Restricted codes: care that holds one is withheld, wherever the code stands; it is counted by rule, never by code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds
from cares.cli import typer_app
from cares.governance import permissions, restricted_codes
from cares.governance.restricted_codes import RestrictedCodeError
from cares.reports import quality_report
from cares.settings import DBT_PROJECT
from fresh_warehouse import FreshWarehouse
from privacy.people import ADA, BOB, CAT, DAN, EVE, FLO, GUS, JANUARY, items, listed, send_episodes

# Kinds of care events without a code of their own.
NOT_CODED = {"tenancy/"}
STAY = [("sthk", "hospital stay")]
RULE = "  {name}:\n    because: of this test\n    source: this test\n    codes:\n      {system}: {{{codes}}}\n"


@pytest.fixture(scope="module")
def borough(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """Stays with a restricted code in the last diagnosis, a later procedure, the clinic and a later episode; and a GP's problem."""
    warehouse = warehouse_of_module
    send_episodes(
        warehouse,
        ADA.episode(primary_diagnosis_icd="I10", secondary_diagnosis_icd_23="Z31.2"),
        BOB.episode(primary_procedure_opcs="W37.1", procedure_opcs_24="Q13.1"),
        CAT.episode(primary_diagnosis_icd="I10", treatment_function_code="360"),
        DAN.episode(primary_diagnosis_icd="J44.9"),
        EVE.episode(primary_diagnosis_icd="I10"),
        EVE.episode(episode_number="2", start_date_consultant_episode="2019-01-06", secondary_diagnosis_icd_1="F64.0 D"),
    )
    deliver(warehouse, "gp_practices/summary", JANUARY, "key", {
        "registrations": [{
            "practice_code": "N83001", "patient_id": one.key, "nhs_number": one.nhs_number, "forename": one.forename,
            "surname": one.surname, "date_of_birth": f"{one.born:%d/%m/%Y}", "registered_from": "01/01/2000",
        } for one in (FLO, GUS)],
        "problems": [{
            "practice_code": "N83001", "problem_id": f"P{one.key}", "patient_id": one.key, "code": code, "code_system": system,
            "term": "a problem", "onset_date": "01/05/2010",
        } for one, code, system in ((FLO, "76272004", "snomed ct"), (GUS, "38341003", "SNOMED CT"))],
    })  # fmt: skip
    builds.build()
    for one in (ADA, BOB, CAT, DAN, EVE):
        permissions.record(one.hospital_record, "permitted", "asked", decided_by="person", capacity="has capacity")
    for one in (FLO, GUS):
        permissions.record(one.nhs_number, "permitted", "asked", decided_by="person", capacity="has capacity")
    yield warehouse


@pytest.mark.parametrize("someone", [ADA, BOB, CAT, EVE, FLO], ids=["diagnosis", "procedure", "clinic", "episode", "GP problem"])
def test_care_with_a_restricted_code_is_in_nobodys_record_wherever_the_code_stands(borough: FreshWarehouse, someone) -> None:  # type: ignore[no-untyped-def]
    assert items(borough, someone) == []


def test_other_care_stays_in_the_record(borough: FreshWarehouse) -> None:
    assert items(borough, DAN) == STAY
    assert items(borough, GUS) == [("gp_practices", "GP problem")]


def test_analysts_see_it_neither_in_the_timeline_nor_among_the_stays(borough: FreshWarehouse) -> None:
    timeline = borough.rows("select kind from insight.care_timeline order by kind", role="analyst")
    assert timeline == [("GP problem",), ("hospital stay",)]
    assert borough.rows("select count(*) from insight.hospital_stays", role="analyst") == [(1,)]


def test_no_login_but_the_pipeline_learns_which_care_is_restricted(borough: FreshWarehouse) -> None:
    readable = borough.rows(
        """select role.rolname, class.relname from pg_roles as role cross join pg_class as class
           where role.rolname like 'cares\\_%' and not role.rolsuper and role.rolname not in ('cares_pipeline', 'cares_owner')
               and class.relname in ('restricted_care_event', 'restricted_event', 'int_event_codes')
               and has_table_privilege(role.oid, class.oid, 'select')"""
    )
    assert readable == []


def test_it_is_counted_by_rule_never_by_code(borough: FreshWarehouse) -> None:
    counted = {one.rule: one.care_events for one in restricted_codes.withheld()}
    assert counted == {
        "assisted conception": 2,
        "gender recognition": 1,
        "sexual health": 2,
        "termination of pregnancy": 0,
    }
    told = CliRunner().invoke(typer_app, ["restricted-code", "list"]).output
    assert f"Version {restricted_codes.read().version}" in told
    assert re.search(r"sexual health\W+\d+\W+\*", told)
    assert not re.search("Z31|Q13|F64|76272004", told)


def test_the_quality_report_counts_it_by_rule_with_small_numbers_hidden(borough: FreshWarehouse) -> None:
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", quality_report().read_text("utf-8")))
    part = page.partition("Appendix D: care that is held back")[2]
    assert f"version {restricted_codes.read().version}, never by code" in part
    assert re.search(r"assisted conception +\* +gender recognition +\* +sexual health +\* +termination of pregnancy +0 ", part)
    assert not re.search("Z31|Q13|F64|76272004", page)


def test_a_new_version_of_the_list_is_obeyed_at_once(borough: FreshWarehouse, tmp_path: Path) -> None:
    ours = restricted_codes.LIST.read_text("utf-8").partition("rules:")[2]
    with listed(
        tmp_path / "list.yml", "of this test", ours + RULE.format(name="lungs", system="ICD-10", codes="J44*: a disease")
    ):
        restricted_codes.take_up()
        assert (items(borough, DAN), restricted_codes.version_in_force()) == ([], "of this test")
    restricted_codes.take_up()
    assert restricted_codes.version_in_force() == restricted_codes.read().version
    # What was hidden once stays so while a build stands that was made before.
    assert items(borough, DAN) == []


def test_a_reference_set_that_is_delivered_adds_its_codes_to_the_rule_and_they_stay_when_it_is_gone(
    borough: FreshWarehouse, tmp_path: Path
) -> None:
    rule = "  one:\n    because: of this test\n    source: this test\n    lists: [a set]\n"
    codes = "select code_system, code from governance.restricted_code"
    with listed(tmp_path / "list.yml", "with a set", rule), borough.connect() as connection:
        connection.execute(
            """insert into staging.stg_clinical_lists__members (list, code) values ('a set', '38341003'), ('another', '1000')"""
        )
        connection.commit()
        restricted_codes.take_up()
        listed_now = borough.rows(codes)
        hidden = items(borough, GUS)
        connection.execute("delete from staging.stg_clinical_lists__members where list in ('a set', 'another')")
        connection.commit()
        restricted_codes.take_up()
        assert borough.rows(codes) == listed_now
    restricted_codes.take_up()
    assert (listed_now, hidden) == ([("SNOMED CT", "38341003")], [])


def test_where_a_rule_is_nothing_but_a_list_that_never_came_every_code_is_held_back(
    borough: FreshWarehouse, tmp_path: Path
) -> None:
    rule = "  one:\n    because: of this test\n    source: this test\n    lists: [a set that never came]\n"
    with listed(tmp_path / "list.yml", "without its set", rule):
        restricted_codes.take_up()
        ((coded, held_back),) = borough.rows(
            """select count(distinct care_event_id), count(distinct care_event_id) filter (where rule = 'one')
               from intermediate.int_event_codes left join governance.restricted_event using (care_event_id)
               where code_system in ('ICD-10', 'SNOMED CT')"""
        )
        told = " ".join(CliRunner().invoke(typer_app, ["restricted-code", "list"]).output.split())
    assert coded == held_back == 6
    assert "List a set that never came of the rule one was never delivered" in told
    restricted_codes.take_up()


def test_a_changed_list_needs_a_new_version(borough: FreshWarehouse, tmp_path: Path) -> None:
    text = restricted_codes.LIST.read_text("utf-8")
    version, rules = restricted_codes.read().version, text.partition("rules:")[2]
    with listed(tmp_path / "list.yml", version, rules), pytest.raises(RestrictedCodeError, match="Give it a new version"):
        restricted_codes.take_up()


def test_a_wrong_list_names_every_problem(tmp_path: Path) -> None:
    rules = RULE.format(name="one", system="ICD-11", codes="J44: x") + RULE.format(name="two", system="SNOMED CT", codes="1: x")
    with listed(tmp_path / "list.yml", "1", rules + "  three: {because: x, source: ''}\n"):
        with pytest.raises(RestrictedCodeError) as error:
            restricted_codes.read()
    assert str(error.value).splitlines() == [
        f"list.yml: one: found the code system 'ICD-11'; use one of {', '.join(restricted_codes.CODE_SYSTEMS)}",
        'list.yml: two: SNOMED CT: 1 is no text; put it into quotes, as "1"',
        "list.yml: three: source: is empty; say where the codes come from",
        "list.yml: three: has no code; name one, or take the rule away",
    ]


def test_every_kind_of_care_event_tells_its_codes() -> None:
    models = DBT_PROJECT / "models" / "intermediate" / "care_events"
    kinds = set(re.findall(r"^ *'([a-z ]+/)' \|\|", (models / "int_care_events.sql").read_text(), re.MULTILINE))
    coded = set(re.findall(r"^ *'([a-z ]+/)' \|\|", (models / "int_event_codes.sql").read_text(), re.MULTILINE))
    assert kinds - coded == NOT_CODED, "a kind of care event without its codes in int_event_codes could hold a restricted one"
