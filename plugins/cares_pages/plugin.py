"""Tells Airflow of our page, and puts it into the navigation."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from cares_pages.pages import app


class CaresPages(AirflowPlugin):
    """The page "Deliveries and builds"."""

    name = "cares_pages"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app, "url_prefix": "/cares", "name": "St Helens Cares"}]
    external_views: ClassVar[list[Any]] = [
        {
            # Airflow cuts longer names in its navigation.
            "name": "Deliveries",
            "href": "/cares/",
            "destination": "nav",
            "url_route": "deliveries-and-builds",
        }
    ]
