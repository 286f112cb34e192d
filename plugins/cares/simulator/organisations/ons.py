"""What is fetched from the national statistics: postcodes, small areas with their deprivation, and populations by age.

The codes of the councils are the real ones. Everything else is invented and says so where there is room for words: wards
and small areas have codes that were never given out, deprivation follows the tenure of the simulated homes, and the
populations are those of the simulated residents. Of the neighbouring councils, of which only a part is simulated, there are
postcodes and no figures.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cares.contracts import Period, Table
from cares.simulator import bodies
from cares.simulator.chance import stream
from cares.simulator.days import age, day
from cares.simulator.sheets import Sheet
from cares.simulator.story import Sender, Story

COUNCIL = "st_helens"
# Metres east and north of the grid's origin between which a district's postcodes are put: by eye, well inside the council.
BOUNDS = {
    ("st_helens", "WA10"): (349_500, 351_500, 394_500, 396_500),
    ("st_helens", "WA9"): (351_500, 354_500, 392_000, 394_500),
    ("st_helens", "WA11"): (353_500, 356_500, 395_800, 397_300),
    ("st_helens", "WA12"): (357_500, 359_300, 394_500, 396_000),
    ("st_helens", "L35"): (348_900, 350_200, 390_600, 391_900),
    ("halton", "WA8"): (350_500, 352_500, 385_300, 387_000),
    ("halton", "WA7"): (352_500, 355_500, 380_800, 382_800),
    ("knowsley", "L35"): (346_800, 347_800, 390_600, 391_800),
    ("knowsley", "L34"): (346_200, 347_200, 392_200, 393_000),
    ("knowsley", "L36"): (343_500, 345_500, 390_000, 391_500),
}
INSIDE = {"st_helens": "WA10", "halton": "WA8", "knowsley": "L36"}  # where a district is put that the council has no bounds for
NO_FIXED_ABODE = "ZZ99"  # outward code of postcodes that are no place
HOMES_IN_A_SMALL_AREA, SMALL_AREAS_IN_A_WARD = 820, 7
SMALL_AREAS_OF_ENGLAND = 32_844  # of the 2011 census, Office for National Statistics
AGES = (0, 5, 10, 15, 18, 20, *range(25, 95, 5))  # a band ends where the next begins
SOURCE = "simulated: the residents of the simulated borough"
NEW_DEPRIVATION_FROM = date(2019, 9, 26)  # English Indices of Deprivation 2019 came out


def feeds(story: Story) -> list[Sender]:
    """What is fetched."""
    places = small_areas(story)
    return [Postcodes(story, places), Areas(story, places)]


def small_areas(story: Story) -> pd.DataFrame:
    """The postcodes of the simulated homes, each in a small area: columns postcode, outward, council, area, ward, decile, rank.

    Postcodes of one district stand beside each other, so that an area is a part of one. Codes of areas and wards
    are of the right shape and of a range that was never used; the more social and private renting, the more deprived.
    """
    homes = story.borough.homes
    lived_in = homes[~homes["postcode"].str.startswith(NO_FIXED_ABODE)]
    places = lived_in.groupby("postcode", sort=True).agg(
        council=("council", "first"), homes=("uprn", "size"), rented=("tenure", lambda tenure: (tenure != "owned").sum())
    )
    places = places.reset_index()
    places["outward"] = places["postcode"].str.split(" ").str[0]
    places["order"] = places["council"].map({name: place for place, name in enumerate(bodies.COUNCILS)})
    places = places.sort_values(["order", "outward", "postcode"], kind="stable").reset_index(drop=True)
    within = places.groupby("council")["homes"].cumsum() - places["homes"]
    number = (within // HOMES_IN_A_SMALL_AREA).astype(int)
    area = pd.factorize(places["order"] * 100_000 + number)[0]
    ward = pd.factorize(places["order"] * 100_000 + number // SMALL_AREAS_IN_A_WARD)[0]
    places["area"] = np.array([f"E0199{of:04d}" for of in area + 1], dtype=object)
    places["ward"] = np.array([f"E0599{of:04d}" for of in ward + 1], dtype=object)

    by_area = places.groupby("area", sort=True)[["homes", "rented"]].sum()
    rank = (-by_area["rented"] / by_area["homes"]).rank(method="first")
    share = ((rank - 0.5) / len(by_area)) ** 1.6  # more areas are deprived here than in the country
    places["rank"] = places["area"].map((share * SMALL_AREAS_OF_ENGLAND).astype(int) + 1)
    places["decile"] = places["area"].map((share * 10).astype(int) + 1)
    return places.drop(columns="order")


class Postcodes:
    """Each quarter, the directory of the region's postcodes."""

    slug = "ons/postcodes"

    def __init__(self, story: Story, places: pd.DataFrame) -> None:
        self.places = places
        rng = stream(story.seed, "grid references")
        bounds = np.array(
            [
                BOUNDS.get((council, outward), BOUNDS[council, INSIDE[council]])
                for council, outward in zip(places["council"], places["outward"], strict=True)
            ]
        )
        self.east = rng.integers(bounds[:, 0], bounds[:, 1])
        self.north = rng.integers(bounds[:, 2], bounds[:, 3])

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """The edition of a quarter."""
        places = self.places
        outward, inward = places["outward"].str.ljust(4), places["postcode"].str[-3:]
        return {
            "postcodes": Sheet(
                len(places),
                {
                    "pcd": (outward + inward).to_numpy(dtype=object),
                    "pcd2": (outward + " " + inward).to_numpy(dtype=object),
                    "pcds": places["postcode"].to_numpy(dtype=object),
                    "dointr": "198001",
                    "oslaua": places["council"].map(bodies.COUNCILS).to_numpy(dtype=object),
                    "osward": places["ward"].to_numpy(dtype=object),
                    "oseast1m": self.east.astype(str).astype(object),
                    "osnrth1m": self.north.astype(str).astype(object),
                    "osgrdind": "1",
                    "ctry": "E92000001",
                    "rgn": "E12000002",
                    "lsoa11": places["area"].to_numpy(dtype=object),
                    "imd": places["rank"].astype(str).to_numpy(dtype=object),
                },
            )
        }


