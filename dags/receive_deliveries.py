"""Each organisation's deliveries are collected from its outbox, landed as sent, checked against its contracts and decided.

One DAG for each organisation, so that one that sends late or wrong delays nobody else. A delivery that is refused or
rejected is red, with what to do about it in its log; the others go on. Only ids pass from task to task.
"""

from __future__ import annotations

import os

from airflow.sdk import DAG, Asset, CronTriggerTimetable, ObjectStoragePath, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from cares import contracts, deliveries

OUTBOX = ObjectStoragePath(os.environ["CARES_OUTBOX"])


def receive(organisation: str) -> None:
    @task
    def collect() -> list[int]:
        return deliveries.take(organisation, OUTBOX, get_current_context()["run_id"])

    @task
    def not_taken() -> None:
        if reasons := deliveries.refusals(organisation, OUTBOX):
            raise AirflowFailException("Not taken: " + "; ".join(reasons))

    @task(map_index_template="{{ delivery }}", retries=1)
    def land(delivery: int) -> int:
        from cares import landing

        get_current_context()["delivery"] = deliveries.title(delivery)
        landing.land(delivery)
        return delivery

    @task(trigger_rule="all_done_min_one_success")
    def check(landed: list[int]) -> list[int]:
        from cares import checks

        checks.check(landed)
        return list(landed)

    @task(map_index_template="{{ delivery }}", outlets=[Asset(f"accepted/{organisation}")])
    def decide(delivery: int) -> None:
        get_current_context()["delivery"] = deliveries.title(delivery)
        decision = deliveries.decide(delivery)
        if decision.state == "rejected":
            raise AirflowFailException(f"Rejected: {decision.reason}. More: cares delivery show {delivery}")
        if decision.state == "held":
            raise AirflowSkipException(f"Held: {decision.reason}. More: cares delivery show {delivery}")

    collected = collect()
    collected >> not_taken()
    decide.expand(delivery=check(land.expand(delivery=collected)))


for organisation in contracts.load().organisations.values():
    with DAG(
        f"receive__{organisation.slug}",
        description=f"Collect, land, check and decide what {organisation.file.name} sent",
        schedule=CronTriggerTimetable("0 * * * *", timezone="Europe/London", run_immediately=True),
        catchup=False,
        max_active_runs=1,
        doc_md=__doc__,
        tags=["receive", organisation.slug],
        default_args={"owner": "data engineering"},
    ):
        receive(organisation.slug)
