"""People's word on pairs of person records: what is asked, most harmful first, what was decided, and what follows from it.

The harm of a pair is how much care a wrong answer would join or keep apart, times how open the question is: the person
records and care events of both persons, times 4p(1 - p) where the index is in doubt (p being the probability that they
are one person, so that even odds count once), and times 1 where a guard stands against links that are likely.

Where somebody's identity may have been changed (adoption, gender recognition), a pair is sealed: a record of either
person tells of such a change, or both persons have a verified NHS number and not the same. Sealed pairs are seen and
linked by the Caldicott guardian's login alone, and are kept apart in every update until the guardian links them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import psycopg
from psycopg.rows import class_row, dict_row

from cares import english, reasons, warehouse

Decision = Literal["must link", "must not link"]
# Whose login reads the pairs: row-level security shows sealed ones to the guardian only.
CLERK: Final = "governance"
GUARDIAN: Final = "caldicott"
Reader = Literal["governance", "caldicott"]

_FOR_THE_GUARDIAN = (
    "It is not for this command to link these two records. Ask the Caldicott guardian, who can with: "
    "cares person-index must-link RECORD RECORD --sealed --because '...'"
)

_OPEN = """
    select pair_id, record_l, record_r, reason, weight, harm, raised_at
    from person_index.pair_to_decide as asked
    where closed_at is null and is_sealed = %s and not exists (
        select from person_index.pair_decision as decision
        where (decision.record_l, decision.record_r) = (asked.record_l, asked.record_r) and undone_at is null
    )
"""

# What is known of some persons; their care events are added where there are any yet.
_PERSONS = """
    create temporary table asked_person on commit drop as
    select
        membership.person_id,
        count(*) as care,
        coalesce(bool_or(record.has_identity_change), false) as has_identity_change,
        coalesce(array_agg(distinct record.nhs_number) filter (where record.is_nhs_number_verified), '{}') as verified_numbers
    from person_index.membership
    left join intermediate.int_person_records as record using (person_record_id)
    where membership.valid_to is null
        and membership.person_id in (
            select person_id from person_index.membership
            where valid_to is null
                and person_record_id in (select record_l from refused_pair union select record_r from refused_pair)
        )
    group by membership.person_id
"""
_CARE_EVENTS = """
    update asked_person set care = care + counted.events
    from (
        select membership.person_id, count(*) as events
        from intermediate.int_care_events as event
        inner join person_index.membership using (person_record_id)
        where membership.valid_to is null and membership.person_id in (select person_id from asked_person)
        group by membership.person_id
    ) as counted
    where counted.person_id = asked_person.person_id
"""
_QUESTIONS = """
    create temporary table question on commit drop as
    with placed as (
        select
            refused_pair.*,
            least(of_l.person_id, of_r.person_id) as low,
            greatest(of_l.person_id, of_r.person_id) as high
        from refused_pair
        inner join person_index.membership as of_l on of_l.person_record_id = record_l and of_l.valid_to is null
        inner join person_index.membership as of_r on of_r.person_record_id = record_r and of_r.valid_to is null
        where of_l.person_id <> of_r.person_id
    ),
    sealed as (
        select least(of_l.person_id, of_r.person_id) as low, greatest(of_l.person_id, of_r.person_id) as high
        from person_index.pair_to_decide
        inner join person_index.membership as of_l on of_l.person_record_id = record_l and of_l.valid_to is null
        inner join person_index.membership as of_r on of_r.person_record_id = record_r and of_r.valid_to is null
        where is_sealed
    ),
    decided as (
        select least(of_l.person_id, of_r.person_id) as low, greatest(of_l.person_id, of_r.person_id) as high
        from person_index.pair_decision
        inner join person_index.membership as of_l on of_l.person_record_id = record_l and of_l.valid_to is null
        inner join person_index.membership as of_r on of_r.person_record_id = record_r and of_r.valid_to is null
        where undone_at is null
    ),
    chosen as (
        select distinct on (low, high) placed.*
        from placed
        left join person_index.pair_to_decide as asked
            on (asked.record_l, asked.record_r) = (placed.record_l, placed.record_r) and asked.closed_at is null
        where (low, high) not in (select low, high from decided)
        order by low, high, asked.pair_id is null, placed.weight desc, placed.record_l, placed.record_r
    )
    select
        chosen.record_l,
        chosen.record_r,
        chosen.reason,
        chosen.weight,
        (one.care + other.care)
            * case when chosen.reason = 'grey' then 4 / (2 + power(2, chosen.weight) + power(2, -chosen.weight)) else 1 end as harm,
        one.has_identity_change
            or other.has_identity_change
            or one.verified_numbers <> '{}' and other.verified_numbers <> '{}' and not one.verified_numbers && other.verified_numbers
            or (low, high) in (select low, high from sealed) as is_sealed
    from chosen
    inner join asked_person as one on one.person_id = chosen.low
    inner join asked_person as other on other.person_id = chosen.high
