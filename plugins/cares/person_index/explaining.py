"""Why two person records are one person, or are not, and what holds a person together: in English, with the weights.

What is told names records, dates and weights. The values that were compared, and people's own words, are told only where
they are asked for, so that an explanation can be shown to whoever helps to look into it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from cares import english, warehouse
from cares.person_index import clustering, models, store
from cares.person_index.decisions import CLERK, Reader
from cares.person_index.model import DIFFERENT, UNKNOWN
from cares.person_index.scoring import Weighing, weigh_each

NOTHING_TO_TELL = "There is nothing to tell about this pair."

COMPARED = {
    "starting point": "Starting point",
    "nhs_number": "NHS number",
    "forename": "Forename",
    "surname": "Surname",
    "middle_name": "Middle name",
    "born_on": "Birth date",
    "sex": "Sex",
    "address": "Address",
    "phone": "Telephone",
    "these agreements together": "These agreements together",
}
# Which columns of a description each comparison looks at.
_VALUES = {
    "nhs_number": ("nhs_number",),
    "forename": ("forename",),
    "surname": ("surname",),
    "middle_name": ("middle_name",),
    "born_on": ("date_of_birth",),
    "sex": ("sex",),
    "address": ("address", "postcode", "uprn"),
    "phone": ("phone",),
}
# From this many log2 odds on, how rare or common a value is stands in the sentence.
_REMARKABLE = 2.0
# A weight that was kept and one that is worked out anew are the same within this; the warehouse keeps seven digits.
_ROUNDING = 0.01
_LINKS_SHOWN = 10


class ExplainError(Exception):
    """Something that is asked about and is not in the index: says what, and where to look."""


@dataclass(frozen=True)
class Link:
    """What joins two records of a person: a match weight, or none where `how` says that no weight was needed.

    `parts` are the sizes of what the person would fall into without it, set for the links of `PersonLinks`.
    """

    left: str
    right: str
    weight: float | None
    how: str
    parts: tuple[int, int] = (0, 0)

    @property
    def strength(self) -> float:
        """The weight to put links in order by."""
        return math.inf if self.weight is None else self.weight

    def other(self, record: str) -> str:
        """The record at the other end."""
        return self.right if record == self.left else self.left


@dataclass(frozen=True)
class Member:
    """A person record as the index links it now."""

    record: str
    organisation: str
    source: str
    person_id: int
    rule: str
    since: datetime


@dataclass(frozen=True)
class Decision:
    """People's decision about two records; `undone_at` is None while it is in force.

    `is_taken_up` is False until an update of the index has met it as it stands.
    """

    decision_id: int
    record_l: str
    record_r: str
    decision: str
    decided_by: str
    reason: str
    decided_at: datetime
    undone_by: str | None
    undone_because: str | None
    undone_at: datetime | None
    is_taken_up: bool


@dataclass(frozen=True)
class PairStory:
    """Two records: whose they are, the two descriptions that speak for them, what these weigh, and what was asked and decided.

    `left_said` and `right_said` are columns of `descriptions.COLUMNS`; `edge` is the weight that the index keeps for the two,
    None if it keeps none; `path` is how they are joined, where they are one person; `asked` why people were asked about the
    two persons; `decisions` are those about the two records, the latest first.
    """

    left: Member
    right: Member
    left_said: dict[str, Any]
    right_said: dict[str, Any]
    weighing: Weighing
    edge: float | None
    path: Sequence[Link]
    on_the_way: dict[str, Member]
    asked: str | None
    decisions: Sequence[Decision]

    @property
    def are_one(self) -> bool:
        """Are they one person in the index?"""
        return self.left.person_id == self.right.person_id


@dataclass(frozen=True)
class PersonLinks:
    """A person: its records, the links that hold them together (the weakest first), its numbers, and what people said.

    `set_aside` counts records whose number could be nobody's, `numbers` the different NHS numbers, `shared_numbers` those
    that records of another person have, too; `asked` counts open questions by their reason.
    """

    person_id: int
    members: dict[str, Member]
    links: Sequence[Link]
    set_aside: int
    numbers: int
    shared_numbers: int
    withheld: int
    asked: dict[str, int]
    decisions: Sequence[Decision]


def of_records(left: str, right: str, reader: Reader = CLERK) -> PairStory | None:
    """The story of two records, each named by its person_record_id; None where there is nothing to tell.

    That is so of two that were never found alike, and of a pair that is sealed, unless the reader is the guardian. Raises
    ExplainError where they are one and the same, or one of them is not in the index.
    """
    if left == right:
        raise ExplainError("These are one and the same record. Name two, or one person.")
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        known = {member.record: member for member in _members(connection, "person_record_id = any(%s)", [left, right])}
        if len(known) < 2:
            raise ExplainError(
                "The index does not know both records. A record is named by its organisation, its source and the source's own "
                "id, for example: council/cld/12345"
            )
        persons = {member.person_id for member in known.values()}
        members = {member.record: member for member in _members(connection, "person_id = any(%s)", list(persons))}
        of_left, of_right = (
            [member.record for member in members.values() if member.person_id == known[one].person_id] for one in (left, right)
        )
        if _is_hidden(connection, of_left, of_right, reader):
            return None
        links = _links(connection, [left, right], first=(left, right))
        decisions = _decisions(connection, "record_l = any(%(records)s) and record_r = any(%(records)s)", [left, right])
        asked = _asked(connection, of_left, of_right)
        if not (links or decisions or asked.get((left, right)) or len(persons) == 1):
            return None
        path = _path(_links(connection, list(members), first=(left, right)), left, right) if len(persons) == 1 else ()
        left_all, right_all = (_descriptions(connection, record) for record in (left, right))
        model = models.in_force(connection)
    model = replace(model, prior=model.prior_among(store.descriptions_counted()))
    weighings = weigh_each(model, left_all, right_all, store.shares((left, right)))
    at, other = max(
        ((at, other) for at in range(len(left_all)) for other in range(len(right_all))),
        key=lambda place: _speaks(weighings[place[0]][place[1]]),
    )
    return PairStory(
        known[left],
        known[right],
        left_all[at],
        right_all[other],
        weighings[at][other],
        max((link.weight for link in links if link.weight is not None), default=None),
        path,
        members,
        asked.get((left, right)) or next(iter(asked.values()), None),
        decisions,
    )


def of_person(person_id: int, reader: Reader = CLERK) -> PersonLinks:
    """What holds a person together; without records where it is out of use, or was never in use."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        members = {member.record: member for member in _members(connection, "person_id = any(%s)", [person_id])}
        records = list(members)
        if _is_hidden(connection, records, records, reader):
            links: list[Link] = []
        else:
            links = sorted(_with_parts(_strongest_tree(_links(connection, records))), key=lambda link: link.strength)
        set_aside, numbers, shared = connection.execute(_NUMBERS, {"records": records, "person": person_id}).fetchone()
        withheld = connection.execute(
            """select count(distinct person_record_id) from person_index.withheld_record
               where released_at is null and split_at is null and person_record_id = any(%s)""",
            (records,),
        ).fetchone()[0]
        asked = Counter(
            reason
            for (reason,) in connection.execute(
                """select reason from person_index.pair_to_decide
                   where closed_at is null and not is_sealed and (record_l = any(%(records)s) or record_r = any(%(records)s))""",
                {"records": records},
            )
        )
        decisions = _decisions(
            connection, "not is_sealed and (record_l = any(%(records)s) or record_r = any(%(records)s))", records
        )
        return PersonLinks(person_id, members, links, set_aside, numbers, shared, withheld, dict(asked), decisions)


