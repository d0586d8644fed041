"""Removes a person from all that we keep: ledger, rejected rows, batches, recorded requests.

A person is found by an upsert key (an e-mail address, say) or a primary key; then every row with such a
key is followed by its primary key within its sync, so that former addresses are found too. What we cannot
take apart (a recorded request of 500 records) is blanked whole. The ledger goes last: it is what a second
attempt would start from. Sources and destinations are not touched.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
from django.db import transaction
from django.db.models import Q

from destinations.contract import JSON
from destinations.models import Exchange
from syncadmin.teams.models import Team
from syncs.engine import addresses
from syncs.engine.batches import Payload, outcomes_without, without
from syncs.engine.diff_writer import befores_without
from syncs.engine.guard_kinds import texts_in
from syncs.engine.keys import row_key
from syncs.models import (
    Batch,
    BatchDiff,
    LedgerEntry,
    PlannedRow,
    RejectedRow,
    Run,
    Sync,
    SyncVersion,
    WaitingRetry,
)

FORGOTTEN = "Removed on request."
SHORTEST_TOLD = 6  # signs of a key that cannot be in a text by chance
BATCHES_AT_ONCE = 50


class StillRunning(Exception):
    """A run that may hold the person is under way; it is in `run`."""

    def __init__(self, run: Run) -> None:
        super().__init__(
            f"Run {run.number} of {run.sync} is under way and may hold this person. "
            "Wait for its end or cancel it, then try again."
        )
        self.run = run


@dataclass(slots=True)
class _Person:
    """What a person is known by: `words` as asked for, rows by sync and primary key, every upsert key."""

    words: set[str]
    rows: set[tuple[int, str]] = field(default_factory=set)
    match_keys: set[str] = field(default_factory=set)

    @property
    def texts(self) -> set[str]:
        """What tells the person where it stands in a text."""
        found = self.words | self.match_keys | {key_text for _, key_text in self.rows}
        return {text for text in found if len(text) >= SHORTEST_TOLD}


def look(team: Team, key: str) -> dict[str, int]:
    """How much of a person is kept, by kind. Removes nothing."""
    return _sweep(team, key, remove=False)


def forget(team: Team, key: str) -> dict[str, int]:
    """Remove a person; returns how much of each kind went. StillRunning where a run may hold them."""
    return _sweep(team, key, remove=True)


def _sweep(team: Team, key: str, *, remove: bool) -> dict[str, int]:
    person = _find(team, key)
    if remove:
        active = Run.objects.active().filter(sync_id__in={sync for sync, _ in person.rows})
        if run := active.select_related("sync").first():
            raise StillRunning(run)
    batches = _in_batches(team, person, remove=remove)
    ledger = _of_rows(LedgerEntry, person, Q(team=team, match_key__in=person.words))
    planned = _of_rows(PlannedRow, person, None)
    rejected = RejectedRow.objects.filter(_rejected(team, person))
    counts = {
        "batches": len(batches),
        "requests": _in_exchanges(team, person, batches, remove=remove),
        "reasons of other rows": _in_reasons(team, person, remove=remove),
        "lists of rows to send again": _in_run_keys(team, person, remove=remove),
        "former versions of syncs": _in_versions(team, person, remove=remove),
        "planned rows": sum(found.count() for found in planned),
        "rows that need attention": rejected.count(),
        "sent records": sum(found.count() for found in ledger),
    }
    if remove:
        for found in (*planned, rejected, *ledger):
            found.delete()
    return counts


# Who it is


def _find(team: Team, key: str) -> _Person:
    text = key.strip()
    tidy = addresses.email(text) if "@" in text else addresses.domain(text)
    person = _Person({text, tidy} - {None, ""})  # type: ignore[arg-type]
    syncs = dict(Sync.objects.filter(team=team).values_list("pk", "generation"))
    known = [LedgerEntry.objects.filter(team=team, match_key__in=person.words, part=0)]
    for sync, generation in syncs.items():
        digests = [row_key(word) for word in person.words]
        generations = range(1, generation + 1)
        known.append(LedgerEntry.objects.filter(sync_id=sync, generation__in=generations, key__in=digests))
    for found in known:
        person.rows.update(found.values_list("sync_id", "key_text"))
    told = RejectedRow.objects.filter(
        Q(team=team, match_key__in=person.words, part=0) | Q(sync_id__in=syncs, key_text__in=person.words)
    )
    person.rows.update(told.exclude(key_text="").values_list("sync_id", "key_text"))
    for sync, payload in _payloads(team, person.words):
        person.rows.update(
            (sync, row.key_text)
            for row in map(payload.row, range(len(payload)))
            if {row.key_text, row.match_key, row.former_match} & person.words
        )
    for found in (*_of_rows(LedgerEntry, person, None), RejectedRow.objects.filter(_rejected(team, person))):
        person.match_keys.update(found.filter(part=0).values_list("match_key", flat=True))
    person.match_keys.discard("")
    return person


def _of_rows(model: Any, person: _Person, also: Q | None) -> list[Any]:
    """What the model holds of the person's rows, a query for each sync: their index begins with it."""
    digests: dict[int, list[bytes]] = {}
    for sync, key_text in person.rows:
        digests.setdefault(sync, []).append(row_key(key_text))
    found = [model.objects.filter(sync_id=sync, key__in=keys) for sync, keys in digests.items()]
    if also is not None:
        rest = model.objects.filter(also)
        for sync, keys in digests.items():
            rest = rest.exclude(sync_id=sync, key__in=keys)
        found.append(rest)
    return found


