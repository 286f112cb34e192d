"""Findings in plain English: what is wrong with how many rows, what follows from it, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from cares import english
from cares.contracts import Feed, Rule, Table
from cares.reports.disclosure import shown
from cares.reports.facts import Check, Delivery, File

SET_ASIDE, VALUE_ASIDE, WARN, REJECT = "set the row aside", "set the value aside", "warn", "reject the delivery"

# How a rule's sentence goes on after the header, and how the same reads where the rule is broken.
_OPPOSITES = (
    (" is always filled", " is empty"),
    (" is filled when ", " is empty although "),
    (" is never the same in two rows of a file", " is the same as in another row"),
    (" has at most ", " has more than "),
    (" is also found in ", " is not found in "),
    (" is not ", " is "),
    (" is ", " is not "),
)

_CODES_IN_A_SENTENCE = 8

_KEY = "no two rows of a file have the same "

_WHAT_FOLLOWS = {
    SET_ASIDE: "these rows are kept out of the linked dataset",
    VALUE_ASIDE: "the value is left out and the rest of the row is used",
    WARN: "the rows are used as they are",
    REJECT: "the delivery was rejected for it",
}

_WHAT_TO_DO = {
    SET_ASIDE: "Ask the sender to correct the rows and send the period again.",
    VALUE_ASIDE: "Ask the sender to correct the value at its source; the next delivery brings it.",
    WARN: "Tell the sender; judge whether a figure that rests on it can be used.",
    REJECT: "Ask the sender to correct the file and send it again.",
}


def header(check: Check) -> str:
    """The header that a check looks at, as the contract writes it; `key` for the key of the table."""
    return check.rule.removeprefix(f"{check.table_name}.").rpartition(".")[0]


def what_is_wrong(check: Check) -> str:
    """The opposite of a rule's sentence: `NHS Number is always filled` becomes `NHS Number is empty`."""
    if check.sentence.startswith(_KEY):
        return f"another row has the same {check.sentence.removeprefix(_KEY)}"
    if check.rule.endswith(".conditions"):
        return f"it does not hold that {check.sentence}"
    subject = header(check)
    says = check.sentence.removeprefix(subject)
    for kept, broken in _OPPOSITES:
        if says.startswith(kept):
            return subject + says.replace(kept, broken, 1)
    return f"this rule is broken: {check.sentence}"


def trend(check: Check, before: Check | None, period_before: str | None) -> str:
    """How a count compares with the period before, in words that start with a comma; empty where there is none."""
    if before is None:
        return ""
    now, then = shown(check.rows_broken), shown(before.rows_broken)
    if now == then:
        return f", as in {period_before}"
    direction = "up" if check.rows_broken > before.rows_broken else "down"
    return f", {direction} from {then} in {period_before}"


def what_follows(check: Check, feed: Feed) -> str:
    """What a broken rule means for those who use the data."""
    follows = _WHAT_FOLLOWS[check.if_broken]
    if check.if_broken in (SET_ASIDE, VALUE_ASIDE, WARN) and is_about_nhs_number(check, feed):
        return f"{follows}, and these people cannot be joined to other records by NHS number"
    return follows


def what_to_do(check: Check) -> str:
    """Who should do what about a broken rule."""
    return _WHAT_TO_DO[check.if_broken] if check.rows_broken else "Nothing."


def why_not_taken(delivery: Delivery, files: Sequence[File], checks: Sequence[Check], feed: Feed) -> str:
    """Why a delivery was rejected, held or withdrawn; the counts in it are fit to be read."""
    if problems := [file.problem for file in files if file.problem]:
        return "; ".join(problems)
    if broken := [check for check in checks if check.rows_broken and check.if_broken == REJECT]:
        return "; ".join(
            f"in {shown(check.rows_broken)} of {shown(check.rows_checked)} rows of {check.table_name}, {what_is_wrong(check)}"
            for check in broken
        )
    received = sum((file.received_rows or 0) - (file.not_needed_rows or 0) for file in files)
    unused = sum((file.set_aside_rows or 0) + (file.unreadable_rows or 0) for file in files)
    limit = feed.file.hold_when_set_aside_above_percent
    if delivery.state == "held" and received and 100 * unused / received > limit:
        return f"more than the {limit:g}% of rows agreed are set aside or unreadable"
    return delivery.reason or "no reason is recorded"


def listed(periods: Sequence[str]) -> str:
    """Periods in a sentence; of more than four, the first three and how many more."""
    if len(periods) > 4:
        return f"{', '.join(periods[:3])} and {len(periods) - 3} more periods"
    return english.all_of(periods)


def is_about_nhs_number(check: Check, feed: Feed) -> bool:
    """Whether the rule looks at a column that should hold a person's NHS number."""
    table = feed.format.tables.get(check.table_name)
    column = table.file.columns.get(header(check)) if table else None
    if table is None or column is None:
        return False
    return any(rule.expect in table.patterns and table.patterns[rule.expect].check == "nhs_number" for rule in column.we_expect)


def how_to_mend(rule: Rule, table: Table, version: str, feed: Feed) -> str:
    """What the sender does about a row that breaks a rule, in words that follow an instruction to correct it."""
    match rule.kind:
        case "filled":
            return "fill it"
        case "filled_when":
            return f"fill it, or correct {rule.argument.column}"
        case "unique" if rule.header is None:
            return f"send each row once; where these are two, correct what should tell them apart: {', '.join(rule.argument)}"
        case "unique":
            return "send each row once; where these are two, give each its own"
        case "not_in_future":
            return "correct the day; it cannot lie after the day on which the file is sent"
        case "not_before":
            return f"correct this day or {rule.argument}, so that they come in that order"
        case "at_most_characters":
            return f"shorten it to at most {rule.argument} characters"
        case "between":
            return f"write a number from {rule.argument[0]:g} to {rule.argument[1]:g}, in digits only"
        case "refers_to":
            other, _, header = rule.argument.partition(".")
            return f"correct it, or send the row of {other} that has it as its {header}"
        case "in_version":
            return "leave this file out, or ask us to take the version of the format that has it"
        case "conditions":
            others = ", here or in the other rows of the same child or person" if rule.argument.looks_at_several_rows else ""
            return f"correct {english.any_of(rule.argument.headers)}{others}"
        case "one_of":
            accepted = [*table.codes(rule.argument, version), *feed.file.local_codes.get(rule.argument, {})]
            if len(accepted) <= _CODES_IN_A_SENTENCE:
                return f"use one of: {', '.join(accepted)}"
            return f"use one of the {len(accepted)} accepted codes, which expectations/README.md lists under {rule.argument}"
        case pattern:
            return f"write it like {table.patterns[pattern].looks_like}"
