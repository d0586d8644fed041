"""What the rows of runs came to, over time: for the overview and a sync's page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Sum
from django.urls import reverse

from syncadmin.lib.charts import Bar, Chart, Part, Series, spark
from syncadmin.lib.spans import Span
from syncadmin.teams.models import Team
from syncs.forms.runs import ROWS, rows_of
from syncs.models import Run, Sync
from syncs.templatetags.runs import STATES
from syncs.views import periods
from syncs.views.periods import Period

SERIES = (
    Series("arrived", "Arrived"),
    Series("held_back", "Held back"),
    Series("attention", "Need attention"),
)
SECONDS = Series("quiet", "Seconds")
KINDS = tuple(ROWS)
SHORT_WORDS = {
    name: words.removeprefix("Rows ").removeprefix("that ").capitalize() for name, (words, _) in ROWS.items()
}


@dataclass(frozen=True, slots=True)
class Total:
    """Rows of a kind, and the address of the runs that they are of."""

    kind: str
    words: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Counted:
    """A chart, and its sums by kind."""

    chart: Chart
    totals: Sequence[Total]


def of_runs(team: Team, period: Period) -> Counted:
    """The rows of all the team's runs that were asked for in the period. One query."""
    runs = Run.objects.filter(team=team, dry_run=False)
    sums = {f"{kind}_rows": Sum(rows_of(kind)) for kind in KINDS}
    numbers = periods.summed(runs, "created_at", period, sums)
    by_kind = {kind: [one[at] for one in numbers] for at, kind in enumerate(KINDS)}
    bars = []
    for at, span in enumerate(period.spans):
        parts = tuple(
            Part(by_kind[series.key][at], _listed(team, span, rows=series.key)) for series in SERIES
        )
        bars.append(Bar(period.label(span), period.title(span), parts, _listed(team, span)))
    chart = Chart(
        "rows",
        f"Rows by {'hour' if period.name == '24h' else 'day'}",
        f"{period.words}: how many rows arrived, were held back, or need attention. A bar leads to its runs.",
        SERIES,
        tuple(bars),
    )
    totals = [
        Total(kind, SHORT_WORDS[kind], sum(by_kind[kind]), _listed(team, period, rows=kind))
        for kind in KINDS
        if kind != "attention"  # told in its parts
    ]
    return Counted(chart, totals)


def of_sync(sync: Sync, runs: Sequence[Run]) -> Chart:
    """The last runs of a sync, given the newest first; each bar leads to its run's rows."""
    team = sync.team.slug
    bars = []
    for run in reversed(runs):
        rows = reverse("run_rows", args=[team, run.public_id])
        counts = (
            (run.accepted_count, "arrived"),
            (run.held_back_count, "held_back"),
            (run.attention_count, "attention"),
        )
        bars.append(
            Bar(
                f"#{run.number}",
                f"Run {run.number}, {STATES[run.status][0].lower()}",
                tuple(Part(count, f"{rows}?show={show}") for count, show in counts),
                reverse("run", args=[team, run.public_id]),
            )
        )
    return Chart(
        "last",
        "Rows of the last runs",
        "How many rows of each run arrived, were held back, or need attention. A bar leads to its rows.",
        SERIES,
        tuple(bars),
    )


def times_of_sync(sync: Sync, runs: Sequence[Run]) -> Chart:
    """How long the last runs took, given the newest first; each bar leads to its run."""
    bars = []
    for run in reversed(runs):
        here = reverse("run", args=[sync.team.slug, run.public_id])
        seconds = round(run.took.total_seconds()) if run.took is not None else 0
        title = f"Run {run.number}, {STATES[run.status][0].lower()}"
        bars.append(Bar(f"#{run.number}", title, (Part(seconds, here),), here))
    words = "How many seconds each run took. A bar leads to its run."
    return Chart("times", "Seconds that the last runs took", words, (SECONDS,), tuple(bars))


TONES = {Run.Status.STOPPED: "stopped", Run.Status.CANCELLED: "quiet", Run.Status.ATTENTION: "attention"}


def picture(runs: Sequence[Run]) -> str:
    """How a sync's last runs ended and how much each moved, the newest at the right; "" where none ended."""
    over = [run for run in runs if run.is_over]
    if not over:
        return ""
    ends = Counter(STATES[run.status][0].lower() for run in over)
    told = ", ".join(f"{count} {words}" for words, count in ends.items())
    bars = [(run.accepted_count, TONES.get(Run.Status(run.status), "succeeded")) for run in reversed(over)]
    title = f"The last {len(over)} runs: {told}" if len(over) > 1 else f"The last run: {told[2:]}"
    return spark(title, bars)


def _listed(team: Team, span: Span | Period, **narrowed: str) -> str:
    return reverse("runs", args=[team.slug], query=narrowed | periods.between(span))
