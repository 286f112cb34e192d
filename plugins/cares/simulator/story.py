"""Everything that happened in the borough: what each organisation sends is its own part of this one story."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import numpy as np

from cares.contracts import Period, Table
from cares.simulator import residents
from cares.simulator.days import MINUTES_IN_A_DAY, NEVER, day
from cares.simulator.lives import (
    childrens_contacts,
    community,
    delayed_transfers,
    emergency,
    front_door,
    general_practice,
    hospital,
    looked_after,
    mental_health,
    neighbourhood,
    opt_outs,
    outpatients,
    permissions,
    record_use,
    safety,
    social_care,
    voluntary,
)
from cares.simulator.records import Records
from cares.simulator.sheets import Sheet

DAYS_OF_DAILY_FEEDS = 7
MONTHS_OF_ANSWERS = 2  # about opt-outs: each takes the place of the one before, so that no more tell more
TOLD_BEFORE_MONTHS = 15  # how long before the first delivery lives are told: a first delivery looks back


class Sender(Protocol):
    """One feed as its organisation writes it."""

    slug: str

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The tables of a period, of those that the version of the period has; also some that are only counted, by name."""


@dataclass(frozen=True)
class Told:
    """What is told: of how many people, drawn from which seed, with deliveries from when until when (dates).

    `profile` is how well things are recorded and sent: clean, realistic or hostile. `transfer_worsens` says whether
    services really get worse where they went over to another trust on 1 December 2019.
    """

    people: int
    seed: int
    first: date
    last: date
    la_code: str
    profile: str = "realistic"
    transfer_worsens: bool = False

    @property
    def first_daily(self) -> date:
        """The first day of the feeds that come every day: some days say as much as two years of them would."""
        return max(self.first, self.last - timedelta(days=DAYS_OF_DAILY_FEEDS - 1))

    @property
    def first_answer(self) -> date:
        """The first day of the months that are answered about opt-outs."""
        return max(self.first, (self.last - timedelta(days=30 * MONTHS_OF_ANSWERS - 20)).replace(day=1))


class Story:
    """The lives of everybody, each table one row an event; persons are numbers of rows of `borough.people`.

    stays, episodes, secondary: see `hospital`. emergency: see `emergency.attendances`. outpatients: see
    `outpatients.appointments`. delays, mental_health_delays: see `delayed_transfers`. social_care: see
    `social_care.events`. looked_after: see `looked_after.lives`.
    community, mental_health: see `community.Community` and `mental_health.MentalHealth`.
    neighbourhood, safety, general_practice: see the modules of these names. referrals: see `voluntary.referrals`.
    childrens_contacts: see `childrens_contacts.contacts`. front_door: see `front_door.FrontDoor`. permissions: see
    `permissions.decisions`. record_use: see `record_use.openings`. opted_out: see `opt_outs.national`.
    What is told later may rest on what was told before, so the order matters: some of it moves people to other homes.
    """

    def __init__(self, told: Told) -> None:
        self.told, self.seed = told, told.seed
        begins = day(told.first - timedelta(days=round(TOLD_BEFORE_MONTHS * 30.44)))
        self.borough = residents.build(told.seed, told.people, begins, day(told.last))
        self.stays = hospital.stays(told.seed, self.borough)
        self.social_care = social_care.events(told.seed, self.borough, self.stays)
        self.looked_after = looked_after.lives(told.seed, self.borough)
        self.borough.adopted = looked_after.adoptions(told.seed, self.borough, self.looked_after)
        self.episodes, self.secondary = hospital.episodes(told.seed, self.borough, self.stays)
        self.emergency = emergency.attendances(told.seed, self.borough, self.stays, day(told.first), told.transfer_worsens)
        self.outpatients = outpatients.appointments(told.seed, self.borough, self.stays, self.emergency, day(told.first))
        self.delays = delayed_transfers.delays(told.seed, self.borough, self.stays, self.social_care)
        self.mental_health_delays = delayed_transfers.delays_in_mental_health_beds(told.seed, self.borough)
        self.community = community.lives(
            told.seed, self.borough, self.stays, self.looked_after, day(told.first), told.transfer_worsens
        )
        self.mental_health = mental_health.lives(
            told.seed, self.borough, self.stays, self.looked_after, self.mental_health_delays, day(told.first)
        )
        self.neighbourhood = neighbourhood.lives(told.seed, self.borough, self.stays, self.social_care)
        self.safety = safety.lives(told.seed, self.borough, self.looked_after, self.neighbourhood)
        self.referrals = voluntary.referrals(
            told.seed, self.borough, self.stays, self.social_care, self.neighbourhood, self.safety
        )
        self.childrens_contacts = childrens_contacts.contacts(told.seed, self.borough, self.looked_after)
        self.front_door = front_door.life(told.seed, self.borough, self.stays, self.social_care, self.childrens_contacts)
        self.permissions = permissions.decisions(told.seed, self.borough, self.stays, self.social_care)
        self.record_use = record_use.openings(told.seed, self.borough, self.permissions)
        self.general_practice = general_practice.lives(
            told.seed, self.borough, self.stays, self.neighbourhood.is_damp, self._last_seen(), day(told.first)
        )
        self.opted_out = opt_outs.national(told.seed, self.borough)
        self.registers: list[Records] = []

    def _last_seen(self) -> np.ndarray:
        """The last day on which anybody but a practice has to do with each person; NEVER where it goes on."""
        community, mental_health, safety = self.community, self.mental_health, self.safety
        contacts = self.front_door.contacts
        told = [
            (self.stays["person"], self.stays["discharged"]),
            (self.emergency["person"], self.emergency["arrived"]),
            (self.outpatients["person"], self.outpatients["on"]),
            (self.social_care["person"], self.social_care["ends"]),
            (community.referrals["person"], community.referrals["closed"]),
            (community.protection_plans["person"], community.protection_plans["ends"]),
            (mental_health.referrals["person"], mental_health.referrals["closed"]),
            (safety.involved["person"], safety.incidents["day"].to_numpy()[safety.involved["incident"]]),
            (safety.visits["person"], safety.visits["day"]),
            (self.referrals["person"], self.referrals["ended"]),
            (contacts["person"], contacts["closed"] // MINUTES_IN_A_DAY),
            (self.permissions["person"], self.permissions["written"]),
            (self.record_use["person"], self.record_use["opened"] // MINUTES_IN_A_DAY),
        ]
        last = np.full(len(self.borough.people), -NEVER)
        for persons, days in told:
            who, on = np.asarray(persons), np.asarray(days)
            np.maximum.at(last, who[who >= 0], on[who >= 0])
        return last

    def register(self, organisation: str, source: str, kind: str, local_id: str, persons: np.ndarray) -> Records:
        """The register of people that an organisation keeps, of all that it ever meets; feeds that share it share its numbers.

        `source` as in the person records of the linked dataset; `kind` is a column of `error_rates.yml`; `local_id` is
        how a number of the register is written, like "T{:07d}"; `persons` may name somebody more than once.
        """
        records = Records(self.told.seed, self.told.profile, source, kind, organisation, local_id, self.borough, persons)
        self.registers.append(records)
        return records
