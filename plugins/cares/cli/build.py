"""`cares build`: make, test and publish the linked dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="Make, test and publish the linked dataset.")

_COLOUR = {"published": "green", "tested": "cyan", "building": "yellow", "failed": "red"}


@app.command()
def run(
    rebuild_staging: Annotated[
        bool,
        typer.Option("--rebuild-staging", help="clean every row and work out every event anew, after a change of the models"),
    ] = False,
) -> None:
    """Build, test and publish; what was published before stays until all of it is tested."""
    from rich.console import Console

    from cares import builds, warehouse

    warehouse.ensure_ready()
    console = Console()
    with console.status("start") as status:
        build_id = builds.build(rebuild_staging, say=lambda step: status.update(step))
    print_build(build_id, console)


@app.command("list")
def show_list(last: Annotated[int, typer.Option(help="how many")] = 20) -> None:
    """Show the latest builds."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse

    warehouse.ensure_ready()
    table = Table("build", "state", "started", "seconds", "published", "message")
    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        for number, state, started, seconds, published, message in connection.execute(
            """
            select build_id, state, to_char(started_at, 'YYYY-MM-DD HH24:MI'),
                   round(extract(epoch from finished_at - started_at)), to_char(published_at, 'YYYY-MM-DD HH24:MI'), message
            from ledger.build order by build_id desc limit %s
            """,
            (last,),
        ):
            table.add_row(str(number), _coloured(state), started, _text(seconds), _text(published), _text(message))
    Console().print(table)


@app.command()
def show(build_id: Annotated[int, typer.Argument(help="the build's number")]) -> None:
    """Show what became of each model of one build, and of each test that did not pass."""
    from rich.console import Console

    from cares import warehouse

    warehouse.ensure_ready()
    print_build(build_id, Console())


@app.command()
def publish(build_id: Annotated[int, typer.Argument(help="a build that is tested")]) -> None:
    """Let readers see a tested build."""
    from cares import builds, warehouse

    warehouse.ensure_ready()
    builds.publish(build_id)
    typer.echo(f"Build {build_id} is published.")


@app.command()
def back() -> None:
    """Let readers see the build before the published one again."""
    from cares import builds, warehouse

    warehouse.ensure_ready()
    typer.echo(f"Build {builds.back()} is published again.")


def print_build(build_id: int, console: Console) -> None:
    """Print one build to `console`: its state, its models and the tests that did not pass; exits with 1 for none."""
    from rich.table import Table

    from cares import warehouse

    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        head = connection.execute("select state, message from ledger.build where build_id = %s", (build_id,)).fetchone()
        outcomes = connection.execute(
            """
            select layer, model, outcome, seconds, rows, message from ledger.model_outcome
            where build_id = %s and (kind <> 'test' or outcome <> 'pass') order by finished_at, layer, model
            """,
            (build_id,),
        ).fetchall()
        tests = connection.execute(
            "select count(*) from ledger.model_outcome where build_id = %s and kind = 'test' and outcome = 'pass'", (build_id,)
        ).fetchone()[0]
    if not head:
        typer.echo(f"There is no build {build_id}; see: cares build list", err=True)
        raise typer.Exit(1)
    table = Table("layer", "model or test", "outcome", "seconds", "rows", "message")
    for row in outcomes:
        table.add_row(*(_text(value) for value in row))
    console.print(table)
    console.print(f"Build {build_id}: {_coloured(head[0])}, {tests} tests passed. {_text(head[1])}")


def _coloured(state: str) -> str:
    colour = _COLOUR.get(state)
    return f"[{colour}]{state}[/{colour}]" if colour else state


def _text(value: object) -> str:
    return "" if value is None else str(value)
