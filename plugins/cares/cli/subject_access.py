"""`cares subject-access`: what is held about a person who asked to see it; prepared, reviewed, then released."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cares import english
from cares.cli import asking

app = typer.Typer(
    no_args_is_help=True, help="What is held about somebody who asked to see it: prepared, reviewed, then released."
)

_DATES = ["%Y-%m-%d"]
_Request = Annotated[int, typer.Argument(metavar="REQUEST", help="the number of the request")]


@app.command()
def prepare(
    received: Annotated[datetime | None, typer.Option(formats=_DATES, help="the day the request came; default: today")] = None,
) -> None:
    """List every row held about the person who is asked for, and write the draft that a reviewer reads. Safe to do again."""
    from cares import warehouse
    from cares.rights import subject_access

    warehouse.ensure_ready()
    person = asking.ask_whom("person/345, a pseudonym, or a person record (ORGANISATION/SOURCE/ID)")
    asked = subject_access.prepare(person, (received or datetime.now()).date())
    typer.echo(
        f"Request {asked.request_id}, due by {english.day(asked.due_on)}: {english.counted(asked.items, 'row')} held, "
        f"{asked.to_look_at:,} to be looked at.\nThe draft, for the reviewer only: {subject_access.draft_of(asked.request_id)}\n"
        f"Then: cares subject-access review {asked.request_id}"
    )


@app.command()
def review(
    request: _Request,
    withhold: Annotated[list[int] | None, typer.Option(help="an item to leave out; give it once for each")] = None,
    ground: Annotated[str | None, typer.Option("--for", help="serious harm, third party or adoption")] = None,
    because: Annotated[str | None, typer.Option(help="why, in one line; it stays with us")] = None,
    column: Annotated[list[str] | None, typer.Option(help="leave out this column only; give it once for each")] = None,
    advised_by: Annotated[str | None, typer.Option(help="serious harm: the professional who says so")] = None,
    show: Annotated[list[int] | None, typer.Option(help="an item that was looked at and may be shown")] = None,
    done: Annotated[bool, typer.Option("--done", help="end the review")] = False,
) -> None:
    """Decide about rows of a request and end the review; without options, say what is still to be looked at."""
    from cares import warehouse
    from cares.rights import subject_access

    warehouse.ensure_ready()
    if withhold:
        if not ground or not because:
            raise typer.BadParameter("to withhold an item, say --for which ground and --because of what")
        subject_access.withhold(request, withhold, ground, because, column or (), advised_by)
        typer.echo(f"{english.counted(len(withhold), 'item')} withheld, {ground}.")
    if show:
        subject_access.show(request, show)
        typer.echo(f"{english.counted(len(show), 'item')} may be shown.")
    if withhold or show:
        subject_access.write_draft(request)
    if done:
        subject_access.end_review(request)
        typer.echo(f"The review is ended. Then: cares subject-access release {request} --identity-seen '...'")
    if not (withhold or show or done):
        _print_items(request)


@app.command()
def release(
    request: _Request,
    identity_seen: Annotated[str, typer.Option(help="how it was made sure that who asks is the person")],
) -> None:
    """Write the pack that the person is given. Nothing is written before the review is ended."""
    from cares import warehouse
    from cares.rights import subject_access

    warehouse.ensure_ready()
    folder = subject_access.release(request, identity_seen)
    typer.echo(f"The pack is in {folder}. Give it to the person by a way that nobody else reads, then remove it from here.")


@app.command()
def extend(request: _Request, because: Annotated[str, typer.Option(help="why, in one line")]) -> None:
    """Take two months more where a request is complex; tell the person so, and why, within the first month."""
    from cares import warehouse
    from cares.rights import subject_access

    warehouse.ensure_ready()
    typer.echo(f"Request {request} is due by {english.day(subject_access.extend(request, because).due_on)}.")


@app.command("list")
def list_requests() -> None:
    """Show the requests, the one that is due first on top. No person's data."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.rights import subject_access

    warehouse.ensure_ready()
    table = Table("request", "received", "due", "state", "rows", "to look at", "withheld")
    for one in subject_access.requests():
        due = f"{one.due_on}{' LATE' if one.is_late else ''}"
        counts = (str(one.items), str(one.to_look_at), str(one.withheld))
        table.add_row(str(one.request_id), str(one.received_on), due, one.state, *counts)
    Console().print(table)


def _print_items(request: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from cares.rights import subject_access

    table = Table("item", "row", "to look for", "decided")
    for one in subject_access.items(request):
        if one.look_for or one.withheld_for:
            decided = one.withheld_for or ("may be shown" if one.looked_at_by else "")
            what = f"withheld: {decided}" if one.withheld_for else decided
            columns = f" ({', '.join(one.withheld_columns)})" if one.withheld_columns else ""
            table.add_row(str(one.item), str(one.row), "; ".join(one.look_for), what + columns)
    Console().print(table)
    typer.echo(f"The draft: {subject_access.draft_of(request)}")