def _rejected(team: Team, person: _Person) -> Q:
    wanted = Q(team=team, match_key__in=person.words)
    for sync, key_text in person.rows:
        wanted |= Q(sync_id=sync, key_text=key_text)
    return wanted


def _payloads(team: Team, words: set[str]) -> Iterator[tuple[int, Payload]]:
    for batch in _batches_with(team, words):
        yield batch.run.sync_id, Payload(bytes(batch.payload))


def _batches_with(team: Team, words: set[str]) -> Iterator[Batch]:
    """Batches whose payload holds one of the words, as JSON has them."""
    marks = [orjson.dumps(word) for word in words]
    batches = Batch.objects.filter(team=team).select_related("run").order_by("pk")
    for batch in batches.iterator(chunk_size=BATCHES_AT_ONCE):
        packed = bytes(batch.payload)
        if packed and any(mark in plain for plain in [zlib.decompress(packed)] for mark in marks):
            yield batch


# Where it is


def _in_batches(team: Team, person: _Person, *, remove: bool) -> list[Batch]:
    """Blank the person's operations; their places and counts stay. Notes every upsert key they had."""
    key_texts = {key_text for _, key_text in person.rows}
    found = []
    for batch in _batches_with(team, person.words | key_texts):
        payload = Payload(bytes(batch.payload))
        sync = batch.run.sync_id
        at = []
        for position in range(len(payload)):
            row = payload.row(position)
            is_theirs = (sync, row.key_text) in person.rows and batch.stage != Batch.Stage.COMPANIONS
            if is_theirs:
                person.match_keys.update({row.match_key, row.former_match} - {""})
            if is_theirs or row.match_key in person.words or (sync, row.owner) in person.rows:
                at.append(position)
        if not at:
            continue
        found.append(batch)
        if remove:
            _blank(batch, at)
    return found


def _blank(batch: Batch, positions: list[int]) -> None:
    changes: dict[str, Any] = {"payload": without(bytes(batch.payload), positions), "last_error": ""}
    if batch.outcomes:
        changes["outcomes"] = outcomes_without(bytes(batch.outcomes), positions, reason=FORGOTTEN)
    Batch.objects.filter(pk=batch.pk).update(**changes)
    place = {"run": batch.run_id, "plan_attempt": batch.plan_attempt, "number": batch.number}
    for diff in BatchDiff.objects.filter(**place):
        BatchDiff.objects.filter(pk=diff.pk).update(befores=befores_without(bytes(diff.befores), positions))


