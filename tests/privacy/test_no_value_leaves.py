"""No value of the data leaves the warehouse and the protected store, wherever the work fails.

Every feed comes with values that can be recognised, in every column, in a header that no contract knows, in names of files,
folders and sheets; then each stage is made to fail with such a value at hand. What is said meanwhile, and all that is left
behind, is searched for them. The same through Airflow's DAGs: tests/faults/test_secrets.py.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import logging
import os
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import openpyxl
import pytest

from cares import builds, checks, cli, contracts, deliveries, landing, notifications, settings, warehouse
from cares.deliveries.sent_files import shown
from cares.governance import agreements, purposes
from cares.person_index import store as index_store
from cares.reports import quality, returns
from cares.rights import evidence
from fresh_warehouse import FreshWarehouse
from privacy.markers import FAILING_WORD, PASSING_WORD, Markers, add_column, break_file, one_feed_of_each_format, periods_of
from privacy.reading import OF_PERSON_RECORDS, text_below, text_of

# A key that is there twice must fail its test, and say nothing of it.
WITH_DATA_TESTS = True
ROWS = 3
TENANCIES = "torus/tenancies"
CHILDREN = "council/looked_after_children"  # may come as XML
EVENTS = "intermediate.int_care_events"
# Raised by the database itself, so that it stands in the error's message, detail and hint.
SECRET = f"{FAILING_WORD}999999"


@dataclass
class Story:
    """What the feeds were made of, where they were made, and what was said while they were taken in and built."""

    markers: Markers
    sent: Path
    deliveries: dict[str, int] = field(default_factory=dict)
    said: str = ""

    def delivery(self, slug: str, *, has_failing_rows: bool = True) -> tuple[Path, str]:
        """The files of a feed's next period, and the period."""
        feed = contracts.load().feed(slug)
        taken = {path.name for path in (self.sent / slug).glob("*")}
        period = next(period for period in periods_of(feed) if period.label not in taken)
        folder = self.sent / slug / period.label
        self.markers.write_feed(feed, folder, feed.version(period), ROWS, has_failing_rows=has_failing_rows)
        return folder, period.label


