"""What Splink alone makes of person records: `python splink_baselines.py plain|tuned RECORDS.parquet`.

`plain` takes the settings of Splink's own examples (its deduplication of 50,000 historical people): comparisons out of the
box, expectation maximisation, a threshold of 0.95 and connected components. `tuned` is what a careful engineer makes of
Splink: cleaned columns, valid NHS numbers only, term frequencies, swapped and shortened names, homes by number and postcode
or property number, errors of dates, the shares of agreement (m) learned from records with the same NHS number, a threshold
chosen with the truth, and clusters that never hold two NHS numbers or two incompatible dates of birth: such are cut at their
weakest edges. Both print their scores, processor seconds and memory.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import scores
import splink.comparison_level_library as cll
import splink.comparison_library as cl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

THREADS = 2
PLAIN_THRESHOLD = 0.95  # of the match probability, as in the examples
TUNED_THRESHOLD = 2.0  # of the match weight (bits): the best F1 of a borough of 250,000 people under the guard
SURE = 15.0  # from this weight on, records of two incompatible dates of birth may be in one cluster; chosen likewise

FEW = 20_000  # below so many records there is time to compare more pairs, and little chance of two people of one name

SHORT_FORMS = """
    ALEXANDER ALEX SANDY; ALEXANDRA ALEX SANDRA LEXIE; ALFRED ALF ALFIE FRED; AMANDA MANDY; ANDREW ANDY DREW; ANGELA ANGIE;
    ANTHONY TONY ANT; ARTHUR ART; BARBARA BARB BABS; BENJAMIN BEN BENJI; BERNARD BERNIE; BETHANY BETH; BRIDGET BRIDIE BIDDY;
    CATHERINE CATH CATHY KATE KATIE KATH; KATHERINE KATH KATE KATIE KATHY; KATHLEEN KATH KATHY KAY; CHARLES CHARLIE CHUCK;
    CHARLOTTE CHARLIE LOTTIE; CHRISTINE CHRIS CHRISSIE TINA; CHRISTOPHER CHRIS KIT; CLIFFORD CLIFF; DANIEL DAN DANNY;
    DAVID DAVE DAVEY; DEBORAH DEBBIE DEB DEBRA; DENNIS DEN; DERRICK RICK; DONALD DON; DOROTHY DOT DOTTY DOLLY; DOUGLAS DOUG;
    EDWARD ED EDDIE TED TEDDY NED; ELEANOR ELLIE NELL NELLIE; ELIZABETH LIZ BETTY BETH LIZZIE BESS ELSIE LIBBY ELIZA;
    EMILY EM EMMIE; FLORENCE FLO FLORRIE FLOSSIE; FRANCES FRAN FANNY; FRANCIS FRANK; FREDERICK FRED FREDDIE; GEOFFREY GEOFF;
    GEORGE GEORGIE; GERALD GERRY; GILLIAN GILL JILL; GREGORY GREG; GWENDOLINE GWEN; HAROLD HARRY; HENRY HARRY HAL;
    HERBERT BERT; HILARY HIL; ISABELLA BELLA IZZY; JACQUELINE JACKIE JACQUI; JAMES JIM JIMMY JAMIE; JANET JAN; JASON JAY;
    JENNIFER JEN JENNY; JEREMY JERRY; JESSICA JESS JESSIE; JOANNE JO; JOHN JACK JOHNNY; JONATHAN JON JONNY; JOSEPH JOE JOEY;
    JOSEPHINE JO JOSIE; JOSHUA JOSH; JUDITH JUDY; JULIE JULES; KENNETH KEN KENNY; KIMBERLEY KIM; LAWRENCE LARRY; LEONARD LEN;
    LESLEY LES; LESLIE LES; LILIAN LILY LIL; LOUISE LOU; LUCY LU; MARGARET MAGGIE PEGGY MARG MEG MADGE RITA; MARTIN MARTY;
    MATTHEW MATT; MAUREEN MO; MICHAEL MIKE MICK MICKY; MOHAMMED MO MUHAMMAD MOHAMED MOHAMMAD MOHAMAD; NATASHA TASHA;
    NATHAN NATE; NICHOLAS NICK NICKY; NICOLA NICKY NIKKI; NORMAN NORM; OLIVER OLLIE; OLIVIA LIV LIVVY; PAMELA PAM;
    PATRICIA PAT TRISH TRICIA PATSY; PATRICK PAT PADDY; PAULINE PAULA; PETER PETE; PHILIP PHIL; RAYMOND RAY; REBECCA BECKY BECCA;
    REGINALD REG; RICHARD RICK DICK RICKY RICH; ROBERT BOB ROB BOBBY ROBBIE BERT; RONALD RON RONNIE; SAMANTHA SAM SAMMY;
    SAMUEL SAM SAMMY; SANDRA SANDY; SARAH SALLY SADIE; SIDNEY SID; STANLEY STAN; STEPHANIE STEPH; STEPHEN STEVE STEVEN;
    SUSAN SUE SUSIE SUZANNE; TERENCE TERRY; THERESA TERRY TESS; THOMAS TOM TOMMY; TIMOTHY TIM; VALERIE VAL; VERONICA RON;
    VICTOR VIC; VICTORIA VICKY VIKKI TORI; VINCENT VINCE VINNY; VIOLET VI; WALTER WALT WALLY; WILLIAM BILL BILLY WILL WILLIE;
    WINIFRED WIN WINNIE; ZACHARY ZAC ZACK; AGNIESZKA AGA AGNES; KRZYSZTOF KRIS KRZYS; MALGORZATA GOSIA; TOMASZ TOMEK;
    KATARZYNA KASIA; ALEKSANDRA OLA; JOANNA ASIA; HARRY HENRY; MILLIE AMELIA MILDRED; CHARLIE CHARLES; ABIGAIL ABI ABBY GAIL
