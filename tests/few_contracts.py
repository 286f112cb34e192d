"""A few of the contracts, to change in a test: reading them all would take most of its time."""

from __future__ import annotations

import shutil
from pathlib import Path

from cares import settings

# Nobody of these sends GP summaries; what withdraws an opt-out is read from their code lists all the same.
FORMATS = ("apc", "cld", "gp_summary", "housing", "person_file", "ssda903")
FEEDS = {
    "council": ("adult_social_care.yml", "childrens_person_file.yml", "looked_after_children.yml"),
    "sthk": ("admitted_patient_care.yml",),
    "torus": ("tenancies.yml",),
}


def few_contracts(folder: Path) -> Path:
    """A copy of the contracts of three organisations and what they send, in a new folder of this one."""
    root = folder / "expectations"
    for name in FORMATS:
        shutil.copytree(settings.EXPECTATIONS / "formats" / name, root / "formats" / name)
    shutil.copy(settings.EXPECTATIONS / "patterns.yml", root)
    for organisation, feeds in FEEDS.items():
        (root / organisation).mkdir()
        for file in ("organisation.yml", *feeds):
            shutil.copy(settings.EXPECTATIONS / organisation / file, root / organisation)
    return root
