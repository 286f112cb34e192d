"""`cares person-index evaluate`, `train`, `models` and `sample`: how right the index is, and what it weighs with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from cares.person_index.evaluation import Pairs
    from cares.person_index.samples import Estimate
    from cares.person_index.trial import Accuracy, Signs, Trial

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
_GROUPS = {"source": "Source", "age_band": "Born", "sex": "Sex"}


def evaluate(
    file: Annotated[
        Path,
        typer.Argument(
            help="a table of person records (.parquet or .csv), columns in any order and case, any may be missing: record_id, source, "
            "nhs_number, forename, middle_name, surname, date_of_birth, sex, address, postcode, uprn, phone, nhs_number_status, "
            "former_surname, known_as"
        ),
    ],
    truth: Annotated[str | None, typer.Option(help="the column that says who is who; the index never reads it")] = None,
    as_json: AsJson = False,
    model: Annotated[Path | None, typer.Option(help="a model's file; without it a model is learned from the table")] = None,
    clusters: Annotated[Path | None, typer.Option(help="write record_id and cluster to this file (.csv or .parquet)")] = None,
    sample: Annotated[
        tuple[int, Path] | None,
        typer.Option(
            metavar="N OUT.csv", help="write a random sample of about N linked or nearly linked pairs, for people to judge"
        ),
    ] = None,
    values: Annotated[bool, typer.Option("--values", help="With --sample: what the table says of both records, too.")] = False,
) -> None:
    """Run the whole index on a table: how right it is where the truth is known, and the signs of error. No warehouse is needed."""
    import json

    from rich.console import Console

    from cares.person_index import samples, trial

    if values and sample is None:
        raise typer.BadParameter("is for --sample", param_hint="--values")
    weighs = trial.load_model(model)
    drawn = None
    with trial.workspace() as connection:
        with _steps() as say:
            found = trial.run(connection, file, truth, weighs, say)
        if clusters:
            trial.write_clusters(connection, clusters)
        if sample:
            drawn = samples.draw(connection, found.model.number_weights(), *sample, with_values=values)
    if as_json:
        typer.echo(json.dumps(_as_json(found), indent=1))
        return
    console = Console()
    _print_trial(found, console)
    if sample and drawn is not None:
        console.print(
            f"{drawn:,} pairs to judge are in {sample[1]}: write yes, no or unsure into the column same, then: "
            f"cares person-index sample {sample[1]}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def train(
    file: Annotated[
        Path | None, typer.Argument(help="a table as for evaluate; without it the warehouse's person records")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="only write the model to this file (.json; weights, no value of anybody's); not in force then"),
    ] = None,
) -> None:
    """Learn from a table, or from the warehouse, what agreements are worth, and judge by it from the next build on."""
    from cares import warehouse
    from cares.person_index import models, trial

    with trial.workspace() as connection, _steps() as say:
        say("reading")
        if file:
            trial.read_table(connection, file)
        else:
            warehouse.ensure_ready()
            trial.read_warehouse(connection)
        learned = trial.train(connection, say=say)
    if to is None:
        warehouse.ensure_ready()
        with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
            models.put_in_force(connection, learned)
        typer.echo(
            f"Model {learned.version}, learned from {learned.trained_on:,} descriptions, is in force: the next build compares all "
            "records anew. Back to another: cares person-index models --use VERSION"
        )
        return
    try:
        learned.save(to)
    except OSError as error:
        raise trial.TrialError(f"{to} cannot be written: {error.strerror}") from error
    typer.echo(f"Model {learned.version}, learned from {learned.trained_on:,} descriptions, is in {to}.")


def models(
    use: Annotated[
        str | None,
        typer.Option(help="put this version in force from the next build on; shipped: the one that comes with the project"),
    ] = None,
) -> None:
    """Show the models with which the warehouse's index was kept, the one in force first; or put another in force."""
    from rich.console import Console
    from rich.table import Table

    from cares import warehouse
    from cares.person_index import models as kept

    warehouse.ensure_ready()
    if use is not None:
        with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
            kept.put_back_in_force(connection, use)
    table = Table("model", "in force", "trained", "on records", "file", "sha256 begins")
    with warehouse.safe_errors(), warehouse.connect("engineer") as connection:
        for version, is_in_force, trained, records, name, sha256 in connection.execute(
            """select version, is_in_force, to_char(trained_at, 'YYYY-MM-DD HH24:MI'), trained_on_records, path_name, left(sha256, 12)
               from person_index.model order by is_in_force desc, trained_at desc"""
        ):
            table.add_row(version, "yes" if is_in_force else "", trained, f"{records:,}", name, sha256)
    if table.row_count:
        Console().print(table)
    else:
        typer.echo("The index was not kept with any model yet; it begins with the one that is shipped.")


