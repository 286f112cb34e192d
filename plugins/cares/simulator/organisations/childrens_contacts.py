"""What the council sends of contacts with children's social care: List 1 of the inspection workbook, Annex A."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import wording
from cares.simulator.days import age, day, uk
from cares.simulator.records import Records
from cares.simulator.sheets import Sheet

MONTHS = 6
SEX = {"M": "a) Male", "F": "b) Female", "U": "c) Not stated/recorded"}
ETHNICITY = {
    "WBRI": "a) WBRI",
    "WIRI": "b) WIRI",
    "WOTH": "d) WOTH",
    "MWBC": "f) MWBC",
    "MWBA": "g) MWBA",
    "AIND": "j) AIND",
    "APKN": "k) APKN",
    "ABAN": "l) ABAN",
    "AOTH": "m) AOTH",
    "BAFR": "o) BAFR",
    "CHNE": "q) CHNE",
    "OOTH": "r) OOTH",
    "REFU": "s) REFU",
}


class ChildrensContacts:
    """Each month, the contacts of the six months that end with it, by the numbers that the children's person file has."""

    slug = "council/childrens_contacts"

    def __init__(self, contacts: pd.DataFrame, records: Records) -> None:
        self.contacts, self.records = contacts, records

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The list at the end of a month."""
        months = period.end.year * 12 + period.end.month - MONTHS
        begin, end = day(date(months // 12, months % 12 + 1, 1)), day(period.end)
        contacts = self.contacts[self.contacts["on"].between(begin, end)]
        on, records = contacts["on"].to_numpy(), self.records
        record = records.of(contacts["person"].to_numpy(), end)
        records.is_used[record] = True
        ethnicity = wording.ethnicity(records.ethnicity[record], wording.CHILDRENS_RETURN)
        columns: dict[str, np.ndarray | str] = {
            "Child Unique ID": records.local_id[record],
            "Gender": wording.translate(records.sex[record], SEX),
            "Ethnicity": wording.translate(ethnicity, ETHNICITY),
            "Date of Birth": uk(records.born[record]),
            "Age of Child (Years)": np.maximum(age(records.born[record], on), 0).astype(str).astype(object),
            "Date of Contact": uk(on),
            "Contact Source": contacts["source"].to_numpy(),
        }
        return {"contacts": Sheet(len(contacts), columns)}
