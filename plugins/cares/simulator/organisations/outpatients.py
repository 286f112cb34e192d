"""Outpatient appointments as the hospital trust sends them, in the columns of the national extract."""

from __future__ import annotations

import numpy as np

from cares.contracts import Period, Table
from cares.simulator import bodies, homes, identifiers, wording
from cares.simulator.chance import stream
from cares.simulator.days import NEVER, age, day, iso
from cares.simulator.lives.outpatients import told
from cares.simulator.organisations.hospital import SEX, head_of_extract, trace_status
from cares.simulator.records import Records
from cares.simulator.sheets import Sheet
from cares.simulator.story import Story

PROVIDER, SITES = bodies.HOSPITAL, ("RBN01", "RBN02")
DIAGNOSIS_RECORDED = 6  # one in so many appointments of a known condition; assumed


class Outpatients:
    """Each month, the appointments that were to be held in it."""

    slug = "sthk/outpatients"

    def __init__(self, story: Story, records: Records) -> None:
        self.borough, self.appointments, self.records = story.borough, story.outpatients, records
        rng = stream(story.seed, "numbers of appointments")
        self.number = identifiers.in_no_order(rng, "A{:08d}", len(self.appointments))
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
        nhs_number, practice = records.nhs_number[record], homes.practice_codes()[records.practice[record]]
        number = self.number[first:last]
        is_first, by_telephone = chosen["first"].to_numpy(), chosen["by_telephone"].to_numpy()
        kind = np.where(is_first, np.where(by_telephone, "3", "1"), np.where(by_telephone, "4", "2"))
        recorded = (pathway % DIAGNOSIS_RECORDED == 0) & (chosen["diagnosis"] != "").to_numpy()
        recorded &= np.isin(chosen["attended"].to_numpy(), ["5", "6"])
        source = chosen["source"].to_numpy()
        columns: dict[str, np.ndarray | str] = head_of_extract(number, period) | {
            "CDS type": "020",
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
            "Appointment Time": wording.clock(chosen["minute"].to_numpy(), ":00"),
            "Expected Duration Of Appointment": np.where(is_first, "30", "15"),
            "Consultation Medium Used": np.where(by_telephone, "02", "01"),
            "Clinic Code": "C" + self.function[clinic] + np.where(is_first, "N", "F"),
            "Organisation Code (Code of Provider)": PROVIDER,
            "Organisation Code (Code of Commissioner)": bodies.commissioner(
                self.borough.people["council"].to_numpy()[person], on
            ),
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
            "Patient Pathway Identifier": identifiers.numbered("P{:09d}", pathway),
            "Referral To Treatment Period Start Date": iso(np.where(source == "03", chosen["referred"].to_numpy(), NEVER)),
            "Age at CDS Activity Date": np.maximum(age(records.born[record], on), 0).astype(str).astype(object),
            "CDS Activity Date": iso(on),
            "Finished Indicator": "1",
            "Primary Diagnosis (ICD)": np.where(recorded, chosen["diagnosis"].to_numpy(), ""),
        }
        return {"attendances": Sheet(len(chosen), columns)}
