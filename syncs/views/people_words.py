"""Where a person is, in words: one plain sentence, who must act, what comes next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from destinations import registry
from destinations.connect import adapter_of
from destinations.errors import Misconfigured
from syncadmin.lib.shown import counted
from syncs.engine.catalogue import GUARD, look_up
from syncs.engine.guard_words import listed
from syncs.engine.standing import IS_THERE, MOVES, NEEDS_SOMEBODY, OfSync, Standing, State
from syncs.engine.whereabouts import Whereabouts
from syncs.models import RejectedRow, Run
from syncs.views import told
from syncs.views.run_words import Place, next_of_refused, next_try

ITSELF = "Nobody: it goes on by itself"
EDITOR = RejectedRow.Who.EDITOR.label
# What a state is called where there is room for a word or two, and the badge's colour.
BADGES: dict[State, tuple[str, str]] = {
    State.REFUSED: ("Refused", "bad"),
    State.INVALID: ("Stopped for its data", "warn"),
    State.IN_DOUBT: ("In doubt", "warn"),
    State.UNSENT: ("Not sent", "warn"),
    State.UNAPPROVED: ("Waits for approval", "warn"),
    State.LEFT_BEHIND: ("Left behind", "warn"),
    State.HELD_BACK: ("Held back", ""),
    State.SENDING: ("On its way", "busy"),
    State.WAITING: ("Waiting", "busy"),
    State.ASKED_FOR: ("Waiting", "busy"),
    State.NEW_THERE: ("Arrived", "good"),
    State.THERE: ("Arrived", "good"),
    State.GONE: ("Not sent", ""),
}
STOPPED_BY = {
    Run.StoppedBy.SIGN_IN: "An admin: the destination needs a new sign-in",
    Run.StoppedBy.DESTINATION: RejectedRow.Who.ADMIN.label,
    Run.StoppedBy.SOURCE: "Whoever looks after the source",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A row's standing in words. `reason` is what was found or answered, `next` what comes by itself, `to_do`
    what whoever must act does; `problem` names the reason in the catalogue.
    """

    standing: Standing
    place: Place
    sentence: str
    badge: str
    tone: str
    who: str
    next: str
    reason: str = ""
    problem: str = ""
    to_do: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def tells_failure(self) -> bool:
        """Whether the last time that it did not arrive still matters."""
        return self.standing.state not in {State.THERE, State.NEW_THERE}

    @property
    def can_be_sent(self) -> bool:
        """Whether a run of this row alone may do some good."""
        never = {*MOVES, State.LEFT_BEHIND, State.UNAPPROVED}
        return bool(self.standing.key_text) and self.standing.state not in never


def tell(standing: Standing) -> Told:
    """What is true of the row now."""
    place = _place_of(standing)
    badge, tone = BADGES[standing.state]
    said = _sentence(standing, place.destination)
    if standing.part and said.startswith("It "):
        said = f"The {place.object.lower()} {said.removeprefix('It ')}"
    row = _telling(standing)
    problem = row.problem if row is not None else ""
    adapter = registry.adapters().get(standing.sync.connection.destination)
    return Told(
        standing,
        place,
        said,
        badge,
        tone,
        _who(standing),
        _next(standing),
        _reason(standing),
        problem,
        look_up(problem, adapter).action if problem else "",
        _notes(standing, place.destination),
    )


def when(at: datetime | None) -> str:
    """A time as it stands in a sentence: "3 November 2026, 14:02 CET"."""
    if at is None:
        return "a day that is not known any more"
    local = timezone.localtime(at)
    return f"{local:%-d %B %Y, %H:%M} {local.tzname()}"


# The sentence


