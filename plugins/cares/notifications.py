"""Who is to be told what: periods that are late or missing, and deliveries that wait for a word. Ids only."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from html import escape
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from cares import english, simulated, warehouse

Way = Literal["email", "webhook"]

_SENT_AT = {"email": "emailed_at", "webhook": "posted_at"}
# Whoever sets a way up late is not flooded with what is long past.
_DAYS_WORTH_TELLING = 30
_SECONDS_TO_ANSWER = 10


class NotificationError(Exception):
    """Notifications that could not be sent: says why and what to do, never where to, for the address may hold a secret."""


@dataclass(frozen=True)
class Notification:
    """One thing to tell; `sentence` says it all, with the command that shows more. No value of the data is in it."""

    notification_id: int
    at: datetime
    kind: Literal["late", "missing", "arrived", "held", "rejected"]
    feed: str
    period: str
    delivery_id: int | None
    due_on: date | None
    days_late: int | None
    sentence: str
    is_simulated: bool

    @property
    def subject(self) -> str:
        """What it is about, in one short line."""
        about = f"{self.feed} {self.period}"
        if self.kind in ("held", "rejected"):
            about += f": delivery {self.delivery_id}"
        return f"{f'{simulated.WORD}: ' if self.is_simulated else ''}{about} {_SAYS[self.kind]}"

    @property
    def text(self) -> str:
        """The whole of it, in plain words."""
        return f"{f'{simulated.WORD}. ' if self.is_simulated else ''}{self.sentence}"


_SAYS = {
    "late": "is late",
    "missing": "is missing",
    "arrived": "has arrived after all",
    "held": "is held",
    "rejected": "was rejected",
}


def queue() -> int:
    """Queue what the ledger has to tell and nobody has been told; returns how many. Safe to call at any time.

    A period is told once when it is late, once when it is missing, and once when it arrives after that; a delivery
    once each time it is held or rejected. What is over is closed.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        return queue_in(connection)


def queue_in(connection: psycopg.Connection[Any]) -> int:
    """The same as `queue`, inside a transaction."""
    connection.execute("select pg_advisory_xact_lock(hashtext('cares.notifications'))")
    arrived = connection.execute(_ARRIVED).rowcount
    connection.execute(_CLOSE_WHAT_IS_OVER)
    return arrived + connection.execute(_OVERDUE).rowcount + connection.execute(_HELD_OR_REJECTED).rowcount


def waiting(by: Way) -> list[Notification]:
    """What is to be told and was not sent this way yet, the oldest first; queues what is new."""
    queue()
    is_simulated = simulated.is_simulated()
    with (
        warehouse.safe_errors(),
        warehouse.connect("pipeline") as connection,
        connection.cursor(row_factory=class_row(Notification)) as cursor,
    ):
        return cursor.execute(
            sql.SQL(
                """select notification_id, at, kind, feed, period, delivery_id, due_on, days_late, sentence,
                          %s::boolean as is_simulated
                   from ledger.notification
                   where closed_at is null and {} is null and at > now() - make_interval(days => %s)
                   order by notification_id"""
            ).format(sql.Identifier(_SENT_AT[by])),
            (is_simulated, _DAYS_WORTH_TELLING),
        ).fetchall()


