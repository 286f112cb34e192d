"""A format that is not there yet touches its contracts, its staging models and one entry in the list of who describes people."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from difflib import ndiff
from pathlib import Path

import pytest

from cares import builds, contracts, deliveries, settings
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse

CONTRACTS = {
    "formats/pharmacy/format.yml": """\
# yaml-language-server: $schema=../../schemas/format.schema.json
title: Medicines dispensed
published_by: St Helens Cares
source: our own format
facts: ours
versions:
  1: {from_period_ending: 2018-01-01}
""",
    "formats/pharmacy/dispensings.yml": """\
# yaml-language-server: $schema=../../schemas/table.schema.json
title: Dispensings
each_row_is: one medicine given to one person on one day
source: our own format
key: [Dispensing Number]
replaces: period
columns:
  Dispensing Number:
    means: the pharmacy's own number of the dispensing
    we_expect: [filled]
    if_broken: set the row aside
    needed_for: [direct care]
  Customer Number:
    means: the pharmacy's own number of the person
    we_expect: [filled]
    if_broken: set the row aside
    needed_for: [direct care]
  NHS Number:
    means: the person's NHS number
    we_expect: [nhs_number]
    if_broken: set the value aside
    needed_for: [direct care]
  Surname:
    means: the person's surname
    needed_for: [direct care]
  Medicine:
    means: what was given
    needed_for: [direct care]
  Dispensed On:
    means: the day
    we_expect: [uk_date, not_in_future]
    if_broken: set the row aside
    needed_for: [direct care]
""",
    "pharmacies/organisation.yml": """\
# yaml-language-server: $schema=../schemas/organisation.schema.json
name: St Helens pharmacies
kind: pharmacies
data_owner: superintendent pharmacist
""",
    "pharmacies/dispensings.yml": """\
# yaml-language-server: $schema=../schemas/feed.schema.json
title: Medicines dispensed in St Helens
sends: pharmacy
sent_by: the pharmacies' head office
allowed_by: St Helens Cares data sharing agreement, schedule 17
arrives: {by: folder, every: month, due_days_after_period: 7}
""",
}
STAGING = {
    "models/staging/pharmacy/stg_pharmacy__dispensings.sql": """\
-- One row for each medicine given to a person.
select
    {{ delivery_columns() }},
    {{ clean_text('dispensing_number') }} as dispensing_id,
    {{ clean_text('customer_number') }} as local_person_id,
    {{ clean_nhs_number('nhs_number') }} as nhs_number,
    {{ clean_text('surname') }} as surname,
    {{ clean_text('medicine') }} as medicine,
    {{ clean_date('dispensed_on') }} as dispensed_on
{{ from_new_deliveries('pharmacy', 'dispensings') }}
""",
    "models/staging/pharmacy/stg_pharmacy__dispensings.yml": """\
version: 2

sources:
  - name: accepted
    tables:
      - name: pharmacy__dispensings

models:
  - name: stg_pharmacy__dispensings
    description: Medicines dispensed.
    config:
      meta: {reader: the pipeline only, purpose: [direct care]}
    data_tests: [holds_each_accepted_row_once]
    columns:
      - {name: dispensing_id, data_type: text, description: "The dispensing in the pharmacy's own numbering."}
      - {name: local_person_id, data_type: text, description: "The person in the pharmacy's own numbering."}
      - {name: nhs_number, data_type: text, description: "NHS number, if it could be somebody's."}
      - {name: surname, data_type: text, description: "Surname."}
      - {name: medicine, data_type: text, description: "What was given."}
      - {name: dispensed_on, data_type: date, description: "Day on which it was given."}
""",
}
WHO_DESCRIBES_PEOPLE = "models/intermediate/person_index/int_person_rows.sql"
ENTRY = """
union all

{{ person_rows(ref('stg_pharmacy__dispensings'), 'pharmacy', {
    'nhs_number': 'nhs_number', 'surname': 'surname', 'described_on': 'dispensed_on'}) }}
"""
SENT = """\
Dispensing Number,Customer Number,NHS Number,Surname,Medicine,Dispensed On
1,C1,999 000 0018,Ash,Aspirin,04/03/2019
2,C1,999 000 0018,Ash,Ramipril,04/03/2019
3,C2,,Birch,Aspirin,05/03/2019
"""


@pytest.fixture
def expectations(tmp_path: Path) -> Path:
    """The contracts with the new format and an organisation that sends it."""
    return with_files(shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations"), CONTRACTS)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The dbt project with the new staging model and the entry in the list of who describes people."""
    project = with_files(shutil.copytree(settings.DBT_PROJECT, tmp_path / "dbt_project"), STAGING)
    listed = (project / WHO_DESCRIBES_PEOPLE).read_text(encoding="utf-8")
    (project / WHO_DESCRIBES_PEOPLE).write_text(listed + ENTRY, encoding="utf-8")
    return project


def with_files(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def changed(before: Path, after: Path) -> set[str]:
    """The files that differ, by their path."""

    def contents(root: Path) -> dict[str, bytes]:
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    old, new = contents(before), contents(after)
    return {name for name in old | new if old.get(name) != new.get(name)}


def test_a_new_format_touches_its_contracts_its_staging_and_one_entry(expectations: Path, project: Path) -> None:
    assert changed(settings.EXPECTATIONS, expectations) == CONTRACTS.keys()
    assert changed(settings.DBT_PROJECT, project) == {*STAGING, WHO_DESCRIBES_PEOPLE}

    before, after = ((root / WHO_DESCRIBES_PEOPLE).read_text(encoding="utf-8") for root in (settings.DBT_PROJECT, project))
    difference = [line for line in ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)) if line[0] != " "]
    assert "".join(line[2:] for line in difference) == ENTRY
    assert {line[0] for line in difference} == {"+"}


def test_its_people_stand_among_the_person_records_without_another_line(
    expectations: Path, project: Path, warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    everything = contracts.load(expectations)
    monkeypatch.setattr(contracts, "load", lambda: everything)
    monkeypatch.setattr(builds, "DBT_PROJECT", project)
    monkeypatch.setattr(builds, "_manifests", {})
    monkeypatch.setattr(builds, "var_folder", folder_below(tmp_path / "var"))
    sign_agreement("pharmacies/dispensings")
    (tmp_path / "dispensings.csv").write_text(SENT, encoding="utf-8")

    decision = deliveries.receive("pharmacies/dispensings", [tmp_path / "dispensings.csv"], "2019-03")
    build_id = builds.start_build()
    builds.run_layer(build_id, "staging")
    builds.run_layer(build_id, "person_records")

    assert decision.state == "accepted"
    assert warehouse.rows("select dispensing_id, medicine from staging.stg_pharmacy__dispensings order by 1") == [
        ("1", "Aspirin"), ("2", "Ramipril"), ("3", "Aspirin"),
    ]  # fmt: skip
    assert warehouse.rows("select person_record_id, nhs_number, surname from intermediate.int_person_records order by 1") == [
        ("pharmacies/pharmacy/C1", "9990000018", "Ash"),
        ("pharmacies/pharmacy/C2", None, "Birch"),
    ]


def folder_below(root: Path) -> Callable[..., Path]:
    """dbt's own files of a project that is not the real one lie apart."""

    def var_folder(*parts: str) -> Path:
        (root.joinpath(*parts)).mkdir(parents=True, exist_ok=True)
        return root.joinpath(*parts)

    return var_folder
