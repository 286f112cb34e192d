"""Another organisation that sends a known format touches its own folder only."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cares import builds, contracts, deliveries, settings
from end_to_end.receiving import sign_agreement
from fresh_warehouse import FreshWarehouse
from privacy.markers import PASSING_ROWS, Markers

KNOWSLEY = {
    "organisation.yml": """\
# yaml-language-server: $schema=../schemas/organisation.schema.json
name: Knowsley Metropolitan Borough Council
ods_code: E08000011
kind: council
data_owner: director of adult social care
""",
    "adult_social_care.yml": """\
# yaml-language-server: $schema=../schemas/feed.schema.json
title: Adult social care in Knowsley
sends: cld
sent_by: Knowsley's performance team
allowed_by: St Helens Cares data sharing agreement, schedule 15
arrives: {by: folder, every: quarter, due_days_after_period: 31}
""",
}


@pytest.fixture
def with_knowsley(tmp_path: Path) -> Path:
    root = shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations")
    (root / "knowsley").mkdir()
    for name, text in KNOWSLEY.items():
        (root / "knowsley" / name).write_text(text, encoding="utf-8")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_adding_knowsley_touches_only_its_own_folder(with_knowsley: Path) -> None:
    before, after = contents(settings.EXPECTATIONS), contents(with_knowsley)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {f"knowsley/{name}" for name in KNOWSLEY}


def test_knowsley_sends_client_level_data_by_the_same_tables(with_knowsley: Path) -> None:
    everything = contracts.load(with_knowsley)
    feed = everything.feed("knowsley/adult_social_care")
    theirs = everything.feed("council/adult_social_care").format.tables["events"]
    assert everything.organisations["knowsley"].feeds == {"adult_social_care": feed}
    assert feed.format.tables["events"].landing_name == theirs.landing_name == "cld__events"
    assert feed.version(feed.period("2023-Q3")) == "R1"
    assert feed.version(feed.period("2026-Q1")) == "R2"


def test_nothing_changes_for_those_who_were_there(with_knowsley: Path) -> None:
    before, after = contracts.load(), contracts.load(with_knowsley)
    assert [table.landing_name for table in before.tables()] == [table.landing_name for table in after.tables()]
    assert set(after.feeds) - set(before.feeds) == {"knowsley/adult_social_care"}


def test_a_period_that_no_version_governs_is_named_with_its_remedy(with_knowsley: Path) -> None:
    feed = contracts.load(with_knowsley).feed("knowsley/adult_social_care")
    with pytest.raises(contracts.ContractError, match="name one under 'versions' in expectations/knowsley/adult_social_care.yml"):
        feed.version(feed.period("2019-Q1"))


def test_knowsley_s_events_reach_the_linked_dataset_without_another_line_of_code(
    with_knowsley: Path, warehouse: FreshWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    everything = contracts.load(with_knowsley)
    monkeypatch.setattr(contracts, "load", lambda: everything)
    sign_agreement("knowsley/adult_social_care")
    Markers().write_feed(everything.feed("knowsley/adult_social_care"), tmp_path / "outbox", "R1")

    decision = deliveries.receive("knowsley/adult_social_care", sorted((tmp_path / "outbox").iterdir()), "2023-Q3")
    builds.build()

    assert decision.state == "accepted"
    assert warehouse.rows("select count(*) from staging.stg_cld__events where organisation = 'knowsley'")[0][0] >= PASSING_ROWS
    assert warehouse.rows("select count(*) from linked_care.persons")[0][0] >= PASSING_ROWS
