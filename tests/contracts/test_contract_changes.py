"""A contract changes while deliveries come: what landed stays readable, and each delivery is judged by its own version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cares import catalogue, contracts, deliveries, landing, settings
from cares.cli.contract import app
from cares.contracts import ContractError
from cares.contracts import load as load_contracts
from end_to_end.receiving import EXTRACTS, sign_agreement
from few_contracts import few_contracts
from fresh_warehouse import FreshWarehouse

SENT = (EXTRACTS / "torus_tenancies" / "as_promised" / "tenancies.csv").read_text(encoding="utf-8")
TABLE = "formats/housing/tenancies.yml"
Replacement = tuple[str, str]


class Torus:
    """Torus and its contract: it sends tenancies month by month, and what it promised can be changed in between."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch
        self._root = few_contracts(folder)
        self._number = 0

    def change(self, name: str, *replacements: Replacement) -> contracts.Contracts:
        """Change words in one file of the contracts; the pipeline obeys the new ones from now on."""
        self._number += 1
        self._root = shutil.copytree(self._root, self._folder / f"expectations_{self._number}")
        changed = replaced((self._root / name).read_text(encoding="utf-8"), *replacements)
        (self._root / name).write_text(changed, encoding="utf-8")
        everything = load_contracts(self._root)
        self._monkeypatch.setattr(contracts, "load", lambda: everything)
        return everything

    def remove(self, name: str) -> None:
        """Take one file of the contracts away; the pipeline does without it from now on."""
        self.change(name)
        (self._root / name).unlink()
        everything = load_contracts(shutil.copytree(self._root, self._folder / "expectations_without"))
        self._monkeypatch.setattr(contracts, "load", lambda: everything)

    def send(self, period: str, *replacements: Replacement) -> deliveries.Decision:
        """Send the tenancies of a month, with other words in them; takes the delivery the whole way."""
        self._number += 1
        place = self._folder / f"sent_{self._number}"
        place.mkdir()
        (place / "tenancies.csv").write_text(replaced(SENT, *replacements), encoding="utf-8")
        return deliveries.receive("torus/tenancies", [place / "tenancies.csv"], period)


