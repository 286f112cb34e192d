"""What the feeds of a hospital have in common."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period
from cares.simulator import bodies

SEX = {"M": "1", "F": "2", "U": "0"}


def head_of_extract(number: np.ndarray, period: Period) -> dict[str, np.ndarray | str]:
    """The first columns of each row of the hospital trust's extracts, by the numbers of the rows."""
    return {
        "Generated Record Identifier": number,
        "Protocol identifier": "010",
        "Unique CDS identifier": "B" + bodies.HOSPITAL + number,
        "Update type": "9",
        "Test indicator": "0",
        "Extract date/time": f"{period.end} 23:00:00",
        "Report period Start Date": str(period.start),
        "Report period End Date": str(period.end),
        "Organisation code: Sender of transaction": bodies.HOSPITAL,
    }


def trace_status(nhs_number: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Whether the NHS numbers of records were traced: 01 verified, 02 not traced (one in forty), 03 to be traced."""
    return np.where(nhs_number == "", "03", np.where(record % 40 == 0, "02", "01"))


def clinical_function(stays: pd.DataFrame) -> np.ndarray:
    """The service to which the patients of stays were admitted: physicians take theirs in an admissions unit."""
    return np.where(stays["specialty"] == "300", "300", stays["function"]).astype(object)
