"""What each feed promised for when, what came of it, and who is to be told."""

from alembic import op

revision = "0006"
down_revision = "0005"

PROMISES = """
create table ledger.promise (
    feed text not null,
    period text not null,
    period_start date not null,
    period_end date not null,
    due_on date not null,
    missing_after date not null,
    status text not null check (status in ('expected', 'due', 'late', 'missing', 'arrived')),
    first_arrived_on date,
    days_late integer check (days_late > 0),
    last_delivery_id bigint,
    checked_on date not null,
    primary key (feed, period),
    check (period_end <= due_on and due_on <= missing_after),
    check ((status = 'arrived') = (first_arrived_on is not null))
);
comment on table ledger.promise is
    'One row for each feed and period that was promised or came. Written anew by each check, from contracts, agreements and deliveries.';
comment on column ledger.promise.due_on is 'The last day on which it is in time.';
comment on column ledger.promise.missing_after is 'The last day on which it is late; from the next day on it is missing.';
comment on column ledger.promise.status is
    'On the day of the check. Expected: the period is not over; due: over and still in time; arrived: rows of it count. Held, rejected and withdrawn deliveries have not arrived.';
comment on column ledger.promise.first_arrived_on is 'The day in London on which the first delivery was received of which rows count.';
comment on column ledger.promise.days_late is
    'Days from due_on to first_arrived_on, or, while it is late or missing, to the day of the check. Empty: in time, or simulated and arrived.';
comment on column ledger.promise.last_delivery_id is 'The last delivery that came for it, whatever became of that.';
comment on column ledger.promise.checked_on is 'The day in London for which the status was worked out.';
"""

NOTIFICATIONS = """
create table ledger.notification (
    notification_id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    kind text not null check (kind in ('late', 'missing', 'arrived', 'held', 'rejected')),
    feed text not null,
    period text not null,
    delivery_id bigint references ledger.delivery,
    due_on date,
    days_late integer,
    sentence text not null,
    closed_at timestamptz,
    emailed_at timestamptz,
    posted_at timestamptz,
    check (kind not in ('held', 'rejected') or delivery_id is not null)
);
create unique index on ledger.notification (feed, period, kind) where kind in ('late', 'missing') and closed_at is null;
create unique index on ledger.notification (delivery_id, kind) where kind in ('held', 'rejected') and closed_at is null;
comment on table ledger.notification is
    'One row for each thing that somebody is to be told: a period that is late or missing, has arrived after all, or a delivery that is held or rejected. Ids only.';
comment on column ledger.notification.sentence is 'What is told, with the command that shows more; no value of the data.';
comment on column ledger.notification.closed_at is
    'When what it tells was over: the period arrived, the delivery was decided on. What is closed before it was sent is not sent.';
comment on column ledger.notification.emailed_at is 'When it went out by e-mail; empty: not yet.';
comment on column ledger.notification.posted_at is 'When it went out to the webhook; empty: not yet.';
"""


def upgrade() -> None:
    op.execute(PROMISES)
    op.execute(NOTIFICATIONS)