def tell_pair(story: PairStory, with_values: bool = False) -> Iterator[str]:
    """The story of two records in sentences, one a line."""
    left, right = (_record_name(member, with_values) for member in (story.left, story.right))
    yield f"The first record is {left}, the second {right}."
    if story.are_one:
        since = max(story.left.since, story.right.since)
        rules = english.all_of(f"'{rule}'" for rule in dict.fromkeys((story.left.rule, story.right.rule)))
        yield f"They are one person, person/{story.left.person_id}, since {_at(since)} (rule: {rules})."
        yield from _tell_path(story, with_values)
    else:
        yield f"They are two persons, person/{story.left.person_id} and person/{story.right.person_id}."
        yield from _tell_why_not(story)
    for decision in story.decisions:
        yield from _tell_decision(decision, with_values)
    yield ""
    yield from _tell_weighing(story, with_values)
    yield ""
    yield from _tell_what_would_change_it(story, with_values)


def tell_person(story: PersonLinks, with_values: bool = False) -> Iterator[str]:
    """What holds a person together, in sentences, one a line."""
    if not story.members:
        yield "No person record is linked to it now, so that nothing holds it together."
        return
    by_source = Counter((member.organisation, member.source) for member in story.members.values())
    sources = english.all_of(
        f"{count:,} of {organisation}, {source}" for (organisation, source), count in sorted(by_source.items())
    )
    yield f"It has {english.counted(len(story.members), 'person record')}: {sources}."
    if with_values:
        for member in sorted(story.members.values(), key=lambda member: member.record):
            yield f"  {_printable(member.record)}, linked since {_at(member.since)} (rule: {member.rule})"
    if story.links:
        yield "What holds it together, the weakest link first:"
        for link in story.links[:_LINKS_SHOWN]:
            ends = " and ".join(_record_name(story.members[end], with_values) for end in (link.left, link.right))
            fall = " and ".join(f"{part:,}" for part in link.parts)
            yield f"  {_strength(link)}, between {ends}; without it the person would be two, of {fall} records."
        if len(story.links) > _LINKS_SHOWN:
            yield f"  and {len(story.links) - _LINKS_SHOWN:,} stronger ones."
        loose = len(story.members) - 1 - len(story.links)
        if loose:
            yield f"{english.counted(loose, 'record')} of it joined by the rule alone: no link of theirs is kept."
    if story.numbers > 1:
        yield f"Its records tell {story.numbers:,} different NHS numbers: all but one are former ones, or somebody else's."
    if story.shared_numbers:
        yield (
            f"{english.counted(story.shared_numbers, 'NHS number')} of its records "
            f"{'is' if story.shared_numbers == 1 else 'are'} told of another person, too. Where birth dates cannot be one, a "
            "number counts for those who are most, and is set aside for the others."
        )
    if story.set_aside:
        yield f"What {english.counted(story.set_aside, 'record')} sent as NHS number could be nobody's, and was set aside."
    for reason, count in sorted(story.asked.items()):
        yield f"Open: {english.counted(count, 'question')} to people ({reason}). See: cares person-index queue"
    if story.withheld:
        yield f"{english.counted(story.withheld, 'record')} of it {'is' if story.withheld == 1 else 'are'} withheld from readers."
    for decision in story.decisions:
        yield from _tell_decision(decision, with_values)