def replaced(text: str, *replacements: Replacement) -> str:
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture
def torus(warehouse: FreshWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Torus:
    sign_agreement("torus/tenancies")
    return Torus(tmp_path, monkeypatch)


def history() -> list[str]:
    """What changed of the landlord's format since the warehouse was made."""
    changes = (one for one in landing.history() if one.format == "housing" and "the table was made" not in one.change)
    return [f"{one.table}: {one.change}" for one in changes]


# --- a new column

HEATING = ("  Tenure:\n", "  Heating:\n    means: how the home is heated\n    needed_for: [planning]\n  Tenure:\n")
WITH_HEATING = [("Tenancy Reference,", "Heating,Tenancy Reference,"), ("\nT0", "\nGas,T0")]


def test_a_new_column_is_added_and_old_deliveries_stay_readable(torus: Torus, warehouse: FreshWarehouse) -> None:
    before = torus.send("2019-03")
    torus.change(TABLE, HEATING)
    after = torus.send("2019-04", *WITH_HEATING)

    assert warehouse.rows(
        "select delivery_id, heating, count(*), count(tenure) from accepted.housing__tenancies group by 1, 2 order by 1"
    ) == [(before.delivery_id, None, 12, 12), (after.delivery_id, "Gas", 12, 12)]
    assert history() == ["tenancies: the column heating was added (Heating); rows of earlier deliveries have none in it"]


def test_what_came_before_the_contract_knew_the_column_is_found_again_by_a_replay(
    torus: Torus, warehouse: FreshWarehouse
) -> None:
    early = torus.send("2019-03", *WITH_HEATING)
    assert ("columns left out",) in warehouse.rows("select event from ledger.delivery_event")
    torus.change(TABLE, HEATING)

    replayed = deliveries.replay(early.delivery_id, "the contract knows the column now")

    assert replayed.state == "accepted"
    assert warehouse.rows("select distinct delivery_id, heating from accepted.housing__tenancies") == [
        (replayed.delivery_id, "Gas")
    ]


# --- a renamed column

RENAMED = ("  UPRN:\n", "  Property Number:\n    renamed_from: [UPRN]\n")


def test_a_renamed_column_keeps_what_came_under_its_old_name_and_what_was_found_in_it(
    torus: Torus, warehouse: FreshWarehouse
) -> None:
    before = torus.send("2019-03", ("38000000001", "3.8E+10"))
    torus.change(TABLE, RENAMED)
    after = torus.send("2019-04", ("UPRN", "Property Number"))

    assert "uprn" not in column_names(warehouse)
    assert warehouse.rows(
        """select landed.property_number, accepted.property_number
           from landing.housing__tenancies as landed join accepted.housing__tenancies as accepted using (file_id, line_number)
           where line_number = 2 order by file_id"""
    ) == [("3.8E+10", None), ("38000000001", "38000000001")]
    assert warehouse.rows("select delivery_id, column_name, rule from ledger.finding") == [
        (before.delivery_id, "property_number", "tenancies.Property Number.uprn")
    ]
    assert warehouse.rows(
        "select rule, count(*), sum(rows_broken)::int from ledger.check_result where rule like '%%uprn' group by 1"
    ) == [("tenancies.Property Number.uprn", 2, 1)]
    assert after.state == "accepted"
    assert history() == [
        "tenancies: the column uprn is called property_number from now on (Property Number), also of earlier deliveries"
    ]


def column_names(warehouse: FreshWarehouse) -> set[str]:
    with warehouse.connect() as connection:
        return {column.name for column in connection.execute("select * from landing.housing__tenancies").description or ()}


def test_a_file_with_the_old_header_is_still_taken_and_an_old_delivery_can_be_replayed(
    torus: Torus, warehouse: FreshWarehouse
) -> None:
    old = torus.send("2019-03", ("38000000001", "3.8E+10"))
    torus.change(TABLE, RENAMED)

    assert torus.send("2019-04").state == "accepted"
    replayed = deliveries.replay(old.delivery_id, "after the column was renamed")

    assert replayed.state == "accepted"
    assert warehouse.rows(
        "select delivery_id, count(property_number) from accepted.housing__tenancies group by 1 order by 1"
    ) == [
        (replayed.delivery_id - 1, 12),
        (replayed.delivery_id, 11),
    ]


def test_a_file_with_both_headers_is_rejected_because_nobody_can_tell_which_counts(torus: Torus) -> None:
    torus.change(TABLE, RENAMED)

    decision = torus.send("2019-03", ("Property Reference", "Property Number"))

    assert decision.state == "rejected"
    assert "line 1: the header Property Number is given twice; keep one" in decision.reason


def test_a_column_renamed_twice_is_found_under_each_of_its_names(torus: Torus, warehouse: FreshWarehouse) -> None:
    torus.send("2019-03")
    torus.change(TABLE, RENAMED)
    torus.send("2019-04", ("UPRN", "Property Number"))
    torus.change(
        TABLE, ("  Property Number:\n    renamed_from: [UPRN]\n", "  Home:\n    renamed_from: [UPRN, Property Number]\n")
    )
    torus.send("2019-05", ("UPRN", "Home"))

    assert warehouse.rows("select count(*), count(home) from landing.housing__tenancies") == [(36, 36)]


def test_a_column_that_was_added_first_and_declared_renamed_later_is_still_one_column(
    torus: Torus, warehouse: FreshWarehouse
) -> None:
    torus.send("2019-03")
    torus.change(TABLE, ("  UPRN:\n", "  Property Number:\n    means: the national number of the property\n  UPRN:\n"))
    landing.prepare()
    torus.change(
        TABLE,
        ("  Property Number:\n    means: the national number of the property\n  UPRN:\n", RENAMED[1]),
    )
    torus.send("2019-04", ("UPRN", "Property Number"))

    assert warehouse.rows("select count(*), count(property_number) from landing.housing__tenancies") == [(24, 24)]


def test_two_columns_that_both_hold_values_are_never_made_one(torus: Torus, warehouse: FreshWarehouse) -> None:
    torus.change(TABLE, HEATING)
    torus.send("2019-03", *WITH_HEATING)
    with_both = (HEATING[1], "  Tenure:\n    renamed_from: [Heating]\n")
    torus.change(TABLE, with_both)

    with pytest.raises(ContractError, match="Tenure cannot be the new name of the column heating"):
        deliveries.take("torus", settings.var_folder("an empty outbox"), "run")
    with pytest.raises(
        ContractError, match="Tenure cannot be the new name of the column heating: deliveries have come with values"
    ):
        torus.send("2019-04")
    assert warehouse.rows("select count(heating), count(tenure) from landing.housing__tenancies") == [(12, 12)]


@pytest.mark.parametrize(
    ("file", "replacement", "says"),
    [
        (TABLE, ("  UPRN:\n", "  UPRN:\n    renamed_from: [Tenure]\n"), "'Tenure' already names the column 'UPRN'"),
        (
            TABLE,
            ("  Tenancy Start Date:\n", "  Start:\n    renamed_from: [Tenancy Start Date]\n"),
            "names the column 'Tenancy Start Date', which the table does not have any more; write its new header 'Start'",
        ),
        (
            "torus/tenancies.yml",
            ("note:", "exceptions: {tenancies.UPRN.uprn: warn}\nnote:"),
            "is not a rule of this format; write 'tenancies.Property Number.uprn'",
        ),
    ],
)
def test_a_renaming_that_clashes_is_named_with_its_remedy(torus: Torus, file: str, replacement: Replacement, says: str) -> None:
    if file != TABLE:
        torus.change(TABLE, RENAMED)
    with pytest.raises(ContractError) as problem:
        torus.change(file, replacement)
    assert says in str(problem.value)


# --- a new version of the format, with a column and a code of its own and one code less

VERSION_2 = (
    "  1: {from_period_ending: 2018-01-01}",
    "  1: {from_period_ending: 2018-01-01, until_period_ending: 2019-03-31}\n  2: {from_period_ending: 2019-04-30}",
)
CODES_OF_VERSION_2 = (
    "codes: [Introductory, Starter, Assured, Assured Shorthold, Secure, Fixed Term, Licence, Shared Ownership, Leasehold]",
    "codes: {Assured: assured, Secure: {means: secure, until: 1}, Almshouse: {means: an almshouse, since: 2}}",
)
# Torus moves to version 2 with its file for June 2019, two months after the version begins.
MOVES_LATE = (
    "note:",
    "versions:\n  - {version: 1, from_period_ending: 2019-01-31}\n  - {version: 2, from_period_ending: 2019-06-30}\nnote:",
)
WITH_ALMSHOUSES = ("Assured", "Almshouse")


def with_version_2(torus: Torus) -> contracts.Contracts:
    """From April 2019 on: almshouses instead of secure tenancies, and the heating, which must be filled."""
    torus.change("formats/housing/format.yml", VERSION_2)
    torus.change("formats/housing/codes.yml", CODES_OF_VERSION_2)
    filled = "    since: 2\n    we_expect: [filled]\n    if_broken: set the row aside\n"
    return torus.change(TABLE, (HEATING[0], HEATING[1].replace("    needed_for", filled + "    needed_for")))


def broken(warehouse: FreshWarehouse) -> dict[tuple[str, str], int]:
    """How many rows of which period break which rule."""
    return {
        (period, rule): rows
        for period, rule, rows in warehouse.rows(
            """select period, rule, rows_broken from ledger.check_result join ledger.delivery using (delivery_id)
               where rows_broken > 0 and state <> 'withdrawn' order by 1, 2"""
        )
    }


def test_each_period_is_judged_by_the_version_that_governs_it_whenever_it_is_sent(
    torus: Torus, warehouse: FreshWarehouse
) -> None:
    march = torus.send("2019-03")
    with_version_2(torus)

    torus.send("2019-04", *WITH_HEATING, WITH_ALMSHOUSES)
    torus.send("2019-05", WITH_ALMSHOUSES)
    torus.send("2019-02", ("Assured", "Secure"))
    torus.send("2019-01", WITH_ALMSHOUSES)
    deliveries.replay(march.delivery_id, "judged again, by the version of its own day")

    assert warehouse.rows("select period, format_version, state from ledger.delivery order by delivery_id") == [
        ("2019-03", "1", "withdrawn"),
        ("2019-04", "2", "accepted"),
        ("2019-05", "2", "rejected"),
        ("2019-02", "1", "superseded"),
        ("2019-01", "1", "superseded"),
        ("2019-03", "1", "superseded"),
    ]
    assert broken(warehouse) == {("2019-01", "tenancies.Tenure.one_of"): 12}
    assert "tenure: the code Secure is now accepted from version the first to 1" in str(history())
    assert "tenure: the code Almshouse was added, accepted from version 2 to the last" in str(history())


def test_a_feed_moves_to_a_new_version_from_a_period_of_its_own(torus: Torus, warehouse: FreshWarehouse) -> None:
    with_version_2(torus)
    torus.change("torus/tenancies.yml", MOVES_LATE)

    torus.send("2019-05", ("Assured", "Secure"))
    torus.send("2019-06", *WITH_HEATING, WITH_ALMSHOUSES)

    assert warehouse.rows("select period, format_version from ledger.delivery order by 1") == [("2019-05", "1"), ("2019-06", "2")]
    assert broken(warehouse) == {}


# --- what changed is said


def test_the_catalogue_says_what_changed_from_version_to_version_and_what_was_renamed(torus: Torus) -> None:
    with_version_2(torus)
    page = catalogue.catalogue(torus.change(TABLE, RENAMED))

    assert (
        "What changed:\n\n"
        "- 1 to 2:\n"
        "  - in tenancies, new column `Heating`\n"
        "  - in `tenure`, new code `Almshouse`; ended code `Secure`\n"
        "- In tenancies, Property Number was called UPRN before; files may have either."
    ) in page


def test_what_changed_in_the_warehouse_is_remembered_and_shown(torus: Torus) -> None:
    torus.change(TABLE, HEATING)
    landing.prepare()
    torus.change(TABLE, ("    needed_for: [planning]\n  Tenure:\n", "  Tenure:\n"))
    landing.prepare()
    landing.prepare()

    assert history() == [
        "tenancies: the column heating was added (Heating); rows of earlier deliveries have none in it",
        "tenancies: the column heating goes no further than landing any more",
    ]
    shown = CliRunner().invoke(app, ["history"], env={"COLUMNS": "200"}).output
    assert "the column heating goes no further than landing any more" in shown


def test_a_delivery_from_before_the_feed_came_by_quarters_can_still_be_withdrawn_and_released(torus: Torus) -> None:
    sent = torus.send("2019-03", ("02/04/2015", "30/02/2015"))
    torus.change("torus/tenancies.yml", ("every: month", "every: quarter"))

    for action, state in (("withdraw", "withdrawn"), ("release", "accepted"), ("hold", "held")):
        [change] = deliveries.act(action, sent.delivery_id, "Torus asked for it")
        assert change.state_after == state


def test_a_delivery_of_a_feed_that_is_not_promised_any_more_can_still_be_withdrawn(torus: Torus) -> None:
    sent = torus.send("2019-03", ("02/04/2015", "30/02/2015"))
    torus.remove("torus/tenancies.yml")

    [change] = deliveries.act("withdraw", sent.delivery_id, "Torus sends no more")

    assert change.state_after == "withdrawn"
