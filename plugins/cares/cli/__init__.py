"""The command `cares`: one file for each noun."""

from __future__ import annotations

import os
import sys

import typer

# Great Expectations and dbt would otherwise report their use to their makers.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

from cares.cli import agreement, deliver, delivery

typer_app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="St Helens Cares: the fragments of a person's care, put together.",
)
typer_app.command()(deliver.deliver)
typer_app.add_typer(delivery.app, name="delivery")
typer_app.add_typer(agreement.app, name="agreement")


def app() -> None:
    """Run the command; an error that we know is one line on standard error and exit status 1."""
    try:
        typer_app()
    except Exception as error:
        if not type(error).__module__.startswith("cares."):
            raise
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
