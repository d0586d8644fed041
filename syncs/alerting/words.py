"""Says what is wrong: what, where, who must act. Plain sentences without a value of a row. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from syncs.alerting.rules import Ended, Kind, SyncFacts, Trouble, is_down, stale_since

NAMED = 3  # syncs that are named; the others are counted
LONGEST_REASON = 500
LONGEST_SHORT = 300  # of a message to a telephone


@dataclass(frozen=True, slots=True)
class Told:
    """An alert in words. `page` is the name of a team's page and the id in its address."""

    title: str
    text: str
    todo: str
    page: tuple[str, UUID | None]


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to a target. `short` is for telephones."""

    title: str
    body: str
    short: str


def tell(trouble: Trouble, now: datetime) -> Told:
    """Say a trouble."""
    if trouble.account is not None:
        return _of_account(trouble, now)
    if trouble.source is not None:
        return Told(
            f"The source “{trouble.source.name}” cannot be read",
            f"{_stopped(trouble.syncs)} {_reason(trouble.syncs)}",
            "Once that is put right, the syncs have to run again.",
            ("source", trouble.source.page),
        )
    return _of_sync(trouble, trouble.syncs[0], now)


def opened(told: Told, team: str, link: str) -> Message:
    body = "\n".join(part for part in (told.text, told.todo, link) if part)
    return Message(f"[{team}] {told.title}", body, _short(f"{told.title}.", link))


def recovered(title: str, team: str, link: str, *, opened_at: datetime, now: datetime) -> Message:
    lasted = _length((now - opened_at).total_seconds())
    text = f"This is over. It lasted {lasted}, since {_clock(opened_at, now)}."
    return Message(
        f"[{team}] Over: {title}", f"{text}\n{link}", _short(f"Over after {lasted}: {title}.", link)
    )


def several(messages: Sequence[Message], team: str, link: str) -> Message:
    """Many messages that wait for one target, as one."""
    titles = [message.title.removeprefix(f"[{team}] ") for message in messages]
    lines = [f"• {title}" for title in titles[:15]]
    if len(titles) > 15:
        lines.append(f"• and {len(titles) - 15:,} more")
    title = f"{len(titles):,} messages about your syncs"
    return Message(f"[{team}] {title}", "\n".join([*lines, link]), _short(f"{title}.", link))


def trial(team: str, name: str, by: str, link: str) -> Message:
    return Message(
        f"[{team}] A test",
        f"{by} tests whether alerts arrive at “{name}”. They do. Nothing is wrong.\n{link}",
        _short(f"A test of Syncadmin's alerts to “{name}”: nothing is wrong.", link),
    )


def _of_account(trouble: Trouble, now: datetime) -> Told:
    account = trouble.account
    assert account is not None  # noqa: S101 - by the caller
    page: tuple[str, UUID | None] = ("connection", account.connection) if account.connection else ("", None)
    syncs = trouble.syncs
    if account.down_since is not None and is_down(account, now):
        stopped = [sync for sync in syncs if sync.stopped is not None]
        waiting = f"{_stopped(stopped)} " if stopped else "Runs that write there wait meanwhile. "
        todo = (
            "Nobody has to act while it lasts: rows are sent once it answers; runs that stopped for it go on "
            "with their next run."
        )
        since = f"It has not been answering since {_clock(account.down_since, now)}."
        text = f"{since} {waiting}{_cut(account.down_reason)}"
        return Told(f"{account.name} is not answering", text.strip(), todo, page)
    if account.needs:
        text = f"{_cut(account.needs)} {_stopped(syncs)}".strip()
        todo = "Once that is put right, these syncs have to run again." if _stopped(syncs) else ""
        return Told(f"{account.name} needs attention", text, todo, page)
    if not any(sync.stopped for sync in syncs):
        names = ", ".join(f"“{sync.name}”" for sync in syncs[:NAMED])
        more = f" and {len(syncs) - NAMED:,} more" if len(syncs) > NAMED else ""
        todo = "Whoever edits the syncs must see why they have not run since."
        return Told(f"{_counted(syncs)} had to wait for {account.name}", f"{names}{more}.", todo, page)
    return Told(
        f"{_counted(syncs)} stopped at {account.name}",
        f"{_stopped(syncs)} {_reason(syncs)}".strip(),
        "Rows that were not sent go with the next run. Whoever looks after the destination must see whether "
        "something is to be put right there first.",
        page,
    )


def _of_sync(trouble: Trouble, sync: SyncFacts, now: datetime) -> Told:
    name = f"“{sync.name}”"
    run: tuple[str, UUID | None] = ("sync", sync.page)
    match trouble.kind:
        case Kind.FAILED:
            stopped = sync.stopped
            assert stopped is not None  # noqa: S101 - it is what was seen
            return Told(
                f"The sync {name} stopped",
                f"Run {stopped.number} stopped at {_clock(stopped.finished_at, now)}. {_cut(stopped.reason)}",
                "Once that is put right, the sync has to run again.",
                ("run", stopped.id),
            )
        case Kind.WAITS:
            return Told(
                f"A run of {name} waits for approval",
                "It would change more than is usual, so nothing of it was sent yet.",
                "An admin of the team must look at what it would change, and approve it or not.",
                ("run", sync.waits),
            )
        case Kind.ROWS:
            ended = sync.last_whole
            assert ended is not None  # noqa: S101 - it is what was seen
            return Told(
                f"{_rows(ended)} of {name} need attention",
                f"That is {_share(ended)} of the {ended.read:,} rows that run {ended.number} read.",
                "Whoever edits the sync, or looks after the data, should see what is wrong with them.",
                ("run", ended.id),
            )
        case Kind.STALE:
            since = stale_since(sync)
            assert since is not None  # noqa: S101 - it is what was seen
            return Told(
                f"{name} has had no success since {_clock(since, now)}",
                "No run over all its rows ended well since."
                if sync.good_at
                else "No run over all its rows has ended well yet.",
                "Whoever edits the sync must see why: whether it ran, and how that ended.",
                run,
            )
        case _:
            return _missed(sync, name, now)


def _missed(sync: SyncFacts, name: str, now: datetime) -> Told:
    if sync.has_broken_schedule or sync.missed_at is None:
        return Told(
            f"The schedule of {name} can no longer be read",
            "So the sync does not run by itself.",
            "Whoever edits the sync must set its schedule anew.",
            ("sync", sync.page),
        )
    at = _clock(sync.missed_at, now)
    if sync.missed_run is not None:
        return Told(
            f"{name} missed its schedule",
            f"It was due at {at}, and no run has begun since: the one before was still going then.",
            "Where this happens often, whoever edits the sync should let it run less often.",
            ("run", sync.missed_run),
        )
    return Told(
        f"{name} missed its schedule",
        f"It was due at {at}, and has not started since.",
        "Whoever runs this server must see whether its workers work.",
        ("sync", sync.page),
    )


def _stopped(syncs: Sequence[SyncFacts]) -> str:
    """Names those whose last run stopped; empty where none did."""
    names = [f"“{sync.name}”" for sync in syncs if sync.stopped is not None]
    if not names:
        return ""
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return f"{'Runs of these syncs' if len(names) > 1 else 'A run of this sync'} stopped: {shown}."


def _reason(syncs: Sequence[SyncFacts]) -> str:
    """Why the newest of them stopped."""
    ended = [sync.stopped for sync in syncs if sync.stopped is not None]
    return _cut(max(ended, key=lambda run: run.finished_at).reason) if ended else ""


def _counted(syncs: Sequence[SyncFacts]) -> str:
    return f"{len(syncs):,} syncs" if len(syncs) != 1 else f"The sync “{syncs[0].name}”"


def _rows(ended: Ended) -> str:
    return f"{ended.attention:,} row{'' if ended.attention == 1 else 's'}"


def _share(ended: Ended) -> str:
    if not ended.read:
        return "all"
    percent = ended.attention * 100 / ended.read
    return f"{percent:.0f}%" if percent >= 1 else "less than 1%"


def _cut(reason: str) -> str:
    reason = " ".join(reason.split())
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"


def _short(text: str, link: str) -> str:
    room = LONGEST_SHORT - len(link) - 1
    text = text if len(text) <= room else f"{text[: max(0, room - 1)]}…"
    return f"{text} {link}"


def _clock(at: datetime, now: datetime) -> str:
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at.day} {at:%B %H:%M} UTC"


def _length(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} days"
