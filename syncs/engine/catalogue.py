"""The reasons for which rows do not arrive, each with what it means, who must act and what to do. Pure.

What any sync may meet stands here; what a destination alone may say, its adapter explains (`problems`), and
an adapter's own words for a shared reason win at its destination.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from destinations.contract import Adapter, Problem, Who

GUARD = "guard"  # of rows that a guard held back: their `field` is the guard's name
AS_IS = "Correct the value in the source, or add a step to the field that does. The next run sends the row."


def _data(code: str, title: str, explanation: str, action: str = AS_IS) -> Problem:
    return Problem(code, title, explanation, action, Who.DATA)


def _editor(code: str, title: str, explanation: str, action: str) -> Problem:
    return Problem(code, title, explanation, action, Who.EDITOR)


def _nobody(code: str, title: str, explanation: str, action: str) -> Problem:
    return Problem(code, title, explanation, action, Who.NOBODY)


OF_DATA = (
    _data(
        "no_primary_key",
        "No primary key",
        "A column of the model's primary key is empty, so that nothing tells which row this is.",
        "Fill the column in the source, or leave such rows out in the model's SQL.",
    ),
    _editor(
        "repeated_primary_key",
        "A primary key that several rows share",
        "Rows are known by their primary key, and these have the same one. None of them is sent, as each "
        "would overwrite the other.",
        "Choose a key in the model that no two rows share, or mend the rows in the source.",
    ),
    _data(
        "no_upsert_key",
        "Nothing to find the record by",
        "The field by which the destination knows its records is empty in this row.",
        "Fill it in the source, or leave such rows out in the model's SQL.",
    ),
    _data(
        "duplicate",
        "Several rows for one record",
        "Rows with different values stand for the same record at the destination, and only one can be right. "
        "None of them is sent.",
        "Merge the rows in the source, let the model choose one, or add a guard that keeps the first.",
    ),
    _editor(
        "empty",
        "An empty value that must not be empty",
        "The sync says that a row without this value needs attention.",
        "Fill the value in the source; or change in the mapping what an empty value means for this field.",
    ),
    _data("not_a_boolean", "Not true or false", "The field takes true or false, and the value is neither."),
    _data("not_a_date", "Not a date", "The field takes a date, and the value cannot be read as one."),
    _data("not_a_domain", "Not a domain", "The field takes a domain like acme.com, and the value is none."),
    _data(
        "not_a_list",
        "Not a list",
        "The field takes a plain list of texts, and the value is something else.",
        "Flatten it in the model's SQL.",
    ),
    _data("not_a_number", "Not a number", "The field takes a number, and the value cannot be read as one."),
    _data(
        "not_a_phone",
        "Not a phone number",
        "The value is no phone number that any country gives out, or there is no country to read it in.",
        "Correct it in the source, or set the country in the field's step for phone numbers.",
    ),
    _data("not_a_time", "Not a time", "The field takes a date with a time, and the value is none."),
    _data("not_an_email", "Not an e-mail address", "The field takes an e-mail address, and this is none."),
    _data(
        "not_finite",
        "A number without end",
        "The value is infinite or not a number at all (NaN), as a division in a query may give.",
        "Mend the division in the model's SQL: nullif(divisor, 0) leaves the value empty.",
    ),
    _data(
        "number_too_large",
        "A number that is too large",
        "The number has more digits than the field or a step can hold without changing it.",
    ),
    _data("out_of_range", "Out of range", "The date is before the year 1 or after the year 9999."),
    _editor(
        "not_in_list",
        "Not one of the field's options",
        "The field is a picklist at the destination, and the value is none of its options.",
        "Add a value map to the field, correct the value in the source, or have the option added at the "
        "destination and refresh the fields.",
    ),
    _editor(
        "closed",
        "An option that cannot be chosen any more",
        "The value is an option of the field, but the destination no longer lets anybody choose it.",
        "Map the value to another option with a value map, or have it opened again at the destination.",
    ),
    _editor(
        "ambiguous_option",
        "A label that several options share",
        "The value is the label of more than one option, so that nobody can tell which is meant.",
        "Send the option's own value instead of its label: a value map can do that.",
    ),
    _data(
        "unlisted",
        "Not in the value map",
        "The field has a value map that says what becomes of each value, and this value is not in it.",
        "Add the value to the map, or correct it in the source.",
    ),
    _editor(
        "template",
        "The template fails",
        "The field's template cannot be worked out with this row's values.",
        "Open the field in the mapping: it shows the template beside rows of the model.",
    ),
    _editor(
        "template_limit",
        "Too much for the template",
        "With this row's values the template takes too long or makes too long a text.",
        "Make the template simpler, or prepare the value in the model's SQL.",
    ),
    _editor(
        "too_costly",
        "Too much for the regular expression",
        "The field's regular expression takes too long with this value.",
        "Make the expression simpler, or prepare the value in the model's SQL.",
    ),
    _editor(
        "too_deep",
        "Nested too deeply",
        "The value is an object within objects, deeper than can be sent.",
        "Pick out what is wanted in the model's SQL.",
    ),
    _data("too_long", "Too long", "The value is a number of thousands of digits."),
    _data(
        "broken_text",
        "A broken text",
        "The text holds a NUL or half a character, which no destination takes.",
        "Remove it in the source: it often comes from a file that was read with the wrong encoding.",
    ),
    _editor(
        "binary",
        "Binary data",
        "The column holds bytes, not text.",
        "Encode it in the model's SQL, or map another column.",
    ),
    _editor(
        "unknown_type",
        "A type that cannot be sent",
        "The column has a type of which there is no plain text.",
        "Cast it in the model's SQL.",
    ),
    _editor(
        "unreadable",
        "A value that cannot be read",
        "A step of the field could not read the value at all.",
        "Cast the column in the model's SQL, or take the step away.",
    ),
    _editor(
        "guard_unsure",
        "A guard cannot tell",
        "A guard of the sync could not tell whether the row may be sent, so that it was not.",
        "Correct the value that the guard looks at, or change the guard.",
    ),
)
HELD = (
    _nobody(
        GUARD,
        "Held back by a guard",
        "A guard of the sync says that this row is not sent. What the destination has of it stays as it is.",
        "Nothing, if that is right. Otherwise change the guard; each run looks at the row again.",
    ),
    _nobody(
        "same_as",
        "The same record twice",
        "Several rows make the very same record. It is sent once; the others are held back.",
        "Nothing. If it should not be so, make the rows differ or leave them out in the model's SQL.",
    ),
    Problem(
        "rekeyed",
        "The old record stays at the destination",
        "The row has another key now. Its values went to a record with the new key, and the one with the old "
        "key was left as it is.",
        "Merge the two records at the destination, or delete the old one there.",
        Who.ADMIN,
    ),
)
REFUSED = (
    _editor(
        "refused",
        "Refused by the destination",
        "The destination did not take the record, in words that are not known here. The reason at the row "
        "quotes them.",
        "Read the reason. Most often a value or the mapping must be corrected; then send the row again.",
    ),
    _data(
        "invalid_key",
        "Refused: a wrong address",
        "The destination does not take the key of this row: the e-mail address, say.",
    ),
    _data(
        "invalid_value",
        "Refused: a value that is not accepted",
        "A value does not fit its field at the destination.",
        "Correct the value in the source or in the sync's mapping, or have it allowed at the destination.",
    ),
    Problem(
        "missing_scope",
        "Refused: a permission is missing",
        "The destination says that whoever is connected may not write these records.",
        "An admin of the destination gives the permission; then send the rows again.",
        Who.ADMIN,
    ),
    _editor(
        "unknown_field",
        "Refused: an unknown field",
        "The destination does not know a field that was sent.",
        "Refresh the fields in the sync's mapping, and map one that is listed.",
    ),
    _data(
        "exists",
        "The record is there already",
        "The sync only creates records, and there is one with this key already, with other values.",
        "Choose the mode upsert if it should be changed, or leave the row out of the model.",
    ),
    _data(
        "missing",
        "There is no such record",
        "The sync only changes records that are there, and none has this key.",
        "Correct the key, or choose the mode upsert if the record should be created.",
    ),
    _data(
        "ambiguous",
        "Several records have this key",
        "More than one record at the destination has this key, so that nobody can tell which is meant.",
        "Merge the duplicates at the destination, or choose another key.",
    ),
    _nobody(
        "gave_up",
        "No answer after several tries",
        "The destination could not be reached for this row, or failed each time. Nothing was applied.",
        "Nothing: the next run tries it again. If it repeats, look at the destination's page.",
    ),
    _nobody(
        "in_doubt",
        "It is not known whether they arrived",
        "A request went out and its answer was lost, so that the record may have been written or not.",
        "Nothing: the next run finds out, or sends it again where that can do no harm.",
    ),
)


@dataclass(frozen=True, slots=True)
class Section:
    """Reasons that belong together; `key` names the section in addresses, `adapter` is whose they are."""

    key: str
    title: str
    problems: tuple[Problem, ...]
    adapter: type[Adapter] | None = None


SHARED = (
    Section("data", "Stopped for their data", OF_DATA),
    Section("held", "Held back, or left behind", HELD),
    Section("refused", "Refused, or in doubt", REFUSED),
)
_SHARED = {problem.code: problem for section in SHARED for problem in section.problems}


def look_up(code: str, adapter: type[Adapter] | None = None) -> Problem:
    """What is known of a reason, at a destination in its own words. One that nobody explains is told so."""
    own = next((one for one in adapter.problems if one.code == code), None) if adapter else None
    return own or _SHARED.get(code) or _unknown(code)


def title_of(code: str, name: str = "", adapter: type[Adapter] | None = None) -> str:
    """What a reason is called above its rows; a guard by its own `name`."""
    return f"Held back by “{name}”" if code == GUARD and name else look_up(code, adapter).title


def sections(adapters: Iterable[type[Adapter]]) -> list[Section]:
    """All of the catalogue: what is shared, then each destination's own."""
    own = [Section(one.key, f"Refused by {one.label}", one.problems, one) for one in adapters if one.problems]
    return [*SHARED, *own]


def _unknown(code: str) -> Problem:
    """A reason of a destination that this installation has no more, or of an older version."""
    return _editor(
        code,
        code.replace("_", " ").capitalize(),
        "Nothing more is known of this reason here.",
        "Read the reason at the row; it says what happened.",
    )
