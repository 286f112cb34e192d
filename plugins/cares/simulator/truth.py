"""How much really happened each month, by kind: what the deliveries should add up to, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cares.simulator.days import MINUTES_IN_A_DAY, NEVER, day
from cares.simulator.story import Story

HEADERS = ("month", "what", "kind", "number")


def counted(story: Story) -> Iterator[tuple[str, str, str, int]]:
    """Rows of month (like 2019-03), what, kind and number, for the months from which deliveries are sent."""
    for what, days, kinds in _events(story):
        yield from _by_month(story, what, days, kinds)
    yield from _at_the_end_of_each_month(story)


def _events(story: Story) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Everything that happens on a day: what it is, the days, and the kind of each."""
    people = story.borough.people
    council = people["council"].to_numpy()
    yield "births", people["born"].to_numpy(), council
    yield "deaths", people["died"].to_numpy(), council
    adopted = story.borough.adopted
    assert adopted is not None
    yield "adoptions", adopted["on"].to_numpy(), council[adopted["person"].to_numpy(dtype=int)]
    for what, table, on, kind in (
        ("stays in hospital that ended", story.stays, "discharged", "reason"),
        ("emergency attendances", story.emergency, "arrived", "service"),
        ("outpatient appointments, by attended code", story.outpatients, "on", "attended"),
        ("appointments in general practice", story.general_practice.appointments, "on", "status"),
        ("incidents known to the police", story.safety.incidents, "day", "category"),
        ("home fire safety visits", story.safety.visits, "day", "outcome"),
        ("referrals to the voluntary sector", story.referrals, "referred", "reason"),
        ("repairs reported", story.neighbourhood.repairs, "reported", "category"),
        ("adaptations completed", story.neighbourhood.adaptations, "completed", "kind"),
        ("contacts about children", story.childrens_contacts, "on", "source"),
        ("decisions about the record", story.permissions, "on", "state"),
    ):
        yield what, table[on].to_numpy(), table[kind].to_numpy()
    for what, care in (("community contacts", story.community), ("mental health contacts", story.mental_health)):
        yield what, care.contacts["day"].to_numpy(), care.referrals["service"].to_numpy()[care.contacts["referral"].to_numpy()]
    events = story.social_care
    of = council[events["person"].to_numpy()]
    for kind in ("Request", "Assessment", "Service", "Review"):
        chosen = (events["kind"] == kind).to_numpy()
        yield f"adult social care, {kind.lower()}s that began", events["starts"].to_numpy()[chosen], of[chosen]
    front_door = story.front_door.contacts
    yield "contacts at the front door", front_door["received"].to_numpy() // MINUTES_IN_A_DAY, front_door["tier"].to_numpy()
    record_use = story.record_use
    yield "openings of the record", record_use["opened"].to_numpy() // MINUTES_IN_A_DAY, record_use["outcome"].to_numpy()


def _by_month(story: Story, what: str, days: np.ndarray, kinds: np.ndarray) -> Iterator[tuple[str, str, str, int]]:
    told = (days >= day(story.told.first)) & (days <= day(story.told.last))
    months = days[told].astype("datetime64[D]").astype("datetime64[M]").astype(str)
    numbers = pd.DataFrame({"month": months, "kind": kinds[told].astype(str)}).value_counts(sort=False)
    for (month, kind), number in numbers.items():
        yield month, what, kind, int(number)


def _at_the_end_of_each_month(story: Story) -> Iterator[tuple[str, str, str, int]]:
    borough, spells = story.borough, story.looked_after.spells
    people = borough.people
    born, died = people["born"].to_numpy(), people["died"].to_numpy()
    without_home = (borough.homes["tenure"] == "none").to_numpy()
    delayed = (story.delays["ready"].to_numpy(), story.delays["left"].to_numpy())
    for month in pd.period_range(story.told.first, story.told.last, freq="M"):
        first, end = day(month.start_time.date()), day(month.end_time.date())
        alive = (born <= end) & (died > end) & ~story.general_practice.is_away(len(people), end)
        for council, number in people["council"][alive].value_counts(sort=False).items():
            yield str(month), "people at the end of the month", str(council), int(number)
        home = borough.residences.on(np.flatnonzero(alive), end)
        yield str(month), "people at the end of the month", "no fixed abode", int(without_home[home].sum())
        in_care = (spells["starts"] <= end) & (spells["ends"].clip(upper=NEVER) > end)
        yield str(month), "children looked after at the end of the month", "st_helens", int(in_care.sum())
        days = np.minimum(delayed[1], end + 1) - np.maximum(delayed[0], first)
        yield str(month), "days of delay in hospital", "sthk", int(days.clip(min=0).sum())
