"""What somebody asks to be done with a delivery or with rows of it, on a form: shown first, then carried out as shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cares.deliveries.events import DeliveryError
from cares.deliveries.handling import ACTIONS, REPLAY_DOES, Change, Row, act, release_rows, replay, set_rows_aside
from cares.deliveries.receiving import title

_WITH_ROWS: dict[str, Callable[..., list[Change]]] = {"release rows": release_rows, "set rows aside": set_rows_aside}

# Everything that can be asked for, in the words of the form.
REQUESTS = (*ACTIONS, "replay", *_WITH_ROWS)


@dataclass(frozen=True)
class Request:
    """One of `REQUESTS`, for a delivery or for rows of one (named like 12/episodes/41), with the reason.

    Raises DeliveryError when it does not name what it is about.
    """

    action: str
    reason: str
    delivery: int | None = None
    rows: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.action in _WITH_ROWS and (not self.rows or self.delivery is not None):
            raise DeliveryError(f"To {self.action}, name the rows, like 12/episodes/41, and leave the delivery empty.")
        if self.action not in _WITH_ROWS and (self.rows or self.delivery is None):
            raise DeliveryError(f"To {self.action} a delivery, give its number and leave the rows empty.")

    @property
    def delivery_id(self) -> int:
        """The delivery that it is about."""
        return Row.parse(self.rows[0]).delivery_id if self.rows else self.delivery

    def shown(self) -> str:
        """What it would touch, as Markdown: numbers, feeds, periods, states and counts. Nothing is changed.

        Raises DeliveryError when it cannot be done, or would change nothing.
        """
        if self.action == "replay":
            return f"To replay {title(self.delivery_id)}: {REPLAY_DOES}."
        changes = self._do(None, only_look=True)
        if all(change.is_none for change in changes):
            raise DeliveryError(f"That would change nothing. Why: cares delivery show {self.delivery_id}")
        lines = [
            f"| {change.delivery_id} | {change.feed} {change.period} | {change.state} | {change.state_after} "
            f"| {change.rows:,} | {change.rows_after:,} |"
            for change in changes
        ]
        return "\n".join(
            [
                f"To {self._what()}",
                "",
                "| Delivery | Feed and period | State | And then | Rows in use | And then |",
                "|---|---|---|---|---|---|",
                *lines,
            ]
        )

    def carry_out(self, by: str, as_shown: str) -> int:
        """Do it as `by`, and return the delivery whose rows it changed.

        Raises DeliveryError when it would not do any more what `shown` said, or when a replay is not accepted.
        """
        if self.shown() != as_shown:
            raise DeliveryError("The ledger has changed since this was shown, and nothing was done. Ask again to see it anew.")
        if self.action != "replay":
            self._do(by, only_look=False)
            return self.delivery_id
        decision = replay(self.delivery_id, self.reason, by)
        if decision.state != "accepted":
            raise DeliveryError(
                f"The new delivery {decision.delivery_id} is {decision.state}: {decision.reason}. Delivery {self.delivery_id} "
                f"stays as it was. More: cares delivery show {decision.delivery_id}"
            )
        return decision.delivery_id

    def _do(self, by: str | None, only_look: bool) -> list[Change]:
        if self.action in _WITH_ROWS:
            return _WITH_ROWS[self.action]([Row.parse(row) for row in self.rows], self.reason, by, only_look)
        return act(self.action, self.delivery_id, self.reason, by, only_look)

    def _what(self) -> str:
        if self.action in _WITH_ROWS:
            return f"{self.action}: {', '.join(self.rows)}."
        chosen = ACTIONS[self.action]
        undo = f"`{chosen.undone_by} {self.delivery_id}`"
        return f"{self.action} delivery {self.delivery_id}: {chosen.does}. To undo it: {undo}, or the same with this form."
