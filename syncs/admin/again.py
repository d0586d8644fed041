"""Starts the runs that send rows again, one per sync, and says what came of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from syncadmin.lib.history import page_of
from syncadmin.lib.shown import counted
from syncadmin.teams.models import User
from syncs.admin.scopes import CALM
from syncs.engine.run import AlreadyRunning, Paused, start
from syncs.models import RejectedRow, Run, Sync

MOST_ROWS = 5_000  # whose keys one run is given


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence for the person who asked, at a level of `django.contrib.messages`."""

    level: int
    text: SafeString


def rows(chosen: QuerySet[RejectedRow], user: User) -> Iterator[Said]:
    """Send the chosen rows again."""
    found = list(chosen.order_by().values_list("sync_id", "key_text", "stage")[: MOST_ROWS + 1])
    if len(found) > MOST_ROWS:
        yield _error(
            "These are more than {} rows; nothing was started. Narrow the list, or start the whole run's "
            "rows again from the list of runs.",
            f"{MOST_ROWS:,}",
        )
        return
    by_sync: dict[int, dict[str, None]] = {}
    keyless = left_behind = 0
    for sync_id, key_text, stage in found:
        if stage == RejectedRow.Stage.LEFT_BEHIND:
            left_behind += 1
        elif not key_text:
            keyless += 1
        else:
            by_sync.setdefault(sync_id, {})[key_text] = None
    for sync in _syncs(by_sync):
        yield _start(sync, list(by_sync[sync.pk]), user)
    if keyless:
        yield _warning(
            "Rows without a primary key cannot be sent again: nothing tells which row of the model they "
            "are. Whoever owns the source's data must give them one; a new run then sends them."
        )
    if left_behind:
        yield _warning(
            "{} left behind at the destination: the row itself arrived, so there is nothing to send. An "
            "admin of the destination must merge or delete the old record there.",
            counted(left_behind, "record was", "records were"),
        )


def runs(chosen: Iterable[Run], user: User) -> Iterator[Said]:
    """Send again what needs attention of these runs; where it is too much to name, all that was refused."""
    by_sync: dict[int, list[int]] = {}
    for run in chosen:
        by_sync.setdefault(run.sync_id, []).append(run.pk)
    for sync in _syncs(by_sync):
        needy = RejectedRow.objects.filter(run__in=by_sync[sync.pk]).exclude(stage__in=CALM)
        keyed = needy.exclude(key_text="").order_by().values_list("key_text", flat=True)
        keys = list(keyed[: MOST_ROWS + 1])
        if len(keys) > MOST_ROWS:
            yield _start(sync, None, user)
        elif keys:
            yield _start(sync, list(dict.fromkeys(keys)), user)
        elif needy.exists():
            yield _warning(
                "The rows of {} that need attention have no primary key, so they cannot be sent again by "
                "themselves. Whoever owns the source's data must give them one; a new run then sends them.",
                sync.name,
            )
        else:
            yield _warning("No row of {} needs attention.", sync.name)


def _syncs(pks: Iterable[int]) -> QuerySet[Sync]:
    return Sync.objects.filter(pk__in=list(pks)).order_by("name", "pk")


def _start(sync: Sync, keys: Sequence[str] | None, user: User) -> Said:
    """Start the retry of these rows; without keys, of all of the sync's refused rows."""
    try:
        run = start(sync, trigger=Run.Trigger.RETRY, started_by=user, keys=keys)
    except Paused as paused:
        return _error("Nothing was started. {}", str(paused))
    except AlreadyRunning as busy:
        return _error(
            'Nothing was started for {}: <a href="{}">run {}</a> is under way. Wait for its end, or cancel '
            "it, then try again.",
            sync.name,
            page_of(busy.run),
            busy.run.number,
        )
    if keys is None:
        return Said(
            messages.SUCCESS,
            format_html(
                '<a href="{}">Run {} of {}</a> was queued. More than {} rows need attention, too many to '
                "name: it reads the whole model, and sends what changed and every row that was refused.",
                page_of(run),
                run.number,
                sync.name,
                f"{MOST_ROWS:,}",
            ),
        )
    return Said(
        messages.SUCCESS,
        format_html(
            '<a href="{}">Run {} of {}</a> was queued to send {} again.',
            page_of(run),
            run.number,
            sync.name,
            counted(len(keys), "row"),
        ),
    )


def _error(text: str, *values: object) -> Said:
    return Said(messages.ERROR, _filled(text, values))


def _warning(text: str, *values: object) -> Said:
    return Said(messages.WARNING, _filled(text, values))


def _filled(text: str, values: Sequence[object]) -> SafeString:
    return format_html(text, *values) if values else SafeString(text)
