"""What was promised: patterns, formats, organisations and feeds, read from `expectations/`.

Pure: no database and no Airflow. Everything else derives from what is loaded here: landing tables,
checks, dbt sources, the catalogue, the simulator's headers.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator
from yaml.reader import Reader

from cares import english, settings
from cares.table_rules import THIS_ROW, Comparison, ContractPart, Day, History, TableRule, Text, reference

Purpose = Literal["direct care", "planning", "board reporting"]
IfBroken = Literal["reject the delivery", "set the row aside", "set the value aside", "warn"]
PeriodKind = Literal["month", "quarter", "financial year", "day"]
Replaces = Literal["period", "snapshot", "key", "window"]
# What a local team of a feed may be said to give: where the format has no code for it, or the sender names teams freely.
Service = Literal[
    "urgent treatment centre",
    "IV therapy",
    "looked after children's health",
    "adult community nursing",
    "children's community nursing",
    "health visiting",
    "school nursing",
    "community matrons and long term conditions",
    "intermediate care",
    "crisis response",
    "reablement",
    "end of life care",
    "therapies",
    "podiatry",
    "continence",
    "tissue viability",
    "community dental care",
    "adult mental health",
    "older people's mental health",
    "children's mental health",
    "psychological therapies",
    "learning disability",
    "substance misuse",
    "mental health crisis care",
    "another service",
]

# What landing, and the views of accepted rows, say of each row beside what was sent.
OWN_COLUMNS = frozenset(
    "file_id line_number delivery_id revision organisation feed format_version period_start period_end accepted_at".split()
)

Model = TypeVar("Model", bound=BaseModel)


# A word of a name, or a number.
WORD = re.compile(r"[^\W\d_]+|\d+")


class ContractError(Exception):
    """A contract that cannot be used: names file, line, what was found and what to do."""


def snake_case(header: str) -> str:
    """A header as a column name: lower case, runs of other characters as one underscore, at most 63 long."""
    return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")[:63]


def normalised(header: str) -> str:
    """A header without case, spaces and punctuation, so that dialects of one header meet."""
    return re.sub(r"[^a-z0-9]", "", header.lower())


class Pattern(ContractPart):
    """A named shape of a value; exactly one of `matches`, `date` and `check` says how it is recognised."""

    means: str
    looks_like: Text
    matches: str | None = Field(None, description="regular expression over the whole value")
    date: str | tuple[str, ...] | None = Field(
        None, description="how a date is written, for example DD/MM/YYYY; in several ways where no date fits two of them"
    )
    check: Literal["nhs_number"] | None = Field(None, description="a check that needs arithmetic")
    ignoring: tuple[Literal["spaces", "dashes", "case"], ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Pattern:
        if sum(way is not None for way in (self.matches, self.date, self.check)) != 1:
            raise ValueError("needs exactly one of: matches, date, check")
        return self

    @property
    def dates(self) -> tuple[str, ...]:
        """The ways in which a date is written; none where the value is no date."""
        return (self.date,) if isinstance(self.date, str) else self.date or ()


class Code(ContractPart):
    """One accepted code, its meaning, the first and last version of the format that accepts it, and what it is called since."""

    means: Text = Field("", description="left out where the code says it already")
    since: Text | None = None
    until: Text | None = None
    replaced_by: Text | None = Field(None, description="the code of the same list by which later versions say the same")


def _codes(value: Any) -> Any:
    """Codes given as a list, with a meaning each, or with an entry each, brought to one form."""
    if isinstance(value, list):
        codes = {str(code): {"means": code} for code in value}
        if len(codes) < len(value):
            raise ValueError("a code is given twice; remove one of them")
        return codes
    if isinstance(value, dict):
        entries = {str(code): entry if isinstance(entry, dict) else {"means": entry} for code, entry in value.items()}
        return {code: {"means": code, **entry} for code, entry in entries.items()}
    return value


class CodeList(ContractPart):
    """Accepted codes of a format: code to meaning, or a list where the value is its own meaning."""

    means: str
    source: str
    codes: Annotated[dict[str, Code], BeforeValidator(_codes, json_schema_input_type=dict[str, Text | Code] | list[Text])]
    ignoring: tuple[Literal["spaces", "case"], ...] = ()


class Version(ContractPart):
    """A version of a format and the reporting periods that it governs (by the day on which they end)."""

    from_period_ending: Day
    until_period_ending: Day | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Version:
        if self.until_period_ending and self.until_period_ending < self.from_period_ending:
            raise ValueError("ends before it begins; correct from_period_ending or until_period_ending")
        return self


def _in_order(versions: dict[str, Version]) -> dict[str, Version]:
    """Versions as given; refused where two could govern one period, or where they stand in another order than in time."""
    for (earlier, before), (later, after) in pairwise(versions.items()):
        if after.from_period_ending <= (before.until_period_ending or before.from_period_ending):
            raise ValueError(
                f"version {later} begins before {earlier} is over; write the versions in the order of their periods, "
                "and end each before the next begins"
            )
    return versions


class FileShape(ContractPart):
    """How a file is written."""

    encoding: Literal["utf-8", "cp1252", "latin-1", "utf-16"] = "utf-8"
    delimiter: Literal[",", ";", "|", "\t"] = ","
    quote: Literal['"', "'", "none"] = Field(default='"', description="the mark around a value that holds the delimiter")
    has_header: bool = Field(
        default=True, description="false: no line names the columns, which come in the order of the contract"
    )
    trailer: str | None = Field(
        default=None,
        min_length=1,
        description="first value of a last line that is no row and whose second value says how many rows came",
    )


class XmlRow(ContractPart):
    """Where a row of a table stands in an XML file.

    Its values are the innermost elements in it, named after its columns; what it lacks it takes from the rows around it.
    """

    each: str = Field(description="the element that is a row, by the path from below the outermost one, like CHILD/EPISODE")
    that_has: str | None = Field(None, description="only where this element stands in it and is not empty")

    def __str__(self) -> str:
        return f"{self.each} with {self.that_has}" if self.that_has else self.each


class NotExpressed(ContractPart):
    """Rules of the publisher that our contracts do not express, for one reason."""

    because: str
    rules: dict[str, str] = Field(description="the publisher's number of each, and what it looks at")


class XmlFile(ContractPart):
    """How all tables of a format come as one XML file."""

    rows: dict[str, XmlRow] = Field(min_length=1, description="table to where its rows stand")
    names: dict[str, str] = Field({}, description="element to the header of its column, where the two differ")


class CountedOnly(ContractPart):
    """A table of a format that no purpose needs: it is recognised and counted, and goes no further."""

    each_row_is: str
    file_names: tuple[str, ...] = Field((), description="other stems that a file of this table may have")
    since: Text | None = None
    until: Text | None = None


class FormatFile(ContractPart):
    """`formats/<format>/format.yml`: a data format with its versions."""

    title: str
    published_by: str
    source: str
    note: str | None = None
    facts: Literal["found", "partly recalled", "ours"] = Field(description="how sure we are of the column facts")
    files: FileShape = FileShape()
    versions: Annotated[dict[str, Version], AfterValidator(_in_order)] = Field(min_length=1)
    counted_only: dict[str, CountedOnly] = Field({}, description="its tables that no purpose needs, by name")
    rules_not_expressed: tuple[NotExpressed, ...] = Field((), description="the publisher's rules that are none of ours")
    xml: XmlFile | None = Field(None, description="where all its tables may come as one XML file")


_SIMPLE_RULES = {"filled", "unique", "not_in_future"}
_RULE_KEYS = {"one_of", "at_most_characters", "between", "not_before", "refers_to", "filled_when", "expect"}


class FilledWhen(ContractPart):
    column: str
    is_one_of: tuple[Text, ...] = Field(min_length=1)


class Expectation(ContractPart):
    """One thing expected of a value; exactly one of the rule keys is given."""

    expect: str | None = Field(None, description="filled, unique, not_in_future, or the name of a pattern")
    one_of: str | None = Field(None, description="the name of a code list of this format")
    at_most_characters: int | None = Field(None, ge=1)
    between: tuple[float, float] | None = None
    not_before: str | None = Field(None, description="header of the date that this one may not precede")
    refers_to: str | None = Field(None, description="table.header in which the value must be found in the same delivery")
    filled_when: FilledWhen | None = None
    if_broken: IfBroken | None = None
    because: str | None = None
    known_as: Text | None = Field(None, description="the publisher's own number of this rule, or of one that it is part of")

    @model_validator(mode="after")
    def _one_rule(self) -> Expectation:
        given = [key for key in sorted(_RULE_KEYS) if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of: {', '.join(sorted(_RULE_KEYS))}")
        if self.between and self.between[0] > self.between[1]:
            raise ValueError("no number is between these two; write the smaller one first")
        return self

    @property
    def rule(self) -> tuple[str, Any]:
        """The kind of rule, and its argument."""
        key, argument = next((key, value) for key in _RULE_KEYS if (value := getattr(self, key)) is not None)
        return (argument, argument) if key == "expect" else (key, argument)


def _expectation(value: Any) -> Any:
    return {"expect": value} if isinstance(value, str) else value


_NUMBER_OF_COLUMN = re.compile(r"[{](n{1,2})([+]\d+)?[}]")


def _each_repeated(columns: dict[str, Column]) -> dict[str, Column]:
    """Columns as given, those that repeat written out: one for each number."""
    each: dict[str, Column] = {}
    for header, column in columns.items():
        if column.repeats and not _NUMBER_OF_COLUMN.search(header):
            raise ValueError(f"the column {header!r} repeats, so its header needs {{n}} where the number stands")
        for number in range(1, (column.repeats or 1) + 1):
            name = _numbered(header, number) if column.repeats else header
            if name in each:
                raise ValueError(f"the column {name!r} is given twice; remove one of them")
            each[name] = Column.model_validate(_numbered(column.model_dump(), number)) if column.repeats else column
    return each


def _numbered(value: Any, number: int) -> Any:
    """What a repeated column says, with the number of one of them in its place."""
    match value:
        case str():
            return _NUMBER_OF_COLUMN.sub(lambda found: str(number + int(found[2] or 0)).zfill(len(found[1])), value)
        case dict():
            return {key: _numbered(inner, number) for key, inner in value.items()}
        case tuple() | list():
            return tuple(_numbered(inner, number) for inner in value)
    return value


class Column(ContractPart):
    """One column of a table, as the format says it and as we expect it."""

    means: str
    we_expect: tuple[Annotated[Expectation, BeforeValidator(_expectation, json_schema_input_type=str | Expectation)], ...] = ()
    because: str | None = None
    if_broken: IfBroken = "warn"
    needed_for: tuple[Purpose, ...] = Field((), description="the purposes that need it; none: it stops at landing")
    also_called: dict[str, Text | tuple[Text, ...]] = Field({}, description="dialect to header, or headers")
    renamed_from: tuple[Text, ...] = Field(
        (), description="earlier headers, the oldest first: files may still have them, and what came under them is kept"
    )
    must_be_present: bool | None = Field(None, description="the header must be in the file; default: when it must be filled")
    since: Text | None = Field(None, description="first version of the format that has it")
    until: Text | None = Field(None, description="last version of the format that has it")
    free_text: bool = Field(False, description="may hold line breaks; confidential")
    repeats: int | None = Field(
        None, ge=2, le=99, description="so many columns of this kind: {n}, {nn} or {n+1} in its names is the number of each"
    )

    @model_validator(mode="after")
    def _a_blank_has_no_value(self) -> Column:
        for rule in self.we_expect:
            is_about_blanks = rule.expect == "filled" or rule.filled_when is not None
            if is_about_blanks and (rule.if_broken or self.if_broken) == "set the value aside":
                raise ValueError("a blank has no value to set aside; give the rule on being filled 'if_broken: warn'")
        return self


class TableFile(ContractPart):
    """`formats/<format>/<table>.yml`: one table of a format."""

    title: str
    each_row_is: str
    source: str
    file_names: tuple[str, ...] = Field((), description="other stems that a file of this table may have")
    since: Text | None = None
    until: Text | None = None
    never_empty: bool = Field(False, description="a file of it with no rows rejects the delivery, whatever the feed says")
    key: tuple[str, ...] = Field(description="headers that together name one row")
    key_if_broken: IfBroken = "warn"
    key_known_as: Text | None = Field(None, description="the publisher's own number of the rule that rows differ in their key")
    replaces: Replaces = Field(description="what a later delivery of this table replaces")
    window_months: int | None = Field(None, ge=1, description="for replaces: window: months that end with the period")
    event_start: str | None = Field(None, description="for replaces: window: header of the day an event starts")
    event_end: str | None = Field(None, description="for replaces: window: header of the day an event ends")
    columns: Annotated[dict[str, Column], AfterValidator(_each_repeated)] = Field(min_length=1)
    history: History | None = Field(None, description="which rows belong together, and in what order, for rules on several rows")
    rules: dict[str, TableRule] = Field(
        {}, description="rules on several columns or rows; the name begins with the publisher's own number, if it has one"
    )

    @model_validator(mode="after")
    def _names_exist(self) -> TableFile:
        named = [*self.key, *(header for header in (self.event_start, self.event_end) if header)]
        for column in self.columns.values():
            for rule in column.we_expect:
                if rule.not_before:
                    named.append(rule.not_before)
                if rule.filled_when:
                    named.append(rule.filled_when.column)
        for header in named:
            if header not in self.columns:
                raise ValueError(f"names the column {header!r}, which the table does not have{self._new_name(header)}")
        if self.replaces == "window" and not (self.window_months and self.event_start and self.event_end):
            raise ValueError("replaces: window needs window_months, event_start and event_end")
        names = [snake_case(header) for header in self.columns]
        for header, name in zip(self.columns, names, strict=True):
            if not name:
                raise ValueError(f"the header {header!r} has no letter or digit to make a column name from")
            if name in OWN_COLUMNS:
                raise ValueError(f"the header {header!r} gives the column name {name!r}, which we need ourselves; rename it")
            if names.count(name) > 1:
                raise ValueError(f"two headers give the same column name {name!r}; rename one")
        return self

    def _new_name(self, header: str) -> str:
        """What to do about an earlier header that is named as if it were still in use."""
        now = next((new for new, column in self.columns.items() if header in column.renamed_from), None)
        return f" any more; write its new header {now!r}" if now else ""


class Mesh(ContractPart):
    """Between which mailboxes, and as what, a feed comes by MESH. Mailboxes and workflows are public names, no secrets."""

    mailbox: Text = Field(description="the mailbox of the sender; a message of the workflow from any other is refused")
    workflow: Text = Field(description="the workflow of the messages that are deliveries, like CARES_CSDS")
    returns_workflow: Text = Field(description="the workflow of the letters and lists that go back, like CARES_CSDS_RETURN")


class Arrives(ContractPart):
    """How and when a feed comes."""

    by: Literal["folder", "sftp", "mesh", "object storage", "https"]
    connection: Text | None = Field(
        None, description="the Airflow connection that says where and with which login; left out: cares_<organisation>"
    )
    mesh: Mesh | None = Field(None, description="for a feed that comes by mesh: its mailbox and workflows")
    every: PeriodKind
    due_days_after_period: int = Field(ge=0)
    missing_days_after_due: int = Field(14, ge=0, description="days after the due day on which it is late and not yet missing")
    first_period: Text | None = Field(
        None, description="the first period promised; left out: the first that begins under the sharing agreement, or came before"
    )
    last_period: Text | None = Field(None, description="the last period promised, where the feed has ended")

    @model_validator(mode="after")
    def _periods_are_some(self) -> Arrives:
        try:
            periods = [parse_period(label, self.every) for label in (self.first_period, self.last_period) if label]
        except ContractError as error:
            raise ValueError(str(error)) from None
        if len(periods) == 2 and periods[1].end < periods[0].start:
            raise ValueError("ends before it begins; correct first_period or last_period")
        return self

    @model_validator(mode="after")
    def _mesh_is_said_where_it_is_used(self) -> Arrives:
        if self.by == "mesh" and self.mesh is None:
            raise ValueError(
                "by mesh needs the sender's mailbox and the workflows; write mesh with mailbox, workflow, returns_workflow"
            )
        if self.by != "mesh" and self.mesh is not None:
            raise ValueError(f"mesh is said, and the feed comes by {self.by}; remove mesh, or write by: mesh")
        if self.by == "folder" and self.connection is not None:
            raise ValueError("a folder needs no connection; remove connection, or name another way under by")
        return self

    @property
    def first(self) -> Period | None:
        """The first period promised, where the contract names one."""
        return parse_period(self.first_period, self.every) if self.first_period else None

    @property
    def last(self) -> Period | None:
        """The last period promised, where the feed has ended."""
        return parse_period(self.last_period, self.every) if self.last_period else None


class FeedVersion(ContractPart):
    version: Text
    from_period_ending: Day


def _oldest_first(versions: tuple[FeedVersion, ...]) -> tuple[FeedVersion, ...]:
    for earlier, later in pairwise(versions):
        if later.from_period_ending <= earlier.from_period_ending:
            raise ValueError(f"{later.version} does not begin after {earlier.version}; write the oldest version first")
    return versions


class FeedFile(ContractPart):
    """`<organisation>/<feed>.yml`: what one organisation promised to send."""

    title: str
    sends: str = Field(description="the format")
    sent_by: str
    allowed_by: str = Field(description="the sharing agreement")
    arrives: Arrives
    handed_over_to: str | None = Field(
        None, description="the feed that sends what follows the last period, like sthk/urgent_treatment_centre"
    )
    versions: Annotated[tuple[FeedVersion, ...], AfterValidator(_oldest_first)] = Field(
        (), description="where the feed's version differs from its period's"
    )
    files: FileShape | None = None
    lines_that_cannot_be_read: Literal["set aside", "reject the delivery"] = "set aside"
    a_file_with_no_rows: Literal["nil return", "reject the delivery"] = "reject the delivery"
    hold_when_set_aside_above_percent: float = Field(10, ge=0, le=100)
    hold_when_rows_differ_from_usual_by_percent: float = Field(
        50, ge=0, le=100, description="fewer rows than usual by this share, or as many times more; 100: never"
    )
    exceptions: dict[str, IfBroken] = Field({}, description="rule to what happens instead, agreed with the sender")
    local_codes: dict[str, dict[str, Text]] = Field({}, description="code list to local code and the code it stands for")
    local_teams: dict[str, Service] = Field({}, description="the sender's own number of a team, to the service that it gives")
    note: str | None = None

    @model_validator(mode="after")
    def _what_is_handed_over_ends(self) -> FeedFile:
        if self.handed_over_to and not self.arrives.last_period:
            raise ValueError("handed_over_to needs the last period that this feed sends; write last_period under arrives")
        return self


class OrganisationFile(ContractPart):
    """`<organisation>/organisation.yml`: who they are."""

    name: str
    ods_code: str | None = Field(None, description="left out where the organisation has none")
    kind: str
    data_owner: str
    note: str | None = None


@dataclass(frozen=True)
class Rule:
    """One rule of one table, ready to be compiled: its stable id, kind, argument and consequence."""

    table: str
    header: str | None
    kind: str
    argument: Any
    if_broken: IfBroken
    because: str | None
    sentence: str
    name: str | None = None
    known_as: str | None = None

    @property
    def column(self) -> str | None:
        """The column's name in landing; None for a rule on the whole table."""
        return snake_case(self.header) if self.header else None

    @property
    def id(self) -> str:
        """Stable id, for example `episodes.LS.one_of`."""
        place = self.header or self.name or ("key" if self.kind == "unique" else "table")
        return f"{self.table}.{place}.{self.kind}"


