"""How the tables of a delivery become its files: in what encoding and with what line ends, and how they are packed."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from xml.sax.saxutils import escape

from cares.contracts import Feed, FileShape, Table

LINE_ENDS = {"council": "\r\n"}  # of the other organisations: "\n"
# Feeds that come packed, and those that come as a workbook with a sheet for each table.
ZIPPED = ("ons/postcodes",)
GZIPPED = ("gp_practices/summary",)
WORKBOOKS = ("council/childrens_contacts",)
_FIXED = (1980, 1, 1, 0, 0, 0)  # a zip file keeps the time of writing, and the same borough is to have the same bytes

_TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">\
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Default Extension="xml" ContentType="application/xml"/>\
<Override PartName="/xl/workbook.xml" \
ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{sheets}</Types>"""
_TYPE_OF_A_SHEET = """<Override PartName="/xl/worksheets/sheet{number}.xml" \
ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>"""
_RELATIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relations}</Relationships>"""
_RELATION = """<Relationship Id="rId{number}" Target="{target}" \
Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"/>"""
_BOOK = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" \
xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{sheets}</sheets></workbook>"""
_SHEET = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"""


def line_end(feed: Feed) -> str:
    """How the lines of a feed's files end."""
    return LINE_ENDS.get(feed.organisation, "\n")


def content(lines: list[str], shape: FileShape, ends: str) -> bytes:
    """The bytes of a file of some lines; none without a line."""
    return (ends.join(lines) + ends).encode(shape.encoding) if lines else b""


def is_workbook(feed: Feed) -> bool:
    """Whether a feed comes as a workbook, which has no lines of text."""
    return feed.slug in WORKBOOKS


def name_of(feed: Feed, table: str) -> str:
    """The name of the file that holds a table: packed by itself, in a zip file, or as a sheet of a workbook."""
    if is_workbook(feed):
        return f"{feed.slug.partition('/')[2]}.xlsx"
    return f"{table}.csv.gz" if feed.slug in GZIPPED else f"{table}.csv"


def packed(feed: Feed, tables: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a delivery by name, from what is written of each table."""
    if is_workbook(feed):
        sheets = {_sheet_of(feed.format.tables[table]): text for table, text in tables.items()}
        shape = feed.files
        return {name_of(feed, next(iter(tables))): _workbook(sheets, shape) if any(tables.values()) else b""}
    files = {name_of(feed, table): text for table, text in tables.items()}
    if feed.slug in GZIPPED:
        return {name: gzip.compress(text, 6, mtime=0) for name, text in files.items()}
    if feed.slug in ZIPPED:
        return {f"{feed.slug.partition('/')[2]}.zip": _zipped(files)}
    return files


def _sheet_of(table: Table) -> str:
    return next(iter(table.file.file_names), table.name)


def _zipped(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, _FIXED)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return written.getvalue()


def _workbook(sheets: dict[str, bytes], shape: FileShape) -> bytes:
    """A workbook of cells of text, one sheet for each table as its lines would be written."""
    numbers = range(1, len(sheets) + 1)
    files = {
        "[Content_Types].xml": _TYPES.format(sheets="".join(_TYPE_OF_A_SHEET.format(number=number) for number in numbers)),
        "_rels/.rels": _RELATIONS.format(relations=_RELATION.format(number=1, target="xl/workbook.xml", kind="officeDocument")),
        "xl/_rels/workbook.xml.rels": _RELATIONS.format(
            relations="".join(
                _RELATION.format(number=number, target=f"worksheets/sheet{number}.xml", kind="worksheet") for number in numbers
            )
        ),
        "xl/workbook.xml": _BOOK.format(
            sheets="".join(
                f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>' for number, name in enumerate(sheets, 1)
            )
        ),
    }
    for number, text in enumerate(sheets.values(), 1):
        rows = csv.reader(io.StringIO(text.decode(shape.encoding), newline=""), delimiter=shape.delimiter, quotechar=shape.quote)
        files[f"xl/worksheets/sheet{number}.xml"] = _SHEET.format(
            rows="".join(
                f'<row r="{place}">{"".join(_cell(column, place, value) for column, value in enumerate(row))}</row>'
                for place, row in enumerate(rows, 1)
            )
        )
    return _zipped({name: text.encode() for name, text in files.items()})


def _cell(column: int, row: int, value: str) -> str:
    letters = chr(ord("A") + column) if column < 26 else chr(ord("A") + column // 26 - 1) + chr(ord("A") + column % 26)
    return f'<c r="{letters}{row}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>' if value else ""
