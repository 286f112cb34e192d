"""The quality report: what it says, and what it must never say."""

from __future__ import annotations

import itertools
import re
import shutil
from collections import defaultdict
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cares import contracts, settings
from cares.cli.report import app
from cares.governance import readiness
from cares.reports import ReportError, charts, disclosure, facts, quality_report, scores, wording
from cares.reports.facts import Check
from fresh_warehouse import FreshWarehouse
from quality_ledger import HOSPITAL, Ledger, small_borough


def read(path: Path) -> str:
    """The words of a page, in one line."""
    page = re.sub(r"(?s)<style>.*?</style>", "", path.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def verdict(words: str, use: str) -> str:
    """What the page answers for one use, with the reasons that are its own."""
    rest = words.partition(f"For {use}: ")[2]
    return re.split(r" For (?:planning|money): | What holds for every use | What was due, and ", rest)[0].strip()


def shared_reasons(words: str) -> str:
    """What the page says against every use."""
    return words.partition(" What holds for every use ")[2].partition(" What was due, and ")[0].strip()


@pytest.fixture
def ledger(warehouse: FreshWarehouse) -> Any:
    # Builds are numbered anew in each test's database, and reports lie in one folder.
    shutil.rmtree(settings.VAR / "reports", ignore_errors=True)
    with warehouse.connect(autocommit=True) as connection:
        yield Ledger(connection)


def every_feed_arrived(ledger: Ledger, but: str = "") -> None:
    """One accepted delivery of each feed, the last that was due on 1 August 2019."""
    for feed, period, table in (
        (HOSPITAL, "2019-06", "episodes"),
        ("torus/tenancies", "2019-06", "tenancies"),
        ("council/adult_social_care", "2019-Q2", "events"),
        ("council/childrens_person_file", "2019-06", "people"),
        ("council/looked_after_children", "2018-19", "episodes"),
    ):
        if feed != but:
            ledger.delivery(feed, period, table, 1_000)
    ledger.connection.execute("update ledger.delivery set received_at = '2019-07-30', accepted_at = '2019-07-30'")
    ledger.people(100, 0)


@pytest.mark.parametrize(("count", "reads"), [(0, "0"), (1, "*"), (7, "*"), (8, "10"), (12, "10"), (13, "15"), (9_868, "9,870")])
def test_small_numbers_are_hidden_and_others_go_to_the_nearest_five(count: int, reads: str) -> None:
    assert disclosure.shown(count) == reads


def test_no_line_of_the_ledger_gives_a_hidden_part_away() -> None:
    """Whatever the parts are, others that read the same leave each hidden part with more than one value."""
    could_be: dict[tuple[str, ...], list[set[int]]] = defaultdict(lambda: [set(), set(), set(), set()])
    for parts in itertools.product(range(18), repeat=4):
        accepted, set_aside, erased, unreadable = parts
        landed = disclosure.shown_total([accepted, set_aside, erased])
        reads = (*map(disclosure.shown, parts), landed, disclosure.shown_total([accepted, set_aside, erased, unreadable]))
        for values, part in zip(could_be[reads], parts, strict=True):
            values.add(part)
    given_away = [
        reads for reads, values in could_be.items() if any(r == "*" and len(v) == 1 for r, v in zip(reads, values, strict=False))
    ]
    assert given_away == []


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_a_total_leaves_each_hidden_part_with_three_values_or_more(parts: int) -> None:
    could_be: dict[tuple[str, ...], list[set[int]]] = defaultdict(lambda: [set() for _ in range(parts)])
    for counts in itertools.product(range(18), repeat=parts):
        reads = (*map(disclosure.shown, counts), disclosure.shown_total(counts))
        for values, count in zip(could_be[reads], counts, strict=True):
            values.add(count)
    assert not [
        reads for reads, values in could_be.items() if any(len(v) < 3 for r, v in zip(reads, values, strict=False) if r == "*")
    ]


def test_a_percentage_is_taken_from_rounded_parts() -> None:
    assert disclosure.percent(12, 98) == 10
    assert disclosure.percent(5, 98) is None
    assert disclosure.percent(0, 0) is None


def test_the_score_is_mean_item_score_times_mean_coverage() -> None:
    items = [1.0] * 9 + [0.7, 0.0, 0.0]
    assert round(scores.quality_score(items, [1.0] * 7 + [0.0] * 5), 1) == 47.2
    assert scores.item_score(100, 90, 15) == 0.75


def test_limits_are_drawn_from_twelve_points_on() -> None:
    assert charts.limits([10.0] * 11) is None
    found = charts.limits([10, 12] * 6)
    assert found is not None
    assert (found.mean, round(found.upper, 2), round(found.lower, 2)) == (11, 16.32, 5.68)
    assert found.signals == frozenset()


@pytest.mark.parametrize(
    ("values", "signals"),
    [
        ([10, 12] * 6 + [40], {12}),
        ([10, 12] * 3 + [12, 13, 14, 15, 16, 17, 18], set(range(6, 13))),
        ([10, 11] * 4 + [14, 15] * 4, set(range(16))),
    ],
    ids=["outside the limits", "seven rising", "seven on one side"],
)
def test_a_change_that_chance_does_not_explain_is_signalled(values: list[float], signals: set[int]) -> None:
    found = charts.limits(values)
    assert found is not None
    assert signals <= found.signals


@pytest.mark.parametrize(
    ("rule", "sentence", "wrong"),
    [
        ("t.NHS Number.filled", "NHS Number is always filled", "NHS Number is empty"),
        ("t.LS.one_of", "LS is one of the accepted codes for status", "LS is not one of the accepted codes for status"),
        ("t.DECOM.not_before", "DECOM is not before DOB", "DECOM is before DOB"),
        ("t.A is B.uk_date", "A is B is a real date", "A is B is not a real date"),
        ("t.X.at_most_characters", "X has at most 20 characters", "X has more than 20 characters"),
        ("t.X.filled_when", "X is filled when Y is Z", "X is empty although Y is Z"),
        ("t.rule 148.conditions", "when A is filled, B is filled", "it does not hold that when A is filled, B is filled"),
        ("t.key.unique", "no two rows of a file have the same A and B", "another row has the same A and B"),
    ],
)
def test_a_broken_rule_reads_as_its_opposite(rule: str, sentence: str, wrong: str) -> None:
    assert wording.what_is_wrong(Check(1, "t", rule, sentence, "warn", 10, 1)) == wrong


def test_every_rule_of_the_contracts_has_an_opposite() -> None:
    rules = [rule for table in contracts.load().tables() for rule in table.rules(table.version_order[-1])]
    for rule in rules:
        check = Check(1, rule.table, rule.id, rule.sentence, rule.if_broken, 10, 1)
        assert not wording.what_is_wrong(check).startswith("this rule"), rule.id


@pytest.mark.parametrize(
    ("day", "says"),
    [
        (date(2019, 5, 20), None),
        (date(2019, 5, 21), "nothing has arrived yet for 2019-04."),
        (date(2019, 6, 4), "nothing has arrived for 2019-04."),
    ],
    ids=["in time", "late", "missing"],
)
def test_what_is_late_and_what_is_missing_is_named_with_the_day_since_when_there_are_no_data(
    ledger: Ledger, day: date, says: str | None
) -> None:
    ledger.delivery(HOSPITAL, "2019-03", "episodes", 100)
    ledger.connection.execute("update ledger.delivery set received_at = '2019-04-20', accepted_at = '2019-04-20'")
    ledger.build(as_at=day)
    said = shared_reasons(read(quality_report(None)))
    hospital = "St Helens and Knowsley Teaching Hospitals NHS Trust, Admitted patient care"
    if says:
        assert f"{hospital}: {says}" in said
        assert f"{hospital}: no data since 2019-04-01." in said
    else:
        assert hospital not in said


def test_a_feed_that_never_came_is_overdue_from_its_sharing_agreement_on(ledger: Ledger) -> None:
    ledger.connection.execute(
        """insert into governance.sharing_agreement (agreement, feed, purposes, signed_on, in_force_from, on_ending)
           values ('Schedule 3', %s, '{planning}', '2019-01-15', '2018-10-01', 'stop')""",
        (HOSPITAL,),
    )
    ledger.build(as_at=date(2019, 4, 1))
    words = read(quality_report(None))
    assert "Nothing arrived yet for 2019-02 (due on 20 March 2019): a gap, not a zero." in words


def test_without_a_build_it_says_what_to_do(ledger: Ledger) -> None:
    with pytest.raises(ReportError, match="cares build run"):
        quality_report(None)
    ledger.build()
    with pytest.raises(ReportError, match="no build 99"):
        quality_report(99)


def test_it_goes_into_the_folder_of_reports_under_the_number_of_its_build(ledger: Ledger) -> None:
    first, second = ledger.build(), ledger.build()
    assert quality_report(None) == settings.VAR / "reports" / f"quality_{second}.html"
    assert quality_report(first).name == f"quality_{first}.html"


def test_a_report_of_an_earlier_build_is_not_written_again_with_the_people_of_today(ledger: Ledger) -> None:
    first = ledger.build()
    ledger.people(100, 0)
    before = quality_report(first).read_text(encoding="utf-8")
    ledger.people(100, 0)
    second = ledger.build()
    with pytest.raises(ReportError, match=f"would count the people as they are since build {second}"):
        quality_report(first)
    assert (settings.VAR / "reports" / f"quality_{first}.html").read_text(encoding="utf-8") == before


def test_a_report_that_is_written_late_says_what_is_of_today(ledger: Ledger) -> None:
    first, second = ledger.build(), ledger.build()
    late = f"Written after build {second} began: the people, and what became of each delivery, are those of the day of writing"
    assert late in read(quality_report(first))
    assert "Written after" not in read(quality_report(second))


def test_the_command_makes_the_warehouse_ready_by_itself(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    build = ledger.build()
    made_ready: list[bool] = []
    monkeypatch.setattr("cares.warehouse.ensure_ready", lambda: made_ready.append(True))
    answer = CliRunner().invoke(app, ["quality", str(build)])
    assert answer.output.strip().endswith(f"quality_{build}.html")
    assert made_ready


def test_simulated_data_say_so_and_real_data_do_not(ledger: Ledger) -> None:
    ledger.build()
    assert "SIMULATED" not in read(quality_report(None))
    ledger.simulated()
    assert read(quality_report(None)).count("SIMULATED DATA") >= 3


def test_nothing_arrived_means_not_safe_for_anything(ledger: Ledger) -> None:
    ledger.build()
    words = read(quality_report(None))
    for use in ("direct care", "planning", "money"):
        assert verdict(words, use).startswith("No ")
    assert "No sharing agreement is signed, and no delivery has come." in shared_reasons(words)


def test_a_feed_that_is_agreed_and_never_came_is_named_and_one_that_nobody_signed_for_is_not(ledger: Ledger) -> None:
    ledger.simulated()
    ledger.build()
    words = read(quality_report(None))
    assert shared_reasons(words).count("no delivery has been accepted.") == 1
    hospital = "St Helens and Knowsley Teaching Hospitals NHS Trust, Admitted patient care"
    assert f"{hospital}: no delivery has been accepted." in shared_reasons(words)


def test_a_feed_that_ended_before_anything_was_due_is_named_and_forbids_nothing(ledger: Ledger) -> None:
    every_feed_arrived(ledger)
    ledger.connection.execute(
        """insert into governance.sharing_agreement (agreement, feed, purposes, signed_on, in_force_from, on_ending)
           values ('of the tests', 'council/isah', '{planning}', '2019-04-01', '2019-04-01', 'stop')"""
    )
    ledger.build(as_at=date(2019, 8, 1))
    words = read(quality_report(None))
    assert "Integrated Access St Helens: ended with 2019-03, and nothing of it has come." in shared_reasons(words)
    assert verdict(words, "planning").startswith("With care")


def test_all_feeds_in_time_are_safe_for_planning_and_for_money(ledger: Ledger) -> None:
    every_feed_arrived(ledger)
    ledger.build(as_at=date(2019, 8, 1))
    words = read(quality_report(None))
    assert verdict(words, "planning") == verdict(words, "money") == "Yes No rule speaks against it."


def test_direct_care_waits_for_all_that_real_data_need(ledger: Ledger) -> None:
    every_feed_arrived(ledger)
    ledger.build(as_at=date(2019, 8, 1))
    readiness.take_up()
    words = verdict(read(quality_report(None)), "direct care")
    assert words.startswith("No Not in place yet: ")
    assert "clinical safety, DCB0129 (missing)" in words
    ledger.connection.execute(
        "update governance.readiness set state = 'in place', decided_on = '2019-07-01', kept_at = 'the register of the borough'"
    )
    assert "Not in place" not in read(quality_report(None))


def test_an_overdue_feed_is_named_and_calls_for_care(ledger: Ledger) -> None:
    every_feed_arrived(ledger)
    ledger.build(as_at=date(2019, 8, 9))
    words = read(quality_report(None))
    assert verdict(words, "planning") == "With care See what holds for every use, below."
    said = shared_reasons(words)
    assert "Torus, Tenancies and household members: nothing has arrived yet for 2019-07." in said
    assert "Torus, Tenancies and household members: no data since 2019-07-01." in said
    assert (said.count("nothing has arrived"), said.count("no data since")) == (1, 1)


def test_a_rejected_correction_is_named_although_the_earlier_delivery_stands(ledger: Ledger) -> None:
    every_feed_arrived(ledger)
    ledger.delivery("torus/tenancies", "2019-06", "tenancies", 0, state="rejected", problem="tenancies.csv: is empty (0 bytes)")
    ledger.connection.execute("update ledger.delivery set received_at = '2019-07-31' where state = 'rejected'")
    ledger.build(as_at=date(2019, 8, 1))
    words = read(quality_report(None))
    assert "the last delivery, for 2019-06, was rejected; an earlier one is used." in shared_reasons(words)
    assert "rejected (another delivery of that period is in use): tenancies.csv: is empty (0 bytes)." in words


def test_people_without_nhs_numbers_call_for_care(ledger: Ledger) -> None:
    every_feed_arrived(ledger)
    ledger.people(0, 20)
    ledger.build(as_at=date(2019, 8, 1))
    assert "17% of people have no valid NHS number" in shared_reasons(read(quality_report(None)))


def test_made_up_people_are_judged_by_the_answer_key(ledger: Ledger) -> None:
    ledger.people(20, 0)
    build = ledger.build()
    ledger.judged_by_answer_key(build, people=1_000, recovered=980, linked=2_000, true=2_020, right=1_990)
    words = read(quality_report(None))
    assert (
        "99.5% of the pairs of records that were put together belong together, and 98.5% of those that belong together" in words
    )
    assert "all records of 98.0% of people, and nobody else's" in words
    assert "Signs of error" not in words
    later = ledger.build()
    assert "Signs of error" in read(quality_report(later))


def test_a_handful_of_made_up_pairs_is_not_told_as_a_share(ledger: Ledger) -> None:
    ledger.people(20, 0)
    ledger.judged_by_answer_key(ledger.build(), people=20, recovered=19, linked=7, true=7, right=6)
    assert "There are too few of them to say how many are right." in read(quality_report(None))


def test_without_the_truth_the_signs_of_error_are_told_and_small_numbers_hidden(ledger: Ledger) -> None:
    ledger.people(20, 30)
    ledger.build()
    ledger.connection.execute(
        """insert into person_index.pair_to_decide (record_l, record_r, reason, weight, harm, is_sealed)
           select 'a' || number, 'b', case when number > 12 then 'birth dates' else 'grey' end, 0, 0, number > 14
           from generate_series(1, 40) as number"""
    )
    words = read(quality_report(None))
    assert (
        "15 pairs of records wait for people to decide: alike, with two birth dates *; neither likely nor unlikely enough 10."
        in words
    )
    assert "30 of 50 person records say too little to be joined" in words
    assert "more than 10 person records" not in words


def test_people_who_hold_two_verified_numbers_forbid_direct_care(ledger: Ledger) -> None:
    ledger.people(2, 0)
    ledger.build()
    ledger.connection.execute("update intermediate.int_person_records set is_nhs_number_verified = true")
    ledger.connection.execute(
        """update intermediate.int_person_records set nhs_number = '9434765870'
           where person_record_id = (select max(person_record_id) from intermediate.int_person_records)"""
    )
    ledger.connection.execute(
        "update person_index.membership set person_id = (select min(person_id) from person_index.membership)"
    )
    words = read(quality_report(None))
    assert "* of * people hold two different NHS numbers, each traced and verified." in words
    assert "two people are joined as one" in verdict(words, "direct care")


def test_a_judged_sample_is_told_with_its_interval_and_few_right_links_call_for_care(ledger: Ledger) -> None:
    ledger.people(20, 0)
    ledger.build()
    assert "has not been measured by a clerical sample" in verdict(read(quality_report(None)), "direct care")
    ledger.judged_sample(0.985, 0.957, 0.997)
    words = read(quality_report(None))
    assert "(200 pairs, and * of which they were unsure), 98.5% are right (95% interval 95.7% to 99.7%)" in words
    assert "at least 95.7% of links are right, which is less than 99%" in verdict(words, "direct care")
    ledger.judged_sample(0.999, 0.992, 1.0)
    assert "links are right, which is less" not in verdict(read(quality_report(None)), "direct care")


def test_only_the_deliveries_that_the_build_saw_are_in_it_whatever_the_clock_says(ledger: Ledger) -> None:
    seen = ledger.delivery(HOSPITAL, "2019-03", "episodes", 100)
    build = ledger.build()
    unseen = ledger.delivery(HOSPITAL, "2019-04", "episodes", 100)
    ledger.connection.execute("update ledger.delivery set received_at = '2019-05-01', accepted_at = '2019-05-01'")
    in_build = {delivery.delivery_id: delivery.in_build for delivery in facts.read(build).deliveries[HOSPITAL]}
    assert in_build == {seen: True, unseen: False}


def test_a_failed_build_is_not_safe_and_says_what_readers_see(ledger: Ledger) -> None:
    every_feed_arrived(ledger)
    good = ledger.build(as_at=date(2019, 8, 1))
    ledger.build("failed", as_at=date(2019, 8, 1))
    words = read(quality_report(None))
    assert verdict(words, "planning").startswith("No")
    assert shared_reasons(words).startswith(f"This build failed and was not published. Readers see build {good}.")


def test_what_was_wrong_is_said_in_plain_english_beside_the_period_before(ledger: Ledger) -> None:
    before = ledger.delivery(HOSPITAL, "2019-02", "episodes", 9_900)
    ledger.nhs_numbers(before, 9_900, 280)
    now = ledger.delivery(HOSPITAL, "2019-03", "episodes", 9_870)
    ledger.nhs_numbers(now, 9_870, 312)
    ledger.build()
    assert (
        "In 310 of 9,870 rows of episodes , NHS Number is not an NHS number of ten digits, up from 280 in 2019-02; "
        "the value is left out and the rest of the row is used, and these people cannot be joined to other records "
        "by NHS number." in read(quality_report(None))
    )


def test_a_gap_is_shown_as_a_gap(ledger: Ledger) -> None:
    ledger.simulated()
    for period in ("2019-01", "2019-03"):
        ledger.delivery(HOSPITAL, period, "episodes", 100)
    ledger.build()
    words = read(quality_report(None))
    assert "Nothing arrived for 2019-02 (due on 20 March 2019): a gap, not a zero." in words
    assert "2019-04" not in words
    page = quality_report(None).read_text(encoding="utf-8")
    assert "2 points: no limits are drawn before 12." in page
    assert page.count("<polyline") == 4


def test_the_ledger_is_shown_adding_up_and_says_so_when_it_does_not(ledger: Ledger) -> None:
    good = ledger.delivery(HOSPITAL, "2019-03", "episodes", 9_870, set_aside=312, unreadable=3)
    ledger.build()
    words = read(quality_report(None))
    assert f"2019-03 {good} accepted episodes 10,185 * 10,180 310 0 9,870" in words
    assert "they add up" in words
    ledger.connection.execute("update ledger.delivery_file set received_rows = received_rows + 1")
    words = read(quality_report(None))
    assert f"It does not add up for delivery {good}." in words
    assert "the rows of 2019-03 do not add up in the ledger" in shared_reasons(words)


def test_a_correction_of_one_table_leaves_the_other_tables_of_its_period(ledger: Ledger) -> None:
    first = ledger.delivery("torus/tenancies", "2019-03", "tenancies", 100, set_aside=20)
    ledger.check(first, "tenancies", "tenancies.Address.filled", "Address is always filled", "warn", 120, 30)
    second = ledger.delivery("torus/tenancies", "2019-03", "household_members", 200, set_aside=40)
    ledger.check(second, "household_members", "household_members.Forename.filled", "Forename is always filled", "warn", 240, 50)
    ledger.build()
    words = read(quality_report(None))
    assert "60 of 360 rows are set aside" in words
    assert "In 30 of 120 rows of tenancies , Address is empty" in words
    assert "In 50 of 240 rows of household_members , Forename is empty" in words


def test_no_small_number_stands_anywhere_on_the_page(ledger: Ledger) -> None:
    """Rows 1,003 of which 6 set aside and 4 unreadable: none of the exact numbers may be read, in words or in drawings."""
    held = f"{HOSPITAL}: 6 of 43 rows"
    delivery = ledger.delivery(HOSPITAL, "2019-03", "episodes", 993, set_aside=6, unreadable=4)
    ledger.nhs_numbers(delivery, 999, 6)
    ledger.delivery(HOSPITAL, "2019-04", "episodes", 37, set_aside=6, state="held", reason=held)
    rejecting = ledger.delivery(HOSPITAL, "2019-05", "episodes", 43, state="rejected", reason="episodes: 6 rows break it")
    sentence = "Episode Number is always filled"
    ledger.check(rejecting, "episodes", "episodes.Episode Number.filled", sentence, "reject the delivery", 43, 6)
    build = ledger.build()
    ledger.people(99, 6)
    ledger.outcome(build, "persons", "success", rows=6)
    words = read(quality_report(None))
    for exact in ("993", "999", "1,003", "6 of 43", "6 rows"):
        assert exact not in words
    assert "held : more than the 10% of rows agreed are set aside or unreadable." in words
    assert "rejected : in * of 45 rows of episodes, Episode Number is empty." in words
    assert "100 with a valid NHS number, * without" in words


def test_names_are_text_and_never_markup(ledger: Ledger) -> None:
    evil = "<script>alert(1)</script>"
    delivery = ledger.delivery(HOSPITAL, "2019-03", "episodes", 100, file_name=evil)
    ledger.check(delivery, "episodes", f"episodes.{evil}.filled", f"{evil} is always filled", "warn", 100, 50)
    ledger.delivery(HOSPITAL, "2019-04", "episodes", 0, state="rejected", problem=f"{evil}: is empty (0 bytes)")
    build = ledger.build()
    ledger.outcome(build, evil, evil)
    page = quality_report(None).read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4


def test_what_models_and_builds_said_is_kept_off_the_page(ledger: Ledger) -> None:
    """A database error may quote a row, so no message goes onto the page."""
    build = ledger.build("failed")
    ledger.outcome(build, "persons", "error")
    ledger.connection.execute("update ledger.model_outcome set message = 'invalid date MARKER'")
    ledger.connection.execute("update ledger.build set message = 'MARKER'")
    words = read(quality_report(None))
    assert "MARKER" not in words
    assert "1 model error" in words


def test_the_page_names_no_other_host(ledger: Ledger) -> None:
    page = quality_report(small_borough(ledger)).read_text(encoding="utf-8")
    assert not re.search(r"https?://|//[a-z]|@import|url\(|<script|<iframe|<link(?! rel=\"icon\" href=\"data:)", page)
    assert "default-src 'none'" in page
    assert len(page) < 300_000
