"""What the ledger says about a build: builds, deliveries, checks and models, read in one go."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row

from cares import promises, simulated, warehouse
from cares.calendar import Agreed
from cares.contracts import Period

Row = TypeVar("Row")


class ReportError(Exception):
    """A report that cannot be made: says why and what to do."""


@dataclass(frozen=True)
class Build:
    """One run of the marts; `as_at` is the moment whose facts it sees."""

    build_id: int
    state: str
    as_at: datetime
    started_at: datetime
    published_at: datetime | None
    published_build_id: int | None
    latest_build_id: int

    @property
    def is_latest(self) -> bool:
        """False once another build began: the person index and the deliveries may have moved on since."""
        return self.build_id == self.latest_build_id


@dataclass(frozen=True)
class File:
    """One file of a delivery, with its lines of the ledger; a number is None where that step was not reached."""

    delivery_id: int
    table_name: str | None
    file_name: str
    received_rows: int | None
    landed_rows: int | None
    unreadable_rows: int | None
    accepted_rows: int | None
    set_aside_rows: int | None
    erased_rows: int
    not_needed_rows: int | None
    problem: str | None

    @property
    def adds_up(self) -> bool:
        """Whether received = landed + unreadable + not needed, and landed = accepted + set aside + erased."""
        numbers = (self.received_rows, self.landed_rows, self.unreadable_rows, self.accepted_rows, self.set_aside_rows)
        received, landed, unreadable, accepted, set_aside = (number or 0 for number in numbers)
        return received == landed + unreadable + (self.not_needed_rows or 0) and landed == accepted + set_aside + self.erased_rows


@dataclass(frozen=True)
class Delivery:
    """What arrived once for a feed and a period; `in_build` says whether the build sees its rows."""

    delivery_id: int
    organisation: str
    feed: str
    format_version: str | None
    period: str
    period_start: date
    period_end: date
    state: str
    received_at: datetime
    reason: str | None
    in_build: bool

    @property
    def of(self) -> Period:
        """The period that it is for."""
        return Period(self.period, self.period_start, self.period_end)


@dataclass(frozen=True)
class Check:
    """How often one rule was broken in one delivery."""

    delivery_id: int
    table_name: str
    rule: str
    sentence: str
    if_broken: str
    rows_checked: int
    rows_broken: int


@dataclass(frozen=True)
class ModelOutcome:
    """How one dbt model, test or seed of the build ended."""

    layer: str
    model: str
    kind: str
    outcome: str
    rows: int | None


@dataclass(frozen=True)
class PersonRecords:
    """Person records of one organisation, by whether they carry a valid NHS number."""

    organisation: str
    with_nhs_number: int
    without_nhs_number: int


@dataclass(frozen=True)
class People:
    """Counts from the person index: by NHS number, and by how many organisations know a person."""

    with_nhs_number: int
    without_nhs_number: int
    by_organisations: dict[int, int]
    records: tuple[PersonRecords, ...]


@dataclass(frozen=True)
class AnswerKey:
    """How far the index agrees with the simulator, in pairs of person records and in persons."""

    true_persons: int
    recovered_persons: int
    linked_pairs: int
    true_pairs: int
    pairs_right: int


@dataclass(frozen=True)
class JudgedSample:
    """What people's judgements of a random sample of links say of all links: a share with its 95 % interval, 0 to 1."""

    judged_at: datetime
    judged: int
    unsure: int
    share_right: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Linkage:
    """How right the index is, where that is known, and the signs of error otherwise: counts of persons and of their records.

    `questions` says how many pairs of records wait for a decision, by the reason why they are asked; none that is sealed.
    """

    answer_key: AnswerKey | None
    sample: JudgedSample | None
    questions: dict[str, int]
    persons: int
    persons_with_two_numbers: int
    persons_of_more_than_10_records: int
    persons_of_more_than_20_records: int
    persons_twice_in_one_source: int
    records: int
    unlinkable_records: int


@dataclass(frozen=True)
class HeldBack:
    """How many care events one rule of the list of restricted codes holds back from every reader."""

    rule: str
    care_events: int
    version: str


@dataclass(frozen=True)
class OptOuts:
    """A purpose that obeys opt-outs: until when the list tells and whether it is young enough; and how many people are left out by what."""

    purpose: str
    opt_out_days: int
    told_until: datetime | None
    is_fresh: bool
    without_verified_number: int
    not_on_the_list: int
    type_1: int