def _is_in_version(part: TableFile | CountedOnly | Column | Code | TableRule, version: str, order: tuple[str, ...]) -> bool:
    at = order.index(version)
    return (part.since is None or order.index(part.since) <= at) and (part.until is None or at <= order.index(part.until))


@dataclass(frozen=True)
class Table:
    """A table of a format together with what its rules refer to."""

    format: str
    name: str
    file: TableFile
    patterns: dict[str, Pattern]
    code_lists: dict[str, CodeList]
    version_order: tuple[str, ...]

    @property
    def landing_name(self) -> str:
        """`<format>__<table>`: the table's name in the schemas `landing` and `accepted`."""
        return f"{self.format}__{self.name}"

    @cached_property
    def column_names(self) -> dict[str, str]:
        """Header to column name, in the order of the contract."""
        return {header: snake_case(header) for header in self.file.columns}

    @cached_property
    def headers(self) -> dict[str, str]:
        """Every normalised header and alias of every dialect, to the contract's header."""
        return {normalised(name): header for header in self.file.columns for name in self.names_of(header)}

    def names_of(self, header: str) -> list[str]:
        """A header, what it was before, and what the other dialects call it."""
        column = self.file.columns[header]
        dialects = ((names,) if isinstance(names, str) else names for names in column.also_called.values())
        return [header, *column.renamed_from, *(name for names in dialects for name in names)]

    def earlier_names(self, header: str) -> list[str]:
        """The column names that a header had in landing before it was renamed."""
        now = self.column_names[header]
        return [name for name in map(snake_case, self.file.columns[header].renamed_from) if name != now]

    def is_date(self, header: str) -> bool:
        """Whether a column is expected to hold dates."""
        expected = (self.patterns.get(rule.expect or "") for rule in self.file.columns[header].we_expect)
        return any(pattern is not None and pattern.date for pattern in expected)

    def in_version(self, part: TableFile | Column | Code | TableRule, version: str) -> bool:
        """Whether a table, column or code belongs to a version of the format."""
        return _is_in_version(part, version, self.version_order)

    def codes(self, name: str, version: str) -> list[str]:
        """Accepted codes of a list in a version, in the list's order."""
        return [code for code, entry in self.code_lists[name].codes.items() if self.in_version(entry, version)]

    def columns(self, version: str) -> dict[str, Column]:
        """The columns of a version, header to column."""
        return {header: column for header, column in self.file.columns.items() if self.in_version(column, version)}

    def must_be_present(self, version: str) -> list[str]:
        """Headers without which a file of this version is refused."""
        return [
            header
            for header, column in self.columns(version).items()
            if (
                column.must_be_present
                if column.must_be_present is not None
                else any(rule.expect == "filled" for rule in column.we_expect)
            )
        ]

    def rules(self, version: str, exceptions: dict[str, IfBroken] | None = None) -> list[Rule]:
        """The rules of a version, with a feed's agreed exceptions applied (rule id to consequence)."""
        rules = [] if self.in_version(self.file, version) else [self._out_of_version()]
        rules += [
            self._rule(header, column, expectation)
            for header, column in self.columns(version).items()
            for expectation in column.we_expect
        ]
        if self.file.key:
            rules.append(
                Rule(
                    self.name,
                    None,
                    "unique",
                    self.file.key,
                    self.file.key_if_broken,
                    None,
                    f"no two rows of a file have the same {english.all_of(self.file.key)}",
                    known_as=self.file.key_known_as,
                )
            )
        rules += [self._rule_of_table(name, rule) for name, rule in self.file.rules.items() if self.in_version(rule, version)]
        exceptions = exceptions or {}
        return [replace(rule, if_broken=exceptions.get(rule.id, rule.if_broken)) for rule in rules]

    def history(self, rule: TableRule) -> History | None:
        """Which rows a rule on several rows takes together."""
        return rule.history or self.file.history

    def _out_of_version(self) -> Rule:
        bounds = [f"from version {self.file.since} on"] if self.file.since else []
        bounds += [f"up to version {self.file.until}"] if self.file.until else []
        sentence = f"{self.name} is part of the format only {' and '.join(bounds)}"
        return Rule(self.name, None, "in_version", None, "warn", None, sentence)

    @cached_property
    def rule_ids(self) -> set[str]:
        """The ids of its rules in all versions, by which a feed names its exceptions."""
        ids = {
            f"{self.name}.{header}.{expectation.rule[0]}"
            for header, column in self.file.columns.items()
            for expectation in column.we_expect
        }
        ids |= {f"{self.name}.rule {name}.conditions" for name in self.file.rules}
        return ids | ({f"{self.name}.key.unique"} if self.file.key else set())

    @property
    def renamed_rules(self) -> dict[str, str]:
        """The ids that its rules had under earlier headers, to the ids they have now."""
        return {
            f"{self.name}.{earlier}.{expectation.rule[0]}": f"{self.name}.{header}.{expectation.rule[0]}"
            for header, column in self.file.columns.items()
            for earlier in column.renamed_from
            for expectation in column.we_expect
        }

    def _rule(self, header: str, column: Column, expectation: Expectation) -> Rule:
        kind, argument = expectation.rule
        return Rule(
            self.name,
            header,
            kind,
            argument,
            expectation.if_broken or column.if_broken,
            expectation.because or column.because,
            self._sentence(header, kind, argument),
            known_as=expectation.known_as,
        )

    def _rule_of_table(self, name: str, rule: TableRule) -> Rule:
        history = self.history(rule)
        means = {pattern: one.means for pattern, one in self.patterns.items()}
        sentence = rule.sentence(history.of if history else None, means)
        number, *_ = name.split(" ")
        return Rule(
            self.name, None, "conditions", rule, rule.if_broken, rule.because, sentence, name=f"rule {name}", known_as=number
        )

    def _sentence(self, header: str, kind: str, argument: Any) -> str:
        match kind:
            case "filled":
                says = "is always filled"
            case "unique":
                says = "is never the same in two rows of a file"
            case "not_in_future":
                says = "is not after the day of receipt"
            case "one_of":
                says = f"is one of the accepted codes for {self.code_lists[argument].means}"
            case "at_most_characters":
                says = f"has at most {argument} characters"
            case "between":
                says = f"is a number from {argument[0]:g} to {argument[1]:g}"
            case "not_before":
                says = f"is not before {argument}"
            case "refers_to":
                says = f"is also found in {argument} of the same delivery"
            case "filled_when":
                says = f"is filled when {argument.column} is {english.any_of(argument.is_one_of)}"
            case pattern:
                says = f"is {self.patterns[pattern].means}"
        return f"{header} {says}"


