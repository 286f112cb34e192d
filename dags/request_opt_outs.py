"""Every Monday: NHS England is asked over MESH which of our NHS numbers may be used beyond people's own care.

The answer comes as the feed `nhs_england/national_data_opt_outs`, and counts from the build that follows. Skipped where that
feed does not come by MESH: then somebody asks by hand, `cares opt-out request FOLDER`.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronTriggerTimetable, task

from cares_pages import connections
from cares_pages.delivery_tasks import RETRY_TRANSPORT

with DAG(
    "request_opt_outs",
    description="Ask NHS England about the national data opt-out",
    schedule=CronTriggerTimetable("0 5 * * 1", timezone="Europe/London"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["governance"],
    default_args={"owner": "data engineering"},
):

    @task(**RETRY_TRANSPORT)
    def ask() -> None:
        connections.ask_about_opt_outs()

    ask()
