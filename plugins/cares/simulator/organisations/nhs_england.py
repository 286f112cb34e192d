"""What is fetched from NHS England: organisations and GP practices."""

from __future__ import annotations

from cares.simulator.story import Sender, Story


def feeds(story: Story) -> list[Sender]:
    """What it sends."""
    return []
