"""Rules on several columns, or on several rows of one person, as the contract of a table says them.

Conditions are words, never code: `when` says which rows a rule is about and `expect` what then holds. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from cares import english

Neighbour = Literal["previous", "second previous", "next"]
Place = Literal["first", "not first", "last", "not last", "only"]


class ContractPart(BaseModel):
    """A piece of a contract: no word that is not known, and nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | float)]
# Strict, because a number would be read as the seconds since 1970.
Day = Annotated[date, Strict()]

THIS_ROW = "this row"
_SHIFT = re.compile(r" (plus|minus) (\d+) (day|month|year)s?$")
_PERIOD = {"period start": "the first day of the period", "period end": "the last day of the period"}
_PLACES = {
    "first": "is the first of its {of}",
    "not first": "is not the first of its {of}",
    "last": "is the last of its {of}",
    "not last": "is not the last of its {of}",
    "only": "is the only one of its {of}",
}
_DAYS_COMPARED = {
    "before": "is before",
    "after": "is after",
    "not_before": "is not before",
    "not_after": "is not after",
    "same_day_as": "is the same day as",
    "not_same_day_as": "is not the same day as",
}


@dataclass(frozen=True)
class Reference:
    """What a comparison looks at: a column of this row or of a neighbour, an end of the period, or a day; and days after it."""

    header: str | None = None
    neighbour: Neighbour | None = None
    fixed: str | date | None = None
    shifts: tuple[tuple[int, str], ...] = ()

    @property
    def sentence(self) -> str:
        """`DOB plus 4 years`, `the DEC of the previous row`, `1 April 2015`."""
        if self.header:
            words = f"the {self.neighbour} row's {self.header}" if self.neighbour else self.header
        else:
            words = english.day(self.fixed) if isinstance(self.fixed, date) else _PERIOD[str(self.fixed)]
        return words + "".join(
            f" {'plus' if number > 0 else 'minus'} {english.counted(abs(number), unit)}" for number, unit in self.shifts
        )


def reference(said: str | date) -> Reference:
    """What the words of a contract refer to; whether the table has such a column is not asked here."""
    if isinstance(said, date):
        return Reference(fixed=said)
    shifts: list[tuple[int, str]] = []
    while found := _SHIFT.search(said):
        shifts.insert(0, (int(found[2]) * (1 if found[1] == "plus" else -1), found[3]))
        said = said[: found.start()]
    if said in _PERIOD:
        return Reference(fixed=said, shifts=tuple(shifts))
    for neighbour in ("second previous", "previous", "next"):
        if said.startswith(f"{neighbour} "):
            return Reference(said.removeprefix(f"{neighbour} "), neighbour, None, tuple(shifts))
    return Reference(said, None, None, tuple(shifts))


class Comparison(ContractPart):
    """What holds for a value; of several, all."""

    filled: bool | None = None
    one_of: tuple[Text, ...] | None = Field(None, min_length=1, description="codes; a blank is none of them")
    none_of: tuple[Text, ...] | None = Field(None, min_length=1, description="codes; a blank is none of them")
    written_as: str | None = Field(None, description="the name of a pattern; a blank is not")
    same_as: str | None = Field(None, description="a column; two blanks are the same")
    differs_from: str | None = Field(None, description="a column; two blanks are the same")
    before: str | Day | None = Field(None, description="a column, a day, period start or period end; plus 4 years, minus 7 days")
    after: str | Day | None = None
    not_before: str | Day | None = None
    not_after: str | Day | None = None
    same_day_as: str | Day | None = Field(None, description="the same day")
    not_same_day_as: str | Day | None = Field(None, description="not the same day")
    place: Place | None = Field(None, description="of 'this row' only")

    @model_validator(mode="after")
    def _says_something(self) -> Comparison:
        if not self.model_fields_set:
            raise ValueError(f"says nothing; write at least one of: {', '.join(Comparison.model_fields)}")
        return self

    @property
    def given(self) -> dict[str, Any]:
        """What it says: word to argument."""
        return {word: argument for word in Comparison.model_fields if (argument := getattr(self, word)) is not None}

    def sentence(self, of: str | None, means: dict[str, str]) -> str:
        """`is filled and is not before DECOM`; `of` is whose rows belong together, `means` says the patterns."""
        if self.place:
            return _PLACES[self.place].format(of=of)
        return " and ".join(_clause(*said, means) for said in self.given.items())


def _clause(word: str, argument: Any, means: dict[str, str]) -> str:
    match word:
        case "filled":
            return "is filled" if argument else "is blank"
        case "one_of":
            return f"is {english.any_of(argument)}"
        case "none_of":
            return f"is not {english.any_of(argument)}"
        case "written_as":
            return f"is {means[argument]}"
        case "same_as":
            return f"is the same as {reference(argument).sentence}"
        case "differs_from":
            return f"differs from {reference(argument).sentence}"
    return f"{_DAYS_COMPARED[word]} {reference(argument).sentence}"


def _comparisons(value: Any) -> Any:
    """`filled`, `blank`, a code or a list of codes, brought to the form of a comparison."""
    if not isinstance(value, dict):
        return value
    return {subject: _comparison(subject, said) for subject, said in value.items()}


def _comparison(subject: str, said: Any) -> Any:
    if isinstance(said, dict):
        return said
    if subject == THIS_ROW:
        return {"place": said}
    if said in ("filled", "blank"):
        return {"filled": said == "filled"}
    return {"one_of": said if isinstance(said, list) else [said]}


