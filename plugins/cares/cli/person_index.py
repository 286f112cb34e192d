"""`cares person-index`: which records are one person, where people have to decide, and what to do about a wrong link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from cares.person_index.decisions import Pair, Reader, Side

app = typer.Typer(
    no_args_is_help=True, help="Who is who: pairs of person records to decide, wrong links, why, and how right the index is."
)

Because = Annotated[str, typer.Option(help="why, in one line; it is kept with your name")]
Record = Annotated[str, typer.Argument(help="a person record: ORGANISATION/SOURCE/THE SOURCE'S OWN ID", metavar="RECORD")]
Sealed = Annotated[
    bool, typer.Option("--sealed", help="as the Caldicott guardian, whose login (cares_caldicott) sees the sealed pairs")
]

# What a clerk sees of a record, in this order; the names are those of intermediate.int_person_records.
_SHOWN = (
    "nhs_number", "is_nhs_number_verified", "raw_nhs_number", "forename", "middle_name", "surname", "former_surname", "born_on",
    "died_on", "sex_code", "address", "postcode", "uprn", "phone", "gp_practice_code",
)  # fmt: skip
_IN_LINES = ("nhs_number", "forename", "middle_name", "surname", "born_on", "sex_code", "address", "postcode", "phone")
_BY_NEXT_BUILD = "The index obeys it from the next build on (cares build run)."


@app.command()
def queue(
    sealed: Sealed = False,
    last: Annotated[int, typer.Option(help="how many, the most harmful first")] = 50,
) -> None:
    """Show the pairs of person records that people have to decide, the most harmful first. No name is shown."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table

    from cares import warehouse
    from cares.person_index import decisions

    warehouse.ensure_ready()
    pairs = decisions.queue(_reader(sealed), last)
    if not pairs:
        typer.echo("There is nothing to decide.")
        return
    table = Table(
        Column("pair", justify="right"),
        "why it is asked",
        Column("sources", overflow="fold"),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("harm", justify="right")
    table.add_column("since", no_wrap=True)
    for pair in pairs:
        sources = " and ".join(record.rsplit("/", 1)[0] for record in (pair.record_l, pair.record_r))
        table.add_row(str(pair.pair_id), _WHY[pair.reason], sources, f"{pair.harm:,.1f}", f"{pair.raised_at:%Y-%m-%d}")
    Console().print(table)
    typer.echo(f"To decide: cares person-index decide{' --sealed' if sealed else ''}")


@app.command()
def decide(
    pair: Annotated[
        int | None, typer.Argument(help="a pair's number, from: cares person-index queue; all of them if none")
    ] = None,
    weight: Annotated[bool, typer.Option("--weight", help="show the match weight from the start; it may sway you")] = False,
    sealed: Sealed = False,
) -> None:
    """Look at two person records side by side, and say whether they are of one person. This shows names on your screen."""
    from rich.console import Console

    from cares import warehouse
    from cares.person_index import decisions

    warehouse.ensure_ready()
    reader = _reader(sealed)
    pairs = [decisions.pair(pair, reader)] if pair else decisions.queue(reader)
    console = Console()
    if not pairs:
        typer.echo("There is nothing to decide.")
    for place, asked in enumerate(pairs, 1):
        typer.echo(f"\nPair {asked.pair_id} ({place:,} of {len(pairs):,}): {_WHY[asked.reason]}")
        if not _ask(asked, reader, weight, console):
            return


@app.command("must-link")
def must_link(left: Record, right: Record, because: Because, sealed: Sealed = False) -> None:
    """Say that two person records are of one person, whatever speaks against it. Undone by: undo."""
    _decide(left, right, True, because, _reader(sealed))


@app.command("must-not-link")
def must_not_link(left: Record, right: Record, because: Because, sealed: Sealed = False) -> None:
    """Say that two person records are not of one person. Undone by: undo."""
    _decide(left, right, False, because, _reader(sealed))


@app.command()
def undo(
    decision: Annotated[int, typer.Argument(help="the decision's number, which was named when it was made")],
    because: Because,
    sealed: Sealed = False,
) -> None:
    """Take a decision back; the pair is asked about again. Undone by: deciding anew."""
    from cares import warehouse
    from cares.person_index import decisions

    warehouse.ensure_ready()
    decisions.undo(decision, because, _reader(sealed))
    typer.echo(f"Decision {decision} is taken back. {_BY_NEXT_BUILD}")


@app.command()
def withhold(left: Record, right: Record, because: Because) -> None:
    """Hide two records that were linked wrongly from every reader, now, and keep them apart. Undone by: release."""
    from cares import warehouse
    from cares.person_index import withholding

    warehouse.ensure_ready()
    withheld = withholding.withhold(left, right, because)
    typer.echo("Nobody sees either record from now on, nor the others of the same persons, in any build.")
    for opening in withheld.openings:
        typer.echo(f"Opened {opening.opened_at:%Y-%m-%d %H:%M} by {opening.opened_by} for {opening.purpose}")
    if not withheld.openings:
        typer.echo("Nobody has opened the Shared Care Record of either.")
    typer.echo(
        f"Decision {withheld.decision_id} keeps them apart. The next build (cares build run) splits them and shows both again; "
        "earlier builds go on hiding them. If the link was right: "
        f"cares person-index release {left} {right} --because '...', then cares person-index undo {withheld.decision_id} --because '...'"
    )


@app.command()
def release(left: Record, right: Record, because: Because) -> None:
    """Show two withheld records again, because their link was right. Undone by: withhold."""
    from cares import warehouse
    from cares.person_index import withholding

    warehouse.ensure_ready()
    withholding.release(left, right, because)
    typer.echo(
        "Both records are seen again, in every build. What keeps them apart stays until it is taken back: "
        "cares person-index undo DECISION --because '...'"
    )


_WHY = {
    "grey": "neither likely nor unlikely enough",
    "two NHS numbers": "alike, but each has an NHS number of its own",
    "birth dates": "alike, but their birth dates cannot be one",
    "must not link": "alike, but what people decided keeps them apart",
    "two candidates": "a record that could belong to either of two persons",
}


def _reader(sealed: bool) -> Reader:
    from cares.person_index import decisions

    return decisions.GUARDIAN if sealed else decisions.CLERK


def _decide(left: str, right: str, are_one: bool, because: str, reader: Reader) -> None:
    from cares import warehouse
    from cares.person_index import decisions

    warehouse.ensure_ready()
    number = decisions.decide(left, right, "must link" if are_one else "must not link", because, reader)
    sealed = " --sealed" if reader == decisions.GUARDIAN else ""
    typer.echo(
        f"Decision {number}: {'one person' if are_one else 'not one person'}. {_BY_NEXT_BUILD} "
        f"To undo it: cares person-index undo {number}{sealed} --because '...'"
    )


def _ask(asked: Pair, reader: Reader, show_weight: bool, console: Console) -> bool:
    """Show a pair and take the answer; False where the clerk wants to stop."""
    from cares.person_index import decisions

    left, right = decisions.sides(asked)
    console.print(_side_by_side(left, right))
    for name, record, side in (("left", asked.record_l, left), ("right", asked.record_r, right)):
        _print_lines(console, f"{name}, {record}: also described as", side.earlier)
        _print_lines(console, f"{name}, {record}: linked already with", side.others)
    if show_weight:
        _say_weight(asked)
    while True:
        answer = typer.prompt("Same person (s), not the same (n), skip (k), show the weight (w), or stop (q)").strip().lower()
        if answer in ("s", "n"):
            because = typer.prompt("Why")
            try:
                _decide(asked.record_l, asked.record_r, answer == "s", because, reader)
            except decisions.DecisionError as error:
                typer.echo(error, err=True)
            return True
        if answer in ("k", "q"):
            return answer == "k"
        if answer == "w":
            _say_weight(asked)


def _say_weight(asked: Pair) -> None:
    odds = 2 ** abs(asked.weight)
    typer.echo(
        f"Match weight {asked.weight:.1f}: the odds are {odds:,.0f} to 1 that they are "
        f"{'one person' if asked.weight >= 0 else 'two persons'}."
    )


def _side_by_side(left: Side, right: Side) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    table = Table(
        "", "", Column("left", overflow="fold"), Column("right", overflow="fold"), box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for column in ("person_record_id", "described_on", "is_in_force"):
        table.add_row(_title(column), "", _text(left.record[column]), _text(right.record[column]))
    table.add_section()
    for column in _SHOWN:
        one, other = left.record[column], right.record[column]
        if one is None and other is None:
            continue
        is_known = one is not None and other is not None
        mark, style = ("", "") if not is_known else ("=", "green") if one == other else ("differs", "bold red")
        table.add_row(_title(column), mark, _text(one), _text(other), style=style)
    return table


def _print_lines(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    if rows:
        console.print(Text(f"{title}:"))
    for row in rows:
        said = ", ".join(_text(row[column]).plain for column in _IN_LINES if row[column] is not None)
        console.print(Text(f"  {row['person_record_id']}: {said}"), soft_wrap=True)


def _title(column: str) -> str:
    return column.removeprefix("is_").removesuffix("_code").replace("_", " ").replace("nhs", "NHS")


def _text(value: Any) -> Any:
    """A value as it may stand on a terminal: nothing that moves the cursor, and no markup."""
    from rich.text import Text

    said = "" if value is None else ("no", "yes")[value] if isinstance(value, bool) else str(value)
    return Text("".join(letter if letter.isprintable() else "?" for letter in said))
