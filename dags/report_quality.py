"""After each build, what was due, what arrived, what was set aside and why, and whether it is safe to use, as one page."""

from __future__ import annotations

from airflow.sdk import DAG, Asset, task

with DAG(
    "report_quality",
    description="The quality report of the published build",
    schedule=Asset("published/linked_dataset"),
    max_active_runs=1,
    doc_md=__doc__,
    tags=["report"],
    default_args={"owner": "data engineering"},
):

    @task
    def write_report() -> None:
        from cares import builds, person_index, reports

        build = builds.published_build()
        person_index.judge_build(build)
        reports.quality_report(build)

    write_report()
