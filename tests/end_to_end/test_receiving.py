"""A delivery from the file to the decision, through real PostgreSQL and real Great Expectations."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from cares import contracts, deliveries
from end_to_end.receiving import AS_PROMISED, EXTRACTS, deliver_tenancies, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse


@pytest.fixture(autouse=True)
def agreement(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")


def landed(warehouse: FreshWarehouse) -> int:
    return warehouse.rows("select count(*) from landing.housing__tenancies")[0][0]


def test_a_delivery_as_promised_is_accepted_and_every_row_is_accounted_for(warehouse: FreshWarehouse) -> None:
    decision = deliver_tenancies("as_promised")

    assert decision.state == "accepted"
    ledger = warehouse.rows(
        """select table_name, received_rows, landed_rows, unreadable_rows, accepted_rows, set_aside_rows, erased_rows
           from ledger.delivery_file order by table_name"""
    )
    assert ledger == [("household_members", 12, 12, 0, 12, 0, 0), ("tenancies", 12, 12, 0, 12, 0, 0)]


def test_names_land_exactly_as_they_were_typed(warehouse: FreshWarehouse) -> None:
    deliver_tenancies("as_promised")

    surnames = {row[0] for row in warehouse.rows("select surname from landing.housing__household_members")}
    assert {"O'Brien", "Nuñez", "Null", "NA", "True"} <= surnames


def test_the_line_number_in_landing_is_the_line_in_the_file(warehouse: FreshWarehouse) -> None:
    deliver_tenancies("as_promised")

    rows = warehouse.rows("select tenancy_reference, line_number from landing.housing__tenancies order by 1 limit 3")
    assert rows == [("T001", 2), ("T002", 3), ("T003", 4)]


def test_a_missing_mandatory_column_rejects_the_delivery_and_names_the_column(warehouse: FreshWarehouse) -> None:
    decision = deliver_tenancies("a_mandatory_column_is_missing")

    assert decision.state == "rejected"
    assert "line 1: the mandatory column Tenancy Start Date is missing" in decision.reason
    assert landed(warehouse) == 0


def test_another_encoding_rejects_the_delivery_and_names_the_line(warehouse: FreshWarehouse) -> None:
    decision = deliver_tenancies("written_in_another_encoding")

    assert decision.state == "rejected"
    assert "line 6: holds bytes that are not utf-8; save the file as utf-8" in decision.reason
    assert "Caf" not in decision.reason
    assert landed(warehouse) == 0


def test_a_row_with_one_comma_too_many_is_unreadable_and_no_other_row_shifts(warehouse: FreshWarehouse) -> None:
    decision = deliver_tenancies("one_comma_too_many_in_line_8")

    assert decision.state == "accepted"
    assert warehouse.rows("select received_rows, landed_rows, unreadable_rows from ledger.delivery_file") == [(12, 11, 1)]
    assert warehouse.rows("select line_number, problem from ledger.unreadable_line") == [
        (8, "has 11 values where the header has 10")
    ]
    assert warehouse.rows("select distinct tenure, sheltered from landing.housing__tenancies") == [("Assured", "N")]


def test_stray_quotes_that_would_make_copy_swallow_lines_reject_the_delivery(warehouse: FreshWarehouse) -> None:
    decision = deliver_tenancies("stray_quotes_swallow_lines_4_to_7")

    assert decision.state == "rejected"
    assert "line 4: a quoted value runs over the end of the line" in decision.reason
    assert landed(warehouse) == 0


def test_an_empty_file_rejects_the_delivery(warehouse: FreshWarehouse) -> None:
    decision = deliver_tenancies("empty")

    assert decision.state == "rejected"
    assert "is empty (0 bytes)" in decision.reason


def test_a_header_without_rows_is_no_silent_nil_return(warehouse: FreshWarehouse) -> None:
    decision = deliver_tenancies("header_only")

    assert decision.state == "rejected"
    assert "has a header and no rows" in decision.reason


def test_one_bad_file_keeps_its_good_neighbour_out_too(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    shutil.copy(EXTRACTS / "torus_tenancies" / "as_promised" / "household_members.csv", tmp_path)
    shutil.copy(EXTRACTS / "torus_tenancies" / "a_mandatory_column_is_missing" / "tenancies.csv", tmp_path)

    decision = deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03")

    assert decision.state == "rejected"
    assert warehouse.rows("select count(*) from landing.housing__household_members") == [(0,)]


def test_the_same_files_again_change_nothing(warehouse: FreshWarehouse) -> None:
    first = deliver_tenancies("as_promised")

    second = deliver_tenancies("as_promised")

    assert (second.state, second.delivery_id) == ("duplicate", first.delivery_id)
    assert landed(warehouse) == 12
    assert ("duplicate received",) in warehouse.rows("select event from ledger.delivery_event")


def test_the_same_files_for_another_period_are_another_delivery(warehouse: FreshWarehouse) -> None:
    deliver_tenancies("as_promised", "2019-03")

    april = deliver_tenancies("as_promised", "2019-04")

    assert april.state == "accepted"
    assert april.reason.endswith("the same files as delivery 1 for 2019-03: ask the sender whether that is right")
    assert landed(warehouse) == 24


def test_a_correction_supersedes_the_delivery_it_replaces(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    first = deliver_tenancies("as_promised")
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("Assured", "Secure"))

    second = deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03")

    assert second.state == "accepted"
    states = dict(warehouse.rows("select delivery_id, state from ledger.delivery"))
    assert states == {first.delivery_id: "superseded", second.delivery_id: "accepted"}


def test_a_bad_date_sets_its_row_aside_and_names_rule_and_line_but_no_value(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("02/04/2015,,M001", "30/02/2015,,M001"))

    decision = deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03")

    assert decision.state == "accepted"
    assert warehouse.rows("select table_name, line_number, rule, if_broken from ledger.finding") == [
        ("tenancies", 2, "tenancies.Tenancy Start Date.uk_date", "set the row aside")
    ]
    assert warehouse.rows("select count(*) from accepted.housing__tenancies") == [(11,)]
    assert warehouse.rows("select accepted_rows, set_aside_rows from ledger.delivery_file where table_name = 'tenancies'") == [
        (11, 1)
    ]


def test_a_bad_uprn_sets_its_value_aside_and_the_row_stays(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("38000000001", "3.8E+10"))

    decision = deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03")

    assert decision.state == "accepted"
    assert warehouse.rows("select uprn from landing.housing__tenancies where line_number = 2") == [("3.8E+10",)]
    assert warehouse.rows("select tenancy_reference, uprn from accepted.housing__tenancies where line_number = 2") == [
        ("T001", None)
    ]


def test_too_many_rows_set_aside_hold_the_delivery_for_a_word(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("/04/2015,,", "/04/15,,"))

    decision = deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03")

    assert decision.state == "held"
    assert "more than the 10 %" in decision.reason
    assert warehouse.rows("select count(*) from accepted.housing__tenancies") == [(0,)]


def test_a_person_can_release_what_is_held_for_its_rows_set_aside(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("/04/2015,,", "/04/15,,"))
    held = deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03")

    [change] = deliveries.act("release", held.delivery_id, "Torus confirms: old tenancies have no day")

    assert (change.state, change.state_after) == ("held", "accepted")
    assert ("released", "Torus confirms: old tenancies have no day") in warehouse.rows(
        "select event, reason from ledger.delivery_event"
    )


def test_without_a_sharing_agreement_nothing_is_taken(warehouse: FreshWarehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("delete from governance.sharing_agreement")

    with pytest.raises(deliveries.DeliveryRefused, match="no sharing agreement .* so nothing was taken"):
        deliver_tenancies("as_promised")

    assert warehouse.rows("select count(*) from ledger.delivery") == [(0,)]


def test_a_period_that_has_not_begun_is_refused(warehouse: FreshWarehouse) -> None:
    with pytest.raises(deliveries.DeliveryRefused, match="the period 2091-03 has not begun, so nothing was taken"):
        deliver_tenancies("as_promised", "2091-03")

    assert warehouse.rows("select count(*) from ledger.delivery") == [(0,)]


def test_an_agreement_signed_from_tomorrow_holds_the_delivery_until_then(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies", starts=date.today() + timedelta(days=1))

    assert deliver_tenancies("as_promised").state == "held"

    sign_agreement("torus/tenancies")

    assert deliver_tenancies("as_promised").state == "accepted"
    assert landed(warehouse) == 12


def test_a_byte_order_mark_does_not_hide_the_first_column(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

    assert deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03").state == "accepted"
    assert warehouse.rows("select count(tenancy_reference) from landing.housing__tenancies") == [(12,)]


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "mixed"])
def test_every_kind_of_line_end_gives_the_same_rows(warehouse: FreshWarehouse, tmp_path: Path, line_end: str) -> None:
    for file in AS_PROMISED:
        text = file.read_text()
        text = text.replace("\n", "\r\n", 5) if line_end == "mixed" else text.replace("\n", line_end)
        (tmp_path / file.name).write_bytes(text.encode())

    assert deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03").state == "accepted"
    rows = warehouse.rows("select tenancy_reference, line_number, main_tenant_reference from landing.housing__tenancies")
    assert sorted(rows)[11] == ("T012", 13, "M012")


def test_an_empty_value_is_no_value_quoted_or_not(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("Assured,N", '"",N'))

    assert deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03").state == "accepted"
    assert warehouse.rows(
        "select distinct tenure, loaded_by from landing.housing__tenancies join ledger.delivery_file using (file_id)"
    ) == [(None, "copy")]


def test_a_value_of_200_kb_is_unreadable_and_the_other_rows_are_not(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("P003", "P" * 200_000))

    assert deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03").state == "accepted"
    assert warehouse.rows("select line_number, problem from ledger.unreadable_line") == [
        (4, "holds a value longer than 131,072 characters")
    ]


def test_quotation_marks_that_balance_within_a_line_do_not_move_its_values(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    for file in AS_PROMISED:
        (tmp_path / file.name).write_text(file.read_text().replace("T003,P003,", 'T003,P003",XX,YY,"'))

    deliveries.receive("torus/tenancies", sorted(tmp_path.iterdir()), "2019-03")

    assert warehouse.rows("select line_number, problem from ledger.unreadable_line") == [
        (4, "has text after a closing quotation mark")
    ]
    assert landed(warehouse) == 11


def test_a_delivery_says_which_of_its_tables_did_not_come(warehouse: FreshWarehouse) -> None:
    decision = deliveries.receive("torus/tenancies", [AS_PROMISED[1]], "2019-03")

    assert decision.reason.endswith("no file came for household_members")
    assert warehouse.rows("select count(*) from ledger.check_result where rule like '%%refers_to'") == [(0,)]


def test_what_lies_where_nobody_collects_it_is_named(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    (outbox / "torus" / "tenancy").mkdir(parents=True)
    (outbox / "torus" / "tenancies").mkdir()
    shutil.copy(AS_PROMISED[1], outbox / "torus" / "tenancies")
    (outbox / "torus" / "tenancies" / "2019-03").symlink_to(AS_PROMISED[1].parent)

    assert deliveries.collect("torus", outbox) == []
    assert deliveries.refusals("torus", outbox) == [
        "torus/tenancies/2019-03: is a link; send the folder itself",
        "torus/tenancies/tenancies.csv: lies outside a folder; move it into one that is named after its period",
        "torus/hidden: is no feed; move it into one of: neighbourhoods, tenancies",
    ]


def test_a_local_code_reaches_staging_as_the_code_it_stands_for(
    warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = few_contracts(tmp_path)
    with (root / "torus" / "tenancies.yml").open("a") as contract:
        contract.write("local_codes: {tenure: {AST: Assured Shorthold}}\n")
    with_local_codes = contracts.load(root)
    monkeypatch.setattr(contracts, "load", lambda: with_local_codes)
    (tmp_path / "sent").mkdir()
    for file in AS_PROMISED:
        (tmp_path / "sent" / file.name).write_text(file.read_text().replace("Assured", "AST"))

    deliveries.receive("torus/tenancies", sorted((tmp_path / "sent").iterdir()), "2019-03")

    assert warehouse.rows("select distinct tenure from landing.housing__tenancies") == [("AST",)]
    assert warehouse.rows("select distinct tenure from accepted.housing__tenancies") == [("Assured Shorthold",)]


def test_columns_are_found_by_name_and_an_unknown_one_is_left_out(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    tenancies = [line.split(",", 1) for line in (AS_PROMISED[1]).read_text().splitlines()]
    reordered = [f"{rest},new,{first}" for first, rest in tenancies]
    reordered[0] = f"{tenancies[0][1]},Heating System,TENANCY_REFERENCE"
    (tmp_path / "tenancies.csv").write_text("\n".join(reordered) + "\n")

    decision = deliveries.receive("torus/tenancies", [tmp_path / "tenancies.csv"], "2019-03")

    assert decision.state == "accepted"
    assert warehouse.rows("select tenancy_reference from landing.housing__tenancies where line_number = 2") == [("T001",)]
    assert warehouse.rows("select reason from ledger.delivery_event where event = 'columns left out'") == [
        ("tenancies: the contract does not know the column(s) at position 10",)
    ]


def test_a_file_whose_name_is_no_table_rejects_the_delivery(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    shutil.copy(AS_PROMISED[1], tmp_path / "rents.csv")

    decision = deliveries.receive("torus/tenancies", [tmp_path / "rents.csv"], "2019-03")

    assert decision.state == "rejected"
    assert "name the file after one of: household_members, tenancies" in decision.reason


def test_a_step_that_is_repeated_has_no_second_effect(warehouse: FreshWarehouse) -> None:
    from cares import checks, landing

    registration = deliveries.register("torus/tenancies", AS_PROMISED, "2019-03", "test")
    again = deliveries.register("torus/tenancies", AS_PROMISED, "2019-03", "test")
    assert again.delivery_id == registration.delivery_id
    for _ in range(2):
        landing.land(registration.delivery_id)
    for _ in range(2):
        checks.check([registration.delivery_id])
    first, second = (deliveries.decide(registration.delivery_id) for _ in range(2))

    assert first == second
    assert landed(warehouse) == 12


def test_the_outbox_gives_each_complete_folder_once(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    for folder in ("2019-03", "2019-04__again", ".2019-05", "2019-06.part"):
        sent = shutil.copytree(EXTRACTS / "torus_tenancies" / "as_promised", outbox / "torus" / "tenancies" / folder)
        (sent / "complete.done").touch()

    found = deliveries.collect("torus", outbox)
    assert [(arrival.feed, arrival.period) for arrival in found] == [
        ("torus/tenancies", "2019-03"),
        ("torus/tenancies", "2019-04"),
    ]
    for arrival in found:
        deliveries.register_arrival(arrival)
    assert deliveries.collect("torus", outbox) == []
