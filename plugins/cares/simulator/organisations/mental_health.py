"""How the mental health trust writes the Mental Health Services Data Set, version 5, one month at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import homes, wording
from cares.simulator.chance import stream
from cares.simulator.days import NEVER, age, day, iso
from cares.simulator.identifiers import is_valid_nhs_number
from cares.simulator.lives.mental_health import (
    ATTENDED,
    CANCELLED_BY_PATIENT,
    CANCELLED_BY_PROVIDER,
    FACE,
    LATE,
    PLACES,
    services,
)
from cares.simulator.lives.spans import Spans
from cares.simulator.organisations.community import (
    COUNCILS,
    HOSPITAL,
    NUMBERS,
    clock,
    commissioner,
    disabilities,
    numbered,
    provider,
    records_of,
    registered_since,
    tenures,
)
from cares.simulator.sheets import Sheet
from cares.simulator.story import Story

VERSION = "5.0"
SITE = "RTV01"
MECHANISM = np.array(["01", "02", "11"], dtype=object)  # in the order of FACE, PHONE and VIDEO
ACCOMMODATION = {
    "owned": "01",
    "private": "03",
    "torus": "02",
    "social": "02",
    "sheltered": "11",
    "care home": "09",
    "none": "14",
}
BEDS = {"ASH": "10", "OAK": "10", "ROWAN": "11", "HOLLY": "12", "FERN": "23"}
METHOD_OF_ADMISSION, PLANNED_DISCHARGE, DIED = "2A", "1", "4"  # codes recalled
TURNED_DOWN_REASON = "02"  # recalled
ONWARD_SHARE = 0.06  # of referrals that end; assumed
YOUNG_CARER_SHARE = 0.2  # of children with a parent who is depressed or frail; assumed
STAFF_PER_TEAM = 14
CONDITIONS = ("F102", "I10X", "E119", "J449")


class MentalHealthServices:
    """Each month, the referrals that were open in it, their patients, and what was done for them."""

    slug = "north_west_boroughs/mental_health_services"

    def __init__(self, story: Story) -> None:
        self.borough, told = story.borough, story.mental_health
        self.referrals, self.contacts, self.spells = told.referrals, told.contacts, told.spells
        self.ward_stays, self.detentions = told.ward_stays, told.detentions
        self.contact_days = self.contacts["day"].to_numpy()
        self.received, self.closed = (self.referrals[name].to_numpy() for name in ("received", "closed"))
        spells, episodes = story.looked_after.spells, story.looked_after.episodes
        self.in_care = Spans(*(spells[name].to_numpy() for name in ("person", "starts", "ends")))
        self.episodes = Spans(*(episodes[name].to_numpy() for name in ("person", "decom", "dec")))
        self.legal = episodes["ls"].to_numpy()
        self.plans = story.community.protection_plans
        self.chance = stream(story.seed, "mental health feed").random(len(self.referrals))
        self.records = story.register(
            "north_west_boroughs", "mhsds", "mental_health", "M{:07d}", self.referrals["person"].to_numpy()
        )
        people = self.borough.people
        adult = (age(people["born"].to_numpy(), self.borough.begins) >= 20) & (people["died"] > self.borough.ends).to_numpy()
        child = age(people["born"].to_numpy(), self.borough.begins) < 16
        household = people["household"].to_numpy()
        ill = adult & (self.borough.conditions["F329"].to_numpy() | (people["frailty"] > 2.5).to_numpy())
        self.has_child = adult & np.isin(household, household[child])
        parent = people["parent"].to_numpy()
        self.young_carer = (parent >= 0) & ill[np.maximum(parent, 0)] & (people.index.to_numpy() % 100 < YOUNG_CARER_SHARE * 100)

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The submission of a month."""
        month = _Month(self, period)
        return {name: getattr(month, name)() for name in [*tables, "mhs901staffdetails", "mhs202careactivity"]}


