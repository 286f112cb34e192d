"""Workbooks and XML files, read row by row without a database."""

from __future__ import annotations

import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from cares import contracts
from cares.contracts import FileShape, XmlFile, XmlRow
from cares.reading import FileProblem, Source, delimited
from cares.reading.workbooks import Workbook
from cares.reading.xml_files import XmlRows

HOUSING = contracts.load().formats["housing"]
CHILDREN = contracts.load().formats["ssda903"]
NAMES = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

AS_EXCEL_SAVES_IT = {
    "[Content_Types].xml": f"""<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
        <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
        <Override PartName="/xl/workbook.xml" ContentType="{PACKAGE}.sheet.main+xml"/>
        <Override PartName="/xl/worksheets/sheet1.xml" ContentType="{PACKAGE}.worksheet+xml"/>
        <Override PartName="/xl/styles.xml" ContentType="{PACKAGE}.styles+xml"/>
        <Override PartName="/xl/sharedStrings.xml" ContentType="{PACKAGE}.sharedStrings+xml"/></Types>""",
    "_rels/.rels": f"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
        <Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>""",
    "xl/_rels/workbook.xml.rels": f"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
        <Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>
        <Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/>
        <Relationship Id="r3" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>""",
    "xl/workbook.xml": f"""<workbook {NAMES} xmlns:r="{OFFICE}">
        <sheets><sheet name="Tenancies" sheetId="1" r:id="r1"/></sheets></workbook>""",
    "xl/styles.xml": f"""<styleSheet {NAMES}><fonts count="1"><font/></fonts><fills count="1"><fill><patternFill/></fill></fills>
        <borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>
        <cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>""",
}


