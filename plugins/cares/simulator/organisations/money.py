"""What is sent about money: unit costs, and the partnership's account. Both are made up, and say so in their rows.

Public are: that the council was to be saved £80 million by 2020, that partners had invested £1.6 million, and that the
record costs more than £3 million in five years, split three ways between council, acute trust and CCG, which the council
pays up front and the others repay by a schedule. Each amount that makes these up is assumed, and so are their days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from cares.contracts import Period, Table
from cares.simulator.chance import stream
from cares.simulator.sheets import Sheet

COUNCIL, CCG, STHK, NWB, BRIDGEWATER, TORUS = (
    "St Helens Council",
    "St Helens CCG",
    "STHK",
    "North West Boroughs",
    "Bridgewater",
    "Torus",
)
SIMULATED = "SIMULATED"

# Activity, unit, pounds in 2018-19, who bears them; every one invented.
UNIT_COSTS = (
    ("emergency attendance", "attendance", 170.0, "NHS"),
    ("urgent treatment centre attendance", "attendance", 72.0, "NHS"),
    ("non-elective spell", "spell", 1750.0, "NHS"),
    ("elective spell", "spell", 3600.0, "NHS"),
    ("day case", "spell", 780.0, "NHS"),
    ("delayed day", "bed day", 355.0, "NHS"),
    ("outpatient appointment", "appointment", 128.0, "NHS"),
    ("community contact", "contact", 41.0, "NHS"),
    ("iv therapy contact", "contact", 96.0, "NHS"),
    ("mental health contact", "contact", 139.0, "NHS"),
    ("mental health bed day", "bed day", 405.0, "NHS"),
    ("gp appointment", "appointment", 33.0, "NHS"),
    ("ambulance journey", "journey", 250.0, "NHS"),
    ("contact cares contact", "contact", 27.0, "council"),
    ("crisis response", "visit", 148.0, "council"),
    ("social care assessment", "case", 410.0, "council"),
    ("reablement", "week", 310.0, "council"),
    ("home care", "hour", 15.6, "council"),
    ("residential care", "week", 545.0, "council"),
    ("nursing care", "week", 690.0, "council"),
    ("equipment", "item", 85.0, "council"),
    ("child looked after", "week", 960.0, "council"),
    ("children's contact", "contact", 58.0, "council"),
    ("adaptation", "item", 1900.0, "housing association"),
    ("repair", "visit", 132.0, "housing association"),
    ("police incident", "case", 540.0, "police"),
    ("home safety visit", "visit", 62.0, "fire and rescue"),
    ("social prescribing", "contact", 44.0, "voluntary sector"),
    ("contribution to home care", "hour", 3.9, "person"),
)
PRICES_RISE_A_YEAR = 0.025
PRICES_OF_2018_19 = 2018


class UnitCosts:
    """Each financial year, the costs of it, in the prices of that year."""

    slug = "council/unit_costs"

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The costs of a year."""
        years = period.start.year - PRICES_OF_2018_19
        texts = [
            (activity, unit, f"{pounds * (1 + PRICES_RISE_A_YEAR) ** years:.2f}", payer)
            for activity, unit, pounds, payer in UNIT_COSTS
        ]
        activity, unit, cost, payer = (np.array(column, dtype=object) for column in zip(*texts, strict=True))
        columns: dict[str, np.ndarray | str] = {
            "Activity": activity,
            "Unit": unit,
            "Cost": cost,
            "Borne By": payer,
            "Source": f"{SIMULATED}: invented for the made-up borough, not a published cost",
            "Price Year": period.label,
        }
        return {"unit_costs": Sheet(len(UNIT_COSTS), columns)}


@dataclass(frozen=True)
class Scheme:
    """One scheme: until the end of 2020 it is to save the council so many pounds, and makes others pay shares of that.

    `delivered` is the share of its plan that comes about once it runs; `evidence` says how that is known.
    """

    reference: str
    title: str
    lead: str
    starts: date
    saves: dict[str, int]
    pays: dict[str, float]
    delivered: float
    evidence: str


