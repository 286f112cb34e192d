"""`cares delivery`: what arrived, what was found in it, what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="What arrived, what was found in it, and what was decided.")

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
def show(delivery_id: Annotated[int, typer.Argument(help="the delivery's number")]) -> None:
    """Show one delivery: its files, its ledger, the rules that were broken, and what happened to it."""
    from rich.console import Console

    from cares import warehouse

    warehouse.ensure_ready()
    print_delivery(delivery_id, Console())


@app.command()
def release(
    delivery_id: Annotated[int, typer.Argument(help="the number of a held delivery")],
    reason: Annotated[str, typer.Option(help="why its rows may be used although so many are set aside")],
) -> None:
    """Accept a delivery that is held because many of its rows are set aside; they stay aside."""
    from rich.console import Console

    from cares import deliveries, warehouse

    warehouse.ensure_ready()
    print_delivery(delivery_id, Console())
    decision = deliveries.decide(delivery_id, released_because=reason)
    typer.echo(f"Delivery {delivery_id} is {decision.state}: {decision.reason}")
    if decision.state != "accepted":
        raise typer.Exit(1)


def print_delivery(delivery_id: int, console: Console) -> None:
    """Print one delivery to `console`; exits with 1 when there is none of that number. No value of the data is shown."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    from cares import warehouse

    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        head = connection.execute(
            """select feed, period, format, format_version, state, reason, to_char(received_at, 'YYYY-MM-DD HH24:MI')
               from ledger.delivery where delivery_id = %s""",
            (delivery_id,),
        ).fetchone()
        files = connection.execute(
            """select coalesce(table_name, file_name), received_rows, unreadable_rows, landed_rows,
                      accepted_rows, set_aside_rows, erased_rows
               from ledger.delivery_file where delivery_id = %s order by file_id""",
            (delivery_id,),
        ).fetchall()
        broken = connection.execute(
            """select result.rule, result.sentence, result.if_broken, result.rows_broken, min(finding.line_number)
               from ledger.check_result as result
               join ledger.finding on finding.delivery_id = result.delivery_id and finding.rule = result.rule
               where result.delivery_id = %s group by 1, 2, 3, 4
               order by result.rows_broken desc, result.rule""",
            (delivery_id,),
        ).fetchall()
        unreadable = connection.execute(
            """select file.table_name, line_number, line.problem from ledger.unreadable_line as line
               join ledger.delivery_file as file using (file_id) where delivery_id = %s order by 1, 2 limit 20""",
            (delivery_id,),
        ).fetchall()
        events = connection.execute(
            """select to_char(at, 'YYYY-MM-DD HH24:MI'), event, by, reason from ledger.delivery_event
               where delivery_id = %s order by event_id""",
            (delivery_id,),
        ).fetchall()
    if head is None:
        typer.echo(f"There is no delivery {delivery_id}. See: cares delivery list", err=True)
        raise typer.Exit(1)
    feed, period, format, version, state, reason, at = head
    console.print(f"[bold]Delivery {delivery_id}[/bold]  {feed}  {period}  ({format} {version}), received {at}")
    console.print(f"{_coloured(state)}: ", end="")
    console.print(reason or "not decided yet", markup=False)
    table = Table(
        Column("table", no_wrap=True),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title="Ledger: received = landed + unreadable, landed = accepted + aside + erased",
    )
    for title in ("received", "unreadable", "landed", "accepted", "aside", "erased"):
        table.add_column(title, justify="right")
    for name, *counts in files:
        table.add_row(name, *(_number(count) for count in counts))
    if len(files) > 1:
        table.add_section()
        totals = [sum(row[column] or 0 for row in files) for column in range(1, 7)]
        table.add_row("all", *(_number(total) for total in totals))
    console.print(table)
    if unreadable:
        table = Table("table", "line", "why it cannot be read", box=SIMPLE_HEAD, title="Unreadable lines (at most 20 are shown)")
        for name, line, problem in unreadable:
            table.add_row(name, str(line), problem)
        console.print(table)
    if broken:
        table = Table(box=SIMPLE_HEAD, title="Broken rules")
        table.add_column("rows", justify="right")
        table.add_column("first line", justify="right")
        table.add_column("if broken")
        table.add_column("rule, and what it expects", overflow="fold")
        for rule, sentence, if_broken, rows, line in broken:
            table.add_row(_number(rows), str(line), if_broken, f"[bold]{rule}[/bold]: {sentence}")
        console.print(table)
    for at, event, by, why in events:
        console.print(f"{at}  {event} by {by}: {why or ''}", markup=False, highlight=False)


def _coloured(state: str) -> str:
    return f"[{_COLOUR.get(state, 'white')}]{state}[/]"


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
