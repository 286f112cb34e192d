"""`cares promise`: what each feed promised for when, and what did not come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cares import english

if TYPE_CHECKING:
    from cares.promises import NotCome

app = typer.Typer(no_args_is_help=True, help="What each feed promised for when, and what is late or missing.")

_COLOUR = {"up to date": "green", "late": "yellow", "missing": "red"}
_SHOWN = 3


@app.command("list")
def show_list(feed: Annotated[str | None, typer.Option(help="only this feed, or this organisation")] = None) -> None:
    """Show how each feed keeps its promise today, and since when it has sent no data."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table

    from cares import promises, warehouse

    warehouse.ensure_ready()
    promises.check()
    found = promises.standing(feed)
    if not found:
        typer.echo("No feed is promised yet: that begins with its sharing agreement. See: cares agreement list")
        return
    table = Table(
        Column("feed", overflow="fold"),
        Column("last good period", no_wrap=True),
        Column("no data since", no_wrap=True),
        Column("status", no_wrap=True),
        Column("late or missing", overflow="fold"),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=f"As of {found[0].checked_on}",
    )
    for one in found:
        table.add_row(
            one.feed,
            one.last_good_period or "none",
            str(one.no_data_since or ""),
            f"[{_COLOUR[one.status]}]{one.status}[/]",
            _listed(one.not_come),
        )
    Console().print(table)


@app.command()
def check() -> None:
    """Look what is late or missing today, and queue the notifications that nobody has had yet."""
    from cares import promises, warehouse

    warehouse.ensure_ready()
    queued = promises.check()
    not_come = [period for one in promises.standing() for period in one.not_come]
    late = sum(period.status == "late" for period in not_come)
    typer.echo(f"Late: {late}; missing: {len(not_come) - late}; notifications queued: {queued}. Which ones: cares promise list")


def _listed(not_come: tuple[NotCome, ...]) -> str:
    """The latest that did not come, the newest first, and how many more."""
    lines = [_told(period) for period in reversed(not_come[-_SHOWN:])]
    if len(not_come) > _SHOWN:
        lines.append(f"and {len(not_come) - _SHOWN} before")
    return "\n".join(lines)


def _told(period: NotCome) -> str:
    days = f"{english.counted(period.days_late, 'day')} after {period.due_on}"
    came = f"; delivery {period.delivery_id} is {period.delivery_state}" if period.delivery_id else ""
    return f"{period.period} {period.status}, {days}{came}"
