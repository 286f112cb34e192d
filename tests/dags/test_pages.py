"""What our pages say where Airflow need not run for it."""

from __future__ import annotations

import pytest


def test_a_report_that_is_missing_names_the_command_that_writes_it() -> None:
    from fastapi import HTTPException

    from cares_pages.pages import quality_report

    with pytest.raises(HTTPException, match="To write it: cares report quality 99"):
        quality_report(99)
