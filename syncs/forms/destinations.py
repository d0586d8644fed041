"""The forms of a destination's connection."""

from collections.abc import Mapping
from typing import Any

from django import forms

from destinations.contract import Adapter, Setting
from destinations.models import Connection
from destinations.setting_form import SettingForm
from syncadmin.lib.crypto import Secret
from syncadmin.teams.models import Team

SAME, OTHER = "same", "other"


class ConnectionForm(forms.ModelForm):
    """A connection's name, and the share of the limits that is left to the team's other tools."""

    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)
    reserve_percent = forms.IntegerField(
        label="Left to your other tools (%)",
        help_text="The share of every limit of the account that Syncadmin never uses.",
        min_value=0,
        max_value=95,
        initial=20,
    )
    same_account = forms.ChoiceField(
        label="Does the new key or address lead to the same account?",
        required=False,
        choices=[(SAME, "Yes, the same account"), (OTHER, "No, to another account")],
        widget=forms.RadioSelect,
    )

    class Meta:
        model = Connection
        fields = ("name",)
        help_texts = {"name": "What your team calls it, such as “Qualified, production”."}

    def __init__(self, data: Mapping[str, Any] | None = None, *, team: Team, instance: Connection) -> None:
        super().__init__(data, instance=instance, auto_id="id_%s")
        self.instance.team = team
        if instance.pk:
            self.initial["seen_at"] = instance.updated_at.isoformat()
            self.initial["reserve_percent"] = instance.account.reserve_percent

    @property
    def said_same_account(self) -> bool | None:
        """What was answered to "same account?"; None where nothing was."""
        said = self.cleaned_data.get("same_account")
        return None if not said else said == SAME

    def is_stale(self) -> bool:
        """Whether somebody else saved the connection since this form was opened."""
        seen_at = self.cleaned_data.get("seen_at")
        return bool(self.instance.pk and seen_at and seen_at != self.instance.updated_at.isoformat())

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"team"}  # type: ignore[misc]


class KeyForm(SettingForm):
    """The adapter's key with its advanced settings. A key that cannot be one is told at once."""

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, adapter: type[Adapter], instance: Connection
    ) -> None:
        auth = adapter.api_key()
        assert auth is not None  # noqa: S101 - every destination so far takes one
        self._auth = auth
        where = f"From {auth.where}." if auth.where else ""
        key = Setting(auth.field, auth.label, help=where)
        stored = {key.key} if instance.sealed_credentials else set()
        super().__init__(
            data,
            settings=(key, *adapter.settings),
            secrets=(key.key,),
            required=(key.key,),
            stored_options=instance.options,
            stored_secrets=stored,
            prefix="connection",
        )

    @property
    def key_field(self) -> forms.BoundField:
        return self[self._auth.field]

    @property
    def advanced_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name != self._auth.field]

    @property
    def has_advanced_errors(self) -> bool:
        return any(field.errors for field in self.advanced_fields)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        pasted = cleaned.get(self._auth.field) or ""
        key = self._auth.clean(pasted)
        if pasted and (fault := self._auth.fault(key)):
            self.add_error(self._auth.field, fault)
        self.secrets = {self._auth.field: Secret(key)} if key else {}
        return cleaned
