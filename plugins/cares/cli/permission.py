"""`cares permission`: whether the Shared Care Record of a person may be shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cares.cli import asking

app = typer.Typer(
    no_args_is_help=True,
    help="Record permission: whether the Shared Care Record of a person may be shown. Whose it is, is asked for.",
)


@app.command()
def record(
    state: Annotated[str, typer.Option(help="permitted, declined, withdrawn, undecided or emergency")],
    because: Annotated[str, typer.Option(help="why, in one line; it is kept with your name")],
    decided_by: Annotated[str, typer.Option(help="person, parent, attorney, deputy, best interests or professional")] = "person",
    capacity: Annotated[
        str, typer.Option(help="has capacity, competent child, child, lacks capacity or not assessed")
    ] = "has capacity",
    organisation: Annotated[
        str | None,
        typer.Option(help="only what this organisation sent: its name here or its ODS code; default: the whole record"),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="when it ends by itself; an emergency: after a day")
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="of an emergency: unconscious, lacks capacity, danger to life, danger to others or another reason"),
    ] = None,
) -> None:
    """Record a decision about the person who is asked for: at once, in earlier builds too. Undone by: recording the next one."""
    from cares import warehouse
    from cares.governance import permissions

    warehouse.ensure_ready()
    person = asking.ask_whom()
    number = permissions.record(
        person,
        state,
        because,
        decided_by=decided_by,
        capacity=capacity,
        organisation=organisation,
        until=until.astimezone() if until else None,
        emergency_reason=reason,
    )
    shown = "may be shown" if permissions.is_shown(person) else "is not shown to anybody"
    about = f", except for what {organisation} sent" if organisation and state not in ("permitted", "emergency") else ""
    typer.echo(f"Decision {number} counts from now on: the record {shown}{about}.")
    if state == "emergency":
        typer.echo("It is flagged, and ends by itself: cares permission emergencies")


@app.command()
def history() -> None:
    """Show every decision about the record of the person who is asked for, the latest first, and whether it may be shown now."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import permissions

    warehouse.ensure_ready()
    person = asking.ask_whom()
    table = Table("decision", "from", "state", "about", "decided by", "capacity", "until", "recorded by", "stands")
    for one in permissions.history(person):
        stands = "replaced" if one.replaced_at else "yes" if one.counts else "does not count"
        table.add_row(
            str(one.decision_id),
            f"{one.decided_at:%Y-%m-%d %H:%M}",
            one.state,
            one.organisation_code or one.scope,
            one.decided_by or "",
            one.capacity or "",
            f"{one.ends_at:%Y-%m-%d %H:%M}" if one.ends_at else "",
            one.recorded_by,
            stands,
        )
    Console().print(table)
    typer.echo(f"The record {'may be shown' if permissions.is_shown(person) else 'is not shown to anybody'}.")


@app.command()
def emergencies() -> None:
    """Show the records that are shown without permission now, and until when. No name is shown."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import permissions

    warehouse.ensure_ready()
    table = Table("person", "decision", "since", "until", "reason", "recorded by")
    for one in permissions.emergencies():
        since, until = (f"{moment:%Y-%m-%d %H:%M}" for moment in (one.since, one.until))
        table.add_row(str(one.person_id), str(one.decision_id), since, until, one.reason, one.recorded_by)
    Console().print(table)