def _sentence(standing: Standing, there: str) -> str:
    entry, failed, newest = standing.entry, standing.failed, standing.of.newest
    number = newest.number if newest is not None else 0
    sent_at = entry.accepted_at if entry is not None else None
    match standing.state:
        case State.REFUSED:
            if failed is None:
                return f"{there} refused it, and it waits to be tried again."
            if failed.problem == "gave_up":
                return f"It was not taken: sending it failed on {when(failed.created_at)}."
            return f"{there} refused it on {when(failed.created_at)}."
        case State.INVALID if failed is not None:
            return f"It was not sent: run #{failed.run.number} stopped it for its data."
        case State.HELD_BACK if failed is not None:
            if failed.problem == GUARD:
                return f"It is held back by the guard “{failed.field}”."
            return "It is held back: an equal row is sent in its place."
        case State.IN_DOUBT:
            at = f" on {when(failed.created_at)}" if failed is not None else ""
            return f"It was sent{at}, and nobody knows whether {there} took it."
        case State.UNSENT:
            return f"It was not sent: run #{number} {_ended(newest)}."
        case State.UNAPPROVED:
            return f"It waits in run #{number}, of which nothing is sent before an admin has approved it."
        case State.LEFT_BEHIND:
            return f"It stayed behind in {there}: its row is known as {standing.match_key or 'another'} now."
        case State.SENDING:
            return f"It is on its way to {there} right now, in run #{number}."
        case State.WAITING:
            return f"It waits in run #{number}, which is under way."
        case State.ASKED_FOR if standing.is_wished_for:
            return f"It is sent again as soon as run #{number} has ended."
        case State.ASKED_FOR:
            return f"Run #{number} was started for it and is about to look at it."
        case State.NEW_THERE:
            return f"It arrived in {there} just now, in run #{number}, which still goes on."
        case State.THERE if entry is not None:
            last = standing.of.last
            if last is not None and last.number > entry.run_number:
                return (
                    f"It is in {there} as it was sent on {when(sent_at)}; no run since had anything new to "
                    "send of it."
                )
            return f"It arrived in {there} on {when(sent_at)}, in run #{entry.run_number}."
    return _gone(standing)


def _ended(run: Run | None) -> str:
    """How a run ended that left rows unsent."""
    if run is not None and run.decision in (Run.Decision.DENIED, Run.Decision.EXPIRED):
        return "was not approved"
    is_cancelled = run is not None and run.status == Run.Status.CANCELLED
    return f"{'was cancelled' if is_cancelled else 'stopped'} before its turn"


def _gone(standing: Standing) -> str:
    failed, last = standing.failed, standing.of.last
    if failed is None:
        return "It was never sent."
    was = "held it back" if failed.stage == RejectedRow.Stage.HELD_BACK else "stopped it for its data"
    is_later = last is not None and last.number > failed.run.number
    since = f"run #{last.number}" if last is not None and is_later else "a later run"
    return (
        f"It was never sent: run #{failed.run.number} {was} on {when(failed.created_at)}, and {since} "
        "did not meet it any more."
    )


def _telling(standing: Standing) -> RejectedRow | None:
    """The row that did not arrive, where the state is because of it."""
    if standing.state == State.LEFT_BEHIND:
        return standing.left_behind
    tells = (State.REFUSED, State.INVALID, State.HELD_BACK, State.IN_DOUBT)
    return standing.failed if standing.state in tells else None


def _reason(standing: Standing) -> str:
    run = standing.of.newest
    if run is not None and standing.state in (State.UNSENT, State.SENDING, State.WAITING):
        return run.stop_reason or run.waits_for
    row = _telling(standing)
    return told.reason(row) if row is not None else ""


# Who, and what next


def _who(standing: Standing) -> str:
    failed = standing.failed
    match standing.state:
        case State.THERE:
            return "Nobody"
        case State.UNSENT:
            run = standing.of.newest
            if run is None or run.status == Run.Status.CANCELLED:
                return "Nobody: the next run sends it"
            return STOPPED_BY.get(Run.StoppedBy(run.stopped_by), EDITOR) if run.stopped_by else EDITOR
        case State.UNAPPROVED:
            return "An admin of the team"
        case State.LEFT_BEHIND:
            return RejectedRow.Who.ADMIN.label
        case State.HELD_BACK:
            if failed is not None and failed.problem == GUARD:
                return "Nobody, unless it should be sent: then whoever edits the sync changes the guard"
            return "Nobody"
        case state if state in MOVES:
            return ITSELF
        case State.GONE:
            return "Nobody, unless it should be sent: then look whether the source still has it"
    return failed.get_who_display() if failed is not None else EDITOR


def _next(standing: Standing) -> str:
    failed, entry, of = standing.failed, standing.entry, standing.of
    said = ""
    match standing.state:
        case State.REFUSED | State.INVALID | State.HELD_BACK | State.IN_DOUBT:
            if failed is not None:
                said = next_try(failed, entry)
            elif entry is not None and entry.refused_fingerprint is not None:
                said = next_of_refused(entry, standing.sync)
            else:
                said = "The next run sends it again."
        case State.UNSENT:
            said = "The next run sends it."
        case State.UNAPPROVED:
            ends_at = of.newest.approval_ends_at if of.newest is not None else None
            return f"It can be approved until {when(ends_at)}; then the run ends without sending."
        case State.WAITING:
            planned = standing.planned
            if planned is not None and planned.batch.due_at > timezone.now():
                return f"Not before {when(planned.batch.due_at)}."
            return "It goes in its turn."
        case State.THERE:
            said = "It is sent again as soon as it changes."
        case State.GONE:
            said = "A run sends it once the model returns it and nothing speaks against it."
        case _:
            return ""
    return f"{said} {next_run(of)}".strip()


