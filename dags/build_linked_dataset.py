"""What was accepted is cleaned, its people are recognised, and the linked dataset is built, tested and published.

Runs when rows of any feed were accepted or taken back, and every night. A burst of deliveries makes one build: a run waits
until none is arriving, takes its work from the ledger, and is skipped where nothing is new. dbt runs one at a time, in
the pool `dbt`. Nobody sees a build before all of it is tested and published.
"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowSkipException

from cares import contracts, deliveries
from cares_pages.delivery_tasks import RETRY_WHEN_INTERRUPTED, accepted

with DAG(
    "build_linked_dataset",
    description="Staging, person index, care events, marts, publish",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 2 * * *", timezone="Europe/London"),
        assets=AssetAny(*map(accepted, contracts.load().feeds)),
    ),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["build"],
    default_args={"owner": "data engineering", "pool": "dbt"},
):
    # Only the waiting is tried again: a build that was interrupted is begun anew by the next run.
    @task.sensor(poke_interval=5, timeout=3600, pool="default_pool", **RETRY_WHEN_INTERRUPTED)
    def nothing_is_arriving() -> bool:
        return not deliveries.are_arriving()

    @task
    def start() -> int:
        from cares import builds

        if not builds.has_work():
            raise AirflowSkipException("Nothing was accepted, released or withdrawn since the last build.")
        return builds.start_build()

    @task
    def run_layer(build: int, layer: str) -> None:
        from cares import builds

        builds.run_layer(build, layer)

    @task
    def update_person_index(build: int) -> None:
        from cares import builds

        builds.update_person_index(build)

    @task(outlets=[Asset("published/linked_dataset")])
    def publish(build: int) -> None:
        from cares import builds

        builds.publish(build)

    @task
    def check_access() -> None:
        from cares.governance import access

        access.check()

    build = start()
    staging, reference, person_records, care_events, marts = (
        run_layer.override(task_id=layer)(build, layer)
        for layer in ("staging", "reference", "person_records", "care_events", "marts")
    )
    person_index = update_person_index(build)
    nothing_is_arriving() >> build
    staging >> reference >> person_records >> person_index >> care_events >> marts >> publish(build) >> check_access()
