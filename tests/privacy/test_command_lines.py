"""No command takes what names a person as an argument or an option: shells keep these, and whoever lists processes sees them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import click
import pytest
import typer
from typer.testing import CliRunner

from cares.cli import asking, typer_app

ABOUT_A_PERSON = {
    ("permission", "record"), ("permission", "history"), ("restrict",), ("unrestrict",), ("erase",), ("hold", "add"),
    ("subject-access", "prepare"), ("record", "open"), ("staff", "register"),
}  # fmt: skip
# Of nobody in particular, or of the member of staff as their organisation numbers them.
HARMLESS = {"organisation", "staff", "feed", "as"}
ASK = "import typer\nfrom cares.cli import asking\ntyper.echo(asking.ask_whom('NHS number') + ' was asked for')"


@pytest.mark.parametrize("path", sorted(ABOUT_A_PERSON))
def test_a_command_about_a_person_asks_for_them(path: tuple[str, ...]) -> None:
    command: click.Command = typer.main.get_command(typer_app)
    for name in path:
        command = command.commands[name]
    arguments = {one.name for one in command.params if one.param_type_name == "argument"}
    assert arguments <= HARMLESS
    options = {one.name for one in command.params} - arguments
    assert not options & {"person", "person_record", "surname", "forename", "nhs_number", "whom", "record"}


def test_from_a_pipe_the_next_line_is_read_and_no_question_is_written() -> None:
    ran = subprocess.run([sys.executable, "-c", ASK], input="9990000018\nmore\n", capture_output=True, text=True, check=True)
    assert ran.stdout == "9990000018 was asked for\n"


def test_at_a_terminal_the_question_is_put() -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b"9990000018\n")
    with os.fdopen(theirs) as terminal:
        ran = subprocess.run([sys.executable, "-c", ASK], stdin=terminal, capture_output=True, text=True, check=True)
    os.close(ours)
    assert ran.stdout.startswith("NHS number: ") and ran.stdout.endswith("9990000018 was asked for\n")


def test_where_nothing_is_given_the_command_says_what_it_needs_and_does_nothing() -> None:
    app = typer.Typer()
    app.command()(lambda: asking.ask_whom())
    ran = CliRunner().invoke(app, [], input="")
    assert ran.exit_code == 2 and "one line of standard input" in " ".join(ran.output.split())


def test_what_may_be_left_out_is_left_out_by_an_empty_line() -> None:
    app = typer.Typer()
    app.command()(lambda: typer.echo(repr([asking.ask("Surname", may_be_left_out=True) for _ in range(3)])))
    assert CliRunner().invoke(app, [], input="\nBirch\n").output == "[None, 'Birch', None]\n"
