"""`cares deliver`: take one delivery by hand, the way the DAGs do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def deliver(
    feed: Annotated[str, typer.Argument(help="organisation/feed, for example council/looked_after_children")],
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="one file for each table")],
    period: Annotated[str, typer.Option(help="as the feed's contract has it: 2019-03, 2019-Q1, 2018-19 or 2019-03-31")],
) -> None:
    """Take one delivery: register, land, check, decide. The same files again change nothing."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from cares import deliveries, simulated, warehouse
    from cares.cli.delivery import print_delivery

    warehouse.ensure_ready()
    console = Console()
    if simulated.is_simulated():
        console.print(
            f"[black on yellow] {simulated.WORD}: the agreements here are made up. No file of real people belongs here. [/]",
            soft_wrap=True,
        )
    amounts = {"landed": 0, "checked": 0}
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(f"{feed} {period}: receiving")

        def progress(step: str, amount: int) -> None:
            amounts[step] += amount
            bar.update(
                task,
                description=f"{feed} {period}: {amounts['landed'] / 1e6:,.1f} MB landed, {amounts['checked']:,} rows checked",
            )

        decision = deliveries.receive(feed, files, period, progress)
    print_delivery(decision.delivery_id, console)
    if decision.state == "duplicate":
        console.print(f"Nothing was changed: these are {decision.reason.removesuffix('; nothing was changed')}.")
    if decision.state == "rejected":
        raise typer.Exit(1)