def odds(weight: float) -> str:
    """A weight in words: 9.0 is 'about 500 to 1 for'."""
    if abs(weight) < 0.5:
        return "about even"
    side = "for" if weight > 0 else "against"
    if abs(weight) >= 40:
        return f"more than a million million to 1 {side}"
    odds_to_one = 2 ** abs(weight)
    if odds_to_one < 10:
        return f"about {odds_to_one:.1f} to 1 {side}".replace(".0 ", " ")
    rounded = round(odds_to_one, -int(math.log10(odds_to_one)))
    for size, word in ((1e9, " thousand million"), (1e6, " million")):
        if rounded >= size:
            return f"about {rounded / size:,.0f}{word} to 1 {side}"
    return f"about {rounded:,.0f} to 1 {side}"


def tell_step(comparison: str, agreement: str, of_rarity: float = 0.0) -> str:
    """What one comparison found: 'Surname: the same, and a rare one'."""
    rarity = ", and a rare one" if of_rarity > _REMARKABLE else ", but a common one" if of_rarity < -_REMARKABLE else ""
    return f"{COMPARED[comparison]}: {_LONGER.get(agreement, agreement)}{rarity}"


_LONGER = {"a short or other form": "a short or other form of the same name"}


def _tell_path(story: PairStory, with_values: bool) -> Iterator[str]:
    if len(story.path) == 1:
        yield f"They are linked directly: {_strength(story.path[0])}."
    elif story.path:
        between = len(story.path) - 1
        yield f"They are linked by way of {english.counted(between, 'other record')}:"
        here, number = story.left.record, {story.left.record: "the first record", story.right.record: "the second record"}
        for link in story.path:
            there = link.other(here)
            number.setdefault(there, f"record {len(number) + 1} ({_record_name(story.on_the_way[there], with_values)})")
            yield f"  {number[here]} and {number[there]}: {_strength(link)}"
            here = there
        weakest = min(story.path, key=lambda link: link.strength)
        if weakest.weight is not None:
            yield f"The weakest link of these decides: {odds(weakest.weight)}."
        if story.weighing.weight < clustering.LINKED_FROM:
            yield "By themselves these two would not be linked."
    else:
        yield "The index keeps no link between their descriptions: the rule alone joined them."


