"""Writes person records of another made-up borough: `python other_borough.py OUT.parquet`, with the columns of `borough_records`.

A check that a person index is not made for one simulator: the people, the names, the addresses and the errors here share
nothing with `cares.simulator`, and every rate is assumed. Families with fathers and sons of one name, twins with one initial,
names of six origins, ten registers with habits of their own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

Happens = Callable[[float], np.ndarray]  # the places of the records that something of a rate happens to
TODAY = np.datetime64("2024-03-31")

ORIGINS = {"english": 0.8, "south_asian": 0.075, "irish": 0.04, "polish": 0.035, "arabic": 0.03, "chinese": 0.02}
SURNAMES = {
    "english": """Smith Jones Williams Taylor Brown Davies Evans Wilson Thomas Johnson Roberts Robinson Thompson Wright Walker
        White Edwards Hughes Green Hall Lewis Harris Clarke Jackson Wood Turner Martin Cooper Hill Ward Morris Moore Clark Lee
        King Baker Harrison Morgan Allen James Scott Phillips Watson Davis Parker Price Bennett Young Griffiths Mitchell Kelly
        Cook Carter Richardson Bailey Collins Bell Shaw Murphy Miller Cox Richards Khan Marshall Anderson Simpson Ellis Adams
        Singh Begum Wilkinson Foster Chapman Powell Webb Rogers Gray Mason Ali Hunt Hussain Campbell Matthews Owen Palmer
        Holmes Mills Barnes Knight Lloyd Butler Russell Barker Fisher Stevens Jenkins Murray Dixon Harvey Graham Pearson Ahmed
        Fletcher Walsh Kaur Gibson Howard Andrews Stewart Elliott Reynolds Saunders Payne Fox Ford Pearce Day Brooks West
        Lawrence Cole Atkinson Bradley Spencer Gill Dawson Watts Burton Kennedy Rose Arnold Lane""",
    "south_asian": "Khan Hussain Ahmed Patel Ali Singh Begum Shah Akhtar Iqbal Mahmood Kaur Malik Chowdhury Miah Rahman Bibi Sharma Uddin Islam Mistry Desai Chaudhry Aslam Rashid Qureshi Siddiqui Bhatti Gill Nazir",
    "irish": "Murphy Kelly O'Sullivan Walsh O'Brien Byrne Ryan O'Connor O'Neill Reilly Doyle McCarthy Gallagher Doherty Kennedy Lynch Murray Quinn McLaughlin Carroll Connolly Daly Dunne Fitzgerald McGrath O'Donnell Farrell Nolan",
    "polish": "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski Jankowski Mazur Krawczyk Piotrowski Grabowski Pawłowski Michalski Zając Król Wieczorek",
    "arabic": "Al-Hassan Ibrahim Mohamed Abdi Hassan Ali Mahmoud El-Sayed Yusuf Abdullah Saleh Al-Masri Haddad Osman Khalil Mansour Farah Warsame Salem Nasser Bakr",
    "chinese": "Wang Li Zhang Liu Chen Yang Huang Wong Chan Cheung Lam Ng Leung Ho Lin Wu Zhou Tang Yip Lau",
}  # fmt: skip
FORENAMES = {
    "english": {
        "F": [
            "Margaret Mary Jean Joan Patricia Sheila Barbara Doreen Joyce June Shirley Dorothy Maureen Beryl Audrey Sylvia Brenda Eileen Betty Kathleen Elizabeth Irene",
            "Susan Linda Christine Carol Jacqueline Janet Julie Karen Deborah Helen Angela Sandra Jane Elizabeth Diane Gillian Catherine Alison Lesley Wendy Lorraine Tracey Sharon Dawn Amanda Nicola",
            "Sarah Claire Emma Laura Rebecca Gemma Rachel Kelly Victoria Katherine Lisa Joanne Michelle Samantha Jennifer Stephanie Louise Natalie Leanne Hannah Amy Charlotte Lauren Danielle Kirsty Hayley",
            "Olivia Amelia Emily Isla Ava Jessica Ella Isabella Mia Poppy Sophie Lily Grace Evie Ruby Chloe Megan Charlotte Freya Daisy Phoebe Millie Erin Molly Abigail Elsie Florence Willow Ivy Rosie",
        ],
        "M": [
            "John William George James Ronald Robert Kenneth Frederick Thomas Albert Eric Edward Arthur Charles Leslie Sidney Joseph Peter Harold Dennis Raymond Norman",
            "David John Peter Michael Alan Robert Stephen Paul Brian Graham Philip Anthony Colin Christopher Geoffrey Keith Ian Terence Barry Andrew Malcolm Roger Derek Kevin Nigel Martin",
            "Christopher James Matthew Andrew Daniel Michael Mark Lee Richard Craig Adam Paul Stephen Robert Thomas Jonathan Ryan Gareth Simon Benjamin Darren Stuart Luke Joseph Ashley Scott",
            "Oliver Jack Harry George Noah Charlie Jacob Alfie Freddie Oscar Leo Logan Archie Theo Thomas James Joshua Henry William Max Lucas Ethan Arthur Mason Isaac Harrison Teddy Finley Daniel Riley",
        ],
    },
    "south_asian": {
        "F": ["Fatima Ayesha Shazia Nasreen Zainab Maryam Saima Rukhsana Khadija Priya Anjali Sunita Meena Parveen Amina Hafsa Noor Samina Yasmin Aisha"],
        "M": ["Mohammed Imran Asif Ali Ahmed Hassan Usman Bilal Tariq Khalid Abdul Amir Rajesh Sanjay Vijay Anil Faisal Kamran Zahid Yusuf Muhammad Hamza Ibrahim"],
    },
    "irish": {
        "F": ["Mary Bridget Siobhan Aoife Niamh Sinead Kathleen Nora Orla Roisin Ciara Maeve Grainne Eileen Deirdre Aisling Clare"],
        "M": ["Patrick Sean Michael Liam Declan Padraig Conor Brendan Kevin Dermot Eamon Niall Cormac Aidan Brian Thomas Gerard"],
    },
    "polish": {
        "F": ["Anna Maria Katarzyna Małgorzata Agnieszka Barbara Ewa Magdalena Joanna Monika Zofia Aleksandra Natalia Zuzanna Julia"],
        "M": ["Piotr Krzysztof Andrzej Tomasz Paweł Jan Michał Marcin Łukasz Grzegorz Adam Mateusz Jakub Szymon Filip Antoni"],
    },
    "arabic": {
        "F": ["Fatima Aisha Maryam Layla Amina Hana Noor Salma Zahra Huda Rania Samira Yasmin Khadija Iman"],
        "M": ["Mohamed Ahmed Ali Omar Hassan Ibrahim Khaled Mustafa Yusuf Abdullah Mahmoud Hussein Said Tariq Karim"],
    },
    "chinese": {
        "F": ["Mei Li-Na Xiao-Yan Ying Hui-Min Jia-Yi Siu-Ling Wai-Yee Fang Yan Qing Mei-Ling Ka-Yan"],
        "M": ["Wei Jun Chi-Ming Ka-Ho Wai-Man Jian Hao Ming Tao Kin-Fai Yong Zhi-Wei Man-Kit"],
    },
}  # fmt: skip
TOWN_BEGINNINGS = "Ash Brad Hal Nor Sut Wal Hart Birch Whit Thorn Rad Stan Lang Bur Cross Hay Lin Mar Pen Raven Shel Stock Tun Wake Win Wood Hol Craw Den Elm".split()
TOWN_ENDINGS = "ton ley ham ford well worth by field man son wick den shaw bottom hurst mere gate house stead bridge".split()
SHORT = {
    "Margaret": "Maggie Peggy", "Patricia": "Pat Trish", "Elizabeth": "Liz Beth Betty", "Katherine": "Kate Kathy Katie",
    "Catherine": "Cath Kate", "Susan": "Sue", "Deborah": "Debbie", "Jacqueline": "Jackie", "Christine": "Chris Tina",
    "Rebecca": "Becky", "Victoria": "Vicky", "Jennifer": "Jenny Jen", "Samantha": "Sam", "Stephanie": "Steph", "Amanda": "Mandy",
    "Jessica": "Jess", "Abigail": "Abi", "Isabella": "Bella", "Charlotte": "Lottie Charlie", "Dorothy": "Dot Dolly",
    "William": "Bill Will Billy", "Robert": "Bob Rob Bobby", "James": "Jim Jimmy Jamie", "John": "Jack Johnny",
    "Thomas": "Tom Tommy", "Michael": "Mike Mick", "Christopher": "Chris", "Anthony": "Tony", "Andrew": "Andy", "Stephen": "Steve",
    "Matthew": "Matt", "Daniel": "Dan Danny", "Richard": "Rick Dick", "Joseph": "Joe", "Benjamin": "Ben", "Frederick": "Fred",
    "Edward": "Ted Eddie", "Charles": "Charlie", "Kenneth": "Ken", "Ronald": "Ron", "Peter": "Pete", "David": "Dave",
    "Philip": "Phil", "Geoffrey": "Geoff", "Terence": "Terry", "Raymond": "Ray", "Jonathan": "Jon Jonny", "Joshua": "Josh",
    "Patrick": "Paddy Pat", "Bridget": "Bridie", "Małgorzata": "Gosia Margaret", "Katarzyna": "Kasia Kate", "Tomasz": "Tom Tomek",
    "Krzysztof": "Kris Chris", "Piotr": "Peter", "Aleksandra": "Ola Alex", "Abdul": "Abs", "Mohammed": "Mo",
}  # fmt: skip
WRITTEN_ALSO = [
    "Mohammed Muhammad Mohamed Mohammad Mohd", "Ahmed Ahmad", "Hussain Hussein Husain", "Hassan Hasan", "Chowdhury Choudhury Chaudhry",
    "Yusuf Yousuf Yousef Youssef", "Begum Begam", "Aisha Ayesha Aysha", "Fatima Fatimah Fatema", "Maryam Mariam Miriam",
    "Rahman Rehman", "Iqbal Eqbal", "Ibrahim Ebrahim", "Khaled Khalid", "Omar Umar", "Osman Usman Uthman", "Zainab Zaynab",
    "Khadija Khadijah", "Yasmin Yasmeen", "Abdullah Abdallah", "Uddin Udin", "Miah Mia", "Qureshi Quraishi", "Siddiqui Siddique",
    "Wang Wong Huang", "Li Lee", "Chen Chan Chin", "Zhang Cheung", "Liu Lau", "Ng Wu", "Clark Clarke", "Davies Davis", "Thompson Thomson",
    "Phillips Philips", "Stephen Steven", "Philip Phillip", "Sarah Sara", "Catherine Katherine Kathryn", "Claire Clare",
    "Rachel Rachael", "Lesley Leslie", "O'Connor Connor", "O'Brien OBrien", "O'Neill O'Neil", "McLaughlin McLoughlin MacLaughlin",
    "Reilly O'Reilly", "Doherty Docherty", "Sean Shaun Shawn", "Niamh Neve", "Siobhan Shevaun", "Aoife Eva",
    "Wiśniewski Wiśniewska", "Kowalski Kowalska", "Kamiński Kamińska", "Lewandowski Lewandowska", "Jan John", "Łukasz Lucas",
]  # fmt: skip
BY_EAR = [("ph", "f"), ("ck", "k"), ("ie", "y"), ("ee", "ea"), ("ll", "l"), ("tt", "t"), ("ey", "y"), ("ou", "u"), ("ai", "ay"),
          ("s", "z"), ("c", "k"), ("th", "t"), ("er", "ar"), ("i", "y"), ("nn", "n")]  # fmt: skip
STREETS = """High Church Station Park Victoria Albert Mill School Queen King North South West East Manor Green London Chapel Grange
    Alexandra Windsor York Springfield Stanley George Oak Elm Beech Cedar Chestnut Holly Hawthorn Laurel Poplar Willow Rowan
    Bridge River Canal Market Castle Abbey Priory Vicarage Orchard Garden Meadow Hill Cliff Moor Dale Wood Forest Lake Spring
    Wellington Nelson Waterloo Trafalgar Gladstone Disraeli Salisbury Balmoral Sandringham Clarence Gloucester Cambridge Oxford
    Derby Lancaster Durham Lincoln Norfolk Suffolk Kent Surrey Devon Cornwall Dorset Essex Warwick Stafford""".split()
KINDS = {"Street": "St", "Road": "Rd", "Avenue": "Ave", "Close": "Cl", "Drive": "Dr", "Lane": "La", "Grove": "Gve", "Court": "Ct",
         "Crescent": "Cres", "Way": "Way", "Terrace": "Terr", "Gardens": "Gdns"}  # fmt: skip
TOWNS = {"Northbridge": "NB1", "Millford": "NB2", "Ashcombe": "NB3", "Harwick": "NB4", "Old Marsh": "NB5", "Kingsmoor": "NB6", "Westlow": "NB7"}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A register: the share of the people whom it holds, and how often things go wrong in it."""

    share: float
    twice: float  # a second record
    no_number: float
    wrong_digit: float = 0.002
    others_number: float = 0.001  # of a relative or of a stranger of the same name
    spaces: float = 0.0
    names: float = 0.01  # typing errors, of each name
    short: float = 0.02
    initial: float = 0.0
    swapped: float = 0.002
    old_surname: float = 0.1  # of those who changed it
    dates: float = 0.004  # each kind of wrong date
    no_date: float = 0.0
    uk_dates: float = 0.0
    old_home: float = 0.15  # of those who moved
    no_postcode: float = 0.005
    postcodes: float = 0.005
    uprn: float = 0.0
    no_sex: float = 0.005
    capitals: float = 0.0
    without: tuple[str, ...] = ()