@dataclass(frozen=True)
class Format:
    """A data format: its versions in order, code lists and tables."""

    name: str
    file: FormatFile
    code_lists: dict[str, CodeList]
    tables: dict[str, Table]

    @cached_property
    def table_of_stem(self) -> dict[str, str]:
        """Normalised file stem to table name, of the tables that are landed and of those that are only counted."""
        files = {name: table.file.file_names for name, table in self.tables.items()}
        counted = {name: table.file_names for name, table in self.file.counted_only.items()}
        return {normalised(stem): name for name, stems in (files | counted).items() for stem in (name, *stems)}

    def recognised(self, version: str) -> list[str]:
        """The tables of a version, landed and only counted."""
        order = tuple(self.file.versions)
        tables: dict[str, TableFile | CountedOnly] = {name: table.file for name, table in self.tables.items()}
        return [name for name, table in (tables | self.file.counted_only).items() if _is_in_version(table, version, order)]


@dataclass(frozen=True)
class Period:
    """A reporting period: its label, first and last day."""

    label: str
    start: date
    end: date

    def __str__(self) -> str:
        return self.label


_PERIOD_EXAMPLES = {"month": "2019-03", "quarter": "2019-Q1", "financial year": "2018-19", "day": "2019-03-31"}


def parse_period(label: str, kind: PeriodKind) -> Period:
    """The period that a label names: `2019-03`, `2019-Q1` (calendar quarter), `2018-19` (April to March), `2019-03-31`.

    Raises ContractError when the label is not of that kind.
    """
    wrong = ContractError(f"the period {label!r} is not a {kind}; write it like {_PERIOD_EXAMPLES[kind]}")
    try:
        if kind == "month" and re.fullmatch("[0-9]{4}-[0-9]{2}", label):
            start = date.fromisoformat(f"{label}-01")
            return Period(label, start, _month_end(start))
        if kind == "quarter" and re.fullmatch("[0-9]{4}-Q[1-4]", label):
            start = date(int(label[:4]), 3 * int(label[-1]) - 2, 1)
            return Period(label, start, _month_end(start.replace(month=start.month + 2)))
        if kind == "financial year" and re.fullmatch("[0-9]{4}-[0-9]{2}", label):
            year = int(label[:4])
            if int(label[5:]) == (year + 1) % 100:
                return Period(label, date(year, 4, 1), date(year + 1, 3, 31))
        # A period has one label: what a later delivery replaces is found by it.
        if kind == "day" and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", label):
            day = date.fromisoformat(label)
            return Period(label, day, day)
    except (ValueError, OverflowError):
        raise wrong from None
    raise wrong


