"""What Torus sends: its tenancies and the people who live in them, and what happens in its homes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import identifiers
from cares.simulator.chance import pick, stream
from cares.simulator.days import ALWAYS, NEVER, day, uk
from cares.simulator.lives.neighbourhood import Neighbourhood
from cares.simulator.records import Records
from cares.simulator.residents import Borough
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

TENURES = {"Assured": 55, "Secure": 20, "Assured Shorthold": 12, "Starter": 9, "Fixed Term": 4}
RELATIONSHIPS = {"partner": "Partner", "child": "Child", "sharer": "Lodger"}
ENDED_ARE_SHOWN_FOR_DAYS = 90
ARREARS_BANDS = {0: "None", 4: "Under 4 Weeks", 8: "4 to 8 Weeks", 13: "9 to 13 Weeks"}  # up to so many weeks of rent
MOST_ARREARS = "Over 13 Weeks"


def feeds(story: Story) -> list[Sender]:
    """What Torus sends."""
    members = stays_in_homes(story.borough)
    tenants = story.register("torus", "housing", "housing", "T{:07d}", members["person"].to_numpy())
    tenancies = Tenancies(story.seed, story.borough, members, tenants)
    return [tenancies, Neighbourhoods(story.borough, story.neighbourhood, tenancies)]


def stays_in_homes(borough: Borough) -> pd.DataFrame:
    """Who lived in which home of Torus's from when until when: columns person, home, moved_in, moved_out."""
    residences = borough.residences
    person, since, home = residences.subjects, residences.from_days, residences.values
    until = np.append(np.where(person[1:] == person[:-1], since[1:], NEVER), NEVER)
    people = borough.people
    until = np.minimum(until, np.where(people["died"].to_numpy()[person] < NEVER, people["died"].to_numpy()[person] + 14, NEVER))
    lived = pd.DataFrame(
        {"person": person, "home": home, "moved_in": np.maximum(since, people["born"].to_numpy()[person]), "moved_out": until}
    )
    lived["from_the_start"] = since == ALWAYS
    torus = (borough.homes["tenure"] == "torus").to_numpy()[home]
    lived = lived[torus & (lived["moved_in"] < lived["moved_out"]) & (lived["moved_in"] <= borough.ends)]
    # Whoever comes back to a home has one membership that goes on.
    together = lived.groupby(["home", "person"], as_index=False, sort=True)
    return together.agg({"moved_in": "min", "moved_out": "max", "from_the_start": "max"})


