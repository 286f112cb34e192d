"""Who is told what: each thing once, ids only, by e-mail and by a webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from cares import deliveries, notifications, promises
from cares.governance import agreements
from cares.notifications import NotificationError
from end_to_end.receiving import deliver_tenancies, sign_agreement
from fresh_warehouse import FreshWarehouse
from quality_ledger import Ledger

TORUS = "torus/tenancies"
LATE, MISSING = date(2019, 3, 9), date(2019, 3, 22)


@pytest.fixture
def agreed(warehouse: FreshWarehouse) -> FreshWarehouse:
    first = date(2019, 2, 1)
    agreements.sign(agreements.Agreement("TEST", TORUS, ("planning",), first, first, date(2019, 2, 28)))
    return warehouse


def accept(warehouse: FreshWarehouse, period: str, received_at: str) -> int:
    with warehouse.connect() as connection:
        delivery_id = Ledger(connection).delivery(TORUS, period, "tenancies", 100)
        connection.execute("update ledger.delivery set received_at = %s", (received_at,))
    return delivery_id


def told() -> list[tuple[str, str]]:
    """What waits to go out by e-mail: kind and period; then it is out."""
    waiting = notifications.waiting("email")
    notifications.sent([one.notification_id for one in waiting], "email")
    return [(one.kind, one.period) for one in waiting]


def test_a_late_period_is_told_once_as_late_once_as_missing_and_once_when_it_arrives(agreed: FreshWarehouse) -> None:
    assert promises.check(LATE) == 1
    assert promises.check(LATE) == 0
    assert told() == [("late", "2019-02")]
    assert promises.check(MISSING) == 1
    assert told() == [("missing", "2019-02")]
    assert told() == []

    delivery_id = accept(agreed, "2019-02", "2019-03-25")
    assert promises.check(date(2019, 3, 25)) == 1
    (arrived,) = notifications.waiting("email")
    assert arrived.subject == "torus/tenancies 2019-02 has arrived after all"
    assert arrived.text == (
        "torus/tenancies has arrived for 2019-02, which was due on 2019-03-07 (18 days late). "
        f"Look: cares delivery show {delivery_id}"
    )
    assert promises.check(date(2019, 3, 26)) == 0


def test_what_is_over_before_it_was_sent_is_not_sent(agreed: FreshWarehouse) -> None:
    promises.check(LATE)
    promises.check(MISSING)
    assert told() == [("missing", "2019-02")]
    assert [one.kind for one in notifications.waiting("webhook")] == ["missing"]
    accept(agreed, "2019-02", "2019-03-25")
    promises.check(date(2019, 3, 25))
    assert [one.kind for one in notifications.waiting("webhook")] == ["arrived"]


def test_a_period_that_came_in_time_is_not_told(agreed: FreshWarehouse) -> None:
    accept(agreed, "2019-02", "2019-03-01")
    assert promises.check(MISSING) == 0


def test_a_late_period_says_what_it_is_how_late_and_where_to_look(agreed: FreshWarehouse) -> None:
    promises.check(LATE)
    (late,) = notifications.waiting("email")
    assert late.subject == "torus/tenancies 2019-02 is late"
    assert late.text == (
        "Nothing has been accepted from torus/tenancies for 2019-02, which was due on 2019-03-07 (2 days late). "
        "Look: cares promise list --feed torus/tenancies"
    )


def test_made_up_data_say_so(agreed: FreshWarehouse) -> None:
    with agreed.connect() as connection:
        Ledger(connection).simulated()
        Ledger(connection).delivery(TORUS, "2019-02", "tenancies", 1, state="rejected")
    (rejected,) = notifications.waiting("email")
    assert rejected.subject.startswith("SIMULATED DATA: ")
    assert rejected.text.startswith("SIMULATED DATA. ")


def test_a_rejected_delivery_is_told_once_by_its_number_and_by_no_name_of_a_file(warehouse: FreshWarehouse) -> None:
    sign_agreement(TORUS)
    rejected = deliver_tenancies("a_mandatory_column_is_missing")
    (one,) = notifications.waiting("email")
    assert one.kind == "rejected"
    assert one.text == (
        f"Delivery {rejected.delivery_id} from torus/tenancies for 2019-03 was rejected. "
        f"Look: cares delivery show {rejected.delivery_id}"
    )
    assert one.subject == f"torus/tenancies 2019-03: delivery {rejected.delivery_id} was rejected"
    notifications.sent([one.notification_id], "email")
    assert notifications.waiting("email") == []


def test_a_held_delivery_is_told_each_time_it_is_held(warehouse: FreshWarehouse) -> None:
    sign_agreement(TORUS)
    delivery_id = deliver_tenancies("as_promised").delivery_id
    assert told() == []
    deliveries.act("hold", delivery_id, "the sender asked us to wait")
    (one,) = notifications.waiting("email")
    assert one.text == (
        f"Delivery {delivery_id} from torus/tenancies for 2019-03 is held, because of a person. "
        f"Look: cares delivery show {delivery_id}"
    )
    assert told() == [("held", "2019-03")]
    assert told() == []
    deliveries.act("release", delivery_id, "the sender is content")
    assert told() == []
    deliveries.act("hold", delivery_id, "the sender asked us again")
    assert told() == [("held", "2019-03")]


def test_what_goes_out_one_way_still_waits_for_the_other(agreed: FreshWarehouse) -> None:
    promises.check(LATE)
    (one,) = notifications.waiting("webhook")
    notifications.sent([one.notification_id], "webhook")
    assert notifications.waiting("webhook") == []
    assert notifications.waiting("email") == [one]


def test_what_is_older_than_a_month_is_not_sent_to_a_way_that_is_set_up_today(agreed: FreshWarehouse) -> None:
    promises.check(LATE)
    with agreed.connect() as connection:
        connection.execute("update ledger.notification set at = now() - interval '31 days'")
    assert notifications.waiting("webhook") == []


@contextmanager
def webhook(status: int) -> Iterator[tuple[str, list[Any]]]:
    """A real server that answers each POST with a status; its address, with a secret in it, and what was posted."""
    posted: list[Any] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            posted.append("a GET without a word")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks/TOKEN-4711", posted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_is_sent_ids_and_nothing_else(agreed: FreshWarehouse) -> None:
    promises.check(LATE)
    with webhook(204) as (url, posted):
        notifications.post(url, notifications.waiting("webhook"))
        notifications.post(url, [])
    ((one,),) = (post["notifications"] for post in posted)
    assert one.pop("at").startswith("20")
    assert one == {
        "notification_id": 1, "kind": "late", "feed": TORUS, "period": "2019-02", "delivery_id": None,
        "due_on": "2019-03-07", "days_late": 2, "is_simulated": False, "subject": "torus/tenancies 2019-02 is late",
        "sentence": one["text"], "text": one["text"],
    }  # fmt: skip


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_does_not_take_it_is_told_without_its_address(agreed: FreshWarehouse, status: int) -> None:
    promises.check(LATE)
    with (
        webhook(status) as (url, posted),
        pytest.raises(NotificationError, match=f"answered with status {status}; 1 notification will") as error,
    ):
        notifications.post(url, notifications.waiting("webhook"))
    assert "TOKEN" not in str(error.value)
    assert error.value.__cause__ is None
    assert len(posted) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/TOKEN",
        "http://no.such.host.invalid/TOKEN",
        "http://[TOKEN",
        "http://a b/TOKEN",
        "file:///TOKEN",
        "TOKEN",
    ],
)
def test_a_webhook_that_cannot_be_reached_is_told_without_its_address(agreed: FreshWarehouse, url: str) -> None:
    promises.check(LATE)
    with pytest.raises(NotificationError) as error:
        notifications.post(url, notifications.waiting("webhook"))
    assert "TOKEN" not in str(error.value)