def sample(
    file: Annotated[
        Path | None,
        typer.Argument(help="a judged sample: what --draw, or evaluate --sample, wrote, with its column same filled in"),
    ] = None,
    draw: Annotated[
        tuple[int, Path] | None,
        typer.Option(
            metavar="N OUT.csv", help="draw about N linked or nearly linked pairs of the warehouse's index, to be judged"
        ),
    ] = None,
    as_json: AsJson = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it in the warehouse, for the quality report.")] = False,
) -> None:
    """Draw a sample of links for people to judge, or say from a judged one how many are right, with a 95 % interval."""
    import json

    from cares import warehouse
    from cares.person_index import samples

    if (file is None) == (draw is None):
        raise typer.BadParameter("give a judged sample, or --draw N OUT.csv")
    if keep or draw:
        warehouse.ensure_ready()
    if draw:
        drawn = samples.draw_from_warehouse(*draw)
        typer.echo(
            f"{drawn:,} pairs to judge are in {draw[1]}. Look at each with: cares person-index explain RECORD RECORD. Write yes, no or "
            f"unsure into the column same, then: cares person-index sample {draw[1]} --keep"
        )
        return
    assert file
    told = samples.read_judgements(file)
    if keep:
        samples.keep(told)
    if as_json:
        typer.echo(json.dumps(told.as_json(), indent=1))
        return
    typer.echo(_estimated("Of the pairs that were linked", "are right", told.precision))
    typer.echo(_estimated("Of the pairs that were nearly linked", "are one person", told.grey_that_are_the_same))
    if told.not_judged:
        typer.echo(f"Not judged yet: {told.not_judged:,}.")


@contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    """Shows each step on standard error while it runs, if that is a terminal."""
    from rich.console import Console

    with Console(stderr=True).status("start") as status:
        yield lambda step: status.update(step)


def _estimated(of: str, what: str, estimate: Estimate | None) -> str:
    if estimate is None:
        return f"{of}, none was judged yes or no."
    unsure = f"; {estimate.unsure:,} more left unsure" if estimate.unsure else ""
    return (
        f"{of}, {estimate.share:.2%} {what} (95 % interval {estimate.lower:.2%} to {estimate.upper:.2%}; "
        f"{estimate.judged:,} judged{unsure})."
    )


def _as_json(found: Trial) -> dict[str, Any]:
    told: dict[str, Any] = {"records": found.records, "people": None, "clusters": found.clusters}
    if right := found.accuracy:
        told |= {
            "people": right.people.people,
            "truth": right.truth,
            "records_without_truth": right.records_without_truth,
            "pairwise": right.edges.as_json(),
            "cluster": right.clusters.as_json(),
            "exactly_recovered": _share(right.people.recovered, right.people.people),
            "exactly_recovered_people": right.people.recovered,
            "over_linked_people": right.people.over_linked,
            "under_linked_people": right.people.under_linked,
            "by": {
                name: {value: {"records": group.records} | group.pairs.as_json() for value, group in groups.items()}
                for name, groups in right.by.items()
            },
        }
    return told | {
        "signs": vars(found.signs),
        "cost": {"of": "recognition alone"} | vars(found.cost),
        "model": {"version": found.model.version, "trained_on": found.model.trained_on},
        "ignored_columns": list(found.ignored),
    }


