"""Original files of every kind are written anew without the rows of whoever is erased, and can still be taken in."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from cares import deliveries, erasing, removals, retention, settings, tombstones
from cares.cli import typer_app
from cares.contracts import FileShape
from cares.governance import holds
from end_to_end.receiving import AS_PROMISED, EXTRACTS, sign_agreement
from fresh_warehouse import FreshWarehouse

CHILDREN, HOUSING = "council/looked_after_children", "torus/tenancies"


def original(warehouse: FreshWarehouse, delivery_id: int, ending: str) -> Path:
    rows = warehouse.rows(
        "select stored_as from ledger.delivery_file where delivery_id = %s and file_name like %s", delivery_id, f"%{ending}"
    )
    return settings.VAR / "store" / rows[0][0]


def adds_up(warehouse: FreshWarehouse) -> bool:
    return warehouse.rows(
        "select bool_and(landed_rows = accepted_rows + set_aside_rows + erased_rows) from ledger.delivery_file where landed_rows is not null"
    ) == [(True,)]


def blanked(path: Path, shape: FileShape, lines: set[int]) -> bytes:
    tombstones._blank_lines(path, shape, lines, lambda values: False)
    return path.read_bytes()


def test_other_lines_keep_their_numbers_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,x\r\n2,y\r\n3,\xc3\xb1\r\n")
    assert blanked(path, FileShape(), {3}) == b"\xef\xbb\xbfa,b\r\n1,x\r\n\r\n3,\xc3\xb1\r\n"


def test_a_row_that_runs_over_lines_goes_with_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b\n1,"first\nsecond"\n2,y\n')
    assert blanked(path, FileShape(), {2}) == b"a,b\n\n\n2,y\n"


def test_a_last_line_that_counts_rows_counts_those_that_are_left(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,x\n2,y\nTRAILER,2\n")
    assert blanked(path, FileShape(trailer="TRAILER"), {2}) == b"a,b\n\n2,y\nTRAILER,1\n"


def test_a_file_in_another_encoding_stays_in_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("a,b\n1,ñ\n2,y\n".encode("cp1252"))
    assert blanked(path, FileShape(encoding="cp1252"), {3}) == "a,b\n1,ñ\n\n".encode("cp1252")
    path.write_text("a,b\n1,ñ\n2,y\n", encoding="utf-16")
    assert blanked(path, FileShape(encoding="utf-16"), {2}).decode("utf-16") == "a,b\n\n2,y\n"


def test_a_child_is_taken_out_of_an_xml_file(warehouse: FreshWarehouse) -> None:
    sign_agreement(CHILDREN)
    xml = EXTRACTS / "ssda903" / "as_xml" / "ssda903.xml"
    decision = deliveries.receive(CHILDREN, [xml], "2018-19")
    (child,) = warehouse.rows("select child from landing.ssda903__header order by 1 limit 1")[0]
    erasing.erase(f"council/person_file/{child}", "a test")
    assert f">{child}<" in xml.read_text()
    assert child not in original(warehouse, decision.delivery_id, ".xml").read_text()
    assert warehouse.rows("select count(*) from landing.ssda903__episodes where child = %s", child) == [(0,)]
    deliveries.replay(decision.delivery_id, "a test")
    assert warehouse.rows("select count(*) from landing.ssda903__header where child = %s", child) == [(0,)]
    assert warehouse.rows("select count(*) > 0 from landing.ssda903__header") == [(True,)]
    assert adds_up(warehouse)


def test_a_tenant_is_taken_out_of_a_workbook_and_comes_back_in_none(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    sign_agreement(HOUSING)
    in_workbook(AS_PROMISED, tmp_path / "march.xlsx")
    decision = deliveries.receive(HOUSING, [tmp_path / "march.xlsx"], "2019-03")
    assert decision.state == "accepted", decision.reason
    erasing.erase("torus/housing/M002", "a test")
    kept = openpyxl.load_workbook(original(warehouse, decision.delivery_id, ".xlsx").open("rb"))
    values = {str(cell) for sheet in kept.worksheets for row in sheet.iter_rows(values_only=True) for cell in row}
    assert "M001" in values
    assert not {"M002", "T002", "Nuñez"} & values
    replayed = deliveries.replay(decision.delivery_id, "a test")
    assert replayed.state == "accepted", replayed.reason
    again = deliveries.receive(HOUSING, [tmp_path / "march.xlsx"], "2019-04")
    assert again.state == "accepted", again.reason
    assert warehouse.rows("select count(*) from landing.housing__household_members where surname = 'Nuñez'") == [(0,)]
    assert adds_up(warehouse)


def test_a_file_that_was_never_landed_is_cleaned_too(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    sign_agreement(HOUSING)
    deliveries.receive(HOUSING, AS_PROMISED, "2019-03")
    for path in AS_PROMISED:
        text = path.read_text()
        (tmp_path / path.name).write_text(text.replace("Address", "Adress") if path.stem == "tenancies" else text)
    rejected = deliveries.receive(HOUSING, sorted(tmp_path.iterdir()), "2019-04")
    assert rejected.state == "rejected"
    assert "Nuñez" in original(warehouse, rejected.delivery_id, "household_members.csv").read_text()
    erasing.erase("torus/housing/M002", "a test")
    assert "Nuñez" not in original(warehouse, rejected.delivery_id, "household_members.csv").read_text()
    rejected_later = deliveries.receive(HOUSING, sorted(tmp_path.iterdir()), "2019-05")
    kept = original(warehouse, rejected_later.delivery_id, "household_members.csv").read_text()
    assert "Nuñez" not in kept
    assert "M001" in kept


def in_workbook(paths: Sequence[Path], workbook: Path) -> Path:
    """The rows of files of text as the sheets of a workbook."""
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for path in paths:
        sheet = made.create_sheet(path.stem)
        for line in path.read_text().splitlines():
            sheet.append(next(iter(csv.reader([line]))))
    made.save(workbook)
    return workbook


def told_of_deleted(warehouse: FreshWarehouse, delivery_id: int) -> int:
    return len(
        warehouse.rows("select from ledger.delivery_event where delivery_id = %s and event = 'original deleted'", delivery_id)
    )


def test_an_original_that_cannot_be_read_any_more_is_deleted_whole_and_the_command_and_the_ledger_say_so(
    warehouse: FreshWarehouse, tmp_path: Path
) -> None:
    sign_agreement(HOUSING)
    landed = deliveries.receive(HOUSING, [in_workbook(AS_PROMISED, tmp_path / "march.xlsx")], "2019-03")
    for path in AS_PROMISED:
        (tmp_path / path.name).write_text(path.read_text().replace("Address", "Adress"))
    never_landed = deliveries.receive(HOUSING, [in_workbook(sorted(tmp_path.glob("*.csv")), tmp_path / "april.xlsx")], "2019-04")
    assert never_landed.state == "rejected"
    originals = [original(warehouse, one.delivery_id, ".xlsx") for one in (landed, never_landed)]
    for path in originals:
        path.write_bytes(b"PK no workbook any more")
    run = CliRunner().invoke(typer_app, ["erase", "--ground", "a test", "--yes"], input="torus/housing/M002\n")
    assert f"Originals of deliveries {landed.delivery_id}, {never_landed.delivery_id} could not be read" in run.output
    assert not any(path.exists() for path in originals)
    for one in (landed, never_landed):
        assert told_of_deleted(warehouse, one.delivery_id) == 1
        with pytest.raises(deliveries.DeliveryError, match="are not kept any more"):
            deliveries.replay(one.delivery_id, "a test")
    assert warehouse.rows("select count(*) from landing.housing__household_members where surname = 'Nuñez'") == [(0,)]
    assert adds_up(warehouse)


def test_originals_stay_where_an_exit_comes_to_nothing_and_go_when_it_is_committed(warehouse: FreshWarehouse) -> None:
    sign_agreement(HOUSING)
    decision = deliveries.receive(HOUSING, AS_PROMISED, "2019-03")
    path = original(warehouse, decision.delivery_id, "tenancies.csv")
    certificates = settings.VAR / "certificates"
    shutil.rmtree(certificates, ignore_errors=True)
    # The certificate cannot be written, which is the last thing before the commit.
    certificates.write_text("")
    try:
        with pytest.raises(OSError):
            erasing.erase_feeds([HOUSING], "exit", "A test.", "a test")
    finally:
        certificates.unlink()
    assert path.is_file()
    assert warehouse.rows("select count(*) > 0 from landing.housing__tenancies") == [(True,)]
    erasing.erase_feeds([HOUSING], "exit", "A test.", "a test")
    assert not path.parent.exists()
    with pytest.raises(deliveries.DeliveryError, match="are not kept any more"):
        deliveries.replay(decision.delivery_id, "a test")


def test_what_an_interruption_left_lying_after_the_commit_goes_with_the_next_run_of_retention(warehouse: FreshWarehouse) -> None:
    folder = settings.var_folder("store", "4711")
    (folder / "1").write_text("Nuñez")
    with warehouse.connect() as connection:
        removals.remove_later(connection, folder)
    retention.run()
    assert not folder.exists()
    assert warehouse.rows("select count(*) from ledger.path_to_remove") == [(0,)]


def test_an_erasure_that_a_hold_on_a_feed_stops_leaves_no_tombstone(warehouse: FreshWarehouse) -> None:
    sign_agreement(HOUSING)
    deliveries.receive(HOUSING, AS_PROMISED, "2019-03")
    holds.add(HOUSING, "an inquiry")
    with pytest.raises(erasing.ErasingError, match="Legal hold"):
        erasing.erase("torus/housing/M002", "a test")
    assert warehouse.rows("select count(*) from governance.tombstone") == [(0,)]


@pytest.mark.parametrize("missing", ["tombstones.key"])
def test_without_the_key_nothing_is_landed(warehouse: FreshWarehouse, missing: str) -> None:
    sign_agreement(HOUSING)
    deliveries.receive(HOUSING, AS_PROMISED, "2019-03")
    erasing.erase("torus/housing/M002", "a test")
    key = settings.VAR / "secrets" / missing
    secret = key.read_text()
    key.unlink()
    try:
        with pytest.raises(tombstones.TombstoneError, match="Put it back from your own backup"):
            deliveries.receive(HOUSING, AS_PROMISED, "2019-04")
    finally:
        key.write_text(secret)
        key.chmod(0o600)
