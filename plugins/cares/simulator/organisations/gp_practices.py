"""What the practices send of their patients' records: those of St Helens that signed the sharing agreement."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import homes
from cares.simulator.days import ALWAYS, NEVER, day, uk
from cares.simulator.lives.general_practice import lists
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

SIGNED_FIRST, SIGNED_LATER = day(date(2018, 9, 3)), (day(date(2019, 2, 11)), day(date(2019, 9, 23)))  # assumed
NEVER_SIGN = 2  # practices
SYSTEMS = ("CTV3", "Read v2", "SNOMED CT", "SNOMED CT")  # of codes: practices in turn
TYPE_1_OPT_OUT = {  # and its withdrawal
    "CTV3": ("XaZ89", "XaZ8A"),
    "Read v2": ("9Nu0.", "9Nu1."),
    "SNOMED CT": ("827241000000103", "827261000000102"),
}
A_DEATH_IS_HEARD_OF_AFTER_DAYS = 7
FIRST_RESULTS_LOOK_BACK_DAYS = 180


def feeds(story: Story) -> list[Sender]:
    """What the practices send."""
    return [Summaries(story)]


def signed_on(practices: int) -> np.ndarray:
    """The day on which each of so many practices signed; NEVER for those that did not."""
    days = np.full(practices, SIGNED_FIRST)
    days[practices - NEVER_SIGN :] = NEVER
    days[practices - NEVER_SIGN - len(SIGNED_LATER) : practices - NEVER_SIGN] = SIGNED_LATER
    return days


class Summaries:
    """Each month, what is new or changed; of a practice that sends for the first time, all that it has.

    Whoever anything is told of stands among the registrations of the same delivery.
    """

    slug = "gp_practices/summary"

    def __init__(self, story: Story) -> None:
        self.borough, self.lives = story.borough, story.general_practice
        practices = homes.practices()
        # The practices of St Helens stand first.
        self.signed = np.full(len(practices), NEVER)
        of_st_helens = int((practices["council"] == "st_helens").sum())
        self.signed[:of_st_helens] = signed_on(of_st_helens)
        self.sends_from = np.where(self.signed < NEVER, np.maximum(self.signed, day(story.told.first)), NEVER)
        registrations = self.lives.registrations
        practice = self.borough.people["practice"].to_numpy()[registrations["person"]]
        self.registrations = registrations[self.signed[practice] < NEVER].reset_index(drop=True)
        persons = self.registrations["person"].to_numpy()
        self.records = story.register("gp_practices", "gp_summary", "general_practice", "{:06d}", persons)
        records = self.records
        self.patient_id = records.local_id.copy()
        self.code = practices["code"].to_numpy()[records.practice]
        # Each practice has numbers of its own, so that a number is somebody's only together with the practice.
        records.local_id = self.code + "/" + self.patient_id
        self.system = np.array(SYSTEMS, dtype=object)[records.practice % len(SYSTEMS)]
        # Whose life each record tells: an adopted child has a second one as somebody else. Babies have their names when
        # they are registered with a practice (error_rates.yml), so that no record goes on under another's number.
        self.life = np.zeros(len(records.person), dtype=int)
        for on in (ALWAYS, NEVER - 1):
            self.life[records.of(persons, on)] = persons
        self.every = np.arange(len(records.person))
        self.is_second = records.of(self.life, ALWAYS) != self.every
        self._tell_registrations(persons)
        self.record_of = {
            name: self._records(table, on)
            for name, table, on in (
                ("problems", self.lives.problems, "recorded"),
                ("medicines", self.lives.medicines, "started"),
                ("results", self.lives.results, "on"),
                ("appointments", self.lives.appointments, "booked"),
            )
        }

    def _tell_registrations(self, persons: np.ndarray) -> None:
        """When the registration of each record starts and ends, and what else is said of it."""
        of = self.registrations.iloc[np.searchsorted(persons, self.life)]
        starts, leaves, opted_out, withdrew = (of[name].to_numpy() for name in ("starts", "leaves", "opted_out", "withdrew"))
        adopted_on = self.borough.adopted_on[self.life]
        # Nothing of the child that was adopted goes over to the child that it is from then on.
        is_anew = self.is_second & (adopted_on < NEVER)
        self.starts = np.where(is_anew, np.maximum(starts, adopted_on), starts)
        self.leaves = np.where(self.is_second, leaves, np.minimum(leaves, adopted_on))
        self.opted_out, self.withdrew = np.where(is_anew, NEVER, opted_out), np.where(is_anew, NEVER, withdrew)
        died = self.records.died
        self.death_heard = np.where(died < NEVER, died + A_DEATH_IS_HEARD_OF_AFTER_DAYS, NEVER)

    def _records(self, table: pd.DataFrame, on: str) -> np.ndarray:
        """The record of each row of a table on its day; -1 for people of practices that never sign."""
        person = table["person"].to_numpy()
        is_patient = np.zeros(len(self.borough.people), dtype=bool)
        is_patient[self.registrations["person"]] = True
        record = np.full(len(table), -1)
        known = is_patient[person]
        record[known] = self.records.of(person[known], table[on].to_numpy()[known])
        return record

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The six files of a month."""
        first, end = day(period.start), day(period.end)
        from_day = self.sends_from[self.records.practice]
        # A first delivery tells all of those who are patients still.
        is_gone = np.minimum(self.leaves, self.records.died) < first
        is_new = (from_day >= first) & (from_day <= end)
        nobody = np.zeros(1, dtype=bool)  # where the record is -1
        self.is_told = np.concatenate([(from_day <= end) & ~(is_new & is_gone), nobody])
        self.is_told_whole = np.concatenate([is_new & ~is_gone, nobody])

        mentioned = np.zeros(len(self.every), dtype=bool)
        sheets = {
            "problems": self._problems(first, end, mentioned),
            "medication": self._medication(first, end, mentioned),
            "results": self._results(first, end, mentioned),
            "appointments": self._appointments(first, end, mentioned),
        }
        signed = np.flatnonzero(self.sends_from <= end)
        agreements = Sheet(
            len(signed),
            {"Practice Code": homes.practice_codes()[signed], "Signed Date": uk(self.signed[signed])},
        )
        return {"sharing_agreements": agreements, "registrations": self._registrations(first, end, mentioned)} | sheets

    def _patient(self, record: np.ndarray, mentioned: np.ndarray) -> dict[str, np.ndarray | str]:
        """The columns that name the patients of records, which are marked as mentioned."""
        mentioned[record] = True
        return {"Practice Code": self.code[record], "Patient ID": self.patient_id[record], "Deleted": "N"}

    def _changed(self, name: str, days: np.ndarray, first: int, end: int) -> np.ndarray:
        """The rows of a table to be told: of new practices all that is recorded, of the others what changed.

        `days`: when each row was recorded, and then each day on which it changed. Of whoever has left nothing changes any more.
        """
        record = self.record_of[name]
        now = ((days >= first) & (days <= end)).any(axis=1) & (self.leaves[record] >= first)
        return np.flatnonzero((days[:, 0] <= end) & self.is_told[record] & (now | self.is_told_whole[record]))

    def _problems(self, first: int, end: int, mentioned: np.ndarray) -> Sheet:
        days = self.lives.problems[["recorded", "ended", "taken_back"]].to_numpy()
        place = self._changed("problems", days, first, end)
        place = place[days[place, 2] >= first]  # what was taken back before is not told any more
        chosen, record = self.lives.problems.iloc[place], self.record_of["problems"][place]
        patient = self._patient(record, mentioned)
        known = lists()["problems"]
        code = {(problem, system): of[system] for problem, of in known.items() for system in TYPE_1_OPT_OUT}
        problem = chosen["problem"].to_numpy()
        major = ~chosen["seen"].to_numpy()
        return Sheet(
            len(chosen),
            patient
            | {
                "Problem ID": _numbers(place),
                "Code": np.array([code[pair] for pair in zip(problem, self.system[record], strict=True)], dtype=object),
                "Code System": self.system[record],
                "Term": np.array([known[name]["term"] for name in problem], dtype=object),
                "Onset Date": uk(chosen["onset"].to_numpy()),
                "Ended Date": uk(np.where(chosen["ended"] <= end, chosen["ended"], NEVER)),
                "Significance": np.where(major, "Major", "Minor"),
                "Deleted": np.where(chosen["taken_back"] <= end, "Y", "N"),
            },
        )

    def _medication(self, first: int, end: int, mentioned: np.ndarray) -> Sheet:
        days = self.lives.medicines[["started", "ended"]].to_numpy()
        place = self._changed("medicines", days, first, end)
        place = place[days[place, 1] >= first]  # nor is what was stopped before a practice began to send
        chosen = self.lives.medicines.iloc[place]
        patient = self._patient(self.record_of["medicines"][place], mentioned)
        known = lists()["medicines"]
        medicine = chosen["medicine"].to_numpy()
        started, ended, every = (chosen[name].to_numpy() for name in ("started", "ended", "every"))
        last_issued = started + (np.minimum(ended, end) - started) // every * every

        def written(word: str) -> np.ndarray:
            return np.array([known[name][word] for name in medicine], dtype=object)

        return Sheet(
            len(chosen),
            patient
            | {
                "Medication ID": _numbers(place),
                "Code": written("code"),
                "Code System": "SNOMED CT",
                "Term": written("term"),
                "Dose": written("dose"),
                "Quantity": written("quantity"),
                "Repeat": np.where(chosen["is_repeat"], "Y", "N"),
                "Started Date": uk(started),
                "Last Issued Date": uk(last_issued),
                "Ended Date": uk(np.where(ended <= end, ended, NEVER)),
            },
        )

    def _results(self, first: int, end: int, mentioned: np.ndarray) -> Sheet:
        results = self.lives.results
        begin, last = np.searchsorted(results["on"].to_numpy(), [first - FIRST_RESULTS_LOOK_BACK_DAYS, end + 1])
        record, on = self.record_of["results"][begin:last], results["on"].to_numpy()[begin:last]
        place = begin + np.flatnonzero(self.is_told[record] & ((on >= first) | self.is_told_whole[record]))
        chosen = results.iloc[place]
        patient = self._patient(self.record_of["results"][place], mentioned)
        known, test = lists()["tests"], chosen["test"].to_numpy()
        value = chosen["value"].to_numpy()

        def written(word: str, otherwise: object = "") -> np.ndarray:
            return np.array([known[name].get(word, otherwise) for name in test], dtype=object)

        # A laboratory does not tell by how much a good result is good.
        in_words = value > written("above", np.inf).astype(float)
        number = np.array([f"{one:.{known[name]['decimals']}f}" for one, name in zip(value, test, strict=True)], dtype=object)
        beyond = (value < written("low").astype(float)) | (value > written("high").astype(float))
        return Sheet(
            len(chosen),
            patient
            | {
                "Result ID": _numbers(place),
                "Code": written("code"),
                "Code System": "SNOMED CT",
                "Term": written("term"),
                "Result Date": uk(chosen["on"].to_numpy()),
                "Value": np.where(in_words, "", number),
                "Unit": written("unit"),
                "Value In Words": np.where(in_words, ">" + written("above").astype(str).astype(object), ""),
                "Abnormal": np.where(beyond & ~in_words, "Y", "N"),
            },
        )

    def _appointments(self, first: int, end: int, mentioned: np.ndarray) -> Sheet:
        """Those of the month, and those booked by its end for the weeks after it."""
        table = self.lives.appointments
        begin = int(np.searchsorted(table["on"].to_numpy(), first))
        last = int(np.searchsorted(table["on"].to_numpy(), end + 29))
        chosen = table.iloc[begin:last]
        on = chosen["on"].to_numpy()
        record = self.record_of["appointments"][begin:last]
        told = self.is_told[record] & ((on <= end) | (chosen["booked"].to_numpy() <= end)) & (on < self.leaves[record])
        place, chosen, on = begin + np.flatnonzero(told), chosen[told], on[told]
        patient = self._patient(self.record_of["appointments"][place], mentioned)
        return Sheet(
            len(chosen),
            patient
            | {
                "Appointment ID": _numbers(place),
                "Appointment Date": uk(on),
                "Appointment Time": chosen["time"].to_numpy(),
                "Status": np.where(on <= end, chosen["status"], "Booked"),
                "Mode": chosen["mode"].to_numpy(),
                "Professional": chosen["professional"].to_numpy(),
            },
        )

    def _registrations(self, first: int, end: int, mentioned: np.ndarray) -> Sheet:
        records, every = self.records, self.every
        now_used, then_used = records.of(self.life, end), records.of(self.life, first - 1)
        is_there = (~self.is_second | (now_used == every)) & (self.starts <= self.leaves)
        of_records = [self.starts, self.leaves, self.opted_out, self.withdrew, self.death_heard]
        happened = [*of_records, records.homes.since(every, end), records.surnames.since(every, end)]
        now = np.any([(days >= first) & (days <= end) for days in happened], axis=0)
        now |= self.is_second & (then_used != every)
        told = is_there & (self.starts <= end) & self.is_told[:-1] & (now | self.is_told_whole[:-1])
        chosen = np.flatnonzero(told | mentioned)
        records.is_used[chosen] = True
        starts, leaves, opted_out, withdrew, heard = (days[chosen] for days in of_records)
        ended = np.minimum(leaves, heard)
        died = np.where((heard <= end) & (records.died[chosen] >= records.born[chosen]), records.died[chosen], NEVER)
        objects, takes_back = opted_out <= end, withdrew <= end
        codes = np.array([TYPE_1_OPT_OUT[system] for system in self.system[chosen]], dtype=object).reshape(-1, 2)
        return Sheet(
            len(chosen),
            {
                "Practice Code": self.code[chosen],
                "Patient ID": self.patient_id[chosen],
                "NHS Number": records.nhs_number[chosen],
                "Forename": records.forename[chosen],
                "Surname": records.surname(chosen, end),
                "Date of Birth": uk(records.born[chosen]),
                "Sex": records.sex[chosen],
                "Address": records.address(chosen, end),
                "Postcode": records.postcode(chosen, end),
                "Phone": records.phone[chosen],
                "Died Date": uk(died),
                "Registered From": uk(starts),
                "Registered To": uk(np.where(ended <= end, ended, NEVER)),
                "Type 1 Opt-out Code": np.where(takes_back, codes[:, 1], np.where(objects, codes[:, 0], "")),
                "Type 1 Opt-out Date": uk(np.where(takes_back, withdrew, np.where(objects, opted_out, NEVER))),
                "Deleted": "N",
            },
        )


def _numbers(place: np.ndarray) -> np.ndarray:
    return (place + 1).astype(str).astype(object)