_WHY_NOT = {
    clustering.TWO_NUMBERS: "They are kept apart because each has an NHS number of its own: one person has one.",
    clustering.BIRTH_DATES: "They are kept apart because their birth dates cannot be one that was mistaken.",
    clustering.MUST_NOT_LINK: "They are kept apart because people decided so about records of these two persons.",
    clustering.TWO_CANDIDATES: "They are kept apart because one of them fits two persons who cannot be one, and nothing says which.",
    clustering.GREY: "They are kept apart because it is neither likely nor unlikely enough: it is for a person to decide.",
}


def _tell_why_not(story: PairStory) -> Iterator[str]:
    found = why_not(story)
    if found:
        yield _WHY_NOT[found]
    else:
        yield (
            f"They are kept apart because too little speaks for one person: the weight is {story.weighing.weight:+.1f}, and two "
            f"are linked from {clustering.LINKED_FROM:+.1f}."
        )
    if found in (clustering.GREY, None) and (story.left.organisation, story.left.source) == (
        story.right.organisation,
        story.right.source,
    ):
        yield "Both come from one source, which seldom has two records of one person: such a link must be stronger than others."


def why_not(story: PairStory) -> str | None:
    """What keeps two persons apart: a guard of `clustering`, or None where too little speaks for one person."""
    if any(decision.decision == clustering.MUST_NOT_LINK and not decision.undone_at for decision in story.decisions):
        return clustering.MUST_NOT_LINK
    if story.asked:
        return story.asked
    if story.weighing.weight < clustering.LINKED_FROM:
        return None
    if story.weighing.agreement("nhs_number") == DIFFERENT:
        return clustering.TWO_NUMBERS
    return clustering.BIRTH_DATES if story.weighing.agreement("born_on") == DIFFERENT else clustering.TWO_CANDIDATES


def _tell_decision(decision: Decision, with_values: bool) -> Iterator[str]:
    about = f" about {_printable(decision.record_l)} and {_printable(decision.record_r)}" if with_values else ""
    said = f": {_printable(decision.reason)}" if with_values else ""
    yield (
        f"Decision {decision.decision_id}, '{decision.decision}'{about}, by {decision.decided_by}, {_at(decision.decided_at)}{said}"
        + ("" if decision.undone_at or said else ".")
    )
    if decision.undone_at:
        said = f": {_printable(decision.undone_because)}" if with_values else "."
        yield f"  It was taken back by {decision.undone_by}, {_at(decision.undone_at)}{said}"
    if not decision.is_taken_up:
        yield "  The index follows with the next build (cares build run)."


def _tell_weighing(story: PairStory, with_values: bool) -> Iterator[str]:
    left, right = ("the present" if said["is_current"] else "a former" for said in (story.left_said, story.right_said))
    yield f"Compared by {left} description of the first and {right} one of the second, which speak for the two:"
    for step in story.weighing.steps:
        yield f"  {tell_step(step.comparison, step.agreement, step.of_rarity)} ({step.weight:+.1f})"
        if with_values and step.comparison in _VALUES:
            for name, said in (("first", story.left_said), ("second", story.right_said)):
                values = [_printable(said[column]) for column in _VALUES[step.comparison] if said[column]]
                yield f"      {name}: {', '.join(values) or 'not known'}"
    weight = story.weighing.weight
    yield f"  In all: {weight:+.1f}, {odds(weight)} one person, by what was compared alone."
    if story.edge is not None and abs(story.edge - weight) > _ROUNDING:
        yield (
            f"The index keeps the weight {story.edge:+.1f} for them: it was weighed with an NHS number set aside as somebody "
            "else's, or before names and dates were counted anew."
        )


