"""A sharing agreement is recorded as it was signed, by whom, or refused with the place and the remedy."""

from __future__ import annotations

import os
import pwd
from datetime import date, timedelta
from pathlib import Path

import pytest

from cares.governance import agreements
from cares.governance.agreements import Agreement, AgreementError
from fresh_warehouse import FreshWarehouse

HEADER = ",".join(agreements.COLUMNS)
GOOD = "Schedule 4,torus/tenancies,direct care;planning,2018-08-01,2018-09-01,2030-03-31,stop"
SIGNED = Agreement(
    "Schedule 4", "torus/tenancies", ("direct care", "planning"), date(2018, 8, 1), date(2018, 9, 1), date(2030, 3, 31)
)


def read(folder: Path, *lines: str | bytes) -> list[Agreement]:
    path = folder / "agreements.csv"
    path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
    return agreements.read(path)


def test_a_file_of_agreements_is_read_as_it_was_signed(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + HEADER, GOOD, "", GOOD.replace("Schedule 4", " Schedule 5 "))[0] == SIGNED


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        (",2030-03-31,stop", "", "found 5 values, expected 7: agreement, feed, purposes"),
        ("stop", "stop,more", "found 8 values, expected 7"),
        ("Schedule 4", "  ", "agreement: is empty"),
        ("Schedule 4", "Schedule\x004", "agreement: is empty or has a character that cannot be printed"),
        ("tenancies", "tenancy", "feed: there is no feed 'torus/tenancy'; use one of bridgewater/community_services, "),
        ("planning", "marketing", "purposes: found 'marketing'; use direct care, planning, board reporting"),
        ("direct care;planning", "", "purposes: found ''; use direct care, planning, board reporting"),
        ("2018-08-01", "2099-01-01", "signed_on: 2099-01-01 is in the future; record the agreement once it is signed"),
        ("2018-08-01", "", "signed_on: write a day that exists, like 2019-03-31"),
        ("2018-08-01", "20180801", "signed_on: write a day that exists, like 2019-03-31"),
        ("2018-09-01", "2018-13-01", "in_force_from: write a day that exists, like 2019-03-31"),
        ("2030-03-31", "for ever", "in_force_until: write a day that exists, like 2019-03-31"),
        ("2030-03-31", "2018-08-31", "in_force_until: the agreement ends before it begins"),
        ("stop", "burn", "on_ending: found 'burn'; use stop, keep until, delete"),
        ("stop", '"stop', "not a line of CSV"),
    ],
)
def test_a_faulty_row_is_named_with_file_line_and_remedy(tmp_path: Path, was: str, becomes: str, problem: str) -> None:
    assert was in GOOD
    with pytest.raises(AgreementError) as refused:
        read(tmp_path, HEADER, GOOD.replace("Schedule 4", "Schedule 3"), GOOD.replace(was, becomes))
    assert str(refused.value).startswith(f"agreements.csv: line 3: {problem}")


def test_all_faulty_rows_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(AgreementError) as refused:
        read(tmp_path, HEADER, GOOD.replace("stop", "burn"), GOOD.replace("Schedule 4", ""), "short")
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == ["line 2", "line 3", "line 4"]


def test_an_agreement_that_stands_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgreementError, match="line 3: line 2 records this agreement for torus/tenancies already"):
        read(tmp_path, HEADER, GOOD, GOOD)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "line 1: expected the columns agreement,feed,purposes"),
        (["agreement;feed", GOOD], "line 1: expected the columns agreement,feed,purposes"),
        ([HEADER], "line 2: no agreement follows the header"),
        ([HEADER, GOOD, b"Sch\xe9dule"], "line 3: a byte is not UTF-8; save the file as CSV in UTF-8"),
    ],
)
def test_a_file_that_is_no_list_of_agreements_is_refused(tmp_path: Path, lines: list[str | bytes], problem: str) -> None:
    with pytest.raises(AgreementError, match=problem):
        read(tmp_path, *lines)


def test_a_signature_in_the_future_opens_no_gate(warehouse: FreshWarehouse) -> None:
    soon = date.today() + timedelta(days=2)
    with pytest.raises(AgreementError, match="is in the future"):
        agreements.sign(SIGNED, Agreement("Schedule 9", "torus/tenancies", ("planning",), soon, soon))
    assert warehouse.rows("select count(*) from governance.sharing_agreement") == [(0,)]


def test_who_signed_is_recorded_by_name_and_may_come_into_force_later(warehouse: FreshWarehouse) -> None:
    later = Agreement("Schedule 4", "torus/tenancies", ("planning",), date(2018, 8, 1), date.today() + timedelta(days=9))
    agreements.sign(SIGNED)
    agreements.sign(later)
    (entry,) = agreements.recorded()
    assert entry.agreement == later
    assert entry.by == f"{pwd.getpwuid(os.getuid()).pw_name} (cares_pipeline)"
