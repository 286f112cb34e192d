"""What misses the bar of quality waits until a Caldicott guardian or SIRO accepts its risks; what was published stays meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from accepted_deliveries import deliver
from cares import builds, warehouse
from cares.cli import typer_app
from cares.governance import agreements, purposes, sign_off
from cares.governance.agreements import Agreement
from cares.governance.sign_off import SignOffError
from fresh_warehouse import REGISTER_WITHOUT_OPT_OUTS, FreshWarehouse

TODAY = date.today()
TOMORROW = TODAY + timedelta(days=1)
HOSPITAL = "sthk/admitted_patient_care"
RISK = "half of the rows of February could not be read"
SIGNED = Agreement("of the tests", HOSPITAL, ("direct care", "planning", "board reporting"), date(2018, 1, 1), date(2018, 1, 1))


@dataclass
class Story:
    """What was seen at each stage: by analysts, in the linked dataset, in the comment of a table, and what was said."""

    warehouse: FreshWarehouse
    analysts: dict[str, int] = field(default_factory=dict)
    as_at: dict[str, int] = field(default_factory=dict)
    linked: dict[str, int] = field(default_factory=dict)
    board: dict[str, int] = field(default_factory=dict)
    comment: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    builds: dict[str, int] = field(default_factory=dict)

    def look(self, stage: str) -> None:
        self.analysts[stage] = self.warehouse.rows("select count(*) from insight.hospital_stays", role="analyst")[0][0]
        self.linked[stage] = self.warehouse.rows("select count(*) from linked_care.hospital_stays")[0][0]
        self.board[stage] = self.warehouse.rows("select build_id from ledger.shown_build where schema_name = 'board'")[0][0]
        self.comment[stage] = self.warehouse.rows("select obj_description('insight.hospital_stays'::regclass)")[0][0]

    def look_at_the_earlier_day(self, stage: str) -> None:
        self.as_at[stage] = self.warehouse.rows("select count(*) from insight_as_at.hospital_stays", role="analyst")[0][0]
        self.comment[stage] = self.warehouse.rows("select obj_description('insight_as_at.hospital_stays'::regclass)")[0][0]

    def run(self, stage: str, *command: str) -> None:
        result = CliRunner().invoke(typer_app, [*command])
        assert result.exit_code == 0, (result.output, result.exception)
        self.told[stage] = " ".join(result.output.split())


def send(warehouse: FreshWarehouse, month: int, people: list[str], unreadable: int = 0) -> None:
    """One month of hospital stays, of which some rows could not be read."""
    period = (f"2019-{month:02}", date(2019, month, 1), date(2019, month, 28))
    delivery_id = deliver(warehouse, HOSPITAL, period, "period", {
        "episodes": [{
            "nhs_number": number, "local_patient_identifier": number, "hospital_provider_spell_number": f"S{month}{number}",
            "episode_number": "1", "start_date_hospital_provider_spell": f"2019-{month:02}-05",
            "start_date_consultant_episode": f"2019-{month:02}-05", "date_of_birth": "1935-02-28", "sex": "2",
        } for number in people],
    })  # fmt: skip
    with warehouse.connect() as connection:
        connection.execute(
            """update ledger.delivery_file set unreadable_rows = %s, received_rows = landed_rows + %s where delivery_id = %s""",
            (unreadable, unreadable, delivery_id),
        )


def accept(story: Story, stage: str, build_id: int) -> None:
    story.run(
        stage, "sign-off", "accept", str(build_id), "--use", "planning", "--role", "Caldicott guardian", "--name", "C. Guardian",
        "--risk", RISK, "--until", str(TOMORROW),
    )  # fmt: skip
    story.look(stage)


@pytest.fixture(scope="module")
def story(warehouse_of_module: FreshWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A good month, then one of which half could not be read, for planning only under a bar of 10 %."""
    register = tmp_path_factory.mktemp("register") / "purposes.yml"
    entries = yaml.safe_load(REGISTER_WITHOUT_OPT_OUTS.read_text("utf-8"))
    register.write_text(yaml.safe_dump(entries | {"planning": entries["planning"] | {"most_rows_lost_percent": 10}}), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(purposes, "REGISTER", Path(register))
        told = Story(warehouse_of_module)
        send(told.warehouse, 1, ["9990000018"])
        told.builds["good"] = builds.build()
        told.look("good")

        send(told.warehouse, 2, ["9990000026"], unreadable=1)
        told.builds["bad"] = builds.build()
        told.told["bad"] = builds.what_waits(told.builds["bad"]) or ""
        told.look("bad")
        told.run("listed", "sign-off", "list")

        agreements.sign(replace(SIGNED, purposes=("direct care", "board reporting")))
        told.look("the agreement ends meanwhile")
        agreements.sign(SIGNED)

        accept(told, "accepted", told.builds["bad"])
        sign_off.withdraw(1, "more is wrong than was known")
        told.look("withdrawn")
        accept(told, "accepted again", told.builds["bad"])
        with warehouse.connect_as_administrator(told.warehouse.database) as owner:
            owner.execute("update governance.sign_off set until = current_date - 1 where sign_off_id = 2")
        told.look("run out")
        accept(told, "accepted a third time", told.builds["bad"])

        told.builds["as at"] = builds.rebuild(datetime.now(UTC))
        told.look_at_the_earlier_day("earlier day")
        accept(told, "earlier day accepted", told.builds["as at"])
        told.look_at_the_earlier_day("earlier day accepted")

        send(told.warehouse, 2, ["9990000026", "9990000034"], unreadable=2)
        told.builds["other content"] = builds.build()
        told.look("other content")
        agreements.sign(replace(SIGNED, most_rows_lost_percent=50))
        builds.publish(told.builds["other content"])
        told.look("the agreement takes more")
        send(told.warehouse, 3, ["9990000042"])
        builds.build()
        agreements.sign(SIGNED)
        builds.back()
        told.look("a step back")
        yield told


def test_good_data_wait_for_nobody(story: Story) -> None:
    assert (story.analysts["good"], story.linked["good"]) == (1, 1)


def test_below_the_bar_analysts_go_on_seeing_the_last_published_build(story: Story) -> None:
    assert story.analysts["bad"] == 1


def test_direct_care_and_uses_without_a_bar_do_not_wait(story: Story) -> None:
    assert (story.linked["bad"], story.board["bad"]) == (2, story.builds["bad"])


def test_a_banner_tells_readers_that_and_why(story: Story) -> None:
    good, bad = story.builds["good"], story.builds["bad"]
    assert f"Build {good}." in story.comment["bad"]
    assert (
        f"Build {bad} waits for a sign-off for planning (cares sign-off accept {bad} --use 'planning' ...): "
        "sthk/admitted_patient_care: 50.0 % of the rows of 2019-02 are unreadable or set aside; the bar is 10 %."
    ) in story.comment["bad"]
    assert story.told["bad"] in story.comment["bad"]
    assert f"Build {bad} is shown to nobody for planning" in story.told["listed"]


def test_live_protections_apply_to_what_stays(story: Story) -> None:
    assert story.analysts["the agreement ends meanwhile"] == 0


def test_accepted_by_the_guardian_it_is_published_under_their_word(story: Story) -> None:
    assert story.analysts["accepted"] == 2
    assert f"the Caldicott guardian accepts until {TOMORROW}, after which no row is shown: {RISK}." in story.comment["accepted"]
    assert "waits for a sign-off" not in story.comment["accepted"]


def test_withdrawn_or_run_out_it_shows_no_row_at_once(story: Story) -> None:
    assert (story.analysts["withdrawn"], story.analysts["run out"]) == (0, 0)
    assert (story.analysts["accepted again"], story.analysts["accepted a third time"]) == (2, 2)
    assert story.linked["run out"] == 2


def test_an_earlier_day_below_the_bar_waits_as_well(story: Story) -> None:
    assert (story.as_at["earlier day"], story.as_at["earlier day accepted"]) == (0, 2)
    assert f"Build {story.builds['as at']} waits for a sign-off for planning" in story.comment["earlier day"]
    assert f"the Caldicott guardian accepts until {TOMORROW}" in story.comment["earlier day accepted"]
    assert "waits for a sign-off" not in story.comment["earlier day accepted"]


def test_one_step_back_rests_on_what_was_judged_then(story: Story) -> None:
    """The build that the agreement of its day let through is shown again, although today's bar is higher."""
    assert story.analysts["a step back"] == 3


def test_other_content_needs_another_signature(story: Story) -> None:
    assert (story.analysts["other content"], story.linked["other content"]) == (2, 3)
    assert sign_off.recorded()[0].state == "in force"


def test_the_bar_of_the_agreement_goes_before_that_of_the_purpose(story: Story) -> None:
    assert story.analysts["the agreement takes more"] == 3


def test_what_was_signed_is_recorded_with_its_content_and_cannot_be_changed(story: Story) -> None:
    recorded = [one for one in reversed(sign_off.recorded()) if one.build_id == story.builds["bad"]]
    states = [(one.state, one.role, one.risks, len(one.content_hash)) for one in recorded]
    assert states == [(state, "Caldicott guardian", (RISK,), 64) for state in ("withdrawn", "ended", "in force")]
    with pytest.raises(Exception, match="permission denied"), story.warehouse.connect() as connection:
        connection.execute("update governance.sign_off set until = '2099-01-01'")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"role": "head of analysis"}, "only a Caldicott guardian or SIRO accepts risks"),
        ({"name": " "}, "name: is empty"),
        ({"risks": []}, "risk: is missing"),
        ({"until": date(2020, 1, 1)}, "until: 2020-01-01 has passed"),
        ({"build_id": 1}, "Build 1 waits for no sign-off for 'planning'"),
    ],
)
def test_an_acceptance_that_is_none_is_refused(story: Story, change: dict[str, object], problem: str) -> None:
    good = {
        "build_id": story.builds["bad"],
        "purpose": "planning",
        "name": "C",
        "role": "SIRO",
        "risks": [RISK],
        "until": TOMORROW,
    }
    with pytest.raises(SignOffError, match=problem):
        sign_off.accept(**good | change)  # type: ignore[arg-type]