def _in_exchanges(team: Team, person: _Person, batches: list[Batch], *, remove: bool) -> int:
    """Blank what was recorded of requests that carried the person."""
    calls = {(batch.run.public_id, str(batch.pk)) for batch in batches}
    texts = person.texts
    marks = [form.encode() for text in texts for form in {text, orjson.dumps(text).decode()[1:-1]}]
    marks += [mark for text in texts for mark in [ascii_json(text)]]
    written = texts | {quote(text, safe="") for text in texts}
    count = 0
    for sent in Exchange.objects.filter(team=team).order_by("pk").iterator(chunk_size=BATCHES_AT_ONCE):
        bodies = [zlib.decompress(bytes(body)) for body in (sent.request_body, sent.reply_body) if body]
        in_call = (sent.subject, sent.call.partition("-")[0]) in calls and bool(bodies)
        in_bodies = any(mark in body for body in bodies for mark in marks)
        in_words = any(text in part for part in (sent.url, sent.error) for text in written)
        if not (in_call or in_bodies or in_words):
            continue
        count += 1
        if remove:
            Exchange.objects.filter(pk=sent.pk).update(
                request_body=b"", reply_body=b"", url=_cut(sent.url, written), error=_cut(sent.error, written)
            )
    return count


def ascii_json(text: str) -> bytes:
    """A text inside JSON that writes other alphabets as escapes."""
    return "".join(sign if sign.isascii() else _escaped(sign) for sign in text).encode()


def _escaped(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _in_reasons(team: Team, person: _Person, *, remove: bool) -> int:
    """Sentences about other rows may name the person: as their twin, say."""
    count = 0
    wanted = Q(pk__in=[])
    for text in person.texts:
        wanted |= Q(reason__contains=text)
    others = RejectedRow.objects.filter(wanted, team=team).exclude(_rejected(team, person))
    for row in others.only("pk", "reason"):
        count += 1
        if remove:
            RejectedRow.objects.filter(pk=row.pk).update(reason=_cut(row.reason, person.texts))
    return count


def _in_run_keys(team: Team, person: _Person, *, remove: bool) -> int:
    count = 0
    key_texts = {key_text for _, key_text in person.rows}
    with transaction.atomic():
        for run in Run.objects.filter(team=team, keys__isnull=False).only("pk", "keys", "sync_id"):
            left = [key for key in run.keys or () if (run.sync_id, key) not in person.rows]
            if key_texts and len(left) < len(run.keys or ()):
                count += 1
                if remove:
                    Run.objects.filter(pk=run.pk).update(keys=left)
        for waiting in WaitingRetry.objects.filter(team=team).select_for_update():
            left = [key for key in waiting.keys if (waiting.sync_id, key) not in person.rows]
            if len(left) < len(waiting.keys):
                count += 1
                if remove:
                    WaitingRetry.objects.filter(pk=waiting.pk).update(keys=left)
    return count


def _cut(text: str, words: set[str]) -> str:
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "…")
    return text


def _in_versions(team: Team, person: _Person, *, remove: bool) -> int:
    """Former versions name whom a guard held back. Those whom one still holds back stay, as in the guard."""
    count = 0
    texts = {text.casefold() for text in person.words | person.match_keys}
    for version in SyncVersion.objects.filter(team=team).select_related("sync").iterator(chunk_size=50):
        gone = texts - set(texts_in(version.sync.guards))
        guards = version.definition.get("guards")
        if guards and not gone.isdisjoint(texts_in(guards)):
            count += 1
            if remove:
                version.definition["guards"] = _without_texts(guards, gone)
                version.save(update_fields=["definition"])
    return count


def _without_texts(tree: JSON, texts: set[str]) -> JSON:
    if isinstance(tree, dict):
        return {key: _without_texts(one, texts) for key, one in tree.items()}
    if isinstance(tree, list):
        return [_without_texts(one, texts) for one in tree]
    return FORGOTTEN if isinstance(tree, str) and tree.strip().casefold() in texts else tree
