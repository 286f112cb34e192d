"""What Halton council sends of its adult social care."""

from __future__ import annotations

from cares.simulator.organisations import adult_social_care
from cares.simulator.story import Sender, Story

LA_CODE = "998"  # invented: the council's code in adult social care is not publicly known


def feeds(story: Story) -> list[Sender]:
    """What it sends."""
    return [adult_social_care.feed(story, "halton", "halton", "H{:06d}", LA_CODE)]
