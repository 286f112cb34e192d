"""Outpatient appointments as the hospital trust sends them, in the columns of the national extract."""

from __future__ import annotations

import numpy as np

from cares.contracts import Period, Table
from cares.simulator import wording
from cares.simulator.chance import stream
from cares.simulator.days import NEVER, age, day, iso
from cares.simulator.lives.outpatients import told
from cares.simulator.organisations.community import clock, commissioner
from cares.simulator.organisations.council import practice_codes
from cares.simulator.organisations.hospital import trace_status
from cares.simulator.records import Records
from cares.simulator.sheets import Sheet
from cares.simulator.story import Story

PROVIDER, SITES = "RBN", ("RBN01", "RBN02")
DIAGNOSIS_RECORDED = 6  # one in so many appointments of a known condition; assumed
SEX = {"M": "1", "F": "2", "U": "0"}


class Outpatients:
    """Each month, the appointments that were to be held in it."""

    slug = "sthk/outpatients"

    def __init__(self, story: Story, records: Records) -> None:
        self.borough, self.appointments, self.records = story.borough, story.outpatients, records
        rng = stream(story.seed, "numbers of appointments")
        self.number = rng.permutation(len(self.appointments) * 2)[: len(self.appointments)]
        self.on = self.appointments["on"].to_numpy()
        specialties = np.array([clinic["specialty"] for clinic in told()["clinics"].values()], dtype=object)
        self.main, self.function = specialties[:, 0], specialties[:, 1]

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The extract of a month."""
        first, last = np.searchsorted(self.on, [day(period.start), day(period.end) + 1])
        chosen, on, records = self.appointments.iloc[first:last], self.on[first:last], self.records
        person, clinic, pathway = (chosen[name].to_numpy() for name in ("person", "clinic", "pathway"))
        record = records.of(person, on)
        records.is_used[record] = True
        nhs_number, practice = records.nhs_number[record], practice_codes()[records.practice[record]]
        number = np.array([f"A{of:08d}" for of in self.number[first:last]], dtype=object)
        is_first, by_telephone = chosen["first"].to_numpy(), chosen["by_telephone"].to_numpy()
        kind = np.where(is_first, np.where(by_telephone, "3", "1"), np.where(by_telephone, "4", "2"))
        recorded = (pathway % DIAGNOSIS_RECORDED == 0) & (chosen["diagnosis"] != "").to_numpy()
        recorded &= np.isin(chosen["attended"].to_numpy(), ["5", "6"])
        source = chosen["source"].to_numpy()
        columns: dict[str, np.ndarray | str] = {
            "Generated Record Identifier": number,
            "CDS type": "020",
            "Protocol identifier": "010",
            "Unique CDS identifier": "B" + PROVIDER + number,
            "Update type": "9",
            "Test indicator": "0",
            "Extract date/time": str(period.end) + " 23:00:00",
            "Report period Start Date": str(period.start),
            "Report period End Date": str(period.end),
            "Organisation code: Sender of transaction": PROVIDER,
            "Local Patient Identifier": records.local_id[record],
            "Organisation Code (Local Patient Identifier)": PROVIDER,
            "NHS Number": nhs_number,
            "Date of Birth": iso(records.born[record]),
            "NHS Number Trace Status": trace_status(nhs_number, record),
            "Sex": wording.translate(records.sex[record], SEX),
            "Name Format Code": "1",
            "Person Given Name": records.forename[record],
            "Person Family Name": records.surname(record, on),
            "Address Format Code": "1",
            "Patient Usual Address": records.address(record, on),
            "Postcode": records.postcode(record, on),
            "Ethnic Category": wording.ethnicity(records.ethnicity[record], wording.HOSPITAL),
            "Main Specialty Code": self.main[clinic],
            "Treatment Function Code": self.function[clinic],
            "Diagnosis Scheme In Use (ICD)": np.where(recorded, "02", ""),
            "Attendance Identifier": number,
            "Administrative Category": "01",
            "Attended or Did Not Attend": chosen["attended"].to_numpy(),
            "First Attendance": kind,
            "Medical Staff Type Seeing Patient": np.where((pathway + is_first) % 3 == 0, "04", "03"),
            "Operation Status (Per Attendance)": "8",
            "Outcome of Attendance": chosen["outcome"].to_numpy(),
            "Appointment Date": iso(on),
            "Appointment Time": clock(chosen["minute"].to_numpy()),
            "Expected Duration Of Appointment": np.where(is_first, "30", "15"),
            "Consultation Medium Used": np.where(by_telephone, "02", "01"),
            "Clinic Code": "C" + self.function[clinic] + np.where(is_first, "N", "F"),
            "Organisation Code (Code of Provider)": PROVIDER,
            "Organisation Code (Code of Commissioner)": commissioner(self.borough.people["council"].to_numpy()[person], on),
            "Site Code (of Treatment)": np.array(SITES, dtype=object)[(pathway + clinic) % 2],
            "Practice Code of Registered GP": practice,
            "Priority Type": chosen["priority"].to_numpy(),
            "Service Type Requested": "3",
            "Source of Referral For Outpatients": source,
            "Referral Request Received Date": iso(chosen["referred"].to_numpy()),
            "Referring Organisation Code": np.where(
                source == "03", practice, np.where(np.isin(source, ["01", "04", "11"]), PROVIDER, "")
            ),
            "Last DNA Or Patient Cancelled Date": iso(chosen["last_missed"].to_numpy()),
            "Patient Pathway Identifier": np.array([f"P{of:09d}" for of in pathway], dtype=object),
            "Referral To Treatment Period Start Date": iso(np.where(source == "03", chosen["referred"].to_numpy(), NEVER)),
            "Age at CDS Activity Date": np.maximum(age(records.born[record], on), 0).astype(str).astype(object),
            "CDS Activity Date": iso(on),
            "Finished Indicator": "1",
            "Primary Diagnosis (ICD)": np.where(recorded, chosen["diagnosis"].to_numpy(), ""),
        }
        return {"attendances": Sheet(len(chosen), columns)}
