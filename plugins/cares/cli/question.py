"""`cares question`: the ten questions of the People's Board, put to the published tables."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The ten questions of the People's Board, put to the published tables.")


@app.callback()
def question() -> None:
    """The ten questions of the People's Board, put to the published tables."""


@app.command("list")
def show() -> None:
    """List the questions, who reads the answers, and the file of each query."""
    from rich.console import Console
    from rich.table import Table

    from cares import questions, settings

    table = Table("", "question", "reader", "query")
    for one in questions.questions():
        table.add_row(str(one.number), one.asked, one.reader, str(one.path.relative_to(settings.ROOT)))
    Console().print(table)


@app.command()
def ask(
    number: Annotated[int, typer.Argument(help="number of the question, 1 to 10")],
    as_csv: Annotated[bool, typer.Option("--csv", help="print the rows as CSV, and nothing else")] = False,
) -> None:
    """Answer one question with an analyst's rights: the rows, what must be known of them, and which months the feeds tell of."""
    from rich.console import Console
    from rich.table import Table

    from cares import english, questions, simulated, warehouse

    warehouse.ensure_ready()
    answer = questions.ask(number)
    if as_csv:
        questions.write_csv(answer, sys.stdout)
        return
    console = Console()
    if simulated.is_simulated():
        console.print(f"[bold]{simulated.WORD}[/bold]")
    console.print(f"[bold]{answer.question.number} {answer.question.asked}[/bold]")
    console.print(f"Reader: {answer.question.reader}", style="dim")
    if answer.rows:
        table = Table()
        for column in answer.columns:
            # In a narrow window a value goes on in the next line: a month without its end says nothing.
            table.add_column(column.replace("_", " "), overflow="fold")
        for row in answer.rows:
            table.add_row(*["" if value is None else f"{value:,}" if isinstance(value, int) else str(value) for value in row])
        console.print(table)
    for reason in answer.why_not:
        console.print(f"Cannot be answered: {reason}", style="bold", markup=False)
    console.print("[bold]What must be known[/bold]")
    for caveat in answer.question.caveats:
        console.print(f"- {caveat}", markup=False)
    coverage = Table("feed", "complete months", "in part", "no data", "from", "to", title="Coverage", title_justify="left")
    for one in answer.coverage:
        told = [f"{month:%Y-%m}" if month else "no data" for month in (one.first_month, one.last_month)]
        coverage.add_row(one.feed, str(one.complete), str(one.partly), str(one.no_data), *told)
    console.print(coverage)
    received = [one.last_received_on for one in answer.coverage if one.last_received_on]
    if received:
        console.print(f"Last received on {english.day(max(received))}.", style="dim")
