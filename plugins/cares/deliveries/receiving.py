"""One delivery the whole way: registered, landed, checked and decided, and its sender told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cares import landing, warehouse
from cares.deliveries.decision import Decision, decide
from cares.deliveries.events import no_such_delivery
from cares.deliveries.registration import register

Progress = Callable[[str, int], None]


def receive(feed_slug: str, files: Iterable[Any], period_label: str, progress: Progress | None = None) -> Decision:
    """Take one delivery the whole way: register, land, check, decide. `progress` is told (step, amount).

    Raises DeliveryRefused or ContractError where it is not taken at all.
    """
    registration = register(feed_slug, files, period_label, "command line")
    if registration.is_duplicate:
        return Decision(
            registration.delivery_id,
            "duplicate",
            f"the same files as delivery {registration.delivery_id}, which is in force; nothing was changed",
        )
    return take_in(registration.delivery_id, progress)


def take_in(delivery_id: int, progress: Progress | None = None) -> Decision:
    """Land, check and decide a registered delivery, and write to its sender; each step that was done already is passed over."""
    from cares import checks
    from cares.reports import returns

    landing.land(delivery_id, progress and (lambda amount: progress("landed", amount)))
    checks.check([delivery_id], progress and (lambda amount: progress("checked", amount)))
    decision = decide(delivery_id)
    returns.write(delivery_id)
    return decision


def title(delivery_id: int) -> str:
    """What a person calls a delivery: `adult_social_care 2019-Q1 #12`. Raises DeliveryError when there is no such delivery."""
    feed, period = feed_and_period(delivery_id)
    return f"{feed.partition('/')[2]} {period} #{delivery_id}"


def feed_and_period(delivery_id: int) -> tuple[str, str]:
    """Whose delivery it is, and for when: `council/adult_social_care`, `2019-Q1`. Raises DeliveryError as `title`."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        found = connection.execute("select feed, period from ledger.delivery where delivery_id = %s", (delivery_id,)).fetchone()
    if not found:
        raise no_such_delivery(delivery_id)
    return found
