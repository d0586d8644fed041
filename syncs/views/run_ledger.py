"""Rows of which a run writes little down: without a change, tried again later, or no longer in the model.

What is known of them is what the sync knows now, so these lists are of now; their pages say so.
"""

from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q, QuerySet

from syncadmin.lib.paging import A_PAGE
from syncs.engine.keys import row_keys
from syncs.models import LedgerEntry, LeftRows, RejectedRow, Run

KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class KnownPage:
    """Some rows that the sync knows; `newer` and `older` are what to go on from, in hexadecimal."""

    rows: list[LedgerEntry] = field(default_factory=list)
    newer: str = ""
    older: str = ""


def unchanged(run: Run, *, start: str, back: bool = False, size: int = A_PAGE) -> KnownPage:
    """Rows that arrived before this run and were not sent since."""
    found = LedgerEntry.objects.filter(
        sync=run.sync_id,
        generation=run.generation,
        part=0,
        fingerprint__isnull=False,
        run_number__lt=run.number,
    )
    if run.keys is not None and len(run.keys) <= Run.MOST_KEYS:
        found = found.filter(key__in=row_keys(run.keys))
    return _page(found, start, back=back, size=size)


def deferred(run: Run, *, start: str, back: bool = False, size: int = A_PAGE) -> KnownPage:
    """Rows that were refused before this run, and whose next try comes after it."""
    told = RejectedRow.objects.filter(
        sync=run.sync_id, key_text=OuterRef("key_text"), run=run, stage=RejectedRow.Stage.REJECTED
    )
    found = LedgerEntry.objects.filter(
        ~Exists(told),
        Q(next_try_run__gt=run.number) | Q(next_try_at__gt=run.planned_at or run.created_at),
        sync=run.sync_id,
        generation=run.generation,
        refused_fingerprint__isnull=False,
    )
    return _page(found, start, back=back, size=size)


def left(run: Run, *, start: str, back: bool = False, size: int = A_PAGE) -> KnownPage:
    """Rows that were sent before and that a dry run did not find in the model."""
    kept = LeftRows.objects.filter(run=run, plan_attempt=run.plan_attempt)
    key = _key(start)
    if key:
        kept = kept.filter(number__lte=key[0]) if back else kept.filter(number__gte=_span_of(kept, key))
    keys: list[bytes] = []
    for packed in kept.order_by("-number" if back else "number").values_list("keys", flat=True).iterator():
        some = [bytes(packed[at : at + KEY_BYTES]) for at in range(0, len(packed), KEY_BYTES)]
        some = [one for one in some if not key or (one < key if back else one > key)]
        keys += some[::-1] if back else some
        if len(keys) > size:
            break
    if back and len(keys) < size:
        return left(run, start="", size=size)
    known = LedgerEntry.objects.filter(sync=run.sync_id, generation=run.generation, key__in=keys[: size + 1])
    return _page(known, start, back=back, size=size)


def _span_of(kept: QuerySet[LeftRows], key: bytes) -> int:
    """The number under which the key is kept, or would be."""
    found = kept.filter(number__lte=key[0]).order_by("-number").values_list("number", flat=True)
    return found.first() or 0


def _page(found: QuerySet[LedgerEntry], start: str, *, back: bool, size: int) -> KnownPage:
    key = _key(start)
    rows = found.order_by("-key" if back else "key").defer("record")
    if key:
        rows = rows.filter(key__lt=key) if back else rows.filter(key__gt=key)
    shown = list(rows[: size + 1])
    is_more = len(shown) > size
    shown = shown[:size]
    if back:
        shown.reverse()
        if key and not is_more and len(shown) < size:
            return _page(found, "", back=False, size=size)
    if not shown:
        return KnownPage()
    has_newer = is_more if back else bool(key)
    return KnownPage(
        shown,
        bytes(shown[0].key).hex() if has_newer else "",
        bytes(shown[-1].key).hex() if back or is_more else "",
    )


def _key(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
