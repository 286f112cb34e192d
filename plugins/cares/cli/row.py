"""`cares row`: rows that are set aside, let in by a person, or set aside again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cares.cli.delivery import Reason, Yes, look_then_do

if TYPE_CHECKING:
    from cares.deliveries import Row

app = typer.Typer(no_args_is_help=True, help="Let rows in that are set aside, or set them aside again.")

Rows = Annotated[
    list[str] | None, typer.Argument(help="delivery/table/line, for example 12/episodes/41; several are taken together")
]


@app.command()
def release(
    reason: Reason,
    rows: Rows = None,
    delivery: Annotated[int | None, typer.Option(help="instead of rows: all rows of this delivery ...")] = None,
    rule: Annotated[str | None, typer.Option(help="... that are set aside because they break this rule")] = None,
    yes: Yes = False,
) -> None:
    """Let rows in although a rule sets them aside. Values that are set aside stay out. Undone by: set-aside."""
    from cares import deliveries, warehouse

    warehouse.ensure_ready()
    if bool(rows) == bool(delivery and rule):
        raise typer.BadParameter("name rows like 12/episodes/41, or give both --delivery and --rule")
    chosen = _parsed(rows) if rows else deliveries.rows_that_break(delivery or 0, rule or "")
    if not chosen:
        typer.echo(f"No row of delivery {delivery} is set aside for {rule}. See: cares delivery show {delivery}", err=True)
        raise typer.Exit(1)
    look_then_do(
        f"To let {_counted(chosen)} in although a rule sets {'it' if len(chosen) == 1 else 'them'} aside:",
        lambda only_look: deliveries.release_rows(chosen, reason, only_look=only_look),
        yes,
        f"To undo it: cares row set-aside {_named(chosen)} --reason '...'",
    )


@app.command("set-aside")
def set_aside(rows: Rows, reason: Reason, yes: Yes = False) -> None:
    """Set rows aside again that were released. Undone by: release."""
    from cares import deliveries, warehouse

    warehouse.ensure_ready()
    chosen = _parsed(rows or [])
    look_then_do(
        f"To set {_counted(chosen)} aside again:",
        lambda only_look: deliveries.set_rows_aside(chosen, reason, only_look=only_look),
        yes,
        f"To undo it: cares row release {_named(chosen)} --reason '...'",
    )


def _parsed(rows: list[str]) -> list[Row]:
    from cares.deliveries import Row

    return [Row.parse(row) for row in rows]


def _counted(rows: list[Row]) -> str:
    return f"row {rows[0]}" if len(rows) == 1 else f"{len(rows):,} rows of delivery {rows[0].delivery_id}"


def _named(rows: list[Row]) -> str:
    return " ".join(map(str, rows[:3])) + (" ..." if len(rows) > 3 else "")
