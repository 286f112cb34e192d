"""The letter and the list that go back to the sender, and the mended rows that come in return."""

from __future__ import annotations

import csv
import shutil
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cares import contracts, deliveries
from cares.cli import typer_app
from cares.deliveries import Row
from cares.reports import returns, wording
from end_to_end.receiving import AS_PROMISED, deliver_tenancies, deliver_with_changes, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse
from privacy.markers import Markers

# Line 2 begins on a day that no calendar has, and line 5 has a tenure that is none.
FAULTS = {"02/04/2015,,M001": "30/02/2015,,M001", "Assured,N,05/04/2015": "Asured,N,05/04/2015"}


def deliver(folder: Path, changes: dict[str, str], period: str = "2019-03") -> int:
    """Receive the tenancies as promised, but for the changes; returns the delivery's number."""
    return deliver_with_changes(folder, *changes.items(), period=period).delivery_id


def letter_of(delivery_id: int) -> str:
    """The letter as it stands now, on one line, so that a sentence can be looked for."""
    path = returns.write(delivery_id)
    assert path is not None
    return " ".join(path.read_text().split())


def listed(delivery_id: int) -> list[dict[str, str]]:
    """The rows of the list as it stands now."""
    path = returns.write(delivery_id)
    assert path is not None
    with path.with_name(f"delivery_{delivery_id}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def statuses(warehouse: FreshWarehouse, delivery_id: int) -> dict[int, tuple[str, int | None]]:
    """Line to (status of its finding, the delivery that cleared it)."""
    found = warehouse.rows(
        "select line_number, status, cleared_by_delivery_id from ledger.finding_status where delivery_id = %s", delivery_id
    )
    return {line: (status, by) for line, status, by in found}


@pytest.fixture(autouse=True)
def post(warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torus may send, and what goes back to it lies below a folder of this test."""
    sign_agreement("torus/tenancies")
    monkeypatch.setenv("CARES_RETURNS", str(tmp_path / "post"))
    return tmp_path / "post"


def test_the_letter_tells_what_came_what_was_found_and_what_to_do(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    delivery_id = deliver(tmp_path / "sent", FAULTS)

    letter = letter_of(delivery_id)

    assert letter.startswith("To Torus's customer insight team Tenancies and household members for 2019-03")
    assert "- tenancies.csv: 12 rows" in letter
    assert "It is accepted. Of 24 rows, 23 were taken up and 1 set aside; 0 lines could not be read." in letter
    assert (
        "- tenancies.csv: Tenancy Start Date is not a real date written day/month/year, in 1 row: line 2. Each such row is kept "
        "out of the linked dataset until it comes corrected. To mend it: write it like 31/03/2019."
    ) in letter
    assert "Put the files into the folder torus/tenancies/2019-03__2." in letter
    assert "Send tenancies whole, with every row as it stood at the end of 2019-03" in letter
    assert "30/02/2015" not in letter and "Asured" not in letter


@pytest.mark.parametrize(
    ("by", "where"),
    [
        (
            "mesh, mesh: {mailbox: X26HC001, workflow: CARES_HOUSING, returns_workflow: CARES_HOUSING_RETURN}",
            "Pack the files into 2019-03__2.zip, and send it as one message of the workflow CARES_HOUSING from your mailbox X26HC001.",
        ),
        ("https", "only the word after the two underscores is another. Then name each of them in deliveries.csv."),
    ],
)
def test_the_letter_says_how_to_send_again_the_way_the_feed_comes(
    warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, where: str
) -> None:
    delivery_id = deliver(tmp_path / "sent", FAULTS)
    root = few_contracts(tmp_path)
    promise = root / "torus" / "tenancies.yml"
    promise.write_text(promise.read_text().replace("by: folder", f"by: {by}"))
    changed = contracts.load(root)
    monkeypatch.setattr(contracts, "load", lambda: changed)

    assert where in letter_of(delivery_id)


def test_the_list_names_line_column_rule_and_remedy_and_no_value(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    delivery_id = deliver(tmp_path / "sent", FAULTS)

    assert listed(delivery_id) == [
        {
            "file": "tenancies.csv",
            "line": "2",
            "column": "Tenancy Start Date",
            "rule": "tenancies.Tenancy Start Date.uk_date",
            "what was expected": "Tenancy Start Date is a real date written day/month/year",
            "how to mend it": "write it like 31/03/2019",
            "what followed": "set aside",
        },
        {
            "file": "tenancies.csv",
            "line": "5",
            "column": "Tenure",
            "rule": "tenancies.Tenure.one_of",
            "what was expected": "Tenure is one of the accepted codes for the kind of tenancy",
            "how to mend it": "use one of the 9 accepted codes, which expectations/README.md lists under tenure",
            "what followed": "warning",
        },
    ]


def test_both_are_the_owner_s_alone_and_writing_again_gives_the_same(
    warehouse: FreshWarehouse, tmp_path: Path, post: Path
) -> None:
    delivery_id = deliver(tmp_path / "sent", FAULTS)

    first = returns.write(delivery_id)
    assert first == post / f"torus/tenancies/2019-03/delivery_{delivery_id}_letter.txt"
    before = first.read_bytes()

    assert returns.write(delivery_id) == first
    assert first.read_bytes() == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in first.parent.iterdir()} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in list(first.parents)[:4]} == {0o700}


def test_a_delivery_without_fault_gets_no_letter(warehouse: FreshWarehouse) -> None:
    assert returns.write(deliver_tenancies("as_promised").delivery_id) is None


def test_a_rejected_delivery_is_told_the_line_and_the_remedy(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("written_in_another_encoding").delivery_id

    letter, (row,) = letter_of(delivery_id), listed(delivery_id)

    assert "It was rejected, and nothing of it is used." in letter
    assert "line 6: holds bytes that are not utf-8; save the file as utf-8." in letter
    assert "Please correct what is named here and send the delivery again, as soon as you can." in letter
    assert (row["line"], row["how to mend it"], row["what followed"]) == ("6", "save the file as utf-8", "delivery rejected")


def test_a_line_that_cannot_be_read_is_listed_with_what_is_wrong(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("one_comma_too_many_in_line_8").delivery_id

    assert [(row["line"], row["what was expected"], row["what followed"]) for row in listed(delivery_id)] == [
        ("8", "the line can be read, but it has 11 values where the header has 10", "line left out")
    ]
    assert "1 line could not be read: line 8." in letter_of(delivery_id)


def test_a_held_delivery_is_told_why_by_the_person_who_holds_it(warehouse: FreshWarehouse) -> None:
    delivery_id = deliver_tenancies("as_promised").delivery_id
    deliveries.act("hold", delivery_id, "Half of the homes seem to be missing")

    assert "It is held, and nothing of it is used yet. The reason: Half of the homes seem to be missing." in letter_of(
        delivery_id
    )

    deliveries.act("release", delivery_id, "They are not")

    assert "It is accepted." in letter_of(delivery_id)
    assert "Nothing: there is nothing left to mend." in letter_of(delivery_id)


def test_a_delivery_held_for_its_rows_set_aside_is_asked_for_again(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    letter = letter_of(deliver(tmp_path / "sent", {"/04/2015,,": "/04/15,,"}))

    assert "more than the 10 % that the contract takes without a word. Of 24 rows" in letter
    assert "Please correct these rows where you keep them, and send the delivery again, as soon as you can." in letter
    assert "Send household_members and tenancies whole" in letter


def test_the_commands_show_what_is_open_and_write_the_letter(warehouse: FreshWarehouse, tmp_path: Path, post: Path) -> None:
    delivery_id = deliver(tmp_path / "sent", FAULTS)

    shown = CliRunner().invoke(typer_app, ["delivery", "show", str(delivery_id)])
    written = CliRunner().invoke(typer_app, ["delivery", "letter", str(delivery_id)])

    assert "2 of 2 findings open" in shown.output
    letter, listing = written.output.split()
    assert Path(letter).is_relative_to(post) and Path(listing).exists()


def test_a_file_name_that_a_spreadsheet_would_compute_is_made_harmless(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    shutil.copy(AS_PROMISED[1], tmp_path / "-2+3.csv")
    delivery_id = deliveries.receive("torus/tenancies", [tmp_path / "-2+3.csv"], "2019-03").delivery_id

    (row,) = listed(delivery_id)

    assert row["file"] == "'-2_3.csv"
    for cell in ("=HYPERLINK(1)", "@SUM(1)", "+1", "-1", "\tx", "\rx"):
        assert returns.harmless(cell) == f"'{cell}"
    assert (returns.harmless(-2), returns.harmless("T-1")) == (-2, "T-1")


def test_of_one_rule_so_many_lines_are_listed_and_the_others_counted(
    warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returns, "MOST_LINES_OF_A_RULE", 3)
    delivery_id = deliver(tmp_path / "sent", {"Assured": "Asured"})

    assert [row["line"] for row in listed(delivery_id)] == ["2", "3", "4", "and 9 more lines, which are not listed"]
    assert "in 12 rows: lines 2, 3, 4, 5, 6 and 7 more." in letter_of(delivery_id)


def test_simulated_returns_say_so(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    with warehouse.connect() as connection:
        connection.execute("update governance.sharing_agreement set agreement = 'SIMULATED agreement'")
    delivery_id = deliver(tmp_path / "sent", FAULTS)

    assert letter_of(delivery_id).startswith("SIMULATED DATA")
    assert listed(delivery_id)[0]["SIMULATED DATA"] == "SIMULATED DATA"


@pytest.mark.parametrize("feed", ["torus/tenancies", "council/looked_after_children"])
def test_no_value_stands_in_what_goes_back(warehouse: FreshWarehouse, tmp_path: Path, feed: str) -> None:
    sign_agreement(feed)
    promised = contracts.load().feed(feed)
    period = {"torus/tenancies": "2019-03", "council/looked_after_children": "2018-19"}[feed]
    markers = Markers()
    markers.write_feed(promised, tmp_path / "sent", promised.version(promised.period(period)))

    path = returns.write(deliveries.receive(feed, sorted((tmp_path / "sent").iterdir()), period).delivery_id)

    assert path is not None
    text = "\n".join(file.read_text(encoding="utf-8") for file in path.parent.iterdir())
    assert text.count("\n") > 60
    assert not markers.found_in(text)
    whole = {"torus/tenancies": "as it stood at the end of 2019-03", "council/looked_after_children": "with every row of 2018-19"}
    assert whole[feed] in " ".join(path.read_text().split())


def test_a_correction_clears_the_findings_and_its_withdrawal_opens_them_again(
    warehouse: FreshWarehouse, tmp_path: Path, post: Path
) -> None:
    faulty = deliver(tmp_path / "sent", FAULTS)
    assert "send them again" in letter_of(faulty)
    assert statuses(warehouse, faulty) == {2: ("open", None), 5: ("open", None)}

    mended = deliver(tmp_path / "mended", {})

    assert statuses(warehouse, faulty) == {2: ("cleared", mended), 5: ("cleared", mended)}
    returns.write(mended)
    letter = post / f"torus/tenancies/2019-03/delivery_{faulty}_letter.txt"
    assert f"delivery {mended} brought the rows anew" in " ".join(letter.read_text().split())
    assert listed(faulty) == []

    deliveries.act("withdraw", mended, "It was the file of another month")

    assert statuses(warehouse, faulty) == {2: ("open", None), 5: ("open", None)}
    assert [row["line"] for row in listed(faulty)] == ["2", "5"]
    told = warehouse.rows(
        "select event, reason from ledger.delivery_event where delivery_id = %s and event like 'findings%%' order by event_id",
        faulty,
    )
    assert told == [
        ("findings cleared", f"2 of 2, by delivery {mended}"),
        ("findings open again", f"all 2, after delivery {mended} changed"),
    ]


def test_what_a_rejected_delivery_broke_is_closed_when_the_period_is_accepted(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    rejected = deliver_tenancies("written_in_another_encoding").delivery_id
    assert "Please correct" in letter_of(rejected)

    deliver(tmp_path / "mended", {})

    assert "Nothing: a later delivery has taken its place." in letter_of(rejected)


def test_a_released_row_is_no_longer_asked_for(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    delivery_id = deliver(tmp_path / "sent", FAULTS)

    deliveries.release_rows([Row(delivery_id, "tenancies", 2)], "Torus knows no better day")

    assert statuses(warehouse, delivery_id) == {2: ("released", None), 5: ("open", None)}
    assert [row["line"] for row in listed(delivery_id)] == ["5"]
    assert "1 finding needs nobody any more: we took the rows in after all." in letter_of(delivery_id)


def test_findings_of_a_withdrawn_delivery_are_withdrawn_with_it(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    delivery_id = deliver(tmp_path / "sent", FAULTS)
    assert [row["line"] for row in listed(delivery_id)] == ["2", "5"]

    deliveries.act("withdraw", delivery_id, "Sent by mistake")

    assert statuses(warehouse, delivery_id) == {2: ("withdrawn", None), 5: ("withdrawn", None)}
    assert listed(delivery_id) == []


def test_rows_that_are_replaced_by_key_come_back_alone_and_clear_their_own_findings(
    warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = few_contracts(tmp_path)
    tenancies = root / "formats" / "housing" / "tenancies.yml"
    tenancies.write_text(tenancies.read_text().replace("replaces: snapshot", "replaces: key"))
    by_key = contracts.load(root)
    monkeypatch.setattr(contracts, "load", lambda: by_key)
    faulty = deliver(tmp_path / "sent", FAULTS)
    assert "Of tenancies, send the corrected rows alone: each takes the place of the row with the same Tenancy Reference." in (
        letter_of(faulty)
    )

    header, first, *_ = AS_PROMISED[1].read_text().splitlines()
    (tmp_path / "tenancies.csv").write_text(f"{header}\n{first.replace('T001', ' T001 ')}\n")
    mended = deliveries.receive("torus/tenancies", [tmp_path / "tenancies.csv"], "2019-03").delivery_id

    assert statuses(warehouse, faulty) == {2: ("cleared", mended), 5: ("open", None)}
    assert ("findings cleared", f"1 of 2, by delivery {mended}") in warehouse.rows(
        "select event, reason from ledger.delivery_event where delivery_id = %s", faulty
    )

    deliveries.act("hold", mended, "Torus wants to look again")

    assert statuses(warehouse, faulty) == {2: ("open", None), 5: ("open", None)}


def test_each_rule_of_each_contract_has_its_remedy() -> None:
    for feed in contracts.load().feeds.values():
        for table in feed.format.tables.values():
            for version in feed.format.file.versions:
                for rule in table.rules(version):
                    remedy = wording.how_to_mend(rule, table, version, feed)
                    assert remedy and not remedy.endswith(".") and remedy[0].islower(), rule.id
