"""How a provider of community health services writes the Community Services Data Set, one month at a time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import homes, wording
from cares.simulator.chance import stream
from cares.simulator.days import NEVER, age, day, iso
from cares.simulator.lives.community import (
    ATTENDED,
    CANCELLED_BY_PATIENT,
    CANCELLED_BY_PROVIDER,
    FACE,
    LATE,
    PLACES,
    services,
)
from cares.simulator.lives.spans import Spans
from cares.simulator.records import Records
from cares.simulator.residents import Borough
from cares.simulator.sheets import Sheet
from cares.simulator.story import Story

COMMISSIONERS = {"st_helens": "01X", "halton": "01F", "knowsley": "01J"}
ONE_COMMISSIONER = day(date(2022, 7, 1)), "QYG"  # NHS Cheshire and Merseyside took the three over
HOSPITAL, COUNCILS = "RBN", {"st_helens": "E08000013", "halton": "E06000006", "knowsley": "E08000011"}
PROVIDERS = {"bridgewater": "RY2", "sthk": "RBN", "north_west_boroughs": "RTV"}
MERSEY_CARE = day(date(2021, 6, 1)), "RW4"
SITE = "RY2SH"  # invented; it stays when a service goes to another provider

# Who referred a patient: the national list was not found, so these codes are made up.
SOURCE = {"general practice": "01", "self": "02", "social care": "03", "hospital": "04", "community nurse": "05"}
# How they spoke, in the order of FACE, PHONE and VIDEO.
MEDIUM = {
    "1.5": np.array(["01", "02", "03"], dtype=object),
    "1.6": np.array(["01", "02", "11"], dtype=object),
}
ACCOMMODATION = {
    "owned": "MA01",
    "private": "MA06",
    "torus": "MA05",
    "social": "MA05",
    "sheltered": "SH01",
    "care home": "CH03",
    "none": "HM07",
}
DISABILITIES = {"F819": "04", "F03X": "04", "G309": "04", "M179": "05", "J449": "08", "I500": "08"}
COMPLICATIONS = ("E119", "I10X", "J449", "I500", "N183")  # long-term conditions that are said beside the main one
ONWARD_SHARE = 0.04  # of referrals that end; assumed
HAS_A_FACTOR = 0.3  # of children on a protection plan and children looked after; assumed
STAFF_PER_TEAM = 9


def provider(organisation: str, on: int) -> str:
    """The code of the trust that an organisation's folder stands for on a day."""
    return MERSEY_CARE[1] if organisation == "north_west_boroughs" and on >= MERSEY_CARE[0] else PROVIDERS[organisation]


NUMBERS = np.array([str(number) for number in range(1000)], dtype=object)


def numbered(written: str, rows: np.ndarray) -> np.ndarray:
    """Numbers as they are written, like "R{:07d}"."""
    return np.array([written.format(row) for row in rows.tolist()], dtype=object)


def commissioner(council: np.ndarray, on: np.ndarray | int) -> np.ndarray:
    """The body that pays for the care of people of each council on a day, or on a day of its own."""
    before = wording.translate(council, COMMISSIONERS)
    return np.where(np.asarray(on) < ONE_COMMISSIONER[0], before, ONE_COMMISSIONER[1])


def clock(minutes: np.ndarray) -> np.ndarray:
    """Minutes of a day as a time with seconds."""
    return _CLOCK[minutes]


_CLOCK = np.array([f"{minute // 60:02d}:{minute % 60:02d}:00" for minute in range(24 * 60)], dtype=object)


