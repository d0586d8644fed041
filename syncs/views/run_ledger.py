"""Rows of which a run writes nothing down: those without a change, and those whose next try is later.

What is known of them is what the sync knows now, so these lists are of now; their pages say so.
"""

from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, Q, QuerySet

from syncadmin.lib.paging import A_PAGE
from syncs.engine.keys import row_keys
from syncs.models import LedgerEntry, RejectedRow, Run


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


def _page(found: QuerySet[LedgerEntry], start: str, *, back: bool, size: int) -> KnownPage:
    try:
        key = bytes.fromhex(start)
    except ValueError:
        key = b""
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