SAVED_BY = date(2020, 12, 31)  # "by 2020"
SCHEMES = (
    Scheme("S01", "Contact Cares", COUNCIL, date(2018, 10, 1), {COUNCIL: 14_500_000}, {CCG: 0.04}, 0.62, "Measured"),
    Scheme("S02", "Reablement first", COUNCIL, date(2018, 4, 1), {COUNCIL: 18_000_000}, {CCG: 0.22, STHK: 0.06}, 0.55, "Measured"),
    Scheme("S03", "Help to leave hospital", STHK, date(2018, 4, 1), {COUNCIL: 9_500_000, STHK: 2_100_000}, {CCG: 0.1}, 0.48, "Estimated"),
    Scheme("S04", "Fewer children in far placements", COUNCIL, date(2018, 7, 1), {COUNCIL: 15_000_000}, {NWB: 0.05}, 0.35, "Measured"),
    Scheme("S05", "Care at home with Torus", TORUS, date(2018, 10, 1), {COUNCIL: 8_000_000, TORUS: 400_000}, {TORUS: 0.12}, 0.41, "Estimated"),
    Scheme("S06", "Continuing health care reviewed", COUNCIL, date(2018, 4, 1), {COUNCIL: 9_000_000}, {CCG: 0.85}, 0.7, "Claimed"),
    Scheme("S07", "Shared back office", CCG, date(2019, 4, 1), {COUNCIL: 6_000_000, CCG: 800_000}, {BRIDGEWATER: 0.02}, 0.3, "Claimed"),
)  # fmt: skip
INVESTED = (  # 1.6 million pounds to date
    (COUNCIL, date(2018, 4, 3), "S02", "410000.00"),
    (CCG, date(2018, 4, 16), "S02", "385000.00"),
    (STHK, date(2018, 5, 1), "S03", "330000.00"),
    (NWB, date(2018, 7, 2), "S04", "142500.00"),
    (COUNCIL, date(2018, 10, 1), "S01", "197250.50"),
    (TORUS, date(2018, 10, 1), "S05", "60249.50"),
    (CCG, date(2019, 2, 18), "", "75000.00"),
)
RECORD_YEARS = 5
RECORD_BEGINS = date(2018, 9, 1)
RECORD_COSTS = {  # pence of a bill, and how many months lie between bills; 0: once, at the beginning
    "Licence": (312_450_00, 12),
    "Implementation": (486_317_20, 0),
    "Hosting": (21_845_65, 3),
    "Staff": (27_390_40, 3),
}
DUE_AFTER = timedelta(days=60)


def pounds(pence: int) -> str:
    """An amount in pounds and pence."""
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02d}"


def _marked(reference: str) -> str:
    """A reference that says of its row that it is made up."""
    return f"{SIMULATED}-{reference}"