@dataclass(frozen=True)
class Needed:
    """What must be in place before real data are switched on, and how it stands today, as the register of readiness says."""

    item: str
    state: str


@dataclass(frozen=True)
class Facts:
    """Everything that the report of one build is made from; no value of the data is among it."""

    build: Build
    is_simulated: bool
    agreed: dict[str, Agreed]
    deliveries: defaultdict[str, list[Delivery]]
    files: defaultdict[int, list[File]]
    checks: defaultdict[int, list[Check]]
    models: list[ModelOutcome]
    people: People | None
    linkage: Linkage | None
    held_back: list[HeldBack]
    opt_outs: list[OptOuts]
    needed: list[Needed]

    def out_of_balance(self) -> list[Delivery]:
        """Deliveries in use whose rows do not add up in the ledger, file by file and to the row."""
        return [
            delivery
            for of_feed in self.deliveries.values()
            for delivery in of_feed
            if delivery.in_build and not all(file.adds_up for file in self.files[delivery.delivery_id])
        ]


def read(build_id: int | None) -> Facts:
    """The facts of a build, or of the latest one.

    Raises ReportError when there is no such build, WarehouseError when the warehouse does not answer.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        build = _build(connection, build_id)
        deliveries: defaultdict[str, list[Delivery]] = defaultdict(list)
        for delivery in _rows(connection, Delivery, _DELIVERIES, {"as_at": build.as_at, "build": build.build_id}):
            deliveries[delivery.feed].append(delivery)
        files: defaultdict[int, list[File]] = defaultdict(list)
        for file in _rows(connection, File, _FILES, {}):
            files[file.delivery_id].append(file)
        checks: defaultdict[int, list[Check]] = defaultdict(list)
        for check in _rows(connection, Check, _CHECKS, {}):
            checks[check.delivery_id].append(check)
        models = _rows(connection, ModelOutcome, _MODELS, {"build": build.build_id})
        people = _people(connection)
        linkage = _linkage(connection, build.build_id) if people else None
        agreed = promises.agreed_days(connection)
        held_back = _rows(connection, HeldBack, _HELD_BACK, {})
        opt_outs = _rows(connection, OptOuts, _OPT_OUTS, {})
        needed = _rows(connection, Needed, "select item, state_today as state from governance.readiness_today order by item", {})
    return Facts(
        build,
        simulated.is_simulated(),
        agreed,
        deliveries,
        files,
        checks,
        models,
        people,
        linkage,
        held_back,
        opt_outs,
        needed,
    )


def _build(connection: psycopg.Connection[Any], build_id: int | None) -> Build:
    builds = _rows(connection, Build, _BUILD, {"build": build_id})
    if builds:
        return builds[0]
    if build_id is None:
        raise ReportError("there is no build to report on yet; make one with 'cares build run'")
    raise ReportError(f"there is no build {build_id}; 'cares build list' shows those there are")


def _people(connection: psycopg.Connection[Any]) -> People | None:
    if connection.execute("select to_regclass('intermediate.int_person_records')").fetchone() == (None,):
        return None
    records = _rows(connection, PersonRecords, _PERSON_RECORDS, {})
    rows = connection.execute(_PERSONS).fetchall()
    by_organisations: dict[int, int] = defaultdict(int)
    for _, organisations, persons in rows:
        by_organisations[organisations] += persons
    return People(
        sum(persons for has_nhs_number, _, persons in rows if has_nhs_number),
        sum(persons for has_nhs_number, _, persons in rows if not has_nhs_number),
        dict(sorted(by_organisations.items())),
        tuple(records),
    )


def _linkage(connection: psycopg.Connection[Any], build_id: int) -> Linkage:
    keys = _rows(connection, AnswerKey, _ANSWER_KEY, {"build": build_id})
    samples = _rows(connection, JudgedSample, _JUDGED_SAMPLE, {})
    questions = dict(connection.execute(_QUESTIONS).fetchall())
    signs = connection.execute(_SIGNS).fetchone()
    return Linkage(keys[0] if keys else None, samples[0] if samples else None, questions, *signs)


def _rows(connection: psycopg.Connection[Any], kind: type[Row], query: str, values: dict[str, Any]) -> list[Row]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, values).fetchall()


_HELD_BACK = """
    select
        listed.rule,
        (select count(*) from governance.restricted_event as event where event.rule = listed.rule) as care_events,
        list.version
    from (select distinct rule from governance.restricted_code) as listed
    cross join (select version from governance.restricted_code_list where is_in_force) as list
    order by listed.rule
