"""The data dictionary: every published table and column, in the words of the project and of the contracts, without a value."""

from __future__ import annotations

import csv
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds, data_dictionary, settings
from cares.cli import typer_app
from fresh_warehouse import FreshWarehouse

MARTS = settings.DBT_PROJECT / "models" / "marts"


class Page(HTMLParser):
    """What a page links to, loads and anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        self.elements.add(tag)
        self.ids += [told["id"]] if told.get("id") else []
        self.links += [told[name] for name in ("href", "src") if told.get(name)]


def test_every_mart_and_column_of_the_project_is_in_it() -> None:
    tables = {one.full_name: one for one in data_dictionary.entries()}
    described = {
        f"{path.parent.name}.{path.stem.removeprefix('record_' if path.parent.name == 'shared_care_record' else path.parent.name + '_')}": model
        for path in MARTS.glob("*/*.yml")
        for model in yaml.safe_load(path.read_text("utf-8")).get("models") or []
    }
    assert tables.keys() == described.keys()
    for name, model in described.items():
        shown = {column["name"] for column in model["columns"] if not column["name"].startswith("guard_")}
        assert shown <= {column.name for column in tables[name].columns}
        assert not [column.name for column in tables[name].columns if column.name.startswith("guard_")]
        assert all(column.meaning and column.type and column.source for column in tables[name].columns)
        assert tables[name].grain.startswith("One row for ") and tables[name].reader and tables[name].purposes


def test_it_tells_which_sent_column_a_column_is_and_who_sends_it() -> None:
    stays = next(one for one in data_dictionary.entries() if one.full_name == "linked_care.hospital_stays")
    source = {column.name: column.source for column in stays.columns}
    assert source["admission_method_code"].startswith("apc/episodes: Admission Method")
    assert "sthk/admitted_patient_care" in stays.feeds
    assert next(one for one in data_dictionary.entries() if one.full_name == "insight.days").feeds == ()


@pytest.fixture(scope="module")
def written(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dictionary of a warehouse that knows of one tenancy, as the command writes it."""
    deliver(warehouse_of_module, "torus/tenancies", ("2019-01", date(2019, 1, 1), date(2019, 1, 31)), "snapshot", {
        "tenancies": [{"tenancy_reference": "T1", "postcode": "WA10 1AB", "tenancy_start_date": "01/01/1990", "main_tenant_reference": "H1"}],
        "household_members": [{
            "person_reference": "H1", "tenancy_reference": "T1", "forename": "Adalberta", "surname": "Ashgrove",
            "date_of_birth": "28/02/1935",
        }],
    })  # fmt: skip
    builds.build()
    folder = tmp_path_factory.mktemp("dictionary") / "new"
    run = CliRunner().invoke(typer_app, ["dictionary", "--out", str(folder)])
    assert run.exit_code == 0, run.output
    assert [Path(line).name for line in run.output.split()] == list(data_dictionary.FILES)
    return folder


def test_it_holds_nothing_of_a_person_and_hides_small_numbers_of_rows(written: Path) -> None:
    for name in data_dictionary.FILES:
        text = (written / name).read_text("utf-8")
        for secret in ("Adalberta", "Ashgrove", "28/02/1935", "WA10 1AB"):
            assert secret not in text
    with (written / "data_dictionary.csv").open(encoding="utf-8") as handle:
        lines = list(csv.DictReader(handle))
    told = {f"{line['schema']}.{line['table']}": line for line in lines}
    assert told["linked_care.tenancies"]["rows"] == "*"
    assert told["linked_care.hospital_stays"]["rows"] == "0"
    assert told["linked_care.tenancies"]["last_refreshed"] > "2020"
    assert told["linked_care.tenancies"]["feeds"] == "torus/tenancies"


def test_the_page_needs_no_other_host_and_its_links_lead_somewhere(written: Path) -> None:
    page = Page((written / "data_dictionary.html").read_text("utf-8"))
    assert not page.elements & {"script", "img", "iframe"}
    assert len(page.ids) == len({*page.ids})
    assert {link for link in page.links if not link.startswith("#")} == {"data:,"}
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= {*page.ids}


def test_before_anything_is_published_it_says_so(warehouse: FreshWarehouse, tmp_path: Path) -> None:
    data_dictionary.write(tmp_path)
    assert "not published yet" in (tmp_path / "data_dictionary.html").read_text("utf-8")
