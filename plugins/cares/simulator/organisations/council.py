"""What the council sends: of adults and children in its care, of its front door, and of what it keeps for the partnership."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import identifiers, wording
from cares.simulator.days import NEVER, age, date_of, day, uk
from cares.simulator.lives.community import Community
from cares.simulator.lives.looked_after import LookedAfter, birthday
from cares.simulator.organisations import adult_social_care, front_door
from cares.simulator.organisations.childrens_contacts import ChildrensContacts
from cares.simulator.organisations.money import UnitCosts
from cares.simulator.organisations.shared_record import RecordPermissions
from cares.simulator.records import Records
from cares.simulator.residents import Borough
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

CONTACTS_COUNT_FOR = 365  # days during which the person file holds a child that somebody made contact about


def feeds(story: Story) -> list[Sender]:
    """What the council sends."""
    lives, contacts, decisions = story.looked_after, story.childrens_contacts, story.permissions
    children = np.concatenate([table["person"].to_numpy(dtype=int) for table in (lives.spells, lives.leavers, contacts)])
    known_children = story.register("council", "person_file", "childrens_social_care", "4{:05d}", children)
    # The desk finds people in the record, which has their numbers from their practices.
    decided = story.register(
        "council", "record_permissions", "general_practice", "R{:07d}", decisions["person"].to_numpy(dtype=int)
    )
    return [
        adult_social_care.feed(story, "council", "st_helens", "0{:07d}", story.told.la_code),
        LookedAfterChildren(story.borough, lives, story.community, known_children),
        ChildrensPersonFile(lives, contacts, known_children),
        ChildrensContacts(contacts, known_children),
        *front_door.feeds(story),
        RecordPermissions(decisions, decided, day(story.told.first_daily)),
        UnitCosts(),
    ]


class LookedAfterChildren:
    """Each year's return: the children looked after at any time in it, as known on 31 March."""

    slug = "council/looked_after_children"

    def __init__(self, borough: Borough, lives: LookedAfter, community: Community, records: Records) -> None:
        self.borough, self.lives, self.community, self.records = borough, lives, community, records

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
                "HEALTH_ASSESSMENT": flag(self.community.assessed_in_time(persons, self._born(chosen), year_ago, self.end)),
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
    """Each month, everybody whom the children's return may name and whom a contact of the last twelve months was about.

    The details are those on file at the month's end.
    """

    slug = "council/childrens_person_file"

    def __init__(self, lives: LookedAfter, contacts: pd.DataFrame, records: Records) -> None:
        self.records, self.contacts = records, contacts
        known = pd.concat([lives.spells[["person", "starts"]], lives.leavers[["person"]].assign(starts=0)])
        self.known = known.groupby("person", as_index=False)["starts"].min()

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The file of a month."""
        end = day(period.end)
        records = self.records
        contacts = self.contacts
        lately = contacts["person"][contacts["on"].between(end - CONTACTS_COUNT_FOR, end)].to_numpy()
        record = records.of(np.union1d(self.known["person"][self.known["starts"] <= end].to_numpy(), lately), end)
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
