"""What voluntary action sends: referrals to voluntary services each month, and the directory of services each quarter."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from cares.contracts import Period, Table
from cares.simulator import homes
from cares.simulator.days import NEVER, day, uk
from cares.simulator.lives.voluntary import directory, is_closed_for_now
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

REFERRING_ORGANISATIONS = {
    "Adult Social Care": "St Helens Borough Council",
    "Contact Cares": "St Helens Borough Council",
    "Housing": "Torus",
    "Hospital": "St Helens and Knowsley Teaching Hospitals",
    "Community Health": "Bridgewater Community Healthcare",
    "Mental Health": "North West Boroughs Healthcare",
    "Police": "Merseyside Police",
    "Fire and Rescue": "Merseyside Fire and Rescue Service",
    "Voluntary Sector": "Halton & St Helens VCA",
}
INVENTED = "Invented for the simulated borough."
LIST_OF_TERMS = "needs of the simulated borough"
AREAS = {"st_helens": "St Helens", "halton": "Halton"}


def feeds(story: Story) -> list[Sender]:
    """What voluntary action sends."""
    return [Referrals(story), Services()]


class Referrals:
    """Each month, the referrals received or changed in it, whole, as known at its end."""

    slug = "halton_st_helens_vca/referrals"

    def __init__(self, story: Story) -> None:
        self.referrals = story.referrals
        persons = self.referrals["person"].to_numpy()
        self.records = story.register("halton_st_helens_vca", "vcse_referrals", "voluntary", "X{:06d}", persons)

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The file of a month."""
        first, end = day(period.start), day(period.end)
        days = self.referrals[["referred", "first_contact", "ended"]].to_numpy()
        now = (days[:, 0] <= end) & ((days >= first) & (days <= end)).any(axis=1)
        chosen = self.referrals[now]
        contacted, ended = chosen["first_contact"].to_numpy() <= end, chosen["ended"].to_numpy() <= end
        just_received = chosen["referred"].to_numpy() > end - 3
        records = self.records
        record = records.of(chosen["person"].to_numpy(), chosen["referred"].to_numpy())
        records.is_used[record] = True
        referrer = chosen["referrer"].to_numpy()
        by = np.array([REFERRING_ORGANISATIONS.get(kind, "") for kind in referrer], dtype=object)
        practices = homes.practices()
        of_practice = np.isin(referrer, ["GP Practice", "Link Worker"])
        by = np.where(of_practice, practices["name"].to_numpy()[records.practice[record]], by)
        open_status = np.where(contacted, "Active", np.where(just_received, "Received", "Waiting"))
        columns: dict[str, np.ndarray | str] = {
            "Referral ID": chosen["number"].to_numpy(),
            "Local Person ID": records.local_id[record],
            "NHS Number": records.nhs_number[record],
            "Forename": records.forename[record],
            "Surname": records.surname(record, end),
            "Date of Birth": uk(records.born[record]),
            "Sex": records.sex[record],
            "Address": records.address(record, end),
            "Postcode": records.postcode(record, end),
            "Phone": records.phone[record],
            "GP Practice Code": practices["code"].to_numpy()[records.practice[record]],
            "Referred By Type": referrer,
            "Referred By Organisation": by,
            "Service ID": chosen["service"].to_numpy(),
            "Social Prescribing": np.where(chosen["by_link_worker"], "Y", "N"),
            "Reason": chosen["reason"].to_numpy(),
            "Referred Date": uk(chosen["referred"].to_numpy()),
            "First Contact Date": uk(np.where(contacted, chosen["first_contact"], NEVER)),
            "Ended Date": uk(np.where(ended, chosen["ended"], NEVER)),
            "Status": np.where(ended, chosen["final_status"], open_status),
            "Outcome": np.where(ended, chosen["outcome"], ""),
        }
        return {"referrals": Sheet(len(chosen), columns)}


