"""What the hospital trust sends. Here: admitted patient care, one row an episode, in the columns of the national extract."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import bodies, homes, identifiers, wording
from cares.simulator.chance import stream
from cares.simulator.days import NEVER, age, day, iso
from cares.simulator.lives.emergency import CENTRE, DEPARTMENT
from cares.simulator.lives.hospital import SECONDARY_DIAGNOSES
from cares.simulator.organisations.community import CommunityServices
from cares.simulator.organisations.delayed_transfers import DelayedTransfers
from cares.simulator.organisations.emergency import ClinicalLists, EmergencyCare
from cares.simulator.organisations.hospital import SEX, clinical_function, head_of_extract, trace_status
from cares.simulator.organisations.outpatients import Outpatients
from cares.simulator.records import Records
from cares.simulator.residents import Borough
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

PROVIDER, SITE = bodies.HOSPITAL, "RBN01"
READY_DATE_RECORDED = 0.6  # of the days on which somebody was fit to leave; assumed
CDS_TYPE = {"birth": "120", "delivery": "140"}


def feeds(story: Story) -> list[Sender]:
    """What the trust sends."""
    mothers = story.stays["mother"].to_numpy()
    # Admissions and appointments are booked in one system, so their patients have one numbering.
    persons = [story.stays["person"].to_numpy(), mothers[mothers >= 0], story.outpatients["person"].to_numpy()]
    patients = story.register("sthk", "apc", "hospital", "7{:06d}", np.concatenate(persons))
    return [
        AdmittedPatientCare(story.seed, story.borough, story.stays, story.episodes, story.secondary, patients),
        Outpatients(story, patients),
        EmergencyCare(story, "sthk/emergency_care", DEPARTMENT, PROVIDER, "ED{:06d}"),
        EmergencyCare(story, "sthk/urgent_treatment_centre", CENTRE, PROVIDER, "UT{:06d}"),
        DelayedTransfers(
            "sthk/delayed_transfers", PROVIDER, "St Helens and Knowsley Teaching Hospitals NHS Trust", "Acute", story.delays
        ),
        ClinicalLists(),
        CommunityServices(story, "sthk/iv_therapy", ["IV therapy"], "V{:06d}"),
    ]


class AdmittedPatientCare:
    """Each month, the episodes of the stays that ended in it."""

    slug = "sthk/admitted_patient_care"

    def __init__(
        self, seed: int, borough: Borough, stays: pd.DataFrame, episodes: pd.DataFrame, secondary: np.ndarray, records: Records
    ) -> None:
        self.borough, self.stays, self.episodes, self.secondary, self.records = borough, stays, episodes, secondary, records
        rng = stream(seed, "admitted patient care")
        self.spell_number = identifiers.in_no_order(rng, "S{:08d}", len(stays))
        self.ready_recorded = rng.random(len(stays)) < READY_DATE_RECORDED
        self.discharged = stays["discharged"].to_numpy()[episodes["stay"]]

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The extract of a month."""
        # Stays stand in the order of their discharge, and so do their episodes.
        first, last = np.searchsorted(self.discharged, [day(period.start), day(period.end) + 1])
        episodes = self.episodes.iloc[first:last]
        stay = episodes["stay"].to_numpy()
        stays = self.stays.iloc[stay]
        admitted, discharged = stays["admitted"].to_numpy(), stays["discharged"].to_numpy()
        records = self.records
        record = records.of(stays["person"].to_numpy(), discharged)
        records.is_used[record] = True
        born = records.born[record]
        starts, ends = episodes["starts"].to_numpy(), episodes["ends"].to_numpy()
        is_last = episodes["is_last"].to_numpy()
        nhs_number = records.nhs_number[record]
        spell = self.spell_number[stay]
        number = episodes["number"].astype(str).to_numpy(dtype=object)
        in_care_home = self.borough.residences.on(stays["person"].to_numpy(), admitted) >= self.borough.first_care_home
        source = np.where(in_care_home & (stays["source"] == "19"), "85", stays["source"])
        function = stays["function"].to_numpy()
        in_admissions_unit = ~is_last & (starts == admitted)
        pays = bodies.commissioner(self.borough.people["council"].to_numpy()[stays["person"]], discharged)
        baby = stays["baby"].to_numpy()
        is_birth = (stays["reason"] == "birth").to_numpy()
        is_day_case = stays["is_day_case"].to_numpy()
        planned = stays["is_planned"].to_numpy()
        mother = stays["mother"].to_numpy()
        with_mother = mother >= 0
        mother_record = np.where(with_mother, records.of(np.maximum(mother, 0), discharged), 0)
        procedure = np.where(episodes["number"] == 1, stays["procedure"], "")
        birth_date = iso(born)
        sex = wording.translate(records.sex[record], SEX)
        columns: dict[str, np.ndarray | str] = head_of_extract(spell + number, period) | {
            "CDS type": wording.translate(
                stays["reason"].to_numpy(), {reason: CDS_TYPE.get(reason, "130") for reason in stays["reason"].unique()}
            ),
            "Local Patient Identifier": records.local_id[record],
            "Organisation Code (Local Patient Identifier)": PROVIDER,
            "NHS Number": nhs_number,
            "Date of Birth": birth_date,
            "Birth Weight": np.where(is_birth, (2400 + stays["person"].to_numpy() % 1900).astype(str).astype(object), ""),
            "Live or Still Birth": np.where(is_birth, "1", ""),
            "Ethnic Group": wording.ethnicity(records.ethnicity[record], wording.HOSPITAL),
            "NHS Number Trace Status": trace_status(nhs_number, record),
            "Sex": sex,
            "Name Format Code": "1",
            "Person Given Name": records.forename[record],
            "Person Family Name": records.surname(record, discharged),
            "Address Format Code": "1",
            "Patient Usual Address": records.address(record, discharged),
            "Postcode": records.postcode(record, discharged),
            "Organisation Code (Residence Responsibility)": pays,
            "Hospital Provider Spell Number": spell,
            "Administrative Category": "01",
            "Patient Classification": np.where(is_day_case, "2", "1"),
            "Admission Method (Hospital Provider Spell)": stays["method"].to_numpy(),
            "Discharge Destination (Hospital Provider Spell)": stays["destination"].to_numpy(),
            "Discharge Method (Hospital Provider Spell)": stays["discharge_method"].to_numpy(),
            "Source of Admission (Hospital Provider Spell)": source,
            "Start Date (Hospital Provider Spell)": iso(admitted),
            "Start Time (Hospital Provider Spell)": wording.clock(stays["admitted_minute"].to_numpy(), ":00"),
            "Discharge Date (From Hospital Provider Spell)": iso(discharged),
            "Discharge Time (Hospital Provider Spell)": wording.clock(stays["discharged_minute"].to_numpy(), ":00"),
            "Episode Number": number,
            "Last Episode In Spell Indicator": np.where(is_last, "1", "2"),
            "Neonatal Level of Care": np.where(is_birth, "0", ""),
            "Operation Status": np.where(procedure != "", "1", "8"),
            "Start Date (Consultant Episode)": iso(starts),
            "End Date (Consultant Episode)": iso(ends),
            "Organisation Code Code of Provider": PROVIDER,
            "Organisation Code Code of Commissioner": pays,
            "Main Specialty Code": stays["specialty"].to_numpy(),
            "Treatment Function Code": np.where(in_admissions_unit, clinical_function(stays), function),
            "Diagnosis Scheme In Use (ICD)": "02",
            "Procedure Scheme In Use (OPCS)": np.where(procedure != "", "02", ""),
            "Site Code (of Treatment) At Episode Start Date": SITE,
            "Site Code (of Treatment) at Episode End Date": SITE,
            "Practice Code of Registered GP": homes.practice_codes()[records.practice[record]],
            "Intended Management": np.where(is_day_case, "2", np.where(planned, "1", "8")),
            "Decided To Admit Date (For This Provider)": iso(stays["decided"].to_numpy()),
            "Number of Babies": np.where(baby >= 0, "1", ""),
            "Delivery Date": iso(np.where(baby >= 0, self.borough.people["born"].to_numpy()[np.maximum(baby, 0)], NEVER)),
            "Local Patient Identifier (Mother)": np.where(with_mother, records.local_id[mother_record], ""),
            "NHS Number (Mother)": np.where(with_mother, records.nhs_number[mother_record], ""),
            "Birth Date (Mother)": iso(np.where(with_mother, records.born[mother_record], NEVER)),
            "Age at CDS Activity Date": np.maximum(age(born, discharged), 0).astype(str).astype(object),
            "CDS Activity Date": iso(ends),
            "Age as on Admission": np.maximum(age(born, admitted), 0).astype(str).astype(object),
            "Hospital Provider Spell Discharge Ready Date": iso(
                np.where(self.ready_recorded[stay], stays["ready"].to_numpy(), NEVER)
            ),
            "Finished Indicator": "1",
            "Hospital Spell Duration": (discharged - admitted).astype(str).astype(object),
            "Year of Birth": np.array([text[:4] for text in birth_date], dtype=object),
            "Month of Birth": np.array([text[5:7] for text in birth_date], dtype=object),
            "Primary Diagnosis (ICD)": episodes["primary"].to_numpy(),
            "Primary Procedure (OPCS)": procedure,
        }
        for place in range(SECONDARY_DIAGNOSES):
            columns[f"Secondary Diagnosis (ICD) {place + 1}"] = self.secondary[first:last, place]
        return {"episodes": Sheet(len(episodes), columns)}
