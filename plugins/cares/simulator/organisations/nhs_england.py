"""What comes from NHS England: the trusts and commissioners of the place, their successions, GP practices; and its answers about
the national data opt-out.

Trusts, clinical commissioning groups and successions are public facts of the Organisation Data Service (Open Government
Licence v3.0), as its file etr of 2022 has them; opening days of commissioners follow the Health and Social Care Act 2012
and the Health and Care Act 2022. What is recalled is said so. The practices are invented, and say so in their names.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from cares.contracts import Period, Table
from cares.simulator import bodies, homes, identifiers
from cares.simulator.days import day
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

REGION, REGION_BEFORE_2019 = "Y62", "Y54"  # North West; before April 2019 North of England (recalled)
AREA_BEFORE = "Q75"  # as a file of practices of about 2019 has it

# Code, name, address with its postcode last, opened, closed.
TRUSTS: tuple[tuple[str, str, tuple[str, ...], date, date | None], ...] = (
    (
        "RBN",
        "ST HELENS AND KNOWSLEY TEACHING HOSPITALS NHS TRUST",
        ("WHISTON HOSPITAL", "WARRINGTON ROAD", "", "PRESCOT", "", "L35 5DR"),
        date(1991, 4, 1),
        None,
    ),
    (
        "RTV",
        "NORTH WEST BOROUGHS HEALTHCARE NHS FOUNDATION TRUST",
        ("HOLLINS PARK HOUSE", "HOLLINS PARK HOSPITAL", "HOLLINS LANE", "WARRINGTON", "", "WA2 8WA"),
        date(2002, 4, 1),
        date(2021, 5, 31),
    ),
    (
        "RVY",
        "SOUTHPORT AND ORMSKIRK HOSPITAL NHS TRUST",
        ("TOWN LANE", "", "", "SOUTHPORT", "", "PR8 6PN"),
        date(1999, 4, 1),
        date(2023, 6, 30),  # recalled
    ),
    (
        "RW4",
        "MERSEY CARE NHS FOUNDATION TRUST",
        ("V7 BUILDING", "KINGS BUSINESS PARK", "KINGS DRIVE", "PRESCOT", "", "L34 1PJ"),
        date(2001, 4, 1),
        None,
    ),
    (
        "RWW",
        "WARRINGTON AND HALTON TEACHING HOSPITALS NHS FOUNDATION TRUST",
        ("WARRINGTON HOSPITAL", "LOVELY LANE", "", "WARRINGTON", "", "WA5 1QG"),
        date(2001, 4, 1),
        None,
    ),
    (
        "RY2",
        "BRIDGEWATER COMMUNITY HEALTHCARE NHS FOUNDATION TRUST",
        ("EUROPA POINT", "EUROPA BOULEVARD", "WESTBROOK", "WARRINGTON", "CHESHIRE", "WA5 7TY"),
        date(2010, 11, 1),
        None,
    ),
)
RENAMED = {"RBN": (date(2023, 7, 1), "MERSEY AND WEST LANCASHIRE TEACHING HOSPITALS NHS TRUST")}  # recalled
NO_ADDRESS = ("",) * 6
COMMISSIONERS = (
    ("01F", "NHS HALTON CCG", NO_ADDRESS, date(2013, 4, 1), date(2022, 6, 30)),
    ("01J", "NHS KNOWSLEY CCG", NO_ADDRESS, date(2013, 4, 1), date(2022, 6, 30)),
    ("01X", "NHS ST HELENS CCG", NO_ADDRESS, date(2013, 4, 1), date(2022, 6, 30)),
    ("QYG", "NHS CHESHIRE AND MERSEYSIDE INTEGRATED CARE BOARD", NO_ADDRESS, bodies.BOARD_FROM, None),
)
SUCCESSIONS = (
    ("RTV", "RW4", bodies.MERSEY_CARE_FROM),  # public notice of the acquisition by Mersey Care
    ("01F", "QYG", bodies.BOARD_FROM),
    ("01J", "QYG", bodies.BOARD_FROM),
    ("01X", "QYG", bodies.BOARD_FROM),
    ("RVY", "RBN", date(2023, 7, 1)),  # recalled
)
GENERAL_PRACTICE = "4"  # prescribing setting


def feeds(story: Story) -> list[Sender]:
    """What is fetched, and what is answered."""
    return [Organisations(story), NationalDataOptOuts(story)]


class Organisations:
    """Each quarter, the register as it stood at its end; no file of successions before the first of them took place."""

    slug = "nhs_england/organisations"

    def __init__(self, story: Story) -> None:
        borough_homes = story.borough.homes
        self.postcode = {
            council: str(borough_homes.loc[borough_homes["council"] == council, "postcode"].iloc[0])
            for council in bodies.COMMISSIONERS
        }

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The files of a quarter."""
        on = period.end
        organisations = [_organisation(*of, on) for of in (*TRUSTS, *COMMISSIONERS) if of[3] <= on]
        successions = [
            {
                "Organisation Code": code,
                "Successor Organisation Code": successor,
                "Succession Reason Code": "R",
                "Succession Effective Date": _compact(since),
                "Succession Indicator": "P",
            }
            for code, successor, since in SUCCESSIONS
            if since <= on
        ]
        practices = [self._practice(number, of, on) for number, of in enumerate(homes.practices().to_dict("records"))]
        sheets = {"organisations": _sheet(organisations), "gp_practices": _sheet(practices)}
        return sheets | ({"successions": _sheet(successions)} if successions else {})

    def _practice(self, number: int, of: dict[str, str], on: date) -> dict[str, str]:
        return {
            "Organisation Code": of["code"],
            "Name": f"{of['name'].upper()} (SIMULATED)",
            **_region(on),
            "Postcode": self.postcode[of["council"]],
            "Open Date": f"{1974 + number}0401",
            "Status Code": "A",
            "Organisation Sub-Type Code": "B",
            # A practice keeps the code of the former group as that of its place within the board.
            "Commissioner Code": bodies.COMMISSIONERS[of["council"]],
            "Join Commissioner Date": "20130401",
            "Amended Record Indicator": "0",
            "Prescribing Setting": GENERAL_PRACTICE,
        }


