"""The form of a model: a name, SQL, and the columns that identify a row."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from syncadmin.teams.models import Team
from syncs.models import QueryModel

LONGEST_SQL = 100_000


class ModelForm(forms.ModelForm):
    """`key` are the columns of the primary key, ticked; `warned` names the warning that was shown."""

    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)
    warned = forms.CharField(required=False, widget=forms.HiddenInput)
    sql = forms.CharField(
        label="SQL",
        max_length=LONGEST_SQL,
        strip=False,  # line numbers count from what stands in the box
        help_text="One SELECT. Its columns can be mapped to fields.",
        widget=forms.Textarea(
            attrs={
                "rows": 10,
                "wrap": "off",
                "spellcheck": "false",
                "autocapitalize": "off",
                "autocomplete": "off",
                "class": "code",
            }
        ),
    )

    class Meta:
        model = QueryModel
        fields = ("name", "sql")
        help_texts = {"name": "What its rows are, such as “Customers” or “Trial sign-ups”."}

    def __init__(self, data: Mapping[str, Any] | None = None, *, team: Team, instance: QueryModel) -> None:
        super().__init__(data, instance=instance, auto_id="id_%s")
        self.instance.team = team
        self.key: list[str] = data.getlist("key") if data is not None else list(instance.primary_key or [])  # type: ignore[attr-defined]
        if instance.pk:
            self.initial["seen_at"] = instance.updated_at.isoformat()

    @property
    def based_on(self) -> datetime | None:
        """The `updated_at` that the person saw."""
        try:
            return parse_datetime(self.cleaned_data.get("seen_at") or "")
        except ValueError:
            return None

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = QueryModel.objects.filter(team=self.instance.team, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise forms.ValidationError("The team already has a model with this name.")
        return name

    def clean_sql(self) -> str:
        """Browsers send line ends of their own; ours are those that are stored."""
        sql: str = self.cleaned_data["sql"]
        if not sql.strip():
            raise forms.ValidationError("Pick a table, or write a query.")
        return sql.replace("\r\n", "\n").replace("\r", "\n")

    def primary_key(self, stored: list[str]) -> list[str]:
        """The ticked columns: in the stored order where they are the same ones."""
        key = list(dict.fromkeys(self.key))
        return list(stored) if set(key) == set(stored) else key

    def see(self, model: QueryModel) -> None:
        """Show the same input over the model as it is now, so that saving again is a decision."""
        self.data = {**self.data.dict(), "seen_at": model.updated_at.isoformat()}  # type: ignore[attr-defined]