SOURCES = {
    "gp": Source(0.97, 0.004, 0.003, names=0.003, short=0.01, swapped=0.0005, old_surname=0.05, dates=0.0007, old_home=0.06, capitals=0.3),
    "hospital": Source(0.73, 0.01, 0.03, names=0.006, short=0.015, dates=0.0015, old_home=0.18, capitals=0.9),
    "emergency": Source(0.57, 0.02, 0.05, names=0.01, short=0.03, dates=0.003, old_home=0.22, capitals=0.9, no_sex=0.01),
    "community": Source(0.4, 0.01, 0.035, dates=0.002, without=("forename", "middle_name", "surname", "address")),
    "mental_health": Source(0.15, 0.015, 0.045, names=0.012, short=0.04, dates=0.003, old_home=0.22, no_postcode=0.02),
    "council": Source(0.4, 0.015, 0.15, 0.006, 0.002, 0.25, 0.015, 0.05, 0.002, 0.004, 0.2, 0.005, 0.012, 0.3, 0.15, 0.02, 0.01, 0.5, 0.02),
    "housing": Source(0.41, 0.02, 0.88, 0.02, 0.004, 0.3, 0.02, 0.07, 0.015, 0.006, 0.3, 0.008, 0.04, 0.5, 0.03, 0.005, 0.005, 0.9, 0.03),
    "school": Source(0.18, 0.005, 1.0, 0.0, 0.0, 0.0, 0.01, 0.05, 0.0, 0.003, 0.25, 0.003, 0.0, 0.4, 0.12, 0.01, 0.01, 0.3, 0.0),
    "police": Source(0.14, 0.05, 1.0, 0.0, 0.0, 0.0, 0.04, 0.08, 0.01, 0.008, 0.25, 0.015, 0.08, 0.2, 0.3, 0.06, 0.02, 0.0, 0.05, 0.0, ("middle_name",)),
    "voluntary": Source(0.1, 0.02, 0.5, 0.01, 0.003, 0.3, 0.025, 0.1, 0.02, 0.006, 0.3, 0.008, 0.06, 0.5, 0.15, 0.06, 0.01, 0.0, 0.1),
}  # fmt: skip
COLUMNS = ["record_id", "source", "nhs_number", "forename", "middle_name", "surname", "date_of_birth", "sex", "address", "postcode",
           "uprn", "person"]  # fmt: skip


