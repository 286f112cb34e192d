"""Made-up data must never be taken for real: whoever shows anything asks here first."""

from __future__ import annotations

from cares import warehouse

WORD = "SIMULATED DATA"


def is_simulated() -> bool:
    """True if the simulator's sharing agreements are in force in this warehouse."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        row = connection.execute(
            "select exists (select from governance.sharing_agreement where agreement like 'SIMULATED%')"
        ).fetchone()
    return bool(row and row[0])
