"""The quality report of a build: one HTML page that needs nothing else and holds no value of the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from cares import contracts, english, settings, simulated
from cares.contracts import Contracts
from cares.reports import charts, disclosure, facts, wording
from cares.reports.facts import Delivery, Facts, File, Linkage, People
from cares.reports.pictures import feed_pictures
from cares.reports.safety import judge

_ISSUES_ON_THE_FIRST_PAGES = 4
_LONDON = ZoneInfo("Europe/London")
# Why the index asks, in words that follow a list of counts.
_REASONS = {
    "grey": "neither likely nor unlikely enough",
    "two NHS numbers": "alike, with two NHS numbers",
    "birth dates": "alike, with two birth dates",
    "must not link": "alike, and people said that they are two",
    "two candidates": "one fits two people",
}


@dataclass(frozen=True)
class LedgerLine:
    """The rows of one file, or of a whole delivery, as they may be read; None where that step was not reached."""

    what: str
    received: str | None
    unreadable: str | None
    landed: str | None
    set_aside: str | None
    erased: str | None
    accepted: str | None
    not_needed: str | None


def quality_report(build_id: int | None = None) -> Path:
    """Write the quality report of a build, or of the latest one, and return its path.

    A report of an earlier build is never written again: who is who, and what became of each delivery, is known for today
    only. Raises ReportError for that and when there is no such build, WarehouseError when the warehouse does not answer.
    """
    found = facts.read(build_id)
    path = settings.var_folder("reports") / f"quality_{found.build.build_id}.html"
    if path.exists() and not found.build.is_latest:
        raise facts.ReportError(
            f"{path} was written when build {found.build.build_id} was the latest, and it stays as it is: written today, it "
            f"would count the people as they are since build {found.build.latest_build_id}"
        )
    page = _page(found, contracts.load())
    unfinished = path.with_suffix(".part")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)
    return path


def _page(found: Facts, promised: Contracts) -> str:
    feeds = feed_pictures(found, promised)
    environment = Environment(
        loader=PackageLoader("cares.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["percent"] = disclosure.percent
    environment.filters |= {"day": _day, "shown": disclosure.shown, "total": disclosure.shown_total}
    return environment.get_template("quality.html").render(
        build=found.build,
        simulated=simulated.WORD if found.is_simulated else None,
        safety=judge(found, feeds),
        organisations=[
            (organisation.file, of_organisation)
            for slug, organisation in promised.organisations.items()
            if (of_organisation := [feed for feed in feeds if feed.feed.organisation == slug])
        ],
        feeds=feeds,
        issues_shown=_ISSUES_ON_THE_FIRST_PAGES,
        wording=wording,
        why_not_taken=lambda delivery, feed: wording.why_not_taken(
            delivery, found.files[delivery.delivery_id], found.checks[delivery.delivery_id], feed
        ),
        points_needed=charts.POINTS_NEEDED,
        chart_size=(charts.WIDTH, charts.HEIGHT),
        people=found.people,
        known_to=_known_to(found.people) if found.people else [],
        linkage=found.linkage,
        signs=_signs(found.linkage) if found.linkage else [],
        organisation_names={slug: organisation.file.name for slug, organisation in promised.organisations.items()},
        held_back=found.held_back,
        opt_outs=found.opt_outs,
        models=_models(found),
        ledger=[
            (slug, [(delivery, ledger_lines(delivery, found.files[delivery.delivery_id])) for delivery in deliveries])
            for slug, deliveries in found.deliveries.items()
            if deliveries
        ],
        out_of_balance=[delivery.delivery_id for delivery in found.out_of_balance()],
        outcomes=found.models,
    )


def ledger_lines(delivery: Delivery, files: Sequence[File]) -> list[LedgerLine]:
    """The ledger of a delivery: a line for each file, and one for the whole where there are several."""
    lines = [_ledger_line(file.table_name or file.file_name, [file], delivery.in_build) for file in files]
    if len(files) > 1:
        lines.append(_ledger_line("all files", files, delivery.in_build))
    return lines


def _ledger_line(what: str, files: Sequence[File], in_build: bool) -> LedgerLine:
    accepted = [file.accepted_rows or 0 for file in files]
    set_aside = [file.set_aside_rows or 0 for file in files]
    erased = [file.erased_rows for file in files]
    unreadable = [file.unreadable_rows or 0 for file in files]
    not_needed = [file.not_needed_rows or 0 for file in files]
    if in_build and all(file.adds_up for file in files):
        landed = disclosure.shown_total([*accepted, *set_aside, *erased])
        received = disclosure.shown_total([*accepted, *set_aside, *erased, *unreadable, *not_needed])
    else:
        landed = disclosure.shown_total([file.landed_rows or 0 for file in files])
        received = disclosure.shown_total([file.received_rows or 0 for file in files])
    return LedgerLine(
        what,
        received if any(file.received_rows is not None for file in files) else None,
        disclosure.shown_total(unreadable) if any(file.unreadable_rows is not None for file in files) else None,
        landed if any(file.landed_rows is not None for file in files) else None,
        disclosure.shown_total(set_aside) if in_build else None,
        disclosure.shown_total(erased) if in_build else None,
        disclosure.shown_total(accepted) if in_build else None,
        disclosure.shown_total(not_needed) if any(file.not_needed_rows is not None for file in files) else None,
    )


def _known_to(people: People) -> list[tuple[str, str]]:
    return [
        (f"{organisations} organisation{'s' if organisations > 1 else ''}", disclosure.shown(persons))
        for organisations, persons in people.by_organisations.items()
    ]


def _signs(linkage: Linkage) -> list[str]:
    """The signs of error that there are, each a sentence with counts as they may be read."""
    persons, records = disclosure.shown(linkage.persons), disclosure.shown(linkage.records)
    asked = list(linkage.questions.values())
    waiting = f"{disclosure.shown_total(asked)} pairs of records wait for people to decide: {_questions(linkage)}."
    counted = [
        (linkage.persons_with_two_numbers, f"of {persons} people hold two different NHS numbers, each traced and verified."),
        (linkage.persons_of_more_than_10_records, f"of {persons} people have more than 10 person records."),
        (linkage.persons_of_more_than_20_records, f"of {persons} people have more than 20 person records."),
        (linkage.persons_twice_in_one_source, f"of {persons} people have several records in one source."),
        (
            linkage.unlinkable_records,
            f"of {records} person records say too little to be joined: no NHS number, and no name with a birth date.",
        ),
    ]
    return [*([waiting] if asked else []), *(f"{disclosure.shown(count)} {what}" for count, what in counted if count)]


def _questions(linkage: Linkage) -> str:
    return "; ".join(f"{_REASONS.get(reason, reason)} {disclosure.shown(pairs)}" for reason, pairs in linkage.questions.items())


def _models(found: Facts) -> list[tuple[str, Counter[tuple[str, str]]]]:
    """Each layer, in the order in which they ran, with how many of each kind ended in which way."""
    return [
        (layer, Counter((outcome.kind, outcome.outcome) for outcome in outcomes))
        for layer, outcomes in groupby(found.models, key=lambda outcome: outcome.layer)
    ]


def _day(moment: date) -> str:
    return english.day(moment.astimezone(_LONDON).date() if isinstance(moment, datetime) else moment)
