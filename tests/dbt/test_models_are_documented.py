"""Each model of the dbt project says what it is, what its columns mean, and which tests hold it; judged from its files alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cares import settings

MODELS = settings.DBT_PROJECT / "models"
MARTS = MODELS / "marts"
OF_A_METRIC = ("numerator", "denominator", "baseline", "unit", "owner")
REF = re.compile(r"""ref\(\s*['"](\w+)['"]\s*\)""")


@dataclass(frozen=True)
class Model:
    """A model of the project: its SQL, and what the yml beside it says of it."""

    name: str
    path: Path
    says: dict[str, Any]

    @property
    def first_line(self) -> str:
        return self.path.read_text("utf-8").split("\n", 1)[0]

    @property
    def meta(self) -> dict[str, Any]:
        """What its yml says, and what dbt_project.yml says of its folder."""
        told: dict[str, Any] = {}
        folder = yaml.safe_load((settings.DBT_PROJECT / "dbt_project.yml").read_text("utf-8"))["models"]["st_helens_cares"]
        for part in ("", *self.path.relative_to(MODELS).parent.parts):
            folder = folder.get(part, {}) if part else folder
            told |= folder.get("+meta", {})
        return told | ((self.says.get("config") or {}).get("meta") or {})

    @property
    def key(self) -> list[str] | None:
        for test in self.says.get("data_tests") or []:
            if isinstance(test, dict) and "key" in test:
                return (test["key"].get("arguments") or test["key"])["columns"]
        return None

    @property
    def columns(self) -> list[dict[str, Any]]:
        return self.says.get("columns") or []


@cache
def models() -> dict[str, Model]:
    found = {}
    for path in sorted(MODELS.rglob("*.sql")):
        beside = path.with_suffix(".yml")
        said = (yaml.safe_load(beside.read_text("utf-8")) or {}) if beside.exists() else {}
        says = next((one for one in said.get("models") or [] if one["name"] == path.stem), {})
        found[path.stem] = Model(path.stem, path, says)
    return found


@cache
def named_in_tests() -> frozenset[str]:
    """The models that a singular test of the project reads."""
    texts = [path.read_text("utf-8") for path in (settings.DBT_PROJECT / "tests").glob("*.sql")]
    named = {name for text in texts for name in REF.findall(text)}
    # A test that reads several marts alike lists their names and puts a prefix before them: ref('insight_' ~ mart).
    for text in texts:
        listed = {
            name for words in re.findall(r"for \w+(?:, \w+)* in \[(.*?)\]", text, re.S) for name in re.findall(r"'(\w+)'", words)
        }
        prefixes = re.findall(r"ref\(\s*'(\w+)'\s*~", text) + ([""] if re.search(r"ref\(\s*\w+\s*\)", text) else [])
        named |= {prefix + name for prefix in prefixes for name in listed}
    return frozenset(named)


ALL = sorted(models())
IN_MARTS = [name for name in ALL if MARTS in models()[name].path.parents]
ON_THE_BOARD = [name for name in IN_MARTS if models()[name].path.parent.name == "board"]


@pytest.mark.parametrize("name", ALL)
def test_each_model_says_its_grain_its_reader_and_its_purpose(name: str) -> None:
    model = models()[name]
    assert re.match(r"-- One row for (each|every) ", model.first_line), (
        f"{model.path.name}: its first line does not say its grain"
    )
    assert model.says.get("description"), f"{name}: no description in {name}.yml beside it"
    wanted = ("reader", "purpose", "leaves_out", "agreement") if name in IN_MARTS else ("reader", "purpose")
    meta = model.meta
    missing = [word for word in wanted if not meta.get(word)]
    assert not missing, f"{name}: config.meta says no {', '.join(missing)}"


@pytest.mark.parametrize("name", ALL)
def test_each_column_says_its_type_and_what_it_means(name: str) -> None:
    columns = models()[name].columns
    assert columns, f"{name}: no columns described"
    untold = [one["name"] for one in columns if not one.get("description") or not one.get("data_type")]
    assert not untold, f"{name}: without description or data_type: {', '.join(untold)}"
    names = [one["name"] for one in columns]
    assert len(names) == len({*names}), f"{name}: a column is described twice"


@pytest.mark.parametrize("name", IN_MARTS)
def test_each_mart_has_a_primary_key(name: str) -> None:
    model = models()[name]
    assert model.key, f"{name}: no test `key` in {name}.yml"
    unknown = {*model.key} - {one["name"] for one in model.columns}
    assert not unknown, f"{name}: its key names columns that it does not have: {', '.join(sorted(unknown))}"


@pytest.mark.parametrize("name", IN_MARTS)
def test_each_mart_is_reconciled(name: str) -> None:
    """Its totals are held against another table's, by a test that reads it, or by one that reads what it is a copy of."""
    if name in named_in_tests():
        return
    by = models()[name].meta.get("reconciled_by")
    assert by, f"{name}: no test in dbt_project/tests reads it, and meta says no reconciled_by"
    assert (settings.DBT_PROJECT / "tests" / f"{by}.sql").exists() or by in unit_tests() | named_in_python(), (
        f"{name}: reconciled_by names {by}, which is no singular test, unit test or test of pytest"
    )


@pytest.mark.parametrize("name", ON_THE_BOARD)
def test_each_figure_of_the_board_says_what_it_counts(name: str) -> None:
    """In `meta` itself where the model has one figure, else in a list `metrics`, each with the name of its column."""
    model = models()[name]
    metrics = model.meta.get("metrics") or [model.meta]
    for metric in metrics:
        missing = [word for word in OF_A_METRIC if not metric.get(word)]
        assert not missing, (
            f"{name}: config.meta says no {', '.join(missing)}{' of ' + metric['name'] if 'name' in metric else ''}"
        )
    unknown = {one["name"] for one in model.meta.get("metrics") or []} - {one["name"] for one in model.columns}
    assert not unknown, f"{name}: metrics that are no columns: {', '.join(sorted(unknown))}"


def test_each_metric_of_the_semantic_layer_is_defined_once_beside_its_table() -> None:
    said = yaml.safe_load((MARTS / "metrics.yml").read_text("utf-8"))
    for metric in said["metrics"]:
        table, _, column = metric["config"]["meta"]["defined_by"].partition(".")
        defined = [one["name"] for one in models()[table].meta.get("metrics") or []]
        assert column in defined, f"{metric['name']}: {table} defines no metric {column}, but {', '.join(defined)}"
        assert metric.get("description") and metric.get("label")
    measured = {measure["name"] for model in said["semantic_models"] for measure in model["measures"]}
    assert len(measured) == sum(len(model["measures"]) for model in said["semantic_models"])


def test_no_yml_describes_a_model_that_is_not_there() -> None:
    described = {
        one["name"]: path.name
        for path in MODELS.rglob("*.yml")
        for one in (yaml.safe_load(path.read_text("utf-8")) or {}).get("models") or []
    }
    assert {name: where for name, where in described.items() if name not in models()} == {}
    assert {name: where for name, where in described.items() if where != f"{name}.yml"} == {}


def test_names_of_unit_tests_fit_the_database() -> None:
    assert [name for name in unit_tests() if len(name) > 63] == []


@cache
def unit_tests() -> frozenset[str]:
    return frozenset(
        one["name"]
        for path in MODELS.rglob("*.yml")
        for one in (yaml.safe_load(path.read_text("utf-8")) or {}).get("unit_tests") or []
    )


@cache
def named_in_python() -> frozenset[str]:
    return frozenset(
        name
        for path in (settings.ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.M)
    )