def _print_trial(found: Trial, console: Console) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"{found.records:,} records are {found.clusters:,} persons (model {found.model.version}).")
    if found.ignored:
        say(f"Columns that were not read: {', '.join(found.ignored)}.")
    if found.accuracy:
        _print_accuracy(found.accuracy, console, say)
    _print_signs(found, found.signs, say)
    say("")
    cost = found.cost
    say(
        f"The recognition alone took {cost.cpu_seconds:,.1f} CPU s in {cost.wall_seconds:,.1f} s; "
        f"the most memory held was {cost.peak_memory_bytes / 1e6:,.0f} MB."
    )


def _print_accuracy(right: Accuracy, console: Console, say: Callable[[str], None]) -> None:
    people = right.people
    say("")
    say(f"Judged by the column {right.truth}, in which the records are {people.people:,} people")
    if right.records_without_truth:
        say(f"{right.records_without_truth:,} records have nothing there and are left aside.")
    table = _figures("", "true pairs", "linked", "right")
    for what, pairs in (("links alone, no guards", right.edges), ("persons as they are", right.clusters)):
        counts = (pairs.true_pairs, pairs.linked_pairs, pairs.pairs_right)
        table.add_row(what, *(f"{count:,}" for count in counts), *_shares(pairs))
    console.print(table)
    for count, what in (
        (people.recovered, "exactly recovered: all their records and no other are one person"),
        (people.over_linked, "over-linked: in one person with somebody else"),
        (people.under_linked, "under-linked: split over several persons"),
    ):
        say(f"{count:>9,}  ({_share(count, people.people):.2%}) {what}")
    for name, title in _GROUPS.items():
        say("")
        table = _figures(title, "records", "true pairs")
        for value, group in right.by[name].items():
            table.add_row(value, f"{group.records:,}", f"{group.pairs.true_pairs:,}", *_shares(group.pairs))
        console.print(table)


def _figures(title: str, *counts: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table

    columns = (Column(name, justify="right", no_wrap=True) for name in (*counts, "precision", "recall", "F1"))
    return Table(Column(title, overflow="fold"), *columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _shares(pairs: Pairs) -> tuple[str, ...]:
    return tuple(f"{figure:.4f}" for figure in (pairs.precision, pairs.recall, pairs.f1))


def _print_signs(found: Trial, signs: Signs, say: Callable[[str], None]) -> None:
    say("")
    say("Signs of error")
    for count, what in (
        (signs.persons_with_two_numbers, "persons with two NHS numbers in force (must be none)"),
        (signs.persons_with_two_verified_numbers, "of them with two that are verified"),
        (signs.numbers_set_aside, "NHS numbers of records set aside as somebody else's"),
        *((edges, f"links refused: {guard}") for guard, edges in signs.refused.items()),
        (signs.grey_pairs, "pairs that are neither likely nor unlikely enough"),
        (signs.largest_person, "records in the largest person"),
        (signs.persons_above_10, f"persons of more than 10 records, {_share(signs.persons_above_10, found.clusters):.2%} of all"),
        (signs.persons_above_20, f"persons of more than 20 records, {_share(signs.persons_above_20, found.clusters):.2%} of all"),
        (
            signs.unlinkable_records,
            f"records too thin to be linked ({_share(signs.unlinkable_records, found.records):.2%}): no number, and no name with a birth date",
        ),
        (
            signs.persons_with_duplicates,
            f"persons with several records of one source ({signs.duplicates_in_one_source:,} more than one)",
        ),
    ):
        say(f"{count:>9,}  {what}")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
