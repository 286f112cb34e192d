"""`cares agreement`: the sharing agreements that gate each feed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cares import english

if TYPE_CHECKING:
    from cares.governance.agreements import Agreement

app = typer.Typer(no_args_is_help=True, help="The sharing agreements: without one in force, a feed is not taken.")

_DATES = ["%Y-%m-%d"]
_Feed = Annotated[str, typer.Argument(help="for example council/looked_after_children")]
_Because = Annotated[str, typer.Option(help="why, without anybody's name")]
_Ending = Annotated[str, typer.Option(help="what then becomes of the data: stop, 'keep until YYYY-MM-DD', or delete")]
_Bar = Annotated[
    float | None,
    typer.Option(help="the bar: of a hundred rows, so many may be lost before what is made of them waits for a sign-off"),
]


@app.command()
def sign(
    feed: _Feed,
    agreement: Annotated[str, typer.Option(help="the agreement's own reference")],
    purpose: Annotated[list[str], typer.Option(help="direct care, planning or board reporting; give it once for each")],
    starts: Annotated[datetime, typer.Option("--from", formats=_DATES, help="first day in force")],
    until: Annotated[datetime | None, typer.Option(formats=_DATES, help="last day in force")] = None,
    signed_on: Annotated[datetime | None, typer.Option(formats=_DATES, help="default: today")] = None,
    on_ending: _Ending = "stop",
    most_rows_lost_percent: _Bar = None,
) -> None:
    """Record that an agreement is signed."""
    from cares import warehouse
    from cares.governance import agreements

    warehouse.ensure_ready()
    signed = (signed_on or datetime.now()).date()
    what_then, kept_until = agreements.ending(on_ending)
    agreements.sign(
        agreements.Agreement(
            agreement,
            feed,
            tuple(purpose),
            signed,
            starts.date(),
            until.date() if until else None,
            what_then,
            kept_until,
            most_rows_lost_percent=most_rows_lost_percent,
        )
    )
    typer.echo(f"{agreement} covers {feed} from {starts.date()}" + (f" until {until.date()}" if until else ""))


@app.command()
def load(path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a CSV file of agreements")]) -> None:
    """Record every agreement of a CSV file, all or none."""
    from cares import warehouse
    from cares.governance import agreements

    found = agreements.read(path)
    warehouse.ensure_ready()
    agreements.sign(*found)
    typer.echo(f"{english.counted(len(found), 'agreement')} recorded")


@app.command()
def end(
    feed: _Feed,
    agreement: Annotated[str, typer.Option(help="the agreement's own reference")],
    because: _Because,
    last_day: Annotated[
        datetime | None, typer.Option(formats=_DATES, help="last day in force; default: yesterday, so that it counts at once")
    ] = None,
) -> None:
    """End an agreement; its own 'on ending' says what becomes of the data. Certified."""
    from cares import warehouse
    from cares.governance import agreements

    warehouse.ensure_ready()
    day = last_day.date() if last_day else date.today() - timedelta(days=1)
    ending = agreements.end(agreement, feed, day, because)
    typer.echo(f"{agreement} over {feed} ends on {day}. {ending.what}\nCertificate {ending.certificate_id}: {ending.path}")


@app.command()
def novate(
    feed: _Feed,
    agreement: Annotated[str, typer.Option(help="the reference of the agreement that is taken over")],
    to: Annotated[str, typer.Option(help="the reference of the successor's agreement")],
    body: Annotated[str, typer.Option(help="the successor, for example: Mersey Care (RW4)")],
    starts: Annotated[datetime, typer.Option("--from", formats=_DATES, help="first day of the successor's agreement")],
    because: _Because,
    purpose: Annotated[list[str] | None, typer.Option(help="default: the same")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_DATES, help="last day in force; default: the same")] = None,
    signed_on: Annotated[datetime | None, typer.Option(formats=_DATES, help="default: today")] = None,
) -> None:
    """Let the agreement of a successor body take the place of another, without a day between the two. Certified."""
    from dataclasses import replace

    from cares import warehouse
    from cares.governance import agreements

    warehouse.ensure_ready()
    before = _one_of(agreement, feed)
    successor = replace(
        before,
        agreement=to,
        body=body,
        signed_on=(signed_on or datetime.now()).date(),
        in_force_from=starts.date(),
        in_force_until=until.date() if until else before.in_force_until,
        purposes=tuple(purpose) if purpose else before.purposes,
    )
    ending = agreements.novate(agreement, feed, successor, because)
    typer.echo(f"{agreement} over {feed} ends. {ending.what}\nCertificate {ending.certificate_id}: {ending.path}")


@app.command("list")
def show() -> None:
    """Show what is signed, for which purposes, from when to when, and what that means today."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import agreements

    warehouse.ensure_ready()
    table = Table("feed", "agreement", "purposes", "signed on", "in force", "on ending", "today", "recorded by")
    for entry in agreements.recorded():
        one = entry.agreement
        name = f"{one.agreement} ({one.body}, in place of {one.succeeds})" if one.body else one.agreement
        table.add_row(
            one.feed,
            name,
            ", ".join(one.purposes),
            str(one.signed_on),
            _days(one),
            _what_then(one),
            one.state(date.today()),
            entry.by,
        )
    Console().print(table)


@app.command()
def history(
    feed: Annotated[str | None, typer.Argument(help="one feed only")] = None,
) -> None:
    """Show each time that an agreement was recorded, changed or removed: when, by whom, and as it stood then."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import agreements

    warehouse.ensure_ready()
    table = Table("at", "by", "act", "feed", "agreement", "purposes", "in force", "on ending", "because")
    for entry in agreements.history():
        one = entry.agreement
        if feed in (None, one.feed):
            table.add_row(
                f"{entry.at:%Y-%m-%d %H:%M}", entry.by, entry.act, one.feed, one.agreement, ", ".join(one.purposes), _days(one),
                _what_then(one), one.because or "",
            )  # fmt: skip
    Console().print(table)


def _one_of(name: str, feed: str) -> Agreement:
    from cares.governance import agreements

    for entry in agreements.recorded():
        if (entry.agreement.agreement, entry.agreement.feed) == (name, feed):
            return entry.agreement
    raise agreements.AgreementError(f"no agreement {name!r} covers {feed}; see: cares agreement list")


def _days(agreement: Agreement) -> str:
    until = f" to {agreement.in_force_until}" if agreement.in_force_until else ""
    return f"{agreement.in_force_from}{until}"


def _what_then(agreement: Agreement) -> str:
    return f"{agreement.on_ending} {agreement.kept_until}" if agreement.kept_until else agreement.on_ending
