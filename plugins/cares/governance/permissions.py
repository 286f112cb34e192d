"""Record permission: may the Shared Care Record of a person be shown, all of it or what one organisation sent.

Decisions come by the feed of the record access desk, with each build, or are recorded here and count at once. All are kept;
`governance.permitted_record` and `governance.objection`, which published views ask whenever they are read, say which counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.rows import class_row

from cares import contracts, english, reasons, warehouse
from cares.governance import named_persons

STATES = ("undecided", "permitted", "declined", "withdrawn", "emergency")
# Who may permit, and in what capacity of the person; nobody has to prove a capacity that the law presumes.
WHO_MAY_PERMIT = {
    "person": ("has capacity", "not assessed", "competent child"),
    "parent": ("child",),
    "attorney": ("lacks capacity",),
    "deputy": ("lacks capacity",),
    "best interests": ("lacks capacity",),
}
DECIDED_BY = (*WHO_MAY_PERMIT, "professional")
CAPACITIES = ("has capacity", "competent child", "child", "lacks capacity", "not assessed")
EMERGENCY_REASONS = ("unconscious", "lacks capacity", "danger to life", "danger to others", "another reason")
EMERGENCY = timedelta(hours=24)
LONGEST_EMERGENCY = timedelta(days=7)

_STAGED = "staging.stg_record_permissions__decisions"


class RecordPermissionError(Exception):
    """A decision about a record that cannot be recorded: says what was found and what is expected, never a person's data."""


@dataclass(frozen=True)
class Decision:
    """One decision about a person's record as it is kept, and whether it stands, counts and lets something be shown now."""

    decision_id: int
    state: str
    scope: str
    organisation_code: str | None
    decided_at: datetime
    ends_at: datetime | None
    decided_by: str | None
    capacity: str | None
    emergency_reason: str | None
    recorded_by: str
    recorded_at: datetime
    feed: str | None
    replaced_at: datetime | None
    counts: bool


@dataclass(frozen=True)
class Emergency:
    """One record that is shown without permission now."""

    person_id: int
    decision_id: int
    since: datetime
    until: datetime
    reason: str
    recorded_by: str


def record(
    named: str,
    state: str,
    because: str,
    *,
    decided_by: str,
    capacity: str,
    organisation: str | None = None,
    until: datetime | None = None,
    emergency_reason: str | None = None,
) -> int:
    """Record what was decided about a person's record, from now on; returns the decision's number.

    With `organisation`, a name or ODS code, it is about what that organisation sent. An emergency ends at `until`, or after a
    day. Raises NamedPersonError, or RecordPermissionError where the decision contradicts itself or cannot be.
    """
    now = datetime.now(UTC)
    because = reasons.one_line(because, RecordPermissionError)
    if state == "emergency" and until is None:
        until = now + EMERGENCY
    _refuse(state, decided_by, capacity, until, emergency_reason, now)
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        slug = _slug_of(connection, organisation) if organisation else None
        records = named_persons.records_named(connection, named)
        decision_id: int = connection.execute(
            """insert into governance.record_decision
                 (state, scope, organisation_code, organisation, decided_by, capacity, decided_at, ends_at, emergency_reason,
                  because, recorded_by)
               values (%s, %s, %s, %s, %s, %s, now(), %s, %s, %s, %s) returning decision_id""",
            (
                state,
                "one organisation" if organisation else "whole record",
                organisation,
                slug,
                decided_by,
                capacity,
                until,
                emergency_reason,
                because,
                warehouse.who_is_at_work(),
            ),
        ).fetchone()[0]
        others = named_persons.other_records(connection, records)
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into governance.record_decision_about (decision_id, person_record_id, is_named) values (%s, %s, %s)",
                [(decision_id, one, one in records) for one in (*records, *others)],
            )
    return decision_id


def take_up() -> None:
    """Bring the decisions of the feeds to what staging holds of them; one that was told otherwise or taken back is kept as replaced.

    What nobody can read counts as what shows least: a state as undecided, an organisation as all of them.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        if not warehouse.is_there(connection, _STAGED):
            return
        codes = _organisation_codes(connection)
        connection.execute(_TOLD, {"emergency": EMERGENCY, "longest": LONGEST_EMERGENCY})
        _name_organisations(connection, codes)
        connection.execute("analyze told_decision")
        for statement in _KEEP:
            connection.execute(statement)
        connection.execute("drop table told_decision")


def history(named: str) -> list[Decision]:
    """Every decision about a person's record there was, the latest first. Raises NamedPersonError where nobody is named."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        records = named_persons.records_named(connection, named)
        return (
            connection.cursor(row_factory=class_row(Decision))
            .execute(
                """select distinct decision_id, state, scope, organisation_code, decided_at, ends_at, decided_by, capacity,
                     emergency_reason, recorded_by, recorded_at, feed, replaced_at, counts
                   from governance.record_decision join governance.record_decision_about using (decision_id)
                   where person_record_id = any(%s)
                   order by decided_at desc, decision_id desc""",
                (records + named_persons.other_records(connection, records),),
            )
            .fetchall()
        )


