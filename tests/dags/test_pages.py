"""What our pages say where Airflow need not run for it."""

from __future__ import annotations

import re
from datetime import date

import pytest
from fastapi import HTTPException

from cares import deliveries, promises
from cares_pages import pages
from end_to_end.receiving import deliver_tenancies, sign_agreement
from fresh_warehouse import FreshWarehouse


def text_of(page: bytes) -> str:
    """A page as it is read: without its tags, each run of spaces one."""
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", re.sub("(?s)<style>.*</style>", "", page.decode())))


def test_a_report_that_is_missing_names_the_command_that_writes_it() -> None:
    with pytest.raises(HTTPException, match="To write it: cares report quality 99"):
        pages.quality_report(99)


def test_a_delivery_that_does_not_exist_names_the_command_that_lists_them(warehouse: FreshWarehouse) -> None:
    with pytest.raises(HTTPException, match="There is no delivery 99. See: cares delivery list"):
        pages.delivery(99)


def test_the_page_of_a_rejected_delivery_says_why_and_what_can_be_done(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")
    rejected = deliver_tenancies("a_mandatory_column_is_missing").delivery_id

    text = text_of(pages.delivery(rejected).body)

    assert f"Delivery {rejected}: torus/tenancies 2019-03" in text
    assert re.search(r"rejected : .* the mandatory column .* is missing", text)
    assert f"cares delivery replay {rejected} --reason" in text
    assert f"cares why {rejected}" in text


def test_the_page_of_an_accepted_delivery_shows_its_ledger_and_the_rules_that_rows_break(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")
    delivery = deliver_tenancies("one_comma_too_many_in_line_8").delivery_id
    deliveries.act("hold", delivery, "<b>not</b> sure yet", by="ann")

    page = pages.delivery(delivery).body
    text = text_of(page)

    assert "held : &lt;b&gt;not&lt;/b&gt; sure yet" in text
    assert re.search(r"held ann &lt;b&gt;not", text)
    assert f"cares delivery release {delivery} --reason" in text
    assert re.search(r"Unreadable lines File Line Why it cannot be read \w+ 8 ", text)


def test_a_feed_that_is_late_says_since_when_there_is_no_data(warehouse: FreshWarehouse) -> None:
    sign_agreement("torus/tenancies")
    deliver_tenancies("as_promised")
    promises.check(date(2020, 1, 6))

    text = text_of(pages.deliveries_and_builds().body)

    assert "tenancies: no data since 01 Apr 2019" in text
    assert "0 of 1 feeds are up to date" in text