"""
ADDRESS_WORDS = {
    "STREET": "ST", "ROAD": "RD", "AVENUE": "AVE", "AV": "AVE", "DRIVE": "DR", "LANE": "LN", "CLOSE": "CL", "COURT": "CT",
    "CRESCENT": "CRES", "PLACE": "PL", "TERRACE": "TER", "GROVE": "GR", "GARDENS": "GDNS", "SQUARE": "SQ", "SAINT": "ST",
    "APARTMENT": "FLAT", "APT": "FLAT", "FLT": "FLAT",
}  # fmt: skip


def main() -> None:
    """Link the records of a file and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", choices=["plain", "tuned"])
    parser.add_argument("records", type=Path, help="records as `borough_records.py` writes them, with the truth")
    parser.add_argument("--thresholds", action="store_true", help="tuned: also the scores at other thresholds")
    options = parser.parse_args()
    logging.getLogger("splink").setLevel(logging.ERROR)
    began = time.monotonic()
    connection = duckdb.connect()
    connection.execute(f"set threads = {THREADS}")
    path = str(options.records).replace("'", "''")
    connection.execute(f"create table records as select row_number() over () - 1 as unique_id, * exclude (person) from '{path}'")
    if options.settings == "plain":
        cluster = plain(connection)
    else:
        cluster = tuned(connection, pd.read_parquet(options.records, columns=["person"]) if options.thresholds else None)
    spent = f"{scores.used()}, {time.monotonic() - began:.0f} s by the clock"
    records = pd.read_parquet(options.records, columns=["person", "source"])
    print(f"{options.settings} of {options.records.name}")
    print(scores.report(records, cluster, options.records.with_suffix(".people.parquet")))
    print(spent)


def plain(connection: duckdb.DuckDBPyConnection) -> np.ndarray:
    """The cluster of each record, with settings as in Splink's examples, of columns that are written alike."""
    connection.execute("""
        create table plain as
        select
            unique_id, source, sex, upper(forename) as forename, upper(surname) as surname,
            upper(forename || ' ' || surname) as forename_surname, replace(nhs_number, ' ', '') as nhs_number,
            coalesce(strftime(try_strptime(date_of_birth, '%d/%m/%Y'), '%Y-%m-%d'), date_of_birth) as date_of_birth,
            regexp_replace(replace(upper(postcode), ' ', ''), '([0-9][A-Z][A-Z])$', ' \\1') as postcode
        from records
    """)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.ExactMatch("nhs_number"),
            cl.ForenameSurnameComparison("forename", "surname", forename_surname_concat_col_name="forename_surname"),
            cl.DateOfBirthComparison("date_of_birth", input_is_string=True),
            cl.PostcodeComparison("postcode"),
            cl.ExactMatch("sex"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("nhs_number"),
            block_on("forename", "surname", "substr(date_of_birth, 1, 4)"),
            block_on("surname", "date_of_birth"),
            block_on("forename", "date_of_birth"),
            block_on("postcode", "forename"),
            block_on("postcode", "surname"),
            block_on("postcode", "date_of_birth"),
        ],
        retain_matching_columns=False,
    )
    linker = Linker(DuckDBAPI(connection).register("plain"), settings, log_level=None)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("nhs_number"), block_on("forename", "surname", "date_of_birth")], recall=0.8
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    rules = [block_on("forename", "surname"), block_on("date_of_birth")]
    rules += [block_on("nhs_number")] if _has_nhs_numbers(connection, "plain") else []
    for rule in rules:
        linker.training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=2e6)
    predicted = linker.inference.predict(threshold_match_probability=PLAIN_THRESHOLD, warning_mode="never")
    clustered = linker.clustering.cluster_pairwise_predictions_at_threshold(
        predicted, threshold_match_probability=PLAIN_THRESHOLD
    )
    table = clustered.as_duckdbpyrelation().select("unique_id, cluster_id").df()
    return table.sort_values("unique_id")["cluster_id"].to_numpy()


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> float:
    return float(connection.execute(query).fetchall()[0][0] or 0)


