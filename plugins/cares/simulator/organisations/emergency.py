"""Emergency care as its providers send it: the emergency department, and the Urgent Treatment Centre before and after it moved."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd

from cares import contracts
from cares.contracts import Period, Table
from cares.simulator import bodies, homes, identifiers, wording
from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, day, iso, uk
from cares.simulator.lives import emergency
from cares.simulator.lives.emergency import CENTRE, DEPARTMENT, MINUTES_IN_A_DAY
from cares.simulator.organisations.hospital import SEX, clinical_function, trace_status
from cares.simulator.sheets import Sheet
from cares.simulator.story import Story

DEPARTMENT_TYPE = {DEPARTMENT: "01", CENTRE: "03"}
SITE = {DEPARTMENT: "RBN01", CENTRE: "RBNUT"}  # the centre's is invented; a site keeps its code when another trust takes it over
AMBULANCE_TRUST = "RX7"
RESOURCE_GROUPS = np.array(["VB01Z", "VB04Z", "VB07Z", "VB09Z", "VB11Z"], dtype=object)  # the most urgent first
INVESTIGATED, TREATED = {DEPARTMENT: 1.1, CENTRE: 0.25}, {DEPARTMENT: 0.9, CENTRE: 0.7}  # on average, each; assumed


class EmergencyCare:
    """Each month, the attendances of a service that began in it, with diagnoses, investigations and treatments."""

    def __init__(self, story: Story, slug: str, service: str, provider: str, local_id: str) -> None:
        self.slug, self.service, self.provider = slug, service, provider
        self.seed, self.borough, self.stays = story.seed, story.borough, story.stays
        of_service = story.emergency[(story.emergency["service"] == service).to_numpy()].reset_index(drop=True)
        # The centre goes on numbering when its provider changes: its staff and its systems stay.
        rng = stream(story.seed, f"numbers of the {service}")
        of_service["number"] = identifiers.in_no_order(rng, "E{:07d}" if service == DEPARTMENT else "U{:07d}", len(of_service))
        first, last = _promised(slug)
        self.attendances = of_service[of_service["arrived"].between(first, last)].reset_index(drop=True)
        organisation, source = slug.split("/")
        self.records = story.register(organisation, source, "emergency", local_id, self.attendances["person"].to_numpy())

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The extract of a month."""
        rng = stream(self.seed, f"{self.slug} {period.label}")
        arrived = self.attendances["arrived"].to_numpy()
        first, last = np.searchsorted(arrived, [day(period.start), day(period.end) + 1])
        chosen = self.attendances.iloc[first:last]
        key = self.provider + np.arange(first, last).astype(str).astype(object)
        seen = np.flatnonzero(chosen["treated"].to_numpy() >= 0)
        said = {"attendances": self._attendances(rng, chosen, key), "diagnoses": self._diagnoses(chosen, key)}
        for name, term_list, average in (("investigations", "investigation", INVESTIGATED), ("treatments", "treatment", TREATED)):
            said[name] = self._given(rng, chosen.iloc[seen], key[seen], term_list, average[self.service])
        return {name: sheet for name, sheet in said.items() if name in tables}

    def _attendances(self, rng: np.random.Generator, chosen: pd.DataFrame, key: np.ndarray) -> Sheet:
        size, records = len(chosen), self.records
        person, arrived, stay = (chosen[name].to_numpy() for name in ("person", "arrived", "stay"))
        record = records.of(person, arrived)
        records.is_used[record] = True
        nhs_number, postcode = records.nhs_number[record], records.postcode(record, arrived)
        kinds = list(emergency.told()["kinds"].values())
        of_kind = chosen["kind"].to_numpy()
        injury = np.array([kind.get("injury", "") for kind in kinds], dtype=object)[of_kind]
        injured, own_hand = injury != "", injury == "Harmed by own hand"
        place = pick(rng, list(_codes("place_of_injury")), [52, 16, 8, 10, 9, 5], size)
        intent = np.where(own_hand, "By own hand", np.where(injury == "Blow by a person", "By somebody else", "Not meant"))
        ambulance = (chosen["mode"] == "Ambulance").to_numpy()
        broken = chosen["diagnosis"].str.startswith("Fracture").to_numpy()
        admitted = stay >= 0
        further = np.where(broken, "Fracture clinic", pick(rng, ["None", "GP", "Outpatient clinic"], [66, 26, 8], size))
        in_care_home = self.borough.residences.on(person, arrived) >= self.borough.first_care_home
        lives = np.where(in_care_home, "Care home", np.where(postcode == "ZZ99 3VZ", "No fixed abode", "Own home"))
        decided = self._moment(chosen, "decided")
        columns: dict[str, np.ndarray | str] = {
            "CDS Unique Identifier": "B" + self.provider + chosen["number"].to_numpy(),
            "Local Patient Identifier (Extended)": records.local_id[record],
            "Organisation Identifier (Local Patient Identifier)": self.provider,
            "NHS Number": nhs_number,
            "NHS Number Status Indicator Code": trace_status(nhs_number, record),
            "Person Birth Date": self._written(records.born[record]),
            "Person Stated Gender Code": wording.translate(records.sex[record], SEX),
            "Ethnic Category": wording.ethnicity(records.ethnicity[record], wording.HOSPITAL),
            "Person Given Name": records.forename[record],
            "Person Family Name": records.surname(record, arrived),
            "Patient Usual Address": records.address(record, arrived),
            "Postcode Of Usual Address": postcode,
            "Accommodation Status (SNOMED CT)": wording.translate(lives, _codes("accommodation_status")),
            "General Practice (Patient Registration)": homes.practice_codes()[records.practice[record]],
            "Organisation Site Identifier (Of Treatment)": SITE[self.service],
            "Emergency Care Department Type": DEPARTMENT_TYPE[self.service],
            "Organisation Identifier (Code Of Provider)": self.provider,
            "Organisation Identifier (Code Of Commissioner)": bodies.commissioner(
                self.borough.people["council"].to_numpy()[person], arrived
            ),
            "Emergency Care Attendance Identifier": chosen["number"].to_numpy(),
            "Emergency Care Attendance Category": chosen["category"].to_numpy(),
            "Emergency Care Arrival Mode (SNOMED CT)": wording.translate(chosen["mode"].to_numpy(), _codes("arrival_mode")),
            "Emergency Care Attendance Source (SNOMED CT)": wording.translate(
                chosen["source"].to_numpy(), _codes("attendance_source")
            ),
            "Ambulance Incident Number": np.where(ambulance, "N" + key, ""),
            "Organisation Identifier (Conveying Ambulance Trust)": np.where(ambulance, AMBULANCE_TRUST, ""),
            "Emergency Care Acuity (SNOMED CT)": np.array(list(_codes("acuity").values()), dtype=object)[chosen["acuity"]],
            "Emergency Care Chief Complaint (SNOMED CT)": np.array(
                [_codes("chief_complaint")[kind["complaint"]] for kind in kinds], dtype=object
            )[of_kind],
            "Injury Date": self._written(np.where(injured, arrived - (rng.random(size) < 0.12), NEVER)),
            "Emergency Care Place Of Injury (SNOMED CT)": np.where(
                injured, wording.translate(place, _codes("place_of_injury")), ""
            ),
            "Emergency Care Injury Intent (SNOMED CT)": np.where(injured, wording.translate(intent, _codes("injury_intent")), ""),
            "Emergency Care Injury Mechanism (SNOMED CT)": wording.translate(injury, {"": ""} | _codes("injury_mechanism")),
            "Activity Treatment Function Code (Decision To Admit)": np.where(
                admitted, clinical_function(self.stays)[np.maximum(stay, 0)], ""
            ),
            "Clinically Ready To Proceed Timestamp": np.where(
                admitted, iso(decided[0]) + "T" + wording.clock(decided[1], ":00"), ""
            ),
            "Emergency Care Discharge Status (SNOMED CT)": chosen["status"].to_numpy(),
            "Emergency Care Discharge Destination (SNOMED CT)": chosen["destination"].to_numpy(),
            "Emergency Care Discharge Follow Up (SNOMED CT)": np.where(
                admitted, "", wording.translate(further, _codes("follow_up"))
            ),
            "Healthcare Resource Group": RESOURCE_GROUPS[chosen["acuity"]],
            "PRIMARYKEY_ID": key,
        }
        for what, date_header, time_header in (
            ("arrived", "Emergency Care Arrival Date", "Emergency Care Arrival Time"),
            ("assessed", "Emergency Care Initial Assessment Date", "Emergency Care Initial Assessment Time"),
            ("treated", "Emergency Care Date Seen For Treatment", "Emergency Care Time Seen For Treatment"),
            ("decided", "Decided To Admit Date", "Decided To Admit Time"),
            ("left", "Emergency Care Attendance Conclusion Date", "Emergency Care Attendance Conclusion Time"),
            ("left", "Emergency Care Departure Date", "Emergency Care Departure Time"),
        ):
            on, minute = self._moment(chosen, what)
            columns[date_header], columns[time_header] = self._written(on), np.where(on < NEVER, wording.clock(minute, ":00"), "")
        return Sheet(size, columns)

    def _moment(self, chosen: pd.DataFrame, what: str) -> tuple[np.ndarray, np.ndarray]:
        """The days and minutes of the day at which something happened; NEVER where it did not."""
        after = np.zeros(len(chosen), dtype=int) if what == "arrived" else chosen[what].to_numpy()
        arrived = chosen["arrived"].to_numpy() * MINUTES_IN_A_DAY + chosen["minute"].to_numpy()
        on, minute = np.divmod(arrived + np.maximum(after, 0), MINUTES_IN_A_DAY)
        # In the night in which summer time begins there is no time from one to two.
        skips_an_hour = np.isin(on, _summer_times()) & (minute >= 60) & (arrived < on * MINUTES_IN_A_DAY + 120)
        return np.where(after >= 0, on, NEVER), np.minimum(minute + 60 * skips_an_hour, MINUTES_IN_A_DAY - 1)

    def _written(self, days: np.ndarray) -> np.ndarray:
        """Days as this provider's system writes them."""
        return iso(days) if self.provider == bodies.HOSPITAL else uk(days)

    def _diagnoses(self, chosen: pd.DataFrame, key: np.ndarray) -> Sheet:
        given = np.flatnonzero((chosen["diagnosis"] != "").to_numpy())
        term = chosen["diagnosis"].to_numpy()[given]
        columns: dict[str, np.ndarray | str] = {
            "ROWNUMBER_ID": np.arange(1, len(given) + 1).astype(str).astype(object),
            "PRIMARYKEY_ID": key[given],
            "SNOMED_ID": "1",
            "code": wording.translate(term, _codes("diagnosis")),
            "sequence_number": "1",
            "is_primary": "1",
            "is_injury_related": np.where(np.isin(chosen["kind"].to_numpy()[given], _injuries()), "1", "0"),
        }
        return Sheet(len(given), columns)

    def _given(self, rng: np.random.Generator, seen: pd.DataFrame, key: np.ndarray, term_list: str, average: float) -> Sheet:
        """What was done for those who were seen: some different entries of a list for each."""
        entries = np.array(list(_codes(term_list).values()), dtype=object)
        number = np.minimum(rng.poisson(average, len(seen)), 3)
        row = np.arange(len(seen)).repeat(number)
        place = np.arange(len(row)) - (np.cumsum(number) - number).repeat(number)
        on, minute = self._moment(seen, "treated")
        at_first = rng.integers(0, len(entries), len(seen))
        columns: dict[str, np.ndarray | str] = {
            "ROWNUMBER_ID": np.arange(1, len(row) + 1).astype(str).astype(object),
            "PRIMARYKEY_ID": key[row],
            "SNOMED_ID": (place + 1).astype(str).astype(object),
            "code": entries[(at_first[row] + place) % len(entries)],
            "date": self._written(on[row]),
            "time": wording.clock(minute[row], ":00"),
        }
        return Sheet(len(row), columns)


