"""What happened to a delivery, who did it and why; and one thing at a time for each feed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cares import warehouse


class DeliveryError(Exception):
    """Something that cannot be done with a delivery: says why and what to do, never a value of the data."""


def no_such_delivery(delivery_id: int) -> DeliveryError:
    """What to raise for a number that no delivery has."""
    return DeliveryError(f"There is no delivery {delivery_id}. See: cares delivery list")


@contextmanager
def one_at_a_time(delivery_id: int) -> Iterator[psycopg.Connection]:
    """A transaction in which nobody else changes deliveries of the same feed; others wait.

    Raises DeliveryError when there is no such delivery.
    """
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        found = connection.execute("select feed from ledger.delivery where delivery_id = %s", (delivery_id,)).fetchone()
        if not found:
            raise no_such_delivery(delivery_id)
        # The feed before the delivery, always: two that wait for each other in turn would never end.
        connection.execute("select pg_advisory_xact_lock(hashtext('cares.deliveries ' || %s))", (found[0],))
        connection.execute("select from ledger.delivery where delivery_id = %s for update", (delivery_id,))
        yield connection


def record(connection: psycopg.Connection, delivery_id: int, event: str, reason: str, by: str | None = None) -> None:
    """Write down what happened to a delivery; `by` is by default who runs this process."""
    connection.execute(
        "insert into ledger.delivery_event (delivery_id, by, event, reason) values (%s, %s, %s, %s)",
        (delivery_id, by or warehouse.who_is_at_work(), event, reason),
    )