def period_of(day: date, kind: PeriodKind) -> Period:
    """The period of a kind in which a day lies."""
    year = day.year - (day.month < 4)
    label = {
        "month": f"{day:%Y-%m}",
        "quarter": f"{day:%Y}-Q{(day.month + 2) // 3}",
        "financial year": f"{year:04}-{(year + 1) % 100:02}",
        "day": day.isoformat(),
    }[kind]
    return parse_period(label, kind)


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


@dataclass(frozen=True)
class Feed:
    """One format sent by one organisation; `slug` is `<organisation>/<feed>`.

    `taken_over_from` are the feeds that were handed over to it.
    """

    slug: str
    organisation: str
    file: FeedFile
    format: Format
    taken_over_from: tuple[str, ...] = ()

    @property
    def connection(self) -> str:
        """The name of the Airflow connection through which it comes."""
        return self.file.arrives.connection or f"cares_{self.organisation}"

    @property
    def files(self) -> FileShape:
        """How its files are written: its own word, else the format's."""
        return self.file.files or self.format.file.files

    def period(self, label: str) -> Period:
        """The period that a label names for this feed. Raises ContractError when it is not of the feed's kind."""
        try:
            return parse_period(label, self.file.arrives.every)
        except ContractError as error:
            raise ContractError(f"{self.slug}: {error}") from None

    def version(self, period: Period) -> str:
        """The version of the format that governs a period. Raises ContractError when none does."""
        own = [entry.version for entry in self.file.versions if entry.from_period_ending <= period.end]
        if own:
            return own[-1]
        for name, version in self.format.file.versions.items():
            if version.from_period_ending <= period.end <= (version.until_period_ending or date.max):
                return name
        raise ContractError(
            f"{self.slug}: no version of {self.format.name} governs the period {period}; "
            f"name one under 'versions' in expectations/{self.slug}.yml"
        )


