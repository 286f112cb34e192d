"""What Airflow runs when one of its processes starts: those that start tasks import now what each task would import anew.

A task is forked from the process that starts it. Great Expectations and dbt take five seconds to import, so they are there
already. Contracts are not read here: a task reads them as they stand when it runs. Changed code needs a new start of Airflow.
"""

from __future__ import annotations

import logging
import sys

__all__: list[str] = []

_STARTS_TASKS = ("scheduler", "celery")

if sys.argv[1:2] and sys.argv[1] in _STARTS_TASKS:
    # It tells of each function of its own that it does not register.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)

    import dbt.adapters.postgres
    import dbt.cli.main  # noqa: F401

    import cares.builds
    import cares.checks
    import cares.deliveries
    import cares.reports.returns  # noqa: F401
