"""What the feeds of a hospital have in common."""

from __future__ import annotations

import numpy as np
import pandas as pd


def trace_status(nhs_number: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Whether the NHS numbers of records were traced: 01 verified, 02 not traced (one in forty), 03 to be traced."""
    return np.where(nhs_number == "", "03", np.where(record % 40 == 0, "02", "01"))


def clinical_function(stays: pd.DataFrame) -> np.ndarray:
    """The service to which the patients of stays were admitted: physicians take theirs in an admissions unit."""
    return np.where(stays["specialty"] == "300", "300", stays["function"]).astype(object)
