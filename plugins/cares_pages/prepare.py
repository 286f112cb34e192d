"""Makes Airflow's database ready, in one process because importing Airflow is most of the cost.

Run by `cares.airflow_server` as `python -m cares_pages.prepare`, with Airflow's settings in its environment and,
on its standard input, the name and the password of the login to make or to change. An empty line leaves all logins alone.
"""

from __future__ import annotations

import sys
from typing import Any

from airflow.models.pool import Pool
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride as Fab
from airflow.providers.fab.www.security import permissions
from airflow.utils.db import initdb

from cares.airflow_server import LOGINS
from cares_pages.pages import DELIVERIES, QUALITY_REPORT

# What a login needs to come in, and to have our pages shown to it.
_COMES_IN = [
    (permissions.ACTION_CAN_READ, permissions.RESOURCE_WEBSITE),
    (permissions.ACTION_CAN_READ, permissions.RESOURCE_PLUGIN),
    (permissions.ACTION_CAN_READ, permissions.RESOURCE_MY_PROFILE),
    (permissions.ACTION_CAN_READ, permissions.RESOURCE_MY_PASSWORD),
    (permissions.ACTION_CAN_EDIT, permissions.RESOURCE_MY_PASSWORD),
]
_READS_DELIVERIES, _READS_REPORT = (permissions.ACTION_CAN_READ, DELIVERIES), (permissions.ACTION_CAN_READ, QUALITY_REPORT)
# The engineer runs and handles everything but who may come in; governance looks on; the analyst reads the quality report.
ROLES = {
    "Engineer": [*Fab.VIEWER_PERMISSIONS, *Fab.USER_PERMISSIONS, *Fab.OP_PERMISSIONS, _READS_DELIVERIES, _READS_REPORT],
    "Governance": [*Fab.VIEWER_PERMISSIONS, *_COMES_IN, _READS_DELIVERIES, _READS_REPORT],
    "Analyst": [*_COMES_IN, _READS_REPORT],
    "Admin": [_READS_DELIVERIES, _READS_REPORT],
}


def prepare(login: str) -> None:
    """Create or migrate the tables, make the roles and the pool in which dbt runs one at a time, and set the login's password."""
    initdb()
    Pool.create_or_update_pool("dbt", slots=1, description="dbt: one run at a time", include_deferred=False)
    with get_application_builder() as builder:
        users = builder.sm
        users.bulk_sync_roles([{"role": role, "perms": rights} for role, rights in ROLES.items()])
        # A login has the rights of its role, also one that was made when there were no roles.
        for name, role in LOGINS.items():
            if user := users.find_user(username=name):
                user.roles = [users.find_role(role)]
                users.update_user(user)
        if login:
            _set_login(users, *login.split(" ", 1))


def _set_login(users: Any, name: str, password: str) -> None:
    if user := users.find_user(username=name):
        users.reset_password(user.id, password)
    else:
        # FAB insists on a name and an address; nothing is ever sent to it.
        role = LOGINS[name]
        users.add_user(name, "St Helens Cares", role, f"{name}@example.invalid", users.find_role(role), password)


if __name__ == "__main__":
    prepare(sys.stdin.readline().strip())