class Services:
    """Each quarter, the whole directory as it stands at its end."""

    slug = "halton_st_helens_vca/services"

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """All tables of the directory."""
        end = day(period.end)
        every = directory()
        services = {number: service for number, service in every["services"].items() if _has_begun(service, end)}
        organisations = every["organisations"]
        locations = {number.replace("ORG", "LOC"): of for number, of in organisations.items() if number != "ORG-09"}
        pairs = {
            number.replace("SVC", "SAL"): (number, service["organisation"].replace("ORG", "LOC"))
            for number, service in services.items()
            if service.get("meets") and service["organisation"].replace("ORG", "LOC") in locations
        }
        reasons = sorted({service["reason"] for service in services.values()})
        term = {reason: f"TRM-{place:02d}" for place, reason in enumerate(reasons, 1)}
        rows: dict[str, list[dict[str, str]]] = {
            "organisations": [
                {"id": number, "name": of["name"], "description": INVENTED, "email": f"{number.lower()}@example.org"}
                | {"website": f"https://example.org/{number.lower()}"}
                for number, of in organisations.items()
            ],
            "services": [_service(number, service, period.end) for number, service in services.items()],
            "locations": [{"id": number, "location_type": "physical", "name": of["place"]} for number, of in locations.items()],
            "addresses": [
                {
                    "id": number.replace("LOC", "ADR"),
                    "location_id": number,
                    "address_1": of["place"],
                    "city": "Runcorn" if number == "LOC-15" else "St Helens",
                    "postal_code": "WA7 9ZZ" if number == "LOC-15" else "WA10 9ZZ",
                    "country": "GB",
                    "address_type": "physical",
                }
                for number, of in locations.items()
            ],
            "service_at_locations": [
                {"id": number, "service_id": service, "location_id": location} for number, (service, location) in pairs.items()
            ],
            "contacts": [
                {"id": number.replace("SVC", "CON"), "service_id": number, "title": "Coordinator"} for number in services
            ],
            "phones": [
                {
                    "id": number.replace("SVC", "PHO"),
                    "contact_id": number.replace("SVC", "CON"),
                    "number": f"01632 960{int(number[-3:]):03d}",
                }
                for number in services
            ],
            "schedules": [
                _schedule(number, service, number.replace("SVC", "SAL") in pairs)
                for number, service in services.items()
                if "days" in service
            ],
            "service_areas": [
                {"id": f"{number.replace('SVC', 'ARE')}-{area}", "service_id": number, "name": AREAS[area]}
                for number, service in services.items()
                for area in service["areas"]
            ],
            "taxonomy_terms": [
                {"id": term[reason], "name": reason, "description": INVENTED, "taxonomy": LIST_OF_TERMS} for reason in reasons
            ],
            "attributes": [
                {
                    "id": number.replace("SVC", "ATT"),
                    "link_id": number,
                    "taxonomy_term_id": term[service["reason"]],
                    "link_type": "service",
                }
                for number, service in services.items()
            ],
        }
        return {name: _sheet(rows[name]) for name in tables}


def _has_begun(service: dict[str, Any], on: int) -> bool:
    return "starts" not in service or day(service["starts"]) <= on


def _service(number: str, service: dict[str, Any], on: date) -> dict[str, str]:
    closed = is_closed_for_now(service, day(on))
    # Somebody assures each entry in the last month of the quarter.
    assured = date(on.year, on.month, 1 + int(number[-3:]) % 28)
    return {
        "id": number,
        "organization_id": service["organisation"],
        "name": service["name"],
        "description": INVENTED,
        "url": f"https://example.org/{number.lower()}",
        "email": f"{number.lower()}@example.org",
        "status": "temporarily closed" if closed else "active",
        "fees": "free",
        "minimum_age": str(service.get("from_age", "")),
        "maximum_age": str(service.get("to_age", "")),
        "assured_date": assured.isoformat(),
        "alert": "Closed while people may not meet" if closed else "",
        "last_modified": f"{assured.isoformat()}T10:00:00Z",
    }


def _schedule(number: str, service: dict[str, Any], at_a_place: bool) -> dict[str, str]:
    return {
        "id": number.replace("SVC", "SCH"),
        "service_id": number,
        "service_at_location_id": number.replace("SVC", "SAL") if at_a_place else "",
        "valid_from": str(service.get("starts", "2018-01-01")),
        "dtstart": str(service.get("starts", "2018-01-01")),
        "freq": "WEEKLY",
        "interval": "1",
        "byday": service["days"],
        "opens_at": service["opens"],
        "closes_at": service["closes"],
        "attending_type": "in person" if service.get("meets") else "by telephone",
    }


def _sheet(rows: list[dict[str, str]]) -> Sheet:
    headers = list(rows[0]) if rows else []
    return Sheet(len(rows), {header: np.array([row[header] for row in rows], dtype=object) for header in headers})
