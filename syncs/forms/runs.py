"""Which runs to list, and which rows to send again."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from syncadmin.lib.paging import public_id
from syncadmin.teams.models import Team
from syncs.models import RejectedRow, Run, Sync
from syncs.models.rejected_row import RejectedRowQuerySet

GOING_ON = "going_on"
MOST_ROWS = 500  # that are chosen one by one


class SyncChoice(forms.ModelChoiceField):
    """A sync by its public id."""

    def to_python(self, value: Any) -> Sync | None:
        if value and public_id(str(value)) is None:
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().to_python(value)


class RunFilter(forms.Form):
    """What the list of runs is narrowed by. What cannot be read narrows nothing, and is said at its field."""

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
            (Run.Status.SUCCEEDED, "Succeeded"),
            (Run.Status.ATTENTION, "Needs attention"),
            (Run.Status.STOPPED, "Stopped"),
            (Run.Status.CANCELLED, "Cancelled"),
        ],
        required=False,
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any, *, team: Team) -> None:
        super().__init__(data)
        named = Sync.objects.filter(team=team).order_by("name").only("name", "public_id")
        self.fields["sync"].queryset = named  # type: ignore[attr-defined]
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
        zone = timezone.get_current_timezone()
        if asked.get("since"):
            runs = runs.filter(created_at__gte=datetime.combine(asked["since"], time.min, zone))
        if asked.get("until"):
            after = asked["until"] + timedelta(days=1)
            runs = runs.filter(created_at__lt=datetime.combine(after, time.min, zone))
        return runs


class SendAgainForm(forms.Form):
    """Which rows of a run to send again: those that are ticked, a group, or all that need attention."""

    CHOSEN, GROUP, ALL = "chosen", "group", "all"

    what = forms.ChoiceField(choices=[(CHOSEN, "Ticked"), (GROUP, "Group"), (ALL, "All")])
    stage = forms.ChoiceField(choices=RejectedRow.Stage, required=False)
    problem = forms.CharField(max_length=60, required=False)
    field = forms.CharField(max_length=200, required=False, strip=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        names = self.data.getlist("row") if hasattr(self.data, "getlist") else []
        cleaned["rows"] = [found for name in names[:MOST_ROWS] if (found := public_id(name))]
        if cleaned.get("what") == self.CHOSEN and not cleaned["rows"]:
            raise forms.ValidationError("Tick the rows to send again first.")
        return cleaned

    def rows(self, run: Run) -> RejectedRowQuerySet:
        """The rows that are meant, those of the run alone."""
        asked, found = self.cleaned_data, RejectedRow.objects.filter(run=run)
        match asked["what"]:
            case self.CHOSEN:
                return found.filter(public_id__in=asked["rows"])
            case self.GROUP:
                return found.filter(Q(stage=asked["stage"], problem=asked["problem"], field=asked["field"]))
        return found
