"""The same rows in different files: packed, as a workbook, as XML, in other encodings; and tables that are only counted."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from cares import contracts, deliveries, settings
from cares.deliveries import Decision, DeliveryRefused
from cares.reports import returns
from end_to_end.receiving import AS_PROMISED, EXTRACTS, sign_agreement
from fresh_warehouse import FreshWarehouse

CHILDREN = "council/looked_after_children"
TENANCIES = "torus/tenancies"
COMMUNITY = "bridgewater/community_services"
AS_CSV = sorted((EXTRACTS / "ssda903" / "as_csv").iterdir())
AS_XML = (EXTRACTS / "ssda903" / "as_xml" / "ssda903.xml").read_text()
TENANCIES_CSV = next(path for path in AS_PROMISED if path.stem == "tenancies").read_text()

Send = Callable[..., Decision]


@pytest.fixture(scope="module", autouse=True)
def agreements(warehouse_of_module: FreshWarehouse) -> None:
    sign_agreement(CHILDREN, TENANCIES, COMMUNITY)


@pytest.fixture(scope="module")
def months() -> Iterator[str]:
    """A month for each delivery, so that none repeats or corrects another."""
    return (f"{year}-{month:02}" for year in range(2019, 2026) for month in range(1, 13))


@pytest.fixture
def send(warehouse_of_module: FreshWarehouse, tmp_path: Path, months: Iterator[str]) -> Send:
    """Receive files by their names, for a month of their own."""

    def receive(files: Mapping[str, str | bytes], feed: str = TENANCIES, period: str | None = None) -> Decision:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return deliveries.receive(feed, [tmp_path / name for name in files], period or next(months))

    return receive


def landed(warehouse: FreshWarehouse, delivery_id: int, table: str) -> list[tuple[Any, ...]]:
    """The rows of a delivery in a landing table such as `ssda903__header`, in their order, without their places."""
    format, _, name = table.partition("__")
    columns = contracts.load().formats[format].tables[name].column_names.values()
    return warehouse.rows(
        f"""select {", ".join(columns)} from landing.{table} join ledger.delivery_file using (file_id)
            where delivery_id = %s order by line_number""",
        delivery_id,
    )


def ledger(warehouse: FreshWarehouse, delivery_id: int) -> dict[str, tuple[int, int]]:
    """How many rows of each table of a delivery were received and landed."""
    rows = warehouse.rows(
        "select table_name, received_rows, landed_rows from ledger.delivery_file where delivery_id = %s", delivery_id
    )
    return {table: (received, in_landing) for table, received, in_landing in rows}


def zipped(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def workbook(sheets: Mapping[str, list[list[Any]]]) -> bytes:
    """A workbook with some rows on each sheet."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


# One return, however it is packed