class _Month:
    """One month; each method is a table."""

    def __init__(self, feed: MentalHealthServices, period: Period) -> None:
        self.feed, self.borough, self.period = feed, feed.borough, period
        self.start, self.end = day(period.start), day(period.end)
        self.trust = provider("north_west_boroughs", self.end)
        self.rows = np.flatnonzero((feed.received <= self.end) & (feed.closed >= self.start))
        self.open = feed.referrals.iloc[self.rows]
        self.person = self.open["person"].to_numpy()
        self.record = records_of(feed.records, self.person, self.end, feed.closed[self.rows])
        self.patient = np.unique(self.record)
        self.patient_is = feed.records.life[self.patient]
        self.local_id = feed.records.local_id
        self.number = numbered("R{:07d}", self.rows)
        self.received = feed.received[self.rows]
        self.closed = np.where(feed.closed[self.rows] <= self.end, feed.closed[self.rows], NEVER)
        first, last = np.searchsorted(feed.contact_days, [self.start, self.end + 1])
        self.contacts, self.contact_row = feed.contacts.iloc[first:last], np.arange(first, last)
        self.contact = numbered("C{:08d}", self.contact_row)
        self.attended = self.contacts["attendance"].isin((ATTENDED, LATE)).to_numpy()
        self.of_contact = self.contacts["referral"].to_numpy()
        here = (feed.spells["admitted"] <= self.end) & (feed.spells["discharged"] >= self.start)
        self.spell_rows = np.flatnonzero(here.to_numpy())
        self.spells = feed.spells.iloc[self.spell_rows]
        self.council, self.born = (self.borough.people[name].to_numpy() for name in ("council", "born"))

    def header(self) -> Sheet:
        """One row."""
        columns: dict[str, np.ndarray | str] = {
            "DatSetVer": VERSION,
            "OrgIDProvider": self.trust,
            "OrgIDSubmit": self.trust,
            "PrimSystemInUse": "RiO",
            "ReportingPeriodStartDate": str(self.period.start),
            "ReportingPeriodEndDate": str(self.period.end),
            "DateTimeDatSetCreate": str(iso(np.array([self.end + 12]))[0]) + "T09:30:00",
        }
        return Sheet(1, columns)

    def mpi(self) -> Sheet:
        """The patients of open referrals.

        A submission with a wrong number, or with one twice, is refused whole, so the trust leaves such numbers out.
        """
        records, patient = self.feed.records, self.patient
        number = records.nhs_number[patient]
        refused = pd.Series(number).duplicated().to_numpy() | ~np.array(
            [is_valid_nhs_number(text) for text in number], dtype=bool
        )
        number = np.where(refused, "", number)
        sex = records.sex[patient]
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[patient],
            "OrgIDLocalPatientID": self.trust,
            "NHSNumber": number,
            "NHSNumberStatus": np.where(number == "", "03", np.where(patient % 40 == 0, "02", "01")),
            "PersonBirthDate": iso(records.born[patient]),
            "Postcode": records.postcode(patient, self.end),
            "GenderIDCode": wording.translate(sex, {"M": "1", "F": "2", "U": "X"}),
            "Gender": wording.translate(sex, {"M": "1", "F": "2", "U": "X"}),
            "EthnicCategory": wording.ethnicity(records.ethnicity[patient], wording.HOSPITAL),
            "LanguageCodePreferred": "en",
            "PersDeathDate": iso(np.where(records.died[patient] <= self.end, records.died[patient], NEVER)),
        }
        return Sheet(len(patient), columns)

    def gp_registrations(self) -> Sheet:
        """One registration a patient."""
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[self.patient],
            "GMPCodeReg": homes.practices()["code"].to_numpy()[self.feed.records.practice[self.patient]],
            "StartDateGMPRegistration": iso(registered_since(self.feed.records, self.patient)),
        }
        return Sheet(len(self.patient), columns)

    def accommodation(self) -> Sheet:
        """Where adults live, as recorded on the day on which they were referred."""
        new = (self.received >= self.start) & (age(self.born[self.person], self.received) >= 18)
        record, on = self.record[new], self.received[new]
        where = tenures(self.feed.records, record, on)
        found = pd.DataFrame({"who": self.local_id[record], "where": where, "on": on}).drop_duplicates(["who", "on"])
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": found["who"].to_numpy(),
            "AccommodationType": wording.translate(found["where"].to_numpy(), ACCOMMODATION),
            "SettledAccommodationInd": "Y",
            "AccommodationTypeDate": iso(found["on"].to_numpy()),
        }
        return Sheet(len(found), columns)

    def disabilities(self) -> Sheet:
        """The disabilities of patients that come with a long-term condition."""
        who, kind = disabilities(self.borough, self.patient_is)
        return Sheet(len(who), {"LocalPatientID": self.local_id[self.patient[who]], "DisabCode": kind})

    def patient_indicators(self) -> Sheet:
        """What is known of children, and of adults with children at home."""
        person = self.patient_is
        child = age(self.born[person], self.end) < 18
        known = child | self.feed.has_child[person]
        patient, person, child = self.patient[known], person[known], child[known]
        in_care = self.feed.in_care.cover(person, self.end)
        legal = self.feed.legal[self.feed.episodes.at(person, self.end)]
        plans = self.feed.plans
        on_plan = np.isin(person, plans["person"][(plans["starts"] <= self.end) & (plans["ends"] > self.end)])
        carer = self.feed.young_carer[person] & ~in_care
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[patient],
            "ParentalResp": np.where(child, "N", "Y"),
            "YoungCarer": np.where(child, np.where(carer, "Y", "N"), ""),
            "LACStatus": np.where(child, np.where(in_care, "Y", "N"), ""),
            "LACLegalStatus": np.where(in_care, legal, ""),
            "CPP": np.where(child, np.where(on_plan, "Y", "N"), ""),
        }
        return Sheet(len(patient), columns)

    def referrals(self) -> Sheet:
        """The referrals that were open."""
        council, source = self.council[self.person], self.open["source"].to_numpy()
        practice = homes.practices()["code"].to_numpy()[self.feed.records.practice[self.record]]
        from_whom = np.select(
            [source == "A1", np.isin(source, ("H1", "H2", "F2")), source == "C1"],
            [practice, HOSPITAL, wording.translate(council, COUNCILS)],
            "",
        )
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number,
            "LocalPatientID": self.local_id[self.record],
            "OrgIDComm": commissioner(council, self.end),
            "ReferralRequestReceivedDate": iso(self.received),
            "ReferralRequestReceivedTime": clock(self.open["received_at"].to_numpy()),
            "SourceOfReferralMH": source,
            "OrgIDReferring": from_whom,
            "ClinRespPriorityType": self.open["priority"].to_numpy(),
            "PrimReasonReferralMH": self.open["reason"].to_numpy(),
            "ServDischDate": iso(self.closed),
        }
        return Sheet(len(self.rows), columns)

    def service_types(self) -> Sheet:
        """The team of each referral; one that was turned down says when."""
        kinds = {name: service["team_type"] for name, service in services().items()}
        turned_down = self.open["turned_down"].to_numpy()
        refused = turned_down <= self.end
        columns: dict[str, np.ndarray | str] = {
            "CareProfTeamLocalID": self.open["team"].to_numpy(),
            "ServiceRequestID": self.number,
            "ServTeamTypeRefToMH": wording.translate(self.open["service"].to_numpy(), kinds),
            "ReferClosureDate": iso(np.where(refused, NEVER, self.closed)),
            "ReferRejectionDate": iso(np.where(refused, turned_down, NEVER)),
            "ReferRejectReason": np.where(refused, TURNED_DOWN_REASON, ""),
        }
        return Sheet(len(self.rows), columns)

    def onward_referrals(self) -> Sheet:
        """Some of those who were discharged in the month go to another service."""
        chance = self.feed.chance[self.rows]
        goes = (
            (self.closed < NEVER) & (chance < ONWARD_SHARE) & (self.borough.people["died"].to_numpy()[self.person] > self.closed)
        )
        practice = homes.practices()["code"].to_numpy()[self.feed.records.practice[self.record[goes]]]
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number[goes],
            "DecisionToReferDate": iso(self.closed[goes]),
            "OnwardReferDate": iso(self.closed[goes]),
            "OrgIDReceiving": np.where(chance[goes] < ONWARD_SHARE * 0.75, practice, HOSPITAL),
        }
        return Sheet(int(goes.sum()), columns)

    def care_contacts(self) -> Sheet:
        """The contacts of the month, those that did not take place among them."""
        contacts, referral, days = self.contacts, self.of_contact, self.contacts["day"].to_numpy()
        attendance, medium = contacts["attendance"].to_numpy(), contacts["medium"].to_numpy()
        cancelled = (attendance == CANCELLED_BY_PATIENT) | (attendance == CANCELLED_BY_PROVIDER)
        place = np.array(PLACES, dtype=object)[contacts["place"].to_numpy()]
        received = self.feed.received[referral]
        person = self.feed.referrals["person"].to_numpy()[referral]
        minutes = NUMBERS[np.minimum(contacts["minutes"].to_numpy(), len(NUMBERS) - 1)]
        columns: dict[str, np.ndarray | str] = {
            "CareContactID": self.contact,
            "ServiceRequestID": numbered("R{:07d}", referral),
            "CareContDate": iso(days),
            "CareContTime": clock(contacts["at"].to_numpy()),
            "CareProfTeamLocalID": self.feed.referrals["team"].to_numpy()[referral],
            "OrgIDComm": commissioner(self.council[person], self.end),
            "AdminCatCode": "01",
            "ClinContDurOfCareCont": np.where(self.attended, minutes, ""),
            "CareContSubj": np.where(age(self.born[person], days) < 8, "02", "01"),
            "ConsMechanismMH": MECHANISM[medium],
            "ActLocTypeCode": np.where(medium == FACE, place, ""),
            "SiteIDOfTreat": np.where((place == "B01") & (medium == FACE), SITE, ""),
            "PlannedCareContIndicator": "Y",
            "AttendOrDNACode": NUMBERS[attendance],
            "CareContCancelDate": iso(np.where(cancelled, np.maximum(days - 2, received), NEVER)),
        }
        return Sheet(len(contacts), columns)

    def _spell(self, spell: np.ndarray) -> np.ndarray:
        return numbered("S{:06d}", spell)

    def hospital_spells(self) -> Sheet:
        """The stays on a psychiatric ward."""
        spells = self.spells
        discharged = spells["discharged"].to_numpy()
        left = discharged <= self.end
        died = spells["destination"].to_numpy() == "79"
        columns: dict[str, np.ndarray | str] = {
            "HospProvSpellID": self._spell(self.spell_rows),
            "ServiceRequestID": numbered("R{:07d}", spells["referral"].to_numpy()),
            "StartDateHospProvSpell": iso(spells["admitted"].to_numpy()),
            "StartTimeHospProvSpell": clock(spells["person"].to_numpy() * 35 % 1440),
            "SourceAdmMHHospProvSpell": spells["source"].to_numpy(),
            "MethAdmMHHospProvSpell": METHOD_OF_ADMISSION,
            "DischDateHospProvSpell": iso(np.where(left, discharged, NEVER)),
            "DischTimeHospProvSpell": np.where(left, "14:30:00", ""),
            "MethOfDischMHHospProvSpell": np.where(left, np.where(died, DIED, PLANNED_DISCHARGE), ""),
            "DestOfDischHospProvSpell": np.where(left, spells["destination"].to_numpy(), ""),
        }
        return Sheet(len(spells), columns)

    def _within(self, table: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
        """Which rows of a table of stretches the month sees, those rows, and their ends as far as known."""
        rows = np.flatnonzero(((table["starts"] <= self.end) & (table["ends"] >= self.start)).to_numpy())
        found = table.iloc[rows]
        return rows, found, np.where(found["ends"] <= self.end, found["ends"], NEVER)

    def ward_stays(self) -> Sheet:
        """The stays on each ward."""
        rows, found, ends = self._within(self.feed.ward_stays)
        ward = found["ward"].to_numpy()
        columns: dict[str, np.ndarray | str] = {
            "WardStayID": numbered("W{:06d}", rows),
            "WardCode": ward,
            "HospProvSpellID": self._spell(found["spell"].to_numpy()),
            "StartDateWardStay": iso(found["starts"].to_numpy()),
            "EndDateWardStay": iso(ends),
            "SiteIDOfTreat": SITE,
            "HospitalBedTypeMH": wording.translate(ward, BEDS),
        }
        return Sheet(len(found), columns)

    def mental_health_act_periods(self) -> Sheet:
        """The legal status of those on a ward."""
        rows, found, ends = self._within(self.feed.detentions)
        record = np.full(len(self.feed.referrals), -1)
        record[self.rows] = self.record
        record = record[self.feed.spells["referral"].to_numpy()[found["spell"]]]
        status = found["status"].to_numpy()
        expires = np.select([status == "20", status == "02", status == "03"], [1, 28, 182], NEVER)
        columns: dict[str, np.ndarray | str] = {
            "MHActLegalStatusClassPeriodID": numbered("L{:06d}", rows),
            "LocalPatientID": self.local_id[record],
            "StartDateMHActLegalStatusClass": iso(found["starts"].to_numpy()),
            "StartTimeMHActLegalStatusClass": clock(found["person"].to_numpy() * 35 % 1440),
            "ExpiryDateMHActLegalStatusClass": iso(np.where(expires < NEVER, found["starts"].to_numpy() + expires, NEVER)),
            "EndDateMHActLegalStatusClass": iso(ends),
            "LegalStatusCode": status,
        }
        return Sheet(len(found), columns)

    def discharge_delays(self) -> Sheet:
        """Who could have left and had not, and why."""
        since, until = self.spells["delayed_from"].to_numpy(), self.spells["discharged"].to_numpy()
        chosen = (since <= self.end) & (until >= self.start)
        columns: dict[str, np.ndarray | str] = {
            "HospProvSpellID": self._spell(self.spell_rows[chosen]),
            "StartDateClinReadyforDisch": iso(since[chosen]),
            "EndDateClinReadyforDisch": iso(np.where(until[chosen] <= self.end, until[chosen], NEVER)),
            "ClinReadyforDischDelayReason": self.spells["delay_reason"].to_numpy()[chosen],
            "AttribToIndic": self.spells["answerable"].to_numpy()[chosen],
            "OrgIDRespLAClinReadyforDisch": wording.translate(self.council[self.spells["person"].to_numpy()[chosen]], COUNCILS),
        }
        return Sheet(int(chosen.sum()), columns)

    def primary_diagnoses(self) -> Sheet:
        """The main diagnoses that were made in the month."""
        on = self.open["diagnosed"].to_numpy()
        made = (on >= self.start) & (on <= self.end) & (self.open["diagnosis"] != "").to_numpy()
        return self._diagnoses(made, self.open["diagnosis"].to_numpy()[made], "PrimDiag")

    def secondary_diagnoses(self) -> Sheet:
        """One long-term condition beside the main diagnosis."""
        names = [code for code in CONDITIONS if code in self.borough.conditions]
        conditions = self.borough.conditions[names].to_numpy()[self.person]
        on = self.open["diagnosed"].to_numpy()
        made = (on >= self.start) & (on <= self.end) & (self.open["diagnosis"] != "").to_numpy() & conditions.any(axis=1)
        return self._diagnoses(made, np.array(names, dtype=object)[conditions.argmax(axis=1)][made], "SecDiag")

    def _diagnoses(self, chosen: np.ndarray, codes: np.ndarray, column: str) -> Sheet:
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number[chosen],
            "DiagSchemeInUse": "02",
            column: codes,
            "CodedDiagTimestamp": iso(self.open["diagnosed"].to_numpy()[chosen]),
        }
        return Sheet(int(chosen.sum()), columns)

    def mhs901staffdetails(self) -> Sheet:
        """The members of staff; no purpose needs them."""
        teams = [team for service in services().values() for team in service["teams"]]
        numbers = np.array([f"{team}-{number}" for team in teams for number in range(STAFF_PER_TEAM)], dtype=object)
        return Sheet(len(numbers), {"CareProfLocalID": numbers})

    def mhs202careactivity(self) -> Sheet:
        """One activity for each contact of some; no purpose needs them."""
        done = self.attended & (self.contact_row % 3 == 0)
        numbers = np.array(["A" + number for number in self.contact[done]], dtype=object)
        return Sheet(int(done.sum()), {"CareActID": numbers, "CareContactID": self.contact[done]})
