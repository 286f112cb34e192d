"""`cares warehouse`: the database server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cares.warehouse import Status

app = typer.Typer(no_args_is_help=True, help="Start, stop and enter the warehouse (PostgreSQL).")

Role = Annotated[
    str, typer.Option(help="As whom: owner, pipeline, engineer, analyst, governance, caldicott, or airflow (its own database).")
]


@app.command()
def start() -> None:
    """Start the server, make roles and databases, and migrate our own tables.

    Harmless when it already runs. The server goes on after this command; stop it with
    `cares warehouse stop`. With CARES_WAREHOUSE_URL, make that server ready instead.
    """
    from cares import warehouse

    started = warehouse.start()
    typer.echo(f"{'Started.' if started else 'Was running already.'} {_sentence(warehouse.status())}")


@app.command()
def stop() -> None:
    """Stop the embedded server; its data stay."""
    from cares import warehouse

    typer.echo("Stopped." if warehouse.stop() else "Nothing to stop: the embedded server is not running.")


@app.command()
def status() -> None:
    """Say where the warehouse is, whether it runs, its version and its size. Exits with 3 if it does not answer."""
    from cares import warehouse

    now = warehouse.status()
    typer.echo(_sentence(now))
    if now.version is None:
        raise typer.Exit(3)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context, role: Role = "analyst") -> None:
    """Open PostgreSQL's own prompt, as the analyst unless told otherwise.

    Everything else on the line goes to psql: cares warehouse psql -c 'select count(*) from insight.persons'
    """
    from cares import warehouse
    from cares.embedded_server import program

    arguments = [program("psql"), warehouse.url(role, with_password=False), *context.args]
    # The password goes where other users do not see it. A history file would keep values of the data.
    environment = {**os.environ, "PGPASSWORD": warehouse.password(role), "PSQL_HISTORY": os.devnull}
    os.execve(arguments[0], arguments, environment)


@app.command()
def url(
    role: Role = "analyst",
    show_password: Annotated[bool, typer.Option("--show-password", help="With the password in it.")] = False,
) -> None:
    """Print the address for other tools: postgresql://user@host:port/database."""
    from cares import warehouse

    typer.echo(warehouse.url(role, with_password=show_password))


def _sentence(status: Status) -> str:
    where = f"{status.host}:{status.port}" if status.port else status.host
    if status.version is None:
        return f"The warehouse ({status.where}) {'runs but does not let us in' if status.running else 'is not running'}."
    return f"PostgreSQL {status.version} on {where}, {status.size_bytes / 2**20:,.0f} MB of data ({status.where})."
