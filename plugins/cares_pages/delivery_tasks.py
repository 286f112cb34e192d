"""What the DAG files share: tasks about one delivery, what follows when rows are accepted, and what is worth another try."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk import (
    Asset,
    AssetAlias,
    BaseOperator,
    BaseOperatorLink,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    get_current_context,
)
from airflow.sdk.bases.decorator import TaskDecorator, task_decorator_factory
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from cares import deliveries

# What was refused, rejected or is wrong stays so however often it is tried.
RETRY_WHEN_INTERRUPTED = {
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_policy": ExceptionRetryPolicy([RetryRule("cares.warehouse.WarehouseInterrupted")], default=RetryAction.FAIL),
}

# A server that is away comes back, and a transfer that was cut goes on: tried again after longer and longer pauses.
RETRY_TRANSPORT = {
    # A server that sends a byte now and then would hold its organisation's deliveries up for ever; the next run goes on there.
    "execution_timeout": timedelta(hours=2),
    "retries": 4,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 3.0,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": ExceptionRetryPolicy(
        [RetryRule(["cares.transports.TransportProblem", "cares.warehouse.WarehouseInterrupted"])], default=RetryAction.FAIL
    ),
}

# The outlet of each task that calls `announce`: which feed it is for is only known when it runs.
ACCEPTED = AssetAlias("accepted")


def accepted(feed: str) -> Asset:
    """The asset of a feed's accepted rows."""
    return Asset(f"accepted/{feed}")


def announce(delivery: int) -> None:
    """Tell Airflow that what is accepted of a delivery's feed has changed, so that a build follows."""
    feed, period = deliveries.feed_and_period(delivery)
    events = get_current_context()["outlet_events"]
    events[ACCEPTED].add(accepted(feed), extra={"delivery": delivery, "period": period})


def end_as(decision: deliveries.Decision) -> None:
    """Let a task end as its decision did: red where it is rejected, skipped where it is held, else with its rows announced."""
    more = f"More: cares delivery show {decision.delivery_id}"
    if decision.state == "rejected":
        raise AirflowFailException(f"Rejected: {decision.reason}. {more}")
    if decision.state == "held":
        raise AirflowSkipException(f"Held: {decision.reason}. {more}")
    announce(decision.delivery_id)


class DeliveryPage(BaseOperatorLink):
    """The button on a task that opens the page of its delivery, also when the task failed."""

    name = "Delivery"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The address of the page, on the host of Airflow's own pages."""
        return f"/cares/deliveries/{operator.op_kwargs['delivery']}"


class DeliveryOperator(_PythonDecoratedOperator):
    """A Python task whose argument `delivery` is the number of a delivery."""

    custom_operator_name = "@delivery_task"
    operator_extra_links = (DeliveryPage(),)

    def execute(self, context: Any) -> Any:
        """Give the task the delivery's name, then run it."""
        context["delivery_title"] = deliveries.title(self.op_kwargs["delivery"])
        return super().execute(context)


def delivery_task(function: Callable[..., Any] | None = None, **options: Any) -> TaskDecorator:
    """`@task` for a function of one `delivery`: Airflow shows it under the delivery's name and links it to its page."""
    return task_decorator_factory(
        function, decorated_operator_class=DeliveryOperator, map_index_template="{{ delivery_title }}", **options
    )