class Tenancies:
    """The snapshot of each month: what goes on, and what ended in the last three months."""

    slug = "torus/tenancies"

    def __init__(self, seed: int, borough: Borough, members: pd.DataFrame, records: Records) -> None:
        self.borough, self.records = borough, records
        rng = stream(seed, "tenancies")
        homes, place = np.unique(members["home"], return_inverse=True)
        begun = np.full(len(homes), NEVER)
        np.minimum.at(begun, place, np.where(members["from_the_start"], NEVER, members["moved_in"]))
        # Where somebody lived from the start, the tenancy began some time before the borough's story does.
        earlier = borough.begins - 30 - rng.gamma(1.3, 2200, len(homes)).astype(int)
        was_there = np.zeros(len(homes), dtype=bool)
        was_there[place[members["from_the_start"]]] = True
        eldest = np.full(len(homes), NEVER)
        np.minimum.at(eldest, place, borough.people["born"].to_numpy()[members["person"]])
        begun = np.where(was_there, np.minimum(np.maximum(earlier, eldest + 6200), borough.begins - 30), begun)
        ended = np.zeros(len(homes), dtype=int)
        np.maximum.at(ended, place, members["moved_out"].to_numpy())
        self.homes, self.begun, self.ended = homes, begun, ended
        self.reference = identifiers.in_no_order(rng, "TEN{:06d}", len(homes))
        tenure = pick(rng, list(TENURES), list(TENURES.values()), len(homes))
        self.tenure = np.where(borough.homes["is_sheltered"].to_numpy()[homes], "Assured", tenure)
        self.members = members.assign(tenancy=place, moved_in=np.maximum(members["moved_in"], begun[place]))

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """Both files of a month."""
        end = day(period.end)
        shown_from = end - ENDED_ARE_SHOWN_FOR_DAYS
        tenancy = np.flatnonzero((self.begun <= end) & (self.ended >= shown_from))
        members = self.members
        chosen = members[
            (members["moved_in"] <= end) & (members["moved_out"] >= shown_from) & np.isin(members["tenancy"], tenancy)
        ]
        records = self.records
        record = records.of(chosen["person"].to_numpy(), end)
        records.is_used[record] = True
        # The main tenant is the first of the household who lives there still, or else who lived there last.
        gone = (chosen["moved_out"] <= end).to_numpy()
        first = (
            chosen.assign(gone=gone, record=record)
            .sort_values(["tenancy", "gone", "person"], kind="stable")
            .drop_duplicates("tenancy")
        )
        main = pd.Series(first["record"].to_numpy(), index=first["tenancy"].to_numpy()).reindex(tenancy)
        tenancy = tenancy[main.notna().to_numpy()]
        main_record = main.dropna().to_numpy(dtype=int)

        homes = self.borough.homes.iloc[self.homes[tenancy]]
        ended = self.ended[tenancy]
        tenancies = Sheet(
            len(tenancy),
            {
                "Tenancy Reference": self.reference[tenancy],
                "Property Reference": homes["property_reference"].to_numpy(),
                "UPRN": homes["uprn"].to_numpy(),
                "Address": homes["address"].to_numpy(),
                "Postcode": homes["postcode"].to_numpy(),
                "Tenure": self.tenure[tenancy],
                "Sheltered": np.where(homes["is_sheltered"], "Y", "N"),
                "Tenancy Start Date": uk(self.begun[tenancy]),
                "Tenancy End Date": uk(np.where(ended <= end, ended, NEVER)),
                "Main Tenant Reference": records.local_id[main_record],
            },
        )
        of_tenancy = chosen["tenancy"].to_numpy()
        is_main = np.isin(record, main_record) & (record == main.reindex(of_tenancy).to_numpy())
        role = self.borough.people["role"].to_numpy()[chosen["person"]]
        relationship = np.array([RELATIONSHIPS.get(name, "Other") for name in role], dtype=object)
        household_members = Sheet(
            len(chosen),
            {
                "Person Reference": records.local_id[record],
                "Tenancy Reference": self.reference[of_tenancy],
                "NHS Number": records.nhs_number[record],
                "Forename": records.forename[record],
                "Surname": records.surname(record, end),
                "Date of Birth": uk(records.born[record]),
                "Gender": records.sex[record],
                "Relationship To Main Tenant": np.where(is_main, "Main Tenant", relationship),
                "Phone": records.phone[record],
                "Moved In Date": uk(chosen["moved_in"].to_numpy()),
                "Moved Out Date": uk(np.where(gone, chosen["moved_out"], NEVER)),
            },
        )
        return {"tenancies": tenancies, "household_members": household_members}


