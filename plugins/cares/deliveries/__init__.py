"""Deliveries: what arrived once for a feed and a period, from the outbox to the decision, and what people do with it then.

The command and the DAGs run the same functions, in this order: `take` (or `register`), `landing.land`, `checks.check`,
`decide`, and `reports.returns.write` for the sender. Each can be repeated without a second effect. Only ids leave them.
"""

from cares.deliveries.accounts import UNREADABLE_LINES_SHOWN, Account, account
from cares.deliveries.decision import Decision, decide
from cares.deliveries.events import DeliveryError
from cares.deliveries.handling import (
    ACTIONS,
    REPLAY_DOES,
    Change,
    Row,
    act,
    release_rows,
    replay,
    rows_that_break,
    set_rows_aside,
)
from cares.deliveries.outbox import Arrival, are_arriving, collect, refusals, register_arrival, take
from cares.deliveries.receiving import feed_and_period, receive, take_in, title
from cares.deliveries.registration import Registration, register
from cares.deliveries.request import REQUESTS, Request
from cares.deliveries.sent_files import DeliveryRefused

__all__ = [
    "ACTIONS",
    "REPLAY_DOES",
    "REQUESTS",
    "UNREADABLE_LINES_SHOWN",
    "Account",
    "Arrival",
    "Change",
    "Decision",
    "DeliveryError",
    "DeliveryRefused",
    "Registration",
    "Request",
    "Row",
    "account",
    "act",
    "are_arriving",
    "collect",
    "decide",
    "feed_and_period",
    "receive",
    "refusals",
    "register",
    "register_arrival",
    "release_rows",
    "replay",
    "rows_that_break",
    "set_rows_aside",
    "take",
    "take_in",
    "title",
]
