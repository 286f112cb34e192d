"""Sharing agreements: the legal gates. Who may send what, for which purpose, from when to when."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cares import contracts, warehouse

COLUMNS = ("agreement", "feed", "purposes", "signed_on", "in_force_from", "in_force_until", "on_ending")
PURPOSES = ("direct care", "planning", "board reporting")
ON_ENDING = ("stop", "keep until", "delete")


class AgreementError(Exception):
    """An agreement that cannot be recorded: says where, what was found and what is expected."""


@dataclass(frozen=True)
class Agreement:
    """One sharing agreement over one feed; without an end date it runs until it is ended."""

    agreement: str
    feed: str
    purposes: tuple[str, ...]
    signed_on: date
    in_force_from: date
    in_force_until: date | None = None
    on_ending: str = "stop"


def sign(*agreements: Agreement) -> None:
    """Record agreements, each in place of what was recorded under its name for its feed; all or none.

    Raises AgreementError for an unknown feed, purpose or ending, or an end before the start.
    """
    for agreement in agreements:
        _check(agreement)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection, connection.cursor() as cursor:
        cursor.executemany(
            """insert into governance.sharing_agreement
                 (agreement, feed, purposes, signed_on, in_force_from, in_force_until, on_ending)
               values (%s, %s, %s, %s, %s, %s, %s)
               on conflict (agreement, feed) do update
               set purposes = excluded.purposes, signed_on = excluded.signed_on, in_force_from = excluded.in_force_from,
                   in_force_until = excluded.in_force_until, on_ending = excluded.on_ending,
                   recorded_at = now(), recorded_by = current_user""",
            [
                (a.agreement, a.feed, list(a.purposes), a.signed_on, a.in_force_from, a.in_force_until, a.on_ending)
                for a in agreements
            ],
        )


def read(path: Path) -> list[Agreement]:
    """The agreements of a CSV file with the columns `COLUMNS`, purposes separated by semicolons.

    Raises AgreementError with the line for anything that is not as expected.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise AgreementError(f"{path.name}: line 1: expected the columns {', '.join(COLUMNS)}")
        agreements = []
        for row in rows:
            try:
                agreements.append(
                    Agreement(
                        row["agreement"],
                        row["feed"],
                        tuple(purpose.strip() for purpose in row["purposes"].split(";")),
                        date.fromisoformat(row["signed_on"]),
                        date.fromisoformat(row["in_force_from"]),
                        date.fromisoformat(row["in_force_until"]) if row["in_force_until"] else None,
                        row["on_ending"],
                    )
                )
            except ValueError:
                raise AgreementError(f"{path.name}: line {rows.line_num}: a date is not written like 2019-03-31") from None
    return agreements


def recorded() -> list[Agreement]:
    """All recorded agreements, by feed and date."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select agreement, feed, purposes, signed_on, in_force_from, in_force_until, on_ending
               from governance.sharing_agreement order by feed, in_force_from"""
        ).fetchall()
    return [Agreement(name, feed, tuple(purposes), *rest) for name, feed, purposes, *rest in rows]


def _check(agreement: Agreement) -> None:
    contracts.load().feed(agreement.feed)
    for purpose in agreement.purposes:
        if purpose not in PURPOSES:
            raise AgreementError(f"{purpose!r} is not a purpose; use {', '.join(PURPOSES)}")
    if agreement.on_ending not in ON_ENDING:
        raise AgreementError(f"{agreement.on_ending!r} is not an ending; use {', '.join(ON_ENDING)}")
    if agreement.in_force_until and agreement.in_force_until < agreement.in_force_from:
        raise AgreementError(f"{agreement.agreement}: it ends before it begins")