@dataclass(frozen=True)
class Organisation:
    """A legal body and its feeds."""

    slug: str
    file: OrganisationFile
    feeds: dict[str, Feed]


@dataclass(frozen=True)
class Contracts:
    """Everything under `expectations/`."""

    patterns: dict[str, Pattern]
    formats: dict[str, Format]
    organisations: dict[str, Organisation]

    @cached_property
    def feeds(self) -> dict[str, Feed]:
        """Slug to feed, over all organisations."""
        return {feed.slug: feed for organisation in self.organisations.values() for feed in organisation.feeds.values()}

    def feed(self, slug: str) -> Feed:
        """The feed of a slug. Raises ContractError that names the known ones."""
        if slug not in self.feeds:
            raise ContractError(f"there is no feed {slug!r}; known feeds: {', '.join(sorted(self.feeds))}")
        return self.feeds[slug]

    @cached_property
    def words_of_names(self) -> frozenset[str]:
        """Every word, in small letters, in what organisations, feeds, formats, versions and tables are called, or their files."""
        names = {*self.organisations, *self.feeds, *self.formats}
        for format in self.formats.values():
            names |= {*format.file.versions, *format.tables, *format.file.counted_only}
            names.update(*(table.file.file_names for table in format.tables.values()))
            names.update(*(table.file_names for table in format.file.counted_only.values()))
        return frozenset(word.lower() for name in names for word in WORD.findall(name))

    @cached_property
    def stems(self) -> frozenset[str]:
        """Every normalised stem that a table's file may have."""
        return frozenset(stem for format in self.formats.values() for stem in format.table_of_stem)

    def tables(self) -> Iterator[Table]:
        """Every table of every format."""
        for format in self.formats.values():
            yield from format.tables.values()


def load(root: Path = settings.EXPECTATIONS) -> Contracts:
    """Read and validate all contracts below `root`.

    Raises ContractError with one line for each problem: file, line, what was found, what to do.
    """
    return _load(Path(root))


@cache
def _load(root: Path) -> Contracts:
    if not root.is_dir():
        raise ContractError(f"{root}: there is no such folder; name the folder of contracts (CARES_EXPECTATIONS)")
    problems: list[str] = []
    _nothing_is_overlooked(root, problems)
    patterns = _patterns(root, problems)
    folders = _folders(root / "formats")
    formats = {}
    for folder in folders:
        if format := _format(root, folder, patterns, problems):
            formats[format.name] = format
    broken = {folder.name for folder in folders} - formats.keys()
    organisations = {}
    feed_documents: dict[str, _Document] = {}
    for folder in _folders(root):
        if folder.name not in _OWN_FOLDERS and (
            organisation := _organisation(root, folder, formats, broken, problems, feed_documents)
        ):
            organisations[organisation.slug] = organisation
    if not problems:
        organisations = _handed_over(organisations, feed_documents)
    if problems:
        raise ContractError("\n".join(problems))
    return Contracts(patterns, formats, organisations)


_OWN_FOLDERS = ("formats", "governance", "schemas")
_SEE = "CONTRIBUTING.md says what each file holds"


def _folders(parent: Path) -> list[Path]:
    return [path for path in _seen(parent) if path.is_dir()]


def _contract_files(folder: Path, *not_these: str) -> list[Path]:
    return [path for path in _seen(folder) if path.suffix == ".yml" and path.is_file() and path.name not in not_these]


