"""Delayed transfers of care as trusts returned them: counts of days, no patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import bodies, wording
from cares.simulator.days import day
from cares.simulator.sheets import Sheet

NAMES = {"st_helens": "St Helens", "halton": "Halton", "knowsley": "Knowsley"}


class DelayedTransfers:
    """Each month, the days for which patients were in bed though they might have left, by council, reason and who answers for it.

    `delays` has the columns ready, left, reason, responsible and council. The night before somebody left is the last that counts.
    """

    def __init__(self, slug: str, provider: str, name: str, setting: str, delays: pd.DataFrame) -> None:
        self.slug, self.provider, self.name, self.setting, self.delays = slug, provider, name, setting, delays

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The return of a month: what was not delayed for a single day is not in it."""
        delays = self.delays
        starts = np.maximum(delays["ready"].to_numpy(), day(period.start))
        days = np.minimum(delays["left"].to_numpy(), day(period.end) + 1) - starts
        chosen = delays.assign(days=days)[days > 0]
        counted = chosen.groupby(["council", "reason", "responsible"], as_index=False)["days"].sum()
        council = counted["council"].to_numpy()
        columns: dict[str, np.ndarray | str] = {
            "Provider Code": self.provider,
            "Provider Name": self.name,
            "Council Code": wording.translate(council, bodies.COUNCILS),
            "Council Name": wording.translate(council, NAMES),
            "Reason": counted["reason"].to_numpy(dtype=object),
            "Responsible Organisation": counted["responsible"].to_numpy(dtype=object),
            "Setting": self.setting,
            "Delayed Days": counted["days"].astype(int).astype(str).to_numpy(dtype=object),
        }
        return {"delayed_days": Sheet(len(counted), columns)}
