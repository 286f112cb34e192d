"""What is sent of the Shared Care Record: each day who may see whose, each month who opened whose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import wording
from cares.simulator.days import MINUTES_IN_A_DAY, day, uk
from cares.simulator.records import Records
from cares.simulator.residents import Borough
from cares.simulator.sheets import Sheet


class RecordPermissions:
    """Each day, the decisions that the desk wrote down on it; the first delivery has all that were written before."""

    slug = "council/record_permissions"

    def __init__(self, decisions: pd.DataFrame, records: Records, first_day: int) -> None:
        self.decisions, self.records, self.first_day = decisions, records, first_day
        self.written = decisions["written"].to_numpy()

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The decisions of a day; often there are none."""
        begin, end = day(period.start), day(period.end)
        first = 0 if begin <= self.first_day else np.searchsorted(self.written, begin, "left")
        last = np.searchsorted(self.written, end, "right")
        decisions, records = self.decisions.iloc[first:last], self.records
        on = decisions["on"].to_numpy()
        record = records.of(decisions["person"].to_numpy(), on)
        records.is_used[record] = True
        columns: dict[str, np.ndarray | str] = {
            "Decision Reference": np.array([f"D{number:07d}" for number in range(first + 1, last + 1)], dtype=object),
            "Person Reference": records.local_id[record],
            "NHS Number": records.nhs_number[record],
            "Forename": records.forename[record],
            "Surname": records.surname(record, on),
            "Date of Birth": uk(records.born[record]),
            "Sex": records.sex[record],
            "Postcode": records.postcode(record, on),
            "State": decisions["state"].to_numpy(),
            "Decided On": uk(on),
            "Decided At": wording.clock(decisions["minute"].to_numpy()),
            "Decided By": decisions["by"].to_numpy(),
            "Capacity": decisions["capacity"].to_numpy(),
            "Scope": decisions["scope"].to_numpy(),
            "Contributing Organisation": decisions["about"].to_numpy(),
            "Emergency Reason": decisions["emergency"].to_numpy(),
            "Ends On": uk(decisions["ends"].to_numpy()),
            "Recorded By Organisation": decisions["recorded_by"].to_numpy(),
        }
        return {"decisions": Sheet(len(decisions), columns)}


class RecordAccesses:
    """Each month, every opening of the record in it."""

    slug = "ccg/record_accesses"

    def __init__(self, borough: Borough, openings: pd.DataFrame) -> None:
        self.borough, self.openings = borough, openings
        self.on = openings["opened"].to_numpy() // MINUTES_IN_A_DAY

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The openings of a month."""
        first, last = np.searchsorted(self.on, [day(period.start), day(period.end) + 1])
        openings = self.openings.iloc[first:last]
        person = openings["person"].to_numpy()
        nhs_number = self.borough.people["nhs_number"].to_numpy()[person]
        columns: dict[str, np.ndarray | str] = {
            "Access Reference": np.array([f"A{number:09d}" for number in range(first + 1, last + 1)], dtype=object),
            "Opened On": uk(self.on[first:last]),
            "Opened At": wording.clock(openings["opened"].to_numpy() % MINUTES_IN_A_DAY),
            "NHS Number": np.where(person >= 0, nhs_number, ""),
            "Staff Number": np.array([f"S{number:05d}" for number in openings["staff"]], dtype=object),
            "Staff Organisation": openings["organisation"].to_numpy(),
            "Role": openings["role"].to_numpy(),
            "Purpose": openings["purpose"].to_numpy(),
            "Outcome": openings["outcome"].to_numpy(),
            "Referral": openings["referral"].to_numpy(),
            "Emergency Reason": openings["emergency"].to_numpy(),
        }
        return {"accesses": Sheet(len(openings), columns)}