Conditions = Annotated[
    dict[str, Comparison],
    BeforeValidator(_comparisons, json_schema_input_type=dict[str, Comparison | Text | list[Text]]),
    Field(min_length=1),
]
Alternatives = Annotated[
    tuple[Conditions, ...],
    BeforeValidator(
        lambda value: [value] if isinstance(value, dict) else value, json_schema_input_type=Conditions | list[Conditions]
    ),
]


class History(ContractPart):
    """Which rows belong together, and their order: `previous`, `next`, `first` and `last` go by it."""

    of: str = Field(description="header whose value the rows have in common; rows where it is blank have no history")
    in_order_of: tuple[str, ...] = Field((), description="headers; blanks come last, and what is alike as it stands in the file")


class Lasting(ContractPart):
    """How long rows may last, from one day to another; an end that is blank is the last day of the period."""

    days: int = Field(ge=1)
    begins: str
    ends: str
    together: Literal["each row", "one after the other", "within the period"] = Field(
        description="each by itself, all those that follow without a gap, or all days that lie in the period"
    )


class TableRule(ContractPart):
    """A rule on several columns or rows; a list of conditions is met where one of them is."""

    when: Alternatives = Field((), description="the rows that it is about; left out: all")
    expect: Alternatives = Field((), description="what holds for them; what cannot be compared breaks nothing")
    at_most_rows: int | None = Field(None, ge=1, description="so many rows of one history may be met by 'when'")
    at_most: Lasting | None = Field(None, description="how long the rows may last that are met by 'when'")
    all_have_one: str | None = Field(None, description="header that has the same value in all rows of a history met by 'when'")
    history: History | None = Field(None, description="where it differs from the table's")
    if_broken: Literal["reject the delivery", "set the row aside", "warn"] = "warn"
    because: str | None = None
    since: Text | None = None
    until: Text | None = None

    @model_validator(mode="after")
    def _one_demand(self) -> TableRule:
        demands = (self.expect or None, self.at_most_rows, self.at_most, self.all_have_one)
        if sum(demand is not None for demand in demands) != 1:
            raise ValueError("needs exactly one of: expect, at_most_rows, at_most, all_have_one")
        return self

    def references(self) -> Iterator[tuple[str, int, str, str, str | date]]:
        """Each reference with where it stands: when or expect, which alternative, subject, word, what is said."""
        for part, alternatives in (("when", self.when), ("expect", self.expect)):
            for number, conditions in enumerate(alternatives):
                for subject, comparison in conditions.items():
                    if subject != THIS_ROW:
                        yield part, number, subject, "", subject
                    for word, argument in comparison.given.items():
                        if word in _DAYS_COMPARED or word in ("same_as", "differs_from"):
                            yield part, number, subject, word, argument

    @property
    def headers(self) -> list[str]:
        """The columns that it names, each once."""
        named = [reference(said).header for *_, said in self.references()]
        named += [self.at_most.begins, self.at_most.ends] if self.at_most else []
        return list(dict.fromkeys(header for header in (*named, self.all_have_one) if header))

    @property
    def neighbours(self) -> set[tuple[Neighbour, str]]:
        """The columns of other rows that it looks at."""
        found = (reference(said) for *_, said in self.references())
        return {(one.neighbour, one.header) for one in found if one.neighbour and one.header}

    @property
    def looks_at_several_rows(self) -> bool:
        """Whether one row alone cannot tell if it is kept."""
        places = any(THIS_ROW in conditions for conditions in (*self.when, *self.expect))
        together = self.at_most is not None and self.at_most.together != "each row"
        return bool(self.neighbours) or places or together or bool(self.at_most_rows or self.all_have_one)

    def sentence(self, of: str | None, means: dict[str, str]) -> str:
        """The whole rule in words; `of` is whose rows belong together, `means` says the patterns."""
        when = _in_words(self.when, of, means)
        about = f" in which {when}" if when else ""
        if self.at_most_rows:
            return f"there are at most {english.counted(self.at_most_rows, 'row')} of one {of}{about}"
        if self.all_have_one:
            return f"all rows of one {of}{about} have the same {self.all_have_one}"
        if self.at_most:
            span = f"from {self.at_most.begins} to {self.at_most.ends}"
            last = f"at most {english.counted(self.at_most.days, 'day')}"
            match self.at_most.together:
                case "each row":
                    return f"{f'when {when}, ' if when else ''}it lasts {last}, {span}"
                case "one after the other":
                    return f"rows of one {of}{about}, one straight after the other, last {last} together, {span}"
            return f"rows of one {of}{about} last {last} of the period together, {span}"
        return f"{f'when {when}, ' if when else ''}{_in_words(self.expect, of, means)}"


def _in_words(alternatives: Iterable[Conditions], of: str | None, means: dict[str, str]) -> str:
    said = [_all_in_words(conditions, of, means) for conditions in alternatives]
    return f"either {', or '.join(said)}" if len(said) > 1 else "".join(said)


def _all_in_words(conditions: Conditions, of: str | None, means: dict[str, str]) -> str:
    """Conditions in one clause; columns of which the same is said stand side by side."""
    subjects: dict[str, list[str]] = {}
    for subject, comparison in conditions.items():
        name = "the row" if subject == THIS_ROW else reference(subject).sentence
        subjects.setdefault(comparison.sentence(of, means), []).append(name)
    return english.all_of(f"{english.all_of(names)} {_plural(says, len(names))}" for says, names in subjects.items())


def _plural(says: str, number: int) -> str:
    return re.sub(r"\bis\b", "are", says) if number > 1 else says