class Areas:
    """Each financial year, St Helens with its wards and small areas, and who lived there in the June in which it began."""

    slug = "ons/areas"

    def __init__(self, story: Story, places: pd.DataFrame) -> None:
        self.story, self.places = story, places[places["council"] == COUNCIL]

    def sheets(self, period: Period, tables: dict[str, Table]) -> dict[str, Sheet]:
        """Both files of a year."""
        edition = "IMD 2019" if period.end >= NEW_DEPRIVATION_FROM else "IMD 2015"
        return {"areas": self._areas(edition), "populations": self._populations(period.start.year)}

    def _areas(self, edition: str) -> Sheet:
        ward, area = (self.places.drop_duplicates(name) for name in ("ward", "area"))
        names = [
            "St Helens (simulated)",
            *(f"Simulated ward {number}" for number in range(1, len(ward) + 1)),
            *(f"Simulated small area {number}" for number in range(1, len(area) + 1)),
        ]
        blank = [""] * (1 + len(ward))  # the index is told of small areas
        columns = {
            "Area Code": [bodies.COUNCILS[COUNCIL], *ward["ward"], *area["area"]],
            "Area Name": names,
            "Kind": ["council", *["ward"] * len(ward), *["LSOA11"] * len(area)],
            "Deprivation Decile": [*blank, *area["decile"].astype(str)],
            "Deprivation Rank": [*blank, *area["rank"].astype(str)],
        }
        every: dict[str, np.ndarray | str] = {header: np.array(values, dtype=object) for header, values in columns.items()}
        return Sheet(len(names), every | {"Council Code": bodies.COUNCILS[COUNCIL], "Edition": edition})

    def _populations(self, year: int) -> Sheet:
        """The people alive in June of a year, by where they lived: once for the small area, the ward and the council."""
        borough = self.story.borough
        on = day(date(year, 6, 30))
        people = borough.people
        here = (people["born"] <= on) & (people["died"] > on) & ~self.story.general_practice.is_away(len(people), on)
        person = np.flatnonzero(here)
        home = borough.homes.iloc[borough.residences.on(person, on)]
        in_council = (home["council"] == COUNCIL).to_numpy()
        person, home = person[in_council], home[in_council]
        band = np.searchsorted(AGES, age(people["born"].to_numpy()[person], on), "right") - 1
        places = self.places.set_index("postcode")
        of_place = places[["ward", "area"]].reindex(home["postcode"].to_numpy())
        counted = pd.DataFrame({"sex": people["sex"].to_numpy()[person], "band": band})
        levels = [
            counted.assign(code=codes) for codes in (bodies.COUNCILS[COUNCIL], of_place["ward"].array, of_place["area"].array)
        ]
        table = pd.concat(levels).groupby(["code", "sex", "band"], sort=True).size().reset_index(name="persons")
        begins = np.array(AGES)[table["band"]]
        ends = np.array([*(str(start - 1) for start in AGES[1:]), ""], dtype=object)[table["band"]]
        return Sheet(
            len(table),
            {
                "Area Code": table["code"].to_numpy(dtype=object),
                "Council Code": bodies.COUNCILS[COUNCIL],
                "Year": str(year),
                "Sex": table["sex"].to_numpy(dtype=object),
                "Age From": begins.astype(str).astype(object),
                "Age To": ends,
                "Persons": table["persons"].astype(str).to_numpy(dtype=object),
                "Source": SOURCE,
            },
        )
