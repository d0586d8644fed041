"""Which column probably fills which field, and why: by name, by what names mean, by type and samples. Pure.

A wrong suggestion costs more than a missing one: names must mean the same, and where samples are known they
must fit the field. Without a telling name only what is unmistakable counts: an e-mail address, a profile on
LinkedIn.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from destinations.contract import Companion, Field, Kind
from syncs.forms import sync_samples as samples
from syncs.forms.sync_vocabulary import is_word, meaning_of, words_of

SAME_NAME, SAME_MEANING, BY_SAMPLES = 1.0, 0.9, 0.8
IDS = frozenset({"id"})
LEAST_SHARED = 5  # columns that begin alike: then the first word says nothing


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column as far as it is known: `type` in a word, `samples` a few values that are not empty."""

    name: str
    type: str = ""
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A column that probably fills a field. `reason` is a sentence for people."""

    column: str
    field: Field
    reason: str
    score: float


def suggestions(
    columns: Sequence[Candidate],
    fields: Sequence[Field],
    *,
    companion: Companion | None = None,
    taken_columns: Iterable[str] = (),
    taken_fields: Iterable[str] = (),
) -> list[Suggestion]:
    """The best column for each field that is free, and the best field for each column: both at most once.

    In the order of the fields. A field that cannot be filled gets none. Nor does one that holds the service's
    own ids, unless the column names the service: another system's look the same.
    """
    busy = set(taken_columns)
    free = [one for one in columns if one.name not in busy]
    occupied = set(taken_fields)
    pairs = list(_pairs(free, _first_words(columns), fields, companion))
    pairs += _by_samples(free, fields, {column.name for column, *_ in pairs})
    order = {one.key: at for at, one in enumerate(fields)}
    places = {one.name: at for at, one in enumerate(columns)}
    pairs.sort(key=lambda pair: (-pair[2], order[pair[1].key], places[pair[0].name]))
    found: list[Suggestion] = []
    for column, field, score, reason in pairs:
        if column.name in busy or field.key in occupied or field.read_only:
            continue
        busy.add(column.name)
        occupied.add(field.key)
        found.append(Suggestion(column.name, field, reason, score))
    return sorted(found, key=lambda one: order[one.field.key])


Pair = tuple[Candidate, Field, float, str]


def _pairs(
    columns: Sequence[Candidate],
    first_words: frozenset[str],
    fields: Sequence[Field],
    companion: Companion | None,
) -> Iterable[Pair]:
    """Columns and fields whose names are or mean the same, where the values do not speak against it."""
    prefix = companion.prefix if companion is not None else ""
    by_name: dict[str, list[Field]] = {}
    by_meaning: dict[frozenset[str], list[Field]] = {}
    for field in fields:
        for shape in names_of(field, prefix):
            by_name.setdefault(shape, []).append(field)
        for meaning in _meanings(field, prefix):
            by_meaning.setdefault(meaning, []).append(field)
    for column in columns:
        words = words_of(column.name)
        if words and words[0] in first_words and len(words) > 1:
            words = words[1:]
        shape = "".join(words)
        for field in by_name.get(shape, ()):
            if (told := _fits(field, column)) is not None:
                score = SAME_NAME - 0.02 * (shape != _shape(_own_key(field, prefix)))
                yield column, field, score + 0.03 * bool(told), _reason("It has the same name.", told, field)
        meaning = meaning_of(tuple(words))
        for field in by_meaning.get(meaning, ()) if meaning else ():
            if shape not in names_of(field, prefix) and (told := _fits(field, column)) is not None:
                says = f"“{column.name}” means {field.label or field.key}."
                yield column, field, SAME_MEANING + 0.03 * bool(told), _reason(says, told, field)


def _by_samples(columns: Sequence[Candidate], fields: Sequence[Field], named: set[str]) -> Iterable[Pair]:
    """Columns whose names say nothing known, and whose values can be but one thing."""
    silent = [
        one
        for one in columns
        if one.name not in named and not any(map(is_word, meaning_of(tuple(words_of(one.name)))))
    ]
    for look, told in (("email", "e-mail addresses"), ("linkedin", "profiles on LinkedIn")):
        of_kind = [one for one in fields if _is_the_field_of(look, one)]
        like = [one for one in silent if samples.looks_like(one.samples, look)] if of_kind else []
        if len(like) == 1:
            yield like[0], of_kind[0], BY_SAMPLES, _reason(f"Its values are {told}.", "", of_kind[0])


def _is_the_field_of(look: str, field: Field) -> bool:
    meaning = meaning_of(tuple(words_of(field.label or field.key)))
    return meaning == frozenset({look}) and not field.read_only


def names_of(field: Field, prefix: str = "") -> frozenset[str]:
    """The field's names without signs and case: its key and its label, a companion's with its mark."""
    return _names_of(field.key, field.label, prefix)


@lru_cache(maxsize=8_192)
def _names_of(key: str, label: str, prefix: str) -> frozenset[str]:
    own = [_own(key, prefix), label]
    if prefix and key.startswith(prefix):
        mark = _shape(prefix)
        return frozenset(mark + _shape(one).removeprefix(mark) for one in own if one)
    return frozenset(_shape(one) for one in own if one)


@lru_cache(maxsize=8_192)
def _meanings_of(key: str, label: str, prefix: str) -> frozenset[frozenset[str]]:
    mark = words_of(prefix) if prefix and key.startswith(prefix) else []
    found = {meaning_of((*mark, *words_of(one))) for one in (_own(key, prefix), label) if one}
    return frozenset(one for one in found if one and one != IDS)


def _meanings(field: Field, prefix: str) -> frozenset[frozenset[str]]:
    return _meanings_of(field.key, field.label, prefix)


def _own_key(field: Field, prefix: str) -> str:
    return _own(field.key, prefix)


def _own(key: str, prefix: str) -> str:
    """The key without the mark of a companion or of custom fields."""
    if prefix and key.startswith(prefix):
        return key.removeprefix(prefix)
    return key.rpartition(".")[2] if "." in key else key


def _shape(name: str) -> str:
    return "".join(words_of(name))


def _first_words(columns: Sequence[Candidate]) -> frozenset[str]:
    """A mark before most columns: `C_EMAIL`, `C_CITY`. A word that says something is none."""
    first = Counter(words[0] for one in columns if len(words := words_of(one.name)) > 1)
    return frozenset(
        word
        for word, count in first.items()
        if count >= max(LEAST_SHARED, 0.6 * len(columns)) and not is_word(_idea(word))
    )


def _idea(word: str) -> str:
    return next(iter(meaning_of((word,))), "")


def _fits(field: Field, column: Candidate) -> str | None:
    """What the values say for the field, as the end of a reason; None where they speak against it."""
    if _holds_ids(field) and not _names_the_service(field, column):
        return None
    return samples.fits(field, column.type, column.samples)


def _holds_ids(field: Field) -> bool:
    """Whether it is a number by which the service knows a record of its own."""
    return field.kind is Kind.NUMBER and "id" in words_of(field.key)


def _names_the_service(field: Field, column: Candidate) -> bool:
    """Whether the column says whose ids it holds, as the label does where the key does not."""
    label = _shape(field.label)
    return _shape(column.name) == label != _shape(field.key)


def _reason(says: str, told: str, field: Field) -> str:
    parts = [says, told]
    if field.group and not field.custom:
        parts.append(f"It changes the {field.group.lower()}, not this record alone.")
    if field.help:
        parts.append(f"Know this first: {field.help}")
    return " ".join(part for part in parts if part)


def best_columns(
    columns: Sequence[Candidate], fields: Sequence[Field], companion: Companion | None = None
) -> Mapping[str, Suggestion]:
    """The suggestion for each field that has one, by the field's key."""
    return {one.field.key: one for one in suggestions(columns, fields, companion=companion)}
