"""What a person reads derives from the rule, never from a sentence beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cares import catalogue, contracts, settings
from cares.cli.contract import app
from few_contracts import few_contracts


def words(feed: str, **narrowed: str) -> str:
    return catalogue.feed_in_words(contracts.load().feed(feed), **narrowed)


def test_a_column_is_read_aloud_with_its_meaning_rule_consequence_and_reason() -> None:
    said = words("council/looked_after_children", version="2024", table="episodes")
    assert (
        "- **DECOM**: the day on which the episode began. It is always filled and is a real date written day/month/year "
        "(rule 141), or the row is set aside. Why: an episode without its beginning has no place in time. "
        "For direct care, planning and board reporting."
    ) in said


def test_a_changed_rule_changes_its_sentence(tmp_path: Path) -> None:
    root = shutil.copytree(settings.EXPECTATIONS, tmp_path / "expectations")
    oc2 = root / "formats/ssda903/oc2.yml"
    oc2.write_text(oc2.read_text(encoding="utf-8").replace("between: [0, 40]", "between: [0, 30]"), encoding="utf-8")
    assert "is a number from 0 to 40" in catalogue.catalogue(contracts.load())
    assert "is a number from 0 to 30" in catalogue.catalogue(contracts.load(root))


def test_one_version_shows_its_own_tables_and_codes() -> None:
    before = words("council/looked_after_children", version="2024")
    after = words("council/looked_after_children", version="2025")
    assert "`ssda903/dolo`" not in before
    assert "`ssda903/dolo`" in after
    assert "`K3` supported accommodation" not in before
    assert "`K3` supported accommodation" in after


def test_an_agreed_exception_shows_its_own_consequence(tmp_path: Path) -> None:
    root = few_contracts(tmp_path)
    with (root / "torus/tenancies.yml").open("a", encoding="utf-8") as stream:
        stream.write("exceptions: {tenancies.UPRN.uprn: warn}\n")
    said = catalogue.feed_in_words(contracts.load(root).feed("torus/tenancies"), table="tenancies")
    assert "- Agreed exception: tenancies.UPRN.uprn, or a warning counts it." in said
    assert "It is a unique property reference number of up to twelve digits, or a warning counts it." in said


def test_the_catalogue_is_the_same_each_time() -> None:
    assert catalogue.catalogue(contracts.load()) == catalogue.catalogue(contracts.load())


def test_the_catalogue_says_what_is_recalled_and_what_a_later_delivery_replaces() -> None:
    page = catalogue.catalogue(contracts.load())
    assert "Some facts are recalled" in page
    assert "A later delivery replaces the rows of the 12 months that end with its period" in page
    assert "A later delivery replaces the whole of the one before." in page


def test_an_unknown_table_is_named_with_the_known_ones() -> None:
    with pytest.raises(contracts.ContractError, match="has no table 'houses'; known: household_members, tenancies"):
        words("torus/tenancies", table="houses")


def test_show_prints_one_feed() -> None:
    result = CliRunner().invoke(app, ["show", "sthk/admitted_patient_care"])
    assert result.exit_code == 0
    assert "Hospital Provider Spell Number" in result.output
