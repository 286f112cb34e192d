"""Each opening of the Shared Care Record is written down first, for good, and nobody can change it unseen."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from cares import warehouse as cares_warehouse
from cares.cli import typer_app
from cares.governance import audit, door, staff
from cares.secret_files import secret_path
from fresh_warehouse import FreshWarehouse

NUMBER, OTHER = "9990000018", "9990000026"
ASK = "select * from record.open(%s, 'S1', 'direct care')"


@pytest.fixture(scope="module")
def unbuilt(warehouse_of_module: FreshWarehouse) -> Iterator[FreshWarehouse]:
    """A warehouse of which nothing was built, so that nobody is known; staff of the hospital may come to the door."""
    warehouse = warehouse_of_module
    door.take_up()
    staff.register("sthk", "S1")
    with warehouse.connect() as connection:
        connection.execute(
            """insert into governance.sharing_agreement (agreement, feed, purposes, signed_on, in_force_from, on_ending)
               values ('of the tests', 'sthk/outpatients', '{direct care}', '2018-01-01', '2018-01-01', 'stop')"""
        )
        connection.execute(
            """insert into governance.purpose (purpose, article_6, article_9, confidentiality_basis, reader, is_identifiable,
                 do_opt_outs_apply, needs_verified_number, smallest_group, retention_years)
               values ('direct care', '6', '9', 'implied consent', 'tests', true, false, false, 1, 8) on conflict do nothing"""
        )
    yield warehouse


@pytest.fixture
def opened(unbuilt: FreshWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FreshWarehouse]:
    """Six openings were tried, and written down; nothing of the test before is left."""
    warehouse = unbuilt
    monkeypatch.setenv("CARES_AUDIT_ANCHORS", str(tmp_path / "anchors"))
    tamper(
        warehouse,
        "truncate audit.opening cascade",
        """update audit.head set number = 0, hash = encode(sha256(convert_to(cast(mark as text), 'UTF8')), 'hex'),
             anchors = 0, last_anchor = null""",
    )
    for number, organisation in enumerate(["sthk", "torus", "sthk", "sthk", "torus", "sthk"]):
        try_to_open(warehouse, NUMBER if number % 2 else OTHER, organisation)
    yield warehouse


def try_to_open(warehouse: FreshWarehouse, number: str = NUMBER, organisation: str = "sthk") -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.rows(ASK, number, role=f"staff_{organisation}")


def rows_of(warehouse: FreshWarehouse) -> int:
    return warehouse.rows("select count(*) from audit.opening")[0][0]


def tamper(warehouse: FreshWarehouse, *statements: str) -> None:
    """What somebody who rules the database can do: no trigger and no right stops them."""
    with cares_warehouse.connect_as_administrator(warehouse.database) as superuser:
        superuser.execute("set session_replication_role = replica")
        for statement in statements:
            superuser.execute(statement.encode())


def test_begin_open_rollback_leaves_its_row(opened: FreshWarehouse) -> None:
    with opened.connect("staff_sthk") as connection:
        connection.execute("begin")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(ASK, (NUMBER,))
        connection.rollback()
    with opened.connect("staff_torus", autocommit=True) as connection:
        connection.execute("begin read only")
        connection.execute(
            "do $$ begin perform * from record.open('9990000018', 'S1', 'emergency', 'x'); exception when others then end $$"
        )
        connection.execute("rollback")
    assert opened.rows("select number, organisation, outcome from audit.opening where number > 6 order by number") == [
        (7, "sthk", "refused"),
        (8, "torus", "refused"),
    ]


@pytest.mark.parametrize(
    "role", ["pipeline", "engineer", "analyst", "governance", "caldicott", "contact_cares", "audit", "staff_sthk", "owner"]
)
def test_no_login_of_ours_can_change_a_row(opened: FreshWarehouse, role: str) -> None:
    for change in (
        "update audit.opening set staff = 'S2' where number = 1",
        "delete from audit.opening where number = 1",
        "truncate audit.opening cascade",
        "delete from audit.head",
        "update audit.asked_number set nhs_number = ''",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            opened.rows(change, role=role)
    assert audit.verify().problems == ()


def test_only_governance_and_the_pipeline_read_it_and_the_audits_own_login_only_adds(opened: FreshWarehouse) -> None:
    for role in ("engineer", "analyst", "caldicott", "contact_cares", "audit", "staff_sthk"):
        for table in ("opening", "asked_number", "head"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                opened.rows(f"select * from audit.{table}", role=role)
    assert opened.rows("select count(*) from audit.opening", role="governance") == [(6,)]
    add = "select audit.add('a', 'b', 'c', 'd', null, 1, null, null, false, null, 'empty', null, 0, 1)"
    assert opened.rows(add, role="audit") == [(7,)]
    for role in ("pipeline", "governance", "staff_sthk"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            opened.rows(add, role=role)


def test_who_opens_at_once_stands_one_after_another(opened: FreshWarehouse) -> None:
    with ThreadPoolExecutor(8) as together:
        list(together.map(lambda number: try_to_open(opened, NUMBER, ("sthk", "torus")[number % 2]), range(40)))
    assert opened.rows("select count(*), max(number), count(distinct previous_hash) from audit.opening") == [(46, 46, 46)]
    assert opened.rows(
        "select bool_and(later) from (select at >= lag(at) over (order by number) as later from audit.opening)"
    ) == [(True,)]
    assert audit.verify() == audit.Verified(46, 0, None, ())


def test_both_sides_make_the_same_hash(opened: FreshWarehouse) -> None:
    for parts in (["a", None, ""], [None, None], ["", ""], ["|1:a", "né\n\t\\\"'%"], ["-"], [None], ["\U0001f6aa" * 40, "12:"]):
        assert opened.rows("select audit.digest('00', variadic %s::text[])", parts, role="owner") == [
            (audit.digest("00", parts),)
        ]
    assert len({audit.digest("", parts) for parts in ([None], ["-"], [""], ["", ""], ["|-"])}) == 5


def test_an_edit_by_a_superuser_breaks_the_chain(opened: FreshWarehouse) -> None:
    tamper(opened, "update audit.opening set staff = 'S2' where number = 3")
    assert audit.verify().problems == ("Broken at row 3: it was changed after it was written.",)
    said = CliRunner().invoke(typer_app, ["audit", "verify"])
    assert (said.exit_code, str(said.exception)) == (1, "Broken at row 3: it was changed after it was written.")


def test_a_row_taken_out_of_the_middle_breaks_the_chain(opened: FreshWarehouse) -> None:
    tamper(opened, "delete from audit.opening where number = 4")
    assert audit.verify().problems == ("Broken at row 4: it is gone; row 5 comes next.",)


def test_another_number_asked_for_is_found(opened: FreshWarehouse) -> None:
    tamper(opened, "update audit.asked_number set nhs_number = '9990000034' where number = 1")
    assert audit.verify().problems == ("Broken at row 1: the number that was asked for was changed.",)


REWRITE = """
do $$
declare
    one audit.opening;
    before text := (select encode(sha256(convert_to(cast(mark as text), 'UTF8')), 'hex') from audit.head);
