"""Everything that happened in the borough: what each organisation sends is its own part of this one story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import numpy as np

from cares.contracts import Period, Table
from cares.simulator import residents
from cares.simulator.days import day
from cares.simulator.lives import hospital, looked_after, social_care
from cares.simulator.records import Records
from cares.simulator.sheets import Sheet

TOLD_BEFORE_MONTHS = 15  # how long before the first delivery lives are told: a first delivery looks back


class Sender(Protocol):
    """One feed as its organisation writes it."""

    slug: str

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The tables of a period, of those that the version of the period has."""


@dataclass(frozen=True)
class Told:
    """What is told: of how many people, drawn from which seed, with deliveries from when until when (dates)."""

    people: int
    seed: int
    first: date
    last: date
    la_code: str


class Story:
    """The lives of everybody, each table one row an event; persons are numbers of rows of `borough.people`.

    stays, episodes, secondary: see `hospital`. social_care: see `social_care.events`. looked_after: see `looked_after.lives`.
    What is told later may rest on what was told before, so the order matters: some of it moves people to other homes.
    """

    def __init__(self, told: Told) -> None:
        self.told, self.seed = told, told.seed
        begins = day(told.first - timedelta(days=round(TOLD_BEFORE_MONTHS * 30.44)))
        self.borough = residents.build(told.seed, told.people, begins, day(told.last))
        self.stays = hospital.stays(told.seed, self.borough)
        self.social_care = social_care.events(told.seed, self.borough, self.stays)
        self.looked_after = looked_after.lives(told.seed, self.borough)
        self.episodes, self.secondary = hospital.episodes(told.seed, self.borough, self.stays)
        self.registers: list[Records] = []

    def register(self, organisation: str, source: str, kind: str, local_id: str, persons: np.ndarray) -> Records:
        """The register of people that an organisation keeps, of all that it ever meets; feeds that share it share its numbers.

        `source` as in the person records of the linked dataset; `kind` is a column of `error_rates.yml`; `local_id` is
        how a number of the register is written, like "T{:07d}"; `persons` may name somebody more than once.
        """
        records = Records(self.seed, source, kind, organisation, local_id, self.borough, persons)
        self.registers.append(records)
        return records
