"""`cares rebuild`: the linked dataset as it was on an earlier day."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer


def rebuild(
    as_at: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%d %H:%M"], help="the day (its end), or the minute, in London")
    ],
) -> None:
    """Give the facts of an earlier day again: its deliveries, released rows and identities. Protections are always today's.

    The tables stand in insight_as_at, which analysts read, and in linked_care_as_at, until another day is rebuilt. What is
    published stays.
    """
    from rich.console import Console

    from cares import builds, warehouse
    from cares.cli.build import print_build

    warehouse.ensure_ready()
    console = Console()
    london = as_at.replace(tzinfo=ZoneInfo("Europe/London"))
    now = datetime.now(london.tzinfo)
    is_day = as_at.time() == time.min
    moment = min(datetime.combine(london, time.max, london.tzinfo), now) if is_day and london <= now else london
    with console.status("start") as status:
        build_id = builds.rebuild(moment, say=lambda step: status.update(step))
    print_build(build_id, console)
    if waits := builds.what_waits(build_id):
        console.print(waits)
    console.print(f"The facts as at {moment:%Y-%m-%d %H:%M}: cares warehouse psql --role analyst, schema insight_as_at")