def sent(notification_ids: Collection[int], by: Way) -> None:
    """Write down that notifications went out, so that they do not go out this way again."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        connection.execute(
            sql.SQL("update ledger.notification set {} = clock_timestamp() where notification_id = any(%s)").format(
                sql.Identifier(_SENT_AT[by])
            ),
            (list(notification_ids),),
        )


def as_email(notifications: Sequence[Notification]) -> tuple[str, str]:
    """The subject and the HTML text of one e-mail that tells them all; at least one is needed."""
    first, *more = notifications
    subject = first.subject + (f" (and {len(more)} more)" if more else "")
    return subject, "".join(f"<p>{escape(one.text)}</p>" for one in notifications)


def post(url: str, notifications: Sequence[Notification]) -> None:
    """Send notifications to a webhook as JSON: {"notifications": [{"kind": "late", "feed": ..., "text": ...}, ...]}.

    Does nothing when there are none. Raises NotificationError unless the answer is a success; the address, in which a
    secret may stand, is in no message.
    """
    if not notifications:
        return
    told = [{**asdict(one), "subject": one.subject, "text": one.text} for one in notifications]
    body = json.dumps({"notifications": told}, default=str).encode()
    if not url.lower().startswith(("https://", "http://")):
        raise NotificationError("The webhook's address does not begin with https:// or http://. Correct it where it is set.")
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", "User-Agent": "cares"})
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_SECONDS_TO_ANSWER):
            return
    except urllib.error.HTTPError as error:
        problem = f"answered with status {error.code}"
        error.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        # An OSError's own text may name the address, its class does not.
        reason = getattr(error, "reason", error)
        problem = f"did not answer ({type(reason).__name__})"
    raise NotificationError(
        f"The webhook {problem}; {english.counted(len(notifications), 'notification')} will be tried again. "
        "Check its address, and that its server is up."
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without what it tells; and who redirects could learn the secret."""

    def redirect_request(self, *_: Any) -> None:
        return None


_ARRIVED = """
    with closed as (
        update ledger.notification as told set closed_at = clock_timestamp()
        from ledger.promise
        where told.kind in ('late', 'missing') and told.closed_at is null
            and promise.feed = told.feed and promise.period = told.period and promise.status = 'arrived'
        returning promise.feed, promise.period, promise.due_on, promise.days_late, promise.last_delivery_id
    )
    insert into ledger.notification (kind, feed, period, delivery_id, due_on, days_late, sentence)
    select distinct 'arrived', feed, period, last_delivery_id, due_on, days_late,
        format(
            '%s has arrived for %s, which was due on %s%s. Look: cares delivery show %s',
            feed, period, to_char(due_on, 'YYYY-MM-DD'),
            case when days_late = 1 then ' (1 day late)' when days_late > 1 then format(' (%s days late)', days_late) else '' end,
            last_delivery_id
        )
    from closed
"""

_OVERDUE = """
    insert into ledger.notification (kind, feed, period, delivery_id, due_on, days_late, sentence)
    select status, feed, period, last_delivery_id, due_on, days_late,
        format(
            'Nothing has been accepted from %s for %s, which was due on %s (%s). %s',
            feed, period, to_char(due_on, 'YYYY-MM-DD'),
            case days_late when 1 then '1 day late' else format('%s days late', days_late) end,
            case
                when last_delivery_id is null then format('Look: cares promise list --feed %s', feed)
                else format(
                    'Delivery %s came and is %s. Look: cares delivery show %s',
                    last_delivery_id, case delivery.state when 'received' then 'not decided yet' else delivery.state end,
                    last_delivery_id
                )
            end
        )
    from ledger.promise
    left join (select delivery_id, state from ledger.delivery) as delivery on delivery.delivery_id = last_delivery_id
    where status in ('late', 'missing')
        and not exists (
            select from ledger.notification as told
            where told.kind = promise.status and told.closed_at is null
                and told.feed = promise.feed and told.period = promise.period
        )
    order by due_on, feed
"""

_HELD_OR_REJECTED = """
    insert into ledger.notification (kind, feed, period, delivery_id, sentence)
    select state, feed, period, delivery_id,
        format(
            'Delivery %1$s from %2$s for %3$s %4$s. Look: cares delivery show %1$s',
            delivery_id, feed, period,
            case
                when state = 'rejected' then 'was rejected'
                when held_for is null then 'is held'
                else format('is held, because of %s', held_for)
            end
        )
    from ledger.delivery
    where state in ('held', 'rejected')
        and not exists (
            select from ledger.notification as told
            where told.kind = delivery.state and told.closed_at is null and told.delivery_id = delivery.delivery_id
        )
    order by delivery_id
"""

_CLOSE_WHAT_IS_OVER = """
    update ledger.notification as told set closed_at = clock_timestamp()
    where closed_at is null and (
        kind in ('late', 'missing') and not exists (
            select from ledger.promise
            where promise.feed = told.feed and promise.period = told.period and promise.status = told.kind
        )
        or kind in ('held', 'rejected') and not exists (
            select from ledger.delivery where delivery.delivery_id = told.delivery_id and delivery.state = told.kind
        )
    )
"""
