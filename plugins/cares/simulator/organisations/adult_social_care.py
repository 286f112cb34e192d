"""What a council sends of its adult social care: client level data, each quarter."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import homes, wording
from cares.simulator.days import NEVER, age, day, uk
from cares.simulator.records import Records
from cares.simulator.residents import Borough
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

PROVIDERS = ("Northway Home Care", "Sutton Support at Home", "Bright Days Care, St Helens", "Carr Mill Care")


def feed(story: Story, organisation: str, council: str, local_id: str, la_code: str) -> Sender:
    """The feed of an organisation about the people of its council (as `residents` names it), under its own numbers."""
    events = story.social_care[story.borough.live_in(council)[story.social_care["person"]]]
    adults = np.concatenate([events["person"].to_numpy(), events["linked_person"].dropna().to_numpy(dtype=int)])
    records = story.register(organisation, "cld", "adult_social_care", local_id, adults)
    return AdultSocialCare(f"{organisation}/adult_social_care", story.borough, events, records, la_code)


def text_of(values: np.ndarray, style: str = "{:.2f}") -> np.ndarray:
    """Numbers as text; not a number is blank."""
    return np.array(["" if value != value else style.format(value) for value in values], dtype=object)


class AdultSocialCare:
    """Each quarter, every event of the twelve months that end with it, as adult social care knew it on the last day."""

    def __init__(self, slug: str, borough: Borough, events: pd.DataFrame, records: Records, la_code: str) -> None:
        self.slug = slug
        self.borough, self.events, self.records, self.la_code = borough, events, records, la_code
        self.reference = np.array([f"E{number:07d}" for number in range(1, len(events) + 1)], dtype=object)

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The submission of a quarter."""
        end = day(period.end)
        begin = day(date(period.end.year - (period.end.month < 12), period.end.month % 12 + 1, 1))
        chosen = ((self.events["starts"] <= end) & (self.events["ends"] >= begin)).to_numpy()
        events, reference = self.events[chosen], self.reference[chosen]
        persons = events["person"].to_numpy()
        records = self.records
        record = records.of(persons, end)
        records.is_used[record] = True
        ended = events["ends"].to_numpy() <= end
        linked = events["linked_person"].to_numpy(dtype=float)
        home = self.borough.homes.iloc[records.homes.on(record, end)]
        tenure = np.where(home["is_sheltered"], "sheltered", home["tenure"])
        is_carer = (events["client"] == "Carer").to_numpy()
        is_service = (events["kind"] == "Service").to_numpy()
        years = age(records.born[record], end)
        component = events["component"].to_numpy()
        cared_for = np.full(len(events), "", dtype=object)
        has_linked = linked == linked
        carers = records.of(linked[has_linked].astype(int), end)
        cared_for[has_linked] = records.local_id[carers]
        provider = persons % len(PROVIDERS)
        at_home, in_home = (
            component == "Home Support",
            np.isin(component, ["Long Term Residential Care", "Long Term Nursing Care"]),
        )
        provider_name = np.where(
            at_home, np.array(PROVIDERS, dtype=object)[provider], np.where(in_home, home["care_home_name"], "")
        )
        provider_id = np.array([f"1-9900{number:05d}" for number in range(200)], dtype=object)
        home_number = np.clip(home.index.to_numpy() - self.borough.first_care_home, 0, 150) + 10
        route = events["route"].to_numpy()
        sex = {"F": "Female", "M": "Male", "U": "Unknown"}
        columns: dict[str, np.ndarray | str] = {
            "LA Code": self.la_code,
            "Reporting Period Start Date": uk(np.array([begin]))[0],
            "Reporting Period End Date": uk(np.array([end]))[0],
            "NHS Number": records.nhs_number[record],
            "LA Person Unique Identifier": records.local_id[record],
            "First Name": records.forename[record],
            "Last Name": records.surname(record, end),
            "GP Practice Name": homes.practices()["name"].to_numpy()[records.practice[record]],
            "GP Practice Code": homes.practice_codes()[records.practice[record]],
            "Gender": wording.translate(records.sex[record], sex),
            "Ethnicity": wording.ethnicity(records.ethnicity[record], wording.ADULT_SOCIAL_CARE),
            "Date of Birth": uk(records.born[record]),
            "Date of Death": uk(np.where(records.died[record] <= end, records.died[record], NEVER)),
            "Client Type": events["client"].to_numpy(),
            "Primary Support Reason": self._support_reason(persons, is_carer),
            "Postcode": records.postcode(record, end),
            "Accommodation Status": wording.translate(tenure, wording.ACCOMMODATION),
            "Employment Status": np.where(years >= 66, "Not in paid employment: Not actively seeking work or retired", "Unknown"),
            "Has Unpaid Carer": np.where(self.borough.people["partner"].to_numpy()[persons] >= 0, "Yes", "No"),
            "Autism Spectrum Disorder (ASD)": np.where(persons % 97 == 0, "Yes", "No"),
            "Visual Impairment": "Unknown",
            "Hearing Impairment": "Unknown",
            "Dementia": np.where(self.borough.has("F03X", "G309")[persons], "Yes", "No"),
            "Client Funding Status": np.where(is_service & ~is_carer, "Fully social care funded", ""),
            "Event Type": events["kind"].to_numpy(),
            "Event Reference": reference,
            "Event Start Date": uk(events["starts"].to_numpy()),
            "Event End Date": uk(np.where(ended, events["ends"].to_numpy(), NEVER)),
            "Event Description": events["note"].to_numpy(),
            "Event Outcome": np.where(ended, events["outcome"].to_numpy(), ""),
            "Request: Route of Access": route,
            "Assessment Type": events["assessment"].to_numpy(),
            "Eligible Needs Identified": events["needs"].to_numpy(),
            "Method of Assessment": np.where(events["kind"] == "Assessment", "Face to face", ""),
            "No. of adults being cared for": np.where(has_linked, "1", ""),
            "Adult 1 Linked Person ID": cared_for,
            "Service Type": events["component_type"].to_numpy(),
            "Service Component": component,
            "Delivery Mechanism": events["delivery"].to_numpy(),
            "Provider CQC Location Name": provider_name,
            "Provider CQC Location ID": np.where(at_home, provider_id[provider], np.where(in_home, provider_id[home_number], "")),
            "Review Reason": events["review_reason"].to_numpy(),
            "Method of Review": np.where(events["kind"] == "Review", "Face to face", ""),
            "Unit Cost": text_of(events["unit_cost"].to_numpy(dtype=float)),
            "Cost Frequency (Unit Type)": events["cost_per"].to_numpy(),
            "Planned units per week": text_of(events["units"].to_numpy(dtype=float)),
        }
        return {"events": Sheet(len(events), columns)}

    def _support_reason(self, persons: np.ndarray, is_carer: np.ndarray) -> np.ndarray:
        reason = np.where(
            persons % 3 == 0, "Physical Support: Access & mobility only", "Physical Support: Personal care support"
        ).astype(object)
        reason[self.borough.has("F03X", "G309")[persons]] = "Support with Memory & Cognition"
        reason[self.borough.has("F329")[persons] & (persons % 2 == 0)] = "Mental Health Support"
        reason[self.borough.has("F819")[persons]] = "Learning Disability Support"
        reason[is_carer] = "Social Support: Support to Carer"
        return reason
