"""`cares airflow`: Airflow on this machine, with the pipeline's DAGs and pages."""

from __future__ import annotations

import typer

app = typer.Typer(help="Start and stop Airflow, with the DAGs and pages of this pipeline.", no_args_is_help=True)


@app.command()
def up() -> None:
    """Start Airflow and return when its pages answer. The login is shown the first time only."""
    from rich.console import Console

    from cares import airflow_server, warehouse

    console = Console()
    if airflow_server.running():
        console.print(f"Airflow is running already: {airflow_server.url()}")
        return
    try:
        with console.status("Preparing the warehouse and Airflow's database"):
            warehouse.ensure_ready()
            login = airflow_server.prepare()
        with console.status("Starting Airflow, about half a minute"):
            airflow_server.start()
            airflow_server.wait_until_ready()
    except (airflow_server.AirflowError, warehouse.WarehouseError) as error:
        airflow_server.stop()
        raise typer.Exit(_say(str(error))) from None
    except BaseException:
        airflow_server.stop()
        raise
    console.print(f"Airflow is running: {airflow_server.url()}    To stop it: cares airflow down")
    if login:
        _show(login)
    else:
        console.print(f"Sign in as {airflow_server.LOGIN_NAME}. Password forgotten: cares airflow password")


@app.command()
def down() -> None:
    """Stop Airflow: what `up` started, and nothing else. The warehouse keeps running."""
    from cares import airflow_server

    ran = airflow_server.stop()
    typer.echo(f"Stopped: {', '.join(ran)}." if ran else "Airflow was not running.")


@app.command()
def status() -> None:
    """Say what of Airflow runs; ends with 1 when something that should run does not."""
    from cares import airflow_server

    running = airflow_server.running()
    if not running:
        typer.echo("Airflow is not running. To start it: cares airflow up")
        raise typer.Exit(1)
    typer.echo(f"Running: {', '.join(running)}")
    typer.echo(f"Pages: {airflow_server.url()} {'answer' if airflow_server.answers() else 'do not answer'}")
    if ended := set(airflow_server.COMPONENTS) - set(running):
        typer.echo(f"Not running: {', '.join(sorted(ended))}. See {airflow_server.home() / 'server_logs'}")
        raise typer.Exit(1)


@app.command()
def password() -> None:
    """Give the login a new password, shown once."""
    from cares import airflow_server, warehouse

    try:
        warehouse.ensure_ready()
        airflow_server.prepare()
        _show(airflow_server.new_login())
    except (airflow_server.AirflowError, warehouse.WarehouseError) as error:
        raise typer.Exit(_say(str(error))) from None


def _show(login: object) -> None:
    typer.echo(f"Sign in as {login.name} with the password {login.password} (shown this once; a new one: cares airflow password)")


def _say(problem: str) -> int:
    typer.echo(problem, err=True)
    return 1