def excel(folder: Path, rows: str, texts: list[str]) -> Workbook:
    """A workbook as Excel saves it: its texts stand apart from its cells, which name them by their number."""
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    parts = {
        **AS_EXCEL_SAVES_IT,
        "xl/sharedStrings.xml": f"<sst {NAMES}>{shared}</sst>",
        "xl/worksheets/sheet1.xml": f"<worksheet {NAMES}><dimension ref='A1:B2'/><sheetData>{rows}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(folder / "original", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return Workbook(folder / "original")


def tenancies(workbook: Workbook) -> Source:
    """The sheet of tenancies, of which only some columns are there: no header is mandatory here."""
    table = HOUSING.tables["tenancies"]
    return workbook.source("Tenancies", table, next(iter(HOUSING.file.versions)))


HEADERS = [name for name, column in HOUSING.tables["tenancies"].file.columns.items()]
HEADER_ROW = "<row r='1'>" + "".join(f"<c t='s'><v>{number}</v></c>" for number in range(len(HEADERS))) + "</row>"
START, REFERENCE = HEADERS.index("Tenancy Start Date"), HEADERS.index("Tenancy Reference")


def test_texts_dates_and_results_of_formulas_are_read_as_excel_keeps_them(tmp_path: Path) -> None:
    cells = {number: f"<c t='s'><v>{len(HEADERS)}</v></c>" for number in range(len(HEADERS))}
    cells[START] = "<c s='1'><v>42096</v></c>"
    cells[REFERENCE] = "<c t='str'><f>A1&amp;B1</f><v>T7</v></c>"
    row = "".join(cells.values())
    source = tenancies(excel(tmp_path, f"{HEADER_ROW}<row r='4'>{row}</row>", [*HEADERS, "O'Brien"]))

    [record] = source.records
    assert (record.line, record.problem, source.counted) == (4, None, 1)
    assert (record.values[REFERENCE], record.values[START]) == ("T7", "02/04/2015")
    assert set(record.values) == {"T7", "02/04/2015", "O'Brien"}


def test_rows_outside_the_size_that_a_sheet_says_it_has_are_read_too(tmp_path: Path) -> None:
    rows = "".join(f"<row r='{number}'><c t='s'><v>0</v></c></row>" for number in range(2, 50))

    source = tenancies(excel(tmp_path, HEADER_ROW + rows, HEADERS))
    assert len(list(source.records)) == source.counted == 48


@pytest.mark.parametrize(
    "rows",
    [
        "<row r='99999999999'><c><v>1</v></c></row>",
        "<row r='3'><c><v>1</v></c></row><row r='2'><c><v>1</v></c></row>",
        "<row r='2'><c><v>1</v></c></row><row r='2'><c><v>2</v></c></row>",
        "<row r='2'><c t='s'><v>999</v></c></row>",
        "<row r='2'><c t='d'><v>yesterday</v></c></row>",
    ],
)
def test_a_workbook_whose_parts_do_not_fit_is_not_guessed_at(tmp_path: Path, rows: str) -> None:
    with pytest.raises(FileProblem, match="is not a workbook that can be read, or is damaged"):
        list(tenancies(excel(tmp_path, HEADER_ROW + rows, HEADERS)).records)


@pytest.mark.parametrize(
    ("start", "place", "damage"),
    [
        (b"PK\x03\x04", 28, b"\x60\xea"),  # a part is said to begin behind the end of the file
        (b"PK\x01\x02", 8, b"\x20\x00"),  # a part is said to be a patch of another
    ],
)
def test_a_damaged_workbook_says_so(tmp_path: Path, start: bytes, place: int, damage: bytes) -> None:
    excel(tmp_path, '<row r="1"><c r="A1" t="s"><v>0</v></c></row>', ["Tenancy Reference"])
    sound = (tmp_path / "original").read_bytes()
    for at in (found.start() for found in re.finditer(re.escape(start), sound)):
        (tmp_path / "original").write_bytes(sound[: at + place] + damage + sound[at + place + len(damage) :])

        with suppress(FileProblem):
            list(tenancies(Workbook(tmp_path / "original")).records)


def test_two_sheets_of_one_name_are_not_guessed_at(tmp_path: Path) -> None:
    workbook = AS_EXCEL_SAVES_IT["xl/workbook.xml"].replace("</sheets>", '<sheet name="Tenancies" r:id="r1"/></sheets>')
    with zipfile.ZipFile(tmp_path / "original", "w") as archive:
        for name, content in {**AS_EXCEL_SAVES_IT, "xl/workbook.xml": workbook}.items():
            archive.writestr(name, content)

    with pytest.raises(FileProblem, match="is damaged"):
        _ = Workbook(tmp_path / "original").sheets


def test_a_sheet_without_a_header_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="none of its first 20 rows names a column of tenancies"):
        tenancies(excel(tmp_path, "<row r='1'><c><v>1</v></c></row>", []))


# XML


def children(folder: Path, document: str | bytes, table: str = "episodes") -> tuple[Source, list[dict[str, str]]]:
    """A table of a return, and its rows by header, without what is blank."""
    path = folder / "original"
    path.write_bytes(document.encode() if isinstance(document, str) else document)
    assert CHILDREN.file.xml
    source = XmlRows(path, CHILDREN, CHILDREN.file.xml).source(None, CHILDREN.tables[table], "2019")
    rows = [
        {header: value for header, value in zip(source.header.fields, record.values, strict=True) if header and value}
        for record in source.records
    ]
    return source, rows


EPISODE = "<EPISODE><DECOM>12/04/2018</DECOM><PL>U1</PL></EPISODE>"


@pytest.mark.parametrize("has_header", [True, False])
@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", b"\xef\xbb\xbf"), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff")])
def test_a_file_of_nothing_but_a_byte_order_mark_is_empty(
    tmp_path: Path, encoding: Literal["utf-8", "utf-16"], mark: bytes, has_header: bool
) -> None:
    (tmp_path / "tenancies.csv").write_bytes(mark)
    shape = FileShape(encoding=encoding, has_header=has_header)

    with pytest.raises(FileProblem, match="is empty but for a byte order mark"):
        delimited.read_header(tmp_path / "tenancies.csv", HOUSING.tables["tenancies"], shape, next(iter(HOUSING.file.versions)))
    with pytest.raises(FileProblem, match="is empty but for a byte order mark"):
        delimited.count_rows(tmp_path / "tenancies.csv", shape)


