"""What Bridgewater sends: community services."""

from __future__ import annotations

from cares.simulator import bodies
from cares.simulator.lives.community import services
from cares.simulator.lives.emergency import CENTRE
from cares.simulator.organisations.community import CommunityServices
from cares.simulator.organisations.emergency import EmergencyCare
from cares.simulator.story import Sender, Story

MOVED = ("IV therapy", "looked after children's health")  # services with a feed of their own, since another trust has them now


def feeds(story: Story) -> list[Sender]:
    """What it sends."""
    stayed = [name for name in services() if name not in MOVED]
    return [
        EmergencyCare(story, "bridgewater/urgent_treatment_centre", CENTRE, bodies.BRIDGEWATER, "UC{:06d}"),
        CommunityServices(story, "bridgewater/community_services", stayed, "2{:07d}"),
        CommunityServices(story, "bridgewater/iv_therapy", ["IV therapy"], "IV{:06d}"),
        CommunityServices(story, "bridgewater/looked_after_children_health", ["looked after children's health"], "3{:06d}"),
    ]