def _seen(folder: Path) -> list[Path]:
    """What stands in a folder, without what an editor or an operating system hides there."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def _nothing_is_overlooked(root: Path, problems: list[str]) -> None:
    """Report what stands where nobody reads it, so that no promise vanishes by a slip in a name."""
    own = {root: "patterns.yml", root / "formats": ""}
    inner = [folder for folder in _folders(root) + _folders(root / "formats") if folder.name not in _OWN_FOLDERS]
    for folder in [*own, *inner]:
        for path in _seen(folder):
            name = f"expectations/{path.relative_to(root)}"
            if path.is_dir():
                if folder in inner:
                    problems.append(f"{name}: this folder is not read; move its files up into {folder.name}/, or remove it")
            elif path.suffix != ".yml":
                if path.suffix != ".md":
                    problems.append(f"{name}: line 1: is not read; a contract's name ends in .yml: rename it, or remove it")
            elif folder in own and path.name != own[folder]:
                problems.append(f"{name}: line 1: is not read here; {_SEE} and where it stands")


def _head(folder: Path, name: str, root: Path, problems: list[str]) -> tuple[_Document, Path]:
    """The file that says what a folder is, also where its name is nearly right, which is a problem."""
    path = folder / name
    near = difflib.get_close_matches(name, [other.name for other in _contract_files(folder)], n=1, cutoff=0.8)
    if not path.is_file() and near:
        path = folder / near[0]
        problems.append(f"expectations/{path.relative_to(root)}: line 1: is not read by this name; rename it to {name}")
    return _Document(root, path, problems), path


def _check_name(document: _Document, kind: str, name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        document.problem((), f"the {kind} {name!r} must be named in lower-case letters, digits and underscores; rename it")


def _patterns(root: Path, problems: list[str]) -> dict[str, Pattern]:
    document = _Document(root, root / "patterns.yml", problems)
    patterns = {}
    for name, entry in document.mapping().items():
        if pattern := document.parse(Pattern, entry, (name,)):
            patterns[name] = pattern
            if pattern.matches is not None:
                try:
                    re.compile(pattern.matches)
                except re.error as error:
                    document.problem((name, "matches"), f"is not a regular expression: {error}")
    for name in _SIMPLE_RULES & patterns.keys():
        document.problem((name,), "is the name of a rule; give the pattern another name")
    return patterns


def _format(root: Path, folder: Path, patterns: dict[str, Pattern], problems: list[str]) -> Format | None:
    head, head_path = _head(folder, "format.yml", root, problems)
    _check_name(head, "folder", folder.name)
    file = head.parse(FormatFile, head.data)
    if file is None:
        return None
    order = tuple(file.versions)
    code_lists: dict[str, CodeList] = {}
    if (folder / "codes.yml").exists():
        codes = _Document(root, folder / "codes.yml", problems)
        for name, entry in codes.mapping().items():
            if code_list := codes.parse(CodeList, entry, (name,)):
                code_lists[name] = code_list
                for code, meaning in code_list.codes.items():
                    codes.known_versions(meaning, order, (name, "codes", code))
                    _check_replacement(codes, name, code, code_list)
    tables: dict[str, Table] = {}
    documents = {}
    paths = _contract_files(folder, head_path.name, "codes.yml")
    if not paths:
        head.problem((), "the format has no table; write one file for each table beside this one")
    for path in paths:
        document = documents[path.stem] = _Document(root, path, problems)
        _check_name(document, "table", path.stem)
        if table_file := document.parse(TableFile, document.data):
            tables[path.stem] = Table(folder.name, path.stem, table_file, patterns, code_lists, order)
    stems: dict[str, str] = {}
    for name, table in tables.items():
        _check_table(documents[name], table, tables, order)
        _check_stems(documents[name], name, table.file.file_names, stems, ())
    for name, counted in file.counted_only.items():
        head.known_versions(counted, order, ("counted_only", name))
        if name in tables:
            head.problem(("counted_only", name), f"{name}.yml lands this table; remove one of the two")
        _check_stems(head, name, counted.file_names, stems, ("counted_only", name))
    for name in (file.xml.rows if file.xml else {}).keys() - tables.keys() - file.counted_only.keys():
        head.problem(("xml", "rows", name), f"{name!r} is not a table of this format; known: {', '.join(sorted(tables))}")
    if not problems:
        for name, table in tables.items():
            _check_versions(documents[name], table)
    return Format(folder.name, file, code_lists, tables)


def _check_stems(document: _Document, name: str, file_names: tuple[str, ...], stems: dict[str, str], at: tuple[str, ...]) -> None:
    """Report a file name by which another table of the format is known already; `stems` is that of each so far."""
    for number, stem in enumerate((name, *file_names), -1):
        owner = stems.setdefault(normalised(stem), name)
        if owner != name:
            place = (*at, "file_names", number) if number >= 0 else at
            document.problem(place, f"a file called {stem!r} is one of the table {owner!r} already; rename one")


def _check_table(document: _Document, table: Table, tables: dict[str, Table], order: tuple[str, ...]) -> None:
    document.known_versions(table.file, order, ())
    owners: dict[str, str] = {}
    for header, column in table.file.columns.items():
        for name in table.names_of(header):
            if not normalised(name):
                document.problem(("columns", header), f"{name!r} has no letter or digit to know it by; write another name")
            owner = owners.setdefault(normalised(name), header)
            if owner != header:
                message = f"{name!r} already names the column {owner!r}; give each name to one column"
                document.problem(("columns", header), message)
        document.known_versions(column, order, ("columns", header))
        for number, rule in enumerate(column.we_expect):
            at = ("columns", header, "we_expect", number)
            if rule.expect and rule.expect not in _SIMPLE_RULES and rule.expect not in table.patterns:
                known = ", ".join(sorted(_SIMPLE_RULES | table.patterns.keys()))
                document.problem(at, f"{rule.expect!r} is neither a rule nor a pattern; known: {known}")
            if rule.one_of and rule.one_of not in table.code_lists:
                known = ", ".join(sorted(table.code_lists))
                document.problem(at, f"{rule.one_of!r} is not a code list of {table.format}; known: {known}")
            for compared in (header, rule.not_before) if rule.not_before else (header,) if rule.expect == "not_in_future" else ():
                if not table.is_date(compared):
                    document.problem(at, f"compares {compared!r} as a date; give that column a date pattern first")
            if rule.refers_to:
                other, _, other_header = rule.refers_to.partition(".")
                if other not in tables or other_header not in tables[other].file.columns:
                    document.problem(at, f"{rule.refers_to!r} is not a table.header of {table.format}")
    if table.file.history:
        _check_history(document, table, table.file.history, ("history",))
    for name, table_rule in table.file.rules.items():
        _check_table_rule(document, table, name, table_rule, order)


def _check_history(document: _Document, table: Table, history: History, at: tuple[Any, ...]) -> None:
    for header in (history.of, *history.in_order_of):
        if header not in table.file.columns:
            document.problem(at, f"names the column {header!r}, which the table does not have")


def _check_table_rule(document: _Document, table: Table, name: str, rule: TableRule, order: tuple[str, ...]) -> None:
    """Report what a rule on several columns or rows says that cannot be judged."""
    at = ("rules", name)
    document.known_versions(rule, order, at)
    if "." in name:
        document.problem(at, "a full stop stands in the name, which parts the words of a rule's id; write another name")
    if rule.history:
        _check_history(document, table, rule.history, (*at, "history"))
    if rule.looks_at_several_rows and not table.history(rule):
        document.problem(at, "looks at several rows; say under 'history' which rows of the table belong together")
    unknown = [header for header in rule.headers if header not in table.file.columns]
    for header in unknown:
        near = difflib.get_close_matches(header, table.file.columns, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        document.problem(at, f"names the column {header!r}; {hint}write a header of this table, or previous or next before it")
    if unknown:
        return
    for part, number, subject, word, said in rule.references():
        compared = reference(said)
        is_day = bool(compared.shifts) or word not in ("", "same_as", "differs_from")
        for one in (compared, reference(subject)) if is_day else ():
            if one.header and not table.is_date(one.header):
                place = (*at, part, number, subject, word)
                document.problem(place, f"compares {one.header!r} as a date; give that column a date pattern first")
    for header in (rule.at_most.begins, rule.at_most.ends) if rule.at_most else ():
        if not table.is_date(header):
            document.problem((*at, "at_most"), f"counts days by {header!r}; give that column a date pattern first")
    for part, alternatives in (("when", rule.when), ("expect", rule.expect)):
        for number, conditions in enumerate(alternatives):
            for subject, comparison in conditions.items():
                if (subject == THIS_ROW) != (comparison.place is not None):
                    document.problem((*at, part, number, subject), f"write 'place' of {THIS_ROW!r}, and nothing else of it")
                elif subject != THIS_ROW and (problem := _unknown_word(table, subject, comparison)):
                    document.problem((*at, part, number, subject), problem)


def _unknown_word(table: Table, subject: str, comparison: Comparison) -> str | None:
    """What is wrong with a code or a pattern that a condition names."""
    if comparison.written_as and comparison.written_as not in table.patterns:
        return f"{comparison.written_as!r} is not a pattern; known: {', '.join(sorted(table.patterns))}"
    header = reference(subject).header
    lists = [rule.one_of for rule in table.file.columns[header].we_expect if rule.one_of] if header else []
    known = {code for name in lists if name in table.code_lists for code in table.code_lists[name].codes}
    wrong = [code for code in (*(comparison.one_of or ()), *(comparison.none_of or ())) if known and code not in known]
    return f"{english.all_of(wrong)} {'is' if len(wrong) == 1 else 'are'} not in the code list of {header}" if wrong else None


def _missing_column(table: Table, rule: TableRule) -> str | None:
    """Which column a rule names that a version does not have in which the rule holds."""
    for version in table.version_order:
        if table.in_version(table.file, version) and table.in_version(rule, version):
            for header in rule.headers:
                if header not in table.columns(version):
                    return f"names {header!r}, which version {version} does not have; bound the rule with since or until"
    return None


def _check_replacement(document: _Document, name: str, code: str, code_list: CodeList) -> None:
    replacement = code_list.codes[code].replaced_by
    if replacement is None:
        return
    at = (name, "codes", code, "replaced_by")
    if replacement not in code_list.codes:
        document.problem(at, f"{replacement!r} is not a code of {name}; add it, or name one that is")
    elif code_list.codes[replacement].replaced_by is not None:
        document.problem(at, f"{replacement!r} is replaced itself; name the code that replaces it")


def _check_versions(document: _Document, table: Table) -> None:
    """Every rule accepts something in every version, and finds its columns; asked only where versions and lists are known."""
    for version in table.version_order:
        for header, column in table.columns(version).items() if table.in_version(table.file, version) else ():
            for number, rule in enumerate(column.we_expect):
                if rule.one_of and not table.codes(rule.one_of, version):
                    at = ("columns", header, "we_expect", number)
                    document.problem(at, f"{rule.one_of!r} accepts no code in version {version}; add one to codes.yml")
    for name, table_rule in table.file.rules.items():
        if missing := _missing_column(table, table_rule):
            document.problem(("rules", name), missing)


def _organisation(
    root: Path,
    folder: Path,
    formats: dict[str, Format],
    broken: set[str],
    problems: list[str],
    feed_documents: dict[str, _Document],
) -> Organisation | None:
    slug = folder.name
    document, head_path = _head(folder, "organisation.yml", root, problems)
    _check_name(document, "folder", slug)
    file = document.parse(OrganisationFile, document.data)
    feeds = {}
    for feed_path in _contract_files(folder, head_path.name):
        feed_document = _Document(root, feed_path, problems)
        _check_name(feed_document, "feed", feed_path.stem)
        feed_file = feed_document.parse(FeedFile, feed_document.data)
        if feed_file is None or feed_file.sends in broken:
            continue
        format = formats.get(feed_file.sends)
        if format is None:
            feed_document.problem(("sends",), f"{feed_file.sends!r} is not a format; known: {', '.join(sorted(formats))}")
            continue
        for number, entry in enumerate(feed_file.versions):
            if entry.version not in format.file.versions:
                message = f"{format.name} has no version {entry.version!r}; known: {', '.join(format.file.versions)}"
                feed_document.problem(("versions", number), message)
        rules = {rule_id for table in format.tables.values() for rule_id in table.rule_ids}
        renamed = {old: new for table in format.tables.values() for old, new in table.renamed_rules.items()}
        for rule_id in feed_file.exceptions:
            if rule_id not in rules:
                remedy = f"write {renamed[rule_id]!r}" if rule_id in renamed else "see 'cares contract show'"
                feed_document.problem(("exceptions", rule_id), f"is not a rule of this format; {remedy}")
        for list_name, mapping in feed_file.local_codes.items():
            if list_name not in format.code_lists:
                feed_document.problem(("local_codes", list_name), f"is not a code list of {format.name}")
                continue
            for local, code in mapping.items():
                if code not in format.code_lists[list_name].codes:
                    feed_document.problem(("local_codes", list_name, local), f"{code!r} is not a code of {list_name}")
        feed_slug = f"{slug}/{feed_path.stem}"
        feeds[feed_path.stem] = Feed(feed_slug, slug, feed_file, format)
        feed_documents[feed_slug] = feed_document
    return Organisation(slug, file, feeds) if file else None


def _handed_over(organisations: dict[str, Organisation], documents: dict[str, _Document]) -> dict[str, Organisation]:
    """The organisations, each feed told which feeds were handed over to it; what does not fit is written into the documents."""
    feeds = {feed.slug: feed for organisation in organisations.values() for feed in organisation.feeds.values()}
    predecessors: dict[str, tuple[str, ...]] = {}
    for slug, feed in feeds.items():
        if feed.file.handed_over_to:
            if wrong := _why_not_handed_over(feed, feeds):
                documents[slug].problem(("handed_over_to",), wrong)
            predecessors[feed.file.handed_over_to] = (*predecessors.get(feed.file.handed_over_to, ()), slug)
    return {
        organisation.slug: replace(
            organisation,
            feeds={
                name: replace(feed, taken_over_from=predecessors.get(feed.slug, ())) for name, feed in organisation.feeds.items()
            },
        )
        for organisation in organisations.values()
    }


def _why_not_handed_over(feed: Feed, feeds: dict[str, Feed]) -> str | None:
    """Why a feed cannot be handed over to the one that it names: unknown, of another format, or with a gap or an overlap."""
    to, last = feed.file.handed_over_to or "", feed.file.arrives.last
    if to not in feeds or last is None:
        return f"{to!r} is not a feed; known: {', '.join(sorted(feeds))}"
    successor = feeds[to]
    if successor.format.name != feed.format.name:
        return f"{to} sends {successor.format.name}, and this feed {feed.format.name}; name a feed of the same format"
    first, follows = successor.file.arrives.first, last.end + timedelta(days=1)
    if first is None or first.start != follows:
        begins = f"begins with {first.label}" if first else "names no first_period"
        return (
            f"{to} {begins}, and the last period here is {last.label}; write the first_period there that begins on {follows}, "
            "or correct last_period here"
        )
    return None


class _Loader(yaml.CSafeLoader):
    """Reads words as they are written: keys are text, and what YAML would silently change is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or not key_node.value:
                raise _at(key_node, "the word before the colon is missing, or is a list; write one word there")
            _refuse_control_characters(key_node)
            if key_node.value in found:
                raise _at(key_node, f"{key_node.value!r} is given twice; remove one of them")
            found[key_node.value] = self.construct_object(value_node, deep=deep)
        return found

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag.removeprefix("tag:yaml.org,2002:") not in _YAML_KINDS[type(node)]:
            raise _at(node, "is marked as a kind of value that contracts do not have; remove the mark")
        if isinstance(node, yaml.ScalarNode):
            _refuse_control_characters(node)
        try:
            value = super().construct_object(node, deep)
        except ValueError:
            remedy = "write a day that exists, like 2019-03-31" if node.tag.endswith("timestamp") else "correct it"
            raise _at(node, f"{node.value} cannot be read; {remedy}") from None
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) != node.value:
            raise _at(node, f"{node.value} is read as the number {value}; if it is a code or a name, write it in quotes")
        return value