"""
_KEEP_QUEUE = (
    """
    with judged as (select person_record_id from cluster union select person_record_id from gone)
    update person_index.pair_to_decide as asked set closed_at = now()
    where closed_at is null
        and (record_l in (select person_record_id from judged) or record_r in (select person_record_id from judged))
        and not exists (select from question where (question.record_l, question.record_r) = (asked.record_l, asked.record_r))
        and (
            not is_sealed
            or record_l in (select person_record_id from gone)
            or record_r in (select person_record_id from gone)
            or exists (
                select from person_index.pair_decision as decision
                where (decision.record_l, decision.record_r) = (asked.record_l, asked.record_r) and undone_at is null
            )
        )
    """,
    """
    update person_index.pair_to_decide as asked
    set
        reason = case when asked.is_sealed then asked.reason else question.reason end,
        weight = question.weight,
        harm = question.harm,
        is_sealed = asked.is_sealed or question.is_sealed
    from question
    where (question.record_l, question.record_r) = (asked.record_l, asked.record_r)
        and asked.closed_at is null
        and (asked.reason, asked.weight, asked.harm, asked.is_sealed)
            is distinct from (question.reason, question.weight, cast(question.harm as real), question.is_sealed)
    """,
    """
    insert into person_index.pair_to_decide (record_l, record_r, reason, weight, harm, is_sealed)
    select record_l, record_r, reason, weight, harm, is_sealed from question order by harm desc, record_l, record_r
    on conflict (record_l, record_r) where closed_at is null do nothing
    """,
)


class DecisionError(Exception):
    """A decision that cannot be made or undone: says which other decision is in the way, or what is expected."""


@dataclass(frozen=True)
class Pair:
    """A question to people: are these two records of one person? `reason` is why the index asks."""

    pair_id: int
    record_l: str
    record_r: str
    reason: str
    weight: float
    harm: float
    raised_at: datetime


@dataclass(frozen=True)
class Side:
    """One record of a pair as its source describes it: column -> value, empty ones left out.

    `earlier` are other ways in which it is or was described; `others` the records that are linked to it already.
    """

    record: dict[str, Any]
    earlier: list[dict[str, Any]]
    others: list[dict[str, Any]]


class InForce(NamedTuple):
    """Pairs of person_record_id to be linked, or kept apart, whatever else; and the records of decisions that are new."""

    must_link: list[tuple[str, str]]
    must_not_link: list[tuple[str, str]]
    touched: list[str]


def queue(reader: Reader = CLERK, last: int | None = None) -> list[Pair]:
    """The open questions that a reader may see, the most harmful first; `last` is how many at most."""
    with _reading(reader) as connection:
        return (
            connection.cursor(row_factory=class_row(Pair))
            .execute(f"{_OPEN} order by harm desc, pair_id limit %s", (reader == GUARDIAN, last))
            .fetchall()
        )


def pair(pair_id: int, reader: Reader = CLERK) -> Pair:
    """One open question; DecisionError where the reader sees none of that number."""
    with _reading(reader) as connection:
        found = (
            connection.cursor(row_factory=class_row(Pair))
            .execute(f"{_OPEN} and pair_id = %s", (reader == GUARDIAN, pair_id))
            .fetchone()
        )
    if not found:
        raise DecisionError(f"There is no open pair {pair_id}. See: cares person-index queue")
    return found


def sides(asked: Pair) -> tuple[Side, Side]:
    """Both records of a pair as their sources describe them, for the person who decides; DecisionError if one is gone."""
    with warehouse.safe_errors(), warehouse.connect("pipeline", row_factory=dict_row) as connection:
        return _side(connection, asked.record_l), _side(connection, asked.record_r)


def decide(left: str, right: str, decision: Decision, because: str, reader: Reader = CLERK) -> int:
    """Keep somebody's word on two person records, which every update obeys from now on; returns the decision's number.

    `because` is why, in one line; who runs this process is kept with it. Raises DecisionError where there is no such
    record, where another decision is in the way, or where only the guardian may link the two.
    """
    with one_at_a_time() as connection:
        return record_decision(connection, left, right, decision, because, reader)


def record_decision(
    connection: psycopg.Connection, left: str, right: str, decision: Decision, because: str, reader: Reader = CLERK
) -> int:
    """`decide`, in a transaction of `one_at_a_time`."""
    because = reasons.one_line(because, DecisionError)
    left, right = in_order(connection, left, right)
    is_sealed = _is_sealed(connection, left, right)
    _refuse_contradiction(connection, left, right, decision, reader)
    if decision == "must link" and is_sealed and reader != GUARDIAN:
        raise DecisionError(_FOR_THE_GUARDIAN)
    decision_id: int = connection.execute(
        """insert into person_index.pair_decision (record_l, record_r, decision, is_sealed, decided_by, reason)
           values (%s, %s, %s, %s, %s, %s) returning decision_id""",
        (left, right, decision, is_sealed, warehouse.who_is_at_work(), because),
    ).fetchone()[0]
    connection.execute(
        "update person_index.pair_to_decide set closed_at = now() where (record_l, record_r) = (%s, %s) and closed_at is null",
        (left, right),
    )
    return decision_id


def undo(decision_id: int, because: str, reader: Reader = CLERK) -> None:
    """Take a decision back, and ask again what was asked; DecisionError where the reader sees none of that number in force."""
    because = reasons.one_line(because, DecisionError)
    with _reading(reader) as connection:
        found = connection.execute(
            "select undone_at, undone_by from person_index.pair_decision where decision_id = %s", (decision_id,)
        ).fetchone()
    if not found:
        raise DecisionError(f"There is no decision {decision_id}. Decisions are counted from 1; one is named when it is made.")
    with one_at_a_time() as connection:
        if not take_back(connection, decision_id, because):
            raise DecisionError(f"Decision {decision_id} was taken back before by {found[1]}, on {found[0]:%Y-%m-%d}.")


def take_back(connection: psycopg.Connection, decision_id: int, because: str) -> bool:
    """`undo`, in a transaction of `one_at_a_time`; False where the decision is not in force."""
    undone = connection.execute(
        """update person_index.pair_decision
           set undone_at = now(), undone_by = %s, undone_because = %s, is_taken_up = false
           where decision_id = %s and undone_at is null returning record_l, record_r""",
        (warehouse.who_is_at_work(), because, decision_id),
    ).fetchone()
    if not undone:
        return False
    connection.execute(
        """insert into person_index.pair_to_decide (record_l, record_r, reason, weight, harm, is_sealed)
           select record_l, record_r, reason, weight, harm, is_sealed from person_index.pair_to_decide
           where (record_l, record_r) = (%s, %s) order by pair_id desc limit 1
           on conflict (record_l, record_r) where closed_at is null do nothing""",
        undone,
    )
    return True


def decisions_in_force(connection: psycopg.Connection) -> InForce:
    """What an update has to obey, read in its own transaction; sealed pairs that nobody linked are kept apart.

    A decision that is made while the update runs waits for the next one.
    """
    touched = connection.execute(
        """with met as (
               update person_index.pair_decision set is_taken_up = true where not is_taken_up returning record_l, record_r
           )
           select record_l from met union select record_r from met order by 1"""
    ).fetchall()
    decided = connection.execute(
        """select decision, record_l, record_r from person_index.pair_decision
           where undone_at is null and is_taken_up
           union
           select 'must not link', record_l, record_r from person_index.pair_to_decide as sealed
           where is_sealed and not exists (
               select from person_index.pair_decision as decision
               where (decision.record_l, decision.record_r) = (sealed.record_l, sealed.record_r) and undone_at is null
           )
           order by 1, 2, 3"""
    ).fetchall()
    return InForce(
        [(left, right) for decision, left, right in decided if decision == "must link"],
        [(left, right) for decision, left, right in decided if decision == "must not link"],
        [record for (record,) in touched],
    )


def raise_pairs(connection: psycopg.Connection, refused: Iterable[tuple[str, str, str, float]]) -> None:
    """Bring the questions in line with an update, in its transaction and after `identities.keep`.

    `refused` are the links that it did not make: record, record, reason (as in `person_index.pair_to_decide`) and match
    weight. The records that it judged stand in the temporary tables `cluster` and `gone`. Of two persons one pair is
    asked about: the one that is asked already, or the likeliest. Nothing is asked of two persons whom a decision keeps
    apart. A question about a judged record that is none any more is closed; a sealed one only where a record is gone.
    """
    connection.execute(
        """create temporary table refused_pair (record_l text, record_r text, reason text, weight real) on commit drop"""
    )
    with connection.cursor().copy("copy refused_pair from stdin") as copy:
        for left, right, reason, weight in refused:
            copy.write_row((*sorted((left, right)), reason, weight))
    connection.execute("analyze refused_pair")
    persons = connection.execute(_PERSONS).rowcount
    if persons and connection.execute("select to_regclass('intermediate.int_care_events')").fetchone() != (None,):
        connection.execute(_CARE_EVENTS)
    connection.execute("analyze asked_person")
    connection.execute(_QUESTIONS)
    for statement in _KEEP_QUEUE:
        connection.execute(statement)
    connection.execute("drop table refused_pair, asked_person, question")


def in_order(connection: psycopg.Connection, left: str, right: str) -> tuple[str, str]:
    """Two person_record_id in their order; DecisionError if they are one or one of them is not in the index."""
    if left == right:
        raise DecisionError("Name two different person records.")
    known = connection.execute(
        "select count(*) from person_index.membership where valid_to is null and person_record_id in (%s, %s)", (left, right)
    ).fetchone()[0]
    if known < 2:
        raise DecisionError(
            "The index does not know both records. A record is named by its organisation, its source and the source's own id, "
            "for example: council/cld/12345"
        )
    first, second = sorted((left, right))
    return first, second


@contextmanager
def _reading(reader: Reader) -> Iterator[psycopg.Connection]:
    with warehouse.safe_errors(), warehouse.connect(reader) as connection:
        yield connection


@contextmanager
def one_at_a_time() -> Iterator[psycopg.Connection]:
    """A transaction in which nobody else decides, so that no two decisions contradict each other."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.pair_decisions'))")
        yield connection


