"""How the mental health trust writes the Mental Health Services Data Set, version 5, one month at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import bodies, homes, identifiers, wording
from cares.simulator.chance import stream
from cares.simulator.days import MINUTES_IN_A_DAY, NEVER, age, iso
from cares.simulator.lives.looked_after import in_care
from cares.simulator.lives.mental_health import PLACES, services
from cares.simulator.lives.spans import FACE, Spans
from cares.simulator.organisations.open_referrals import NUMBERS, SEX, OpenReferrals
from cares.simulator.sheets import Sheet
from cares.simulator.story import Story

VERSION = "5.0"
SITE = "RTV01"  # invented; it stays when the trust is taken over
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
        episodes = story.looked_after.episodes
        self.in_care = in_care(story.looked_after)
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


class _Month(OpenReferrals):
    """One month; each method is a table."""

    def __init__(self, feed: MentalHealthServices, period: Period) -> None:
        super().__init__(period, feed.records, feed.referrals, feed.contacts, feed.plans, feed.chance)
        self.feed = feed
        self.trust = bodies.trust("north_west_boroughs", self.end)
        self.number = identifiers.numbered("R{:07d}", self.rows)
        self.contact_row = self.first_contact + np.arange(len(self.contacts))
        self.contact = identifiers.numbered("C{:08d}", self.contact_row)
        here = (feed.spells["admitted"] <= self.end) & (feed.spells["discharged"] >= self.start)
        self.spell_rows = np.flatnonzero(here.to_numpy())
        self.spells = feed.spells.iloc[self.spell_rows]

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
        records, patient = self.records, self.patient
        number = records.nhs_number[patient]
        refused = pd.Series(number).duplicated().to_numpy() | ~np.array(
            [identifiers.is_valid_nhs_number(text) for text in number], dtype=bool
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
            "GenderIDCode": wording.translate(sex, SEX),
            "Gender": wording.translate(sex, SEX),
            "EthnicCategory": wording.ethnicity(records.ethnicity[patient], wording.HOSPITAL),
            "LanguageCodePreferred": "en",
            "PersDeathDate": iso(np.where(records.died[patient] <= self.end, records.died[patient], NEVER)),
        }
        return Sheet(len(patient), columns)

    def gp_registrations(self) -> Sheet:
        """One registration a patient."""
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[self.patient],
            "GMPCodeReg": homes.practice_codes()[self.records.practice[self.patient]],
            "StartDateGMPRegistration": iso(self.registered_since()),
        }
        return Sheet(len(self.patient), columns)

    def accommodation(self) -> Sheet:
        """Where adults live, as recorded on the day on which they were referred."""
        found = self.homes_of_adults()
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": found["who"].to_numpy(),
            "AccommodationType": wording.translate(found["where"].to_numpy(), ACCOMMODATION),
            "SettledAccommodationInd": np.where(found["where"] == "none", "N", "Y"),
            "AccommodationTypeDate": iso(found["on"].to_numpy()),
        }
        return Sheet(len(found), columns)

    def disabilities(self) -> Sheet:
        """The disabilities of patients that come with a long-term condition."""
        who, kind = self.disabilities_of_patients()
        return Sheet(len(who), {"LocalPatientID": who, "DisabCode": kind})

    def patient_indicators(self) -> Sheet:
        """What is known of children, and of adults with children at home."""
        person = self.patient_is
        child = age(self.born[person], self.end) < 18
        known = child | self.feed.has_child[person]
        patient, person, child = self.patient[known], person[known], child[known]
        in_care = self.feed.in_care.cover(person, self.end)
        legal = self.feed.legal[self.feed.episodes.at(person, self.end)]
        carer = self.feed.young_carer[person] & ~in_care & ~self.is_adopted[known]
        columns: dict[str, np.ndarray | str] = {
            "LocalPatientID": self.local_id[patient],
            "ParentalResp": np.where(child, "N", "Y"),
            "YoungCarer": np.where(child, np.where(carer, "Y", "N"), ""),
            "LACStatus": np.where(child, np.where(in_care, "Y", "N"), ""),
            "LACLegalStatus": np.where(in_care, legal, ""),
            "CPP": np.where(child, np.where(self.on_plan(person), "Y", "N"), ""),
        }
        return Sheet(len(patient), columns)

    def referrals(self) -> Sheet:
        """The referrals that were open."""
        council, source = self.council[self.person], self.open["source"].to_numpy()
        from_whom = np.select(
            [source == "A1", np.isin(source, ("H1", "H2", "F2")), source == "C1"],
            [self.practice, bodies.HOSPITAL, wording.translate(council, bodies.COUNCILS)],
            "",
        )
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number,
            "LocalPatientID": self.local_id[self.record],
            "OrgIDComm": bodies.commissioner(council, self.end),
            "ReferralRequestReceivedDate": iso(self.received),
            "ReferralRequestReceivedTime": wording.clock(self.open["received_at"].to_numpy(), ":00"),
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
        goes = self.goes_on_elsewhere(ONWARD_SHARE)
        columns: dict[str, np.ndarray | str] = {
            "ServiceRequestID": self.number[goes],
            "DecisionToReferDate": iso(self.closed[goes]),
            "OnwardReferDate": iso(self.closed[goes]),
            "OrgIDReceiving": np.where(self.chance < ONWARD_SHARE * 0.75, self.practice, bodies.HOSPITAL)[goes],
        }
        return Sheet(int(goes.sum()), columns)

    def care_contacts(self) -> Sheet:
        """The contacts of the month, those that did not take place among them."""
        contacts, days = self.contacts, self.contacts["day"].to_numpy()
        medium = contacts["medium"].to_numpy()
        place = np.array(PLACES, dtype=object)[contacts["place"].to_numpy()]
        person = self.of_contact("person")
        columns: dict[str, np.ndarray | str] = {
            "CareContactID": self.contact,
            "ServiceRequestID": identifiers.numbered("R{:07d}", contacts["referral"].to_numpy()),
            "CareContDate": iso(days),
            "CareContTime": wording.clock(contacts["at"].to_numpy(), ":00"),
            "CareProfTeamLocalID": self.of_contact("team"),
            "OrgIDComm": bodies.commissioner(self.council[person], self.end),
            "AdminCatCode": "01",
            "ClinContDurOfCareCont": self.minutes,
            "CareContSubj": np.where(age(self.born[person], days) < 8, "02", "01"),
            "ConsMechanismMH": MECHANISM[medium],
            "ActLocTypeCode": np.where(medium == FACE, place, ""),
            "SiteIDOfTreat": np.where((place == "B01") & (medium == FACE), SITE, ""),
            "PlannedCareContIndicator": "Y",
            "AttendOrDNACode": NUMBERS[contacts["attendance"].to_numpy()],
            "CareContCancelDate": iso(np.where(self.cancelled, np.maximum(days - 2, self.of_contact("received")), NEVER)),
        }
        return Sheet(len(contacts), columns)

    def _spell(self, spell: np.ndarray) -> np.ndarray:
        return identifiers.numbered("S{:06d}", spell)

    def hospital_spells(self) -> Sheet:
        """The stays on a psychiatric ward."""
        spells = self.spells
        discharged = spells["discharged"].to_numpy()
        left = discharged <= self.end
        died = spells["destination"].to_numpy() == "79"
        columns: dict[str, np.ndarray | str] = {
            "HospProvSpellID": self._spell(self.spell_rows),
            "ServiceRequestID": identifiers.numbered("R{:07d}", spells["referral"].to_numpy()),
            "StartDateHospProvSpell": iso(spells["admitted"].to_numpy()),
            "StartTimeHospProvSpell": wording.clock(spells["person"].to_numpy() * 35 % MINUTES_IN_A_DAY, ":00"),
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
            "WardStayID": identifiers.numbered("W{:06d}", rows),
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
            "MHActLegalStatusClassPeriodID": identifiers.numbered("L{:06d}", rows),
            "LocalPatientID": self.local_id[record],
            "StartDateMHActLegalStatusClass": iso(found["starts"].to_numpy()),
            "StartTimeMHActLegalStatusClass": wording.clock(found["person"].to_numpy() * 35 % MINUTES_IN_A_DAY, ":00"),
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
            "OrgIDRespLAClinReadyforDisch": wording.translate(
                self.council[self.spells["person"].to_numpy()[chosen]], bodies.COUNCILS
            ),
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