def _has_nhs_numbers(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether there are enough records with the same NHS number to learn from."""
    return _number(connection, f"select count(nhs_number) - count(distinct nhs_number) from {table}") > 100


def tuned(connection: duckdb.DuckDBPyConnection, person: pd.DataFrame | None) -> np.ndarray:
    """The cluster of each record, by the best that Splink and a guard do; given the people, other thresholds are tried."""
    _clean(connection)
    linker = Linker(DuckDBAPI(connection).register("cleaned"), _tuned_settings(connection), log_level=None)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    if _has_nhs_numbers(connection, "cleaned"):
        linker.training.estimate_m_from_label_column("nhs_number")
    else:
        for rule in (block_on("forename", "surname"), block_on("born")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=2e6)
    floor = TUNED_THRESHOLD if person is None else 0.0
    predicted = linker.inference.predict(threshold_match_weight=floor, warning_mode="never")
    edges = predicted.as_duckdbpyrelation().select("unique_id_l, unique_id_r, match_weight").fetchnumpy()
    edges = {name: np.asarray(values) for name, values in edges.items()}
    facts = connection.execute("select nhs_number, born from cleaned order by unique_id").df()
    for threshold in np.arange(0, 13, 2.0) if person is not None else ():
        for guarded in (False, True):
            found = scores.scores(person["person"].to_numpy(), guarded_clusters(edges, facts, threshold, guarded))
            print(f"from {threshold:4.0f} {'guarded' if guarded else 'not guarded':12s}", found, flush=True)
    return guarded_clusters(edges, facts, TUNED_THRESHOLD)


def _clean(connection: duckdb.DuckDBPyConnection) -> None:
    """The records as the tuned settings compare them: table cleaned."""
    short = [group.split() for group in SHORT_FORMS.replace("\n", " ").split(";")]
    forms = pd.DataFrame([(name, group[0]) for group in short for name in group], columns=["name", "root"])
    connection.register("forms_given", forms)
    connection.execute("create table forms as select name, list(distinct root) as roots from forms_given group by name")
    words = "upper(strip_accents(coalesce(address, '')))"
    words = f"' ' || trim(regexp_replace({words}, '[^A-Z0-9]+', ' ', 'g')) || ' '"
    for long, abbreviated in ADDRESS_WORDS.items():
        words = f"replace({words}, ' {long} ', ' {abbreviated} ')"
    connection.execute(f"""
        create macro plain_name(text) as nullif(trim(regexp_replace(
            upper(strip_accents(replace(replace(text, 'ł', 'l'), 'Ł', 'L'))), '[^A-Z]+', ' ', 'g')), '');
        create macro valid(digits) as length(digits) = 10 and digits not in ('0000000000') and
            (11 - list_sum(list_transform(range(1, 10), lambda i: cast(substr(digits, i::int, 1) as int) * (11 - i))) % 11) % 11
            = cast(substr(digits, 10, 1) as int);
        create table cleaned as
        with first as (
            select
                unique_id, source,
                nullif(regexp_replace(nhs_number, '[^0-9]', '', 'g'), '') as digits,
                replace(plain_name(forename), ' ', '') as forename,
                replace(plain_name(middle_name), ' ', '') as middle_name,
                plain_name(replace(surname, '''', '')) as surname_words,
                coalesce(try_cast(date_of_birth as date), try_strptime(date_of_birth, '%d/%m/%Y')::date) as day,
                case when upper(sex[1]) in ('M', 'F') then upper(sex[1]) end as sex,
                {words} as words,
                nullif(replace(upper(postcode), ' ', ''), '') as postcode,
                nullif(ltrim(uprn, '0'), '') as uprn
            from records
        ),
        second as (
            select
                * replace (case when postcode not like 'ZZ99%' then postcode end as postcode),
                case when length(digits) = 10 and valid(digits) then digits end as nhs_number,
                nullif(forename, 'BABY') as given,
                replace(surname_words, ' ', '') as surname,
                string_split(surname_words, ' ') as surname_parts,
                nullif(array_to_string(regexp_extract_all(words, '[0-9]+[A-Z]?'), ' '), '') as house,
                nullif(trim(regexp_extract(regexp_replace(words, '( FLAT)? [0-9]+[A-Z]? ', ' ', 'g'), '^ *([A-Z]+ [A-Z]+)', 1)), '')
                    as street
            from first
        )
        select
            unique_id, source, digits, nhs_number, given as forename, coalesce(roots, [given]) as roots,
            middle_name, surname, surname_parts,
            case when not (year(day) in (1900, 1901) and month(day) = 1 and day(day) = 1) then strftime(day, '%Y-%m-%d') end as born,
            sex, uprn, house, street, postcode,
            coalesce(house || '/' || postcode, house || '/' || street, uprn) as home
        from second left join forms on forms.name = given
    """)


def _tuned_settings(connection: duckdb.DuckDBPyConnection) -> SettingsCreator:
    count = _number(connection, "select count(*) from cleaned")
    people = count / 4
    each = "select count(*) as n from cleaned where home is not null group by home"
    u_home = _number(connection, f"select sum(n * n) / power(sum(n), 2) from ({each})")
    level = cll.CustomLevel
    swapped = "forename_l = surname_r and surname_l = forename_r"
    number = cl.CustomComparison(
        output_column_name="nhs_number",
        comparison_levels=[
            cll.NullLevel("digits"),
            _fixed(level("nhs_number_l = nhs_number_r"), 0.99, 1 / people),
            _fixed(level("(nhs_number_l is null or nhs_number_r is null) and damerau_levenshtein(digits_l, digits_r) <= 1"), 0.8, 1e-5),
            _fixed(level("nhs_number_l is null or nhs_number_r is null"), 0.2, 1.0),
            _fixed(cll.ElseLevel(), 0.002, 1.0),
        ],
    )  # fmt: skip
    forename = cl.CustomComparison(
        output_column_name="forename",
        comparison_levels=[
            cll.NullLevel("forename"),
            level(swapped + " and forename_l <> surname_l"),
            cll.ExactMatchLevel("forename", term_frequency_adjustments=True),
            level("list_has_any(roots_l, roots_r)"),
            cll.JaroWinklerLevel("forename", 0.92),
            level("forename_l = middle_name_r or forename_r = middle_name_l"),
            level("(length(forename_l) = 1 or length(forename_r) = 1) and forename_l[1] = forename_r[1]"),
            cll.JaroWinklerLevel("forename", 0.8),
            cll.ElseLevel(),
        ],
    )
    surname = cl.CustomComparison(
        output_column_name="surname",
        comparison_levels=[
            level(f"surname_l is null or surname_r is null or ({swapped})").configure(is_null_level=True),
            cll.ExactMatchLevel("surname", term_frequency_adjustments=True),
            cll.JaroWinklerLevel("surname", 0.92),
            level("list_has_any(surname_parts_l, surname_parts_r)"),
            cll.JaroWinklerLevel("surname", 0.82),
            level("sex_l = 'F' and sex_r = 'F'"),
            cll.ElseLevel(),
        ],
    )
    born = cl.CustomComparison(
        output_column_name="born",
        comparison_levels=[
            cll.NullLevel("born"),
            cll.ExactMatchLevel("born", term_frequency_adjustments=True),
            level("left(born_l, 4) = left(born_r, 4) and substr(born_l, 6, 2) = right(born_r, 2) and right(born_l, 2) = substr(born_r, 6, 2)"),
            cll.DamerauLevenshteinLevel("born", 1),
            level("left(born_l, 4) = left(born_r, 4) and (born_l like '%-01-01' or born_r like '%-01-01')"),
            level("substr(born_l, 6) = substr(born_r, 6)"),
            level("left(born_l, 7) = left(born_r, 7) or (left(born_l, 4) = left(born_r, 4) and right(born_l, 2) = right(born_r, 2))"),
            cll.ElseLevel(),
        ],
    )  # fmt: skip
    home = cl.CustomComparison(
        output_column_name="home",
        comparison_levels=[
            level("coalesce(home_l, postcode_l) is null or coalesce(home_r, postcode_r) is null").configure(is_null_level=True),
            level("home_l = home_r or uprn_l = uprn_r or (house_l = house_r and street_l = street_r)").configure(
                u_probability=u_home, fix_u_probability=True
            ),
            level("postcode_l = postcode_r and (house_l is null or house_r is null)"),
            level("postcode_l = postcode_r or (street_l = street_r and left(postcode_l, 4) = left(postcode_r, 4))"),
            level("damerau_levenshtein(postcode_l, postcode_r) <= 1"),
            level("left(postcode_l, length(postcode_l) - 3) = left(postcode_r, length(postcode_r) - 3)"),
            cll.ElseLevel(),
        ],
    )
    rules = [
        ("nhs_number",),
        ("surname", "born"),
        ("forename", "born"),
        ("postcode", "born"),
        ("home", "roots[1]"),
        ("uprn", "roots[1]"),
        ("forename", "postcode"),
        ("forename", "surname", "substr(born, 6)"),
        ("forename", "surname", "left(born, 7)"),
        ("home", "left(born, 4)", "sex"),
        ("house", "street", "forename"),
    ]
    if count < FEW:
        rules += [("born",), ("forename", "surname"), ("surname", "postcode"), ("forename", "house"), ("surname", "house")]
    return SettingsCreator(
        link_type="dedupe_only",
        probability_two_random_records_match=4 / count,
        comparisons=[number, forename, surname, born, cl.ExactMatch("sex"), home],
        blocking_rules_to_generate_predictions=[
            *(block_on(*columns) for columns in rules),
            block_on("left(born, 4)", "substr(born, 6, 2)", "left(surname, 3)"),
            "l.forename = r.surname and l.surname = r.forename and l.postcode = r.postcode",
            "l.forename = r.surname and l.surname = r.forename and l.born = r.born",
        ],
        retain_matching_columns=False,
    )


def _fixed(level: cll.CustomLevel | cll.ElseLevel, m: float, u: float) -> object:
    return level.configure(m_probability=m, u_probability=u, fix_m_probability=True, fix_u_probability=True)


def guarded_clusters(edges: dict[str, np.ndarray], facts: pd.DataFrame, threshold: float, guarded: bool = True) -> np.ndarray:
    """The cluster of each record: joined by edges from a threshold on, strongest first, but for joins that the guard forbids.

    Where a component of the graph contradicts itself (two NHS numbers, or two incompatible dates of birth), it is built
    again from its edges in order of weight, and an edge that would bring the contradiction about is left out. Dates forbid
    nothing to an edge that is sure, nor among few records.
    """
    chosen = edges["match_weight"] >= threshold
    left, right, weight = (edges[name][chosen] for name in ("unique_id_l", "unique_id_r", "match_weight"))
    count = len(facts)
    joined = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(count, count))
    cluster = connected_components(joined, directed=False)[1].astype(np.int64)
    if not guarded:
        return cluster
    numbers = pd.factorize(facts["nhs_number"])[0]
    born = facts["born"].to_numpy(dtype=object)
    dates = pd.factorize(facts["born"])[0]
    table = pd.DataFrame(
        {"cluster": cluster, "number": np.where(numbers < 0, np.nan, numbers), "date": np.where(dates < 0, np.nan, dates)}
    )
    differing = table.groupby("cluster")[["number", "date"]].nunique()
    suspect = (differing > 1).any(axis=1).to_numpy()
    at = np.flatnonzero(suspect[cluster[left]])
    at = at[np.argsort(-weight[at], kind="stable")]
    members = np.flatnonzero(suspect[cluster])
    parent = {int(record): int(record) for record in members}
    numbers_of = {int(record): {int(numbers[record])} - {-1} for record in members}
    dates_of = {int(record): {born[record]} if dates[record] >= 0 else set() for record in members}

    def root(record: int) -> int:
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    for one, other, strength in zip(left[at].tolist(), right[at].tolist(), weight[at].tolist(), strict=True):
        one, other = root(one), root(other)
        if one == other or len(numbers_of[one] | numbers_of[other]) > 1:
            continue
        if count > FEW and strength < SURE and not _compatible(dates_of[one], dates_of[other]):
            continue
        parent[other] = one
        numbers_of[one] |= numbers_of[other]
        dates_of[one] |= dates_of[other]
    cluster[members] = [count + root(record) for record in members.tolist()]
    return cluster


def _compatible(ours: set[str], theirs: set[str]) -> bool:
    """Whether the dates of two clusters may be of one person: some pair is equal, or one slip apart."""
    if not ours or not theirs or ours & theirs:
        return True
    return any(
        one[:4] == other[:4] or one[5:] == other[5:] or sum(a != b for a, b in zip(one, other, strict=True)) <= 1
        for one in ours
        for other in theirs
    )


if __name__ == "__main__":
    main()
