"""`cares delivery`: what arrived, what was found in it, what was decided, and how to change that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from cares.deliveries import Change

app = typer.Typer(no_args_is_help=True, help="What arrived, what was found in it, what was decided, and how to change that.")

Delivery = Annotated[int, typer.Argument(help="the delivery's number, from: cares delivery list")]
Reason = Annotated[str, typer.Option(help="why, in one line, without anything about a person; it is kept with your name")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask before doing it")]

State = Literal["received", "held", "accepted", "rejected", "superseded", "withdrawn"]

_COLOUR = {"accepted": "green", "rejected": "red", "held": "yellow", "received": "cyan"}


@app.command("list")
def show_list(
    feed: Annotated[str | None, typer.Option(help="only this feed, or this organisation")] = None,
    state: Annotated[State | None, typer.Option(help="only this state")] = None,
    last: Annotated[int, typer.Option(help="how many")] = 50,
) -> None:
    """Show the latest deliveries."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table

    from cares import warehouse

    warehouse.ensure_ready()
    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        rows = connection.execute(
            """select delivery.delivery_id, delivery.feed, delivery.period, delivery.state,
                      sum(file.accepted_rows), sum(file.set_aside_rows), sum(file.unreadable_rows)
               from ledger.delivery join ledger.delivery_file as file using (delivery_id)
               where (%(feed)s::text is null or feed = %(feed)s or organisation = %(feed)s)
                 and (%(state)s::text is null or state = %(state)s)
               group by delivery.delivery_id order by delivery.delivery_id desc limit %(last)s""",
            {"feed": feed, "state": state, "last": last},
        ).fetchall()
    table = Table(
        "",
        Column("feed", no_wrap=True),
        Column("period", no_wrap=True),
        Column("state", no_wrap=True),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for title in ("accepted", "aside", "unreadable"):
        table.add_column(title, justify="right")
    for number, name, period, is_now, *counts in rows:
        table.add_row(str(number), name, period, _coloured(is_now), *(_number(count) for count in counts))
    Console().print(table)


@app.command()
def show(delivery_id: Delivery) -> None:
    """Show one delivery: its files, its ledger, the rules that were broken, and what happened to it."""
    from rich.console import Console

    from cares import warehouse

    warehouse.ensure_ready()
    print_delivery(delivery_id, Console())


@app.command()
def hold(delivery_id: Delivery, reason: Reason, yes: Yes = False) -> None:
    """Take a delivery out of use until somebody releases it. Undone by: release."""
    _act("hold", delivery_id, reason, yes)


@app.command()
def release(delivery_id: Delivery, reason: Reason, yes: Yes = False) -> None:
    """Let in what is held, withdrawn, or was rejected by hand; rows that are set aside stay aside. Undone by: hold."""
    _act("release", delivery_id, reason, yes)


@app.command()
def withdraw(delivery_id: Delivery, reason: Reason, yes: Yes = False) -> None:
    """Take a delivery back as if it had never come; what it replaced is in use again. Undone by: release."""
    _act("withdraw", delivery_id, reason, yes)


@app.command()
def reject(delivery_id: Delivery, reason: Reason, yes: Yes = False) -> None:
    """Refuse a delivery that is not accepted yet. Undone by: release."""
    _act("reject", delivery_id, reason, yes)


@app.command()
def replay(delivery_id: Delivery, reason: Reason, yes: Yes = False) -> None:
    """Land, check and decide the kept original files anew, under today's contract, as a new delivery in the same place.

    Undone by: withdraw the new one, release the old one.
    """
    from rich.console import Console

    from cares import deliveries, warehouse

    warehouse.ensure_ready()
    console = Console()
    print_delivery(delivery_id, console)
    console.print(f"\nTo replay delivery {delivery_id}: {deliveries.REPLAY_DOES}.", soft_wrap=True)
    agree(yes)
    with console.status("landing, checking, deciding"):
        decision = deliveries.replay(delivery_id, reason)
    print_delivery(decision.delivery_id, console)
    if decision.state != "accepted":
        raise typer.Exit(1)


@app.command()
def letter(delivery_id: Delivery) -> None:
    """Write the letter to the sender and the list of lines to mend anew, as things stand, and print where they are."""
    from cares import warehouse
    from cares.reports import returns

    warehouse.ensure_ready()
    written = returns.write(delivery_id)
    if written is None:
        typer.echo(f"There is nothing to tell the sender about delivery {delivery_id}. See: cares delivery show {delivery_id}")
        return
    typer.echo(written)
    typer.echo(returns.list_beside(written))


def _act(action: str, delivery_id: int, reason: str, yes: bool) -> None:
    from cares import deliveries, warehouse

    warehouse.ensure_ready()
    look_then_do(
        f"To {action} delivery {delivery_id}: {deliveries.ACTIONS[action].does}.",
        lambda only_look: deliveries.act(action, delivery_id, reason, only_look=only_look),
        yes,
        f"To undo it: {deliveries.ACTIONS[action].undone_by} {delivery_id} --reason '...'",
    )


def look_then_do(what: str, act: Callable[[bool], list[Change]], yes: bool, undo: str) -> None:
    """Show what an action will touch, ask, do it, and say how it is undone.

    `act` is called with True to look only, then with False. Ends with 1 where it would change nothing or nobody agrees.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(what, soft_wrap=True)
    table = Table("delivery", "feed", "period", "state", "and then", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for title in ("rows in use", "and then"):
        table.add_column(title, justify="right")
    changes = act(True)
    for change in changes:
        states = (_coloured(change.state), _coloured(change.state_after))
        table.add_row(str(change.delivery_id), change.feed, change.period, *states, f"{change.rows:,}", f"{change.rows_after:,}")
    console.print(table)
    if all(change.is_none for change in changes):
        typer.echo(f"That would change nothing. Why: cares delivery show {changes[0].delivery_id}", err=True)
        raise typer.Exit(1)
    agree(yes)
    act(False)
    console.print(f"Done; readers see it with the next build (cares build run). {undo}", soft_wrap=True)


def agree(yes: bool) -> None:
    """Ask on a terminal whether to go on; elsewhere only `yes` will do. Ends with 1 where the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        typer.echo("Nothing was done. To do it without being asked, add --yes", err=True)
        raise typer.Exit(1)
    if not typer.confirm("Go on?"):
        typer.echo("Nothing was done.")
        raise typer.Exit(1)


def print_delivery(delivery_id: int, console: Console) -> None:
    """Print one delivery to `console`; raises DeliveryError when there is none of that number. No value of the data is shown."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    from cares import deliveries

    delivery = deliveries.account(delivery_id)
    console.print(
        f"[bold]Delivery {delivery_id}[/bold]  {delivery.feed}  {delivery.period}  "
        f"({delivery.format} {delivery.format_version}), received {delivery.received_at:%Y-%m-%d %H:%M}"
    )
    console.print(f"{_coloured(delivery.state)}: ", end="")
    console.print(delivery.reason or "not decided yet", markup=False)
    table = Table(
        Column("table", no_wrap=True),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title="Ledger: received = landed + unreadable, landed = accepted + aside + erased",
    )
    titles = ["received", "unreadable", "landed", "accepted", "aside", "erased"]
    if any(file.not_needed_rows is not None for file in delivery.files):
        table.title = "Ledger: received = landed + unreadable + not needed, landed = accepted + aside + erased"
        titles.append("not needed")
    for title in titles:
        table.add_column(title, justify="right")
    counts = [
        (
            file.received_rows,
            file.unreadable_rows,
            file.landed_rows,
            file.accepted_rows,
            file.set_aside_rows,
            file.erased_rows,
            file.not_needed_rows,
        )[: len(titles)]
        for file in delivery.files
    ]
    for file, of_file in zip(delivery.files, counts, strict=True):
        table.add_row(file.name, *map(_number, of_file))
    if len(counts) > 1:
        table.add_section()
        table.add_row("all", *(_number(sum(count or 0 for count in column)) for column in zip(*counts, strict=True)))
    console.print(table)
    if delivery.unreadable:
        title = f"Unreadable lines (at most {deliveries.UNREADABLE_LINES_SHOWN} are shown)"
        table = Table("table", "line", "why it cannot be read", box=SIMPLE_HEAD, title=title)
        for line in delivery.unreadable:
            table.add_row(line.table, str(line.line), line.problem)
        console.print(table)
    if delivery.broken:
        findings = sum(rule.findings for rule in delivery.broken)
        open_findings = sum(rule.open_findings for rule in delivery.broken)
        table = Table(box=SIMPLE_HEAD, title=f"Broken rules: {open_findings:,} of {findings:,} findings open")
        table.add_column("rows", justify="right")
        table.add_column("open", justify="right")
        table.add_column("first row", no_wrap=True)
        table.add_column("if broken")
        table.add_column("rule, and what it expects", overflow="fold")
        for rule in delivery.broken:
            expects = f"[bold]{rule.rule}[/bold]: {rule.sentence}"
            table.add_row(_number(rule.findings), _number(rule.open_findings), rule.first_row, rule.if_broken, expects)
        console.print(table)
    for event in delivery.events:
        told = f"{event.at:%Y-%m-%d %H:%M}  {event.event} by {event.by}: {event.reason or ''}"
        console.print(told, markup=False, highlight=False)


def _coloured(state: str) -> str:
    return f"[{_COLOUR.get(state, 'white')}]{state}[/]"


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
