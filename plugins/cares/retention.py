"""Retention: the linked copy of a person expires, and what an ended agreement or an organisation that leaves has sent goes.

How long follows from the register of purposes and `expectations/governance/retention.yml`. A legal hold stops each of them.
What was let expire may come again with care since: only rows of periods up to the day of expiry stay out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import yaml

from cares import contracts, erasing, removals, settings, simulated, warehouse
from cares.erasing import Erased, ErasingError

REGISTER = settings.EXPECTATIONS / "governance" / "retention.yml"


class RetentionError(Exception):
    """Retention that cannot be applied: says what is wrong in the register or with the name."""


@dataclass(frozen=True)
class Rule:
    """A rule that keeps some people for longer than the purposes do."""

    name: str
    formats: tuple[str, ...] = ()
    last_told_before_age: int | None = None
    years_after_last_told: int | None = None
    until_birthday: int | None = None


@dataclass(frozen=True)
class Due:
    """What is due: how many persons have expired, how many of them a hold keeps, and the feeds that are to be deleted."""

    persons: int
    held: int
    feeds: tuple[str, ...]


def due(on: date | None = None) -> Due:
    """What `run` would let go."""
    expired, held = _expired(on or _today())
    return Due(len(expired) + len(held), len(held), _feeds_to_delete())


def run(on: date | None = None) -> list[Erased]:
    """Let expire what is due, and certify it; nothing is done where nothing is due. Returns the acts.

    `on` is the day to judge by, today by default.
    """
    removals.remove()
    on = on or _today()
    acts = []
    expired, _ = _expired(on)
    if expired:
        records = [record for records in expired.values() for record in records]
        what = f"The linked copies of {len(expired):,} persons expired: they were kept for as long as their purposes need."
        ground = "retention periods of the register of purposes and of retention.yml"
        acts.append(erasing.erase_records(records, "retention", what, ground, covers_until=on))
    for feed in _feeds_to_delete():
        what = f"All that {feed} ever brought was deleted, as its sharing agreement says for its end."
        try:
            acts.append(erasing.erase_feeds([feed], "retention", what, "the sharing agreement ended, and says: delete"))
        except ErasingError:
            # A hold keeps it; `due` goes on saying so.
            continue
    return acts


def leave(organisation: str, ground: str) -> Erased:
    """Erase all that an organisation ever sent, because it leaves; returns the act.

    Raises RetentionError where there is no such organisation or a sharing agreement of it is still in force, ErasingError
    where a legal hold stops it.
    """
    feeds = sorted(slug for slug, feed in contracts.load().feeds.items() if feed.organisation == organisation)
    if not feeds:
        raise RetentionError(f"There is no organisation {organisation!r} that sends anything. See: cares contract list")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        in_force = connection.execute(
            """select distinct feed from governance.sharing_agreement
               where feed = any(%s) and coalesce(in_force_until, current_date) >= current_date order by 1""",
            (feeds,),
        ).fetchall()
    if in_force:
        raise RetentionError(
            f"Sharing agreements of {organisation} are still in force, for {', '.join(feed for (feed,) in in_force)}. End them "
            "first, so that nothing more comes: cares agreement end"
        )
    what = f"All that {organisation} ever sent was erased, because it leaves the partnership."
    return erasing.erase_feeds(feeds, "exit", what, ground)


def rules() -> tuple[list[Rule], int]:
    """The rules that keep people for longer, and the years of those without a birth date. Raises RetentionError."""
    told = yaml.safe_load(REGISTER.read_text("utf-8"))
    found = []
    for name, entry in told["rules"].items():
        rule = Rule(
            name,
            tuple(entry.get("formats", ())),
            entry.get("last_told_before_age"),
            entry.get("years_after_last_told"),
            entry.get("until_birthday"),
        )
        if (rule.years_after_last_told is None) == (rule.until_birthday is None):
            raise RetentionError(f"{REGISTER.name}: {name}: give either years_after_last_told or until_birthday")
        if unknown := [one for one in rule.formats if one not in contracts.load().formats]:
            raise RetentionError(f"{REGISTER.name}: {name}: there is no format {', '.join(unknown)}")
        found.append(rule)
    return found, int(told["years_without_birth_date"])


def kept_until(
    last_told: date, born: date | None, formats: Sequence[str], purpose_years: int, longer: Sequence[Rule], unknown_years: int
) -> date:
    """Until when a person's linked copy is kept, who was told of last in a period that ended then."""
    latest = _after(last_told, purpose_years)
    for rule in longer:
        if rule.formats and not set(rule.formats) & set(formats):
            continue
        if rule.last_told_before_age is not None and (born is None or last_told >= _after(born, rule.last_told_before_age)):
            continue
        if rule.years_after_last_told is not None:
            until = _after(last_told, rule.years_after_last_told)
        elif born is not None:
            until = _after(born, rule.until_birthday or 0)
        else:
            until = _after(last_told, unknown_years)
        latest = max(latest, until)
    return latest


def _today() -> date:
    """Today; of the simulated borough the last day that anybody told of, as it grows no older."""
    if not simulated.is_simulated():
        return date.today()
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        last: date | None = connection.execute("select max(period_end) from ledger.delivery").fetchone()[0]
    return last or date.today()


def _after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _expired(on: date) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """The records of each person whose time is over, and of those whom a hold keeps all the same."""
    from cares.governance import holds

    longer, unknown_years = rules()
    expired: dict[int, list[str]] = {}
    held: dict[int, list[str]] = {}
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if not warehouse.is_there(connection, "intermediate.int_person_records"):
            return expired, held
        years = connection.execute("select max(retention_years) from governance.purpose where is_identifiable").fetchone()[0]
        if years is None:
            return expired, held
        # Nobody expires before that, and most were told of since.
        people = connection.execute(
            """select person_id, array_agg(person_record_id order by person_record_id), max(last_period_end), max(born_on),
                      array_agg(distinct format)
               from person_index.membership
               join intermediate.int_person_records using (person_record_id)
               cross join unnest(formats) as format
               where valid_to is null
               group by person_id having max(last_period_end) + make_interval(years => %s) < %s order by person_id""",
            (years, on),
        ).fetchall()
        for person, records, last_told, born, formats in people:
            if kept_until(last_told, born, formats, years, longer, unknown_years) >= on:
                continue
            feeds = connection.execute(
                "select slug from unnest(%s::text[]) as slug where exists (select from governance.legal_hold where feed = slug and ended_at is null)",
                (list(contracts.load().feeds),),
            ).fetchall()
            of_person = {record.split("/")[0] for record in records}
            on_feeds = [feed for (feed,) in feeds if feed.split("/")[0] in of_person]
            (held if holds.on(connection, records, on_feeds) else expired)[person] = sorted(set(records))
    return expired, held


def _feeds_to_delete() -> tuple[str, ...]:
    """Feeds whose agreements have ended and say that their data are to be deleted, as far as there are any left."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select distinct feed from governance.feed_to_delete join ledger.delivery using (feed)
               join ledger.delivery_file using (delivery_id)
               where landed_rows > erased_rows or stored_as <> '' and landed_rows is null order by feed"""
        ).fetchall()
    return tuple(feed for (feed,) in rows)
