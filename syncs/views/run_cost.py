"""What a run will ask of the account, in words: how many calls, of which limit, for how long."""

from math import ceil

from destinations import budget, registry, waits
from destinations.contract import Mode, ObjectType, Packing, Window
from destinations.errors import Misconfigured
from destinations.models import Connection
from syncs.engine.batches import packing_for
from syncs.models import LedgerEntry, Run, Sync


def cost_words(sync: Sync, rows: int) -> str:
    """What so many rows cost: "About 20,000 people go in 4 jobs: …". Empty where nothing is to be said."""
    adapter = registry.adapters().get(sync.connection.destination)
    target = next((one for one in adapter.objects if one.key == sync.object_key), None) if adapter else None
    if adapter is None or target is None or not rows:
        return ""
    options = sync.connection.options
    packing = packing_for(rows, adapter.packings(target, Mode(sync.mode), options))
    calls, looks = ceil(rows / packing.per_call), _looks(sync, target, packing, rows)
    requests = calls * packing.requests + looks
    called = _counted(calls, "job" if packing.requests > 1 else "call")
    called += f" and {_counted(looks, 'look-up')}" if looks else ""
    what = f"About {rows:,} {target.label.lower()} go in {called}" if rows > 1 else f"1 row goes in {called}"
    if packing.requests > 1:
        what += f" of about {packing.requests} requests each"
    try:
        rules = budget.rules(sync.connection.account, adapter.limits_for(options))
    except Misconfigured:
        return f"{what}."
    if not rules.windows:
        return f"{what}."
    longest = max(rules.windows, key=lambda window: requests / rules.allowed(window) * window.seconds)
    share, seconds = rules.allowed(longest), longest.seconds
    limit = f"the account’s limit of {_told(longest)}"
    used = (
        f"of which Syncadmin uses {share:,}" if share < longest.requests else "all of which Syncadmin may use"
    )
    if requests <= share:
        return f"{what}: under {_span(seconds)} of {limit}, {used}."
    return f"{what}: about {_span(requests / share * seconds)} of {limit}, {used}."


def _looks(sync: Sync, target: ObjectType, packing: Packing, rows: int) -> int:
    """How many look-ups go before the calls: of each batch's own, as many keys at a time as one takes."""
    per_look = target.found_first(Mode(sync.mode), sync.upsert_key)
    if not per_look:
        return 0
    known = LedgerEntry.objects.filter(sync=sync, generation=sync.generation, part=0).exclude(remote_id="")
    batches, rest = divmod(max(0, rows - known.count()), packing.per_batch)
    return batches * ceil(packing.per_batch / per_look) + ceil(rest / per_look)


def use_words(run: Run) -> list[str]:
    """How much of each limit is used now, while the run sends."""
    if run.is_over or run.status != Run.Status.DELIVERING:
        return []
    connection: Connection = run.sync.connection
    adapter = registry.adapters().get(connection.destination)
    if adapter is None:
        return []
    try:
        rules = budget.rules(connection.account, adapter.limits_for(connection.options))
    except Misconfigured:
        return []
    used = budget.used(connection.account, rules)
    return [
        f"{used[window.seconds]:,} of {_told(window)} are used by now; Syncadmin uses at most "
        f"{rules.allowed(window):,}."
        for window in rules.windows
    ]


def _told(window: Window) -> str:
    return f"{window.requests:,} requests in {waits.duration(window.seconds)}"


def _counted(number: int, word: str) -> str:
    return f"1 {word}" if number == 1 else f"{number:,} {word}s"


def _span(seconds: float) -> str:
    """A length of time, rounded up, as people say it: "a minute", "3 minutes", "2 hours"."""
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds > length * 1.5 or seconds == length:
            number = ceil(seconds / length)
            return {1: {"hour": "an hour"}.get(unit, f"a {unit}")}.get(number, f"{number} {unit}s")
    return f"{ceil(seconds)} seconds"