def _tell_what_would_change_it(story: PairStory, with_values: bool) -> Iterator[str]:
    records = f"{_printable(story.left.record)} {_printable(story.right.record)}" if with_values else "RECORD RECORD"
    weight, steps = story.weighing.weight, story.weighing.steps
    in_force = next((decision for decision in story.decisions if not decision.undone_at), None)
    if in_force and story.are_one != (in_force.decision == "must link"):
        yield f"What will {'part' if story.are_one else 'join'} them: the next build, as decision {in_force.decision_id} says."
        return
    if not in_force and any(not decision.is_taken_up for decision in story.decisions):
        yield "What may change it: the next build judges them anew, as the decision was taken back."
        return
    unknown = [COMPARED[step.comparison] for step in steps if step.agreement == UNKNOWN]
    if story.are_one:
        needed = [
            COMPARED[step.comparison]
            for step in steps
            if step.comparison in _VALUES and weight >= clustering.LINKED_FROM > weight - step.weight
        ]
        if len(story.path) == 1 and needed:
            yield f"What would part them: without what speaks for them in {english.any_of(needed)}, they would not be linked."
        elif len(story.path) > 1:
            yield "What would part them: if the weakest link on the way between them did not hold."
        yield f"A person parts them with: cares person-index must-not-link {records} --because '...'"
        return
    found = why_not(story)
    if found == clustering.MUST_NOT_LINK:
        number = str(in_force.decision_id) if in_force else "DECISION"
        yield f"What would join them: taking the decision back, with: cares person-index undo {number} --because '...'"
        return
    if found == clustering.TWO_NUMBERS:
        yield "What would join them: if one of the NHS numbers is wrong, and its sender corrects it."
    elif found == clustering.BIRTH_DATES:
        yield "What would join them: if one of the birth dates is wrong, and its sender corrects it."
    elif unknown:
        missing = max(0.0, clustering.LINKED_FROM - weight)
        lack = f"{missing:.1f} more is needed, which could come from" if missing else "what could tell is"
        yield f"What would join them: {lack} what is not known of one or both: {english.any_of(unknown)}."
    yield f"A person joins them with: cares person-index must-link {records} --because '...'"


def _record_name(member: Member, with_values: bool) -> str:
    return _printable(member.record) if with_values else f"one of {member.organisation}, {member.source}"


def _strength(link: Link) -> str:
    return link.how if link.weight is None else f"{link.how}, weight {link.weight:+.1f}, {odds(link.weight)}"


def _printable(value: object) -> str:
    """A value as it may stand in a terminal: what it holds cannot steer it."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _speaks(weighing: Weighing) -> tuple[bool, float]:
    """As in `clustering`: where names are known on both sides, who compares names speaks, and then the strongest."""
    return UNKNOWN not in (weighing.agreement("forename"), weighing.agreement("surname")), weighing.weight


def _members(connection: psycopg.Connection, condition: str, value: list[Any]) -> list[Member]:
    return (
        connection.cursor(row_factory=class_row(Member))
        .execute(
            f"""select person_record_id as record, split_part(person_record_id, '/', 1) as organisation,
                     split_part(person_record_id, '/', 2) as source, person_id, rule, valid_from as since
                from person_index.membership where valid_to is null and {condition} order by person_record_id""",
            (value,),
        )
        .fetchall()
    )


def _descriptions(connection: psycopg.Connection, record: str) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = (
        connection.cursor(row_factory=dict_row)
        .execute(f"{store.DESCRIPTIONS} where person_record_id = %s order by is_current desc, fingerprint", (record,))
        .fetchall()
    )
    if not described:
        raise ExplainError("A record of these is described by no row any more; the next update of the index lets it go.")
    return described


_SEALED = """(
    select record_l, record_r from person_index.pair_to_decide where is_sealed
    union all
    select record_l, record_r from person_index.pair_decision where is_sealed
)"""
_BETWEEN = """
    (record_l = any(%(left)s) and record_r = any(%(right)s) or record_l = any(%(right)s) and record_r = any(%(left)s))
"""


def _is_hidden(connection: psycopg.Connection, left: list[str], right: list[str], reader: Reader) -> bool:
    """Is something sealed between records of two persons that the reader's own login does not show?"""
    asked = f"select count(*) from {_SEALED} as sealed where {_BETWEEN}"
    both = {"left": left, "right": right}
    sealed = connection.execute(asked, both).fetchone()[0]
    if not sealed:
        return False
    with warehouse.connect(reader) as own:
        return bool(own.execute(asked, both).fetchone()[0] < sealed)


def _asked(connection: psycopg.Connection, left: list[str], right: list[str]) -> dict[tuple[str, str], str]:
    """Why people were asked about records of two persons, by the two records in either order; open questions alone."""
    found: dict[tuple[str, str], str] = {}
    for one, other, reason in connection.execute(
        f"""select record_l, record_r, reason from person_index.pair_to_decide
            where closed_at is null and {_BETWEEN} order by weight desc""",
        {"left": left, "right": right},
    ):
        found |= {(one, other): reason, (other, one): reason}
    return found


