"""The pages "Deliveries and builds" and "Delivery": what arrived, what became of it, and what was built from it.

They read the ledger as the role `engineer`, which sees no row of anybody's care. Every way in asks who is there: an app
of a plugin is open to anybody unless it does so itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jinja2
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view, requires_authenticated
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, Response
from psycopg.rows import dict_row

from cares import deliveries, promises, settings, simulated, warehouse

Row = TypeVar("Row")

# What the roles of Airflow are given or not, by these names.
DELIVERIES, QUALITY_REPORT = "Cares deliveries", "Cares quality report"

_DELIVERIES_SHOWN = 200
_BUILDS_SHOWN = 10

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("cares_pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _readers_of(resource: str) -> Any:
    """Refuses whoever is signed in under a role that may not read a resource."""

    def refuse_others(user: GetUserDep) -> None:
        if not get_auth_manager().is_authorized_custom_view(method="GET", resource_name=resource, user=user):
            raise HTTPException(403, f"Your role does not read: {resource}")

    return Depends(refuse_others)


app = FastAPI(
    title="St Helens Cares",
    dependencies=[Depends(requires_authenticated()), Depends(requires_access_view(AccessView.PLUGINS))],
    # FastAPI's own documentation pages would be open to anybody and fetch scripts from other hosts.
    openapi_url=None,
)


@app.middleware("http")
async def nothing_from_elsewhere(request: Any, call_next: Any) -> Response:
    """Let a browser load nothing but the page itself, and show it only inside Airflow."""
    response: Response = await call_next(request)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@app.get("/", dependencies=[_readers_of(DELIVERIES)])
def deliveries_and_builds() -> HTMLResponse:
    """What each organisation promised and sent, and what was built."""
    with warehouse.safe_errors(), warehouse.connect("engineer", row_factory=dict_row) as connection:
        arrived = connection.execute(
            """select delivery.*, counted.*
               from ledger.delivery
               cross join lateral (
                   select sum(received_rows - coalesce(not_needed_rows, 0)) as received_rows, sum(accepted_rows) as accepted_rows,
                          sum(set_aside_rows) as set_aside_rows, sum(unreadable_rows) as unreadable_rows
                   from ledger.delivery_file as file where file.delivery_id = delivery.delivery_id) as counted
               order by delivery_id desc limit %s""",
            (_DELIVERIES_SHOWN,),
        ).fetchall()
        builds = connection.execute("select * from ledger.build order by build_id desc limit %s", (_BUILDS_SHOWN,)).fetchall()
        outcomes = connection.execute(
            "select * from ledger.model_outcome where build_id = any(%s) order by finished_at, model",
            ([build["build_id"] for build in builds],),
        ).fetchall()
    sent = _by(arrived, lambda delivery: delivery["organisation"])
    promised = _by(promises.standing(), lambda standing: standing.feed.partition("/")[0])
    return _page(
        "deliveries_and_builds.html",
        organisations={name: (promised.get(name, []), sent.get(name, [])) for name in sorted({*promised, *sent})},
        builds=builds,
        outcomes=_by(outcomes, lambda outcome: outcome["build_id"]),
        reports={build["build_id"] for build in builds if _report(build["build_id"]).exists()},
    )


@app.get("/deliveries/{delivery_id}", dependencies=[_readers_of(DELIVERIES)])
def delivery(delivery_id: int) -> HTMLResponse:
    """All that the ledger says of one delivery, and what can be done with it."""
    try:
        account = deliveries.account(delivery_id)
    except deliveries.DeliveryError as error:
        raise HTTPException(404, str(error)) from None
    return _page("delivery.html", delivery=account, unreadable_lines_shown=deliveries.UNREADABLE_LINES_SHOWN)


@app.get("/quality/{build_id}", dependencies=[_readers_of(QUALITY_REPORT)])
def quality_report(build_id: int) -> HTMLResponse:
    """The quality report of a build, as it was written."""
    if not _report(build_id).exists():
        raise HTTPException(404, f"There is no quality report of build {build_id}. To write it: cares report quality {build_id}")
    return HTMLResponse(_report(build_id).read_text(encoding="utf-8"))


def _page(template: str, **what: Any) -> HTMLResponse:
    word = simulated.WORD if simulated.is_simulated() else None
    return HTMLResponse(_templates.get_template(template).render(simulated=word, **what))


def _report(build_id: int) -> Path:
    return settings.VAR / "reports" / f"quality_{build_id}.html"


def _by(rows: list[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