def _codes(name: str) -> dict[str, str]:
    return emergency.codes()[name]


def _injuries() -> np.ndarray:
    return np.array([number for number, kind in enumerate(emergency.told()["kinds"].values()) if "injury" in kind])


@cache
def _summer_times() -> np.ndarray:
    """The days on which summer time begins: the last Sundays of March."""
    return np.array(
        [day(max(date(year, 3, of) for of in range(25, 32) if date(year, 3, of).weekday() == 6)) for year in range(2015, 2030)]
    )


def _promised(slug: str) -> tuple[int, int]:
    """The first and the last day of which a feed tells."""
    arrives = contracts.load().feed(slug).file.arrives
    return day(arrives.first.start) if arrives.first else 0, day(arrives.last.end) if arrives.last else NEVER


class ClinicalLists:
    """Each quarter, the lists of codes that the trust uses: those of ECDS, and others of its own which are no SNOMED CT."""

    slug = "sthk/clinical_lists"

    def __init__(self) -> None:
        attendances = contracts.load().formats["ecds"].tables["attendances"]
        told = emergency.told()
        self.rows = [
            (name, code, term, told["came_later"].get(term, date(2017, 10, 1)), told["ended"].get(name, {}).get(term))
            for name, terms in emergency.codes().items()
            for term, code in terms.items()
        ]
        for name in ("discharge_status", "discharge_destination"):
            entries = attendances.code_lists[name].codes.items()
            self.rows += [(name, code, entry.means, date(2017, 10, 1), None) for code, entry in entries]

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The lists as they are at the end of a quarter; a term that ended is told with its last day."""
        rows = [row for row in self.rows if row[3] <= period.end]
        lists, codes, terms, starts, ends = (np.array(column, dtype=object) for column in zip(*rows, strict=True))
        known = [str(of) if of is not None and of <= period.end else "" for of in ends]
        columns: dict[str, np.ndarray | str] = {
            "List": lists,
            "Code": codes,
            "Term": terms,
            "Valid From": starts.astype(str).astype(object),
            "Valid To": np.array(known, dtype=object),
        }
        return {"members": Sheet(len(rows), columns)}