def _decisions(connection: psycopg.Connection, condition: str, records: list[str]) -> list[Decision]:
    return (
        connection.cursor(row_factory=class_row(Decision))
        .execute(
            f"""select decision_id, record_l, record_r, decision, decided_by, reason, decided_at, undone_by, undone_because, undone_at,
                       is_taken_up
                from person_index.pair_decision where {condition} order by decision_id desc""",
            {"records": records},
        )
        .fetchall()
    )


def _links(connection: psycopg.Connection, records: list[str], first: Iterable[str] = ()) -> list[Link]:
    """All that joins these records to one another: edges of their descriptions, shared descriptions, people's decisions.

    Where several share a description, its edges are those of one of them, of one in `first` if possible.
    """
    shared: dict[int, list[str]] = defaultdict(list)
    for description, record in connection.execute(
        "select description_id, person_record_id from person_index.described_record where person_record_id = any(%s) order by 2",
        (records,),
    ):
        shared[description].append(record)
    foremost = set(first)
    links = []
    for sharing in shared.values():
        sharing.sort(key=lambda record: record not in foremost)
        links += [Link(one, other, None, "described in the same words") for one, other in pairwise(sharing)]
    for one, other in connection.execute(
        """select record_l, record_r from person_index.pair_decision
           where decision = 'must link' and undone_at is null and record_l = any(%(records)s) and record_r = any(%(records)s)""",
        {"records": records},
    ):
        links.append(Link(one, other, None, "linked by people"))
    for one, other, weight in connection.execute(
        """select description_l, description_r, weight from person_index.edge
           where valid_to is null and description_l = any(%(descriptions)s) and description_r = any(%(descriptions)s)
           order by weight desc, description_l, description_r""",
        {"descriptions": list(shared)},
    ):
        links += [Link(shared[one][0], shared[other][0], weight, "found alike")] if shared[one][0] != shared[other][0] else []
    return links


def _strongest_tree(links: Iterable[Link]) -> list[Link]:
    """Of all links as few and as strong as hold the same records together: a maximum spanning tree."""
    group: dict[str, str] = {}

    def find(record: str) -> str:
        while group.setdefault(record, record) != record:
            record = group[record]
        return record

    tree = []
    for link in sorted(links, key=lambda link: -link.strength):
        left, right = find(link.left), find(link.right)
        if left != right:
            group[right] = left
            tree.append(link)
    return tree


def _path(links: Iterable[Link], start: str, end: str) -> list[Link]:
    """The way from one record to another whose weakest link is the strongest; empty if there is none."""
    came_by = _ways(_strongest_tree(links), start)
    path: list[Link] = []
    here = end
    while link := came_by.get(here):
        path.append(link)
        here = link.other(here)
    return path[::-1]


def _ways(links: Iterable[Link], start: str) -> dict[str, Link | None]:
    """Every record that can be reached from one, with the last link on the way to it; None for the start."""
    by_record: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        by_record[link.left].append(link)
        by_record[link.right].append(link)
    came_by: dict[str, Link | None] = {start: None}
    waiting = [start]
    for record in waiting:
        for link in by_record[record]:
            there = link.other(record)
            if there not in came_by:
                came_by[there] = link
                waiting.append(there)
    return came_by


def _with_parts(tree: Sequence[Link]) -> Iterator[Link]:
    """The links of a tree, each with how many records stand on either side of it."""
    for link in tree:
        rest = [other for other in tree if other is not link]
        yield replace(link, parts=(len(_ways(rest, link.left)), len(_ways(rest, link.right))))


# Another person who has the same number is not counted where that would give a sealed pair away.
_NUMBERS = f"""
    with own as (
        select person_record_id, nhs_number, raw_nhs_number from intermediate.int_person_descriptions
        where person_record_id = any(%(records)s)
    )
    select
        (select count(distinct person_record_id) from own where raw_nhs_number is not null),
        (select count(distinct nhs_number) from own),
        (
            select count(distinct own.nhs_number)
            from own
            inner join intermediate.int_person_descriptions as others using (nhs_number)
            inner join person_index.membership
                on membership.person_record_id = others.person_record_id and membership.valid_to is null
            where membership.person_id <> %(person)s
                and not exists (
                    select from {_SEALED} as sealed
                    inner join person_index.membership as theirs
                        on theirs.person_record_id in (sealed.record_l, sealed.record_r) and theirs.valid_to is null
                    where theirs.person_id = membership.person_id
                        and (sealed.record_l = any(%(records)s) or sealed.record_r = any(%(records)s))
                )
        )
"""