class CommunityServices:
    """Each month, the referrals that were open in it, their patients, and what was done for them.

    One provider's feed of some services of `community.yml`. A referral keeps its number when another provider takes its
    service over.
    """

    def __init__(self, story: Story, slug: str, services_of_feed: list[str], local_id: str) -> None:
        self.slug, self.borough = slug, story.borough
        self.organisation, name = slug.split("/")
        told = story.community
        self.looked_after = story.looked_after.spells
        self.in_care = Spans(*(self.looked_after[name].to_numpy() for name in ("person", "starts", "ends")))
        self.plans = told.protection_plans
        mine = told.referrals["service"].isin(services_of_feed).to_numpy()
        rows = np.flatnonzero(mine)
        self.referrals = told.referrals[mine].assign(number=numbered("R{:07d}", rows)).reset_index(drop=True)
        place = np.full(len(mine), -1)
        place[rows] = np.arange(len(rows))
        contacts = np.flatnonzero(mine[told.contacts["referral"].to_numpy()])
        self.contacts = told.contacts.iloc[contacts].assign(row=contacts)
        self.contacts["referral"] = place[self.contacts["referral"].to_numpy()]
        self.contact_days = self.contacts["day"].to_numpy()
        rng = stream(story.seed, f"community feed {slug}")
        self.chance = rng.random(len(self.referrals))  # of this and that about a referral, the same each month
        self.primary = self._primary_diagnoses(story)
        self.records: Records = story.register(
            self.organisation, name, "community", local_id, self.referrals["person"].to_numpy()
        )

    def _primary_diagnoses(self, story: Story) -> np.ndarray:
        stay = self.referrals["stay"].to_numpy()
        found = np.full(len(stay), "", dtype=object)
        found[stay >= 0] = story.stays["primary"].to_numpy()[stay[stay >= 0]]
        return found

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The submission of a month."""
        month = _Month(self, period)
        return {name: getattr(month, name)() for name in [*tables, "cyp901staffdetails", "cyp103otherreasonreferral"]}


class _Month:
    """One month of a feed; each method is a table."""

    def __init__(self, feed: CommunityServices, period: Period) -> None:
        self.feed, self.borough, self.period = feed, feed.borough, period
        self.start, self.end = day(period.start), day(period.end)
        self.provider = provider(feed.organisation, self.end)
        self.version = "1.5" if period.end < date(2023, 1, 1) else "1.6"
        open_then = (feed.referrals["received"] <= self.end) & (feed.referrals["closed"] >= self.start)
        self.rows = np.flatnonzero(open_then.to_numpy())
        self.open = feed.referrals.iloc[self.rows]
        self.person = self.open["person"].to_numpy()
        closed = self.open["closed"].to_numpy()
        self.record = records_of(feed.records, self.person, self.end, closed)
        self.patient = np.unique(self.record)
        self.patient_is = feed.records.life[self.patient]
        self.local_id = feed.records.local_id
        self.number = self.open["number"].to_numpy()
        self.received = self.open["received"].to_numpy()
        self.closed = np.where(closed <= self.end, closed, NEVER)
        first, last = np.searchsorted(feed.contact_days, [self.start, self.end + 1])
        self.contacts = feed.contacts.iloc[first:last]
        self.contact = numbered("C{:09d}", self.contacts["row"].to_numpy())
        self.attended = self.contacts["attendance"].isin((ATTENDED, LATE)).to_numpy()
        self.of_contact = self.contacts["referral"].to_numpy()  # the referral of each contact
        self.council = self.borough.people["council"].to_numpy()

    def _of(self, name: str) -> np.ndarray:
        """A column of the referrals, for each contact."""
        return self.feed.referrals[name].to_numpy()[self.of_contact]

    def header(self) -> Sheet:
        """One row."""
        columns: dict[str, np.ndarray | str] = {
            "Version": self.version,
            "OrgID_Provider": self.provider,
            "OrgID_Submitter": self.provider,
            "RP_StartDate": str(self.period.start),
            "RP_EndDate": str(self.period.end),
            "FileCreation_DateTime": str(iso(np.array([self.end + 14]))[0]) + " 09:30:00",
            "PrimarySystem": "SystmOne",
        }
        return Sheet(1, columns)

    def mpi(self) -> Sheet:
        """The patients of open referrals."""
        records, patient, person = self.feed.records, self.patient, self.patient_is
        number = records.nhs_number[patient]
        child = age(records.born[patient], self.end) < 18
        in_care, on_plan = self.feed.in_care.cover(person, self.end), self._on_plan(person)
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[patient],
            "OrgID_LocalPatientID": self.provider,
            "NHSNumber": number,
            "NHSNumber_Status": np.where(number == "", "03", np.where(patient % 40 == 0, "02", "01")),
            "DateOfBirth": iso(records.born[patient]),
            "Postcode": records.postcode(patient, self.end),
            "Gender": wording.translate(records.sex[patient], {"M": "1", "F": "2", "U": "X"}),
            "EthnicCategory": wording.ethnicity(records.ethnicity[patient], wording.HOSPITAL),
            "LanguagePreferred": "en",
            "ChildLookedAfter_Indicator": np.where(in_care, "Y", np.where(child, "N", "")),
            "Safeguarding_Indicator": np.where(in_care | on_plan, "Y", np.where(child, "N", "")),
            "DateOfDeath": iso(np.where(records.died[patient] <= self.end, records.died[patient], NEVER)),
        }
        if self.version == "1.5":
            columns["OrgID_Responsible"] = commissioner(self.council[person], self.end)
        return Sheet(len(patient), columns)

    def _on_plan(self, person: np.ndarray) -> np.ndarray:
        plans = self.feed.plans
        return np.isin(person, plans["person"][(plans["starts"] <= self.end) & (plans["ends"] > self.end)])

    def gp_registrations(self) -> Sheet:
        """One registration a patient."""
        records, patient = self.feed.records, self.patient
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[patient],
            "OrgID_GP": homes.practices()["code"].to_numpy()[records.practice[patient]],
            "GPRegistration_StartDate": iso(registered_since(records, patient)),
        }
        if self.version == "1.5":
            columns["OrgID_GPResponsible"] = commissioner(self.council[self.patient_is], self.end)
        return Sheet(len(patient), columns)

    def accommodation(self) -> Sheet:
        """Where adults live, as recorded on the day on which they were referred."""
        new = (self.received >= self.start) & (age(self.borough.people["born"].to_numpy()[self.person], self.received) >= 18)
        record, on = self.record[new], self.received[new]
        tenure = tenures(self.feed.records, record, on)
        found = pd.DataFrame({"who": self.local_id[record], "where": tenure, "on": on}).drop_duplicates(["who", "on"])
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": found["who"].to_numpy(),
            "AccommStatus": wording.translate(found["where"].to_numpy(), ACCOMMODATION),
            "AccommStatus_Date": iso(found["on"].to_numpy()),
        }
        return Sheet(len(found), columns)

    def referrals(self) -> Sheet:
        """The referrals that were open."""
        council = self.council[self.person]
        source = self.open["source"].to_numpy()
        practice = homes.practices()["code"].to_numpy()[self.feed.records.practice[self.record]]
        from_whom = np.select(
            [source == "general practice", source == "hospital", source == "social care"],
            [practice, HOSPITAL, wording.translate(council, COUNCILS)],
            "",
        )
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number,
            "LocalPatientID": self.local_id[self.record],
            "OrgID_Commissioner": commissioner(council, self.end),
            "ReferralRequest_ReceivedDate": iso(self.received),
            "ReferralRequest_ReceivedTime": clock(self.open["received_at"].to_numpy()),
            "SourceOfReferral": wording.translate(source, SOURCE),
            "OrgID_Referring": from_whom,
            "Priority_Type": self.open["priority"].to_numpy(),
            "Discharge_Date": iso(self.closed),
        }
        return Sheet(len(self.rows), columns)

    def service_types(self) -> Sheet:
        """The team of each referral."""
        team_type = {name: service["team_type"] for name, service in services().items()}
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number,
            "TeamID_Local": self.open["team"].to_numpy(),
            "TeamType": wording.translate(self.open["service"].to_numpy(), team_type),
            "Referral_ClosureDate": iso(self.closed),
        }
        return Sheet(len(self.rows), columns)

    def onward_referrals(self) -> Sheet:
        """Some of those whose course ended go to another service: most to their practice, the others to hospital."""
        chance = self.feed.chance[self.rows]
        goes = (
            (self.closed < NEVER) & (chance < ONWARD_SHARE) & (self.borough.people["died"].to_numpy()[self.person] > self.closed)
        )
        practice = homes.practices()["code"].to_numpy()[self.feed.records.practice[self.record[goes]]]
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number[goes],
            "Onward_ReferralDate": iso(self.closed[goes]),
            "Onward_ReferralReason": "02",
            "OrgID_Receiving": np.where(chance[goes] < ONWARD_SHARE * 0.6, practice, HOSPITAL),
        }
        return Sheet(int(goes.sum()), columns)

    def care_contacts(self) -> Sheet:
        """The contacts of the month, those that did not take place among them."""
        contacts, attended = self.contacts, self.attended
        attendance = contacts["attendance"].to_numpy()
        cancelled = (attendance == CANCELLED_BY_PATIENT) | (attendance == CANCELLED_BY_PROVIDER)
        days, medium = contacts["day"].to_numpy(), contacts["medium"].to_numpy()
        person = self._of("person")
        place = np.array(PLACES, dtype=object)[contacts["place"].to_numpy()]
        in_care_home = self.borough.residences.on(person, days) >= self.borough.first_care_home
        place = np.where(in_care_home & (place == "A01"), "G01", place)
        called_off_on = np.maximum(days - 1, self._of("received"))
        subject = age(self.borough.people["born"].to_numpy()[person], days) < 5
        how, came = ("Consultation_MediumUsed", "AttendOrNot") if self.version == "1.5" else ("ConsMechanism", "AttendanceStatus")
        columns: dict[str, np.ndarray | str] = {
            "CareContactID": self.contact,
            "ServiceRequestID": self._of("number"),
            "TeamID_Local": self._of("team"),
            "Contact_Date": iso(days),
            "Contact_Time": clock(contacts["at"].to_numpy()),
            "OrgID_Commissioner": commissioner(self.council[person], self.end),
            "AdminCategory": "01",
            "CareContact_Duration": np.where(attended, NUMBERS[np.minimum(contacts["minutes"].to_numpy(), len(NUMBERS) - 1)], ""),
            "Consultation_Type": np.where(contacts["is_first"].to_numpy(), "01", "02"),
            "CareContact_Subject": np.where(subject, "02", "01"),
            how: MEDIUM[self.version][medium],
            "Activity_LocationType": np.where(medium == FACE, place, ""),
            "Treatment_OrgSiteID": np.where((place == "B01") & (medium == FACE), SITE, ""),
            came: NUMBERS[attendance],
            "Contact_CancellationDate": iso(np.where(cancelled, called_off_on, NEVER)),
        }
        return Sheet(len(contacts), columns)

    def care_activities(self) -> Sheet:
        """What was done in those contacts of which it is written down."""
        procedure = wording.translate(
            self._of("service"), {name: service.get("procedure", "") for name, service in services().items()}
        )
        done = self.attended & ((procedure != "") | (self.contacts["row"].to_numpy() % 4 == 0))
        code = procedure[done]
        columns: dict[str, np.ndarray | str] = {
            "CareActivityID": np.array(["A" + number for number in self.contact[done]], dtype=object),
            "CareContactID": self.contact[done],
            "Activity_Type": np.where(code == "", "01", "03"),
            "CareProfessionalID_Local": self._staff(done),
            "Procedure_Scheme": np.where(code == "", "", "06"),
            "CodedProcedure": code,
        }
        return Sheet(int(done.sum()), columns)

    def _staff(self, contacts: np.ndarray) -> np.ndarray:
        team = self._of("team")[contacts]
        number = NUMBERS[self.contacts["row"].to_numpy()[contacts] % STAFF_PER_TEAM]
        return team + "-" + number

    def vulnerability_factors(self) -> Sheet:
        """Of some children on a plan or looked after, what makes them vulnerable; the codes were not found and are made up."""
        person = self.patient_is
        known = (self.feed.in_care.cover(person, self.end) | self._on_plan(person)) & (person % 100 < HAS_A_FACTOR * 100)
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[self.patient[known]],
            "SafeguardingFactors_Type": np.where(person[known] % 2 == 0, "01", "02"),
        }
        return Sheet(int(known.sum()), columns)

    def child_protection_plans(self) -> Sheet:
        """The plans of patients that were in force at any time up to two years ago."""
        plans = self.feed.plans
        plans = plans[(plans["starts"] <= self.end) & (plans["ends"] > self.start - 730)]
        known = pd.DataFrame({"record": self.patient, "person": self.patient_is})[~is_adopted(self.feed.records, self.patient)]
        plans = known.merge(plans, on="person")
        record, ends = plans["record"].to_numpy(dtype=int), plans["ends"].to_numpy()
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[record],
            "CPP_Reason": plans["reason"].to_numpy(),
            "CPP_StartDate": iso(plans["starts"].to_numpy()),
            "CPP_EndDate": iso(np.where(ends <= self.end, ends, NEVER)),
        }
        return Sheet(len(plans), columns)

    def disabilities(self) -> Sheet:
        """The disabilities of patients that come with a long-term condition."""
        who, kind = disabilities(self.borough, self.patient_is)
        return Sheet(
            len(who), {"LocalPatientID": self.local_id[self.patient[who]], "Disability": kind, "DisabilityImpactPerception": "02"}
        )

    def primary_diagnoses(self) -> Sheet:
        """Why those who came from hospital had been there, recorded when they were referred."""
        new = (self.received >= self.start) & (self.feed.primary[self.rows] != "")
        return self._diagnoses(new, self.feed.primary[self.rows][new], "PrimaryDiagnosis")

    def provisional_diagnoses(self) -> Sheet:
        """What general practice suspects in some of those whom it refers: most often a symptom."""
        new = (self.received >= self.start) & (self.open["source"] == "general practice").to_numpy()
        new &= self.feed.chance[self.rows] > 0.7
        symptoms = np.array(["R268", "R522", "L989", "R13X"], dtype=object)
        return self._diagnoses(new, symptoms[self.person[new] % len(symptoms)], "ProvisionalDiagnosis")

    def secondary_diagnoses(self) -> Sheet:
        """One long-term condition beside the main diagnosis."""
        conditions = self.borough.conditions[list(COMPLICATIONS)].to_numpy()[self.person]
        code = np.array(COMPLICATIONS, dtype=object)[conditions.argmax(axis=1)]
        new = (self.received >= self.start) & (self.feed.primary[self.rows] != "") & conditions.any(axis=1)
        new &= code != self.feed.primary[self.rows]
        return self._diagnoses(new, code[new], "SecondaryDiagnosis")

    def _diagnoses(self, chosen: np.ndarray, codes: np.ndarray, column: str) -> Sheet:
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number[chosen],
            "Diagnosis_Scheme": "02",
            column: codes,
            f"{column}_Date": iso(self.received[chosen]),
        }
        return Sheet(int(chosen.sum()), columns)

    def cyp901staffdetails(self) -> Sheet:
        """The members of staff; no purpose needs them."""
        teams = list(dict.fromkeys(self.feed.referrals["team"].tolist()))
        numbers = np.array([f"{team}-{number}" for team in sorted(teams) for number in range(STAFF_PER_TEAM)], dtype=object)
        return Sheet(len(numbers), {"CareProfessionalID_Local": numbers, "StaffGroup": "A01"})

    def cyp103otherreasonreferral(self) -> Sheet:
        """Further reasons of some new referrals; no purpose needs them."""
        new = (self.received >= self.start) & (self.feed.chance[self.rows] < 0.1)
        return Sheet(int(new.sum()), {"ServiceRequestID": self.number[new], "ReferralReason_Other": "02"})


def records_of(records: Records, person: np.ndarray, end: int, closed: np.ndarray) -> np.ndarray:
    """The record of the patient of each referral, as at the end of a month; they count as used.

    Of a child that was adopted meanwhile, what ended with the adoption stays with the record of before.
    """
    record = records.of(person, end)
    before = records.of(person, np.minimum(end, closed - 1))
    record = np.where(is_adopted(records, record), before, record)
    records.is_used[record] = True
    return record


def is_adopted(records: Records, patient: np.ndarray) -> np.ndarray:
    """Whether records are of children as they are called since their adoption: nothing of before is on them."""
    return records.person[patient] != records.life[patient]


def registered_since(records: Records, patient: np.ndarray) -> np.ndarray:
    """The day from which people are registered with their practice: babies soon after birth, others at some time before."""
    borough, person = records.borough, records.life[patient]
    since = np.maximum(borough.people["born"].to_numpy()[person] + 12, borough.begins - 200 - person * 7919 % 9000)
    assert borough.adopted is not None, "registers are kept when the story is told"
    adopted_on = np.zeros(len(borough.people), dtype=int)
    adopted_on[borough.adopted["person"]] = borough.adopted["on"]
    return np.where(is_adopted(records, patient), adopted_on[person], since)


def tenures(records: Records, record: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Where people live by their records on a day: the tenure of the home, or that it is a sheltered one."""
    home = records.borough.homes.iloc[records.homes.on(record, on)]
    return np.where(home["is_sheltered"], "sheltered", home["tenure"])


def disabilities(borough: Borough, persons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The disabilities of people: the place of each in `persons`, and its national code; each once."""
    kinds = sorted(set(DISABILITIES.values()))
    has = {
        kind: borough.conditions[[name for name, code in DISABILITIES.items() if code == kind]].to_numpy()[persons].any(axis=1)
        for kind in kinds
    }
    place, kind = np.nonzero(np.column_stack([has[kind] for kind in kinds]))
    return place, np.array(kinds, dtype=object)[kind]