def test_a_return_lands_the_same_as_csv_gzip_zip_and_xml(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    sent = {path.name: path.read_bytes() for path in AS_CSV}
    came = [
        send(sent, CHILDREN, "2018-19"),
        send({f"{name}.gz": gzip.compress(content) for name, content in sent.items()}, CHILDREN, "2019-20"),
        send({"return.zip": zipped(sent)}, CHILDREN, "2020-21"),
        send({"ssda903.xml": AS_XML}, CHILDREN, "2021-22"),
        send({"ssda903.xml.gz": gzip.compress(AS_XML.encode())}, CHILDREN, "2022-23"),
    ]

    assert {decision.state for decision in came} == {"accepted"}
    for path in AS_CSV:
        rows = [landed(warehouse_of_module, decision.delivery_id, f"ssda903__{path.stem}") for decision in came]
        assert len(rows[0]) == path.read_text().count("\n") - 1, path.stem
        assert all(of_one == rows[0] for of_one in rows), path.stem


def test_an_xml_file_is_kept_once_and_each_of_its_tables_is_in_the_ledger(
    warehouse_of_module: FreshWarehouse, send: Send
) -> None:
    decision = send({"ssda903.xml": AS_XML.replace("L001", "L101")}, CHILDREN, "2018-19")

    [(kept, tables, names)] = warehouse_of_module.rows(
        "select count(distinct stored_as), count(*), count(distinct file_name) from ledger.delivery_file where delivery_id = %s",
        decision.delivery_id,
    )
    assert (kept, tables, names) == (1, 10, 1)
    assert ledger(warehouse_of_module, decision.delivery_id)["episodes"] == (4, 4)


def test_the_line_of_a_row_from_xml_is_where_it_begins(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    decision = send({"ssda903.xml": AS_XML.replace("<RNE>S</RNE>", "<RNE>?</RNE>", 1)}, CHILDREN, "2018-19")

    [(line,)] = warehouse_of_module.rows(
        "select line_number from ledger.finding where delivery_id = %s and rule = 'episodes.RNE.one_of'", decision.delivery_id
    )
    assert AS_XML.splitlines()[line - 1].strip() == "<EPISODE>"


def test_rows_of_an_xml_file_without_line_breaks_are_numbered_one_by_one(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    decision = send({"ssda903.xml": "".join(map(str.strip, AS_XML.splitlines()))}, CHILDREN, "2018-19")

    lines = warehouse_of_module.rows(
        """select line_number from landing.ssda903__episodes join ledger.delivery_file using (file_id)
           where delivery_id = %s order by 1""",
        decision.delivery_id,
    )
    assert lines == [(1,), (2,), (3,), (4,)]


def test_an_xml_return_can_be_replayed(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    first = send({"ssda903.xml": AS_XML.replace("L001", "L201")}, CHILDREN, "2018-19")

    again = deliveries.replay(first.delivery_id, "a test")

    assert again.state == "accepted"
    assert ledger(warehouse_of_module, again.delivery_id) == ledger(warehouse_of_module, first.delivery_id)


LAUGHS = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (f'<!DOCTYPE x [<!ENTITY lol0 "lol">{LAUGHS}]><x><CHILD>&lol9;</CHILD></x>', "declares a document type or entities"),
        (
            '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x><CHILD>&f;</CHILD></x>',
            "declares a document type or entities",
        ),
        ('<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><x/>', "declares a document type or entities"),
        ("<x>" * 60 + "</x>" * 60, "stand more than 50 deep in each other"),
        (AS_XML.replace("</EPISODE>", "</EPISODES>", 1), "is not well-formed XML (mismatched tag)"),
        (AS_XML[:-20], "is not well-formed XML"),
        (AS_XML.replace("UTF-8", "EBCDIC-9"), "is XML in an encoding that is not known"),
        ("<x><PUPIL>L001</PUPIL></x>", "holds no row in any of the places where the contract has them"),
        ("", "is empty (0 bytes)"),
    ],
)
def test_an_xml_file_that_is_not_plain_is_rejected_with_what_to_do(
    warehouse_of_module: FreshWarehouse, send: Send, document: str, says: str
) -> None:
    decision = send({"ssda903.xml": document}, CHILDREN, "2018-19")

    assert decision.state == "rejected"
    assert says in decision.reason and "passwd" not in decision.reason and "L001" not in decision.reason


def test_a_tag_that_never_ends_is_not_read_into_memory(send: Send) -> None:
    decision = send({"ssda903.xml": f"<EXPSSDA903><CHILD x='{'x' * (4 << 20)}'/></EXPSSDA903>"}, CHILDREN, "2018-19")

    assert "a tag or comment does not end" in decision.reason


def test_a_feed_that_does_not_come_as_xml_says_so(send: Send) -> None:
    assert "this feed does not come as XML; send a CSV of each table" in send({"tenancies.xml": "<x/>"}).reason


# Workbooks

HEADERS, FIRST, *_ = csv.reader(TENANCIES_CSV.splitlines())
TENANCY = dict(zip(HEADERS, FIRST, strict=True))


def tenancy(**values: Any) -> list[Any]:
    """A row of tenancies as promised, with some values by their column names."""
    return [values.get(contracts.snake_case(header), TENANCY[header] or None) for header in HEADERS]


def test_a_workbook_has_a_sheet_for_each_table(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    sheets = {path.stem: list(csv.reader(path.read_text().splitlines())) for path in AS_PROMISED}
    as_csv = send({path.name: path.read_bytes() for path in AS_PROMISED})
    decision = send({"march.xlsx": workbook({"How to fill this in": [["See page 3"]], **sheets})})

    assert (decision.state, decision.reason) == (as_csv.state, as_csv.reason)
    for table in sheets:
        rows = [landed(warehouse_of_module, one.delivery_id, f"housing__{table}") for one in (as_csv, decision)]
        assert rows[0] == rows[1]
    assert warehouse_of_module.rows(
        "select reason from ledger.delivery_event where event = 'sheets left out' and delivery_id = %s", decision.delivery_id
    ) == [("march.xlsx: the sheet(s) at position 1 have no table's name",)]


def test_cells_become_text_without_losing_or_gaining_a_digit(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    rows = [
        tenancy(tenancy_reference="0042", tenancy_start_date=date(2015, 4, 2), uprn=38000000001),
        tenancy(tenancy_reference=43, tenancy_start_date="03/04/2015", uprn=38000000002.0),
        tenancy(tenancy_reference="=40+4", tenancy_start_date="04/04/2015"),
    ]
    decision = send({"tenancies.xlsx": workbook({"Sheet1": [HEADERS, *rows]})})

    assert warehouse_of_module.rows(
        """select line_number, tenancy_reference, tenancy_start_date, uprn from landing.housing__tenancies
           join ledger.delivery_file using (file_id) where delivery_id = %s order by 1""",
        decision.delivery_id,
    ) == [
        (2, "0042", "02/04/2015", "38000000001"),
        (3, "43", "03/04/2015", "38000000002"),
        (4, None, "04/04/2015", TENANCY["UPRN"]),
    ]


def test_the_header_may_stand_below_a_title_and_a_line_is_the_number_of_its_row(
    warehouse_of_module: FreshWarehouse, send: Send
) -> None:
    rows = [["Tenancies of March"], [], HEADERS, [], tenancy(), [], tenancy(tenancy_reference="T999")]
    decision = send({"march.xlsx": workbook({"Tenancies": rows})})

    assert ledger(warehouse_of_module, decision.delivery_id) == {"tenancies": (2, 2)}
    assert warehouse_of_module.rows(
        """select line_number from landing.housing__tenancies join ledger.delivery_file using (file_id)
           where delivery_id = %s order by 1""",
        decision.delivery_id,
    ) == [(5,), (7,)]


def test_a_value_beside_the_columns_of_a_sheet_makes_its_row_unreadable(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    decision = send({"march.xlsx": workbook({"Tenancies": [HEADERS, tenancy(), [*tenancy(), None, "?"]]})})

    assert warehouse_of_module.rows(
        "select line_number, line.problem from ledger.unreadable_line as line join ledger.delivery_file using (file_id) where delivery_id = %s",
        decision.delivery_id,
    ) == [(3, "holds a value outside the columns of the header")]


def test_a_letter_names_the_sheet_of_a_line(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    rows = [tenancy(tenancy_reference=f"T{number}") for number in range(20)]
    decision = send({"march.xlsx": workbook({"Tenancies": [HEADERS, *rows, tenancy(tenancy_start_date="30/02/2015")]})})

    letter = returns.write(decision.delivery_id)
    assert decision.state == "accepted"
    assert letter and "march.xlsx (Tenancies): Tenancy Start Date" in letter.read_text().replace("\n", " ")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("march.xlsm", b"", "is a workbook of a kind that is not opened"),
        ("march.xls", b"", "is a workbook of a kind that is not opened"),
        ("march.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600), "is encrypted; save it as .xlsx without a password"),
        ("march.xlsx", zipped({"xl/vbaProject.bin": b"x"}), "holds macros"),
        ("march.xlsx", zipped({"xl/workbook.xml": bytes(20 << 20)}), "times its own size when unpacked"),
        ("march.xlsx", zipped({"../workbook.xml": b"x"}), "holds names that lead elsewhere"),
        ("march.xlsx", zipped({"xl/x.xml": b"<x/>"}), "is not a workbook that can be read"),
        ("march.xlsx", workbook({"Tenancies": [HEADERS]})[:-50], "is not a zip file, or was cut off"),
        ("march.zip", zipped({"march.xlsx": workbook({"Tenancies": [HEADERS]})}), "holds a workbook, which is packed already"),
        ("tenancies.csv.gz", gzip.compress(bytes(20 << 20)), "times its own size when unpacked"),
        ("tenancies.csv.gz", gzip.compress(gzip.compress(b"x")), "holds another archive"),
        ("tenancies.csv.gz", gzip.compress(TENANCIES_CSV.encode())[:-9], "is damaged"),
        ("tenancies.csv.gz", b"Tenancy Reference", "is not a gzip file"),
    ],
)
def test_what_is_packed_and_not_harmless_is_not_taken_and_nothing_of_it_is_kept(
    send: Send, name: str, content: bytes, says: str
) -> None:
    with pytest.raises(DeliveryRefused, match=says):
        send({name: content})

    assert not list((settings.var_folder("store") / "incoming").iterdir())


def test_entities_in_a_workbook_reject_it(send: Send) -> None:
    content = io.BytesIO(workbook({"Tenancies": [HEADERS, tenancy()]}))
    with zipfile.ZipFile(content) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = b'<!DOCTYPE x [<!ENTITY x "y">]>' + sheet.removeprefix(b'<?xml version="1.0"?>')

    assert "declares a document type or entities" in send({"march.xlsx": zipped(parts)}).reason


# Text in other ways


@pytest.fixture
def as_torus_writes(
    warehouse_of_module: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Let Torus's contract say how its files are written."""

    def write(shape: str) -> None:
        root = shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations")
        with (root / "torus" / "tenancies.yml").open("a") as contract:
            contract.write(f"files: {shape}\n")
        changed = contracts.load(root)
        monkeypatch.setattr(contracts, "load", lambda: changed)

    return write


@pytest.mark.parametrize(
    ("shape", "encoding", "how", "loaded_by"),
    [
        ("{encoding: utf-16}", "utf-16", {}, "line by line"),
        ("{encoding: cp1252}", "cp1252", {}, "copy"),
        ("{encoding: latin-1, delimiter: ;}", "latin-1", {"delimiter": ";"}, "copy"),
        ('{delimiter: "\\t"}', "utf-8", {"delimiter": "\t"}, "copy"),
        ("""{quote: "'"}""", "utf-8", {"quotechar": "'"}, "line by line"),
        ("""{quote: none, delimiter: "|"}""", "utf-8", {"quoting": csv.QUOTE_NONE, "delimiter": "|"}, "line by line"),
        ("{has_header: false}", "utf-8", {}, "copy"),
    ],
)
def test_however_it_is_written_it_lands_the_same(
    warehouse_of_module: FreshWarehouse,
    send: Send,
    as_torus_writes: Callable[[str], None],
    shape: str,
    encoding: str,
    how: dict[str, Any],
    loaded_by: str,
) -> None:
    usual = send({"tenancies.csv": TENANCIES_CSV.replace("Assured", "Café")})
    as_torus_writes(shape)
    rows = list(csv.reader(TENANCIES_CSV.replace("Assured", "Café").splitlines()))
    written = io.StringIO()
    csv.writer(written, **how).writerows(rows[1:] if "has_header" in shape else rows)
    decision = send({"tenancies.csv": written.getvalue().encode(encoding)})

    in_landing = [landed(warehouse_of_module, one.delivery_id, "housing__tenancies") for one in (usual, decision)]
    assert in_landing[0] == in_landing[1] and len(in_landing[0]) == 12
    assert warehouse_of_module.rows(
        "select loaded_by from ledger.delivery_file where delivery_id = %s", decision.delivery_id
    ) == [(loaded_by,)]


def test_the_first_line_of_a_file_without_header_is_line_1(
    warehouse_of_module: FreshWarehouse, send: Send, as_torus_writes: Callable[[str], None]
) -> None:
    as_torus_writes("{has_header: false}")
    lines = TENANCIES_CSV.splitlines()[1:]
    lines[3] += ",one too many"
    decision = send({"tenancies.csv": "\n".join(lines)})

    assert warehouse_of_module.rows(
        "select line_number, line.problem from ledger.unreadable_line as line join ledger.delivery_file using (file_id) where delivery_id = %s",
        decision.delivery_id,
    ) == [(4, "has 11 values where the contract has 10")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (TENANCIES_CSV.encode(), "does not begin as UTF-16 does"),
        (TENANCIES_CSV.encode("utf-16")[:-1], "holds bytes that are not utf-16"),
        (
            TENANCIES_CSV.replace("Assured", "\ud800", 1).encode("utf-16", "surrogatepass"),
            "line 2: holds bytes that are not utf-16",
        ),
    ],
)
def test_what_is_not_utf_16_is_found_out(send: Send, as_torus_writes: Callable[[str], None], content: bytes, says: str) -> None:
    as_torus_writes("{encoding: utf-16}")

    assert says in send({"tenancies.csv": content}).reason


# Tables that no purpose needs

NEEDED = {"CYP001MPI.csv": "LocalPatientID,OrgID_LocalPatientID,NHSNumber,DateOfBirth\nP1,RY2,,1941-02-11\nP2,RY2,,1942-03-12\n"}
CARE_PLANS = "PlanID,LocalPatientID,Plan_Type\n1,P1,10\n2,P1,11\n3,P2,10\n"


def test_a_table_that_no_purpose_needs_is_counted_and_not_kept(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    decision = send({**NEEDED, "CYP004CarePlanType.csv": CARE_PLANS}, COMMUNITY)

    assert "3 more, of 1 table that no purpose needs, counted and not taken in" in decision.reason
    [(received, on_landing, not_needed, stored_as)] = warehouse_of_module.rows(
        """select received_rows, landed_rows, not_needed_rows, stored_as from ledger.delivery_file
           where delivery_id = %s and table_name = 'cyp004careplantype'""",
        decision.delivery_id,
    )
    assert (received, on_landing, not_needed, stored_as) == (3, 0, 3, "")
    kept = {path.read_text() for path in (settings.var_folder("store") / str(decision.delivery_id)).iterdir()}
    assert kept == set(NEEDED.values())
    assert [file.not_needed_rows for file in deliveries.account(decision.delivery_id).files] == [None, 3]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("CYP004.csv.gz", gzip.compress(CARE_PLANS.encode())),
        ("CYP004.zip", zipped({"CYP004.csv": CARE_PLANS.encode()})),
        ("CYP004.xlsx", workbook({"CYP004": [line.split(",") for line in CARE_PLANS.splitlines()]})),
        ("CYP004.csv", CARE_PLANS.replace("1,P1,10", '1,P1,"1\n0"')),
        ("CYP004.csv", CARE_PLANS.replace("\n", "\r\n\r\n")),
    ],
)
def test_rows_that_are_not_needed_are_counted_in_every_kind_of_file(
    warehouse_of_module: FreshWarehouse, send: Send, name: str, content: bytes
) -> None:
    decision = send({**NEEDED, name: content}, COMMUNITY)

    assert ledger(warehouse_of_module, decision.delivery_id)["cyp004careplantype"] == (3, 0)


def test_the_same_files_again_are_known_though_one_was_not_kept(send: Send) -> None:
    files = {**NEEDED, "CYP004.csv": CARE_PLANS}
    first = send(files, COMMUNITY, "2018-11")

    second = send(files, COMMUNITY, "2018-11")

    assert first.state == "accepted" and (second.state, second.delivery_id) == ("duplicate", first.delivery_id)


def test_a_replay_keeps_the_count_of_what_was_not_kept(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    first = send({**NEEDED, "CYP004.csv": CARE_PLANS}, COMMUNITY)

    again = deliveries.replay(first.delivery_id, "a test")

    assert again.state == "accepted"
    assert ledger(warehouse_of_module, again.delivery_id)["cyp004careplantype"] == (3, 0)


def test_what_was_not_kept_and_could_not_be_counted_cannot_be_replayed(send: Send) -> None:
    rejected = send({**NEEDED, "CYP004.csv": CARE_PLANS.replace("1,P1,10", '1,P1,"10')}, COMMUNITY)

    with pytest.raises(deliveries.DeliveryError, match="are not kept any more"):
        deliveries.replay(rejected.delivery_id, "a test")


def test_what_was_only_counted_cannot_be_replayed_once_a_purpose_needs_it(
    warehouse_of_module: FreshWarehouse, send: Send
) -> None:
    first = send({**NEEDED, "CYP004.csv": CARE_PLANS}, COMMUNITY)
    # As if the contract had counted the table of referrals only, when it came.
    with warehouse_of_module.connect() as connection:
        connection.execute(
            "update ledger.delivery_file set table_name = 'referrals' where delivery_id = %s and stored_as = ''",
            (first.delivery_id,),
        )

    with pytest.raises(deliveries.DeliveryError, match="are not kept any more"):
        deliveries.replay(first.delivery_id, "a test")


def test_a_manifest_declares_rows_that_are_only_counted_too(send: Send) -> None:
    manifest = "file,rows\nCYP001MPI.csv,2\nCYP004.csv,{}\n"
    right = send({**NEEDED, "CYP004.csv": CARE_PLANS, "manifest.csv": manifest.format(3)}, COMMUNITY)
    wrong = send({**NEEDED, "CYP004.csv": CARE_PLANS, "manifest.csv": manifest.format(4)}, COMMUNITY)

    assert right.state == "accepted"
    assert "it declares 4 rows in CYP004.csv, and 3 were found" in wrong.reason


def test_a_file_that_cannot_be_counted_rejects_the_delivery(send: Send) -> None:
    decision = send({**NEEDED, "CYP004.csv": CARE_PLANS.replace("1,P1,10", '1,P1,"10')}, COMMUNITY)

    assert decision.state == "rejected"
    assert "cyp004careplantype: CYP004.csv: line 2: a quotation mark opens a value" in decision.reason


def test_a_table_that_the_version_does_not_have_is_counted_with_a_word(warehouse_of_module: FreshWarehouse, send: Send) -> None:
    decision = send({**NEEDED, "CYP008.csv": "LocalPatientID\nP1\n"}, COMMUNITY, "2018-12")

    assert warehouse_of_module.rows(
        "select reason from ledger.delivery_event where event = 'table of another version' and delivery_id = %s",
        decision.delivery_id,
    ) == [("cyp008overseasvisitorchargcat is no part of version 1.5",)]
