"""What the tests of formats share: folders of `tests/extracts` received and staged, and the rules that they break."""

from __future__ import annotations

from pathlib import Path

from cares import builds, deliveries
from end_to_end.receiving import EXTRACTS
from fresh_warehouse import FreshWarehouse


def receive(feed: str, folder: str | Path, period: str) -> deliveries.Decision:
    """Receive the files of a folder; a name alone is one of `tests/extracts`."""
    return deliveries.receive(feed, sorted((EXTRACTS / folder).iterdir()), period)


def accept(feed: str, folder: str | Path, period: str) -> None:
    """Receive a folder that is taken without a word."""
    decision = receive(feed, folder, period)
    assert decision.state == "accepted", decision.reason


def accept_or_release(feed: str, folder: str | Path, period: str) -> None:
    """Receive a folder so small that a few rows set aside are more than its contract takes without a word."""
    decision = receive(feed, folder, period)
    if decision.state == "held":
        deliveries.act("release", decision.delivery_id, "a small example")
    else:
        assert decision.state == "accepted", decision.reason


def stage(*layers: str) -> None:
    """Run the staging of a build, and the layers that are named after it."""
    build_id = builds.start_build()
    for layer in ("staging", *layers):
        builds.run_layer(build_id, layer)


def broken_rules(warehouse: FreshWarehouse, *feeds: str, state: str = "accepted") -> list[tuple[str, int, str]]:
    """Each rule that these feeds' deliveries of a state break, the line of the file, and what became of it."""
    return warehouse.rows(
        """select rule, line_number, finding.if_broken from ledger.finding inner join ledger.delivery using (delivery_id)
           where feed = any(%s) and state = %s order by line_number, rule""",
        list(feeds), state,
    )  # fmt: skip