@contextlib.contextmanager
def listening() -> Iterator[io.StringIO]:
    """Everything that is printed, by Python or below it, or logged, however low its level."""
    heard, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(heard), root.level
    with tempfile.TemporaryFile() as below:
        kept = [(number, os.dup(number)) for number in (1, 2)]
        for number, _ in kept:
            os.dup2(below.fileno(), number)
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
                yield heard
        finally:
            root.setLevel(level)
            root.removeHandler(handler)
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)
            below.seek(0)
            heard.write(below.read().decode("utf-8", errors="replace"))


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Every feed came once, half of its files with a header that nobody knows, and the dataset was built and published.

    The first feed of each format has rows that fail in every column: judging these is what takes long.
    """
    told = Story(Markers(), tmp_path_factory.mktemp("sent"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TMPDIR", str(settings.var_folder("temporary files")))
        environment.setattr(tempfile, "tempdir", None)
        with listening() as heard:
            for slug, feed in contracts.load().feeds.items():
                purposes = ("direct care", "planning", "board reporting")
                agreements.sign(agreements.Agreement("TEST", slug, purposes, date(2018, 9, 1), date(2018, 9, 1)))
                folder, period = told.delivery(slug, has_failing_rows=feed in one_feed_of_each_format())
                for file in sorted(folder.iterdir())[::2] if feed.files.has_header else ():
                    add_column(file, told.markers.word(), told.markers.word(), feed.files.delimiter)
                decision = deliveries.receive(slug, folder.iterdir(), period)
                told.deliveries[slug] = decision.delivery_id
                if decision.state == "held":
                    deliveries.act("release", decision.delivery_id, "of the test")
            builds.build()
        told.said = heard.getvalue()
        yield told


def assert_clean(story: Story, text: str, where: str) -> None:
    found = story.markers.found_in(text)
    assert not found, f"{where}: {len(found)} values, for example {sorted(found)[:3]}"


def raised(act: Callable[[], object]) -> str:
    """What whoever calls it sees of an error: the whole chain, as Python prints it."""
    with pytest.raises(Exception) as caught:
        act()
    return "".join(traceback.format_exception(caught.value))


@contextlib.contextmanager
def failing_with_a_value(table: str) -> Iterator[None]:
    """Whoever reads or writes a row of a table is refused, with a value in what the database says of it."""
    with warehouse.connect_as_administrator(warehouse.database_name()) as administrator:
        administrator.execute(
            f"""create or replace function public.tell_a_value() returns boolean language plpgsql volatile as
                $$ begin raise exception '{SECRET}' using detail = '{SECRET}', hint = '{SECRET}'; end $$;
                grant usage on schema public to public; grant execute on function public.tell_a_value() to public;
                alter table {table} enable row level security; alter table {table} force row level security;
                create policy told on {table} using (public.tell_a_value()) with check (public.tell_a_value())"""
        )
        try:
            yield
        finally:
            administrator.execute(
                f"""drop policy told on {table};
                    alter table {table} disable row level security; alter table {table} no force row level security;
                    drop function public.tell_a_value(); revoke usage on schema public from public"""
            )


@contextlib.contextmanager
def replaced(table: str, *changes: str) -> Iterator[None]:
    """A copy stands in the place of a table or view, to which changes are made, as if something before had gone wrong."""
    schema, _, name = table.partition(".")
    with warehouse.connect_as_administrator(warehouse.database_name()) as administrator:
        administrator.execute(
            f"""alter table {table} rename to {name}_kept;
                create table {table} as select * from {schema}.{name}_kept;
                alter table {table} owner to cares_pipeline"""
        )
        try:
            for change in changes:
                administrator.execute(change)
            yield
        finally:
            administrator.execute(f"drop table {table} cascade; alter table {schema}.{name}_kept rename to {name}")


def spoiled(table: str, column: str) -> contextlib.AbstractContextManager[None]:
    """A column of a table holds text that is none of its type."""
    return replaced(table, f"alter table {table} alter column {column} type text using '{SECRET}'")


def doubled(table: str) -> contextlib.AbstractContextManager[None]:
    """Every row of a table is there twice."""
    return replaced(table, f"insert into {table} select * from {table}")


@contextlib.contextmanager
def no_care_event_can_be_read() -> Iterator[None]:
    with replaced(EVENTS), failing_with_a_value(EVENTS):
        yield


# --- files that cannot be taken in -----------------------------------------------------------------------------------------


def _first_row(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def carry_out(file: Path) -> None:
        header, first, *rest = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join([header, change(first), *rest]))

    return carry_out


def _header(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def carry_out(file: Path) -> None:
        header, *rest = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join([change(header), *rest]))

    return carry_out


DAMAGED: dict[str, Callable[[Path], None]] = {
    "bytes of another encoding": lambda file: break_file(file, 1),
    "a quotation mark that does not close": lambda file: break_file(file, 0),
    "a line with too many values": _first_row(lambda row: row.rstrip(b"\n") + b"," + SECRET.encode() + b"\n"),
    "a line with too few values": _first_row(lambda row: row.partition(b",")[0] + b"\n"),
    "a NUL byte": _first_row(lambda row: b"\0" + row),
    "a value that is too long": _first_row(lambda row: SECRET.encode() + b"x" * 200_000 + row),
    "a header given twice": _header(lambda header: header.rstrip(b"\n") + b"," + header.partition(b",")[0] + b"\n"),
    "a header that is a row": _header(lambda header: b""),
    "nothing but a row": _first_row(lambda row: row.replace(b",", SECRET.encode())),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_of_a_file_that_is_damaged_no_value_is_said(story: Story, warehouse_of_module: FreshWarehouse, how: str) -> None:
    folder, period = story.delivery(TENANCIES)
    for file in folder.iterdir():
        DAMAGED[how](file)
    with listening() as heard:
        decision = deliveries.receive(TENANCIES, folder.iterdir(), period)
    unreadable = warehouse_of_module.rows(
        "select count(*) from ledger.unreadable_line join ledger.delivery_file using (file_id) where delivery_id = %s",
        decision.delivery_id,
    )
    assert decision.state == "rejected" or unreadable[0][0]
    assert_clean(story, f"{heard.getvalue()}\n{decision}", how)


# --- names: whoever sends something may have named it after a person --------------------------------------------------------


def _in_a_zip(folder: Path, member: str, archive: str) -> list[Path]:
    packed = folder / archive
    with zipfile.ZipFile(packed, "w") as stream:
        stream.write(folder / "tenancies.csv", member)
    return [packed]


def _workbook(folder: Path, file: str, *sheets: str) -> list[Path]:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title in sheets:
        sheet = book.create_sheet(title)
        for line in (folder / "tenancies.csv").read_text(encoding="utf-8").splitlines():
            sheet.append(line.split(","))
    book.save(folder / file)
    return [folder / file]


def _renamed(folder: Path, name: str) -> list[Path]:
    return [(folder / "tenancies.csv").rename(folder / name)]


def _damaged(folder: Path, name: str) -> list[Path]:
    (folder / name).write_bytes(b"no archive")
    return [folder / name]


def _linked(folder: Path, name: str) -> list[Path]:
    (folder / name).symlink_to(folder / "tenancies.csv")
    return [folder / name]


def _listed(folder: Path, name: str) -> list[Path]:
    (folder / "manifest.csv").write_text(f"file,rows\n{name},3\n", encoding="utf-8")
    return [folder / "manifest.csv", folder / "tenancies.csv"]


def _gzipped(folder: Path, name: str) -> list[Path]:
    (folder / name).write_bytes(gzip.compress((folder / "tenancies.csv").read_bytes()))
    return [folder / name]


NAMED: dict[str, Callable[[Path, str], list[Path]]] = {
    "a file": lambda folder, name: _renamed(folder, f"{name}.csv"),
    "a file, beside its table": lambda folder, name: _renamed(folder, f"tenancies_{name}.csv"),
    "the ending of a file": lambda folder, name: _renamed(folder, f"tenancies.{name}"),
    "a zip file": lambda folder, name: _in_a_zip(folder, "tenancies.csv", f"{name}.zip"),
    "a zip file that is damaged": lambda folder, name: _damaged(folder, f"{name}.zip"),
    "a member of a zip file": lambda folder, name: _in_a_zip(folder, f"{name}.csv", "tenancies.zip"),
    "a folder in a zip file": lambda folder, name: _in_a_zip(folder, f"{name}/tenancies.csv", "tenancies.zip"),
    "a gzip file": lambda folder, name: _gzipped(folder, f"{name}.csv.gz"),
    "a workbook": lambda folder, name: _workbook(folder, f"{name}.xlsx", "tenancies"),
    "a workbook that is damaged": lambda folder, name: _damaged(folder, f"{name}.xlsx"),
    "the only sheet of a workbook": lambda folder, name: _workbook(folder, "tenancies.xlsx", name),
    "a sheet among others": lambda folder, name: _workbook(folder, "housing.xlsx", "tenancies", name),
    "a sheet, beside its table": lambda folder, name: _workbook(folder, "housing.xlsx", f"tenancies {name}", name),
    "a link": lambda folder, name: _linked(folder, f"{name}.csv"),
    "a file that a manifest lists": _listed,
}


@pytest.mark.parametrize("of_what", NAMED)
def test_a_name_of_somebody_s_is_kept_and_said_nowhere(story: Story, of_what: str) -> None:
    folder, period = story.delivery(TENANCIES)
    files = NAMED[of_what](folder, story.markers.word())
    with listening() as heard:
        try:
            said = repr(deliveries.receive(TENANCIES, files, period))
        except deliveries.DeliveryRefused as refusal:
            said = "".join(traceback.format_exception(refusal))
    assert_clean(story, f"{heard.getvalue()}\n{said}", f"the name of {of_what}")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tenancies_20190331.csv", "tenancies_20190331.csv"),
        ("CYP901_StaffDetails (1).csv", "CYP901_StaffDetails (1).csv"),
        ("Annex A List 3.xlsx", "Annex A List 3.xlsx"),
        ("2019-03__corrected", "2019-03__corrected"),
        ("2019-03__Jane", "2019-03__hidden"),
        ("Jane Smith 19500203.csv", "hidden hidden hidden.csv"),
        ("tenancies_Jane.csv", "tenancies_hidden.csv"),
        ("999 123 4567.csv", "hidden hidden hidden.csv"),
    ],
)
def test_of_a_name_stay_the_words_that_tell_of_nobody(name: str, told: str) -> None:
    assert shown(name) == told


@pytest.mark.parametrize("number", ["9991234567", "999 123 4567", "999-123-4567"])
def test_an_nhs_number_in_a_name_is_kept_and_said_nowhere(story: Story, warehouse_of_module: FreshWarehouse, number: str) -> None:
    folder, period = story.delivery(TENANCIES)
    deliveries.receive(TENANCIES, _renamed(folder, f"tenancies_{number}.csv"), period)
    assert number[-4:] not in repr(warehouse_of_module.rows("select file_name, problem from ledger.delivery_file"))


@pytest.mark.parametrize(
    "place", ["{}", "torus/{}", "torus/tenancies/{}", "torus/tenancies/2019-02__{}", "torus/tenancies/2019-02/{}"]
)
def test_a_folder_in_an_outbox_that_is_named_after_somebody_is_kept_and_said_nowhere(
    story: Story, tmp_path: Path, place: str
) -> None:
    folder = tmp_path / place.format(story.markers.word())
    folder.mkdir(parents=True)
    for file in story.delivery(TENANCIES)[0].iterdir():
        file.rename(folder / file.name)
    (folder / "complete.done").touch()
    with listening() as heard:
        of_all = [deliveries.refusals(organisation, tmp_path) for organisation in contracts.load().organisations]
        taken = deliveries.take("torus", tmp_path, "of the test")
    assert any(of_all) or taken
    assert_clean(story, f"{heard.getvalue()}\n{of_all}", place)


def test_a_period_that_is_none_is_not_repeated(story: Story) -> None:
    folder, _ = story.delivery(TENANCIES)
    assert_clean(story, raised(lambda: deliveries.receive(TENANCIES, folder.iterdir(), story.markers.word())), "a period")


def test_an_element_of_xml_that_is_named_after_somebody_is_kept_and_said_nowhere(story: Story) -> None:
    folder, period = story.delivery(CHILDREN)
    shape = contracts.load().feed(CHILDREN).format.file.xml
    assert shape
    row = next(iter(shape.rows.values()))
    name, value = story.markers.word(), story.markers.word()
    inner = f"<{name} {name}='{value}'>{value}</{name}>"
    for path in reversed(row.each.strip("/").split("/")):
        inner = f"<{path}>{inner}</{path}>"
    said = []
    for text in (inner, f"<all>{inner}{inner}</all>", inner.removesuffix(">"), f"<!DOCTYPE {name}>{inner}"):
        (folder / "return.xml").write_text(text, encoding="utf-8")
        with listening() as heard:
            said.append(repr(deliveries.receive(CHILDREN, [folder / "return.xml"], period)))
        said.append(heard.getvalue())
    assert_clean(story, "\n".join(said), "an XML file")


# --- each stage fails --------------------------------------------------------------------------------------------------------


def _receiving(table: str) -> Callable[[Story], str]:
    """A delivery that is taken in while a table cannot be read or written."""

    def carry_out(story: Story) -> str:
        folder, period = story.delivery(TENANCIES)
        with failing_with_a_value(table):
            return raised(lambda: deliveries.receive(TENANCIES, folder.iterdir(), period))

    return carry_out


def _checking(story: Story) -> str:
    folder, period = story.delivery(TENANCIES)
    delivery_id = deliveries.register(TENANCIES, folder.iterdir(), period, "of the test").delivery_id
    landing.land(delivery_id)
    with failing_with_a_value("landing.housing__tenancies"):
        return raised(lambda: checks.check([delivery_id]))


def _writing_to_the_sender(story: Story) -> str:
    with failing_with_a_value("ledger.delivery"):
        return raised(lambda: returns.write(story.deliveries[TENANCIES]))


def _building(layer: str, fault: Callable[[], contextlib.AbstractContextManager[None]]) -> Callable[[Story], str]:
    """A build whose step fails; what the steps before it would make is there from the build before."""

    def carry_out(story: Story) -> str:
        build_id = builds.start_build()
        # Without its working copy the index reads every description again.
        index_store.discard()
        step = (
            (lambda: builds.update_person_index(build_id))
            if layer == "person_index"
            else (lambda: builds.run_layer(build_id, layer))
        )
        try:
            with fault():
                return raised(step)
        finally:
            give_up_the_build()

    return carry_out


def give_up_the_build() -> None:
    """A build that waits for its next step would keep the next test from building."""
    with warehouse.connect() as connection:
        connection.execute("update ledger.build set state = 'failed' where state = 'building'")


def _publishing(fault: Callable[[], contextlib.AbstractContextManager[None]]) -> Callable[[Story], str]:
    """A build of which all is made and tested, and that cannot be published."""

    def carry_out(story: Story) -> str:
        with contextlib.ExitStack() as stack:

            def fail_at_publication(step: str) -> None:
                if step == "publish":
                    stack.enter_context(fault())

            try:
                return raised(lambda: builds.build(say=fail_at_publication))
            finally:
                give_up_the_build()

    return carry_out


@contextlib.contextmanager
def groups_that_are_never_large_enough() -> Iterator[None]:
    with warehouse.connect() as connection:
        connection.execute("update governance.purpose set smallest_group = 10000")
    try:
        yield
    finally:
        purposes.take_up()


def _reporting(story: Story) -> str:
    with failing_with_a_value("ledger.delivery"):
        return raised(lambda: quality.quality_report()) + raised(lambda: evidence.write())


STAGES: dict[str, Callable[[Story], str]] = {
    "landing (COPY)": _receiving("landing.housing__tenancies"),
    "checks (Great Expectations)": _checking,
    "findings": _receiving("ledger.finding"),
    "decision": _receiving("ledger.delivery_table"),
    "letter to the sender": _writing_to_the_sender,
    "dbt, what describes a person": _building("person_records", lambda: failing_with_a_value("staging.stg_housing__tenancies")),
    "dbt, a cast in a mart": _building("marts", lambda: spoiled(EVENTS, "started_on")),
    "dbt, an error in a mart": _building("marts", no_care_event_can_be_read),
    "dbt, a key that is there twice": _building("marts", lambda: doubled(EVENTS)),
    "person index, a cast": _building("person_index", lambda: spoiled("intermediate.int_person_descriptions", "is_current")),
    "person index, an error": _building("person_index", lambda: failing_with_a_value("intermediate.int_person_descriptions")),
    "person index, who is who": _building("person_index", lambda: failing_with_a_value("person_index.membership")),
    "pseudonyms": _building("person_index", lambda: failing_with_a_value("governance.pseudonym")),
    "publication, small numbers": _publishing(lambda: failing_with_a_value("governance.released_cell")),
    "publication, small groups": _publishing(groups_that_are_never_large_enough),
    "quality report and evidence": _reporting,
}


@pytest.mark.parametrize("stage", STAGES)
def test_where_a_stage_fails_no_value_is_said(story: Story, stage: str) -> None:
    with listening() as heard:
        seen = STAGES[stage](story)
    assert_clean(story, f"{heard.getvalue()}\n{seen}", stage)


def test_where_the_index_s_working_copy_fails_no_value_is_said(story: Story) -> None:
    with pytest.raises(warehouse.WarehouseError) as caught, index_store.safe_errors():
        duckdb.connect().execute(f"select cast('{SECRET}' as date)")
    assert_clean(story, "".join(traceback.format_exception(caught.value)), "DuckDB")


# --- the commands ------------------------------------------------------------------------------------------------------------


def command(*words: str) -> str:
    """All that the command `cares` prints and logs."""
    with listening() as heard, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["cares", *words])
        with contextlib.suppress(SystemExit):
            cli.app()
    return heard.getvalue()


def test_no_command_prints_a_value(story: Story, warehouse_of_module: FreshWarehouse) -> None:
    folder, period = story.delivery(TENANCIES)
    printed = [command("deliver", TENANCIES, *map(str, sorted(folder.iterdir())), "--period", period)]
    folder, period = story.delivery(TENANCIES)
    for number, file in enumerate(sorted(folder.iterdir())):
        break_file(file, number)
    printed.append(command("deliver", TENANCIES, *map(str, sorted(folder.iterdir())), "--period", period))
    for (delivery_id,) in warehouse_of_module.rows("select delivery_id from ledger.delivery where feed = %s", TENANCIES):
        printed.append(command("delivery", "show", str(delivery_id)))
    printed += [command("delivery", "list"), command("person-index", "status"), command("build", "list")]
    for (build_id,) in warehouse_of_module.rows("select build_id from ledger.build"):
        printed.append(command("build", "show", str(build_id)))
    with failing_with_a_value("staging.stg_gp_summary__problems"):
        printed.append(command("build", "run"))
    assert "The database refused" in printed[-1] or "failed" in printed[-1]
    assert "Broken rules" in "".join(printed) and "rejected" in "".join(printed)
    assert_clean(story, "\n".join(printed), "what the command prints")


# --- what is left behind -----------------------------------------------------------------------------------------------------


def test_every_feed_came_with_values_in_every_column(story: Story, warehouse_of_module: FreshWarehouse) -> None:
    states = dict(
        warehouse_of_module.rows(
            "select feed, state from ledger.delivery where delivery_id = any(%s)", list(story.deliveries.values())
        )
    )
    assert states == dict.fromkeys(contracts.load().feeds, "accepted")
    assert len(story.markers.made) > 10_000


def test_the_search_finds_the_values_where_they_belong(story: Story, warehouse_of_module: FreshWarehouse) -> None:
    words = {marker for marker in story.markers.made if marker.startswith((PASSING_WORD, FAILING_WORD))}
    with warehouse_of_module.connect() as connection:
        landed = story.markers.found_in(text_of(connection, ("landing",)))
        linked = story.markers.found_in(text_of(connection, ("staging", "intermediate")))
    stored = story.markers.found_in(text_below(settings.VAR / "store"))
    assert len(stored & words) > 0.9 * len(words)
    assert len(landed & words) > 0.5 * len(words)
    assert linked


def test_nothing_that_was_said_while_it_all_went_well_holds_a_value(story: Story) -> None:
    assert story.said
    assert_clean(story, story.said, "what was said")


def test_no_file_holds_a_value(story: Story) -> None:
    quality.quality_report()
    evidence.write()
    index = settings.VAR / "person_index"
    protected = {
        settings.VAR / "store",
        settings.VAR / "server" / "data",
        settings.VAR / "outbox of the leak test",
        *(index / name for name in ("index.duckdb", "index.duckdb.wal", "spill")),
    }
    folders = [folder for folder in settings.VAR.iterdir() if folder not in protected]
    names = [str(path) for path in settings.VAR.rglob("*") if settings.VAR / "outbox of the leak test" not in path.parents]
    assert {"dbt", "reports", "returns", "evidence", "server", "temporary files"} <= {folder.name for folder in folders}
    assert_clean(story, "\n".join(names), "names of files and folders")
    for folder in folders:
        assert_clean(story, text_below(folder, without=protected), folder.name)


def test_what_goes_back_to_the_senders_holds_no_value(story: Story) -> None:
    letters = [*(settings.VAR / "returns").rglob("*_letter.txt"), *(settings.VAR / "returns").rglob("delivery_*.csv")]
    assert len(letters) > len(contracts.load().feeds)
    assert_clean(story, "\n".join(path.read_text(encoding="utf-8-sig") for path in letters), "what goes back to the senders")


@pytest.mark.parametrize(
    ("role", "schemas"),
    [("engineer", ("ledger", "governance")), ("governance", ("ledger", "governance")), ("analyst", ("insight",))],
)
def test_what_a_role_may_read_holds_no_value(
    story: Story, warehouse_of_module: FreshWarehouse, role: str, schemas: tuple[str, ...]
) -> None:
    with warehouse_of_module.connect(role) as connection:
        text = text_of(connection, schemas, without=OF_PERSON_RECORDS if role == "governance" else ())
    assert text
    assert_clean(story, text, f"what {role} may read")


def test_no_notice_holds_a_value(story: Story) -> None:
    waiting = [*notifications.waiting("email"), *notifications.waiting("webhook")]
    assert {one.kind for one in waiting} & {"rejected", "held"}
    assert_clean(story, "\n".join(f"{one.subject}\n{one.text}" for one in waiting), "notices")