"""

_OPT_OUTS = """
    with current as (select distinct person_id from person_index.membership where valid_to is null)
    select
        purpose, opt_out_days, told_until, is_fresh, without_verified_number, not_on_the_list, type_1
    from governance.purpose_opt_outs
    cross join (
        select
            count(*) filter (where numbered.person_id is null) as without_verified_number,
            count(*) filter (where cleared.person_id is null) as not_on_the_list,
            count(objector.person_id) as type_1
        from current
        left join governance.numbered_person as numbered using (person_id)
        left join governance.cleared_person as cleared using (person_id)
        left join governance.type_1_objector as objector using (person_id)
    ) as people
    order by purpose
"""

_BUILD = """
    select build_id, state, coalesce(as_at, started_at) as as_at, started_at, published_at,
           (select max(build_id) from ledger.build where state = 'published') as published_build_id,
           (select max(build_id) from ledger.build) as latest_build_id
    from ledger.build
    where build_id = %(build)s::bigint or %(build)s::bigint is null
    order by build_id desc
    limit 1
"""

_DELIVERIES = """
    select delivery_id, organisation, feed, format_version, period, period_start, period_end, state, received_at, reason,
           state in ('accepted', 'superseded') and exists (
               select from ledger.build_delivery as seen
               where seen.build_id = %(build)s and seen.delivery_id = delivery.delivery_id
           ) as in_build
    from ledger.delivery
    where received_at <= %(as_at)s
    order by feed, period_end, received_at, delivery_id
"""

_FILES = """
    select delivery_id, table_name, file_name, received_rows, landed_rows, unreadable_rows,
           accepted_rows, set_aside_rows, erased_rows, not_needed_rows, problem
    from ledger.delivery_file
    order by delivery_id, table_name, file_name
"""

_CHECKS = """
    select delivery_id, table_name, rule, sentence, if_broken,
           coalesce(rows_checked, 0) as rows_checked, coalesce(rows_broken, 0) as rows_broken
    from ledger.check_result
    order by delivery_id, table_name, rule
"""

_MODELS = """
    select layer, model, kind, outcome, rows
    from ledger.model_outcome
    where build_id = %(build)s
    order by finished_at, model
"""

_PERSON_RECORDS = """
    select organisation,
           count(*) filter (where nhs_number is not null) as with_nhs_number,
           count(*) filter (where nhs_number is null) as without_nhs_number
    from intermediate.int_person_records
    group by organisation
    order by organisation
"""

_PERSONS = """
    with persons as (
        select membership.person_id,
               bool_or(record.nhs_number is not null) as has_nhs_number,
               count(distinct record.organisation) as organisations
        from person_index.membership
        join intermediate.int_person_records as record using (person_record_id)
        where membership.valid_to is null
        group by membership.person_id
    )
    select has_nhs_number, organisations, count(*)
    from persons
    group by has_nhs_number, organisations
"""

_ANSWER_KEY = """
    select true_persons, recovered_persons, linked_pairs, true_pairs, pairs_right
    from person_index.judged_by_answer_key
    where build_id = %(build)s
"""

_JUDGED_SAMPLE = """
    select judged_at, judged, unsure, share_right, lower, upper
    from person_index.judged_sample
    order by judged_at desc, sample_id desc
    limit 1
"""

# How many pairs are sealed would tell that somebody's identity was changed.
_QUESTIONS = """
    select reason, count(*)
    from person_index.pair_to_decide
    where closed_at is null and not is_sealed
    group by reason
    order by reason
"""

_SIGNS = """
    with recorded as (
        select membership.person_id, record.source, record.organisation, record.nhs_number, record.is_nhs_number_verified,
               record.nhs_number is null
                   and (record.forename is null or record.surname is null or record.born_on is null) as is_unlinkable
        from person_index.membership
        join intermediate.int_person_records as record using (person_record_id)
        where membership.valid_to is null
    ),
    persons as (
        select person_id, count(*) as records, count(distinct (organisation, source)) as sources,
               count(distinct nhs_number) filter (where is_nhs_number_verified) as verified_numbers,
               count(*) filter (where is_unlinkable) as unlinkable_records
        from recorded
        group by person_id
    )
    select count(*), count(*) filter (where verified_numbers > 1), count(*) filter (where records > 10),
           count(*) filter (where records > 20), count(*) filter (where records > sources),
           coalesce(sum(records), 0)::bigint, coalesce(sum(unlinkable_records), 0)::bigint
    from persons
"""
