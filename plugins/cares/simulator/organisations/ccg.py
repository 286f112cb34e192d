"""What the clinical commissioning group sends: the partnership's money, and who opened the Shared Care Record."""

from __future__ import annotations

from cares.simulator.story import Sender, Story


def feeds(story: Story) -> list[Sender]:
    """What it sends."""
    return []