def next_run(of: OfSync) -> str:
    """When the sync runs next, or why it does not."""
    if of.active is not None:
        waits = of.active.waits_for_approval
        return f"Run #{of.active.number} {'waits for approval' if waits else 'is under way'}."
    if of.sync.paused:
        return "The sync is paused: whoever edits it must resume it first."
    if of.next_at is not None:
        return f"The next run is due on {when(of.next_at)}."
    if of.follows:
        return f"The sync runs after each good run of {of.follows}."
    return "The sync runs when somebody starts it."


def _notes(standing: Standing, there: str) -> list[str]:
    """What else is true, and would be missed."""
    notes, entry, stopped = [], standing.entry, standing.of.stopped
    if standing.state not in IS_THERE and standing.is_elsewhere_too and entry is not None:
        notes.append(f"What was sent on {when(entry.accepted_at)} is what {there} has of it.")
    if standing.left_behind is not None and not standing.is_asked_by_former_key:
        notes.append(told.reason(standing.left_behind))
    if standing.state in (State.THERE, State.GONE) and standing.of.unlisted_guards:
        notes.append(_unlisted(standing.of))
    if stopped is not None and standing.state is not State.UNSENT:
        ended = _ended(stopped).removesuffix(" before its turn")
        notes.append(f"The sync's last run, #{stopped.number}, {ended}. {stopped.stop_reason}".strip())
    return notes


def _unlisted(of: OfSync) -> str:
    names = listed(f"“{name}”" for name in of.unlisted_guards)
    number = of.last.number if of.last is not None else 0
    return (
        f"In run #{number} {names} held back more rows than are listed; it may be among them. A look in the "
        "source tells."
    )


def of_elsewhere(of: OfSync) -> str:
    """Why a sync may know nothing of somebody, where its state tells; else empty."""
    if of.newest is None:
        return "It has not run yet" + (", and is paused." if of.sync.paused else ".")
    if of.active is not None:
        return f"Run #{of.active.number} is under way."
    if of.stopped is not None and of.stopped.status == Run.Status.STOPPED:
        return f"Its last run, #{of.stopped.number}, stopped."
    if of.unlisted_guards:
        return _unlisted(of)
    if of.last is None:
        return "It has not run over all rows yet."
    return "It is paused." if of.sync.paused else ""


# All of it


def headline(found: Whereabouts, rows: Sequence[Told]) -> str:
    """One sentence for everything that was found."""
    if not rows:
        return "No sync knows of it." if found.elsewhere else "There is no sync yet to look through."
    rest = counted(len(found.elsewhere), "other sync knows", "other syncs know")
    rest = f" {rest} nothing of it." if found.elsewhere else ""
    if len(rows) == 1:
        return f"{rows[0].sentence}{rest}"
    groups = (
        ("needs attention in", NEEDS_SOMEBODY),
        ("is held back in", (State.HELD_BACK,)),
        ("is on its way in", tuple(state for state in MOVES if state not in IS_THERE)),
        ("arrived by", IS_THERE),
        ("was stopped once in", (State.GONE,)),
    )
    parts = [
        f"{words} {names}"
        for words, states in groups
        if (names := _names(one for one in rows if one.standing.state in states))
    ]
    return f"It {listed(parts)}.{rest}"


def _names(rows: Iterable[Told]) -> str:
    names = list(dict.fromkeys(one.standing.sync.name for one in rows))
    return listed(names, most=3) if len(names) <= 3 else counted(len(names), "sync")


def _place_of(standing: Standing) -> Place:
    """Where its record is: of a companion, the object that goes along."""
    sync = standing.sync
    try:
        adapter = adapter_of(sync.connection)
        target = adapter.object(sync.object_key)
    except (Misconfigured, KeyError):  # an adapter that this installation has no more
        return Place(sync.connection.destination, sync.object_key)
    label = target.companion.label if standing.part and target.companion is not None else target.label
    return Place(adapter.label, label, target.note)
