"""The words and codes in which organisations write the same facts."""

from __future__ import annotations

import numpy as np

from cares.simulator.days import MINUTES_IN_A_DAY

# How people describe their ethnicity: in adult social care, in the children's return, in hospital.
ETHNICITY = {
    "british": ("White: English, Welsh, Scottish, Northern Irish or British", "WBRI", "A"),
    "irish": ("White: Irish", "WIRI", "B"),
    "white_other": ("White: Any other White background", "WOTH", "C"),
    "mixed_caribbean": ("Mixed or multiple ethnic groups: White and Black Caribbean", "MWBC", "D"),
    "mixed_african": ("Mixed or multiple ethnic groups: White and Black African", "MWBA", "E"),
    "indian": ("Asian or Asian British: Indian", "AIND", "H"),
    "pakistani": ("Asian or Asian British: Pakistani", "APKN", "J"),
    "bangladeshi": ("Asian or Asian British: Bangladeshi", "ABAN", "K"),
    "asian_other": ("Asian or Asian British: Any other Asian background", "AOTH", "L"),
    "african": ("Black, Black British, Caribbean or African: African", "BAFR", "N"),
    "chinese": ("Asian or Asian British: Chinese", "CHNE", "R"),
    "arab": ("Other ethnic group: Arab", "OOTH", "S"),
    "other": ("Other ethnic group: Any other ethnic group", "OOTH", "S"),
    "not_stated": ("No data: Undeclared or not known", "REFU", "Z"),
}
ADULT_SOCIAL_CARE, CHILDRENS_RETURN, HOSPITAL = range(3)

ACCOMMODATION = {
    "owned": "Owner occupier or shared ownership scheme",
    "private": "Tenant - private landlord",
    "torus": "Tenant",
    "social": "Tenant",
    "sheltered": "Sheltered housing / extra care housing / other sheltered housing",
    "care home": "Registered care home",
    "none": "Other temporary accommodation",
}


_CLOCK = np.array([f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(MINUTES_IN_A_DAY)], dtype=object)


def clock(minutes: np.ndarray, seconds: str = "") -> np.ndarray:
    """Minutes of a day as a time, if wanted with `seconds`, like ":00"."""
    return _CLOCK[minutes] + seconds


def ethnicity(described: np.ndarray, dialect: int) -> np.ndarray:
    """Ethnicities in the dialect of an organisation."""
    return translate(described, {key: words[dialect] for key, words in ETHNICITY.items()})


def translate(values: np.ndarray, words: dict[str, str]) -> np.ndarray:
    """Each value in other words. Raises KeyError for a value without one."""
    return np.array([words[value] for value in values], dtype=object)
