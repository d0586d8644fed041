"""Which runs to list, and which rows to send again."""

from datetime import datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from destinations.contract import JSON
from syncadmin.lib.paging import public_id
from syncadmin.teams.models import Team
from syncs.engine import attention
from syncs.models import RejectedRow, Run, Sync
from syncs.models.rejected_row import RejectedRowQuerySet

GOING_ON = "going_on"
PERIODS = {"24h": ("Last 24 hours", timedelta(days=1)), "7d": ("Last 7 days", timedelta(days=7))}
# What the rows of a run came to: the words for a choice, and what counts them.
ROWS = {
    "arrived": ("Rows arrived", ("accepted_count",)),
    "held_back": ("Rows held back", ("held_back_count",)),
    "attention": ("Rows that need attention", ("invalid_count", "rejected_count", "in_doubt_count")),
    "invalid": ("Rows stopped for their data", ("invalid_count",)),
    "rejected": ("Rows refused there", ("rejected_count",)),
    "in_doubt": ("Rows in doubt", ("in_doubt_count",)),
}
MOST_ROWS = 500  # that are chosen one by one


class SyncChoice(forms.ModelChoiceField):
    """A sync by its public id."""

    def to_python(self, value: Any) -> Sync | None:
        if value and public_id(str(value)) is None:
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().to_python(value)


def rows_of(kind: str) -> Any:
    """How many rows of a kind runs have, all together."""
    first, *rest = ROWS[kind][1]
    return sum((F(name) for name in rest), F(first))


class MomentField(forms.CharField):
    """A moment as a link has it: `2026-11-07T13:00Z`."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None or not 1970 < at.year < 9000:
            raise forms.ValidationError("The address names a time that is none. Choose days instead.")
        return at


class RunFilter(forms.Form):
    """What the list of runs is narrowed by. What cannot be read narrows nothing, and is said at its field.

    `from` and `to` are moments that a chart's link names; the rest is chosen here.
    """

    sync = SyncChoice(
        queryset=Sync.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label="All syncs",
        error_messages={"invalid_choice": "There is no such sync in this team."},
    )
    status = forms.ChoiceField(
        choices=[
            ("", "Any status"),
            (GOING_ON, "Going on"),
            (Run.Status.APPROVAL, "Waits for approval"),
            (Run.Status.SUCCEEDED, "Succeeded"),
            (Run.Status.ATTENTION, "Needs attention"),
            (Run.Status.STOPPED, "Stopped"),
            (Run.Status.CANCELLED, "Cancelled"),
        ],
        required=False,
    )
    rows = forms.ChoiceField(
        label="With",
        choices=[("", "Any rows"), *((name, words) for name, (words, _) in ROWS.items())],
        required=False,
    )
    period = forms.ChoiceField(
        label="Asked for",
        choices=[("", "At any time"), *((name, words) for name, (words, _) in PERIODS.items())],
        required=False,
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any, *, team: Team) -> None:
        super().__init__(data)
        named = Sync.objects.filter(team=team).order_by("name").only("name", "public_id")
        self.fields["sync"].queryset = named  # type: ignore[attr-defined]
        self.fields |= {name: MomentField(required=False) for name in ("from", "to")}
        self.is_narrowed = any(data.get(name) for name in self.fields)

    def apply(self, runs: QuerySet[Run]) -> QuerySet[Run]:
        """The runs that are asked for; days are the reader's own."""
        self.is_valid()
        asked = self.cleaned_data
        if asked.get("sync"):
            runs = runs.filter(sync=asked["sync"])
        if asked.get("status") == GOING_ON:
            runs = runs.filter(status__in=Run.ACTIVE)
        elif asked.get("status"):
            runs = runs.filter(status=asked["status"])
        if asked.get("rows"):  # a try brings none of its rows there
            some = [Q(**{f"{name}__gt": 0}) for name in ROWS[asked["rows"]][1]]
            runs = runs.filter(reduce(or_, some), dry_run=False)
        if asked.get("period"):
            runs = runs.filter(created_at__gte=timezone.now() - PERIODS[asked["period"]][1])
        if asked.get("from"):
            runs = runs.filter(created_at__gte=asked["from"])
        if asked.get("to"):
            runs = runs.filter(created_at__lt=asked["to"])
        zone = timezone.get_current_timezone()
        if asked.get("since"):
            runs = runs.filter(created_at__gte=datetime.combine(asked["since"], time.min, zone))
        if asked.get("until"):
            after = asked["until"] + timedelta(days=1)
            runs = runs.filter(created_at__lt=datetime.combine(after, time.min, zone))
        return runs

    @property
    def begins_at(self) -> datetime | None:
        """Since when runs are asked for; None: since ever."""
        asked, starts = self.cleaned_data, []
        if asked.get("period"):
            starts.append(timezone.now() - PERIODS[asked["period"]][1])
        if asked.get("since"):
            starts.append(datetime.combine(asked["since"], time.min, timezone.get_current_timezone()))
        if asked.get("from"):
            starts.append(asked["from"])
        return max(starts, default=None)

    def counted(self, runs: QuerySet[Run]) -> tuple[int, int] | None:
        """How many rows of the asked kind these runs have, and how many runs; None where no kind is asked."""
        kind = self.cleaned_data.get("rows")
        if not kind:
            return None
        found = self.apply(runs).order_by().aggregate(rows=Sum(rows_of(kind)), runs=Count("pk"))
        return found["rows"] or 0, found["runs"]


class SendAgainForm(forms.Form):
    """Which rows of a run to send again: ticked ones, a group, a stage, or all that need attention."""

    CHOSEN, GROUP, STAGE, ALL = "chosen", "group", "stage", "all"

    what = forms.ChoiceField(choices=[(CHOSEN, "Ticked"), (GROUP, "Group"), (STAGE, "Stage"), (ALL, "All")])
    stage = forms.ChoiceField(choices=RejectedRow.Stage, required=False)
    problem = forms.CharField(max_length=60, required=False)
    field = forms.CharField(max_length=500, required=False, strip=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        names = self.data.getlist("row") if hasattr(self.data, "getlist") else []
        cleaned["rows"] = [found for name in names[:MOST_ROWS] if (found := public_id(name))]
        if cleaned.get("what") == self.CHOSEN and not cleaned["rows"]:
            raise forms.ValidationError("Tick the rows to send again first.")
        return cleaned

    def choice(self, run: Run) -> dict[str, JSON]:
        """What is meant of the run's rows, as a choice of open rows."""
        asked = self.cleaned_data
        match asked["what"]:
            case self.GROUP:
                return attention.choice(
                    stage=asked["stage"], problem=asked["problem"], field=asked["field"], run=run.number
                )
            case self.STAGE:
                return attention.choice(stage=asked["stage"], run=run.number)
        return attention.choice(run=run.number)

    def rows(self, run: Run) -> RejectedRowQuerySet:
        """The rows that are meant, those of the run alone."""
        asked, found = self.cleaned_data, RejectedRow.objects.filter(run=run)
        match asked["what"]:
            case self.CHOSEN:
                return found.filter(public_id__in=asked["rows"])
            case self.GROUP:
                return found.filter(Q(stage=asked["stage"], problem=asked["problem"], field=asked["field"]))
            case self.STAGE:
                return found.filter(stage=asked["stage"])
        return found