def test_a_row_takes_from_the_row_around_it_what_it_lacks_also_where_that_comes_later(tmp_path: Path) -> None:
    source, rows = children(tmp_path, f"<x><CHILD>{EPISODE}<HEADER><CHILDID>L001</CHILDID></HEADER></CHILD></x>")

    assert rows == [{"CHILD": "L001", "DECOM": "12/04/2018", "PLACE": "U1"}]
    assert source.counted == 1


def test_a_row_takes_nothing_from_the_row_beside_it(tmp_path: Path) -> None:
    _, rows = children(tmp_path, f"<x><CHILD><CHILDID>L001</CHILDID>{EPISODE}<EPISODE><LS>C2</LS></EPISODE></CHILD></x>")

    assert rows[1] == {"CHILD": "L001", "LS": "C2"}


def test_an_element_is_a_row_only_with_what_it_must_hold(tmp_path: Path) -> None:
    some = "<CHILD><CHILDID>{}</CHILDID><OC3><IN_TOUCH>{}</IN_TOUCH></OC3></CHILD>"
    source, rows = children(tmp_path, f"<x>{some.format('L001', 'YES')}{some.format('L002', ' ')}</x>", "oc3")

    assert rows == [{"CHILD": "L001", "IN_TOUCH": "YES"}]
    assert source.counted == 1


@pytest.mark.parametrize(
    "document",
    [
        f"<s:x xmlns:s='urn:x'><s:CHILD>{EPISODE}</s:CHILD></s:x>",
        f"<x><CHILD><!-- <EPISODE/> -->{EPISODE}</CHILD></x>",
        f"<x><CHILD>{EPISODE.replace('U1', '<![CDATA[U1]]>')}</CHILD></x>",
        f"<?xml version='1.0' encoding='ISO-8859-1'?><x><CHILD>{EPISODE}</CHILD></x>",
        f"<x><CHILD>{EPISODE}</CHILD></x>".encode("utf-16"),
    ],
)
def test_however_it_is_written_xml_gives_the_same_rows(tmp_path: Path, document: str | bytes) -> None:
    source, rows = children(tmp_path, document)

    assert rows == [{"DECOM": "12/04/2018", "PLACE": "U1"}]
    assert source.counted == 1


@pytest.mark.parametrize(
    ("episode", "problem"),
    [
        ("<EPISODE><LS>C2</LS><LS>V2</LS></EPISODE>", "holds two values of one name"),
        (f"<EPISODE><LS>{'C' * 200_000}</LS></EPISODE>", "holds a value longer than 131,072 characters"),
    ],
)
def test_a_row_of_xml_that_is_not_clear_is_unreadable(tmp_path: Path, episode: str, problem: str) -> None:
    path = tmp_path / "original"
    path.write_text(f"<x><CHILD>{episode}</CHILD></x>")
    assert CHILDREN.file.xml
    source = XmlRows(path, CHILDREN, CHILDREN.file.xml).source(None, CHILDREN.tables["episodes"], "2019")

    assert [record.problem for record in source.records] == [problem]


def test_elements_that_no_table_knows_are_told_once(tmp_path: Path) -> None:
    document = f"<x><SENT>today</SENT><CHILD><SHOE>7</SHOE>{EPISODE.replace('PL', 'PLOT')}</CHILD></x>"

    assert children(tmp_path, document)[0].left_out() == "the contract does not know 1 kind(s) of element in the file"
    assert children(tmp_path, document, "header")[0].left_out() == "the contract does not know 2 kind(s) of element in the file"
    assert children(tmp_path, document, "oc3")[0].left_out() is None


def test_a_contract_cannot_promise_xml_of_no_table() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        XmlFile(rows={})
    assert str(XmlRow(each="CHILD", that_has="UASC")) == "CHILD with UASC"
