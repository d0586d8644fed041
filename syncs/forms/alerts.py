"""The forms of alerts: a target by its kind, and a rule of one kind whose numbers belong to it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings

from syncadmin.lib.outgoing import Refused, check_written
from syncadmin.teams.models import Team, User
from syncs.alerting.addresses import KINDS, Address, AddressWrong, Part, TargetKind
from syncs.alerting.rules import TEAM_ONLY, Kind
from syncs.alerts.sending import ask_about
from syncs.models import AlertRule, AlertTarget, Sync

LONGEST_WAIT = 24 * 90  # hours
HELP = {
    Kind.CONNECTION: "Its sign-in is no longer good, or it does not answer for ten minutes. One alert, "
    "however many syncs write there.",
    Kind.FAILED: "It cannot go on, and a person must act. Runs that one cause stopped are one alert.",
    Kind.WAITS: "It would change more than is usual, so that somebody must look at it first.",
    Kind.ROWS: "Of the newest run over all rows. Rows that were refused before and wait are counted too.",
    Kind.STALE: "No run over all rows ended well for so long. Of syncs that run by themselves, or have a "
    "rule of their own.",
    Kind.MISSED: "No run began within ten minutes of its time: the one before was still going, or nothing "
    "was there to start it.",
}


class TargetForm(forms.Form):
    """A target of one kind. `address` is what was entered, None where the stored one stays."""

    name = forms.CharField(max_length=100, help_text="What your team calls it, such as “Slack, #data”.")

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        kind: TargetKind,
        team: Team,
        instance: AlertTarget | None = None,
    ) -> None:
        initial = {"name": instance.name if instance else KINDS[kind].label}
        super().__init__(data, initial=initial, auto_id="id_%s")
        self.kind, self.facts, self._team, self._instance = kind, KINDS[kind], team, instance
        self.address: Address | None = None
        self.people: list[User] = []
        for part in self.facts.parts:
            self.fields[part.key] = _part_field(part, is_stored=instance is not None)
        if kind is TargetKind.EMAIL:
            members = list(User.objects.filter(memberships__team=team).order_by("email")[:500])
            self._members = {str(member.pk): member for member in members}
            self.fields["people"] = forms.MultipleChoiceField(
                label="To whom",
                choices=[(key, member.email) for key, member in self._members.items()],
                widget=forms.CheckboxSelectMultiple,
                initial=[str(pk) for pk in instance.people] if instance else [],
                error_messages={"required": "Choose at least one person."},
            )

    def part_fields(self) -> list[forms.BoundField]:
        return [self[part.key] for part in self.facts.parts]

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        others = AlertTarget.objects.filter(team=self._team, name=name)
        if self._instance is not None:
            others = others.exclude(pk=self._instance.pk)
        if others.exists():
            raise forms.ValidationError("The team already has a target with this name.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = dict(super().clean() or {})
        self.people = [self._members[key] for key in cleaned.get("people", ()) if key in self._members]
        if self.errors or not self.facts.parts:
            return cleaned
        entered = {part.key: (cleaned.get(part.key) or "").strip() for part in self.facts.parts}
        if self._instance is not None and not any(
            entered[part.key] for part in self.facts.parts if not part.choices
        ):
            return cleaned
        missing = [part for part in self.facts.parts if part.required and not entered[part.key]]
        for part in missing:
            self.add_error(part.key, "The parts belong together: enter this one, too.")
        if not missing:
            self._make(entered)
        return cleaned

    def _make(self, entered: Mapping[str, str]) -> None:
        try:
            made = self.facts.make(entered)
        except AddressWrong as wrong:
            self.add_error(wrong.part, str(wrong))
            return
        if self.kind is TargetKind.WEBHOOK:  # what a name leads to is looked at when something is sent
            try:
                check_written(entered["url"], settings.ALLOWED_NETWORKS)
            except Refused as refused:
                self.add_error("url", str(refused))
                return
        service, problem = ask_about(made.url) if self.facts.is_asked else ("", "")
        if problem:
            self.add_error(self.facts.parts[0].key, problem)
            return
        self.address = Address(made.url, made.shown or service)


class RuleForm(forms.Form):
    """A rule. Of a stored one the kind stays; `sync` None: for all syncs of the team."""

    kind = forms.ChoiceField(widget=forms.RadioSelect)
    rows = forms.IntegerField(required=False, min_value=0, max_value=100_000_000)
    percent = forms.IntegerField(required=False, min_value=0, max_value=100)
    hours = forms.IntegerField(required=False, min_value=1, max_value=LONGEST_WAIT)
    to_all = forms.ChoiceField(
        choices=[("all", "All targets, those that are added later too"), ("some", "These targets")],
        initial="all",
    )
    targets = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        team: Team,
        sync: Sync | None = None,
        instance: AlertRule | None = None,
    ) -> None:
        super().__init__(data, initial=_initial(instance), auto_id="id_%s")
        self._instance = instance or AlertRule(team=team, sync=sync)
        taken = set() if instance else _taken(team, sync)
        kinds = [
            (value, label)
            for value, label in AlertRule.KINDS
            if (value == instance.kind if instance else value not in taken)
            and (sync is None or Kind(value) not in TEAM_ONLY)
        ]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]
        self.kinds = [(value, label, HELP[Kind(value)]) for value, label in kinds]
        if kinds and not self.initial.get("kind"):
            self.initial["kind"] = kinds[0][0]
        targets = AlertTarget.objects.filter(team=team).order_by("name")
        self._targets = {str(one.public_id): one for one in targets}
        self.fields["targets"].choices = [  # type: ignore[attr-defined]
            (key, one.name) for key, one in self._targets.items()
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = dict(super().clean() or {})
        kind = cleaned.get("kind")
        is_empty = cleaned.get("rows") is None and cleaned.get("percent") is None
        if kind == Kind.ROWS and is_empty and not {"rows", "percent"} & set(self.errors):
            self.add_error("rows", "Enter a number of rows, or a share of them.")
        if kind == Kind.STALE and "hours" not in self.errors and cleaned.get("hours") is None:
            self.add_error("hours", "Enter a number of hours.")
        return cleaned

    @property
    def rule(self) -> AlertRule:
        """The rule as it is wanted; only what belongs to its kind is kept."""
        rule, cleaned = self._instance, self.cleaned_data
        rule.kind = cleaned["kind"]
        is_rows, is_stale = rule.kind == Kind.ROWS, rule.kind == Kind.STALE
        rule.rows, rule.percent = (cleaned["rows"], cleaned["percent"]) if is_rows else (None, None)
        rule.hours = cleaned["hours"] if is_stale else None
        rule.to_all = cleaned["to_all"] == "all"
        return rule

    @property
    def chosen(self) -> Sequence[AlertTarget]:
        if self.cleaned_data["to_all"] == "all":
            return ()
        return [self._targets[key] for key in self.cleaned_data["targets"]]


def _initial(instance: AlertRule | None) -> dict[str, Any]:
    if instance is None:
        return {"percent": 5, "hours": 24}
    return {
        "kind": instance.kind,
        "rows": instance.rows,
        "percent": instance.percent,
        "hours": instance.hours,
        "to_all": "all" if instance.to_all else "some",
        "targets": [str(target.public_id) for target in instance.targets.all()],
    }


def _taken(team: Team, sync: Sync | None) -> set[str]:
    """The kinds of which the team, or the sync, has a rule already."""
    return set(AlertRule.objects.filter(team=team, sync=sync).values_list("kind", flat=True))


def _part_field(part: Part, *, is_stored: bool) -> forms.Field:
    if part.choices:
        return forms.ChoiceField(label=part.label, choices=part.choices, help_text=part.help)
    kept = " Leave it empty to keep what is stored." if is_stored else ""
    widget: forms.Widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    if part.secret:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(
        label=part.label,
        required=part.required and not is_stored,
        help_text=f"{part.help}{kept}",
        max_length=4_000,
        widget=widget,
    )