def is_shown(named: str) -> bool:
    """Whether a person's record may be shown now. Raises NamedPersonError where nobody is named."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        records = named_persons.records_named(connection, named)
        return connection.execute(
            """select exists (
                   select from governance.permitted_record join person_index.membership using (person_id)
                   where valid_to is null and person_record_id = any(%s)
               )""",
            (records,),
        ).fetchone()[0]


def emergencies() -> list[Emergency]:
    """The records that are shown without permission now, the one that ends last first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return (
            connection.cursor(row_factory=class_row(Emergency))
            .execute(
                """select person_id, decision_id, since, until, reason, recorded_by
                   from governance.record_in_emergency join governance.record_decision using (decision_id)
                   order by until desc, decision_id"""
            )
            .fetchall()
        )


_TOLD = """
create temporary table told_decision on commit drop as
with read as (
    select
        decision.*,
        organisation || '/record_permissions/' || local_person_id as person_record_id,
        -- Where nobody can tell what it is about, or from when on, it shows nothing.
        case
            when (({scope}) is null or decided_on is null) and ({state}) in ('permitted', 'emergency') then 'undecided'
            else coalesce({state}, 'undecided')
        end as state,
        case
            when ({scope}) = 'one organisation' then 'one organisation'
            when ({scope}) is null and contributing_organisation_code is not null then 'one organisation'
            else 'whole record'
        end as scope,
        {decided_by} as decided_by,
        {capacity} as capacity,
        {emergency_reason} as emergency_reason
    from staging.stg_record_permissions__decisions as decision
    where superseded_at is null and decision_id is not null and local_person_id is not null
),

dated as (
    select
        *,
        coalesce(
            decided_at,
            -- The beginning of the day: a refusal of that day counts, whichever of the two came later.
            cast(decided_on as timestamp) at time zone 'Europe/London',
            accepted_at
        ) as counts_from,
        cast(ends_on + 1 as timestamp) at time zone 'Europe/London' as end_of_last_day
    from read
)

select distinct
    feed,
    decision_id as reference,
    person_record_id,
    state,
    scope,
    case when scope = 'one organisation' then coalesce(contributing_organisation_code, 'not named') end as organisation_code,
    cast(null as text) as organisation,
    decided_by,
    capacity,
    counts_from as decided_at,
    case
        when state <> 'emergency' then end_of_last_day
        else least(coalesce(end_of_last_day, counts_from + %(emergency)s), counts_from + %(longest)s)
    end as ends_at,
    case when state = 'emergency' then emergency_reason end as emergency_reason,
    coalesce(recorded_by_organisation_code, 'not named') as recorded_by
from dated
""".format(
    **{
        name: f"""(
            select jsonb_object_agg(lower(translate(code, ' ', '')), code) from ledger.code
            where format = 'record_permissions' and code_list = '{name}'
        ) ->> lower(translate({column}, ' ', ''))"""
        for name, column in {
            "state": "state_code",
            "scope": "scope_code",
            "decided_by": "decided_by_code",
            "capacity": "capacity_code",
            "emergency_reason": "emergency_reason_code",
        }.items()
    }
)

