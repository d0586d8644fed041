"""How an account stands, in words for people: whether it answers, and what of its limits is used."""

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone

from destinations import budget, pacing, registry, waits
from destinations.contract import JSON
from destinations.errors import Misconfigured
from destinations.models import RemoteAccount


def outage_words(account: RemoteAccount, now: datetime) -> str:
    """Whether the account answers, as far as we know."""
    if account.down_since is None:
        return "No outage is known."
    until = account.down_until or account.down_since
    then = (
        f"It is tried again at {_clock(until)}." if until > now else "The next call tries whether it is back."
    )
    return f"It has not been answering since {_clock(account.down_since)}: {account.down_reason} {then}"


def budget_lines(account: RemoteAccount, options: Mapping[str, JSON], now: datetime) -> list[str]:
    """Each limit of the account with its use, then the requests in flight. `options` are a connection's."""
    try:
        limits = registry.adapter(account.destination).limits_for(options)
        rules = budget.rules(account, limits)
    except (registry.UnknownDestination, Misconfigured) as error:
        return [str(error)]
    at = now.timestamp()
    known = pacing.renew(account.budget, rules, "", at)  # without what is past
    lines = []
    for window in rules.windows:
        state = known["windows"][f"{window.seconds:g}"]
        ours, others = sum(used for _, used in state["used"]), (state["foreign"] or [0])[0]
        by_others = f", and {others:,} by others" if others else ""
        lines.append(
            f"{window.requests:,} requests in {waits.duration(window.seconds)}: {ours:,} used by us"
            f"{by_others}; we use at most {rules.allowed(window):,}."
        )
    held = sum(int(holder[0]) for holder in known["holders"].values())
    lines.append(f"At most {rules.concurrency:,} requests in flight at once: {held:,} held now.")
    if account.reserve_percent:
        lines.append(f"{account.reserve_percent}% of every limit is left to the team's other tools.")
    if known["blocked_until"]:
        until = datetime.fromtimestamp(known["blocked_until"], now.tzinfo)
        lines.append(f"The service asked us to wait until {_clock(until)}.")
    if known["throttle"]:
        lines.append("The service refused too many requests at once: fewer go for a while.")
    return lines


def _clock(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"