begin
    for one in select * from audit.opening order by number loop
        one.hash := audit.digest(before, cast(one.number as text), to_char(one.at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
            one.login, one.organisation, one.staff, one.purpose, one.reason, cast(one.person_id as text), one.asked,
            one.relationship, cast(one.is_emergency as text), cast(null as text), one.outcome, one.refused_because,
            cast(one.rows as text), cast(one.build_id as text));
        update audit.opening set previous_hash = before, hash = one.hash where number = one.number;
        before := one.hash;
    end loop;
    update audit.head set number = (select max(number) from audit.opening), hash = before;
end $$
"""


def test_a_superuser_who_writes_the_whole_chain_anew_is_found_by_the_anchor(opened: FreshWarehouse) -> None:
    edit = "update audit.opening set staff = 'S2' where number = 3"
    tamper(opened, edit, REWRITE)
    assert audit.verify().problems == (), "without an anchor nobody could see it"
    tamper(opened, "update audit.opening set staff = 'S1' where number = 3", REWRITE)
    assert audit.anchor().number == 6
    tamper(opened, edit, REWRITE)
    (problem,) = audit.verify().problems
    assert problem.startswith("Broken at row 6 or before: it is not what was anchored at ")
    with pytest.raises(audit.AuditError, match="Broken at row 6 or before"):
        audit.anchor()


def test_a_tail_cut_off_is_found_by_the_anchor(opened: FreshWarehouse) -> None:
    audit.anchor()
    tamper(opened, "delete from audit.asked_number where number > 4", "delete from audit.opening where number > 4", REWRITE)
    (problem,) = audit.verify().problems
    assert problem.startswith("Broken at row 5: 6 rows were anchored at ")


def test_an_audit_that_was_replaced_is_found_by_the_anchor(opened: FreshWarehouse) -> None:
    audit.anchor()
    tamper(opened, "update audit.head set mark = gen_random_uuid()", REWRITE)
    assert any("those of another audit" in problem for problem in audit.verify().problems)


def test_anchors_go_on_from_each_other_and_are_for_our_eyes_only(opened: FreshWarehouse) -> None:
    assert audit.anchor().number == 6
    assert audit.anchor() is None
    try_to_open(opened)
    assert audit.anchor().number == 7
    assert audit.verify().anchored_rows == 7
    for path in (audit.folder() / "anchors.jsonl", secret_path("audit_anchor.key")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(audit.folder().stat().st_mode) == 0o700


@pytest.mark.parametrize("change", ["a digit of a hash", "the first line gone", "lines exchanged", "no signature"])
def test_an_anchor_that_was_meddled_with_is_found(opened: FreshWarehouse, change: str) -> None:
    audit.anchor()
    try_to_open(opened)
    audit.anchor()
    path = audit.folder() / "anchors.jsonl"
    first, second = path.read_text().splitlines()
    changed = {
        "a digit of a hash": [first.replace('"number": 6', '"number": 5'), second],
        "the first line gone": [second],
        "lines exchanged": [second, first],
        "no signature": [first.split(', "mac"')[0] + "}", second],
    }[change]
    path.write_text("\n".join(changed) + "\n")
    (problem,) = audit.verify().problems
    assert problem.startswith("Anchor 1 in ") and "is not as it was written" in problem
    with pytest.raises(audit.AuditError, match="is not as it was written"):
        audit.anchor()


@pytest.mark.parametrize("kept", [0, 1])
def test_anchors_that_were_taken_away_from_the_end_of_the_file_or_with_it_are_missed(opened: FreshWarehouse, kept: int) -> None:
    for _ in range(2):
        audit.anchor()
        try_to_open(opened)
    path = audit.folder() / "anchors.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:kept])) if kept else path.unlink()
    (problem,) = audit.verify().problems
    assert problem.startswith(f"2 anchors were made, and {kept} are in {path}")
    with pytest.raises(audit.AuditError, match="2 anchors were made"):
        audit.anchor()
    path.write_text("".join(lines))
    assert audit.verify().problems == ()
    assert audit.anchor().number == 8


def test_openings_older_than_an_hour_without_any_anchor_are_a_finding(opened: FreshWarehouse) -> None:
    assert audit.verify().problems == ()
    tamper(opened, "update audit.opening set at = at - interval '61 minutes'", REWRITE)
    (problem,) = audit.verify().problems
    assert problem.startswith("No anchor is in ") and "cares audit anchor" in problem
    audit.anchor()
    assert audit.verify().problems == ()


def test_an_anchor_that_the_database_did_not_hear_of_any_more_is_made_up_for(opened: FreshWarehouse) -> None:
    audit.anchor()
    tamper(opened, "update audit.head set anchors = 0, last_anchor = null")
    assert audit.verify().problems == ()
    assert audit.anchor() is None
    assert opened.rows("select anchors from audit.head") == [(1,)]


def test_the_folder_of_anchors_can_be_on_another_machine(
    opened: FreshWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CARES_AUDIT_ANCHORS", str(tmp_path / "mounted"))
    said = CliRunner().invoke(typer_app, ["audit", "anchor"])
    assert said.output == f"Row 6 is anchored in {tmp_path / 'mounted'}.\n"
    assert CliRunner().invoke(typer_app, ["audit", "anchor"]).output == "Nothing was added since the last anchor.\n"
    said = CliRunner().invoke(typer_app, ["audit", "verify"])
    assert said.output.startswith("Whole: 6 openings; the first 6 fit the anchor of ")
    monkeypatch.setenv("CARES_AUDIT_ANCHORS", str(tmp_path / "not mounted"))
    assert "another folder than before" in str(CliRunner().invoke(typer_app, ["audit", "verify"]).exception)


def test_the_number_of_somebody_unknown_can_be_erased_and_the_chain_stays_whole(opened: FreshWarehouse) -> None:
    audit.anchor()
    held = "select count(*) from audit.asked_number where nhs_number = %s"
    assert opened.rows(held, OTHER) != [(0,)]
    asked = opened.rows("select row_to_json(opening)::text from audit.opening")
    assert not any(OTHER in text or NUMBER in text for (text,) in asked), "it stands nowhere else"
    assert opened.rows("select audit.forget_number(%s) > 0", OTHER) == [(True,)]
    assert opened.rows(held, OTHER) == [(0,)]
    assert audit.verify().problems == ()


def test_the_door_finds_the_server_again_after_it_moved_to_another_port(opened: FreshWarehouse) -> None:
    before = rows_of(opened)
    with opened.connect("owner") as connection:
        connection.execute("alter server cares_audit options (set port '1')")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="nothing is shown"):
        opened.rows(ASK, NUMBER, role="staff_sthk")
    cares_warehouse.migrate()
    try_to_open(opened)
    assert rows_of(opened) == before + 1


def test_where_dblink_is_not_installed_the_door_stays_closed(opened: FreshWarehouse) -> None:
    with cares_warehouse.connect_as_administrator(opened.database) as superuser:
        superuser.execute("drop extension dblink cascade")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="nothing is shown"):
        opened.rows(ASK, NUMBER, role="staff_sthk")
    cares_warehouse.protect_databases()
    try_to_open(opened)


def test_the_password_of_the_audit_is_seen_by_the_owner_only(opened: FreshWarehouse) -> None:
    for role in ("pipeline", "engineer", "analyst", "governance", "staff_sthk", "audit"):
        ((options,),) = opened.rows("select umoptions from pg_user_mappings where srvname = 'cares_audit'", role=role)
        assert options is None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            opened.rows("select * from pg_user_mapping", role=role)