def _side(connection: psycopg.Connection[dict[str, Any]], record: str) -> Side:
    described = connection.execute(
        "select * from intermediate.int_person_records where person_record_id = %s", (record,)
    ).fetchone()
    if not described:
        raise DecisionError("One of the two records is described no more, so that there is nothing to compare.")
    earlier = connection.execute(
        """select * from intermediate.int_person_descriptions
           where person_record_id = %s and not is_current order by described_on desc nulls last, fingerprint""",
        (record,),
    ).fetchall()
    others = connection.execute(
        """select other.*
           from person_index.membership as own
           inner join person_index.membership using (person_id)
           inner join intermediate.int_person_records as other on other.person_record_id = membership.person_record_id
           where own.person_record_id = %(record)s and own.valid_to is null and membership.valid_to is null
               and other.person_record_id <> %(record)s
           order by other.person_record_id""",
        {"record": record},
    ).fetchall()
    return Side(described, earlier, others)


def _is_sealed(connection: psycopg.Connection, left: str, right: str) -> bool:
    """Whether the persons of two records may be one whose identity was changed, or the pair was sealed before."""
    return connection.execute(
        """with person as (
               select
                   own.person_record_id as of_record,
                   bool_or(record.has_identity_change) as has_identity_change,
                   coalesce(array_agg(distinct record.nhs_number) filter (where record.is_nhs_number_verified), '{}')
                       as verified_numbers
               from person_index.membership as own
               inner join person_index.membership using (person_id)
               left join intermediate.int_person_records as record on record.person_record_id = membership.person_record_id
               where own.person_record_id in (%(left)s, %(right)s) and own.valid_to is null and membership.valid_to is null
               group by own.person_record_id
           )
           select
               coalesce(bool_or(has_identity_change), false)
               or count(*) filter (where verified_numbers <> '{}') = 2
                   and (select not one.verified_numbers && other.verified_numbers
                        from person as one, person as other where one.of_record = %(left)s and other.of_record = %(right)s)
               or exists (
                   select from person_index.pair_to_decide where is_sealed and (record_l, record_r) = (%(left)s, %(right)s)
               )
           from person""",
        {"left": left, "right": right},
    ).fetchone()[0]


