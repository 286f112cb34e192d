"""`cares record`: the Shared Care Record, through its door."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cares.cli import asking

app = typer.Typer(no_args_is_help=True, help="The Shared Care Record: open it, and see how much it is used.")


@app.command("open")
def open_one(
    organisation: Annotated[str, typer.Option("--as", help="your organisation, as in expectations/: sthk")],
    staff: Annotated[str, typer.Option(help="your organisation's own number of you")],
    purpose: Annotated[str, typer.Option(help="direct care, or emergency")] = "direct care",
    reason: Annotated[str | None, typer.Option(help="why it is an emergency; it is kept and looked at")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document, in sections, each item with its source")] = False,
) -> None:
    """Show one person's record, by the NHS number that is asked for. Who opens it, and what for, is written down first.

    This shows names on your screen.
    """
    import json

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table

    from cares import warehouse
    from cares.governance import door, record_summary

    warehouse.ensure_ready()
    shown = door.open_record(organisation, asking.ask_whom("NHS number"), staff, purpose, reason)
    if as_json:
        typer.echo(json.dumps(record_summary.document(shown), ensure_ascii=False, indent=2))
        return
    if not shown.person:
        typer.echo("There is nothing to show.")
        return
    console = Console()
    head = Table("", Column("", overflow="fold"), box=None, show_header=False, padding=(0, 1, 0, 0))
    for name, value in shown.person.items():
        if value is not None:
            head.add_row(name.removesuffix("_code").replace("_", " "), _text(value))
    console.print(head)
    table = Table("from", "until", "what", Column("", overflow="fold"), "told by", "until", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for one in shown.care:
        table.add_row(*(_text(one[name]) for name in ("started_on", "ended_on", "kind", "detail", "feed", "told_until")))
    console.print(table)


@app.command()
def use() -> None:
    """Show how often the record was opened, by organisation and month; small numbers are hidden, others are to the nearest 5.

    Only what went through the door of this warehouse is counted: not how often a partner's own systems show a record.
    """
    from rich.console import Console
    from rich.table import Column, Table

    from cares import warehouse
    from cares.governance import door
    from cares.reports import disclosure

    warehouse.ensure_ready()
    counted = ("shown", "empty", "refused", "emergencies")
    table = Table("month", "organisation", *(Column(name, justify="right") for name in counted))
    for one in door.use():
        rounded = [disclosure.rounded(getattr(one, name)) for name in counted]
        table.add_row(f"{one.month:%Y-%m}", one.organisation, *("*" if count is None else f"{count:,}" for count in rounded))
    Console().print(table)


def _text(value: Any) -> Any:
    """A value as it may stand on a terminal: nothing that moves the cursor, and no markup."""
    from rich.text import Text

    said = "" if value is None else str(value)
    return Text("".join(letter if letter.isprintable() else "?" for letter in said))
