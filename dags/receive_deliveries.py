"""Each organisation's deliveries are collected from its outbox, landed as sent, checked against its contracts and decided.

One DAG for each organisation, so that one that sends late or wrong delays nobody else. A delivery that is refused or
rejected is red, with what to do about it in its log and on its page (button "Delivery"); the others go on. What is held
waits for a person: see `handle_deliveries`. Only ids pass from task to task; tried again is what the database interrupted.
"""

from __future__ import annotations

import os

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, CronTriggerTimetable, ObjectStoragePath, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from cares import contracts, deliveries
from cares_pages.delivery_tasks import ACCEPTED, RETRY_WHEN_INTERRUPTED, announce, delivery_task

OUTBOX = ObjectStoragePath(os.environ["CARES_OUTBOX"])


def receive(organisation: str) -> None:
    @task
    def collect() -> list[int]:
        return deliveries.take(organisation, OUTBOX, get_current_context()["run_id"])

    @task
    def not_taken() -> None:
        if reasons := deliveries.refusals(organisation, OUTBOX):
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
        decision = deliveries.decide(delivery)
        if decision.state == "rejected":
            raise AirflowFailException(f"Rejected: {decision.reason}. More: cares delivery show {delivery}")
        if decision.state == "held":
            raise AirflowSkipException(f"Held: {decision.reason}. More: cares delivery show {delivery}")
        announce(delivery)

    @delivery_task(trigger_rule="all_done")
    def tell_sender(delivery: int) -> None:
        from cares.reports import returns

        returns.write(delivery)

    collected = collect()
    checked = check(land.expand(delivery=collected))
    decided = decide.expand(delivery=checked)
    collected >> not_taken()
    # A run is as red as its last tasks: without `all_taken`, a rejected delivery would not show in the list of DAGs.
    decided >> [tell_sender.expand(delivery=checked), EmptyOperator(task_id="all_taken")]


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
