"""Sign-off: what misses a bar of quality is not shown before a Caldicott guardian or SIRO accepts its risks, until a day.

The bar stands in the sharing agreement of each feed, or else with the purpose (`expectations/governance/purposes.yml`); the
figures stand in the ledger. A signature is under what the tables of one use hold, and nothing else: other content needs
another. It ends by itself, and what was shown under it is hidden then, without any build.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql

from cares import english, warehouse
from cares.governance import protections

ROLES = ("Caldicott guardian", "SIRO")


class SignOffError(Exception):
    """A sign-off that cannot be recorded: says what was found and what is expected."""


@dataclass(frozen=True)
class SignOff:
    """One acceptance of named risks for one use until a day; `state` is in force, ended or withdrawn."""

    sign_off_id: int
    at: datetime
    name: str
    role: str
    purpose: str
    build_id: int
    content_hash: str
    risks: tuple[str, ...]
    until: date
    state: str


@dataclass(frozen=True)
class Waiting:
    """A use of a build that nobody accepts today, with the bars that it misses, in words."""

    build_id: int
    purpose: str
    content_hash: str
    missed: tuple[str, ...]


def judge(connection: psycopg.Connection[Any], build_id: int, schemas: dict[str, str]) -> dict[str, list[str]]:
    """Hold a build against every bar, and give what it misses without anybody's acceptance: published schema -> sentences.

    `schemas` are where the build's tables stand: published schema -> schema of the build. What is missed is written to
    `governance.missed_bar`, with a hash of what the tables hold.
    """
    connection.execute("delete from governance.missed_bar where build_id = %s", (build_id,))
    connection.execute(
        """
        with bar as (
            select used.purpose, used.feed, purpose.most_periods_missing,
                coalesce(
                    min(agreement.most_rows_lost_percent) filter (where used.purpose = any(agreement.purposes)),
                    purpose.most_rows_lost_percent
                ) as most_rows_lost_percent
            from governance.feed_in_use as used
            join governance.purpose on purpose.purpose = used.purpose
            join governance.sharing_agreement as agreement on agreement.feed = used.feed
            where agreement.in_force_until is null or greatest(agreement.in_force_until, agreement.kept_until) >= current_date
            group by used.purpose, used.feed, purpose.most_periods_missing, purpose.most_rows_lost_percent
        ),
        newest as (
            select distinct on (delivery.feed) delivery.feed, delivery.period, delivery.period_end
            from ledger.build_delivery join ledger.delivery using (delivery_id)
            where build_delivery.build_id = %(build)s and delivery.state = 'accepted'
            order by delivery.feed, delivery.period_end desc, delivery.delivery_id desc
        ),
        lost as (
            select newest.feed, newest.period, sum(file.unreadable_rows + file.set_aside_rows) as rows,
                sum(file.received_rows) as received
            from newest
            join ledger.delivery on delivery.feed = newest.feed and delivery.period = newest.period and delivery.state = 'accepted'
            join ledger.build_delivery as seen on seen.delivery_id = delivery.delivery_id and seen.build_id = %(build)s
            join ledger.delivery_file as file on file.delivery_id = delivery.delivery_id
            where file.not_needed_rows is null
            group by newest.feed, newest.period
        ),
        missing as (
            select feed, count(*) as periods from ledger.promise where status = 'missing' group by feed
        )
        insert into governance.missed_bar (build_id, purpose, feed, figure, found, bar, sentence)
        select %(build)s, bar.purpose, bar.feed, 'rows lost', round(100.0 * lost.rows / lost.received, 2), bar.most_rows_lost_percent,
            format('%%s: %%s %%%% of the rows of %%s are unreadable or set aside; the bar is %%s %%%%',
                bar.feed, round(100.0 * lost.rows / lost.received, 1), lost.period, trim_scale(bar.most_rows_lost_percent))
        from bar join lost using (feed)
        where lost.received > 0 and 100.0 * lost.rows > bar.most_rows_lost_percent * lost.received
        union all
        select %(build)s, bar.purpose, bar.feed, 'periods missing', missing.periods, bar.most_periods_missing,
            format('%%s: %%s promised periods are missing; the bar is %%s', bar.feed, missing.periods, bar.most_periods_missing)
        from bar join missing using (feed)
        where missing.periods > bar.most_periods_missing
        """,
        {"build": build_id},
    )
    missed: dict[str, list[str]] = {}
    for purpose, sentence in connection.execute(
        "select purpose, sentence from governance.missed_bar where build_id = %s order by purpose, feed, figure", (build_id,)
    ):
        missed.setdefault(purpose, []).append(sentence)
    connection.execute("delete from governance.judged_build where build_id = %s and purpose <> all(%s)", (build_id, [*missed]))
    for schema, use in protections.USES.items():
        # Care does not wait: the professional is told how old each feed's word is, and judges by the person.
        if not use or not use.readers or use.purpose not in missed:
            continue
        connection.execute(
            """insert into governance.judged_build (build_id, purpose, content_hash) values (%s, %s, %s)
               on conflict (build_id, purpose) do update
               set content_hash = excluded.content_hash, judged_at = clock_timestamp()""",
            (build_id, use.purpose, _content_hash(connection, schemas[schema], missed[use.purpose])),
        )
    return unaccepted(connection, build_id)


def unaccepted(connection: psycopg.Connection[Any], build_id: int) -> dict[str, list[str]]:
    """What a build missed when it was judged last, and nobody accepts today: published schema -> sentences."""
    missed: dict[str, list[str]] = {}
    for purpose, sentence in connection.execute(
        """select purpose, sentence from governance.missed_bar join governance.unaccepted_use using (build_id, purpose)
           where build_id = %s order by purpose, feed, figure""",
        (build_id,),
    ):
        missed.setdefault(purpose, []).append(sentence)
    return {
        schema: missed[use.purpose] for schema, use in protections.USES.items() if use and use.readers and use.purpose in missed
    }


def accept(build_id: int, purpose: str, name: str, role: str, risks: list[str], until: date) -> SignOff:
    """Record that somebody accepts named risks of a build for one use until a day.

    Raises SignOffError where the build does not wait for that, or name, role, risks or day are not as expected.
    """
    risks = [risk for risk in (" ".join(risk.split()) for risk in risks) if risk]
    name = " ".join(name.split())
    problems = []
    if role not in ROLES:
        problems.append(f"role: found {role!r}; only a {english.any_of(ROLES)} accepts risks")
    if not name:
        problems.append("name: is empty; write who accepts")
    if not risks:
        problems.append("risk: is missing; name each risk that is accepted, in a sentence")
    if until < date.today():
        problems.append(f"until: {until} has passed; write the last day on which the risks are accepted")
    if problems:
        raise SignOffError("\n".join(problems))
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        judged = connection.execute(
            "select content_hash from governance.judged_build where build_id = %s and purpose = %s", (build_id, purpose)
        ).fetchone()
        if not judged:
            raise SignOffError(f"Build {build_id} waits for no sign-off for {purpose!r}. See what waits: cares sign-off list")
        (sign_off_id,) = connection.execute(
            """insert into governance.sign_off (by, name, role, purpose, build_id, content_hash, risks, until)
               values (%s, %s, %s, %s, %s, %s, %s, %s) returning sign_off_id""",
            (warehouse.who_is_at_work(), name, role, purpose, build_id, judged[0], risks, until),
        ).fetchone()
    return next(one for one in recorded() if one.sign_off_id == sign_off_id)


def withdraw(sign_off_id: int, because: str) -> None:
    """Take a sign-off back: what is shown under it is hidden at once. Raises SignOffError where it is not in force."""
    because = " ".join(because.split())
    if not because:
        raise SignOffError("because: is empty; say why in a few words")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        taken_back = connection.execute(
            """update governance.sign_off
               set withdrawn_at = clock_timestamp(), withdrawn_by = %s, withdrawn_because = %s
               where sign_off_id = %s and withdrawn_at is null""",
            (warehouse.who_is_at_work(), because, sign_off_id),
        ).rowcount
    if not taken_back:
        raise SignOffError(f"There is no sign-off {sign_off_id} in force. See: cares sign-off list")


def recorded() -> list[SignOff]:
    """Every sign-off, the latest first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select sign_off_id, at, name, role, purpose, build_id, content_hash, risks, until,
                   case when withdrawn_at is not null then 'withdrawn' when until < current_date then 'ended' else 'in force' end
               from governance.sign_off order by sign_off_id desc"""
        ).fetchall()
    return [
        SignOff(number, at, name, role, purpose, build_id, digest, tuple(risks), until, state)
        for number, at, name, role, purpose, build_id, digest, risks, until, state in rows
    ]


def waiting() -> list[Waiting]:
    """Each use of a build that still stands and that nobody accepts today, the newest build first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        rows = connection.execute(
            """select unaccepted.build_id, unaccepted.purpose, judged.content_hash,
                   array(select sentence from governance.missed_bar as missed
                         where missed.build_id = unaccepted.build_id and missed.purpose = unaccepted.purpose
                         order by feed, figure)
               from governance.unaccepted_use as unaccepted
               join governance.judged_build as judged using (build_id, purpose)
               join ledger.build using (build_id)
               where build.state in ('tested', 'published', 'superseded')
               order by unaccepted.build_id desc, unaccepted.purpose"""
        ).fetchall()
    return [Waiting(build_id, purpose, digest, tuple(missed)) for build_id, purpose, digest, missed in rows]


