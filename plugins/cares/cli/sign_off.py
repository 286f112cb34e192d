"""`cares sign-off`: who accepts which risks of publishing what misses a bar of quality, until when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from cares import english

app = typer.Typer(
    no_args_is_help=True, help="Accept the risks of a build that misses a bar of quality, or see what waits for it."
)


@app.command()
def accept(
    build_id: Annotated[int, typer.Argument(help="the build's number")],
    use: Annotated[str, typer.Option(help="the purpose: planning or board reporting")],
    role: Annotated[str, typer.Option(help="Caldicott guardian or SIRO")],
    name: Annotated[str, typer.Option(help="who accepts")],
    risk: Annotated[list[str], typer.Option(help="a risk that is accepted; give it once for each")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="last day on which they are accepted")],
) -> None:
    """I, Caldicott guardian or SIRO, accept these named risks for this use until this date; then publish the build."""
    from cares import builds, warehouse
    from cares.governance import sign_off

    warehouse.ensure_ready()
    signed = sign_off.accept(build_id, use, name, role, risk, until.date())
    typer.echo(
        f"Sign-off {signed.sign_off_id}: {signed.name}, {signed.role}, accepts {english.counted(len(signed.risks), 'risk')} of build "
        f"{build_id} for {use} until {signed.until}. Content {signed.content_hash}"
    )
    if builds.is_rewound(build_id):
        builds.tell_of_earlier_day(build_id)
        typer.echo(f"Build {build_id} shows an earlier day; it is read in the schemas whose names end with _as_at.")
        return
    builds.publish(build_id)
    typer.echo(builds.what_waits(build_id) or f"Build {build_id} is published.")


@app.command()
def withdraw(
    sign_off_id: Annotated[int, typer.Argument(help="its number")],
    because: Annotated[str, typer.Option(help="why, in a few words")],
) -> None:
    """Take a sign-off back: what is shown under it is hidden at once."""
    from cares import warehouse
    from cares.governance import sign_off

    warehouse.ensure_ready()
    sign_off.withdraw(sign_off_id, because)
    typer.echo(f"Sign-off {sign_off_id} is withdrawn; what was shown under it shows no row from now on.")


@app.command("list")
def show() -> None:
    """Show what waits for a sign-off, and every sign-off that was given."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.governance import sign_off

    warehouse.ensure_ready()
    console = Console()
    for one in sign_off.waiting():
        console.print(
            f"Build {one.build_id} is shown to nobody for {one.purpose}: {'; '.join(one.missed)}. Content {one.content_hash}"
        )
    table = Table("number", "at", "who", "use", "build", "risks", "until", "today", "content")
    for given in sign_off.recorded():
        table.add_row(
            str(given.sign_off_id), f"{given.at:%Y-%m-%d %H:%M}", f"{given.name}, {given.role}", given.purpose, str(given.build_id),
            "; ".join(given.risks), str(given.until), given.state, given.content_hash[:12],
        )  # fmt: skip
    console.print(table)
