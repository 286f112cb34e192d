"""How files come: when a folder is complete, what a manifest or a last line declares, zip files, and strange names."""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cares import contracts, deliveries, landing, settings
from cares.contracts import load as load_contracts
from end_to_end.receiving import EXTRACTS, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse

AS_PROMISED = {path.name: path.read_bytes() for path in sorted((EXTRACTS / "torus_tenancies" / "as_promised").iterdir())}
TENANCIES = AS_PROMISED["tenancies.csv"]
ONE_TABLE = {"tenancies.csv": TENANCIES}


@pytest.fixture(autouse=True)
def agreement(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


def put(place: Path, files: Mapping[str, bytes], seconds_ago: float = 0) -> Path:
    """Write a folder of files that last changed so long ago."""
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
        os.utime(place / name, (time.time() - seconds_ago,) * 2)
    return place


def receive(folder: Path, files: Mapping[str, bytes], period: str = "2019-03") -> deliveries.Decision:
    """Register, land and decide; what the checks find is not what these tests ask."""
    put(folder, files)
    delivery = deliveries.register("torus/tenancies", sorted(folder.iterdir()), period, "test").delivery_id
    landing.land(delivery)
    return deliveries.decide(delivery)


@pytest.fixture
def promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds words to the contract of the feed."""

    def add(words: str) -> None:
        root = few_contracts(tmp_path)
        with (root / "torus" / "tenancies.yml").open("a", encoding="utf-8") as stream:
            stream.write(words)
        everything = load_contracts(root)
        monkeypatch.setattr(contracts, "load", lambda: everything)

    return add


# --- when a folder is complete


def test_a_folder_that_still_changes_is_left_alone_without_a_word(outbox: Path) -> None:
    put(outbox / "torus/tenancies/2019-03", AS_PROMISED)

    assert deliveries.collect("torus", outbox) == []
    assert deliveries.refusals("torus", outbox) == []


def test_a_folder_in_which_nothing_has_changed_for_a_minute_is_taken(outbox: Path) -> None:
    put(outbox / "torus/tenancies/2019-03", AS_PROMISED, seconds_ago=61)

    (found,) = deliveries.collect("torus", outbox)
    assert [path.name for path in found.files] == ["household_members.csv", "tenancies.csv"]


def test_a_done_file_says_at_once_that_a_folder_is_complete_and_is_no_file_of_it(outbox: Path, warehouse: FreshWarehouse) -> None:
    place = put(outbox / "torus/tenancies/2019-03", {**AS_PROMISED, "march.done": b""})

    (delivery_id,) = deliveries.take("torus", outbox, "run")
    assert warehouse.rows("select file_name from ledger.delivery_file order by 1") == [
        ("household_members.csv",),
        ("tenancies.csv",),
    ]
    (place / "march.done").unlink()
    assert deliveries.collect("torus", outbox) == []


def test_a_file_that_stays_half_written_is_named(outbox: Path) -> None:
    put(outbox / "torus/tenancies/2019-03", {**ONE_TABLE, "household_members.csv.part": b"x"}, seconds_ago=61)

    assert deliveries.collect("torus", outbox) == []
    assert deliveries.refusals("torus", outbox) == [
        "torus/tenancies/2019-03: holds a file whose name says that it is still being written; give it its own name, or remove it"
    ]


def test_what_would_lie_there_for_ever_is_named(outbox: Path, tmp_path: Path) -> None:
    put(outbox / "torus/tenancies/2019-03/inner", ONE_TABLE, seconds_ago=61)
    put(outbox / "torus/tenancies/2019-04", {})
    put(outbox / "council", {})
    (outbox / "council/adult_social_care").symlink_to(tmp_path)
    put(outbox / "trous/tenancies/2019-03", ONE_TABLE, seconds_ago=61)

    assert deliveries.refusals("torus", outbox) == [
        f"hidden: is no organisation; move what it holds into one of: {', '.join(sorted(contracts.load().organisations))}",
        "torus/tenancies/2019-03: holds a folder (hidden), which is not taken; put the files themselves into 2019-03",
        "torus/tenancies/2019-04: holds no file; put the files into it, or remove it",
    ]
    assert deliveries.refusals("council", outbox) == ["council/adult_social_care: is a link; make it a folder"]
    assert deliveries.refusals("sthk", outbox) == []


def test_asking_why_something_is_not_taken_copies_nothing(outbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(outbox / "torus/tenancies/2019-03", AS_PROMISED, seconds_ago=61)
    put(outbox / "torus/tenancies/March", AS_PROMISED, seconds_ago=61)
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("a copy was made"))

    assert deliveries.refusals("torus", outbox) == ["torus/tenancies: the period 'March' is not a month; write it like 2019-03"]


# --- what a manifest declares

MANIFEST = b"File,Rows\nhousehold_members.csv,12\ntenancies.csv,12\n"


def test_a_delivery_that_is_what_its_manifest_declares_is_accepted(tmp_path: Path, warehouse: FreshWarehouse) -> None:
    digest = hashlib.sha256(TENANCIES).hexdigest()
    manifest = f"file,rows,sha256\r\ntenancies.csv,12,{digest}\r\nhousehold_members.csv,12,\r\n".encode()

    decision = receive(tmp_path / "sent", {**AS_PROMISED, "MANIFEST.csv": manifest})

    assert decision.state == "accepted"
    assert warehouse.rows("select file_name, declared_rows, received_rows from ledger.delivery_file order by 1") == [
        ("household_members.csv", 12, 12),
        ("tenancies.csv", 12, 12),
    ]


NOT_AS_DECLARED = {
    MANIFEST.replace(b"s.csv,12\nt", b"s.csv,13\nt"): "it declares 13 rows in household_members.csv, and 12 were found",
    MANIFEST + b"rents.csv,5\n": "it lists hidden.csv, which did not come",
    b"file,rows\ntenancies.csv,12\n": "it does not list household_members.csv, which came",
    b"file,rows,sha256\nhousehold_members.csv,12,\ntenancies.csv,12," + b"0" * 64: "it describes another tenancies.csv than came",
    b"name,rows\ntenancies.csv,12\n": "manifest.csv line 1: the header must be file,rows or file,rows,sha256",
    b"file,rows\ntenancies.csv,a dozen\n": "manifest.csv line 2: write the file's name and how many rows it has",
    MANIFEST + MANIFEST.split(b"\n", 1)[1]: "manifest.csv lists a file twice",
    MANIFEST.decode().encode("utf-16"): "manifest.csv is not UTF-8",
}


def test_a_delivery_that_is_not_what_its_manifest_declares_is_rejected_altogether(
    tmp_path: Path, warehouse: FreshWarehouse
) -> None:
    for number, (manifest, says) in enumerate(NOT_AS_DECLARED.items(), 1):
        decision = receive(tmp_path / f"{number}", {**AS_PROMISED, "manifest.csv": manifest}, f"2019-{number:02}")
        assert decision.state == "rejected"
        assert says in decision.reason

    assert warehouse.rows("select count(*) from accepted.housing__tenancies") == [(0,)]


def test_a_replay_is_held_against_the_manifest_too(tmp_path: Path) -> None:
    first = receive(tmp_path / "sent", {**AS_PROMISED, "manifest.csv": MANIFEST.replace(b",12", b",11")})

    assert deliveries.replay(first.delivery_id, "nothing was changed").reason == first.reason


# --- what the last line of a file declares


DOES_NOT_COUNT = {
    b"END,13\n": "the last line declares 13 rows and 12 were found",
    b"": "12 rows were found and no last line that begins with END",
    b"END,many\n": "line 14: the last line does not say in its second value how many rows there are",
    b"END,12\nEND,12\n": "line 15: more follows the last line, which begins with END",
}


def test_a_file_whose_last_line_does_not_count_its_rows_is_rejected(tmp_path: Path, promise: Callable[[str], None]) -> None:
    promise("files: {trailer: END}\n")
    for number, (last, says) in enumerate(DOES_NOT_COUNT.items(), 1):
        decision = receive(tmp_path / f"{number}", {"tenancies.csv": TENANCIES + last}, f"2019-{number:02}")
        assert decision.state == "rejected"
        assert says in decision.reason


def test_a_last_line_that_counts_the_rows_is_none_of_them(
    tmp_path: Path, promise: Callable[[str], None], warehouse: FreshWarehouse
) -> None:
    promise("files: {trailer: END}\n")
    for number, last in enumerate([b"END,12", b"END,12,,,,,,,,\r\n", b'"END","12"\n\n'], 1):
        assert receive(tmp_path / f"{number}", {"tenancies.csv": TENANCIES + last}, f"2019-{number:02}").state == "accepted"

    assert warehouse.rows("select declared_rows, received_rows, landed_rows from ledger.delivery_file") == [(12, 12, 12)] * 3


# --- zip files


def packed(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_the_files_in_a_zip_file_are_the_files_of_the_delivery(tmp_path: Path, warehouse: FreshWarehouse) -> None:
    zipped = {"March.ZIP": packed({**AS_PROMISED, "manifest.csv": MANIFEST})}

    assert receive(tmp_path / "sent", zipped).state == "accepted"
    assert warehouse.rows("select file_name, sha256, declared_rows from ledger.delivery_file order by 1") == [
        (name, hashlib.sha256(content).hexdigest(), 12) for name, content in AS_PROMISED.items()
    ]


def test_the_same_files_unpacked_are_a_duplicate_of_the_zip_file(tmp_path: Path) -> None:
    receive(tmp_path / "zipped", {"march.zip": packed(AS_PROMISED)})

    again = deliveries.register("torus/tenancies", sorted(put(tmp_path / "plain", AS_PROMISED).iterdir()), "2019-03", "test")

    assert again.is_duplicate


def test_a_zip_file_with_two_files_of_one_table_is_refused_and_nothing_of_it_is_kept(
    tmp_path: Path, warehouse: FreshWarehouse
) -> None:
    (file,) = put(tmp_path / "sent", {"march.zip": packed({**ONE_TABLE, "tenancies_2019.csv": TENANCIES})}).iterdir()

    with pytest.raises(deliveries.DeliveryRefused, match="two files are both tenancies"):
        deliveries.register("torus/tenancies", [file], "2019-03", "test")
    assert not list(settings.var_folder("store", "incoming").iterdir())
    assert warehouse.rows("select count(*) from ledger.delivery") == [(0,)]


# --- names


def test_a_name_with_control_characters_or_of_no_known_encoding_is_kept_and_shown_without_them(
    outbox: Path, warehouse: FreshWarehouse
) -> None:
    place = put(outbox / "torus/tenancies/2019-03__\x1b31m", ONE_TABLE)
    for name in (b"\x07tenants\n.csv", b"ten\xe4nts.csv"):
        Path(os.fsdecode(os.fsencode(place) + b"/" + name)).write_bytes(TENANCIES)
    (place / "x.done").touch()

    (delivery_id,) = deliveries.take("torus", outbox, "run")
    landing.land(delivery_id)

    assert deliveries.decide(delivery_id).state == "rejected"
    assert deliveries.collect("torus", outbox) == []
    assert warehouse.rows("select source from ledger.delivery") == [("torus/tenancies/2019-03___31m",)]
    assert warehouse.rows("select file_name from ledger.delivery_file order by 1") == [
        ("_hidden_.csv",),
        ("hidden_hidden.csv",),
        ("tenancies.csv",),
    ]


def test_a_header_that_is_sql_is_a_column_that_the_contract_does_not_know(tmp_path: Path, warehouse: FreshWarehouse) -> None:
    header, rest = TENANCIES.split(b"\n", 1)
    hostile = b'"""; drop table ledger.delivery; --",' + header + b"\n" + b"x," + rest.rstrip().replace(b"\n", b"\nx,") + b"\n"

    assert receive(tmp_path / "sent", {"tenancies.csv": hostile}).state == "accepted"
    assert warehouse.rows("select reason from ledger.delivery_event where event = 'columns left out'") == [
        ("tenancies: the contract does not know the column(s) at position 1",)
    ]


# --- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1"])
def test_a_name_in_the_declared_encoding_lands_as_it_was_typed_on_both_roads(
    tmp_path: Path, promise: Callable[[str], None], encoding: str, warehouse: FreshWarehouse
) -> None:
    promise(f"files: {{encoding: {encoding}}}\n")
    typed = "Nuñez" if encoding == "latin-1" else "O’Nuñez"
    text = TENANCIES.decode().replace("P001", typed)

    receive(tmp_path / "plain", {"tenancies.csv": text.encode(encoding)}, "2019-01")
    receive(tmp_path / "with_a_bad_line", {"tenancies.csv": (text + 'T013,P"\n').encode(encoding)}, "2019-02")

    assert warehouse.rows(
        """select loaded_by, property_reference from landing.housing__tenancies join ledger.delivery_file using (file_id)
           where line_number = 2 order by file_id"""
    ) == [("copy", typed), ("line by line", typed)]


@pytest.mark.parametrize(
    ("declared", "line", "says"),
    [
        ("cp1252", b"T013,\x81,,,,,,,,\n", "line 14: holds bytes that are not cp1252; save the file as cp1252"),
        ("utf-8", b"T013,\xe4,,,,,,,,\n", "line 14: holds bytes that are not utf-8; save the file as utf-8"),
        ("utf-8", "T013,ä,,,,,,,,\n".encode("utf-16-le"), "line 14: holds"),
    ],
)
def test_a_line_in_another_encoding_than_the_declared_rejects_the_file_and_is_named(
    tmp_path: Path, promise: Callable[[str], None], declared: str, line: bytes, says: str
) -> None:
    promise(f"files: {{encoding: {declared}}}\n")

    decision = receive(tmp_path / "sent", {"tenancies.csv": TENANCIES + line})

    assert decision.state == "rejected"
    assert says in decision.reason
