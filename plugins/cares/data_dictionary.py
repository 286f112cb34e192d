"""The data dictionary: what every published table and column means, where it comes from, and what is known to be missing.

What tables mean is read from the dbt project, what senders mean from the contracts, and when a table was last made, how many
rows it has and what did not come from the warehouse. It holds no value of the data.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from psycopg import sql

from cares import contracts, english, questions, settings, simulated, warehouse
from cares.contracts import Contracts
from cares.governance import protections
from cares.reports import disclosure

FILES = ("data_dictionary.html", "data_dictionary.csv")
# What a figure of the Board says of itself, in this order.
OF_A_METRIC = ("numerator", "denominator", "unit", "baseline", "owner")
_REF = re.compile(r"""ref\(\s*['"](\w+)['"]\s*\)""")
_CALL = re.compile(r"(?<![\w.])(\w+)\(")
_MACRO = re.compile(r"{%-?\s*macro (\w+)\(.*?%}(.*?){%-?\s*endmacro\s*-?%}", re.S)
# One column of a staging model, which is cleaned from one of the contract's: {{ clean_date('date_of_birth') }} as born_on
_CLEANED = re.compile(r"{{\s*\w+\('(\w+)'[^}]*}}\s+as\s+(\w+)")
_STAGING = re.compile(r"stg_([a-z0-9_]+?)__(\w+)")


@dataclass(frozen=True)
class ColumnEntry:
    """A column: its type, what it means, and what it is cleaned or worked out from."""

    name: str
    type: str
    meaning: str
    source: str


@dataclass(frozen=True)
class TableEntry:
    """A published table as its readers find it; `rows` as they may be read, None where nothing is published."""

    schema: str
    name: str
    meaning: str
    grain: str
    reader: str
    purposes: tuple[str, ...]
    leaves_out: str
    agreement: str
    key: tuple[str, ...]
    metrics: tuple[Mapping[str, str], ...]
    caveats: tuple[str, ...]
    columns: tuple[ColumnEntry, ...]
    feeds: tuple[str, ...]
    gaps: tuple[str, ...] = ()
    refreshed_on: date | None = None
    rows: str | None = None

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class _State:
    """What the warehouse tells: when each schema's build was made, rows of each table, gaps of each feed."""

    refreshed_on: Mapping[str, date] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)
    gaps: Mapping[str, str] = field(default_factory=dict)
    is_simulated: bool = False


def write(folder: Path) -> tuple[Path, ...]:
    """Write the dictionary as a page and as a table into a folder, which is made; returns both paths.

    Raises WarehouseError when the warehouse does not answer; where nothing is published, it says so of each table.
    """
    state = _state()
    tables = entries(state)
    folder.mkdir(parents=True, exist_ok=True)
    page, table = (folder / name for name in FILES)
    page.write_text(_page(tables, state.is_simulated), encoding="utf-8")
    with table.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(
            ["schema", "table", "grain", "table_meaning", "reader", "purpose", "leaves_out", "agreement", "key", "column", "type",
             "meaning", "source", *OF_A_METRIC, "caveats", "feeds", "known_gaps", "last_refreshed", "rows"]
        )  # fmt: skip
        writer.writerows(_lines(tables))
    return page, table


def entries(state: _State | None = None) -> tuple[TableEntry, ...]:
    """Every published table, by schema and name."""
    state = state or _State()
    project = _Project(settings.DBT_PROJECT, contracts.load())
    found = [_table(project, name, says, state) for name, says in project.published()]
    order = list(protections.USES)
    return tuple(sorted(found, key=lambda one: (order.index(one.schema), one.name)))


