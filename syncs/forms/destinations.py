"""The forms of a destination's connection."""

from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.conf import settings

from destinations.contract import Adapter, Setting
from destinations.models import Connection
from destinations.setting_form import SettingForm
from syncadmin.lib.crypto import Secret, UnreadableSecret
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


class CredentialsForm(SettingForm):
    """How a connection signs in, with the adapter's advanced settings.

    By a pasted key, or by an app at the service: there the person signs in afterwards.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        adapter: type[Adapter],
        instance: Connection,
        by_app: bool = False,
    ) -> None:
        self._key = None if by_app else adapter.api_key()
        self._has_app = bool(settings.OAUTH_APPS.get(adapter.key))
        self._stored = _stored(instance)
        credentials = self._app() if by_app else self._pasted()
        names = tuple(one.key for one in credentials)
        super().__init__(
            data,
            settings=(*credentials, *adapter.settings),
            secrets=names,
            required=() if by_app and self._has_app else names,
            stored_options=instance.options,
            stored_secrets=self._stored,
            prefix="connection",
        )
        self._credentials = names

    @property
    def credential_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self._credentials]

    @property
    def advanced_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in self._credentials]

    @property
    def has_advanced_errors(self) -> bool:
        return any(field.errors for field in self.advanced_fields)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self._key is not None:
            pasted = cleaned.get(self._key.field) or ""
            key = self._key.clean(pasted)
            if pasted and (fault := self._key.fault(key)):
                self.add_error(self._key.field, fault)
            self.secrets = {self._key.field: Secret(key)} if key else {}
            return cleaned
        self.secrets = {name: Secret(secret.reveal().strip()) for name, secret in self.secrets.items()}
        for missing in self._credentials if len(self.secrets) == 1 else ():
            is_new_secret = missing == "client_id" and missing in self._stored
            if missing not in self.secrets and not is_new_secret and not self.errors.get(missing):
                self.add_error(missing, "A client id and its secret belong together: enter both.")
        return cleaned

    def _pasted(self) -> tuple[Setting, ...]:
        if self._key is None:
            return ()
        where = f"From {self._key.where}." if self._key.where else ""
        return (Setting(self._key.field, self._key.label, help=where),)

    def _app(self) -> tuple[Setting, ...]:
        is_free = self._has_app and "client_id" not in self._stored
        own = " Leave it empty to use this installation's app." if is_free else ""
        return (
            Setting("client_id", "Client id", help=f"The app's Application Id.{own}"),
            Setting("client_secret", "Client secret", help=f"The app's Secret.{own}"),
        )


def _stored(instance: Connection) -> Collection[str]:
    """The names of the credentials that the connection has."""
    if not instance.pk:
        return ()
    try:
        return [name for name, secret in instance.credentials.items() if secret]
    except UnreadableSecret:
        return ()