def _text(values: list[str] | np.ndarray) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = list(values)
    return found


def _draw(rng: np.random.Generator, names: np.ndarray, size: int, flatness: float) -> np.ndarray:
    weights = 1 / (np.arange(len(names)) + flatness)
    return names[np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(size)).clip(max=len(names) - 1)]


def nhs_numbers(rng: np.random.Generator, count: int) -> np.ndarray:
    """Distinct numbers that pass the modulus-11 check, as text."""
    nine = rng.choice(500_000_000, count + count // 5 + 100, replace=False) + 400_000_000
    total = sum((nine // 10 ** (8 - place) % 10) * (10 - place) for place in range(9))
    check = (11 - total % 11) % 11
    return _text((nine * 10 + check)[check < 10][:count].astype(str))


def people(rng: np.random.Generator, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The people (household, father, mother, partner, names, born, sex, number, home, old_home) and the homes."""
    households = count  # more than enough; cut below
    couple = rng.random(households) < 0.55
    age = np.clip(rng.gamma(6, 8.5, households), 19, 98)
    children = np.where(age < 55, rng.poisson(np.where(couple, 1.25, 0.45)), (rng.random(households) < 0.12).astype(int))
    size = 1 + couple + children
    households = int(np.searchsorted(np.cumsum(size), count)) + 1
    couple, age, children, size = couple[:households], age[:households], children[:households], size[:households]
    household = np.arange(households).repeat(size)
    first = np.cumsum(size) - size
    place = np.arange(len(household)) - first[household]
    is_partner = (place == 1) & couple[household]
    is_child = (place > 0) & ~is_partner
    sex = np.where(rng.random(len(household)) < 0.5, "F", "M").astype(object)
    sex[is_partner] = np.where(sex[first[household[is_partner]]] == "F", "M", "F")
    years = age[household].copy()
    years[is_partner] = np.maximum(years[is_partner] + rng.normal(0, 3.5, is_partner.sum()), 18)
    years[is_child] = np.maximum(years[is_child] - rng.uniform(19, 38, is_child.sum()), rng.uniform(0, 4, is_child.sum()))
    born = (TODAY - (years * 365.25).astype(int)).astype("datetime64[D]")
    brother = np.concatenate([[False], is_child[1:] & is_child[:-1] & (household[1:] == household[:-1])])
    is_twin = brother & (rng.random(len(household)) < 0.03)
    for at in np.flatnonzero(is_twin):
        born[at] = born[at - 1]
    head, partner_of = first[household], np.full(len(household), -1)
    partner_of[is_partner] = head[is_partner]
    partner_of[head[is_partner]] = np.flatnonzero(is_partner)
    father = np.where(is_child, np.where((sex[head] == "M") | (partner_of[head] < 0), head, partner_of[head]), -1)
    mother = np.where(is_child, np.where((sex[head] == "F") | (partner_of[head] < 0), head, partner_of[head]), -1)

    origin = rng.choice(np.array(list(ORIGINS), dtype=object), households, p=list(ORIGINS.values()))[household]
    mixed = is_partner & (rng.random(len(household)) < 0.1)
    origin[mixed] = rng.choice(np.array(list(ORIGINS), dtype=object), mixed.sum(), p=list(ORIGINS.values()))
    forename, middle, surname = (_text([""] * len(household)) for _ in range(3))
    made = [begins + ends for ends in TOWN_ENDINGS for begins in TOWN_BEGINNINGS]
    for of in ORIGINS:
        here = np.flatnonzero(origin == of)
        known = _text(SURNAMES[of].split() + (list(rng.permutation(made)) if of == "english" else []))
        surname[here] = _draw(rng, known, len(here), 12.0 if of == "english" else 4.0)
        for letter in "FM":
            eras = FORENAMES[of][letter]
            era = np.searchsorted(
                np.array(["1946", "1973", "2000"], dtype="datetime64[Y]"), born[here].astype("datetime64[Y]"), "right"
            )
            for number, names in enumerate(eras):
                chosen = here[(sex[here] == letter) & (np.minimum(era, len(eras) - 1) == number)]
                forename[chosen] = _draw(rng, _text(names.split()), len(chosen), 5.0)
                middle[chosen] = _draw(rng, _text(names.split()), len(chosen), 5.0)
    middle[rng.random(len(household)) < 0.35] = ""
    namesake = is_child & (sex == sex[father]) & (sex == "M") & (rng.random(len(household)) < 0.05)
    forename[namesake] = forename[father[namesake]]
    for at in np.flatnonzero(is_twin):
        if sex[at] == sex[at - 1]:
            alike = [name for name in FORENAMES[origin[at]][sex[at]][-1].split() if name != forename[at - 1]]
            same = [name for name in alike if name[0] == forename[at - 1][0]]
            forename[at] = rng.choice(same if same and rng.random() < 0.4 else alike)
    child = np.flatnonzero(is_child)
    surname[child] = surname[father[child]]
    double = child[(rng.random(len(child)) < 0.05) & (surname[mother[child]] != surname[father[child]])]
    surname[double] = surname[mother[double]] + "-" + surname[father[double]]
    before = surname.copy()
    husband = np.where((sex == "F") & (partner_of >= 0), partner_of, -1)
    weds = (husband >= 0) & (rng.random(len(household)) < 0.75)
    surname[weds] = np.where(rng.random(weds.sum()) < 0.04, before[weds] + "-" + surname[husband[weds]], surname[husband[weds]])
    changed = np.where(weds & (rng.random(len(household)) < 0.3), before, "")  # lately, so that registers may know the old one

    homes = _homes(rng, 2 * households)
    home, moved = rng.permutation(2 * households)[household], rng.random(households)[household] < 0.3
    old = np.where(moved, rng.integers(0, len(homes), households)[household], -1)
    alone = rng.random(len(household)) < 0.03  # somebody who moved in from elsewhere
    old[alone] = rng.integers(0, len(homes), alone.sum())
    table = pd.DataFrame(
        {"household": household, "father": father, "mother": mother, "partner": partner_of, "origin": origin, "sex": sex, "born": born,
         "forename": forename, "middle": middle, "surname": surname, "before": changed, "home": home, "old_home": old}
    )[:count]  # fmt: skip
    table["number"] = nhs_numbers(rng, count)
    table["uses_middle"] = (table["middle"] != "") & (rng.random(count) < 0.06)
    for relative in ("father", "mother", "partner"):
        table.loc[table[relative] >= count, relative] = -1
    return table, homes


def _homes(rng: np.random.Generator, count: int) -> pd.DataFrame:
    streets = count // 25 + 5
    town = rng.integers(0, len(TOWNS), streets)
    word, kind = _text(STREETS)[rng.integers(0, len(STREETS), streets)], _text(list(KINDS))[rng.integers(0, len(KINDS), streets)]
    letters = _text(list("ABDEFGHJLNPQRSTUWXYZ"))
    inward = (
        rng.integers(0, 10, streets).astype(str).astype(object)
        + letters[rng.integers(0, 20, streets)]
        + letters[rng.integers(0, 20, streets)]
    )
    street = rng.integers(0, streets, count)
    in_block = rng.random(count) < 0.15
    number = np.where(in_block, rng.integers(1, 4, count), rng.integers(1, 120, count)).astype(str).astype(object)
    return pd.DataFrame(
        {
            "flat": np.where(in_block, rng.integers(1, 25, count).astype(str).astype(object), ""),
            "number": number,
            "word": word[street],
            "kind": kind[street],
            "town": _text(list(TOWNS))[town[street]],
            "postcode": (_text(list(TOWNS.values()))[town] + " " + inward)[street],
            "uprn": np.where(in_block & (rng.random(count) < 0.5), 10_000_000 + street * 10 + number.astype(int) % 10, 20_000_000 + np.arange(count)),
        }
    )  # fmt: skip


def register(rng: np.random.Generator, name: str, source: Source, known: pd.DataFrame, homes: pd.DataFrame) -> pd.DataFrame:
    """The records of one source."""
    years = ((TODAY - known["born"].to_numpy().astype("datetime64[D]")).astype(int) / 365.25).astype(int)
    share = np.full(len(known), source.share)
    if name == "school":
        share = np.where((years >= 4) & (years < 18), 0.92, 0.0)
    elif name == "police":
        share = np.where(years < 12, 0.02, source.share * 1.15)
    elif name in ("hospital", "emergency", "community"):
        share = source.share * np.where((years < 5) | (years > 65), 1.35, 0.88)
    person = np.flatnonzero(rng.random(len(known)) < share)
    if name == "gp":
        person = np.union1d(person, np.flatnonzero(rng.random(len(known)) < 0.6))
    person = np.concatenate([person, person[rng.random(len(person)) < source.twice]])
    size, of = len(person), known.iloc[person]

    def happens(rate: float) -> np.ndarray:
        return np.flatnonzero(rng.random(size) < rate)

    forename, middle, surname = (of[column].to_numpy(dtype=object, copy=True) for column in ("forename", "middle", "surname"))
    number = of["number"].to_numpy(dtype=object, copy=True)
    before = of["before"].to_numpy(dtype=object)
    former = np.flatnonzero((before != "") & (rng.random(size) < np.maximum(source.old_surname * 2, 0.02)))
    surname[former] = before[former]
    _misname(rng, source, forename, middle, surname, of["origin"].to_numpy(), of["uses_middle"].to_numpy(), happens)

    relative = of[["mother", "father", "partner"]].max(axis=1).to_numpy()
    numbers = known["number"].to_numpy()
    for at in happens(source.others_number):
        if relative[at] >= 0:
            number[at] = numbers[relative[at]]
    same_name = known.groupby(["forename", "surname"]).indices
    for at in happens(source.others_number / 5):
        others = same_name.get((of["forename"].iat[at], of["surname"].iat[at]), [])
        if len(others) > 1:
            number[at] = numbers[others[int(rng.integers(0, len(others)))]]
    for at in happens(source.wrong_digit):
        place = int(rng.integers(0, 10))
        number[at] = f"{number[at][:place]}{int(rng.integers(0, 10))}{number[at][place + 1 :]}"
    for at in happens(source.spaces):
        number[at] = f"{number[at][:3]} {number[at][3:6]} {number[at][6:]}"
    for at in happens(source.spaces / 20):
        number[at] = number[at].replace(" ", "-")
    number[happens(source.no_number)] = ""

    sex = of["sex"].to_numpy(dtype=object, copy=True)
    wrong = happens(0.0015)
    sex[wrong] = np.where(sex[wrong] == "F", "M", "F")
    sex[happens(source.no_sex)] = ""
    home = of["home"].to_numpy(copy=True)
    old = of["old_home"].to_numpy()
    stays = np.flatnonzero((old >= 0) & (rng.random(size) < source.old_home * 2))
    home[stays] = old[stays]
    address, postcode, uprn = _placed(rng, source, homes.iloc[home], happens)
    table = pd.DataFrame(
        {
            "source": name,
            "nhs_number": number,
            "forename": forename,
            "middle_name": np.where(rng.random(size) < (0.6 if name in ("gp", "school", "council") else 0.15), middle, ""),
            "surname": surname,
            "date_of_birth": _dated(rng, source, of["born"].to_numpy(), happens),
            "sex": sex,
            "address": address,
            "postcode": postcode,
            "uprn": uprn,
            "person": person,
        }
    )
    for column in source.without:
        table[column] = ""
    return table


def _misname(
    rng: np.random.Generator,
    source: Source,
    forename: np.ndarray,
    middle: np.ndarray,
    surname: np.ndarray,
    origin: np.ndarray,
    is_called_so: np.ndarray,
    happens: Happens,
) -> None:
    also: dict[str, list[str]] = {}
    for line in WRITTEN_ALSO:
        for name in line.split():
            also.setdefault(name, []).extend(other for other in line.split() if other != name)
    for at in happens(source.short):
        if forename[at] in SHORT:
            forename[at] = str(rng.choice(SHORT[forename[at]].split()))
    called = happens(0.6 if source.short > 0.04 else 0.15)
    for at in called[is_called_so[called]]:
        forename[at], middle[at] = middle[at], ""
    foreign = np.isin(origin, ["south_asian", "arabic", "chinese", "polish"])
    for names in (forename, surname):
        for at in np.flatnonzero(
            (rng.random(len(names)) < np.where(foreign, 0.08, 0.006)) | (rng.random(len(names)) < source.names / 4)
        ):
            if names[at] in also:
                names[at] = also[names[at]][int(rng.integers(0, len(also[names[at]])))]
        for at in happens(source.names):
            names[at] = _typed(rng, names[at])
        for at in happens(source.names / 3):
            old, new = BY_EAR[int(rng.integers(0, len(BY_EAR)))]
            names[at] = names[at][:1] + names[at][1:].replace(old, new, 1)
    for at in np.flatnonzero(np.array(["-" in name for name in surname], dtype=bool) & (rng.random(len(surname)) < 0.3)):
        first, last = surname[at].split("-", 1)
        surname[at] = [first, last, f"{first} {last}", f"{last}-{first}", f"{first}{last}"][int(rng.integers(0, 5))]
    for at in np.flatnonzero(np.array(["-" in name for name in forename], dtype=bool) & (rng.random(len(forename)) < 0.5)):
        forename[at] = [forename[at].replace("-", " "), forename[at].replace("-", ""), forename[at].split("-")[0]][
            int(rng.integers(0, 3))
        ]
    swapped = np.flatnonzero(
        rng.random(len(forename)) < np.where(origin == "chinese", 0.12, np.where(origin == "south_asian", 0.02, source.swapped))
    )
    forename[swapped], surname[swapped] = surname[swapped], forename[swapped]
    plain = str.maketrans("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "acelnoszzACELNOSZZ")
    for at in happens(0.7):
        forename[at], surname[at] = forename[at].translate(plain), surname[at].translate(plain)
    initial = happens(source.initial)
    forename[initial] = [name[:1] for name in forename[initial]]
    for at in happens(source.capitals):
        forename[at], surname[at] = forename[at].upper(), surname[at].upper()


def _typed(rng: np.random.Generator, name: str) -> str:
    if len(name) < 3:
        return name
    at = int(rng.integers(0, len(name) - 1))
    letter = "abcdefghijklmnopqrstuvwxyz"[int(rng.integers(0, 26))]
    return [
        name[:at] + name[at + 1 :],
        name[: at + 1] + letter + name[at + 1 :],
        name[:at] + letter + name[at + 1 :],
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    ][int(rng.integers(0, 4))]


def _dated(rng: np.random.Generator, source: Source, born: np.ndarray, happens: Happens) -> np.ndarray:
    written = _text(np.datetime_as_string(born, unit="D"))
    for at in happens(source.dates):
        year, month, day = written[at].split("-")
        if int(day) <= 12:
            written[at] = f"{year}-{day}-{month}"
    for at in happens(source.dates):
        year = int(written[at][:4]) + int(rng.choice([-10, -1, 1, 10]))
        written[at] = f"{min(year, 2024)}{written[at][4:]}".replace("-02-29", "-02-28")
    for at in happens(source.dates):
        year, month, day = written[at].split("-")
        day = f"{day[0]}{int(rng.integers(0, 10))}" if rng.random() < 0.7 else f"{int(rng.integers(0, 3))}{day[1]}"
        written[at] = f"{year}-{month}-{min(max(int(day), 1), 28):02d}"
    for at in happens(source.dates / 2):
        written[at] = f"{written[at][:4]}-01-01"
    written[happens(source.dates / 4)] = "1900-01-01"
    for at in happens(source.uk_dates):
        year, month, day = written[at].split("-")
        written[at] = f"{day}/{month}/{year}"
    written[happens(source.no_date)] = ""
    return written


def _placed(
    rng: np.random.Generator, source: Source, homes: pd.DataFrame, happens: Happens
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flat, number, word, kind, town, postcode = (homes[name].to_numpy(dtype=object, copy=True) for name in
                                                ("flat", "number", "word", "kind", "town", "postcode"))  # fmt: skip
    for at in happens(0.01):
        word[at] = _typed(rng, word[at])
    abbreviated = happens(0.4)
    kind[abbreviated] = [KINDS[name] for name in kind[abbreviated]]
    flat[happens(0.06)] = ""
    style = rng.choice(5, len(flat), p=[0.4, 0.25, 0.15, 0.1, 0.1])
    has_flat = flat != ""
    street = number + " " + word + " " + kind
    before = np.where(has_flat, "Flat " + flat + ", " + street, street)
    after = np.where(has_flat, street + ", Flat " + flat, street)
    shared = np.where(has_flat, flat + "/" + street, street)
    address = np.select(
        [style == 0, style == 1, style == 2, style == 3],
        [before + ", " + town, before, after + ", " + town, before + ", " + town + ", " + postcode],
        shared + " " + town,
    ).astype(object)
    for at in happens(0.35):
        address[at] = address[at].replace(",", "").upper()
    for at in happens(source.postcodes):
        letters = list(postcode[at])
        letters[-1 - int(rng.integers(0, 3))] = "ABDEFGHJLNPQ0123456789"[int(rng.integers(0, 22))]
        postcode[at] = "".join(letters)
    for at in happens(0.12):
        postcode[at] = postcode[at].replace(" ", "")
    for at in happens(0.05):
        postcode[at] = postcode[at].lower()
    postcode[happens(source.no_postcode)] = ""
    uprn = _text(homes["uprn"].to_numpy().astype(str))
    uprn[happens(1 - source.uprn)] = ""
    nowhere = happens(0.003)
    address[nowhere], postcode[nowhere], uprn[nowhere] = "No fixed abode", "ZZ99 3VZ", ""
    return address, postcode, uprn


def main() -> None:
    """Write the records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the Parquet file to write; who the people are goes to OUT.people.parquet")
    parser.add_argument("--people", type=int, default=250_000, help="how many people there are (250,000)")
    parser.add_argument("--seed", type=int, default=1, help="from which everything is drawn (1)")
    options = parser.parse_args()
    began = time.monotonic()
    rng = np.random.default_rng(options.seed)
    known, homes = people(rng, options.people)
    table = pd.concat([register(rng, name, source, known, homes) for name, source in SOURCES.items()], ignore_index=True)
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    table.insert(0, "record_id", [f"x{number:07d}" for number in rng.permutation(10_000_000)[: len(table)]])
    table = table[COLUMNS].mask(table == "", None)
    table.to_parquet(options.out, index=False)
    who = pd.DataFrame({"person": np.arange(len(known)), "origin": known["origin"], "date_of_birth": known["born"].astype(str)})
    who.to_parquet(options.out.with_suffix(".people.parquet"), index=False)
    print(table.groupby("source").agg(records=("person", "size"), numbers=("nhs_number", "count"), names=("surname", "count")))
    print(f"{len(table):,} records of {table['person'].nunique():,} people in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
