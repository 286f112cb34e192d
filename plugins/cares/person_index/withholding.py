"""Wrong links: both records are withheld from every reader at once, until the index knows them as two persons.

Published views ask `person_index.withheld_person` whenever they are read, so that a withholding needs no build and
reaches earlier builds too. It ends for each build that has read the index after the two were split.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from cares import reasons, warehouse
from cares.person_index import decisions
from cares.person_index.decisions import DecisionError


@dataclass(frozen=True)
class Opening:
    """One time that somebody opened what is known of a person."""

    opened_at: datetime
    opened_by: str
    purpose: str


@dataclass(frozen=True)
class Withheld:
    """What a withholding did: the decision that keeps the two apart, and who had opened what was linked wrongly."""

    decision_id: int
    openings: list[Opening]


def withhold(left: str, right: str, because: str) -> Withheld:
    """Hide both records, and whoever they were linked to, from all readers now, and keep the two apart from now on.

    A decision that linked just these two is taken back. Raises DecisionError where there is no such record, the two are
    withheld already, or a decision is in the way of keeping them apart; they stay withheld in the last case.
    """
    because = reasons.one_line(because, DecisionError)
    with decisions.one_at_a_time() as connection:
        left, right = decisions.in_order(connection, left, right)
        added = connection.execute(
            """insert into person_index.withheld_record (person_record_id, apart_from, reason, withheld_by)
               values (%(left)s, %(right)s, %(because)s, %(by)s), (%(right)s, %(left)s, %(because)s, %(by)s)
               on conflict (person_record_id, apart_from) where released_at is null and split_at is null do nothing""",
            {"left": left, "right": right, "because": because, "by": warehouse.who_is_at_work()},
        ).rowcount
    if not added:
        raise DecisionError(
            "These two are withheld already. To end that: cares person-index release RECORD RECORD --because '...'"
        )
    try:
        with decisions.one_at_a_time() as connection:
            decision_id = _keep_apart(connection, left, right, because)
    except DecisionError as error:
        raise DecisionError(
            f"Both records are withheld, but the next update of the index would link them again. {error}"
        ) from None
    return Withheld(decision_id, openings(left, right))


def release(left: str, right: str, because: str) -> None:
    """End a withholding by hand, because the link was right: every build shows the two again, at once.

    The decision that keeps them apart stays until it is undone. Raises DecisionError where the two are not withheld.
    """
    because = reasons.one_line(because, DecisionError)
    with decisions.one_at_a_time() as connection:
        ended = connection.execute(
            """update person_index.withheld_record set released_at = now(), released_by = %(by)s, released_because = %(because)s
               where released_at is null
                   and (person_record_id, apart_from) in ((%(left)s, %(right)s), (%(right)s, %(left)s))""",
            {"left": left, "right": right, "because": because, "by": warehouse.who_is_at_work()},
        ).rowcount
    if not ended:
        raise DecisionError("These two records are not withheld. Name both as they were named when they were.")


def end_where_split(connection: psycopg.Connection) -> None:
    """In an update's transaction, after `identities.keep`: builds that follow show records again that are two persons now."""
    connection.execute(
        """
        update person_index.withheld_record as withheld set split_at = now()
        where released_at is null and split_at is null and not exists (
            select from person_index.membership as own
            inner join person_index.membership as other using (person_id)
            where own.person_record_id = withheld.person_record_id and own.valid_to is null
                and other.person_record_id = withheld.apart_from and other.valid_to is null
        )
        """
    )


def openings(left: str, right: str) -> list[Opening]:
    """Who was shown the Shared Care Record of the person that either record belonged to then, the latest first."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return [
            Opening(*row)
            for row in connection.execute(
                """
                select opening.at, opening.staff || ' of ' || opening.organisation, opening.purpose
                from audit.opening
                where opening.outcome = 'shown' and exists (
                    select from person_index.membership
                    where membership.person_id = opening.person_id and membership.person_record_id = any(%s)
                        and membership.valid_from <= opening.at
                        -- Until the build after is published, the record shows who was one person before it.
                        and coalesce(membership.valid_to, 'infinity') > coalesce(
                            (select coalesce(identified_at, as_at) from ledger.build where build.build_id = opening.build_id),
                            opening.at
                        )
                )
                order by opening.number desc
                """,
                ([left, right],),
            )
        ]


def _keep_apart(connection: psycopg.Connection, left: str, right: str, because: str) -> int:
    """The decision that keeps two records apart: the one in force, or a new one in place of one that linked them."""
    found = connection.execute(
        """select decision_id, decision from person_index.pair_decision
           where (record_l, record_r) = (%s, %s) and undone_at is null""",
        (left, right),
    ).fetchone()
    if found and found[1] == "must not link":
        return found[0]
    if found:
        decisions.take_back(connection, found[0], because)
    return decisions.record_decision(connection, left, right, "must not link", because)
