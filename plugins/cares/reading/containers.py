"""Files that can hold several tables, told by their names: workbooks and XML files. Every other file is one table, as text."""

from __future__ import annotations

from pathlib import Path

from cares.contracts import Format
from cares.reading import Container
from cares.reading.workbooks import Workbook
from cares.reading.xml_files import XmlRows


def is_workbook(name: str) -> bool:
    """Whether a file is a workbook with a sheet for each table."""
    return name.lower().endswith(".xlsx")


def is_xml(name: str) -> bool:
    """Whether a file is XML, with all tables in it."""
    return name.lower().endswith(".xml")


def opened(path: Path, name: str, format: Format) -> Container | None:
    """The file at a path, which was sent by a name, as what holds its tables; None where it is one table, as text."""
    if is_workbook(name):
        return Workbook(path)
    if is_xml(name) and format.file.xml:
        return XmlRows(path, format, format.file.xml)
    return None
