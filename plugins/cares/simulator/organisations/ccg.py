"""What the clinical commissioning group sends: the partnership's money, and who opened the Shared Care Record."""

from __future__ import annotations

from cares.simulator.organisations.money import PartnershipMoney
from cares.simulator.organisations.shared_record import RecordAccesses
from cares.simulator.story import Sender, Story


def feeds(story: Story) -> list[Sender]:
    """What it sends."""
    return [PartnershipMoney(story.seed), RecordAccesses(story.borough, story.record_use)]
