"""Is it safe to use? The rules, written down: each gives an answer for some uses and says why.

The answer for a use is the worst that any rule gives for it; with no rule against it, it is yes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cares import english
from cares.reports.disclosure import percent
from cares.reports.facts import Build, Facts, Linkage, Needed, OptOuts, People
from cares.reports.pictures import FeedPicture
from cares.reports.wording import listed

YES, WITH_CARE, NO = "yes", "with care", "no"
DIRECT_CARE, PLANNING, MONEY = "direct care", "planning", "money"
USES = (DIRECT_CARE, PLANNING, MONEY)

PERSONS_WITHOUT_NHS_NUMBER_PERCENT = 5
# At least so many links must be right, as far as a sample can tell.
LINKS_RIGHT_PERCENT = 99
_NOT_PUBLISHED = {
    "building": "This build has not finished.",
    "tested": "This build has been tested and is not published.",
    "failed": "This build failed and was not published.",
    "dropped": "This build has been dropped.",
}


@dataclass(frozen=True)
class Reason:
    """What one rule says: the answer it allows at best, for these uses, and why."""

    answer: str
    why: str
    uses: tuple[str, ...] = USES


@dataclass(frozen=True)
class Verdict:
    """The answer for one use, and the reasons that are its own."""

    use: str
    answer: str
    own_reasons: tuple[str, ...]


@dataclass(frozen=True)
class Safety:
    """The answer for each use, and the reasons that hold for all of them, the gravest first."""

    verdicts: tuple[Verdict, ...]
    shared_reasons: tuple[str, ...]


def judge(facts: Facts, feeds: Sequence[FeedPicture]) -> Safety:
    """Ask every rule."""
    reasons = [
        *_build_is_published(facts.build),
        *_ledger_adds_up(facts),
        *_every_feed_has_arrived(feeds),
        *_nothing_is_overdue(feeds),
        *_last_delivery_was_taken(feeds),
        *_little_was_set_aside(feeds),
        *_people_can_be_joined(facts.people),
        *_links_are_right(facts.linkage),
        *_opt_outs_are_known(facts.opt_outs),
        *_what_real_data_need_is_in_place(facts.needed),
    ]
    reasons.sort(key=lambda reason: reason.answer != NO)
    return Safety(
        tuple(_verdict(use, [reason for reason in reasons if use in reason.uses]) for use in USES),
        tuple(reason.why for reason in reasons if reason.uses == USES),
    )


def _verdict(use: str, reasons: Sequence[Reason]) -> Verdict:
    answer = reasons[0].answer if reasons else YES
    return Verdict(use, answer, tuple(reason.why for reason in reasons if reason.uses != USES))


def _build_is_published(build: Build) -> Iterator[Reason]:
    if build.state in _NOT_PUBLISHED:
        seen = f" Readers see build {build.published_build_id}." if build.published_build_id else ""
        yield Reason(NO, _NOT_PUBLISHED[build.state] + seen)
    elif build.state == "superseded":
        yield Reason(WITH_CARE, f"A later build has taken its place: readers see build {build.published_build_id}.")


def _ledger_adds_up(facts: Facts) -> Iterator[Reason]:
    for delivery in facts.out_of_balance():
        yield Reason(NO, f"{delivery.feed}: the rows of {delivery.period} do not add up in the ledger.")


def _every_feed_has_arrived(feeds: Sequence[FeedPicture]) -> Iterator[Reason]:
    if not feeds:
        yield Reason(NO, "No sharing agreement is signed, and no delivery has come.")
    for feed in feeds:
        if feed.latest is None and feed.ended and not feed.due:
            yield Reason(WITH_CARE, f"{feed.name}: ended with {feed.ended.label}, and nothing of it has come.")
        elif feed.latest is None:
            yield Reason(NO, f"{feed.name}: no delivery has been accepted.")


def _nothing_is_overdue(feeds: Sequence[FeedPicture]) -> Iterator[Reason]:
    for feed in feeds:
        if feed.no_data_since:
            yield Reason(WITH_CARE, f"{feed.name}: no data since {feed.no_data_since}.")
        for state, says in (
            ("late", "nothing has arrived yet"),
            ("missing", "nothing has arrived"),
            ("rejected", "what arrived was rejected and has not come again"),
            ("held", "what arrived is held and waits for a decision"),
            ("withdrawn", "what arrived was withdrawn"),
            ("received", "what arrived is not decided yet"),
        ):
            periods = [due.period.label for due in feed.due if due.is_overdue and due.state == state]
            if periods and feed.latest is not None:
                yield Reason(WITH_CARE, f"{feed.name}: {says} for {listed(periods)}.")


def _last_delivery_was_taken(feeds: Sequence[FeedPicture]) -> Iterator[Reason]:
    for feed in feeds:
        last = max(feed.deliveries, key=lambda delivery: (delivery.received_at, delivery.delivery_id), default=None)
        if (
            last
            and feed.latest
            and last.state in ("rejected", "held")
            and any(due.state == "accepted" and last in due.deliveries for due in feed.due)
        ):
            yield Reason(
                WITH_CARE, f"{feed.name}: the last delivery, for {last.period}, was {last.state}; an earlier one is used."
            )


def _little_was_set_aside(feeds: Sequence[FeedPicture]) -> Iterator[Reason]:
    for feed in feeds:
        share = percent(feed.set_aside_rows, feed.landed_rows)
        if feed.latest and share is not None and share > feed.set_aside_limit_percent:
            yield Reason(
                WITH_CARE,
                f"{feed.name}: {share:.0f}% of the rows of {feed.latest.period} were set aside, "
                f"more than the {feed.set_aside_limit_percent:g}% agreed.",
            )


def _people_can_be_joined(people: People | None) -> Iterator[Reason]:
    if people is None:
        yield Reason(NO, "The person index is empty: no record of one organisation is joined to another's.")
        return
    share = percent(people.without_nhs_number, people.with_nhs_number + people.without_nhs_number)
    if share is not None and share > PERSONS_WITHOUT_NHS_NUMBER_PERCENT:
        yield Reason(
            WITH_CARE,
            f"{share:.0f}% of people have no valid NHS number in any record, more than "
            f"{PERSONS_WITHOUT_NHS_NUMBER_PERCENT}%: some of them are joined by name, birth date and postcode or not at all.",
        )


def _links_are_right(linkage: Linkage | None) -> Iterator[Reason]:
    if linkage is None:
        return
    if linkage.persons_with_two_numbers:
        yield Reason(NO, "Some people hold two different verified NHS numbers: two people are joined as one.", (DIRECT_CARE,))
    if linkage.sample is None:
        yield Reason(
            WITH_CARE, "How often two people are joined by mistake has not been measured by a clerical sample.", (DIRECT_CARE,)
        )
    elif 100 * linkage.sample.lower < LINKS_RIGHT_PERCENT:
        yield Reason(
            WITH_CARE,
            f"By a clerical sample at least {100 * linkage.sample.lower:.1f}% of links are right, which is less than "
            f"{LINKS_RIGHT_PERCENT}%: some records show another person's care.",
            (DIRECT_CARE,),
        )


def _opt_outs_are_known(purposes: Sequence[OptOuts]) -> Iterator[Reason]:
    for one in purposes:
        if one.is_fresh:
            continue
        why = (
            f"tells until {one.told_until:%d/%m/%Y}, more than {one.opt_out_days} days ago"
            if one.told_until
            else "has never come"
        )
        yield Reason(NO, f"NHS England's list of who has not opted out {why}, so nobody is shown for {one.purpose}.", (PLANNING,))


def _what_real_data_need_is_in_place(items: Sequence[Needed]) -> Iterator[Reason]:
    if not items:
        yield Reason(NO, "Nobody has recorded what must be in place before professionals are shown a record.", (DIRECT_CARE,))
    waiting = [f"{item.item} ({item.state})" for item in items if item.state != "in place"]
    if waiting:
        yield Reason(NO, f"Not in place yet: {english.all_of(waiting)}.", (DIRECT_CARE,))
