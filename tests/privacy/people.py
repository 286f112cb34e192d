"""Made-up people as several organisations tell of them, for tests of what readers see: rows for `accepted_deliveries.deliver`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from accepted_deliveries import Row, deliver
from cares.governance import restricted_codes
from fresh_warehouse import FreshWarehouse

JANUARY = ("2019-01", date(2019, 1, 1), date(2019, 1, 31))
QUARTER = ("2019-Q1", date(2019, 1, 1), date(2019, 3, 31))
DAY = ("2019-03-05", date(2019, 3, 5), date(2019, 3, 5))

DECISIONS_FEED = "council/record_permissions"


@dataclass(frozen=True)
class Someone:
    """One made-up person; `key` is their id in every source."""

    key: str
    nhs_number: str
    forename: str
    surname: str
    born: date

    @property
    def hospital_record(self) -> str:
        return f"sthk/apc/{self.key}"

    @property
    def council_record(self) -> str:
        return f"council/cld/{self.key}"

    def episode(self, **more: str) -> Row:
        """A stay in hospital."""
        return {
            "nhs_number": self.nhs_number, "local_patient_identifier": self.key, "hospital_provider_spell_number": f"S{self.key}",
            "episode_number": "1", "start_date_hospital_provider_spell": "2019-01-05",
            "start_date_consultant_episode": "2019-01-05", "person_given_name": self.forename, "person_family_name": self.surname,
            "date_of_birth": self.born.isoformat(), "sex": "2",
        } | more  # fmt: skip

    def service(self, **more: str) -> Row:
        """A service of adult social care."""
        return {
            "nhs_number": self.nhs_number, "la_person_unique_identifier": self.key, "first_name": self.forename,
            "last_name": self.surname, "date_of_birth": f"{self.born:%d/%m/%Y}", "event_type": "Service",
            "event_start_date": "10/01/2019", "service_component": "Reablement",
        } | more  # fmt: skip

    def decision(self, reference: str, state: str, **more: str) -> Row:
        """What the desk wrote down of the person's record."""
        return {
            "decision_reference": reference, "person_reference": self.key, "nhs_number": self.nhs_number,
            "forename": self.forename, "surname": self.surname, "date_of_birth": f"{self.born:%d/%m/%Y}", "state": state,
            "decided_on": "05/03/2019", "decided_at": "10:15", "decided_by": "person", "capacity": "has capacity",
            "scope": "whole record", "recorded_by_organisation": "01X",
        } | more  # fmt: skip


ADA = Someone("A1", "9990000018", "Ada", "Ash", date(1935, 2, 28))
BOB = Someone("B1", "9990000026", "Bob", "Birch", date(1948, 3, 4))
CAT = Someone("C1", "9990000034", "Cat", "Cole", date(1950, 5, 6))
DAN = Someone("D1", "9990000042", "Dan", "Dean", date(1960, 7, 8))
EVE = Someone("E1", "9990000050", "Eve", "Elm", date(1970, 9, 10))
FLO = Someone("F1", "9990000069", "Flo", "Fern", date(1980, 11, 12))
GUS = Someone("G1", "9990000077", "Gus", "Gale", date(1942, 1, 13))
HAL = Someone("H1", "9990000085", "Hal", "Holm", date(1944, 2, 14))
IDA = Someone("I1", "9990000093", "Ida", "Isle", date(1946, 3, 15))


def send_episodes(warehouse: FreshWarehouse, *episodes: Row) -> None:
    """What the hospital sends for January."""
    deliver(warehouse, "sthk/admitted_patient_care", JANUARY, "period", {"episodes": list(episodes)})


def send_services(warehouse: FreshWarehouse, *services: Row) -> None:
    """What the council sends for the quarter."""
    window = (date(2018, 4, 1), date(2019, 3, 31))
    deliver(warehouse, "council/adult_social_care", QUARTER, "window", {"events": list(services)}, window=window)


def send_decisions(warehouse: FreshWarehouse, *decisions: Row) -> None:
    """What the record access desk sends for a day."""
    deliver(warehouse, DECISIONS_FEED, DAY, "key", {"decisions": list(decisions)})


def items(warehouse: FreshWarehouse, someone: Someone) -> list[tuple[str, str]]:
    """What the Shared Care Record shows of a person's care: organisation and kind."""
    return warehouse.rows(
        """select organisation, kind from shared_care_record.items
           where person_id in (select person_id from person_index.membership where person_record_id like '%%/' || %s)
           order by organisation, kind""",
        someone.key,
    )


@contextmanager
def listed(path: Path, version: str, rules: str) -> Iterator[None]:
    """With another list of restricted codes in place of ours; `rules` is YAML."""
    path.write_text(f"version: {version}\nrules:\n{rules}", "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restricted_codes, "LIST", path)
        yield
