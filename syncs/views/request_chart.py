"""How many requests went to an account, against what it allows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Sum
from django.urls import reverse

from destinations import budget, registry
from destinations.errors import Misconfigured
from destinations.models import AccountHour, Connection
from destinations.pacing import Rules
from syncadmin.lib.charts import Bar, Chart, Part, Series, spark
from syncadmin.lib.spans import gathered
from syncs.views import periods
from syncs.views.periods import Period

SERIES = (Series("requests", "Requests"), Series("attention", "Refused as too many"))
HOUR, DAY = 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Use:
    """One account in the overview: its connections, and what it was asked."""

    connections: Sequence[Connection]
    requests: int
    refused: int
    words: str
    picture: str
    url: str


def of_account(connection: Connection, period: Period) -> Chart:
    """The account's requests, those of all the team's connections to it. One query."""
    hours = AccountHour.objects.filter(team=connection.team_id, account=connection.account_id)
    sums = {"requests": Sum("request_count"), "refused": Sum("refused_count")}
    numbers = periods.summed(hours, "hour", period, sums)
    here = reverse("connection_requests", args=[connection.team.slug, connection.public_id])
    bars = []
    for span, (requests, refused) in zip(period.spans, numbers, strict=True):
        between = "&".join(f"{name}={at}" for name, at in periods.between(span).items())
        parts = (
            Part(requests - refused, f"{here}?{between}&answer=other"),
            Part(refused, f"{here}?{between}&answer=429"),
        )
        bars.append(Bar(period.label(span), period.title(span), parts, f"{here}?{between}"))
    limit, words = allowed(connection, HOUR if period.name == "24h" else DAY)
    unit = "hour" if period.name == "24h" else "day"
    return Chart(
        "requests",
        f"Requests by {unit}",
        f"{period.words}: requests to the account, by all connections to it. {words}",
        SERIES,
        tuple(bars),
        limit,
        words,
    )


def allowed(connection: Connection, seconds: int) -> tuple[int | None, str]:
    """How many requests we may send to its account in so many seconds, and the words for it."""
    rules = _rules(connection)
    unit = "an hour" if seconds == HOUR else "a day"
    windows = [window for window in rules.windows if window.seconds <= seconds] if rules is not None else []
    fits = [int(rules.allowed(window) * seconds / window.seconds) for window in windows if rules is not None]
    if not fits:
        return None, f"The account has no limit for {unit} that we know of."
    kept = connection.account.reserve_percent
    left = f"; {kept}% of its limits are left to your other tools" if kept else ""
    return min(fits), f"At most {min(fits):,} {unit} go to the account{left}."


def of_team(connections: Iterable[Connection], period: Period) -> list[Use]:
    """Each account that the team's connections lead to. `connections` come with their account. One query."""
    by_account: dict[int, list[Connection]] = {}
    for connection in connections:
        by_account.setdefault(connection.account_id, []).append(connection)
    if not by_account:
        return []
    team = next(iter(by_account.values()))[0].team_id
    hours = AccountHour.objects.filter(team=team, account__in=by_account)
    within = hours.filter(hour__gte=period.start, hour__lt=period.end).order_by()
    found = (
        within.annotate(slot=periods.SlotOf("hour"))
        .values_list("account", "slot")
        .annotate(requests=Sum("request_count"), refused=Sum("refused_count"))
    )
    counted: dict[int, dict[int, list[int]]] = {}
    for account, slot, requests, refused in found:
        counted.setdefault(account, {})[slot] = [requests, refused]
    return [_use(ways, period, counted.get(account, {})) for account, ways in by_account.items()]


def _use(ways: list[Connection], period: Period, by_slot: dict[int, list[int]]) -> Use:
    sums = gathered(period.spans, by_slot, 2)
    requests = [one[0] for one in sums]
    seconds, unit = (HOUR, "hour") if period.name == "24h" else (DAY, "day")
    limit, _ = allowed(ways[0], seconds)
    highest = max(requests, default=0)
    share = f"{_percent(highest, limit)} of its {limit:,} at the busiest {unit}" if limit else ""
    title = f"{sum(requests):,} requests; {highest:,} at the busiest {unit}"
    picture = spark(title, [(number, "requests") for number in requests])
    first = ways[0]
    url = reverse(
        "connection_requests", args=[first.team.slug, first.public_id], query=periods.between(period)
    )
    return Use(ways, sum(requests), sum(one[1] for one in sums), share, picture, url)


def _percent(number: int, of: int) -> str:
    share = 100 * number / of
    return "0%" if not number else "under 1%" if share < 1 else f"{share:.0f}%"


def _rules(connection: Connection) -> Rules | None:
    adapter = registry.adapters().get(connection.destination)
    if adapter is None:
        return None
    try:
        return budget.rules(connection.account, adapter.limits_for(connection.options))
    except Misconfigured:
        return None
