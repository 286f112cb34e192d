"""Every hour of the day: which deliveries are due, late or missing by their contracts, and a word to those who want to know.

What is new since the last word goes out once, as e-mail and to a webhook, with feeds, periods and delivery numbers and
nothing of anybody's care. Each way out is skipped until its connection is set up in Airflow (Admin, Connections):

- `cares_email`, type SMTP: the mail server, with who sends and who is told in its "Extra":
  `{"from_email": "pipeline@example.org", "to": "engineer@example.org, lead@example.org"}`
- `cares_webhook`, type Generic: the address to post to, as its password, because whoever knows it can post there.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, BaseHook, Connection, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException

from cares_pages.delivery_tasks import RETRY_WHEN_INTERRUPTED

SENDING = {"retries": 3, "retry_delay": timedelta(minutes=5)}


def connection(name: str, of: str) -> Connection:
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        raise AirflowSkipException(
            f"Nobody is told by {of}: the connection {name} is not set up. How: see this DAG's docs."
        ) from None


with DAG(
    "watch_promises",
    description="What is due, late or missing, told by e-mail and webhook",
    schedule=CronTriggerTimetable("0 7-18 * * *", timezone="Europe/London"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["deliveries", "promises"],
    default_args={"owner": "data engineering"},
):

    @task(**RETRY_WHEN_INTERRUPTED)
    def check_promises() -> None:
        from cares import promises

        promises.check()

    @task(**SENDING)
    def send_email() -> None:
        from airflow.providers.smtp.hooks.smtp import SmtpHook

        from cares import notifications

        to = connection("cares_email", "e-mail").extra_dejson.get("to")
        if not to:
            raise AirflowFailException('Nobody is told by e-mail: the "Extra" of the connection cares_email has no "to".')
        if told := notifications.waiting("email"):
            subject, text = notifications.as_email(told)
            with SmtpHook("cares_email") as server:
                server.send_email_smtp(to=to, subject=subject, html_content=text)
            notifications.sent([one.notification_id for one in told], "email")

    @task(**SENDING)
    def post_to_webhook() -> None:
        from cares import notifications

        address = connection("cares_webhook", "webhook").password or ""
        told = notifications.waiting("webhook")
        notifications.post(address, told)
        notifications.sent([one.notification_id for one in told], "webhook")

    check_promises() >> [send_email(), post_to_webhook()]
