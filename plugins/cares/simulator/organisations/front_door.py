"""What the single front door sends: Integrated Access St Helens until March 2019, and Contact Cares from then on."""

from __future__ import annotations

import numpy as np

from cares.contracts import Period, Table
from cares.simulator import homes, wording
from cares.simulator.chance import pick, stream
from cares.simulator.days import NEVER, day, uk
from cares.simulator.lives.front_door import CONTACT_CARES_BEGINS, MINUTES_IN_A_DAY, SERVICES, FrontDoor
from cares.simulator.records import Records
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

NOTES = {
    "": 72,
    "Ringing on behalf of her mother, who agreed to it": 8,
    "Asked what help there is with shopping and meals": 6,
    'Says that the carer "never came" on Tuesday': 4,
    "Would rather be rung after 4pm; hard of hearing": 5,
    "Stairs have become difficult, has had two near falls": 5,
}


def feeds(story: Story) -> list[Sender]:
    """Both feeds. They number people and contacts in one way, so that what is open in March goes on in April."""
    person = story.front_door.contacts["person"].to_numpy()
    records = story.register("council", "contact_cares", "front_door", "P{:07d}", person[person >= 0])
    notes = pick(stream(story.seed, "notes of the front door"), list(NOTES), list(NOTES.values()), len(person))
    return [Contacts(slug, story.front_door, records, notes) for slug in ("council/isah", "council/contact_cares")]


class Contacts:
    """Each month, the contacts that were received or changed in it, as they stand at its end, and where they were referred."""

    def __init__(self, slug: str, life: FrontDoor, records: Records, notes: np.ndarray) -> None:
        self.slug, self.life, self.records, self.notes = slug, life, records, notes
        received_on = life.contacts["received"].to_numpy() // MINUTES_IN_A_DAY
        before = received_on < CONTACT_CARES_BEGINS
        number = np.arange(1, len(before) + 1)
        self.contact_id = np.array(
            [f"{'IS' if isah else 'CC'}-{place:07d}" for place, isah in zip(number, before, strict=True)], dtype=object
        )
        # On which days a contact came and changed: the acceptance of a referral is a change of its contact.
        changes = [life.contacts[name].to_numpy() // MINUTES_IN_A_DAY for name in ("received", "responded", "assessed", "closed")]
        referrals = life.referrals
        for name in ("referred", "accepted"):
            changed = np.full(len(before), NEVER)
            last = referrals.groupby("contact")[name].min()
            changed[last.index] = last
            changes.append(changed)
        later = np.full(len(before), NEVER)
        second = referrals.groupby("contact")["accepted"].max()
        later[second.index] = second
        self.changes = np.stack([*changes, later])

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """Both tables of a month."""
        begin, end = day(period.start), day(period.end)
        chosen = np.flatnonzero(((self.changes >= begin) & (self.changes <= end)).any(axis=0) & (self.changes[0] <= end))
        referrals = self.life.referrals
        referrals = referrals[(referrals["referred"] <= end).to_numpy() & np.isin(referrals["contact"], chosen)]
        return {"contacts": self._contacts(chosen, end), "onward_referrals": self._referrals(referrals.index.to_numpy(), end)}

    def _contacts(self, chosen: np.ndarray, end: int) -> Sheet:
        contacts, records = self.life.contacts.iloc[chosen], self.records
        person = contacts["person"].to_numpy()
        named = person >= 0
        on = contacts["received"].to_numpy() // MINUTES_IN_A_DAY
        record = np.full(len(person), 0)
        record[named] = records.of(person[named], on[named])
        records.is_used[record[named]] = True

        def known(values: np.ndarray) -> np.ndarray:
            return np.where(named, values, "")

        columns: dict[str, np.ndarray | str] = {
            "Contact ID": self.contact_id[chosen],
            "Local Person ID": known(records.local_id[record]),
            "NHS Number": known(records.nhs_number[record]),
            "Forename": known(records.forename[record]),
            "Surname": known(records.surname(record, on)),
            "Date of Birth": known(uk(records.born[record])),
            "Sex": known(records.sex[record]),
            "Ethnicity": known(wording.ethnicity(records.ethnicity[record], wording.HOSPITAL)),
            "Address": known(records.address(record, on)),
            "Postcode": known(records.postcode(record, on)),
            "Phone": known(records.phone[record]),
            "GP Practice Code": known(homes.practice_codes()[records.practice[record]]),
            "Adult or Child": np.where(contacts["is_child"], "Child", "Adult"),
            "Eligible Because": contacts["eligible"].to_numpy(),
            "Channel": contacts["channel"].to_numpy(),
            "Tier": contacts["tier"].to_numpy(),
            "Urgency": contacts["urgency"].to_numpy(),
            "Staff Organisation": contacts["staff"].to_numpy(),
            "Contacted By": contacts["by"].to_numpy(),
            "Reason": contacts["reason"].to_numpy(),
            "Outcome": np.where(contacts["closed"] // MINUTES_IN_A_DAY <= end, contacts["outcome"], ""),
            "Notes": self.notes[chosen],
        }
        for header, name in (
            ("Received", "received"),
            ("First Response", "responded"),
            ("Assessed", "assessed"),
            ("Closed", "closed"),
        ):
            moment = contacts[name].to_numpy()
            happened = moment // MINUTES_IN_A_DAY <= end
            columns[f"{header} Date"] = uk(np.where(happened, moment // MINUTES_IN_A_DAY, NEVER))
            columns[f"{header} Time"] = np.where(happened, wording.clock(moment % MINUTES_IN_A_DAY), "")
        return Sheet(len(chosen), columns)

    def _referrals(self, chosen: np.ndarray, end: int) -> Sheet:
        referrals = self.life.referrals.iloc[chosen]
        to = referrals["to"].to_numpy()
        accepted = referrals["accepted"].to_numpy()
        return Sheet(
            len(chosen),
            {
                "Onward Referral ID": np.array([f"OR-{number + 1:07d}" for number in chosen], dtype=object),
                "Contact ID": self.contact_id[referrals["contact"].to_numpy()],
                "Referred Date": uk(referrals["referred"].to_numpy()),
                "Referred To Organisation": np.array([organisation for organisation, _, _ in SERVICES], dtype=object)[to],
                "Referred To Service": np.array([service for _, service, _ in SERVICES], dtype=object)[to],
                "Accepted Date": uk(np.where(accepted <= end, accepted, NEVER)),
            },
        )