class Neighbourhoods:
    """Alerts, adaptations and arrears as they stand at the end of a month; repairs and cases that changed in it.

    Arrears are told of the tenancies that are behind, or were a month ago.
    """

    slug = "torus/neighbourhoods"

    def __init__(self, borough: Borough, neighbourhood: Neighbourhood, tenancies: Tenancies) -> None:
        self.borough, self.lives, self.tenancies = borough, neighbourhood, tenancies
        self.tenancy_of = np.full(len(borough.homes), -1)
        self.tenancy_of[tenancies.homes] = np.arange(len(tenancies.homes))

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The five files of a month."""
        first, end = day(period.start), day(period.end)
        return {
            "alerts": self._alerts(end),
            "repairs": self._repairs(first, end),
            "anti_social_behaviour": self._cases(first, end),
            "adaptations": self._adaptations(end),
            "arrears": self._arrears(first, end),
        }

    def _let(self, table: pd.DataFrame, on: np.ndarray | int) -> np.ndarray:
        """Whether the home of each row was let on a day, or on a day of its own."""
        tenancy = self.tenancy_of[table["home"].to_numpy()]
        return (tenancy >= 0) & (self.tenancies.begun[tenancy] <= on) & (on <= self.tenancies.ended[tenancy])

    def _reference(self, table: pd.DataFrame) -> np.ndarray:
        return self.tenancies.reference[self.tenancy_of[table["home"].to_numpy()]]

    def _home(self, table: pd.DataFrame) -> dict[str, np.ndarray | str]:
        homes = self.borough.homes.iloc[table["home"].to_numpy()]
        return {
            "Property Reference": homes["property_reference"].to_numpy(),
            "UPRN": homes["uprn"].to_numpy(),
            "Tenancy Reference": self._reference(table),
        }

    def _alerts(self, end: int) -> Sheet:
        members = self.tenancies.members
        here = members[(members["moved_in"] <= end) & (members["moved_out"] > end)]
        alerts = self.lives.alerts
        alerts = alerts[(alerts["starts"] <= end) & (alerts["ends"] > end - ENDED_ARE_SHOWN_FOR_DAYS)]
        alerts = alerts.merge(here[["person", "tenancy"]].drop_duplicates("person"), on="person")
        records = self.tenancies.records
        record = records.of(alerts["person"].to_numpy(), end)
        records.is_used[record] = True
        return Sheet(
            len(alerts),
            {
                "Alert Reference": alerts["number"].to_numpy(),
                "Person Reference": records.local_id[record],
                "Tenancy Reference": self.tenancies.reference[alerts["tenancy"].to_numpy()],
                "Alert Code": alerts["code"].to_numpy(),
                "Start Date": uk(alerts["starts"].to_numpy()),
                "End Date": uk(np.where(alerts["ends"] <= end, alerts["ends"], NEVER)),
            },
        )

    def _repairs(self, first: int, end: int) -> Sheet:
        repairs = self.lives.repairs
        changed = repairs[["reported", "inspected", "completed"]].to_numpy()
        now = ((changed >= first) & (changed <= end)).any(axis=1) & (changed[:, 0] <= end)
        chosen = repairs[now & self._let(repairs, changed[:, 0])]
        return Sheet(
            len(chosen),
            {"Job Reference": chosen["number"].to_numpy()}
            | self._home(chosen)
            | {
                "Category": chosen["category"].to_numpy(),
                "Priority": chosen["priority"].to_numpy(),
                "Damp and Mould": np.where(chosen["is_damp"], "Y", "N"),
                "Reported Date": uk(chosen["reported"].to_numpy()),
                "Inspected Date": uk(np.where(chosen["inspected"] <= end, chosen["inspected"], NEVER)),
                "Completed Date": uk(np.where(chosen["completed"] <= end, chosen["completed"], NEVER)),
            },
        )

    def _cases(self, first: int, end: int) -> Sheet:
        cases = self.lives.cases
        opened, closed = cases["opened"].to_numpy(), cases["closed"].to_numpy()
        now = (opened <= end) & ((opened >= first) | ((closed >= first) & (closed <= end)))
        chosen = cases[now & self._let(cases, opened)]
        return Sheet(
            len(chosen),
            {
                "Case Reference": chosen["number"].to_numpy(),
                "Tenancy Reference": self._reference(chosen),
                "Role": chosen["role"].to_numpy(),
                "Category": chosen["category"].to_numpy(),
                "Opened Date": uk(chosen["opened"].to_numpy()),
                "Closed Date": uk(np.where(chosen["closed"] <= end, chosen["closed"], NEVER)),
            },
        )

    def _adaptations(self, end: int) -> Sheet:
        found = self.lives.adaptations
        there = (found["requested"] <= end) & (found["removed"] > end - ENDED_ARE_SHOWN_FOR_DAYS)
        chosen = found[there.to_numpy() & (self.tenancy_of[found["home"].to_numpy()] >= 0)]
        # An empty home keeps what was put in for its last tenant.
        home = self._home(chosen) | {"Tenancy Reference": np.where(self._let(chosen, end), self._reference(chosen), "")}
        return Sheet(
            len(chosen),
            {"Adaptation Reference": chosen["number"].to_numpy()}
            | home
            | {
                "Adaptation Type": chosen["kind"].to_numpy(),
                "Requested Date": uk(chosen["requested"].to_numpy()),
                "Completed Date": uk(np.where(chosen["completed"] <= end, chosen["completed"], NEVER)),
                "Removed Date": uk(np.where(chosen["removed"] <= end, chosen["removed"], NEVER)),
            },
        )

    def _arrears(self, first: int, end: int) -> Sheet:
        table = self.lives.arrears
        weeks, before = self.lives.weeks_behind(end), self.lives.weeks_behind(first - 1)
        told = ((weeks > 0) | (before > 0)) & self._let(table, end)
        chosen, weeks = table[told], weeks[told]
        band = np.array([*ARREARS_BANDS.values(), MOST_ARREARS], dtype=object)[np.searchsorted(list(ARREARS_BANDS), weeks)]
        return Sheet(
            len(chosen),
            {"Tenancy Reference": self._reference(chosen), "Arrears Band": band, "As At Date": uk(np.array([end]))[0]},
        )
