"""What the tests of receiving share: an agreement, and one delivery taken the whole way."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from cares import deliveries
from cares.governance import agreements

EXTRACTS = Path(__file__).parents[1] / "extracts"
AS_PROMISED = sorted((EXTRACTS / "torus_tenancies" / "as_promised").iterdir())


def sign_agreement(*feeds: str, starts: date = date(2018, 9, 1)) -> None:
    """Record a sharing agreement in force for each feed, for every purpose."""
    agreements.sign(*(agreements.Agreement("TEST", feed, agreements.PURPOSES, date(2018, 9, 1), starts) for feed in feeds))


def deliver_tenancies(folder: str, period: str = "2019-03") -> deliveries.Decision:
    """Receive one folder of `tests/extracts/torus_tenancies`."""
    return deliveries.receive("torus/tenancies", sorted((EXTRACTS / "torus_tenancies" / folder).iterdir()), period)


def deliver_with_changes(folder: Path, *changes: tuple[str, str], period: str = "2019-03") -> deliveries.Decision:
    """Receive the tenancies as promised with some texts replaced by others, written into a folder first."""
    folder.mkdir(exist_ok=True)
    for file in AS_PROMISED:
        text = file.read_text()
        for before, after in changes:
            text = text.replace(before, after)
        (folder / file.name).write_text(text)
    return deliveries.receive("torus/tenancies", sorted(folder.iterdir()), period)
