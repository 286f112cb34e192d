"""Figures of the made-up borough, each beside the published one where we hold it.

They show whether the borough looks like a real one. They rest on the story alone, before anything of it is recorded or sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import pandas as pd
import yaml

from cares.simulator import residents
from cares.simulator.days import YEAR, age, day
from cares.simulator.lives import delayed_transfers, emergency, occurrences, spans
from cares.simulator.story import Story

PLAUSIBLE = "plausible, not checked against a published figure"
PUBLISHED = "published"  # the column of a figure that is not ours
ONS = (
    "Office for National Statistics: St Helens, Census 2021 (three broad ages) and mid-2016 (women); Darlington, mid-2019 "
    "(by five years within the broad ages)"
)
DELAYED_TRANSFERS = "NHS England, Delayed Transfers of Care data, England, time series to February 2020, OGL v3"
REASONS = {
    "A": "assessment not completed",
    "B": "public funding",
    "C": "further NHS care",
    "Di": "residential home",
    "Dii": "nursing home",
    "E": "care package at home",
    "F": "equipment, adaptations",
    "G": "patient or family choice",
    "H": "disputes",
    "I": "housing",
    "O": "other",
}
DAYS_WAITED = {  # each from the one before up to this many days
    "less than a week": 7,
    "1 to 3 weeks": 28,
    "4 to 7 weeks": 56,
    "8 to 11 weeks": 84,
    "12 to 17 weeks": 126,
    "18 weeks or more": 10**6,
}
_LONGEST_WAIT = 182  # days before the end after which a referral may still wait when the story ends
_MONTHS_COMPARED = 6  # fewer say nothing of a trend
_UNUSUAL_FROM = date(2020, 3, 1)  # the month of the first lockdown


@dataclass(frozen=True)
class Comparison:
    """One number of the borough, with its name, beside the published one; `shape` is how both are written.

    Without a published number but with a source, it says how like that source the borough is.
    """

    name: str
    simulated: float
    published: float | None = None
    source: str = ""
    shape: str = "{:.2f}"

    @property
    def reads(self) -> tuple[str, str]:
        """Both numbers as they are written; a dash where nothing is published."""
        return self.shape.format(self.simulated), "–" if self.published is None else self.shape.format(self.published)


@dataclass(frozen=True)
class Figure:
    """A small table of numbers of the borough, and how it is drawn.

    The first column of `table` names its rows; the others hold numbers in `unit`, that of the name `PUBLISHED` those of
    `source`. drawn: "stack" (columns of whole numbers on top of each other), "months" (a line each), "trend" (one line, of
    which it matters whether it changes) or "shares" (bars beside each other). lowest: where its axis begins.
    """

    name: str
    title: str
    unit: str
    drawn: Literal["stack", "months", "trend", "shares"]
    table: pd.DataFrame
    note: str
    comparisons: tuple[Comparison, ...] = ()
    source: str = ""
    lowest: float = 0

    @property
    def sources(self) -> list[str]:
        """The published sources that the figure is compared with, each once."""
        return [each for each in dict.fromkeys([self.source, *(one.source for one in self.comparisons)]) if each]

    @property
    def standing(self) -> str:
        """What it was compared with, or that it was not."""
        return f"Published: {'; '.join(self.sources)}." if self.sources else f"{PLAUSIBLE.capitalize()}."


@cache
def published() -> dict[str, Any]:
    """What stands in `published.yml`."""
    return yaml.safe_load(resources.files(__package__).joinpath("published.yml").read_text(encoding="utf-8"))


def of(story: Story) -> list[Figure]:
    """All figures of a story, in the order in which they are shown."""
    every: tuple[Callable[[Story], Figure], ...] = (
        people,
        respiratory_admissions,
        emergency_attendances,
        within_four_hours,
        urgent_treatment_centre,
        delayed_days,
        delay_reasons,
        mental_health_waits,
    )
    return [figure(story) for figure in every]


def people(story: Story) -> Figure:
    """Columns age (bands of five years), women, men, published: people of St Helens on the day the deliveries begin."""
    residents_of = story.borough.people[story.borough.live_in("st_helens")]
    on = day(story.told.first)
    born = residents_of["born"].to_numpy()
    away = story.general_practice.is_away(len(story.borough.people), on)[residents_of.index]
    lives = (born <= on) & (residents_of["died"].to_numpy() > on) & ~away
    years, women = age(born[lives], on), (residents_of["sex"] == "F").to_numpy()[lives]
    starts = list(residents.AGES_OF_A_NEIGHBOUR)
    bands = np.searchsorted(starts, years, "right") - 1
    counts = [np.bincount(bands[of_sex], minlength=len(starts)) for of_sex in (women, ~women)]
    shares = residents.shares_of_ages()
    labels = [f"{start}–{after - 1}" for start, after in zip(starts, [*starts[1:], 0], strict=True)]
    table = pd.DataFrame({"age": [*labels[:-1], f"{starts[-1]}+"], "women": counts[0], "men": counts[1]})
    table[PUBLISHED] = np.round(shares * len(years)).astype(int)
    older = residents.BROAD_AGES[65]
    return Figure(
        "people",
        f"People of St Helens by age and sex on {story.told.first:%-d %B %Y}",
        "people",
        "stack",
        table,
        "The borough is drawn from these shares, so that they must agree in the middle of the story; on other days "
        "births, deaths and birthdays have moved it.",
        (
            _overlap("overlap of the ages with the published (1: the same)", counts[0] + counts[1], shares, ONS),
            Comparison("65 and over, per cent", 100 * float((years >= 65).mean()), 100 * older, ONS, "{:.1f}"),
            Comparison("women, per cent", 100 * float(women.mean()), 100 * residents.FEMALE_SHARE, ONS, "{:.1f}"),
        ),
        ONS,
    )


def respiratory_admissions(story: Story) -> Figure:
    """Columns month, admissions: emergency stays whose main diagnosis is a disease of the respiratory system (ICD-10 J)."""
    stays, told = story.stays, published()["respiratory"]
    is_emergency = stays["method"].str.startswith("2").to_numpy()
    chosen = stays[is_emergency & stays["primary"].str.startswith("J").to_numpy()]
    months, admitted = _months(story, years_before=1), chosen["admitted"].to_numpy()
    years = age(story.borough.people["born"].to_numpy()[chosen["person"]], admitted)
    found = [Comparison("65 and over, per cent", 100 * _mean(years >= 65), told["aged_65_and_over"], told["source"], "{:.0f}")]
    counts = dict(zip(_labels(months), _by_month(admitted, months), strict=True))
    springs = [on for on in months if on.month == 3 and on < _UNUSUAL_FROM]
    winters = [
        ([f"{on.year - 1}-12", f"{on.year}-01", f"{on.year}-02"], [f"{on.year}-{month:02}" for month in (3, 4, 5)])
        for on in springs
    ]
    whole = [pair for pair in winters if all(month in counts for part in pair for month in part)]
    winter, spring = (sum(counts[month] for pair in whole for month in pair[part]) for part in (0, 1))
    if spring:
        name = "December to February ÷ March to May"
        found.insert(0, Comparison(name, winter / spring, told["winter_over_spring"], told["source"]))
    infants = chosen["primary"].str.startswith("J21").to_numpy() & (years < 1)
    born = story.borough.people["born"].to_numpy()
    begins, ends = story.borough.begins, story.borough.ends
    infant_years = float(np.clip(np.minimum(born + YEAR, ends) - np.maximum(born, begins), 0, None).sum()) / YEAR
    small = published()["bronchiolitis"]
    a_year = 1000 * float(infants.sum()) / max(infant_years, 1)
    told_of = ("bronchiolitis, admissions per 1,000 infants a year", small["per_1000_infants_a_year"], small["source"])
    found.append(Comparison(told_of[0], a_year, told_of[1], told_of[2], "{:.0f}"))
    return Figure(
        "respiratory_admissions",
        "Emergency admissions for respiratory disease",
        "admissions a month",
        "months",
        pd.DataFrame({"month": list(counts), "admissions": list(counts.values())}),
        "Winters against springs is published; the single months are plausible, not checked.",
        tuple(found),
    )


def emergency_attendances(story: Story) -> Figure:
    """Columns month, emergency department, Urgent Treatment Centre: attendances."""
    came, months, told = story.emergency, _months(story), published()["emergency"]
    at_centre = (came["service"] == emergency.CENTRE).to_numpy()
    arrived, source = came["arrived"].to_numpy(), told["source"]
    labels = _labels(months)
    by_service = [_by_month(arrived[of_service], months) for of_service in (~at_centre, at_centre)]
    table = pd.DataFrame({"month": labels, "emergency department": by_service[0], "Urgent Treatment Centre": by_service[1]})
    stays = story.stays
    admitted = _by_month(stays["admitted"].to_numpy()[stays["method"].str.startswith("2").to_numpy()], months)
    found = []
    if "2019-04" in labels and "2020-04" in labels:
        before, after = labels.index("2019-04"), labels.index("2020-04")
        for what, counts in (("attendances", by_service[0] + by_service[1]), ("admissions", admitted)):
            if counts[before]:
                change = 100 * (float(counts[after]) / float(counts[before]) - 1)
                name = f"{what}, April 2020 against April 2019, per cent"
                found.append(Comparison(name, change, told[f"{what}_in_april_2020"], source, "{:+.0f}"))
    return Figure(
        "emergency_attendances",
        "Attendances at the emergency department and at the Urgent Treatment Centre",
        "attendances a month",
        "months",
        table,
        "The fall of April 2020 is published; how many come otherwise, and why, is plausible, not checked.",
        tuple(found),
    )


def within_four_hours(story: Story) -> Figure:
    """Columns month, both (the department and the centre), department, published: per cent that ended within four hours."""
    came, months, told = story.emergency, _months(story), published()["emergency"]
    labels, source = _labels(months), told["source"]
    at_department = (came["service"] == emergency.DEPARTMENT).to_numpy()
    in_time = (came["left"] <= emergency.FOUR_HOURS).to_numpy()
    arrived = came["arrived"].to_numpy()

    def share(chosen: np.ndarray) -> np.ndarray:
        every = _by_month(arrived[chosen], months)
        return np.round(100 * _by_month(arrived[chosen & in_time], months) / np.where(every, every, np.nan), 1)

    both, department = share(np.ones(len(came), dtype=bool)), share(at_department)
    known = np.array([told["within_four_hours"].get(label, np.nan) for label in labels], dtype=float)
    found = []
    if (compared := ~np.isnan(known) & ~np.isnan(both)).any():
        difference = float(np.abs(both - known)[compared].mean())
        name = f"mean difference in the {compared.sum()} published months, percentage points"
        found.append(Comparison(name, difference, source=source, shape="{:.1f}"))
    for label, at_major in told["within_four_hours_at_major_departments"].items():
        if label in labels:
            of_month = float(department[labels.index(label)])
            found.append(Comparison(f"the department alone in {label}, per cent", of_month, at_major, source, "{:.1f}"))
    table = pd.DataFrame({"month": labels, "both": both, "department alone": department, PUBLISHED: known})
    note = "England's share at all departments is held for some months only. The months between are plausible, not checked."
    return Figure(
        "within_four_hours",
        "Seen, and gone or admitted, within four hours",
        "per cent of attendances",
        "months",
        table,
        note,
        tuple(found),
        source if found else "",
        lowest=50,
    )


def urgent_treatment_centre(story: Story) -> Figure:
    """Columns month, median wait: minutes from arrival to the beginning of treatment at the Urgent Treatment Centre."""
    came, months = story.emergency, _months(story)
    seen = came[(came["service"] == emergency.CENTRE).to_numpy() & (came["treated"] >= 0).to_numpy()]
    arrived, waited = seen["arrived"].to_numpy(), seen["treated"].to_numpy()
    within = np.split(waited, np.searchsorted(arrived, [day(on) for on in [*months[1:], _after(months[-1])]]))[:-1]
    medians = [float(np.median(of_month)) if len(of_month) else np.nan for of_month in within]
    moved = occurrences.SERVICES_MOVED
    found = []
    # Not beyond February 2020: few people came then, and waited less for it.
    before, after = waited[arrived < moved], waited[(arrived >= moved) & (arrived < day(_UNUSUAL_FROM))]
    if len(before) and len(after):
        name = "median from December 2019 to February 2020 ÷ median before"
        found.append(Comparison(name, float(np.median(after) / np.median(before))))
    worse = "were made to get longer" if story.told.transfer_worsens else "were left as they were"
    return Figure(
        "urgent_treatment_centre",
        "Median wait at the Urgent Treatment Centre",
        "minutes until treatment begins",
        "trend",
        pd.DataFrame({"month": _labels(months), "median wait": medians}),
        f"Another trust took it over on 1 December 2019; in this borough waits {worse} by that.",
        tuple(found),
    )


def delayed_days(story: Story) -> Figure:
    """Columns month, simulated, published: days of delayed transfers per 100,000 people, of all beds and councils."""
    months = _months(story, years_before=1)
    number = len(story.borough.people)
    ours = _days_in_months(story, months) * 100_000 / number
    england = delayed_transfers.england()
    beds = np.array(england["acute_beds"]) + np.array(england["other_beds"])
    first = england["first_month"]
    theirs = np.full(len(months), np.nan)
    for place, on in enumerate(months):
        since = (on.year - first.year) * 12 + on.month - first.month
        if 0 <= since < len(beds):
            theirs[place] = beds[since] * (_after(on) - on).days * 100_000 / delayed_transfers.ENGLAND
    compared = ~np.isnan(theirs)
    found = []
    labels = np.array(_labels(months))
    before, after = ((labels >= f"{year}-04") & (labels <= f"{year + 1}-0{last}") for year, last in ((2018, 3), (2019, 2)))
    if before.sum() == 12 and after.sum() == 11 and ours[before].sum():
        changes = [per_day[after].sum() / 335 / (per_day[before].sum() / 365) for per_day in (ours, theirs)]
        name = "2019-20 (until February) ÷ 2018-19, days a day"
        found.append(Comparison(name, float(changes[0]), float(changes[1]), DELAYED_TRANSFERS))
    if compared.sum() >= _MONTHS_COMPARED and ours[compared].std() > 0:
        together = float(np.corrcoef(ours[compared], theirs[compared])[0, 1])
        found += [
            Comparison("correlation with England's, by month", together, source=DELAYED_TRANSFERS),
            Comparison("days ÷ England's", float(ours[compared].sum() / theirs[compared].sum()), source=DELAYED_TRANSFERS),
        ]
    table = pd.DataFrame({"month": _labels(months), "simulated": np.round(ours, 1), PUBLISHED: np.round(theirs, 1)})
    return Figure(
        "delayed_days",
        "Days of delayed transfers of care",
        "days a month per 100,000 people",
        "months",
        table,
        f"{len(story.delays) + len(story.mental_health_delays):,} delays, drawn after England's trend: the fewer, the more the months differ by chance. "
        "England's counts all beds; the borough's those of the general hospital and of mental health care. From 19 March 2020 on "
        "patients were to leave at once, and nothing was published.",
        tuple(found),
        DELAYED_TRANSFERS if compared.any() else "",
    )


def delay_reasons(story: Story) -> Figure:
    """Columns reason, simulated, published: per cent of the delayed days in acute beds."""
    delays = story.delays
    days = (delays["left"] - delays["ready"]).to_numpy()
    ours = np.array([days[(delays["reason"] == code).to_numpy()].sum() for code in REASONS], dtype=float)
    theirs = np.array([sum(delayed_transfers.england()["acute_days"].get(code, [0])) for code in REASONS], dtype=float)
    table = pd.DataFrame({"reason": list(REASONS.values()), "simulated": _per_cent(ours), PUBLISHED: _per_cent(theirs)})
    return Figure(
        "delay_reasons",
        "Why they were delayed",
        "per cent of the delayed days in acute beds",
        "shares",
        table,
        "Reasons are drawn from England's of April 2018 to February 2020, as far as they fit what came after the delay.",
        (_overlap("overlap of the reasons with England's (1: the same)", ours, theirs, DELAYED_TRANSFERS),),
        DELAYED_TRANSFERS,
    )


def mental_health_waits(story: Story) -> Figure:
    """Columns waited, adults, children: per cent of those whom a mental health service saw, by their wait for the first contact."""
    referrals, contacts = story.mental_health.referrals, story.mental_health.contacts
    kept = contacts["attendance"].isin([spans.ATTENDED, spans.LATE]).to_numpy()
    first = contacts[kept].drop_duplicates("referral")
    of_first = referrals.iloc[first["referral"].to_numpy()]
    received = of_first["received"].to_numpy()
    since, ends = day(story.told.first), story.borough.ends
    until = ends - _LONGEST_WAIT if ends - _LONGEST_WAIT > since else ends
    outside = (of_first["service"] != "hospital liaison").to_numpy()
    chosen = outside & (received >= since) & (received <= until)
    waited = (first["day"].to_numpy() - received)[chosen]
    is_child = of_first["is_child"].to_numpy()[chosen]
    bounds = list(DAYS_WAITED.values())
    bands = np.searchsorted(bounds, waited, "right")
    shares = {
        name: _per_cent(np.bincount(bands[whose], minlength=len(bounds)).astype(float))
        for name, whose in (("adults", ~is_child), ("children", is_child))
    }
    told = published()["childrens_mental_health"]
    found = []
    if len(children := waited[is_child]):
        found += [
            Comparison("children, median days", float(np.median(children)), told["median_wait"], told["source"], "{:.0f}"),
            Comparison("children, mean days", float(children.mean()), told["mean_wait"], told["source"], "{:.0f}"),
        ]
    if len(adults := waited[~is_child]):
        found.append(Comparison("adults, median days", float(np.median(adults)), shape="{:.0f}"))
    return Figure(
        "mental_health_waits",
        "Waits from referral to the first contact with a mental health service",
        "per cent of adults, and of children",
        "shares",
        pd.DataFrame({"waited": list(DAYS_WAITED), **shares}),
        "Of those who were seen, without liaison in the general hospital. Waits of children are published; those of adults "
        "are plausible, not checked.",
        tuple(found),
    )


def _months(story: Story, years_before: int = 0) -> list[date]:
    """The first days of the months of the deliveries, or from some years before on."""
    first, last = story.told.first.replace(year=story.told.first.year - years_before), story.told.last
    months = [first]
    while _after(months[-1]) <= last:
        months.append(_after(months[-1]))
    return months


def _after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _labels(months: list[date]) -> list[str]:
    return [f"{on:%Y-%m}" for on in months]


def _by_month(days: np.ndarray, months: list[date]) -> np.ndarray:
    """How many of some days lie in each month."""
    bounds = [day(on) for on in [*months, _after(months[-1])]]
    return np.diff(np.searchsorted(np.sort(days), bounds))


def _days_in_months(story: Story, months: list[date]) -> np.ndarray:
    """The delayed days in each month, of both kinds of bed; the night before somebody left is the last that counts."""
    delays = pd.concat([story.delays, story.mental_health_delays], ignore_index=True)
    ready, left = delays["ready"].to_numpy(), delays["left"].to_numpy()
    return np.array(
        [np.clip(np.minimum(left, day(_after(on))) - np.maximum(ready, day(on)), 0, None).sum() for on in months], dtype=float
    )


def _overlap(name: str, ours: np.ndarray, theirs: np.ndarray, source: str) -> Comparison:
    """How much two distributions have in common: 1 if they are the same, 0 if they share nothing."""
    shares = ours / max(float(ours.sum()), 1.0)
    return Comparison(name, float(np.minimum(shares, theirs / theirs.sum()).sum()), source=source)


def _per_cent(counts: np.ndarray) -> np.ndarray:
    return np.round(100 * counts / max(counts.sum(), 1), 1)


def _mean(of_rows: np.ndarray) -> float:
    return float(of_rows.mean()) if len(of_rows) else 0.0
