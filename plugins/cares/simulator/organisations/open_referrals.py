"""What feeds of referrals have in common: those that were open in a month, the records of their patients, and the contacts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period
from cares.simulator import homes
from cares.simulator.days import NEVER, age, day
from cares.simulator.lives.spans import ATTENDED, CANCELLED_BY_PATIENT, CANCELLED_BY_PROVIDER, LATE
from cares.simulator.records import Records

NUMBERS = np.array([str(number) for number in range(1000)], dtype=object)
SEX = {"M": "1", "F": "2", "U": "X"}
DISABILITIES = {"F819": "04", "F03X": "04", "G309": "04", "M179": "05", "J449": "08", "I500": "08"}  # of conditions


class OpenReferrals:
    """The referrals that were open in a month, one entry each, and its contacts, one entry each.

    `referrals` and `contacts` are all of a feed, the contacts in the order of their days; `plans` are child protection plans,
    `chance` is a number from 0 to 1 for each referral.
    """

    def __init__(
        self,
        period: Period,
        records: Records,
        referrals: pd.DataFrame,
        contacts: pd.DataFrame,
        plans: pd.DataFrame,
        chance: np.ndarray,
    ) -> None:
        self.period, self.records, self.borough = period, records, records.borough
        self.start, self.end = day(period.start), day(period.end)
        self.council, self.born, self.died = (self.borough.people[name].to_numpy() for name in ("council", "born", "died"))
        self.all_referrals, self.plans = referrals, plans
        received, closed = referrals["received"].to_numpy(), referrals["closed"].to_numpy()
        self.rows = np.flatnonzero((received <= self.end) & (closed >= self.start))
        self.open, self.chance = referrals.iloc[self.rows], chance[self.rows]
        self.person, self.received = self.open["person"].to_numpy(), received[self.rows]
        self.record = self._record(closed[self.rows])
        self.closed = np.where(closed[self.rows] <= self.end, closed[self.rows], NEVER)
        self.is_new = self.received >= self.start
        self.patient = np.unique(self.record)
        self.patient_is = records.life[self.patient]
        self.is_adopted = records.person[self.patient] != self.patient_is
        first, last = np.searchsorted(contacts["day"].to_numpy(), [self.start, self.end + 1])
        self.contacts, self.first_contact = contacts.iloc[first:last], int(first)
        attendance = self.contacts["attendance"]
        self.attended = attendance.isin((ATTENDED, LATE)).to_numpy()
        self.cancelled = attendance.isin((CANCELLED_BY_PATIENT, CANCELLED_BY_PROVIDER)).to_numpy()

    def _record(self, closed: np.ndarray) -> np.ndarray:
        """The record of the patient of each referral, as at the end of the month; they count as used.

        Of a child that was adopted meanwhile, what ended with the adoption stays with the record of before.
        """
        records = self.records
        record = records.of(self.person, self.end)
        before = records.of(self.person, np.minimum(self.end, closed - 1))
        record = np.where(records.person[record] != records.life[record], before, record)
        records.is_used[record] = True
        return record

    @property
    def local_id(self) -> np.ndarray:
        """The numbers of all records."""
        return self.records.local_id

    def of_contact(self, name: str) -> np.ndarray:
        """A column of the referrals, for each contact."""
        return self.all_referrals[name].to_numpy()[self.contacts["referral"].to_numpy()]

    @property
    def minutes(self) -> np.ndarray:
        """How long each contact lasted, blank for those that did not come about."""
        written = NUMBERS[np.minimum(self.contacts["minutes"].to_numpy(), len(NUMBERS) - 1)]
        return np.where(self.attended, written, "")

    @property
    def practice(self) -> np.ndarray:
        """The practice of the patient of each referral."""
        return homes.practice_codes()[self.records.practice[self.record]]

    def on_plan(self, persons: np.ndarray) -> np.ndarray:
        """Whether persons are on a child protection plan at the end of the month."""
        plans = self.plans
        return np.isin(persons, plans["person"][(plans["starts"] <= self.end) & (plans["ends"] > self.end)])

    def goes_on_elsewhere(self, share: float) -> np.ndarray:
        """Which referrals ended with one to another service: a share of those that a patient lived to see the end of."""
        return (self.closed < NEVER) & (self.chance < share) & (self.died[self.person] > self.closed)

    def registered_since(self) -> np.ndarray:
        """The day from which patients are registered with their practice: babies soon after birth, others at some time before.

        Nothing of before stands in the record of an adopted child.
        """
        person = self.patient_is
        since = np.maximum(self.born[person] + 12, self.borough.begins - 200 - person * 7919 % 9000)
        return np.where(self.is_adopted, self.borough.adopted_on[person], since)

    def homes_of_adults(self) -> pd.DataFrame:
        """Where adults lived on the day of a new referral: columns who (a number), where (a tenure, or sheltered) and on."""
        adult = self.is_new & (age(self.born[self.person], self.received) >= 18)
        record, on = self.record[adult], self.received[adult]
        home = self.borough.homes.iloc[self.records.homes.on(record, on)]
        where = np.where(home["is_sheltered"], "sheltered", home["tenure"])
        return pd.DataFrame({"who": self.local_id[record], "where": where, "on": on}).drop_duplicates(["who", "on"])

    def disabilities_of_patients(self) -> tuple[np.ndarray, np.ndarray]:
        """The disabilities of patients that come with a long-term condition: the number of each, and the national code."""
        kinds = sorted(set(DISABILITIES.values()))
        has = [
            self.borough.has(*(name for name, code in DISABILITIES.items() if code == kind))[self.patient_is] for kind in kinds
        ]
        place, kind = np.nonzero(np.column_stack(has))
        return self.local_id[self.patient[place]], np.array(kinds, dtype=object)[kind]
