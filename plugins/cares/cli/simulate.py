"""`cares simulate`: a made-up borough, its organisations' outboxes, and the answer key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    people: Annotated[int, typer.Option(help="How many people live in the borough, at least 300.")],
    out: Annotated[Path, typer.Option(help="A new or empty folder, or one of an earlier borough, which is replaced.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same borough, byte for byte.")] = 1,
    first: Annotated[str, typer.Option("--from", help="First month of deliveries.")] = "2018-10",
    last: Annotated[str, typer.Option("--until", help="Last month of deliveries.")] = "2020-06",
    la_code: Annotated[
        str, typer.Option(help="The council's three-digit code in adult social care; the real one is not public.")
    ] = "999",
) -> None:
    """Make up a borough and write what its organisations send, with planted faults and the answer key.

    OUT gets outbox/ (one folder a delivery), agreements.csv, answer_key/ (persons, faults, totals) and SIMULATED.txt.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Table

    from cares.simulator import Simulation, outbox

    console = Console()
    outbox.check(out)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"making up {people:,} people", total=None)
        borough = Simulation(people, seed, first, last, la_code)
        bar.update(task, total=borough.number_of_deliveries())
        for delivered in borough.write(out):
            bar.update(task, advance=1, description=f"{delivered.feed} {delivered.folder}")
            kind = (delivered.feed, delivered.expected)
            deliveries, rows = counts.get(kind, (0, 0))
            counts[kind] = (deliveries + 1, rows + delivered.rows)

    table = Table(
        "Feed", "Should be", title=f"SIMULATED: {people:,} people, seed {seed}, {first} to {last}", title_justify="left"
    )
    for heading in ("Deliveries", "Rows"):
        table.add_column(heading, justify="right")
    for (feed, expected), (deliveries, rows) in sorted(counts.items()):
        table.add_row(feed, expected, f"{deliveries:,}", f"{rows:,}")
    console.print(table)
    console.print(f"Written to {out}", soft_wrap=True)