class _Project:
    """The dbt project as its files tell it: SQL, yml and macros."""

    def __init__(self, folder: Path, promised: Contracts) -> None:
        self.folder = folder
        self.promised = promised
        self.sql = {path.stem: path for path in sorted((folder / "models").rglob("*.sql"))}
        self.says: dict[str, dict[str, Any]] = {}
        for path in sorted((folder / "models").rglob("*.yml")):
            for one in (yaml.safe_load(path.read_text("utf-8")) or {}).get("models") or []:
                self.says[one["name"]] = one
        self.text = {name: path.read_text("utf-8") for name, path in self.sql.items()}
        self._staging: dict[str, frozenset[str]] = {}

    @cached_property
    def macros(self) -> dict[str, str]:
        """The text of each macro."""
        texts = (path.read_text("utf-8") for path in sorted((self.folder / "macros").rglob("*.sql")))
        return {name: body for text in texts for name, body in _MACRO.findall(text)}

    def published(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The models that readers find, each with what its yml says."""
        for name, path in self.sql.items():
            if (self.folder / "models" / "marts") in path.parents:
                yield name, self.says.get(name, {})

    def schema(self, name: str) -> str:
        """The published schema, which is the name of the model's folder below marts."""
        return self.sql[name].relative_to(self.folder / "models" / "marts").parts[0]

    def table_name(self, name: str) -> str:
        """The name under which readers find it: the model's, without what stands for its schema before it."""
        schema = self.schema(name)
        return name.removeprefix("record_" if schema == "shared_care_record" else f"{schema}_")

    def grain(self, name: str) -> str:
        """The comment that begins the model."""
        lines = []
        for line in self.text[name].splitlines():
            if not line.startswith("--"):
                break
            lines.append(line.removeprefix("--").strip())
        return " ".join(lines)

    def staging(self, name: str, above: frozenset[str] = frozenset()) -> frozenset[str]:
        """The staging models that a model is made from, through whatever lies between."""
        if name in self._staging:
            return self._staging[name]
        found: set[str] = set()
        if name.startswith("stg_"):
            found.add(name)
        elif name in self.text and name not in above:
            for other in self._refs(self.text[name]):
                found |= self.staging(other, above | {name})
        result = frozenset(found)
        if not above:
            self._staging[name] = result
        return result

    def _refs(self, text: str) -> set[str]:
        """The models that a text names, and those that the macros that it calls name."""
        seen: set[str] = set()
        waiting = [text]
        names: set[str] = set()
        while waiting:
            part = waiting.pop()
            names |= {*_REF.findall(part), *(one.group(0) for one in _STAGING.finditer(part))}
            for called in {*_CALL.findall(part)} & self.macros.keys() - seen:
                seen.add(called)
                waiting.append(self.macros[called])
        return names & self.text.keys()

    @cached_property
    def cleaned(self) -> dict[str, dict[str, str]]:
        """For each staging model and column, the contract's column that it is cleaned from."""
        return {
            name: {column: source for source, column in _CLEANED.findall(text)}
            for name, text in self.text.items()
            if name.startswith("stg_")
        }

    def source(self, column: str, staging: Sequence[str]) -> str:
        """Which sent columns a mart's column is, in the senders' words; empty where it is worked out."""
        told = []
        for name in staging:
            sent = self.cleaned[name].get(column)
            found = _STAGING.fullmatch(name)
            if not sent or not found or found[1] not in self.promised.formats:
                continue
            table = self.promised.formats[found[1]].tables.get(found[2])
            header = next((one for one, named in table.column_names.items() if named == sent), None) if table else None
            if table and header:
                meaning = " ".join(str(table.file.columns[header].means).split())
                told.append(f"{found[1]}/{found[2]}: {header} ({meaning})")
        return "; ".join(told)

    def feeds(self, staging: Sequence[str]) -> tuple[str, ...]:
        """The feeds whose format one of the staging models is of."""
        formats = {found[1] for name in staging if (found := _STAGING.fullmatch(name))}
        return tuple(sorted(slug for slug, feed in self.promised.feeds.items() if feed.format.name in formats))


def _table(project: _Project, name: str, says: dict[str, Any], state: _State) -> TableEntry:
    meta = (says.get("config") or {}).get("meta") or {}
    staging = sorted(project.staging(name))
    feeds = project.feeds(staging)
    schema, table = project.schema(name), project.table_name(name)
    described = {one["name"]: one for one in says.get("columns") or []}
    tests = [one for one in says.get("data_tests") or [] if isinstance(one, dict)]
    key: list[str] = next((one["key"]["arguments"]["columns"] for one in tests if "key" in one), [])
    shown = protections.shown_columns(schema, {column: one.get("data_type", "") for column, one in described.items()})
    caveats = meta.get("caveats") or []
    return TableEntry(
        schema=schema,
        name=table,
        meaning=says.get("description", ""),
        grain=project.grain(name),
        reader=meta.get("reader", ""),
        purposes=tuple(meta.get("purpose") or ()),
        leaves_out=meta.get("leaves_out", ""),
        agreement=meta.get("agreement", ""),
        key=tuple(column for column in key if column in shown),
        metrics=tuple(_metrics(meta)),
        caveats=tuple(caveats) if isinstance(caveats, list) else (str(caveats),),
        columns=tuple(
            ColumnEntry(
                column,
                kind,
                described[column]["description"] if column in described else "The person, under a pseudonym of this use alone.",
                project.source(column, staging) or "worked out here",
            )
            for column, kind in shown.items()
        ),
        feeds=feeds,
        gaps=tuple(state.gaps[feed] for feed in feeds if feed in state.gaps),
        refreshed_on=state.refreshed_on.get(schema),
        rows=state.rows.get(f"{schema}.{table}"),
    )


def _metrics(meta: dict[str, Any]) -> Iterator[Mapping[str, str]]:
    """What a model's figures count: said in meta itself where there is one, else in its list `metrics`, with their columns."""
    for one in meta.get("metrics") or [meta]:
        if told := {word: _said(one[word]) for word in OF_A_METRIC if one.get(word)}:
            yield {"figure": str(one["name"]), **told} if "name" in one else told


def _of_column(metrics: Sequence[Mapping[str, str]], column: str) -> Mapping[str, str]:
    """What a column counts: the metric of its name, or the one that is told for the whole table; nothing where it is no figure."""
    named = next((one for one in metrics if one.get("figure") == column), None)
    return named or next((one for one in metrics if "figure" not in one), {})


def _said(what: Any) -> str:
    """A word of meta as text: a list as a list, a mapping as name and text."""
    if isinstance(what, dict):
        return "; ".join(f"{name}: {text}" for name, text in what.items())
    return "; ".join(str(one) for one in what) if isinstance(what, list) else str(what)


def _state() -> _State:
    """What is published now, asked as the pipeline, which counts what readers would see."""
    with warehouse.safe_errors(), warehouse.connect("pipeline") as connection:
        refreshed_on = dict(
            connection.execute(
                """select shown.schema_name, cast(build.as_at as date) from ledger.shown_build as shown
                   inner join ledger.build as build on build.build_id = shown.build_id"""
            ).fetchall()
        )
        views = connection.execute(
            "select schemaname, viewname from pg_views where schemaname = any(%s)", (list(refreshed_on),)
        ).fetchall()
        rows = {}
        for schema, view in views:
            counted = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, view))).fetchone()[0]
            rows[f"{schema}.{view}"] = disclosure.shown(counted)
        gaps = {}
        if warehouse.is_there(connection, "insight.feed_freshness"):
            for feed, since, earlier in connection.execute(
                "select feed, no_data_since, gaps from insight.feed_freshness where no_data_since is not null or gaps > 0"
            ):
                told = ([f"no data since {english.day(since)}"] if since else []) + (
                    [f"no data for {english.counted(earlier, 'earlier period')}"] if earlier else []
                )
                gaps[feed] = f"{feed}: {' and '.join(told)}"
    return _State(refreshed_on, rows, gaps, simulated.is_simulated())


def _page(tables: Sequence[TableEntry], is_simulated: bool) -> str:
    environment = Environment(
        loader=PackageLoader("cares.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["day"] = english.day
    schemas = [(schema, [one for one in tables if one.schema == schema]) for schema in protections.USES]
    return environment.get_template("dictionary.html").render(
        simulated=simulated.WORD if is_simulated else None,
        schemas=[(schema, protections.USES[schema], of_schema) for schema, of_schema in schemas if of_schema],
        tables=tables,
        questions=questions.questions(),
    )


def _lines(tables: Sequence[TableEntry]) -> Iterator[list[str]]:
    for one in tables:
        for column in one.columns:
            yield [
                one.schema, one.name, one.grain, one.meaning, one.reader, ", ".join(one.purposes), one.leaves_out, one.agreement,
                ", ".join(one.key), column.name, column.type, column.meaning, column.source,
                *(_of_column(one.metrics, column.name).get(word, "") for word in OF_A_METRIC), " ".join(one.caveats), ", ".join(one.feeds),
                "; ".join(one.gaps), one.refreshed_on.isoformat() if one.refreshed_on else "not published yet",
                one.rows if one.rows is not None else "",
            ]  # fmt: skip
