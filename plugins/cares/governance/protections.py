"""What every published table asks whenever it is read: who and what must not be seen now, however old the build is.

A build's tables stand in schemas that nobody reads. Readers find views of them, and these views ask the tables and views of
`governance` and `person_index`, so that a withdrawal, a restriction or the end of an agreement needs no build. A column
that begins with `guard_` is there for these questions and is never shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

GUARD = "guard_"
# What tells where somebody lives, in whatever table it stands; hidden of those whose home nobody may find.
TELLS_OF_HOME = frozenset(
    {
        "address", "postcode", "uprn", "phone", "gp_practice_code", "area", "ward_code", "lsoa_code", "household",
        "tenancy_reference", "has_social_housing",
    }
)  # fmt: skip
# What tells that a source knows somebody; it holds as long as one of that source's feeds may be used.
TELLS_OF_SOURCE = {
    "has_childrens_social_care": "person_file",
    "has_adult_social_care": "cld",
    "has_hospital_care": "apc",
    "has_social_housing": "housing",
}
# What is told of somebody as long as one of the feeds that tell it may be used; they stand in the column guard_told_by.
TELLS_OF_PERSON = frozenset(
    {
        "nhs_number", "forename", "surname", "born_on", "died_on", "sex_code", "address", "postcode", "phone", "gp_practice_code",
        "age_band", "has_died",
    }
)  # fmt: skip
TOLD_BY = f"{GUARD}told_by"
# What tells people apart in tables under a pseudonym (meta: quasi_identifiers), not shown of those whom too few are like.
TELLS_APART = frozenset({"age_band", "sex_code", "has_died"})
NOT_SHOWN = "not shown"
KINDS_THAT_TELL_OF_HOME = ("tenancy",)
POLICE = "police_incidents"  # a source that makes nobody known
GENERAL_PRACTICES = "gp_practices"
EMERGENCY = "cares.emergency_person"


@dataclass(frozen=True)
class Use:
    """What a published schema is for: its purpose, the logins that read it, and whether people stand there under pseudonyms."""

    purpose: str
    readers: tuple[str, ...] = ()
    is_pseudonymised: bool = False


# One schema for each agreed use. Nobody but the pipeline reads `linked_care`, which all of them are made from; the Shared
# Care Record is read through its door.
USES: dict[str, Use | None] = {
    "linked_care": None,
    "shared_care_record": Use("direct care"),
    "insight": Use("planning", readers=("analyst",), is_pseudonymised=True),
    "board": Use("board reporting", readers=("analyst", "governance")),
    "partnership": Use("board reporting", readers=("analyst", "governance")),
}


def shown_columns(schema: str, columns: dict[str, str]) -> dict[str, str]:
    """The columns (name -> type) that readers see of a table that a build made with `columns` for a published schema."""
    shown = {column: kind for column, kind in columns.items() if not column.startswith(GUARD)}
    return {"pseudonym": "text", **shown} if _is_under_pseudonym(schema, columns) else shown


def view(
    name: sql.Identifier, built: sql.Identifier, schema: str, build_id: int, before: dict[str, str], columns: dict[str, str]
) -> sql.Composed:
    """The statement that makes or repoints the view `name` of the table `built`, which a build made with `columns` for `schema`.

    Columns of the view as it was `before` stay where they are, new ones come last; one that the build does not have is empty.
    """
    use = USES[schema]
    person = next((column for column in ("person_id", f"{GUARD}person_id") if column in columns), None)
    shown = shown_columns(schema, columns)
    selected: list[sql.Composable] = []
    for column in (*before, *(column for column in shown if column not in before)):
        if column not in shown:
            selected.append(sql.SQL("cast(null as {}) as {}").format(sql.SQL(before[column]), sql.Identifier(column)))
        elif column == "pseudonym" and _is_under_pseudonym(schema, columns):
            selected.append(sql.SQL("pseudonyms.pseudonym"))
        elif use and person:
            selected.append(sql.SQL("{} as {}").format(_protected(use, person, column, columns), sql.Identifier(column)))
        else:
            selected.append(sql.SQL("built.{}").format(sql.Identifier(column)))
    joins, conditions = _questions(schema, use, build_id, person, columns)
    return sql.SQL("create or replace view {} with (security_barrier = {}) as select {} from {} as built{}{}").format(
        name,
        # The barrier keeps a reader's own conditions from being tried on rows that are left out.
        sql.Literal(bool(joins or conditions)),
        sql.SQL(", ").join(selected),
        built,
        sql.SQL("").join(joins),
        sql.SQL(" where ") + sql.SQL(" and ").join(conditions) if conditions else sql.SQL(""),
    )


def _protected(use: Use, person: str, column: str, columns: dict[str, str]) -> sql.Composable:
    """What a view shows in a column of a table about persons that a build made with `columns`."""
    shown: sql.Composable = sql.SQL("built.{}").format(sql.Identifier(column))
    if column == "sources":
        shown = sql.SQL("least({}, known.sources)").format(shown)
    if column in TELLS_OF_SOURCE:
        shown = sql.SQL(
            "({} and built.{} in (select person_id from governance.source_in_use where purpose = {} and source = {}))"
        ).format(shown, sql.Identifier(person), sql.Literal(use.purpose), sql.Literal(TELLS_OF_SOURCE[column]))
    if column in TELLS_OF_PERSON and TOLD_BY in columns:
        told_by = sql.SQL("built.{} -> {}").format(sql.Identifier(TOLD_BY), sql.Literal(column))
        shown = sql.SQL(
            "case when {told_by} is null"
            " or {told_by} ?| (select array_agg(feed) from governance.feed_in_use where purpose = {purpose})"
            " then {shown} else {unknown} end"
        ).format(
            told_by=told_by,
            purpose=sql.Literal(use.purpose),
            shown=shown,
            # Nobody is known to have died of whom nobody says so.
            unknown=sql.SQL("false" if columns[column] == "boolean" else "null"),
        )
    if column in TELLS_OF_HOME:
        shown = sql.SQL("case when restricted.person_id is null then {} end").format(shown)
    if use.is_pseudonymised and column in TELLS_APART:
        shown = sql.SQL("case when alike.person_id is null then {} else {} end").format(
            shown, sql.Literal(NOT_SHOWN) if columns[column] == "text" else sql.SQL("null")
        )
    return shown


def _questions(
    schema: str, use: Use | None, build_id: int, person: str | None, columns: dict[str, str]
) -> tuple[list[sql.Composable], list[sql.Composable]]:
    """What a view joins to, and on what conditions it shows a row."""
    joins: list[sql.Composable] = []
    conditions: list[sql.Composable] = []
    whose = sql.SQL("built.{}").format(sql.Identifier(person)) if person else sql.SQL("null")
    values = {"build": sql.Literal(build_id), "person": whose, "purpose": sql.Literal(use.purpose if use else None)}

    def ask(condition: str) -> None:
        conditions.append(sql.SQL(condition).format(**values))

    if person:
        ask(
            "not exists (select from person_index.withheld_person as withheld"
            " where withheld.build_id = {build} and withheld.person_id = {person})"
        )
    if use is None:
        return joins, conditions
    ask("exists (select from governance.purpose_in_force where purpose = {purpose})")
    if use.readers:
        ask("not exists (select from governance.unaccepted_use where build_id = {build} and purpose = {purpose})")
    if f"{GUARD}feed" in columns:
        ask(f"built.{GUARD}feed in (select feed from governance.feed_in_use where purpose = {{purpose}})")
    if f"{GUARD}care_event_id" in columns:
        ask(
            f"not exists (select from governance.restricted_event as hidden where hidden.care_event_id = built.{GUARD}care_event_id)"
        )
    if not person:
        return joins, conditions
    if f"{GUARD}feed" not in columns:
        ask(
            "exists (select from governance.person_in_use as known where known.purpose = {purpose} and known.person_id = {person})"
        )
    joins.append(
        sql.SQL(
            " left join governance.restricted_person_in_build as restricted"
            " on restricted.build_id = {build} and restricted.person_id = {person}"
        ).format(**values)
    )
    if "sources" in columns:
        joins.append(
            sql.SQL(
                " left join (select person_id, count(distinct source) as sources from governance.source_in_use"
                " where purpose = {purpose} and source <> {police} group by person_id) as known on known.person_id = {person}"
            ).format(police=sql.Literal(POLICE), **values)
        )
    if "kind" in columns:
        values["kinds"] = sql.Literal(list(KINDS_THAT_TELL_OF_HOME))
        ask("(restricted.person_id is null or built.kind <> all({kinds}))")
    if use.is_pseudonymised:
        if TELLS_APART & columns.keys():
            joins.append(
                sql.SQL(
                    " left join governance.widened_person as alike on alike.build_id = {build} and alike.person_id = {person}"
                ).format(**values)
            )
        joins.append(
            sql.SQL(
                " join governance.pseudonym as pseudonyms on pseudonyms.purpose = {purpose} and pseudonyms.person_id = {person}"
            ).format(**values)
        )
        ask("{person} in (select person_id from governance.secondary_use_person where purpose = {purpose})")
        if "organisation" in columns:
            values["practices"] = sql.Literal(GENERAL_PRACTICES)
            ask(
                "(built.organisation <> {practices}"
                " or not exists (select from governance.type_1_person as objector where objector.person_id = {person}))"
            )
    if use.purpose == "direct care":
        # In an emergency the door of the record, through which alone these views are read, names the person whom it is about.
        ask(
            "(exists (select from governance.permitted_record as permitted where permitted.person_id = {person})"
            f" or current_setting('{EMERGENCY}', true) = cast({{person}} as text))"
        )
        if "organisation" in columns:
            ask(
                "not exists (select from governance.objection"
                " where objection.person_id = {person} and objection.organisation = built.organisation)"
            )
    return joins, conditions


def _is_under_pseudonym(schema: str, columns: dict[str, str]) -> bool:
    use = USES[schema]
    return bool(use and use.is_pseudonymised and f"{GUARD}person_id" in columns)
