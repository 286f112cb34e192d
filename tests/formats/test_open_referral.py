"""The directory of voluntary services as Open Referral UK writes it."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from beside_the_clone import SAMPLES
from cares import contracts
from end_to_end.receiving import sign_agreement
from formats.examples import accept, stage
from fresh_warehouse import FreshWarehouse

DIRECTORY = "halton_st_helens_vca/services"
SAMPLE = SAMPLES / "openreferral"


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse) -> FreshWarehouse:
    """One snapshot of a small directory."""
    sign_agreement(DIRECTORY)
    accept(DIRECTORY, "open_referral/directory", "2024-Q2")
    stage()
    return warehouse_of_module


def test_a_service_says_whose_it_is_whether_it_is_open_and_for_which_ages(staged: FreshWarehouse) -> None:
    services = staged.rows(
        "select service_id, organisation_id, name, status, minimum_age_years, maximum_age_years, assured_on, changed_at "
        "from staging.stg_open_referral__services order by service_id"
    )
    assert services == [
        ("SER1", "ORG1", "Befriending", "active", 55, None, date(2024, 5, 1), datetime(2024, 5, 1, 9, 30, tzinfo=UTC)),
        (
            "SER2", "ORG2", "Woodwork mornings", "temporarily closed", 18, 100, date(2024, 2, 11),
            datetime(2024, 6, 3, 16, 0, 0, 250_000, tzinfo=UTC),
        ),
        ("SER3", "ORG9", "Lunch club", "active", None, None, None, None),
    ]  # fmt: skip


def test_a_service_of_an_unknown_organisation_is_found_and_kept(staged: FreshWarehouse) -> None:
    found = staged.rows("select rule, line_number from ledger.finding where table_name = 'services'")
    assert found == [("services.organization_id.refers_to", 5)]


def test_a_telephone_number_that_is_none_is_set_aside(staged: FreshWarehouse) -> None:
    found = staged.rows("select rule, line_number from ledger.finding where table_name = 'phones'")
    assert found == [("phones.number.filled", 3)]
    assert staged.rows("select phone from staging.stg_open_referral__phones") == [("01744 000001 ext. 2",)]


def test_a_service_leads_to_its_place_opening_times_telephone_and_terms(staged: FreshWarehouse) -> None:
    place = staged.rows(
        "select address.postcode, schedule.frequency, repeats_after, days_of_week, opens_at_time, closes_at_time "
        "from staging.stg_open_referral__service_at_locations as pair "
        "join staging.stg_open_referral__addresses as address using (location_id) "
        "join staging.stg_open_referral__schedules as schedule using (service_at_location_id) "
        "where pair.service_id = 'SER2'"
    )
    assert place == [("WA11 0XX", "WEEKLY", 2, "MO,TH", time(9, 30), time(12, 0))]
    reached = staged.rows(
        "select phone.phone, area.name, term.name, wider.name from staging.stg_open_referral__services as service "
        "join staging.stg_open_referral__contacts using (service_id) "
        "join staging.stg_open_referral__phones as phone using (contact_person_id) "
        "join staging.stg_open_referral__service_areas as area using (service_id) "
        "join staging.stg_open_referral__attributes as attribute on attribute.described_id = service.service_id "
        "join staging.stg_open_referral__taxonomy_terms as term using (term_id) "
        "join staging.stg_open_referral__taxonomy_terms as wider on wider.term_id = term.wider_term_id"
    )
    assert reached == [("01744 000001 ext. 2", "St Helens", "Befriending", "Company")]


def test_prices_are_counted_and_go_no_further(staged: FreshWarehouse) -> None:
    counted = staged.rows(
        "select table_name, received_rows, landed_rows, not_needed_rows from ledger.delivery_file where not_needed_rows is not null"
    )
    assert counted == [("cost_option", 1, 0, 1)]
    assert staged.rows("select to_regclass('landing.open_referral__cost_option')") == [(None,)]


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the published example is not beside this clone")
def test_the_published_example_is_taken_with_all_its_tables_and_columns(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    schema = json.loads((SAMPLE / "datapackage.json").read_text(encoding="utf-8"))
    published = {resource["name"]: resource["path"] for resource in schema["resources"]}
    directory = contracts.load().feed(DIRECTORY).format
    assert {directory.table_of_stem.get(contracts.normalised(name)) for name in published} == set(directory.recognised("3"))

    for file in published.values():
        shutil.copy(SAMPLE / file, tmp_path)
    sign_agreement(DIRECTORY)
    accept(DIRECTORY, tmp_path, "2024-Q2")

    assert warehouse.rows("select reason from ledger.delivery_event where event = 'columns left out'") == []
    rows = 0
    for file in published.values():
        with (SAMPLE / file).open(encoding="utf-8", newline="") as stream:
            rows += len(list(csv.DictReader(stream)))
    assert warehouse.rows("select sum(received_rows) from ledger.delivery_file") == [(rows,)]