class NationalDataOptOuts:
    """Each month, of all NHS numbers that anybody in the place has on file, those whose owners had not opted out at its end."""

    slug = "nhs_england/national_data_opt_outs"

    def __init__(self, story: Story) -> None:
        self.story = story

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The answer of a month."""
        borough, opted_out = self.story.borough, self.story.opted_out
        on_file = {number.replace(" ", "") for register in self.story.registers for number in register.nhs_number} - {""}
        on_file |= set(borough.people["nhs_number"])
        withheld = set(borough.people["nhs_number"][opted_out <= day(period.end)])
        known = np.array(sorted(on_file - withheld), dtype=object)
        return {"numbers": _sheet_of(known[~identifiers.wrong_nhs_numbers(known)])}


def _sheet_of(numbers: np.ndarray) -> Sheet:
    return Sheet(len(numbers), {"NHS Number": numbers})


def _organisation(code: str, name: str, address: tuple[str, ...], opened: date, closed: date | None, on: date) -> dict[str, str]:
    if code in RENAMED and RENAMED[code][0] <= on:
        name = RENAMED[code][1]
    lines = {f"Address Line {number}": line for number, line in enumerate(address[:5], 1)}
    return {
        "Organisation Code": code,
        "Name": name,
        **_region(on),
        **lines,
        "Postcode": address[5],
        "Open Date": _compact(opened),
        "Close Date": _compact(closed) if closed and closed <= on else "",
        "Amended Record Indicator": "0",
    }


def _region(on: date) -> dict[str, str]:
    return {
        "National Grouping": REGION if on >= date(2019, 4, 1) else REGION_BEFORE_2019,
        "High Level Health Geography": bodies.BOARD if on >= bodies.BOARD_FROM else AREA_BEFORE,
    }


def _compact(of: date) -> str:
    return of.strftime("%Y%m%d")


def _sheet(rows: list[dict[str, str]]) -> Sheet:
    return Sheet(len(rows), {header: np.array([row[header] for row in rows], dtype=object) for header in rows[0]})
