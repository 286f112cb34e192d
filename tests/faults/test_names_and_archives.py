"""Files whose names lead elsewhere or say something else, and archives that hold more than they seem to."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cares import settings
from faults.pipeline import AS_PROMISED, Outcome, Pipeline

Seen = Callable[[str], None]
MARCH = "torus/tenancies/2019-03"


def stored_names(pipeline: Pipeline) -> list[str]:
    """The names of the files that were taken, as the ledger has them."""
    return [name for (name,) in pipeline.warehouse.rows("select file_name from ledger.delivery_file order by 1")]


@pytest.mark.parametrize("name", ['"; drop table person; --.csv', "'; drop table ledger.delivery; --.csv", "$(rm -rf x).csv"])
def test_d28_a_file_name_that_is_sql_is_a_name_that_is_no_table(pipeline: Pipeline, seen: Seen, name: str) -> None:
    outcome = pipeline.deliver(MARCH, {**AS_PROMISED, name: AS_PROMISED["tenancies.csv"]})
    seen(f"as a file name: {outcome.state}: the name is not that of a table; {outcome.in_landing} rows in landing")

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert "the name is not that of a table" in outcome.reason
    assert not any(mark in stored for stored in stored_names(pipeline) for mark in "\"';$/")


@pytest.mark.parametrize("leads_to", ["../../../elsewhere/tenancies.csv", "absolute"])
def test_d29_a_link_to_a_file_elsewhere_is_refused_and_stays(
    pipeline: Pipeline, seen: Seen, tmp_path: Path, leads_to: str
) -> None:
    elsewhere = tmp_path / "outbox" / "elsewhere" / "tenancies.csv"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text(AS_PROMISED["tenancies.csv"])
    pipeline.let_time_pass(elsewhere.parent)
    place = pipeline.put(MARCH, {"household_members.csv": AS_PROMISED["household_members.csv"]})
    link = place / "tenancies.csv"
    link.symlink_to(elsewhere if leads_to == "absolute" else leads_to)
    pipeline.let_time_pass(place)

    outcome = pipeline.collect("torus")
    seen(f"a link to a file, {'absolute' if leads_to == 'absolute' else 'with ../'}: {outcome.words}")

    assert outcome.state == "nothing taken"
    assert "tenancies.csv is a link; send the file itself" in outcome.reason
    assert link.is_symlink() and elsewhere.exists() and not kept_in_store()


def test_d29_a_link_to_a_folder_elsewhere_is_refused_and_stays(pipeline: Pipeline, seen: Seen, tmp_path: Path) -> None:
    elsewhere = pipeline.put("../elsewhere", AS_PROMISED)
    link = pipeline.outbox / MARCH
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)

    outcome = pipeline.collect("torus")
    seen(f"a link to a folder: {outcome.words}")

    assert outcome.state == "nothing taken"
    assert "is a link; send the folder itself" in outcome.reason
    assert link.is_symlink() and not kept_in_store()


@pytest.mark.parametrize("name", ["etc\\..\\..\\passwd.csv", "C:\\windows\\passwd.csv", "~root.csv"])
def test_d29_a_name_with_a_path_in_it_is_only_a_name(pipeline: Pipeline, seen: Seen, name: str) -> None:
    outcome = pipeline.deliver(MARCH, {**AS_PROMISED, name: AS_PROMISED["tenancies.csv"]})
    seen(f"a name with a path in it: {outcome.state}: the name is not that of a table; {outcome.in_landing} rows in landing")

    assert (outcome.state, outcome.in_landing) == ("rejected", 0)
    assert not any(mark in stored for stored in stored_names(pipeline) for mark in "\\/:~")


def test_d29_a_name_that_begins_with_dots_is_left_where_it_lies(pipeline: Pipeline, seen: Seen) -> None:
    name = "..\\..\\etc\\passwd.csv"
    outcome = pipeline.deliver(MARCH, {**AS_PROMISED, name: AS_PROMISED["tenancies.csv"]})
    still_there = (pipeline.outbox / MARCH / name).exists()
    seen(f"a name that begins with dots: left in the outbox: {'yes' if still_there else 'no'}; the rest {outcome.words}")

    assert still_there
    assert stored_names(pipeline) == sorted(AS_PROMISED)


def kept_in_store() -> list[Path]:
    """What lies in the protected store beside deliveries."""
    return list((settings.var_folder("store") / "incoming").iterdir())


def packed(files: dict[str, str | bytes], encrypted: bool = False) -> bytes:
    """A zip file of some files; with `encrypted` its directory says that they are."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    content = bytearray(kept.getvalue())
    if encrypted:
        # The flag of encryption stands behind the signature of each entry: 6 bytes after a local one, 8 in the directory.
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            place = -1
            while (place := content.find(signature, place + 1)) >= 0:
                content[place + offset] |= 1
    return bytes(content)


def test_d30_a_plain_zip_file_is_taken(pipeline: Pipeline, seen: Seen) -> None:
    outcome = pipeline.deliver(MARCH, {"march.zip": packed(AS_PROMISED)})
    seen(f"plain: {outcome.words}")

    assert (outcome.state, outcome.accepted) == ("accepted", 24)


def why_not(outcome: Outcome) -> str:
    """Why a zip file was not taken, without its name and without what to do about it."""
    return outcome.reason.removeprefix("torus/tenancies: march.zip ").partition("; ")[0]


BOMB = packed({"tenancies.csv": bytes(300 << 20)})
ARCHIVES = {
    "a bomb of 300 MB": (BOMB, "times its own size when unpacked"),
    "a bomb in an archive": (packed({"tenancies.zip": BOMB}), "holds another archive"),
    "an archive by another name": (packed({"tenancies.csv": packed(AS_PROMISED)}), "holds another archive"),
    "with ../": (packed({"../../etc/tenancies.csv": "x"}), "holds folders, or names that are paths"),
    "with an absolute path": (packed({"/etc/tenancies.csv": "x"}), "holds folders, or names that are paths"),
    "with a backslash": (packed({"..\\tenancies.csv": "x"}), "holds folders, or names that are paths"),
    "encrypted": (packed(AS_PROMISED, encrypted=True), "is encrypted"),
    "10,000 files": (packed({f"{number}.csv": "" for number in range(10_000)}), "more than 100 files"),
    "cut off": (packed(AS_PROMISED)[:-30], "is not a zip file, or was cut off"),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_d30_a_zip_file_that_is_not_plain_is_refused_before_it_is_unpacked(pipeline: Pipeline, seen: Seen, what: str) -> None:
    archive, why = ARCHIVES[what]
    outcome = pipeline.deliver(MARCH, {"march.zip": archive})
    seen(f"{what}: {outcome.state}: {why_not(outcome)}")

    assert outcome.state == "nothing taken"
    assert why in outcome.reason
    assert (pipeline.outbox / MARCH / "march.zip").read_bytes() == archive
    assert not kept_in_store() and not stored_names(pipeline)


def test_d30_a_directory_that_lies_about_the_size_is_found_out_and_nothing_is_kept(pipeline: Pipeline, seen: Seen) -> None:
    lying = bytearray(packed({"tenancies.csv": bytes(50 << 20)}))
    entry = lying.rfind(b"PK\x01\x02")
    lying[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")  # the size unpacked, as the directory has it
    outcome = pipeline.deliver(MARCH, {"march.zip": bytes(lying)})
    seen(f"a size that is a lie: {outcome.state}: {why_not(outcome)}")

    assert outcome.state == "nothing taken"
    assert "march.zip" in outcome.reason
    assert not kept_in_store() and not stored_names(pipeline)