_TOLD_COLUMNS = (
    "feed", "reference", "state", "scope", "organisation_code", "organisation", "decided_by", "capacity", "decided_at", "ends_at",
    "emergency_reason", "recorded_by",
)  # fmt: skip
_SAME = " and ".join(f"told.{column} is not distinct from held.{column}" for column in _TOLD_COLUMNS)
_KEEP = (
    f"""
    update governance.record_decision as held set replaced_at = clock_timestamp()
    where feed is not null and replaced_at is null and not exists (
        select from told_decision as told
        join governance.record_decision_about as about
            on about.decision_id = held.decision_id and about.person_record_id = told.person_record_id
        where {_SAME}
    )
    """,
    f"""
    create temporary table new_decision on commit drop as
    select told.*, nextval(pg_get_serial_sequence('governance.record_decision', 'decision_id')) as decision_id
    from told_decision as told
    where not exists (
        select from governance.record_decision as held
        join governance.record_decision_about as about
            on about.decision_id = held.decision_id and about.person_record_id = told.person_record_id
        where held.replaced_at is null and {_SAME}
    )
    """,
    f"""
    insert into governance.record_decision (decision_id, {", ".join(_TOLD_COLUMNS)})
    overriding system value
    select decision_id, {", ".join(_TOLD_COLUMNS)} from new_decision
    """,
    """
    insert into governance.record_decision_about (decision_id, person_record_id, is_named)
    select decision_id, person_record_id, true from new_decision
    """,
    "drop table new_decision",
)


def _refuse(
    state: str, decided_by: str, capacity: str, until: datetime | None, emergency_reason: str | None, now: datetime
) -> None:
    """Raise RecordPermissionError that names every problem of a decision."""
    problems = [
        f"{what}: found {found!r}; use {english.all_of(known)}"
        for what, found, known in (
            ("state", state, STATES),
            ("decided by", decided_by, DECIDED_BY),
            ("capacity", capacity, CAPACITIES),
            ("emergency reason", emergency_reason, EMERGENCY_REASONS),
        )
        if found is not None and found not in known
    ]
    if state == "permitted" and not problems and capacity not in WHO_MAY_PERMIT.get(decided_by, ()):
        problems.append(
            f"decided by {decided_by}, capacity {capacity}: these do not go together in a permission; a person decides with "
            "capacity, a parent for a child, and an attorney, a deputy or professionals in best interests for who lacks it"
        )
    if state == "emergency" and not emergency_reason:
        problems.append(f"emergency reason: is missing; use one of {english.all_of(EMERGENCY_REASONS)}")
    if state != "emergency" and emergency_reason:
        problems.append("emergency reason: goes with the state emergency only")
    if until and state not in ("permitted", "emergency"):
        problems.append("until: a refusal does not end by itself; leave it out")
    if until and until <= now:
        problems.append("until: lies in the past")
    if until and state == "emergency" and until > now + LONGEST_EMERGENCY:
        problems.append(f"until: an emergency lasts at most {LONGEST_EMERGENCY.days} days")
    if problems:
        raise RecordPermissionError("\n".join(problems))


def _slug_of(connection: psycopg.Connection, organisation: str) -> str:
    codes = _organisation_codes(connection)
    slug = organisation if organisation in contracts.load().organisations else codes.get(organisation.upper())
    if not slug:
        raise RecordPermissionError(
            f"There is no organisation of this name or code. Use one of {', '.join(sorted(contracts.load().organisations))}, "
            "or an ODS code."
        )
    return slug


def _organisation_codes(connection: psycopg.Connection) -> dict[str, str]:
    """Each code of an organisation and the name that it has here, with the codes of those who took over from it or were taken over.

    A code that the national register has but that is nobody's here stands for itself: nothing of theirs is held.
    """
    codes: dict[str, str] = {}
    if warehouse.is_there(connection, "intermediate.int_organisations"):
        codes |= {code: code for (code,) in connection.execute("select organisation_code from intermediate.int_organisations")}
    organisations = contracts.load().organisations
    practices = next((slug for slug, one in organisations.items() if one.file.kind == "general practices"), None)
    if practices and warehouse.is_there(connection, "intermediate.int_gp_practices"):
        codes |= {code: practices for (code,) in connection.execute("select practice_code from intermediate.int_gp_practices")}
    ours = {one.file.ods_code: slug for slug, one in organisations.items() if one.file.ods_code}
    if warehouse.is_there(connection, "intermediate.int_organisation_successions"):
        successions = connection.execute(
            "select organisation_code, successor_code from intermediate.int_organisation_successions order by succeeded_on"
        ).fetchall()
        for before, after in successions:
            # What a successor sends stays in the folder of the body before until it has one of its own.
            if before in ours:
                ours.setdefault(after, ours[before])
    return codes | ours


def _name_organisations(connection: psycopg.Connection, codes: dict[str, str]) -> None:
    """Say of each organisation that a decision is about what it is called here."""
    if codes:
        connection.execute(
            """update told_decision set organisation = known.slug
               from unnest(cast(%s as text[]), cast(%s as text[])) as known (code, slug)
               where told_decision.organisation_code = known.code""",
            (list(codes), list(codes.values())),
        )