def banner(connection: psycopg.Connection[Any], build_id: int, purpose: str) -> str | None:
    """Under whose word a build is shown for a purpose although it misses a bar, in one sentence; None where it misses none."""
    accepted = connection.execute(
        """select accepted.role, accepted.until, accepted.risks
           from governance.judged_build as judged
           join governance.sign_off as accepted using (purpose, content_hash)
           where judged.build_id = %s and judged.purpose = %s and accepted.withdrawn_at is null and accepted.until >= current_date
           order by accepted.until desc, accepted.sign_off_id desc limit 1""",
        (build_id, purpose),
    ).fetchone()
    if not accepted:
        return None
    role, until, risks = accepted
    return f"Below the bar of quality; the {role} accepts until {until}, after which no row is shown: {'; '.join(risks)}."


def _content_hash(connection: psycopg.Connection[Any], schema: str, missed: list[str]) -> str:
    """SHA-256 over the missed bars and every row of the tables of a schema, in whatever order they lie there."""
    digest = hashlib.sha256("\n".join(missed).encode())
    tables = connection.execute(
        "select relname from pg_class where relnamespace = to_regnamespace(%s) and relkind = 'r' order by relname",
        (sql.Identifier(schema).as_string(connection),),
    ).fetchall()
    for (table,) in tables:
        rows = connection.execute(
            sql.SQL(
                """select count(*), encode(sha256(convert_to(coalesce(string_agg(digest, '' order by digest), ''), 'UTF8')), 'hex')
                   from (select md5(cast(one as text)) as digest from {} as one) as digests"""
            ).format(sql.Identifier(schema, table))
        ).fetchone()
        digest.update(f"\n{table} {rows}".encode())
    return digest.hexdigest()
