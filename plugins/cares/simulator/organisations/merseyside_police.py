"""What the police send: incidents of the month, and those of earlier months whose outcome is known now, with the people in them."""

from __future__ import annotations

import numpy as np

from cares.contracts import Period, Table
from cares.simulator.days import day, uk
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story


def feeds(story: Story) -> list[Sender]:
    """What the police send."""
    return [Incidents(story)]


def yes_no(flags: np.ndarray) -> np.ndarray:
    """Y where a flag is up, N elsewhere."""
    return np.where(flags, "Y", "N").astype(object)


class Incidents:
    """Each month, the incidents that happened in it or whose outcome was settled in it, whole, as known at its end."""

    slug = "merseyside_police/incidents"

    def __init__(self, story: Story) -> None:
        self.borough, self.incidents, self.involved = story.borough, story.safety.incidents, story.safety.involved
        persons = self.involved["person"].to_numpy()
        self.records = story.register("merseyside_police", "police_incidents", "police", "M-{:06d}", persons)

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """Both files of a month."""
        first, end = day(period.start), day(period.end)
        happened, decided = self.incidents["day"].to_numpy(), self.incidents["decided"].to_numpy()
        place = np.flatnonzero((happened <= end) & ((happened >= first) | ((decided >= first) & (decided <= end))))
        chosen = self.incidents.iloc[place]
        homes = self.borough.homes.iloc[chosen["home"].to_numpy()]
        in_home = chosen["is_in_home"].to_numpy()
        incidents = Sheet(
            len(chosen),
            {
                "Incident Reference": chosen["number"].to_numpy(),
                "Occurred Date": uk(chosen["day"].to_numpy()),
                "Occurred Time": chosen["time"].to_numpy(),
                "Category": chosen["category"].to_numpy(),
                "Domestic Abuse": yes_no(chosen["is_domestic"].to_numpy()),
                "Postcode": homes["postcode"].to_numpy(),
                "UPRN": np.where(in_home, homes["uprn"], ""),
                "Outcome": np.where(chosen["decided"] <= end, chosen["outcome"], "Under Investigation"),
            },
        )
        rows = self.involved[np.isin(self.involved["incident"].to_numpy(), place)]
        records = self.records
        record = records.of(rows["person"].to_numpy(), happened[rows["incident"].to_numpy()])
        records.is_used[record] = True
        people = Sheet(
            len(rows),
            {
                "Incident Reference": self.incidents["number"].to_numpy()[rows["incident"].to_numpy()],
                "Person Reference": records.local_id[record],
                "Role": rows["role"].to_numpy(),
                "Forename": records.forename[record],
                "Surname": records.surname(record, end),
                "Date of Birth": uk(records.born[record]),
                "Sex": records.sex[record],
                "Postcode": records.postcode(record, end),
                "Mental Health": yes_no(rows["mental_health"].to_numpy()),
                "Alcohol or Drugs": yes_no(rows["drink_or_drugs"].to_numpy()),
                "Adult at Risk": yes_no(rows["adult_at_risk"].to_numpy()),
                "Child at Risk": yes_no(rows["child_at_risk"].to_numpy()),
                "Repeat Victim": yes_no(rows["is_repeat"].to_numpy()),
                "Missing": yes_no(rows["is_missing"].to_numpy()),
                "MARAC Referral": yes_no(rows["marac"].to_numpy()),
            },
        )
        return {"incidents": incidents, "people": people}
