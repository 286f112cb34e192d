"""Hold, release, withdraw, reject or replay a delivery, or let rows in that are set aside: looked at first, then done.

Trigger it and fill in the form. The first task finds out what would be touched and changes nothing. Then the run waits,
under "Required Actions", for somebody who reads that and approves or rejects it. Whoever approves is written down, with
the reason, as the one who did it. If the ledger changed in between, nothing is done. Several runs wait beside each
other; what they do is done one after the other. The same as commands: `cares delivery`, `cares row`.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, task

from cares import deliveries
from cares_pages.delivery_tasks import ACCEPTED, RETRY_WHEN_INTERRUPTED, announce

with DAG(
    "handle_deliveries",
    description="Hold, release, withdraw, reject or replay a delivery; release rows or set them aside again",
    schedule=None,
    params={
        "action": Param(type="string", enum=list(deliveries.REQUESTS), description="What to do."),
        "delivery": Param(
            None, type=["null", "integer"], minimum=1, description="The number of the delivery; empty where rows are named."
        ),
        "rows": Param(
            None, type=["null", "array"], items={"type": "string"}, description="Rows, one a line, like 12/episodes/41."
        ),
        "reason": Param(
            type="string",
            minLength=1,
            maxLength=500,
            description="Why, in one line, without anything about a person. It is kept.",
        ),
    },
    doc_md=__doc__,
    tags=["deliveries", "by hand"],
    default_args={"owner": "data engineering"},
):

    @task(**RETRY_WHEN_INTERRUPTED)
    def look(params: Any = None) -> str:
        return deliveries.Request(**params).shown()

    approve = ApprovalOperator(
        task_id="approve", subject="Do this?", body="{{ ti.xcom_pull(task_ids='look') }}", fail_on_reject=False
    )

    # Never tried again: where the database was interrupted, only a person can see whether it was done.
    @task(outlets=[ACCEPTED])
    def carry_out(shown: str, approval: dict[str, Any], params: Any = None) -> None:
        announce(deliveries.Request(**params).carry_out(approval["responded_by_user"]["name"], shown))

    shown = look()
    shown >> approve
    carry_out(shown, approve.output)
