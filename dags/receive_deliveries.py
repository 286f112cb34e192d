"""Each organisation's deliveries are fetched, collected, landed as sent, checked against its contracts and decided.

One DAG for each organisation, so that one that sends late or wrong delays nobody else. A delivery that is refused or
rejected is red, with what to do about it in its log and on its page (button "Delivery"); the others go on. What is held
waits for a person: see `handle_deliveries`. Only ids pass from task to task; tried again is what a server interrupted.
"""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from cares import contracts, deliveries
from cares_pages import connections
from cares_pages.delivery_tasks import ACCEPTED, RETRY_TRANSPORT, RETRY_WHEN_INTERRUPTED, delivery_task, end_as


def receive(organisation: str) -> None:
    @task(map_index_template="{{ task.op_kwargs['feed'] }}", **RETRY_TRANSPORT)
    def fetch(feed: str) -> None:
        connections.fetch(feed)

    @task(trigger_rule="all_done", **RETRY_TRANSPORT)
    def collect() -> list[int]:
        return connections.take(organisation, get_current_context()["run_id"])

    @task(**RETRY_TRANSPORT)
    def not_taken() -> None:
        if reasons := connections.refusals(organisation):
            raise AirflowFailException("Not taken: " + "; ".join(reasons))

    @delivery_task
    def land(delivery: int) -> int:
        from cares import landing

        landing.land(delivery)
        return delivery

    @task(trigger_rule="all_done_min_one_success")
    def check(landed: list[int]) -> list[int]:
        from cares import checks

        checks.check(landed)
        return list(landed)

    @delivery_task(outlets=[ACCEPTED])
    def decide(delivery: int) -> None:
        from cares.reports import returns

        decision = deliveries.decide(delivery)
        returns.write(delivery)
        end_as(decision)

    @task(trigger_rule="all_done", **RETRY_TRANSPORT)
    def tell_senders() -> None:
        connections.tell_senders(organisation)

    collected = collect()
    # A run is as red as its last tasks: without `all_taken`, a rejected delivery would not show in the list of DAGs.
    all_taken = EmptyOperator(task_id="all_taken")
    decided = decide.expand(delivery=check(land.expand(delivery=collected)))
    collected >> not_taken()
    decided >> [tell_senders(), all_taken]
    if fetched := connections.fetched_feeds(organisation):
        fetch.expand(feed=fetched) >> [collected, all_taken]


for organisation in contracts.load().organisations.values():
    with DAG(
        f"receive__{organisation.slug}",
        description=f"Collect, land, check and decide what {organisation.file.name} sent",
        schedule=CronTriggerTimetable("0 * * * *", timezone="Europe/London", run_immediately=True),
        catchup=False,
        max_active_runs=1,
        doc_md=__doc__,
        tags=["receive", organisation.slug],
        default_args={"owner": "data engineering", **RETRY_WHEN_INTERRUPTED},
    ):
        receive(organisation.slug)
