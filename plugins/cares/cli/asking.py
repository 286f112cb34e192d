"""Whatever names a person is asked for: a command line is seen by whoever lists processes, and stays in the shell's history."""

from __future__ import annotations

import sys

import typer


def ask(what: str, may_be_left_out: bool = False) -> str | None:
    """What is typed at the terminal, or the next line of standard input where that is none; None where it may be left out.

    Raises typer.BadParameter where nothing is given that is needed.
    """
    if sys.stdin.isatty():
        asked = f"{what} (Enter: not told)" if may_be_left_out else what
        answer = typer.prompt(asked, default="" if may_be_left_out else None, show_default=False)
    else:
        answer = sys.stdin.readline()
    answer = answer.strip()
    if not answer and not may_be_left_out:
        raise typer.BadParameter(f"give the {what} on one line of standard input")
    return answer or None


def ask_whom(how: str = "Person record (ORGANISATION/SOURCE/ID) or NHS number") -> str:
    """By what a person is named. Raises typer.BadParameter where nothing is given."""
    return ask(how) or ""
