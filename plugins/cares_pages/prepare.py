"""Makes Airflow's database ready, in one process because importing Airflow is most of the cost.

Run by `cares.airflow_server` as `python -m cares_pages.prepare`, with Airflow's settings in its environment and,
on its standard input, the password of the login to make or to change. An empty line leaves the login alone.
"""

from __future__ import annotations

import sys

from airflow.models.pool import Pool
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.utils.db import initdb

from cares.airflow_server import LOGIN_NAME


def prepare(password: str) -> None:
    """Create or migrate the tables, make the pool in which dbt runs one at a time, and set the login's password."""
    initdb()
    Pool.create_or_update_pool("dbt", slots=1, description="dbt: one run at a time", include_deferred=False)
    if password:
        _set_login(password)


def _set_login(password: str) -> None:
    with get_application_builder() as builder:
        users = builder.sm
        if user := users.find_user(username=LOGIN_NAME):
            users.reset_password(user.id, password)
        else:
            # FAB insists on a name and an address; nothing is ever sent to it.
            users.add_user(LOGIN_NAME, "Data", "Engineer", "engineer@example.invalid", users.find_role("Admin"), password)


if __name__ == "__main__":
    prepare(sys.stdin.readline().strip())