class PartnershipMoney:
    """Each month, the whole account up to its end."""

    slug = "ccg/partnership_money"

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "the partnership's money")
        self.savings = list(_savings(rng))
        self.bills = sorted(_bills(), key=lambda bill: (bill[2], bill[0]))
        self.repayments = [row for number, bill in enumerate(self.bills) for row in _repayments(rng, number, bill)]

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The account as it stands at the end of a month."""
        end = period.end
        schemes = [scheme for scheme in SCHEMES if scheme.starts <= end]
        bills = [bill for bill in self.bills if bill[2] <= end]
        told: dict[str, tuple[str, list[tuple[str, ...]]]] = {
            "schemes": (
                "Scheme Reference,Title,Lead Partner,Start Date,End Date",
                [
                    (_marked(one.reference), f"{one.title} ({SIMULATED})", one.lead, _uk(one.starts), _uk(SAVED_BY))
                    for one in schemes
                ],
            ),
            "savings": (
                "Scheme Reference,Month Ending,Partner,Effect,Basis,Amount,Evidence",
                [
                    (_marked(scheme), _uk(month), partner, effect, basis, pounds(amount), evidence)
                    for scheme, month, partner, effect, basis, amount, evidence in self.savings
                    if month <= end
                ],
            ),
            "investments": (
                "Investment Reference,Scheme Reference,Partner,Invested Date,Amount",
                [
                    (_marked(f"I{number:02d}"), _marked(scheme) if scheme else "", partner, _uk(on), amount)
                    for number, (partner, on, scheme, amount) in enumerate(INVESTED, 1)
                    if on <= end
                ],
            ),
            "record_costs": (
                "Cost Reference,Kind,Bill Date,Paid By,Amount",
                [(_marked(reference), kind, _uk(on), COUNCIL, pounds(amount)) for reference, kind, on, amount in bills],
            ),
            "record_cost_shares": (
                "Cost Reference,Partner,Share",
                [(_marked(bill[0]), partner, pounds(share)) for bill in bills for partner, share in _shares(bill[3]).items()],
            ),
            "repayments": (
                "Repayment Reference,Paid By,Paid To,Due Date,Amount Due,Paid Date,Amount Paid",
                [
                    (
                        _marked(reference),
                        partner,
                        COUNCIL,
                        _uk(due),
                        pounds(owed),
                        *((_uk(on), pounds(paid)) if on <= end else ("", "")),
                    )
                    for reference, billed, partner, due, owed, on, paid in self.repayments
                    if billed <= end
                ],
            ),
        }
        return {table: _sheet(headers.split(","), rows) for table, (headers, rows) in told.items()}


def _sheet(headers: list[str], rows: list[tuple[str, ...]]) -> Sheet:
    columns = zip(*rows, strict=True) if rows else ([] for _ in headers)
    return Sheet(len(rows), {header: np.array(column, dtype=object) for header, column in zip(headers, columns, strict=True)})


def _uk(on: date) -> str:
    return f"{on:%d/%m/%Y}"


def _month_ends(first: date, last: date) -> list[date]:
    ends, month = [], first.replace(day=1)
    while month <= last:
        month = (month + timedelta(days=32)).replace(day=1)
        ends.append(month - timedelta(days=1))
    return ends


def _savings(rng: np.random.Generator) -> Iterator[tuple[str, date, str, str, str, int, str]]:
    """What each scheme saves and makes others pay, planned and as it came about, in pence.

    A plan grows from month to month and adds up to what the scheme is to save.
    """
    for scheme in SCHEMES:
        months = _month_ends(scheme.starts, SAVED_BY)
        weights = np.arange(1, len(months) + 1)
        effects = [(partner, "Saves", amount * 100) for partner, amount in scheme.saves.items()]
        effects += [(partner, "Pays", round(share * scheme.saves[COUNCIL]) * 100) for partner, share in scheme.pays.items()]
        for partner, effect, pence in effects:
            so_far = [pence * int(part) // int(weights.sum()) for part in np.cumsum(weights)]
            for number, month in enumerate(months):
                planned = so_far[number] - (so_far[number - 1] if number else 0)
                yield scheme.reference, month, partner, effect, "Plan", planned, ""
                # What comes about lags behind; who pays often pays more than was planned.
                share = scheme.delivered * min(1.0, (number + 1) / 8) if effect == "Saves" else 1.1 * scheme.delivered
                actual = int(planned * share * (1 + 0.12 * rng.standard_normal()))
                yield scheme.reference, month, partner, effect, "Actual", actual, scheme.evidence


def _bills() -> Iterator[tuple[str, str, date, int]]:
    """The record's bills of five years: reference, kind, day, pence."""
    for kind, (pence, every) in RECORD_COSTS.items():
        for number in range(RECORD_YEARS * 12 // every if every else 1):
            months = RECORD_BEGINS.month - 1 + number * every
            on = date(RECORD_BEGINS.year + months // 12, months % 12 + 1, 14)
            yield f"B-{kind[:3].upper()}-{number + 1:02d}", kind, on, pence


def _shares(pence: int) -> dict[str, int]:
    """A bill in three parts; the council bears the pennies that are left over."""
    third = pence // 3
    return {COUNCIL: pence - 2 * third, STHK: third, CCG: third}


def _repayments(
    rng: np.random.Generator, number: int, bill: tuple[str, str, date, int]
) -> Iterator[tuple[str, date, str, date, int, date, int]]:
    """What trust and CCG repay of a bill: reference, day of the bill, who, due day, pence due, paid day, pence paid."""
    _, _, billed, amount = bill
    for place, partner in enumerate((STHK, CCG)):
        owed, due = _shares(amount)[partner], billed + DUE_AFTER
        late = int(rng.integers(-12, 1)) if rng.random() < 0.75 else int(rng.integers(5, 90))
        in_part = partner == CCG and rng.random() < 0.12
        paid = owed * 3 // 5 if in_part else owed
        yield f"P{number * 2 + place + 1:03d}", billed, partner, due, owed, due + timedelta(days=late), paid
