"""Every hour: the head of the audit of the Shared Care Record is written down outside the database, and openings are looked at.

What was anchored cannot be written anew unseen, not even by whoever rules the database (`cares audit verify`). Signs of misuse
are kept for governance (`cares audit signals`). And where people vanished from what analysts see, such as by an opt-out, nothing
more is shown of what tells those apart whom too few are like.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable, task

from cares_pages.delivery_tasks import RETRY_WHEN_INTERRUPTED

with DAG(
    "watch_record",
    description="The audit of the Shared Care Record: anchor its head, look for signs of misuse; hide what small groups tell",
    schedule=CronTriggerTimetable("0 * * * *", timezone="Europe/London"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["governance"],
    default_args={"owner": "data engineering"},
):

    @task(**RETRY_WHEN_INTERRUPTED)
    def anchor_audit() -> None:
        from cares.governance import audit

        audit.anchor()

    @task(**RETRY_WHEN_INTERRUPTED)
    def look_for_misuse() -> None:
        from cares.governance import misuse

        misuse.look()

    @task(**RETRY_WHEN_INTERRUPTED)
    def widen_small_groups() -> None:
        from cares.governance import generalisation

        generalisation.widen()

    anchor_audit()
    look_for_misuse()
    widen_small_groups()
