"""What the mental health trust sends."""

from __future__ import annotations

from cares.simulator import bodies
from cares.simulator.organisations.community import CommunityServices
from cares.simulator.organisations.delayed_transfers import DelayedTransfers
from cares.simulator.organisations.mental_health import MentalHealthServices
from cares.simulator.story import Sender, Story

NAME = "North West Boroughs Healthcare NHS Foundation Trust"


def feeds(story: Story) -> list[Sender]:
    """What it sends."""
    return [
        DelayedTransfers(
            "north_west_boroughs/delayed_transfers", bodies.NORTH_WEST_BOROUGHS, NAME, "Non-acute", story.mental_health_delays
        ),
        CommunityServices(
            story, "north_west_boroughs/looked_after_children_health", ["looked after children's health"], "L{:06d}"
        ),
        MentalHealthServices(story),
    ]