def _refuse_contradiction(connection: psycopg.Connection, left: str, right: str, decision: Decision, reader: Reader) -> None:
    """Raise DecisionError if what is in force says otherwise of the two, directly or from record to record."""
    linked: dict[str, list[tuple[str, int]]] = defaultdict(list)
    apart: list[tuple[str, str, str, bool]] = []
    for decision_id, one, other, said, is_sealed in connection.execute(
        "select decision_id, record_l, record_r, decision, is_sealed from person_index.pair_decision where undone_at is null"
    ).fetchall():
        if (one, other) == (left, right):
            what = "are to be linked" if said == "must link" else "are not to be linked"
            raise _in_the_way(
                [f"decision {decision_id}"], is_sealed and reader != GUARDIAN, f"it says already that these two {what}"
            )
        if said == "must link":
            linked[one].append((other, decision_id))
            linked[other].append((one, decision_id))
        else:
            apart.append((one, other, f"decision {decision_id}", is_sealed))
    of_left = _reached(linked, left)
    if decision == "must not link":
        if right in of_left:
            steps = [f"decision {number}" for number in of_left[right]]
            raise _in_the_way(steps, False, "taken together they say that these two are one person")
        return
    of_right = _reached(linked, right)
    apart += [
        (one, other, f"sealed pair {pair_id}", True)
        for pair_id, one, other in connection.execute(
            """select pair_id, record_l, record_r from person_index.pair_to_decide as asked
               where is_sealed and (record_l, record_r) <> (%s, %s) and not exists (
                   select from person_index.pair_decision as decision
                   where (decision.record_l, decision.record_r) = (asked.record_l, asked.record_r) and undone_at is null
               )""",
            (left, right),
        )
    ]
    for one, other, what, is_sealed in apart:
        if (one in of_left and other in of_right) or (one in of_right and other in of_left):
            raise _in_the_way([what], is_sealed and reader != GUARDIAN, "with what was linked before, it keeps these two apart")


def _reached(linked: dict[str, list[tuple[str, int]]], start: str) -> dict[str, list[int]]:
    """Each record that decisions link with `start`, with the decisions on the way there."""
    reached: dict[str, list[int]] = {start: []}
    waiting = deque([start])
    while waiting:
        record = waiting.popleft()
        for other, decision_id in linked[record]:
            if other not in reached:
                reached[other] = [*reached[record], decision_id]
                waiting.append(other)
    return reached


def _in_the_way(what: Sequence[str], is_hidden: bool, why: str) -> DecisionError:
    if is_hidden:
        return DecisionError(_FOR_THE_GUARDIAN)
    named = english.all_of(what)
    return DecisionError(
        f"Nothing was decided: {named} {'is' if len(what) == 1 else 'are'} in the way; {why}. "
        "A decision is taken back with: cares person-index undo DECISION --because '...'"
    )