_YAML_KINDS = {
    yaml.ScalarNode: {"str", "int", "float", "bool", "null", "timestamp"},
    yaml.SequenceNode: {"seq"},
    yaml.MappingNode: {"map"},
}


def _refuse_control_characters(node: yaml.ScalarNode) -> None:
    if Reader.NON_PRINTABLE.search(node.value):
        raise _at(node, "a control character stands in the text; remove it")


def _at(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


class _Unreadable(Exception):
    """Why a whole file cannot be used, with the line."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")


class _Document:
    """One YAML file: its data, and the line of any place in it."""

    def __init__(self, root: Path, path: Path, problems: list[str]) -> None:
        self.name = f"expectations/{path.relative_to(root)}"
        self.problems = problems
        self.data: dict[str, Any] | None = None
        self._node: yaml.Node | None = None
        try:
            self.data = self._read(path.read_bytes())
        except FileNotFoundError:
            self.problems.append(f"{self.name}: is missing; add it: {_SEE}")
        except OSError as error:
            self.problems.append(f"{self.name}: line 1: cannot be read ({error.strerror}); see who may read it")
        except _Unreadable as problem:
            self.problems.append(f"{self.name}: {problem}")

    def _read(self, content: bytes) -> dict[str, Any]:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise _Unreadable(line, "a byte is not UTF-8; save the file as UTF-8") from None
        if unprintable := Reader.NON_PRINTABLE.search(text):
            line = text.count("\n", 0, unprintable.start()) + 1
            raise _Unreadable(line, "a control character stands there; remove it")
        loader = _Loader(text)
        try:
            self._node = loader.get_single_node()
            data = loader.construct_document(self._node) if self._node else None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problem = ", ".join(filter(None, (error.context, error.problem)))
            raise _Unreadable(line, problem if ";" in problem else f"{problem}; correct the YAML there") from None
        except RecursionError:
            raise _Unreadable(1, "its lists stand too deep in each other; write it more simply") from None
        finally:
            loader.dispose()
        if data is None:
            raise _Unreadable(1, f"is empty; {_SEE}")
        if not isinstance(data, dict):
            raise _Unreadable(1, f"found {_found(data)}, expected words with a value each; {_SEE}")
        return data

    def mapping(self) -> dict[str, Any]:
        return self.data or {}

    def parse(self, model: type[Model], data: Any, at: tuple[Any, ...] = ()) -> Model | None:
        if self.data is None:
            return None
        try:
            return model.model_validate(data)
        except ValidationError as error:
            wanted: dict[tuple[Any, ...], list[str]] = {}
            found: dict[tuple[Any, ...], str] = {}
            for detail in error.errors(include_url=False):
                place = (*at, *_as_written(detail, data))
                if expected := _EXPECTED.get(detail["type"]):
                    wanted.setdefault(place, []).append(expected)
                    found[place] = _found(detail["input"])
                else:
                    self.problem(place, _remedy(detail, _model_at(model, detail["loc"])))
            for place, choices in wanted.items():
                self.problem(place, f"found {found[place]}; write {english.any_of(dict.fromkeys(choices))}")
            return None

    def known_versions(
        self, part: TableFile | CountedOnly | Column | Code | TableRule, order: tuple[str, ...], at: tuple[Any, ...]
    ) -> None:
        for key in ("since", "until"):
            version = getattr(part, key)
            if version is not None and version not in order:
                self.problem((*at, key), f"{version!r} is not a version of this format; known: {', '.join(order)}")
        if part.since in order and part.until in order and order.index(part.since) > order.index(part.until):
            self.problem((*at, "until"), f"{part.until!r} comes before {part.since!r}; correct since or until")

    def problem(self, at: tuple[Any, ...], message: str) -> None:
        place = " > ".join(str(part) for part in at)
        line = self.line(at)
        self.problems.append(f"{self.name}: line {line}: {place + ': ' if place else ''}{message}")

    def line(self, at: tuple[Any, ...]) -> int:
        """The line on which the innermost known part of a place stands."""
        node, line = self._node, 1
        for part in at:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if found is None:
                    continue
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
        return line


def _as_written(detail: Any, data: Any) -> tuple[Any, ...]:
    """The place of a fault in the words of the file, without the names that the checker has for its own steps."""
    place = []
    for number, part in enumerate(detail["loc"], 1):
        names_itself = number == len(detail["loc"]) and detail["type"] in ("missing", "extra_forbidden")
        if isinstance(data, dict) and (part in data or names_itself):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif not names_itself:
            continue
        place.append(part)
    return tuple(place)


def _model_at(model: type[BaseModel], place: tuple[Any, ...]) -> type[BaseModel]:
    """The model that a place inside another model's data belongs to."""
    for part in place[:-1]:
        if field := model.model_fields.get(str(part)):
            model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


_EXPECTED = {
    "string_type": "text (in quotes, where YAML reads it as yes, no, a day or nothing)",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "date_type": "a day like 2019-03-31, without quotes",
    "dict_type": "words with a value each",
    "model_type": "words with a value each",
    "tuple_type": "a list, like [one, two]",
}


def _remedy(detail: Any, model: type[BaseModel]) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is missing; add it"
        case "extra_forbidden":
            near = difflib.get_close_matches(str(detail["loc"][-1]), model.model_fields, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            return f"is not a word of this contract; {hint}known here: {', '.join(model.model_fields)}"
        case "literal_error":
            return f"found {_found(detail['input'])}; use one of {context['expected']}"
        case "greater_than_equal":
            return f"found {_found(detail['input'])}; write a number that is at least {context['ge']:g}"
        case "less_than_equal":
            return f"found {_found(detail['input'])}; write a number that is at most {context['le']:g}"
        case "too_short":
            return f"has too few entries; write at least {context['min_length']}"
        case "too_long":
            return f"has too many entries; write {context['max_length']}"
        case "value_error":
            return str(context["error"])
        case _:
            return f"found {_found(detail['input'])}, which cannot stand here; {_SEE}"


def _found(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "words with a value each"
        case list() | tuple():
            return "a list"
        case date():
            return f"the day {value}"
        case _:
            return repr(value)
