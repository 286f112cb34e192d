"""Made-up data must never be taken for real: whoever shows anything asks here first."""

from __future__ import annotations

from pathlib import Path

from cares import settings, warehouse

WORD = "SIMULATED DATA"
# In an outbox: the deliveries that the simulator wrote into it, one a line.
MARK = ".simulated"
# Beside the outbox of a whole simulated borough.
_WARNING = "SIMULATED.txt"


def is_simulated() -> bool:
    """True if the simulator's sharing agreements are in force in this warehouse."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        row = connection.execute(
            "select exists (select from governance.sharing_agreement where agreement like 'SIMULATED%')"
        ).fetchone()
    return bool(row and row[0])


def other_agreements() -> list[str]:
    """The names of the sharing agreements that are not the simulator's."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            "select distinct agreement from governance.sharing_agreement where agreement not like 'SIMULATED%' order by agreement"
        ).fetchall()
    return [agreement for (agreement,) in rows]


def deliveries_in(outbox: Path) -> list[str]:
    """The folders of deliveries in an outbox, as organisation/feed/period."""
    return sorted(path.relative_to(outbox).as_posix() for path in outbox.glob("*/*/*") if path.parent.name != settings.RETURNS)


def written_by_simulator(outbox: Path) -> list[str]:
    """Of the deliveries in an outbox, those that the simulator wrote there, also where they have been removed since."""
    if (outbox.parent / _WARNING).exists():
        return deliveries_in(outbox)
    mark = outbox / MARK
    return mark.read_text(encoding="utf-8").splitlines() if mark.exists() else []


def not_simulated(outbox: str) -> list[str]:
    """What an outbox (a folder, or an address such as s3://...) holds that the simulator did not write, as far as we see."""
    if "://" in outbox:
        return [outbox]
    return sorted({*deliveries_in(Path(outbox))} - {*written_by_simulator(Path(outbox))})
