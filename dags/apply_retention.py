"""Every day what has expired is let go: linked copies of people, and feeds whose ended agreements say so.

How long is said in expectations/governance/purposes.yml and retention.yml. Legal holds stop it. Each act has a
certificate (VAR/certificates). It waits for a build that runs, in the pool `dbt`.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowSkipException

from cares_pages.delivery_tasks import RETRY_WHEN_INTERRUPTED

with DAG(
    "apply_retention",
    description="What has expired is erased, with a certificate",
    schedule=CronTriggerTimetable("0 5 * * *", timezone="Europe/London"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["governance"],
    default_args={"owner": "data engineering", "pool": "dbt"},
):

    @task(**RETRY_WHEN_INTERRUPTED)
    def let_expire() -> list[int]:
        from cares import retention

        acts = retention.run()
        if not acts:
            raise AirflowSkipException("Nothing has expired.")
        return [act.certificate_id for act in acts]

    let_expire()
