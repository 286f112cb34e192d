"""What the fire and rescue service sends: the visits of each month, with what was found and done."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator.days import day, uk
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story


def feeds(story: Story) -> list[Sender]:
    """What the service sends."""
    return [HomeSafetyVisits(story)]


class HomeSafetyVisits:
    """Each month, its visits to homes; who lives there is named only if they agreed to it."""

    slug = "merseyside_fire/home_safety_visits"

    def __init__(self, story: Story) -> None:
        self.borough, self.safety = story.borough, story.safety
        persons = self.safety.visits["person"].to_numpy()
        self.records = story.register("merseyside_fire", "fire_visits", "fire", "F{:06d}", persons[persons >= 0])

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The three files of a month."""
        first, last = np.searchsorted(self.safety.visits["day"].to_numpy(), [day(period.start), day(period.end) + 1])
        visits = self.safety.visits.iloc[first:last]
        homes = self.borough.homes.iloc[visits["home"].to_numpy()]
        person, day_of = visits["person"].to_numpy(), visits["day"].to_numpy()
        named = person >= 0
        records = self.records
        record = records.of(person[named], day_of[named])
        records.is_used[record] = True

        def of_named(values: np.ndarray) -> np.ndarray:
            column = np.full(len(visits), "", dtype=object)
            column[named] = values
            return column

        return {
            "visits": Sheet(
                len(visits),
                {
                    "Visit Reference": visits["number"].to_numpy(),
                    "Visit Date": uk(day_of),
                    "UPRN": homes["uprn"].to_numpy(),
                    "Address": homes["address"].to_numpy(),
                    "Postcode": homes["postcode"].to_numpy(),
                    "Local Person ID": of_named(records.local_id[record]),
                    "Forename": of_named(records.forename[record]),
                    "Surname": of_named(records.surname(record, day_of[named])),
                    "Date of Birth": of_named(uk(records.born[record])),
                    "Sex": of_named(records.sex[record]),
                    "Referred By": visits["referrer"].to_numpy(),
                    "Risk Level": visits["risk"].to_numpy(),
                    "Outcome": visits["outcome"].to_numpy(),
                    "Onward Referral Organisation": visits["onward"].to_numpy(),
                    "Onward Referral Date": uk(visits["onward_on"].to_numpy()),
                },
            ),
            "vulnerabilities": self._of_visits(self.safety.vulnerabilities, first, last, {"found": "Vulnerability"}),
            "actions": self._of_visits(self.safety.actions, first, last, {"action": "Action", "quantity": "Quantity"}),
        }

    def _of_visits(self, table: pd.DataFrame, first: int, last: int, headers: dict[str, str]) -> Sheet:
        """The rows of a table that belong to the visits from the place `first` up to `last`."""
        begin, end = np.searchsorted(table["visit"].to_numpy(), [first, last])
        rows = table.iloc[begin:end]
        number = self.safety.visits["number"].to_numpy()[rows["visit"].to_numpy()]
        return Sheet(len(rows), {"Visit Reference": number} | {header: rows[name].to_numpy() for name, header in headers.items()})
