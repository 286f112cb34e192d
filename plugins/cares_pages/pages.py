"""The page "Deliveries and builds": what arrived, what became of it, and what was built from it.

It reads the ledger as the role `engineer`, which sees no row of anybody's care. Every way in asks who is there: an app
of a plugin is open to anybody unless it does so itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view, requires_authenticated
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, Response
from psycopg.rows import dict_row

from cares import settings, simulated, warehouse

_DELIVERIES_SHOWN = 200
_BUILDS_SHOWN = 10

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("cares_pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

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


@app.get("/")
def deliveries_and_builds() -> HTMLResponse:
    """The page itself."""
    with warehouse.safe_errors(), warehouse.connect("engineer", row_factory=dict_row) as connection:
        deliveries = connection.execute(
            """select delivery.*, counted.*
               from ledger.delivery
               cross join lateral (
                   select sum(received_rows) as received_rows, sum(accepted_rows) as accepted_rows,
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
    return HTMLResponse(
        _templates.get_template("deliveries_and_builds.html").render(
            simulated=simulated.WORD if simulated.is_simulated() else None,
            organisations=_by(deliveries, "organisation"),
            builds=builds,
            outcomes=_by(outcomes, "build_id"),
            reports={build["build_id"] for build in builds if _report(build["build_id"]).exists()},
        )
    )


@app.get("/quality/{build_id}")
def quality_report(build_id: int) -> HTMLResponse:
    """The quality report of a build, as it was written."""
    if not _report(build_id).exists():
        raise HTTPException(404, f"There is no quality report of build {build_id}. To write it: cares report quality {build_id}")
    return HTMLResponse(_report(build_id).read_text(encoding="utf-8"))


def _report(build_id: int) -> Path:
    return settings.VAR / "reports" / f"quality_{build_id}.html"


def _by(rows: list[dict[str, Any]], column: str) -> dict[Any, list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return dict(sorted(groups.items()))
