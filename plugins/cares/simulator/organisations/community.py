"""How a provider of community health services writes the Community Services Data Set, one month at a time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import bodies, homes, identifiers, wording
from cares.simulator.chance import stream
from cares.simulator.days import NEVER, age, iso
from cares.simulator.lives.community import PLACES, services
from cares.simulator.lives.looked_after import in_care
from cares.simulator.lives.spans import FACE
from cares.simulator.organisations.open_referrals import NUMBERS, SEX, OpenReferrals
from cares.simulator.records import Records
from cares.simulator.sheets import Sheet
from cares.simulator.story import Story

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
COMPLICATIONS = ("E119", "I10X", "J449", "I500", "N183")  # long-term conditions that are said beside the main one
ONWARD_SHARE = 0.04  # of referrals that end; assumed
HAS_A_FACTOR = 0.3  # of children on a protection plan and children looked after; assumed
STAFF_PER_TEAM = 9


class CommunityServices:
    """Each month, the referrals that were open in it, their patients, and what was done for them.

    One provider's feed of some services of `community.yml`. A referral keeps its number when another provider takes its
    service over.
    """

    def __init__(self, story: Story, slug: str, services_of_feed: list[str], local_id: str) -> None:
        self.slug, self.borough = slug, story.borough
        self.organisation, name = slug.split("/")
        told = story.community
        self.in_care = in_care(story.looked_after)
        self.plans = told.protection_plans
        mine = told.referrals["service"].isin(services_of_feed).to_numpy()
        rows = np.flatnonzero(mine)
        self.referrals = told.referrals[mine].assign(number=identifiers.numbered("R{:07d}", rows)).reset_index(drop=True)
        place = np.full(len(mine), -1)
        place[rows] = np.arange(len(rows))
        contacts = np.flatnonzero(mine[told.contacts["referral"].to_numpy()])
        self.contacts = told.contacts.iloc[contacts].assign(row=contacts)
        self.contacts["referral"] = place[self.contacts["referral"].to_numpy()]
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


class _Month(OpenReferrals):
    """One month of a feed; each method is a table."""

    def __init__(self, feed: CommunityServices, period: Period) -> None:
        super().__init__(period, feed.records, feed.referrals, feed.contacts, feed.plans, feed.chance)
        self.feed = feed
        self.provider = bodies.trust(feed.organisation, self.end)
        self.version = "1.5" if period.end < date(2023, 1, 1) else "1.6"
        self.number = self.open["number"].to_numpy()
        self.contact = identifiers.numbered("C{:09d}", self.contacts["row"].to_numpy())

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
        records, patient, person = self.records, self.patient, self.patient_is
        number = records.nhs_number[patient]
        child = age(records.born[patient], self.end) < 18
        in_care, on_plan = self.feed.in_care.cover(person, self.end), self.on_plan(person)
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[patient],
            "OrgID_LocalPatientID": self.provider,
            "NHSNumber": number,
            "NHSNumber_Status": np.where(number == "", "03", np.where(patient % 40 == 0, "02", "01")),
            "DateOfBirth": iso(records.born[patient]),
            "Postcode": records.postcode(patient, self.end),
            "Gender": wording.translate(records.sex[patient], SEX),
            "EthnicCategory": wording.ethnicity(records.ethnicity[patient], wording.HOSPITAL),
            "LanguagePreferred": "en",
            "ChildLookedAfter_Indicator": np.where(in_care, "Y", np.where(child, "N", "")),
            "Safeguarding_Indicator": np.where(in_care | on_plan, "Y", np.where(child, "N", "")),
            "DateOfDeath": iso(np.where(records.died[patient] <= self.end, records.died[patient], NEVER)),
        }
        if self.version == "1.5":
            columns["OrgID_Responsible"] = bodies.commissioner(self.council[person], self.end)
        return Sheet(len(patient), columns)

    def gp_registrations(self) -> Sheet:
        """One registration a patient."""
        records, patient = self.records, self.patient
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[patient],
            "OrgID_GP": homes.practice_codes()[records.practice[patient]],
            "GPRegistration_StartDate": iso(self.registered_since()),
        }
        if self.version == "1.5":
            columns["OrgID_GPResponsible"] = bodies.commissioner(self.council[self.patient_is], self.end)
        return Sheet(len(patient), columns)

    def accommodation(self) -> Sheet:
        """Where adults live, as recorded on the day on which they were referred."""
        found = self.homes_of_adults()
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
        from_whom = np.select(
            [source == "general practice", source == "hospital", source == "social care"],
            [self.practice, bodies.HOSPITAL, wording.translate(council, bodies.COUNCILS)],
            "",
        )
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number,
            "LocalPatientID": self.local_id[self.record],
            "OrgID_Commissioner": bodies.commissioner(council, self.end),
            "ReferralRequest_ReceivedDate": iso(self.received),
            "ReferralRequest_ReceivedTime": wording.clock(self.open["received_at"].to_numpy(), ":00"),
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
        goes = self.goes_on_elsewhere(ONWARD_SHARE)
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number[goes],
            "Onward_ReferralDate": iso(self.closed[goes]),
            "Onward_ReferralReason": "02",
            "OrgID_Receiving": np.where(self.chance < ONWARD_SHARE * 0.6, self.practice, bodies.HOSPITAL)[goes],
        }
        return Sheet(int(goes.sum()), columns)

    def care_contacts(self) -> Sheet:
        """The contacts of the month, those that did not take place among them."""
        contacts = self.contacts
        days, medium = contacts["day"].to_numpy(), contacts["medium"].to_numpy()
        person = self.of_contact("person")
        place = np.array(PLACES, dtype=object)[contacts["place"].to_numpy()]
        in_care_home = self.borough.residences.on(person, days) >= self.borough.first_care_home
        place = np.where(in_care_home & (place == "A01"), "G01", place)
        called_off_on = np.maximum(days - 1, self.of_contact("received"))
        subject = age(self.born[person], days) < 5
        how, came = ("Consultation_MediumUsed", "AttendOrNot") if self.version == "1.5" else ("ConsMechanism", "AttendanceStatus")
        columns: dict[str, np.ndarray | str] = {
            "CareContactID": self.contact,
            "ServiceRequestID": self.of_contact("number"),
            "TeamID_Local": self.of_contact("team"),
            "Contact_Date": iso(days),
            "Contact_Time": wording.clock(contacts["at"].to_numpy(), ":00"),
            "OrgID_Commissioner": bodies.commissioner(self.council[person], self.end),
            "AdminCategory": "01",
            "CareContact_Duration": self.minutes,
            "Consultation_Type": np.where(contacts["is_first"].to_numpy(), "01", "02"),
            "CareContact_Subject": np.where(subject, "02", "01"),
            how: MEDIUM[self.version][medium],
            "Activity_LocationType": np.where(medium == FACE, place, ""),
            "Treatment_OrgSiteID": np.where((place == "B01") & (medium == FACE), SITE, ""),
            came: NUMBERS[contacts["attendance"].to_numpy()],
            "Contact_CancellationDate": iso(np.where(self.cancelled, called_off_on, NEVER)),
        }
        return Sheet(len(contacts), columns)

    def care_activities(self) -> Sheet:
        """What was done in those contacts of which it is written down."""
        procedure = wording.translate(
            self.of_contact("service"), {name: service.get("procedure", "") for name, service in services().items()}
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
        team = self.of_contact("team")[contacts]
        number = NUMBERS[self.contacts["row"].to_numpy()[contacts] % STAFF_PER_TEAM]
        return team + "-" + number

    def vulnerability_factors(self) -> Sheet:
        """Of some children on a plan or looked after, what makes them vulnerable; the codes were not found and are made up."""
        person = self.patient_is
        known = (self.feed.in_care.cover(person, self.end) | self.on_plan(person)) & (person % 100 < HAS_A_FACTOR * 100)
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[self.patient[known]],
            "SafeguardingFactors_Type": np.where(person[known] % 2 == 0, "01", "02"),
        }
        return Sheet(int(known.sum()), columns)

    def child_protection_plans(self) -> Sheet:
        """The plans of patients that were in force at any time up to two years ago."""
        plans = self.plans[(self.plans["starts"] <= self.end) & (self.plans["ends"] > self.start - 730)]
        known = pd.DataFrame({"record": self.patient, "person": self.patient_is})[~self.is_adopted]
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
        who, kind = self.disabilities_of_patients()
        return Sheet(len(who), {"LocalPatientID": who, "Disability": kind, "DisabilityImpactPerception": "02"})

    def primary_diagnoses(self) -> Sheet:
        """Why those who came from hospital had been there, recorded when they were referred."""
        new = self.is_new & (self.feed.primary[self.rows] != "")
        return self._diagnoses(new, self.feed.primary[self.rows][new], "PrimaryDiagnosis")

    def provisional_diagnoses(self) -> Sheet:
        """What general practice suspects in some of those whom it refers: most often a symptom."""
        new = self.is_new & (self.open["source"] == "general practice").to_numpy()
        new &= self.chance > 0.7
        symptoms = np.array(["R268", "R522", "L989", "R13X"], dtype=object)
        return self._diagnoses(new, symptoms[self.person[new] % len(symptoms)], "ProvisionalDiagnosis")

    def secondary_diagnoses(self) -> Sheet:
        """One long-term condition beside the main diagnosis."""
        conditions = self.borough.conditions[list(COMPLICATIONS)].to_numpy()[self.person]
        code = np.array(COMPLICATIONS, dtype=object)[conditions.argmax(axis=1)]
        new = self.is_new & (self.feed.primary[self.rows] != "") & conditions.any(axis=1)
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
        new = self.is_new & (self.chance < 0.1)
        return Sheet(int(new.sum()), {"ServiceRequestID": self.number[new], "ReferralReason_Other": "02"})
