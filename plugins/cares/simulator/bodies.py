"""The public codes of councils, commissioners and trusts, as they were on each day."""

from __future__ import annotations

from datetime import date

import numpy as np

from cares.simulator.days import day

COUNCILS = {"st_helens": "E08000013", "halton": "E06000006", "knowsley": "E08000011"}
COMMISSIONERS = {"st_helens": "01X", "halton": "01F", "knowsley": "01J"}
BOARD, BOARD_FROM = "QYG", date(2022, 7, 1)  # NHS Cheshire and Merseyside took the three over
HOSPITAL, BRIDGEWATER, NORTH_WEST_BOROUGHS = "RBN", "RY2", "RTV"
MERSEY_CARE, MERSEY_CARE_FROM = "RW4", date(2021, 6, 1)  # took North West Boroughs over
TRUSTS = {"sthk": HOSPITAL, "bridgewater": BRIDGEWATER, "north_west_boroughs": NORTH_WEST_BOROUGHS}


def commissioner(council: np.ndarray, on: np.ndarray | int) -> np.ndarray:
    """The body that pays for the care of people of each council on a day, or on a day of its own."""
    before = np.array([COMMISSIONERS[name] for name in council], dtype=object)
    return np.where(np.asarray(on) < day(BOARD_FROM), before, BOARD)


def of_the_day(codes: np.ndarray, on: np.ndarray) -> np.ndarray:
    """The codes under which organisations went on each day, from those that they had at first."""
    return np.where((codes == NORTH_WEST_BOROUGHS) & (on >= day(MERSEY_CARE_FROM)), MERSEY_CARE, codes)


def trust(organisation: str, on: int) -> str:
    """The code of the trust that an organisation's folder stands for on a day."""
    return str(of_the_day(np.array([TRUSTS[organisation]], dtype=object), np.array([on]))[0])
