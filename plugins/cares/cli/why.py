"""`cares why`: where a delivery, a row or a person comes from, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cares import english

if TYPE_CHECKING:
    from rich.console import Console

    from cares.provenance import Build, DeliveryStory, PersonStory, RowStory


def why(
    what: Annotated[
        str, typer.Argument(help="a delivery (12), a row (12/episodes/41), a person (person/345) or a pseudonym of insight")
    ],
) -> None:
    """Tell where a delivery, a row or a person comes from, which checks it met, and what replaced it. No value is shown."""
    from rich.console import Console

    from cares import provenance, warehouse
    from cares.deliveries import Row

    warehouse.ensure_ready()
    console = Console()
    if re.fullmatch(r"[0-9]{1,15}", what):
        _print_delivery(provenance.of_delivery(int(what)), console)
    elif re.fullmatch(r"person/[0-9]{1,15}|[0-9a-f]{32}", what):
        _print_person(provenance.of_person(what), console)
    else:
        _print_row(provenance.of_row(Row.parse(what)), console)


def _print_delivery(story: DeliveryStory, console: Console) -> None:
    console.print(
        f"[bold]Delivery {story.delivery_id}[/bold]  {story.feed}  {story.period}  ({story.format} {story.format_version})"
    )
    _say(console, f"It came {_at(story.received_at)}; where from: {story.source or 'not known'}.")
    if story.replays:
        _say(console, f"It takes in anew the files of delivery {story.replays}.")
    decided = f", decided {_at(story.decided_at)} by {story.decided_by}" if story.decided_at else ""
    _say(console, f"It is {story.state}{decided}: {story.reason or 'not decided yet'}")
    for file in story.files:
        counts = {
            "received": file.received_rows,
            "unreadable": file.unreadable_rows,
            "landed": file.landed_rows,
            "accepted": file.accepted_rows,
            "set aside": file.set_aside_rows,
            "erased": file.erased_rows or None,
            "not needed by any purpose": file.not_needed_rows,
        }
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count is not None) or "never counted"
        _say(console, f"  {file.file_name} (sha256 {file.sha256_start}, {file.bytes:,} bytes): rows {told}")
        if file.problem:
            _say(console, f"    {file.problem}")
    _say(console, f"Checks: {english.counted(story.rules_kept, 'rule')} kept by every row, {len(story.broken):,} broken.")
    for rule in story.broken:
        is_open = f"{rule.open_findings:,} of {english.counted(rule.findings, 'finding')} open"
        _say(console, f"  {rule.rule}: {rule.sentence} ({rule.if_broken}); {is_open}")
    _print_replacements(story, console)
    _say(console, _builds("Seen by", story.builds))
    console.print("\n[bold]What happened[/bold]")
    for event in story.events:
        _say(console, f"{_at(event.at)}  {event.event} by {event.by}{f': {event.reason}' if event.reason else ''}")


def _print_replacements(story: DeliveryStory, console: Console) -> None:
    tables: dict[tuple[int, int, str], list[str]] = {}
    for one in story.replacements:
        tables.setdefault((one.delivery_id, one.by_delivery_id, one.replaces), []).append(one.table_name)
    for (earlier, later, replaces), names in tables.items():
        rows = f"the rows {'in its window ' if replaces == 'window' else ''}of {', '.join(names)}"
        if earlier == story.delivery_id:
            _say(console, f"Replaced: delivery {later} brought {rows} anew.")
        else:
            _say(console, f"Replaces: {rows} of delivery {earlier}.")


def _print_row(story: RowStory, console: Console) -> None:
    console.print(f"[bold]Row {story.row}[/bold]  {story.feed}  {story.period}")
    _say(
        console,
        f"It is line {story.row.line:,} of {story.file_name} (sha256 {story.sha256_start}), which came "
        f"{_at(story.received_at)} with delivery {story.row.delivery_id}, now {story.delivery_state}.",
    )
    _say(console, f"What became of it: {story.fate}.")
    if not story.is_landed:
        return
    _say(console, f"Checks: {english.counted(story.rules_kept, 'rule')} kept, {len(story.broken):,} broken.")
    for rule in story.broken:
        by = f" by delivery {rule.cleared_by_delivery_id}" if rule.cleared_by_delivery_id else ""
        _say(console, f"  {rule.rule}: {rule.sentence} ({rule.if_broken}); {rule.status}{by}")
    for release in story.releases:
        _say(console, f"Released {_at(release.released_at)} by {release.released_by}: {release.reason}")
        if release.ended_at:
            _say(console, f"Set aside again {_at(release.ended_at)} by {release.ended_by}: {release.end_reason}")
    for dispute in story.disputes:
        what = f"the value of {dispute.column_name}" if dispute.column_name else "the whole row"
        _say(console, f"Disputed since {dispute.received_on}: {what} (rectification {dispute.rectification_id}).")
    _say(console, f"It is {'' if story.is_in_staging else 'not '}in staging now. {_builds('In', story.builds)}")
    if story.successor:
        rows = ", ".join(f"row {row}" for row in story.successor.rows) or "no row with its key there: removed"
        _say(console, f"Replaced since {_at(story.successor.since)} by delivery {story.successor.delivery_id}: {rows}.")
    else:
        _say(console, "Nothing has replaced it.")


def _print_person(story: PersonStory, console: Console) -> None:
    retired = f", out of use since {_at(story.retired_at)}" if story.retired_at else ""
    console.print(f"[bold]Person {story.person_id}[/bold]  in the index since {_at(story.created_at)}{retired}")
    for record in story.records:
        rows = ", ".join(f"{row}{'' if is_in_force else ' (replaced)'}" for row, is_in_force in record.rows)
        more = f" and {record.row_count - len(record.rows):,} more" if record.row_count > len(record.rows) else ""
        _say(
            console,
            f"A person record of {record.organisation}, {record.source}, linked since {_at(record.since)} (rule: {record.rule}); "
            f"rows: {rows or 'none in staging'}{more}",
        )
    if not story.records:
        _say(console, "No person record is linked to it now.")
    if story.records_that_left:
        _say(console, f"Person records that were linked to it before: {story.records_that_left:,}.")
    for event in history(story):
        _say(console, event)
    _say(console, "What a row says of itself: cares why DELIVERY/TABLE/LINE")


def history(story: PersonStory) -> Iterator[str]:
    """What happened to a person in the index, with its dates, the earliest first."""
    for event in story.events:
        as_itself, as_other = _INDEX_EVENTS[event.kind]
        yield f"{_at(event.at)}  {(as_itself if event.person_id == story.person_id else as_other).format(event)}"


# What an event of the index says of the person it is about, and of the other one.
_INDEX_EVENTS = {
    "created": ("came into the index", ""),
    "merged": ("took in person {0.other_person_id}", "became part of person {0.person_id}"),
    "split": ("was split off person {0.other_person_id}", "person {0.person_id} was split off"),
    "moved": ("took a person record from person {0.other_person_id}", "gave a person record to person {0.person_id}"),
    "retired": ("has no person record any more", ""),
    "decided": ("is kept as people decided about a pair of person records",) * 2,
    "undone": ("is no longer kept as people had decided about a pair of person records",) * 2,
}


def _builds(what: str, builds: Sequence[Build]) -> str:
    if not builds:
        return f"{what} no build yet."
    latest = builds[-1]
    more = f" and {len(builds) - 1:,} before it" if len(builds) > 1 else ""
    rewound = f", which shows {_at(latest.rewound_to)}" if latest.rewound_to else ""
    since = f" {_at(latest.published_at)}" if latest.state == "published" else ""
    return f"{what} build {latest.build_id} ({latest.state}{since}{rewound}){more}."


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
