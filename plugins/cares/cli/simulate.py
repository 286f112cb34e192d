"""`cares simulate`: a made-up borough, its organisations' outboxes, and the answer key."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Profile(StrEnum):
    """How often things go wrong."""

    clean = "clean"
    realistic = "realistic"
    hostile = "hostile"


class Transfer(StrEnum):
    """What the transfer of services of 1 December 2019 did to them."""

    same = "same"
    worse = "worse"


def simulate(
    people: Annotated[
        int,
        typer.Option(
            help="How many people live in the borough, 300 to 500,000; St Helens has 180,000. A quarter as many more live in "
            "its fringe, in Halton and Knowsley."
        ),
    ],
    out: Annotated[Path, typer.Option(help="A new or empty folder, or one of an earlier borough, which is replaced.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same borough, byte for byte.")] = 1,
    first: Annotated[str, typer.Option("--from", help="First month of deliveries, like 2018-10.")] = "2018-10",
    last: Annotated[
        str, typer.Option("--until", help="Last month of deliveries; until 2023-12 the later mergers are told, too.")
    ] = "2020-06",
    la_code: Annotated[
        str, typer.Option(help="The council's three-digit code in adult social care; the real one is not public.")
    ] = "999",
    profile: Annotated[
        Profile,
        typer.Option(help="How often records, files and deliveries are wrong: never, at stated rates, or four times that."),
    ] = Profile.realistic,
    transfer: Annotated[
        Transfer,
        typer.Option(help="Whether the services that went to another trust on 1 December 2019 really got worse: longer waits."),
    ] = Transfer.same,
) -> None:
    """Make up a borough and write what its organisations send, with planted faults and the answer key.

    OUT gets outbox/ (one folder a delivery), agreements.csv, SIMULATED.txt, and answer_key/: persons.csv (who is who),
    adoptions.csv, faults.csv (which rows are wrong, and what should come of it), totals.csv (how many rows and values of
    each table should pass) and truth.csv (how much really happened each month, by kind); and borough.html: what the
    borough is like, beside published figures.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Table

    from cares.reports.borough import borough_page
    from cares.simulator import Simulation, figures, outbox

    console = Console()
    outbox.check(out)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("deliveries, {task.fields[rows]:,} rows,"),
        TimeElapsedColumn(),
    )
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    written = 0
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"making up the lives of {people:,} people", total=None, rows=0)
        borough = Simulation(people, seed, first, last, la_code, profile, transfer)
        bar.update(task, total=borough.number_of_deliveries())
        for delivered in borough.write(out):
            written += delivered.rows
            bar.update(task, advance=1, rows=written, description=f"{delivered.feed} {delivered.folder}")
            kind = (delivered.feed, delivered.expected)
            deliveries, rows = counts.get(kind, (0, 0))
            counts[kind] = (deliveries + 1, rows + delivered.rows)
        bar.update(task, description="comparing the borough with published figures")
        page = borough_page(borough.how, figures.of(borough.story), counts)
        (out / "borough.html").write_text(page, encoding="utf-8")

    table = Table(title=f"SIMULATED: {people:,} people, seed {seed}, {first} to {last}", title_justify="left")
    table.add_column("Feed", overflow="fold")
    table.add_column("Should be")
    for heading in ("Deliveries", "Rows"):
        table.add_column(heading, justify="right")
    for (feed, expected), (deliveries, rows) in sorted(counts.items()):
        table.add_row(feed, expected, f"{deliveries:,}", f"{rows:,}")
    console.print(table)
    console.print(f"{written:,} rows written to {out}", soft_wrap=True)
