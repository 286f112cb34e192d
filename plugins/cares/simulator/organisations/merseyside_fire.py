"""What the fire and rescue service sends."""

from __future__ import annotations

from cares.simulator.story import Sender, Story


def feeds(story: Story) -> list[Sender]:
    """What it sends."""
    return []
