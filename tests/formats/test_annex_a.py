"""Annex A, the workbook for an inspection of children's services: contacts are taken in, the other lists are counted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import openpyxl
import pytest

from cares import contracts
from end_to_end.receiving import sign_agreement
from formats.examples import accept, stage
from fresh_warehouse import FreshWarehouse

FEED = "council/childrens_contacts"
FIRST, SECOND = "2019-09", "2019-10"  # April to September, and May to October 2019

HEADERS = ("Child Unique ID", "Gender", "Ethnicity", "Date of Birth", "Age of Child (Years)", "Date of Contact", "Contact Source")
SISTER = ("C1", "b) Female", "a) WBRI", date(2012, 3, 4), 7)
BROTHER = ("C2", "a) Male", "s) NOBT", date(2015, 6, 7), 4)
UNBORN = ("C3", "c) Not stated/recorded", "s) REFU", None, None)

BY_THE_SCHOOL_IN_APRIL = (*SISTER, date(2019, 4, 3), "e) 2A: Schools")
BY_THE_EMERGENCY_DEPARTMENT = (*SISTER, date(2019, 9, 20), "k) 3E: Health services")
BY_THE_POLICE = (*BROTHER, date(2019, 9, 21), "q) 6: Police")
BY_EARLY_HELP = (*UNBORN, date(2019, 10, 2), "p1) 5D: LA services")
BY_NOBODY_KNOWN = (*BROTHER, date(2019, 10, 3), "a colleague")


def workbook(folder: Path, *contacts: tuple[object, ...]) -> Path:
    """The folder with a workbook as the council keeps it: contacts on the first sheet, eight children in need on the sixth."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number in range(1, 12):
        sheet = book.create_sheet(f"List {number}")
        if number == 1:
            sheet.append(HEADERS)
            for contact in contacts:
                sheet.append(contact)
        else:
            sheet.append((*HEADERS[:5], "Allocated Team"))
            for child in range(8 if number == 6 else 0):
                sheet.append((f"N{child}", "a) Male", "a) WBRI", date(2010, 1, 2), 9, "East"))
    book.save(folder / "annex_a.xlsx")
    return folder


@pytest.fixture(scope="module")
def staged(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> FreshWarehouse:
    """Two workbooks received, the second a month later and without the contact of the police, and staged."""
    sign_agreement(FEED)
    for period, contacts in (
        (FIRST, (BY_THE_SCHOOL_IN_APRIL, BY_THE_EMERGENCY_DEPARTMENT, BY_THE_POLICE)),
        (SECOND, (BY_THE_EMERGENCY_DEPARTMENT, BY_EARLY_HELP, BY_NOBODY_KNOWN)),
    ):
        accept(FEED, workbook(tmp_path_factory.mktemp(period), *contacts), period)
    stage("person_records")
    return warehouse_of_module


def test_all_eleven_lists_are_recognised_and_only_the_contacts_are_landed() -> None:
    lists = contracts.load().formats["annex_a"]
    assert list(lists.tables) == ["contacts"]
    sheets = {lists.table_of_stem[contracts.normalised(f"List {number}")] for number in range(1, 12)}
    assert sheets == {"contacts", *lists.file.counted_only}


def test_contacts_in_force_are_those_of_the_latest_six_months_and_the_ones_before(staged: FreshWarehouse) -> None:
    assert staged.rows(
        """select local_person_id, sex_code, ethnicity_code, born_on::text, contacted_on::text, contact_source
           from staging.stg_annex_a__contacts where superseded_at is null order by contacted_on"""
    ) == [
        ("C1", "F", "WBRI", "2012-03-04", "2019-04-03", "e) 2A: Schools"),
        ("C1", "F", "WBRI", "2012-03-04", "2019-09-20", "k) 3E: Health services"),
        ("C3", None, "REFU", None, "2019-10-02", "p1) 5D: LA services"),
        ("C2", "M", "NOBT", "2015-06-07", "2019-10-03", "a colleague"),
    ]


def test_a_source_that_is_not_on_the_list_is_found(staged: FreshWarehouse) -> None:
    assert staged.rows("select rule, line_number from ledger.finding") == [("contacts.Contact Source.one_of", 4)]


def test_the_rows_of_the_other_lists_are_counted(staged: FreshWarehouse) -> None:
    counted = staged.rows(
        """select table_name, sum(received_rows)::int from ledger.delivery_file
           group by table_name having sum(received_rows) > 0 order by table_name"""
    )
    assert counted == [("children_in_need", 16), ("contacts", 6)]


def test_a_child_of_the_list_is_the_child_of_the_person_file(staged: FreshWarehouse) -> None:
    records = staged.rows("select person_record_id, described_by, sex_code from intermediate.int_person_records order by 1")
    assert records == [
        ("council/person_file/C1", "annex_a", "F"),
        ("council/person_file/C2", "annex_a", "M"),
        ("council/person_file/C3", "annex_a", None),
    ]
