"""What the council sends: adult social care, the return on looked-after children, and the children's person file."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import homes, identifiers, wording
from cares.simulator.days import NEVER, age, date_of, day, uk
from cares.simulator.lives.looked_after import LookedAfter, birthday
from cares.simulator.records import Records
from cares.simulator.residents import Borough
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

PROVIDERS = ("Northway Home Care", "Sutton Support at Home", "Bright Days Care, St Helens", "Carr Mill Care")


def feeds(story: Story) -> list[Sender]:
    """What the council sends."""
    lives, events = story.looked_after, story.social_care
    children = np.concatenate([lives.spells["person"].to_numpy(), lives.leavers["person"].to_numpy()])
    adults = np.concatenate([events["person"].to_numpy(), events["linked_person"].dropna().to_numpy(dtype=int)])
    known_adults = story.register("council", "cld", "adult_social_care", "0{:07d}", adults)
    known_children = story.register("council", "person_file", "childrens_social_care", "4{:05d}", children)
    return [
        AdultSocialCare(story.borough, events, known_adults, story.told.la_code),
        LookedAfterChildren(story.borough, lives, known_children),
        ChildrensPersonFile(story.borough, lives, known_children),
    ]


def practice_names() -> np.ndarray:
    """The names of the GP practices, by number."""
    return np.array([name.replace("_", " ") for name in homes.places()["gp_practices"].split()], dtype=object)


def practice_codes() -> np.ndarray:
    """The codes of the GP practices, by number: of the right shape, invented."""
    return np.array([f"Y99{number:03d}" for number in range(1, len(practice_names()) + 1)], dtype=object)


def text_of(values: np.ndarray, style: str = "{:.2f}") -> np.ndarray:
    """Numbers as text; not a number is blank."""
    return np.array(["" if value != value else style.format(value) for value in values], dtype=object)


class AdultSocialCare:
    """Each quarter, every event of the twelve months that end with it, as adult social care knew it on the last day."""

    slug = "council/adult_social_care"

    def __init__(self, borough: Borough, events: pd.DataFrame, records: Records, la_code: str) -> None:
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
            "GP Practice Name": practice_names()[records.practice[record]],
            "GP Practice Code": practice_codes()[records.practice[record]],
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
            "Dementia": np.where(self._has(persons, "F03X", "G309"), "Yes", "No"),
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

    def _has(self, persons: np.ndarray, *codes: str) -> np.ndarray:
        return self.borough.conditions[list(codes)].to_numpy()[persons].any(axis=1)

    def _support_reason(self, persons: np.ndarray, is_carer: np.ndarray) -> np.ndarray:
        reason = np.where(
            persons % 3 == 0, "Physical Support: Access & mobility only", "Physical Support: Personal care support"
        ).astype(object)
        reason[self._has(persons, "F03X", "G309")] = "Support with Memory & Cognition"
        reason[self._has(persons, "F329") & (persons % 2 == 0)] = "Mental Health Support"
        reason[self._has(persons, "F819")] = "Learning Disability Support"
        reason[is_carer] = "Social Support: Support to Carer"
        return reason


class LookedAfterChildren:
    """Each year's return: the children looked after at any time in it, as known on 31 March."""

    slug = "council/looked_after_children"

    def __init__(self, borough: Borough, lives: LookedAfter, records: Records) -> None:
        self.borough, self.lives, self.records = borough, lives, records

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The tables that the return of the year has."""
        self.start, self.end = day(period.start), day(period.end)
        spells = self.lives.spells
        self.spells = spells[(spells["starts"] <= self.end) & (spells["ends"] >= self.start)]
        leavers = self.lives.leavers
        years = age(self.borough.people["born"].to_numpy()[leavers["person"]], self.end)
        alive = self.borough.people["died"].to_numpy()[leavers["person"]] > self.start
        self.leavers = leavers[(leavers["left_on"] <= self.end) & (years >= 18) & (years <= 21) & alive]
        return {name: getattr(self, f"_{name}")() for name in tables}

    def _child(self, table: pd.DataFrame, with_birth: bool = True) -> dict[str, np.ndarray | str]:
        record = self.records.of(table["person"].to_numpy(dtype=int), self.end)
        child: dict[str, np.ndarray | str] = {"CHILD": self.records.local_id[record]}
        if with_birth:
            child["DOB"] = uk(self._born(table))
        return child

    def _born(self, table: pd.DataFrame) -> np.ndarray:
        return self.borough.people["born"].to_numpy()[table["person"].to_numpy(dtype=int)]

    def _sex(self, table: pd.DataFrame) -> np.ndarray:
        return np.where(self.borough.people["sex"].to_numpy()[table["person"].to_numpy(dtype=int)] == "M", "1", "2")

    def _known(self, days: pd.Series) -> np.ndarray:
        return uk(np.where(days <= self.end, days, NEVER))

    def _header(self) -> Sheet:
        children = pd.concat([self.spells[["person"]], self.leavers[["person"]]]).drop_duplicates()
        persons, born, sex = children["person"].to_numpy(), self._born(children), self._sex(children)
        years = age(born, self.end)
        numbers = [
            identifiers.pupil_number(int(person), date_of(birth).year) if old >= 5 else "UN1"
            for person, birth, old in zip(persons, born, years, strict=True)
        ]
        old_enough = (sex == "2") & (years >= 14)
        is_mother = old_enough & (persons % 29 == 0)
        return Sheet(
            len(children),
            self._child(children)
            | {
                "SEX": sex,
                "ETHNIC": wording.ethnicity(self.borough.people["ethnicity"].to_numpy()[persons], wording.CHILDRENS_RETURN),
                "UPN": np.array(numbers, dtype=object),
                "MOTHER": np.where(old_enough, np.where(is_mother, "1", "0"), ""),
                "MC_DOB": uk(np.where(is_mother, self.start - 100, NEVER)),
            },
        )

    def _episodes(self) -> Sheet:
        episodes = self.lives.episodes
        chosen = episodes[
            (episodes["decom"] <= self.end) & (episodes["dec"] >= self.start) & episodes["person"].isin(self.spells["person"])
        ]
        ended = (chosen["dec"] <= self.end).to_numpy()
        postcode = self.borough.homes["postcode"].to_numpy()
        return Sheet(
            len(chosen),
            self._child(chosen, with_birth=False)
            | {
                "DECOM": uk(chosen["decom"].to_numpy()),
                "RNE": chosen["rne"].to_numpy(),
                "LS": chosen["ls"].to_numpy(),
                "CIN": chosen["cin"].to_numpy(),
                "PLACE": chosen["place"].to_numpy(),
                "PLACE_PROVIDER": chosen["provider"].to_numpy(),
                "DEC": self._known(chosen["dec"]),
                "REC": np.where(ended, chosen["rec"], ""),
                "REASON_PLACE_CHANGE": np.where(ended, chosen["reason"], ""),
                "HOME_POST": postcode[chosen["home"].to_numpy(dtype=int)],
                "PL_POST": postcode[chosen["placed_home"].to_numpy(dtype=int)],
                "URN": chosen["urn"].to_numpy(),
            },
        )

    def _reviews(self) -> Sheet:
        chosen = self.lives.reviews[self.lives.reviews["on"].between(self.start, self.end)]
        return Sheet(
            len(chosen), self._child(chosen) | {"REVIEW": uk(chosen["on"].to_numpy()), "REVIEW_CODE": chosen["code"].to_numpy()}
        )

    def _missing(self) -> Sheet:
        chosen = self.lives.missing[self.lives.missing["starts"].between(self.start, self.end)]
        times = {
            "MISSING": chosen["kind"].to_numpy(),
            "MIS_START": uk(chosen["starts"].to_numpy()),
            "MIS_END": self._known(chosen["ends"]),
        }
        return Sheet(len(chosen), self._child(chosen) | times)

    def _oc2(self) -> Sheet:
        ends_on = date_of(self.end)
        year_ago = day(ends_on.replace(year=ends_on.year - 1))
        chosen = self.spells[(self.spells["starts"] <= year_ago) & (self.spells["ends"] > self.end)]
        persons, years = chosen["person"].to_numpy(), age(self._born(chosen), self.end)

        def share(part: int, of: int = 100, salt: int = 0) -> np.ndarray:
            return (persons * 7919 + self.end * 31 + salt * 101) % of < part

        def flag(yes: np.ndarray, when: np.ndarray | bool = True) -> np.ndarray:
            return np.where(when, np.where(yes, "1", "0"), "")

        asked = (years >= 4) & (years <= 16)
        answered = asked & share(82)
        misuse = share(4, salt=1) & (years >= 11)
        received = misuse & share(55, salt=2)
        score = ((persons * 31 + self.end) % 29).astype(str).astype(object)
        return Sheet(
            len(chosen),
            self._child(chosen)
            | {
                "SDQ_SCORE": np.where(answered, score, ""),
                "SDQ_REASON": np.where(asked & ~answered, np.array(["SDQ2", "SDQ3", "SDQ4"], dtype=object)[persons % 3], ""),
                "CONVICTED": flag(share(2, salt=3), years >= 10),
                "HEALTH_CHECK": flag(share(88, salt=4), years < 5),
                "IMMUNISATIONS": flag(share(87, salt=5)),
                "TEETH_CHECK": flag(share(84, salt=6)),
                "HEALTH_ASSESSMENT": flag(share(89, salt=7)),
                "SUBSTANCE_MISUSE": flag(misuse),
                "INTERVENTION_RECEIVED": flag(received, misuse),
                "INTERVENTION_OFFERED": flag(share(60, salt=8), misuse & ~received),
            },
        )

    def _oc3(self) -> Sheet:
        persons = self.leavers["person"].to_numpy()
        in_touch = persons % 10 != 0
        return Sheet(
            len(persons),
            self._child(self.leavers)
            | {
                "IN_TOUCH": np.where(in_touch, "YES", "NO"),
                "ACTIV": np.where(in_touch, np.array(["F1", "F2", "F5", "P5", "G5", "G4", "F4"], dtype=object)[persons % 7], "0"),
                "ACCOM": np.where(in_touch, np.array(["U1", "B1", "Z1", "V1", "R1", "Y1", "U2"], dtype=object)[persons % 7], "0"),
            },
        )

    def _uasc(self) -> Sheet:
        chosen = self.spells[self.spells["seeks_asylum"]]
        turns_18 = np.array([birthday(int(born), 18) for born in self._born(chosen)], dtype=int)
        return Sheet(len(chosen), self._child(chosen) | {"SEX": self._sex(chosen), "DUC": uk(turns_18)})

    def _ad1(self) -> Sheet:
        chosen = self.spells[self.spells["adopted_on"].between(self.start, self.end)]
        couple = chosen["person"].to_numpy() % 4 != 0
        return Sheet(
            len(chosen),
            self._child(chosen)
            | {
                "DATE_INT": uk(chosen["decided_on"].to_numpy()),
                "DATE_MATCH": uk(chosen["matched_on"].to_numpy()),
                "FOSTER_CARE": "0",
                "NB_ADOPTR": np.where(couple, "2", "1"),
                "SEX_ADOPTR": np.where(couple, "MF", "F1"),
                "LS_ADOPTR": np.where(couple, "L11", "L0"),
            },
        )

    def _placed_for_adoption(self) -> Sheet:
        chosen = self.spells[(self.spells["decided_on"] <= self.end) & (self.spells["decided_on"] < NEVER)]
        return Sheet(len(chosen), self._child(chosen) | {"DATE_PLACED": uk(chosen["decided_on"].to_numpy())})

    def _previous_permanence(self) -> Sheet:
        chosen = self.spells[self.spells["starts"] >= self.start]
        return Sheet(len(chosen), self._child(chosen) | {"PREV_PERM": chosen["prev_perm"].to_numpy()})


class ChildrensPersonFile:
    """Each month, everybody whom the children's return may name, with the details on file at the month's end."""

    slug = "council/childrens_person_file"

    def __init__(self, borough: Borough, lives: LookedAfter, records: Records) -> None:
        self.records = records
        known = pd.concat([lives.spells[["person", "starts"]], lives.leavers[["person"]].assign(starts=0)])
        self.known = known.groupby("person", as_index=False)["starts"].min()

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The file of a month."""
        end = day(period.end)
        records = self.records
        record = records.of(self.known["person"][self.known["starts"] <= end].to_numpy(), end)
        records.is_used[record] = True
        nhs_number = records.nhs_number[record]
        return {
            "people": Sheet(
                len(record),
                {
                    "Local Person ID": records.local_id[record],
                    "NHS Number": nhs_number,
                    "NHS Number Status": np.where(nhs_number == "", "03", np.where(record % 5 == 0, "02", "01")),
                    "Forename": records.forename[record],
                    "Middle Name": records.middle_name[record],
                    "Surname": records.surname(record, end),
                    "Date of Birth": uk(records.born[record]),
                    "Sex": records.sex[record],
                    "Address": records.address(record, end),
                    "Postcode": records.postcode(record, end),
                    "UPRN": np.where(record % 6 == 0, "", records.uprn(record, end)),
                    "Phone": records.phone[record],
                },
            )
        }
